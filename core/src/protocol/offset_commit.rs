//! OffsetCommit (key 8): how far a group has read.
//!
//! | version | change |
//! | --- | --- |
//! | 0, 1 | dropped by Kafka 4 (KIP-896); 1 generation and member, a timestamp for each partition |
//! | 2 | one retention for the request in place of the timestamps |
//! | 3 | throttle time |
//! | 4 | the client throttles itself (KIP-219) |
//! | 5 | no retention any more (KIP-211) |
//! | 6 | leader epoch (KIP-320) |
//! | 7 | static members (KIP-345) |
//! | 8 | flexible (KIP-482) |
//! | 9 | member epochs and the errors of KIP-848 |
//! | 10 | topics by id instead of name (KIP-848) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// The offsets to keep.
    request OffsetCommitRequest [0..=10, flexible 8..] {
        group_id: Str,
        /// -1 for one that is not a member.
        generation_id_or_member_epoch: i32 [1.., ignorable] = -1,
        /// Empty for one that is not a member.
        member_id: Str [1.., ignorable],
        group_instance_id: Option<Str> [7.., null 7..] = None,
        /// How long to keep the offsets, in milliseconds; -1: as the node is set.
        retention_time_ms: i64 [2..=4, ignorable] = -1,
        topics: Vec<OffsetCommitRequestTopic>,
    }

    /// The partitions of one topic.
    OffsetCommitRequestTopic {
        name: Str [0..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// The offset of one partition.
    OffsetCommitRequestPartition {
        partition_index: i32,
        /// Of the next record to read.
        committed_offset: i64,
        /// Of the last record read; -1 when unknown.
        committed_leader_epoch: i32 [6.., ignorable] = -1,
        /// -1: the time of arrival.
        commit_timestamp: i64 [1..=1] = -1,
        /// Whatever the client wants to find again.
        committed_metadata: Option<Str> [0.., null 0..],
    }
}

message! {
    /// What became of each offset.
    response OffsetCommitResponse [0..=10, flexible 8..] {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<OffsetCommitResponseTopic>,
    }

    /// The partitions of one topic.
    OffsetCommitResponseTopic {
        name: Str [0..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// One partition.
    OffsetCommitResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
    }
}
