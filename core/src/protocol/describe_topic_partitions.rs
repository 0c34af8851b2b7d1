//! DescribeTopicPartitions (key 75): as Metadata, in pages (KIP-966); flexible from the start.

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::{message, structure};
use crate::uuid::Uuid;

message! {
    /// Which topics, and from where on.
    request DescribeTopicPartitionsRequest [0..=0, flexible 0..] {
        /// Empty for all.
        topics: Vec<TopicRequest>,
        response_partition_limit: i32 = 2000,
        /// Null for the first page.
        cursor: Option<Cursor> [0.., null 0..] = None,
    }

    /// One topic.
    TopicRequest {
        name: Str,
    }
}

message! {
    /// One page.
    response DescribeTopicPartitionsResponse [0..=0, flexible 0..] {
        throttle_time_ms: i32 [0.., ignorable],
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Where the next page begins, null if this is the last.
        next_cursor: Option<Cursor> [0.., null 0..] = None,
    }

    /// One topic.
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode,
        name: Option<Str> [0.., null 0..],
        topic_id: Uuid [0.., ignorable],
        is_internal: bool [0.., ignorable],
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// A bit per operation, `i32::MIN` if not asked for.
        topic_authorized_operations: i32 = i32::MIN,
    }

    /// One partition.
    DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        /// -1 for none.
        leader_id: i32,
        leader_epoch: i32 [0.., ignorable] = -1,
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        /// Replicas outside the ISR that may still be elected.
        eligible_leader_replicas: Option<Vec<i32>> [0.., null 0..] = None,
        /// The last such replicas, if none is left.
        last_known_elr: Option<Vec<i32>> [0.., null 0..] = None,
        offline_replicas: Vec<i32> [0.., ignorable],
    }
}

structure! {
    both
    /// Where a page begins.
    Cursor {
        topic_name: Str,
        partition_index: i32,
    }
}
