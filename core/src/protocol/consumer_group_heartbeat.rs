//! ConsumerGroupHeartbeat (key 68): the one request by which members of a consumer group join, stay, reconcile and
//! leave (KIP-848); flexible from the start.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | subscription by regular expression; the client chooses its member id (KIP-1082) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::{message, structure};
use crate::uuid::Uuid;

message! {
    /// What a member has to say; null and -1 mean that nothing has changed.
    request ConsumerGroupHeartbeatRequest [0..=1, flexible 0..] {
        group_id: Str,
        member_id: Str,
        /// 0: joins; -1: leaves; -2: leaves for a while (static members).
        member_epoch: i32,
        instance_id: Option<Str> [0.., null 0..] = None,
        rack_id: Option<Str> [0.., null 0..] = None,
        /// How long the member may take to give up partitions.
        rebalance_timeout_ms: i32 = -1,
        subscribed_topic_names: Option<Vec<Str>> [0.., null 0..] = None,
        /// In the syntax of RE2; empty: none any more.
        subscribed_topic_regex: Option<Str> [1.., null 1..] = None,
        server_assignor: Option<Str> [0.., null 0..] = None,
        /// What the member owns.
        topic_partitions: Option<Vec<TopicPartitions>> [0.., null 0..] = None,
    }
}

message! {
    /// Where the member stands.
    response ConsumerGroupHeartbeatResponse [0..=1, flexible 0..] {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..] = None,
        member_id: Option<Str> [0.., null 0..] = None,
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        /// Null: as before.
        assignment: Option<Assignment> [0.., null 0..] = None,
    }

    /// What the member may own.
    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }
}

structure! {
    both
    /// Partitions of one topic.
    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }
}
