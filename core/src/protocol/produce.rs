//! Produce (key 0): appends record batches to partitions.
//!
//! | version | change |
//! | --- | --- |
//! | 0, 1, 2 | message formats v0, v0 and v1; dropped by Kafka 4 (KIP-896); 1 throttle time, 2 append time |
//! | 3 | batch format v2 and transactional ids (KIP-98) |
//! | 4 | KAFKA_STORAGE_ERROR may be answered (KIP-112) |
//! | 5 | log start offset in the answer (KIP-207) |
//! | 6 | the client throttles itself (KIP-219) |
//! | 7 | zstd (KIP-110) |
//! | 8 | errors of single records (KIP-467) |
//! | 9 | flexible (KIP-482) |
//! | 10 | the current leader in the answer (KIP-951) |
//! | 11, 12 | TRANSACTION_ABORTABLE; the first write enrols the partition in its transaction (KIP-890) |
//! | 13 | topics by id instead of name (KIP-516) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::message::message;
use super::wire::{Records, Str};
use crate::uuid::Uuid;

message! {
    /// The batches to append.
    request ProduceRequest [0..=13, flexible 9..] {
        /// Null unless the producer is transactional.
        transactional_id: Option<Str> [3.., null 3..] = None,
        /// 0: no answer at all, 1: after the leader's append, -1: after all in-sync replicas'.
        acks: i16,
        /// How long to wait for the replicas when `acks` is -1.
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData>,
    }

    /// The partitions of one topic.
    TopicProduceData {
        name: Str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partition_data: Vec<PartitionProduceData>,
    }

    /// What to append to one partition.
    PartitionProduceData {
        index: i32,
        /// One batch of format v2, or (up to version 2) a message set.
        records: Option<Records> [0.., null 0..] = None,
    }
}

message! {
    /// What became of each partition's batch.
    response ProduceResponse [0..=13, flexible 9..] {
        responses: Vec<TopicProduceResponse>,
        throttle_time_ms: i32 [1.., ignorable],
        /// Where the leaders live that partitions name in `current_leader`.
        node_endpoints: Vec<NodeEndpoint> [tag 0, 10..],
    }

    /// The outcomes for one topic.
    TopicProduceResponse {
        name: Str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partition_responses: Vec<PartitionProduceResponse>,
    }

    /// The outcome for one partition.
    PartitionProduceResponse {
        index: i32,
        error_code: ErrorCode,
        /// The offset given to the first record, -1 on error.
        base_offset: i64,
        /// -1 unless the topic stamps the time of the append.
        log_append_time_ms: i64 [2.., ignorable] = -1,
        log_start_offset: i64 [5.., ignorable] = -1,
        record_errors: Vec<BatchIndexAndErrorMessage> [8.., ignorable],
        error_message: Option<Str> [8.., null 8.., ignorable] = None,
        /// Set with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH only.
        current_leader: LeaderIdAndEpoch [tag 0, 10..],
    }

    /// A record that made its whole batch fail.
    BatchIndexAndErrorMessage {
        /// The record's place in the batch, from zero.
        batch_index: i32 [8..],
        batch_index_error_message: Option<Str> [8.., null 8..] = None,
    }

    /// Who leads the partition, as far as the answering node knows.
    LeaderIdAndEpoch {
        leader_id: i32 [10..] = -1,
        leader_epoch: i32 [10..] = -1,
    }

    /// Where a node can be reached.
    NodeEndpoint {
        node_id: i32 [10..],
        host: Str [10..],
        port: i32 [10..],
        rack: Option<Str> [10.., null 10..] = None,
    }
}
