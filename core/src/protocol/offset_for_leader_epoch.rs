//! OffsetForLeaderEpoch (key 23): where a leader epoch ended, to find out where two logs part (KIP-101).
//!
//! | version | change |
//! | --- | --- |
//! | 2 | current leader epoch (KIP-320); the lowest Kafka 4 knows (KIP-896) |
//! | 3 | replica id |
//! | 4 | flexible (KIP-482) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which epochs to look up.
    request OffsetForLeaderEpochRequest [2..=4, flexible 4..] {
        /// The asking broker, -1 for a consumer.
        replica_id: i32 [3.., ignorable] = -2,
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// The partitions of one topic.
    OffsetForLeaderTopic {
        topic: Str,
        partitions: Vec<OffsetForLeaderPartition>,
    }

    /// Which epoch of one partition to look up.
    OffsetForLeaderPartition {
        partition: i32,
        /// -1: do not check.
        current_leader_epoch: i32 [2.., ignorable] = -1,
        leader_epoch: i32,
    }
}

message! {
    /// Where the epochs ended.
    response OffsetForLeaderEpochResponse [2..=4, flexible 4..] {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// The partitions of one topic.
    OffsetForLeaderTopicResult {
        topic: Str,
        partitions: Vec<EpochEndOffset>,
    }

    /// The largest epoch up to the one asked for, and the offset behind its last record.
    EpochEndOffset {
        error_code: ErrorCode,
        partition: i32,
        leader_epoch: i32 [1.., ignorable] = -1,
        end_offset: i64 = -1,
    }
}
