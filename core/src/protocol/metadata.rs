//! Metadata (key 3): brokers, topics, partitions and their leaders.
//!
//! | version | change |
//! | --- | --- |
//! | 0 | an empty list of topics means all |
//! | 1 | null means all; rack, controller, internal topics (KIP-4) |
//! | 2 | cluster id (KIP-78) |
//! | 3 | throttle time |
//! | 4 | automatic creation can be declined |
//! | 5 | offline replicas (KIP-112) |
//! | 6 | the client throttles itself (KIP-219) |
//! | 7 | leader epoch (KIP-320) |
//! | 8 | authorized operations (KIP-430) |
//! | 9 | flexible (KIP-482) |
//! | 10 | topic ids (KIP-516) |
//! | 11 | the cluster's authorized operations moved to DescribeCluster (KIP-700) |
//! | 12 | topics can be asked for by id |
//! | 13 | top-level error, to make clients bootstrap again (KIP-1102) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// Which topics to describe.
    request MetadataRequest [0..=13, flexible 9..] {
        /// Null means all, as does an empty list in version 0.
        topics: Option<Vec<MetadataRequestTopic>> [0.., null 1..],
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic by id or name.
    MetadataRequestTopic {
        topic_id: Uuid [10.., ignorable],
        name: Option<Str> [0.., null 10..],
    }
}

message! {
    /// Who leads what.
    response MetadataResponse [0..=13, flexible 9..] {
        throttle_time_ms: i32 [3.., ignorable],
        brokers: Vec<MetadataResponseBroker>,
        cluster_id: Option<Str> [2.., null 2.., ignorable] = None,
        controller_id: i32 [1.., ignorable] = -1,
        topics: Vec<MetadataResponseTopic>,
        /// A bit per operation, `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: ErrorCode [13.., ignorable],
    }

    /// Where a broker can be reached.
    MetadataResponseBroker {
        node_id: i32,
        host: Str,
        port: i32,
        rack: Option<Str> [1.., null 1.., ignorable] = None,
    }

    /// One topic.
    MetadataResponseTopic {
        error_code: ErrorCode,
        /// Null for an unknown id.
        name: Option<Str> [0.., null 12..],
        /// Zero for an unknown name.
        topic_id: Uuid [10.., ignorable],
        is_internal: bool [1.., ignorable],
        partitions: Vec<MetadataResponsePartition>,
        /// A bit per operation, `i32::MIN` if not asked for.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// One partition.
    MetadataResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        /// -1 for none.
        leader_id: i32,
        leader_epoch: i32 [7.., ignorable] = -1,
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        offline_replicas: Vec<i32> [5.., ignorable],
    }
}
