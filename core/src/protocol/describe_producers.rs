//! DescribeProducers (key 61): the producers a partition remembers (KIP-664); flexible from the start.

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which partitions to describe.
    request DescribeProducersRequest [0..=0, flexible 0..] {
        topics: Vec<TopicRequest>,
    }

    /// The partitions of one topic.
    TopicRequest {
        name: Str,
        partition_indexes: Vec<i32>,
    }
}

message! {
    /// The producers.
    response DescribeProducersResponse [0..=0, flexible 0..] {
        throttle_time_ms: i32,
        topics: Vec<TopicResponse>,
    }

    /// The partitions of one topic.
    TopicResponse {
        name: Str,
        partitions: Vec<PartitionResponse>,
    }

    /// The producers of one partition.
    PartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..] = None,
        active_producers: Vec<ProducerState>,
    }

    /// One producer.
    ProducerState {
        producer_id: i64,
        producer_epoch: i32,
        last_sequence: i32 = -1,
        /// Of its last batch, in milliseconds.
        last_timestamp: i64 = -1,
        /// Of the coordinator that wrote its last marker.
        coordinator_epoch: i32,
        /// Where its open transaction begins, -1 for none.
        current_txn_start_offset: i64 = -1,
    }
}
