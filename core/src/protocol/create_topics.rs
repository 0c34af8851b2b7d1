//! CreateTopics (key 19).
//!
//! | version | change |
//! | --- | --- |
//! | 0 | dropped by Kafka 4 (KIP-896) |
//! | 1 | validate only; error message; dropped by Kafka 4 (KIP-896) |
//! | 2 | throttle time |
//! | 3 | the client throttles itself (KIP-219) |
//! | 4 | -1 partitions and replicas mean the broker's defaults (KIP-464) |
//! | 5 | flexible (KIP-482); what was created in the answer (KIP-525) |
//! | 6 | THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 7 | topic ids (KIP-516) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// The topics to create.
    request CreateTopicsRequest [0..=7, flexible 5..] {
        topics: Vec<CreatableTopic>,
        /// How long to wait until the topics exist.
        timeout_ms: i32 = 60000,
        /// Check only.
        validate_only: bool [1..],
    }

    /// One topic to create.
    CreatableTopic {
        name: Str,
        /// -1 for the default, or if `assignments` says it.
        num_partitions: i32,
        /// -1 for the default, or if `assignments` says it.
        replication_factor: i16,
        /// Empty to let the broker choose.
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }

    /// Which brokers are to hold one partition.
    CreatableReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<i32>,
    }

    /// One configuration of the topic.
    CreatableTopicConfig {
        name: Str,
        value: Option<Str> [0.., null 0..],
    }
}

message! {
    /// What became of each topic.
    response CreateTopicsResponse [0..=7, flexible 5..] {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<CreatableTopicResult>,
    }

    /// The outcome for one topic.
    CreatableTopicResult {
        name: Str,
        topic_id: Uuid [7.., ignorable],
        error_code: ErrorCode,
        error_message: Option<Str> [1.., null 0.., ignorable],
        /// Why the fields below say nothing, if they do not.
        topic_config_error_code: ErrorCode [tag 0, 5.., ignorable],
        num_partitions: i32 [5.., ignorable] = -1,
        replication_factor: i16 [5.., ignorable] = -1,
        configs: Option<Vec<CreatableTopicConfigs>> [5.., null 5.., ignorable],
    }

    /// One configuration as it took effect.
    CreatableTopicConfigs {
        name: Str [5..],
        value: Option<Str> [5.., null 5..],
        read_only: bool [5..],
        /// As in DescribeConfigs.
        config_source: i8 [5.., ignorable] = -1,
        is_sensitive: bool [5..],
    }
}
