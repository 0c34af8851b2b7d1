//! ConsumerGroupDescribe (key 69): consumer groups with their members (KIP-848); flexible from the start.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | member types (KIP-1099) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// Which groups to describe.
    request ConsumerGroupDescribeRequest [0..=1, flexible 0..] {
        group_ids: Vec<Str>,
        include_authorized_operations: bool,
    }
}

message! {
    /// The groups.
    response ConsumerGroupDescribeResponse [0..=1, flexible 0..] {
        throttle_time_ms: i32,
        groups: Vec<DescribedGroup>,
    }

    /// One group.
    DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..] = None,
        group_id: Str,
        group_state: Str,
        group_epoch: i32,
        assignment_epoch: i32,
        assignor_name: Str,
        members: Vec<Member>,
        /// A bit per operation, `i32::MIN` if not asked for.
        authorized_operations: i32 = i32::MIN,
    }

    /// One member.
    Member {
        member_id: Str,
        instance_id: Option<Str> [0.., null 0..] = None,
        rack_id: Option<Str> [0.., null 0..] = None,
        member_epoch: i32,
        client_id: Str,
        client_host: Str,
        subscribed_topic_names: Vec<Str>,
        subscribed_topic_regex: Option<Str> [0.., null 0..] = None,
        /// What it may own and what it has yet to give up.
        assignment: Assignment,
        target_assignment: Assignment,
        /// 0: classic, 1: consumer, -1: unknown.
        member_type: i8 [1.., ignorable] = -1,
    }

    /// A set of partitions.
    Assignment {
        topic_partitions: Vec<TopicPartitions>,
    }

    /// Partitions of one topic.
    TopicPartitions {
        topic_id: Uuid,
        topic_name: Str,
        partitions: Vec<i32>,
    }
}
