//! Fetch (key 1): reads record batches of partitions, waiting for them if need be.
//!
//! | version | change |
//! | --- | --- |
//! | 0 to 3 | message formats v0 and v1; dropped by Kafka 4 (KIP-896); 1 throttle time, 3 total maximum of bytes (KIP-74) |
//! | 4 | batch format v2, isolation level, aborted transactions (KIP-98) |
//! | 5 | log start offset (KIP-107) |
//! | 6 | KAFKA_STORAGE_ERROR may be answered (KIP-112) |
//! | 7 | incremental sessions (KIP-227) |
//! | 8 | the client throttles itself (KIP-219) |
//! | 9 | current leader epoch (KIP-320) |
//! | 10 | zstd (KIP-110) |
//! | 11 | rack and preferred read replica (KIP-392) |
//! | 12 | flexible (KIP-482), last fetched epoch and divergence (KIP-595) |
//! | 13 | topics by id (KIP-516) |
//! | 14 | OFFSET_MOVED_TO_TIERED_STORAGE may be answered (KIP-405) |
//! | 15 | the replica's state as a tagged field (KIP-903) |
//! | 16 | node endpoints (KIP-951) |
//! | 17, 18 | for replicas only: directory id (KIP-853), high watermark (KIP-1166) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::pieces::Pieces;
use crate::uuid::Uuid;

message! {
    /// Which partitions to read, from where, and how long to wait.
    request FetchRequest [0..=18, flexible 12..] {
        /// Sent by replicas that want to be sure of the cluster.
        cluster_id: Option<Str> [tag 0, 12.., null 12.., ignorable] = None,
        /// The asking broker, -1 for a consumer.
        replica_id: i32 [0..=14] = -1,
        /// From version 15 on instead of `replica_id`.
        replica_state: ReplicaState [tag 1, 15..],
        max_wait_ms: i32,
        /// Answer once this many bytes are there.
        min_bytes: i32,
        /// At most this many bytes; the first batch is answered whole even if larger (KIP-74).
        max_bytes: i32 [3.., ignorable] = i32::MAX,
        /// 0: read uncommitted, 1: read committed.
        isolation_level: i8 [4.., ignorable],
        /// 0 for none or a new one.
        session_id: i32 [7.., ignorable],
        /// -1: no session, 0: a new one, above: the next request of a session.
        session_epoch: i32 [7.., ignorable] = -1,
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        rack_id: Str [11.., ignorable],
    }

    /// A follower's identity.
    ReplicaState {
        replica_id: i32 [15..] = -1,
        replica_epoch: i64 [15..] = -1,
    }

    /// The partitions of one topic.
    FetchTopic {
        topic: Str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<FetchPartition>,
    }

    /// From where to read one partition.
    FetchPartition {
        partition: i32,
        /// -1: do not check.
        current_leader_epoch: i32 [9.., ignorable] = -1,
        fetch_offset: i64,
        /// The epoch of the record before `fetch_offset`, -1 if unknown.
        last_fetched_epoch: i32 [12..] = -1,
        /// The follower's own; -1 from consumers.
        log_start_offset: i64 [5.., ignorable] = -1,
        partition_max_bytes: i32,
        /// The follower's log directory.
        replica_directory_id: Uuid [tag 0, 17.., ignorable],
        /// The follower's own; `i64::MAX` from consumers.
        high_watermark: i64 [tag 1, 18.., ignorable] = i64::MAX,
    }

    /// Partitions that leave the session.
    ForgottenTopic {
        topic: Str [7..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<i32> [7..],
    }
}

message! {
    /// What was read.
    response FetchResponse [0..=18, flexible 12..] {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode [7.., ignorable],
        /// 0 if there is no session.
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse>,
        /// Where the leaders live that partitions name in `current_leader`.
        node_endpoints: Vec<NodeEndpoint> [tag 0, 16..],
    }

    /// What was read of one topic.
    FetchableTopicResponse {
        topic: Str [0..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<PartitionData>,
    }

    /// What was read of one partition; offsets are -1 on error.
    PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        high_watermark: i64,
        last_stable_offset: i64 [4.., ignorable] = -1,
        log_start_offset: i64 [5.., ignorable] = -1,
        /// Where the log departs from what the asker has.
        diverging_epoch: EpochEndOffset [tag 0, 12..],
        current_leader: LeaderIdAndEpoch [tag 1, 12..],
        /// For followers of the metadata log.
        snapshot_id: SnapshotId [tag 2, 12..],
        /// Those that overlap what was read, by first offset; null when reading uncommitted.
        aborted_transactions: Option<Vec<AbortedTransaction>> [4.., null 4.., ignorable],
        /// Another node to read from, -1 for none.
        preferred_read_replica: i32 [11..] = -1,
        /// Batches as stored; the first may begin before the offset asked for.
        records: Option<Pieces> [0.., null 0..] = None,
    }

    /// The end of an epoch.
    EpochEndOffset {
        epoch: i32 [12..] = -1,
        end_offset: i64 [12..] = -1,
    }

    /// Who leads the partition, as far as the answering node knows.
    LeaderIdAndEpoch {
        leader_id: i32 [12..] = -1,
        leader_epoch: i32 [12..] = -1,
    }

    /// The snapshot to load instead.
    SnapshotId {
        end_offset: i64 = -1,
        epoch: i32 = -1,
    }

    /// A transaction whose records are to be skipped up to its marker.
    AbortedTransaction {
        producer_id: i64 [4..],
        first_offset: i64 [4..],
    }

    /// Where a node can be reached.
    NodeEndpoint {
        node_id: i32 [16..],
        host: Str [16..],
        port: i32 [16..],
        rack: Option<Str> [16.., null 16..] = None,
    }
}
