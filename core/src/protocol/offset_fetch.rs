//! OffsetFetch (key 9): which offsets a group has committed.
//!
//! | version | change |
//! | --- | --- |
//! | 0 | offsets from ZooKeeper; dropped by Kafka 4 (KIP-896) |
//! | 1 | offsets from the coordinator |
//! | 2 | all topics; an error for the group |
//! | 3 | throttle time |
//! | 4 | the client throttles itself (KIP-219) |
//! | 5 | leader epoch (KIP-320) |
//! | 6 | flexible (KIP-482) |
//! | 7 | offsets of open transactions can be waited for (KIP-447) |
//! | 8 | many groups at once (KIP-709) |
//! | 9 | member id and epoch (KIP-848) |
//! | 10 | topics by id instead of name (KIP-848) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// Whose offsets are wanted, and of what.
    request OffsetFetchRequest [0..=10, flexible 6..] {
        group_id: Str [0..=7],
        /// Null: all that there are.
        topics: Option<Vec<OffsetFetchRequestTopic>> [0..=7, null 2..=7],
        groups: Vec<OffsetFetchRequestGroup> [8..],
        /// Answer UNSTABLE_OFFSET_COMMIT where a transaction has yet to decide.
        require_stable: bool [7..],
    }

    /// The partitions of one topic.
    OffsetFetchRequestTopic {
        name: Str [0..=7],
        partition_indexes: Vec<i32> [0..=7],
    }

    /// One group.
    OffsetFetchRequestGroup {
        group_id: Str [8..],
        /// Null for one that is not a member.
        member_id: Option<Str> [9.., null 9.., ignorable] = None,
        /// -1 for one that is not a member.
        member_epoch: i32 [9.., ignorable] = -1,
        /// Null: all that there are.
        topics: Option<Vec<OffsetFetchRequestTopics>> [8.., null 8..],
    }

    /// The partitions of one topic of a group.
    OffsetFetchRequestTopics {
        name: Str [8..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partition_indexes: Vec<i32> [8..],
    }
}

message! {
    /// The offsets.
    response OffsetFetchResponse [0..=10, flexible 6..] {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<OffsetFetchResponseTopic> [0..=7],
        error_code: ErrorCode [2..=7, ignorable],
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    /// The partitions of one topic.
    OffsetFetchResponseTopic {
        name: Str [0..=7],
        partitions: Vec<OffsetFetchResponsePartition> [0..=7],
    }

    /// The offset of one partition.
    OffsetFetchResponsePartition {
        partition_index: i32 [0..=7],
        /// -1 if there is none.
        committed_offset: i64 [0..=7],
        committed_leader_epoch: i32 [5..=7, ignorable] = -1,
        metadata: Option<Str> [0..=7, null 0..=7],
        error_code: ErrorCode [0..=7],
    }

    /// One group.
    OffsetFetchResponseGroup {
        group_id: Str [8..],
        topics: Vec<OffsetFetchResponseTopics> [8..],
        error_code: ErrorCode [8..],
    }

    /// The partitions of one topic of a group.
    OffsetFetchResponseTopics {
        name: Str [8..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<OffsetFetchResponsePartitions> [8..],
    }

    /// The offset of one partition of a group.
    OffsetFetchResponsePartitions {
        partition_index: i32 [8..],
        /// -1 if there is none.
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8.., ignorable] = -1,
        metadata: Option<Str> [8.., null 8..],
        error_code: ErrorCode [8..],
    }
}
