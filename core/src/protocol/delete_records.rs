//! DeleteRecords (key 21): moves the start of logs forward (KIP-107).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219) |
//! | 2 | flexible (KIP-482) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Where logs are to begin.
    request DeleteRecordsRequest [0..=2, flexible 2..] {
        topics: Vec<DeleteRecordsTopic>,
        /// How long to wait until the records are gone.
        timeout_ms: i32,
    }

    /// The partitions of one topic.
    DeleteRecordsTopic {
        name: Str,
        partitions: Vec<DeleteRecordsPartition>,
    }

    /// Where the log of one partition is to begin.
    DeleteRecordsPartition {
        partition_index: i32,
        /// The new log start offset; -1 for the high watermark.
        offset: i64,
    }
}

message! {
    /// Where logs begin now.
    response DeleteRecordsResponse [0..=2, flexible 2..] {
        throttle_time_ms: i32,
        topics: Vec<DeleteRecordsTopicResult>,
    }

    /// The partitions of one topic.
    DeleteRecordsTopicResult {
        name: Str,
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// The outcome for one partition.
    DeleteRecordsPartitionResult {
        partition_index: i32,
        /// The log start offset of all replicas, -1 on error.
        low_watermark: i64,
        error_code: ErrorCode,
    }
}
