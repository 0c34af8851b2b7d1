//! OffsetDelete (key 47): makes a group forget offsets of topics it does not read (KIP-496).

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// The offsets to forget.
    request OffsetDeleteRequest [0..=0, flexible never] {
        group_id: Str,
        topics: Vec<OffsetDeleteRequestTopic>,
    }

    /// The partitions of one topic.
    OffsetDeleteRequestTopic {
        name: Str,
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// One partition.
    OffsetDeleteRequestPartition {
        partition_index: i32,
    }
}

message! {
    /// What became of each.
    response OffsetDeleteResponse [0..=0, flexible never] {
        error_code: ErrorCode,
        throttle_time_ms: i32 [0.., ignorable],
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// The partitions of one topic.
    OffsetDeleteResponseTopic {
        name: Str,
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// One partition.
    OffsetDeleteResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
    }
}
