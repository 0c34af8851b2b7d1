//! ListOffsets (key 2): the offset of a timestamp.
//!
//! | version | change |
//! | --- | --- |
//! | 0 | segment boundaries up to a count; dropped by Kafka 4 (KIP-896) |
//! | 1 | one offset by record timestamp (KIP-79) |
//! | 2 | isolation level (KIP-98), throttle time |
//! | 3 | the client throttles itself (KIP-219) |
//! | 4 | leader epochs (KIP-320) |
//! | 5 | OFFSET_NOT_AVAILABLE may be answered (KIP-207) |
//! | 6 | flexible (KIP-482) |
//! | 7 | timestamp -3, the largest timestamp (KIP-734) |
//! | 8 | timestamp -4, the local log's start (KIP-405) |
//! | 9 | timestamp -5, the last tiered offset (KIP-1005) |
//! | 10 | timeout for remote reads (KIP-1075) |
//! | 11 | timestamp -6, the earliest offset not yet tiered (KIP-1023) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which offsets to find.
    request ListOffsetsRequest [0..=11, flexible 6..] {
        /// The asking broker, -1 for a consumer.
        replica_id: i32,
        /// 0: read uncommitted, 1: read committed.
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic>,
        /// How long to wait for remote storage.
        timeout_ms: i32 [10.., ignorable],
    }

    /// The partitions of one topic.
    ListOffsetsTopic {
        name: Str,
        partitions: Vec<ListOffsetsPartition>,
    }

    /// Which offset of one partition to find.
    ListOffsetsPartition {
        partition_index: i32,
        /// -1: do not check.
        current_leader_epoch: i32 [4.., ignorable] = -1,
        /// Milliseconds, or one of the negative values above, -1 for the end and -2 for the start.
        timestamp: i64,
        /// How many offsets to answer.
        max_num_offsets: i32 [0..=0] = 1,
    }
}

message! {
    /// The offsets found.
    response ListOffsetsResponse [0..=11, flexible 6..] {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<ListOffsetsTopicResponse>,
    }

    /// The partitions of one topic.
    ListOffsetsTopicResponse {
        name: Str,
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// The offset found in one partition.
    ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        /// Falling offsets at which segments begin.
        old_style_offsets: Vec<i64> [0..=0],
        /// The timestamp of the record found, -1 if none was asked for or found.
        timestamp: i64 [1..] = -1,
        offset: i64 [1..] = -1,
        leader_epoch: i32 [4..] = -1,
    }
}
