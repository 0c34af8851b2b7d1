//! CreatePartitions (key 37): gives topics more partitions (KIP-195).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219) |
//! | 2 | flexible (KIP-482) |
//! | 3 | THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which topics are to grow.
    request CreatePartitionsRequest [0..=3, flexible 2..] {
        topics: Vec<CreatePartitionsTopic>,
        /// How long to wait until the partitions exist.
        timeout_ms: i32,
        /// Check only.
        validate_only: bool,
    }

    /// One topic.
    CreatePartitionsTopic {
        name: Str,
        /// The new total.
        count: i32,
        /// One entry for each new partition; null to let the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>> [0.., null 0..],
    }

    /// Which brokers are to hold one partition.
    CreatePartitionsAssignment {
        broker_ids: Vec<i32>,
    }
}

message! {
    /// What became of each topic.
    response CreatePartitionsResponse [0..=3, flexible 2..] {
        throttle_time_ms: i32,
        results: Vec<CreatePartitionsTopicResult>,
    }

    /// The outcome for one topic.
    CreatePartitionsTopicResult {
        name: Str,
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..] = None,
    }
}
