//! The values of records in `__consumer_offsets`, as Kafka 4.3 writes and reads them.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::protocol::Str;
use crate::protocol::wire::message::{message, structure};
use crate::uuid::Uuid;

message! {
    /// A committed offset (type 1).
    both OffsetCommitValue [0..=4, flexible 4..] {
        offset: i64,
        /// -1 when unknown.
        leader_epoch: i32 [3.., ignorable] = -1,
        metadata: Str,
        /// Milliseconds since 1970.
        commit_timestamp: i64,
        /// When it expires whatever the group does; -1: as the node is set.
        expire_timestamp: i64 [1..=1, ignorable] = -1,
        /// Zero when unknown.
        topic_id: Uuid [tag 0, 4.., ignorable],
    }
}

message! {
    /// A committed offset as very old nodes wrote it (type 0).
    both LegacyOffsetCommitValue [0..=0, flexible never] {
        offset: i64,
        metadata: Str,
        commit_timestamp: i64,
    }
}

message! {
    /// A classic group as of its last assignment (type 2).
    both GroupMetadataValue [0..=4, flexible 4..] {
        protocol_type: Str,
        generation: i32,
        protocol: Option<Str> [0.., null 0..],
        leader: Option<Str> [0.., null 0..],
        /// When it came into its state, in milliseconds since 1970; -1 when unknown.
        current_state_timestamp: i64 [2.., ignorable] = -1,
        members: Vec<MemberMetadata>,
    }

    /// A member of a classic group.
    MemberMetadata {
        member_id: Str,
        group_instance_id: Option<Str> [3.., null 3.., ignorable] = None,
        client_id: Str,
        client_host: Str,
        /// -1: the session timeout.
        rebalance_timeout: i32 [1.., ignorable] = -1,
        session_timeout: i32,
        /// What it said about the protocol in use.
        subscription: Bytes,
        assignment: Bytes,
    }
}

message! {
    /// A consumer group (type 3).
    both ConsumerGroupMetadataValue [0..=0, flexible 0..] {
        epoch: i32,
        /// Of the topics subscribed to; private to the coordinator.
        metadata_hash: i64 [tag 0, 0..],
    }
}

message! {
    /// What a consumer group knew of its topics (type 4); written by Kafka 4.0 only.
    both ConsumerGroupPartitionMetadataValue [0..=0, flexible 0..] {
        topics: Vec<TopicMetadata>,
    }

    /// One topic.
    TopicMetadata {
        topic_id: Uuid,
        topic_name: Str,
        num_partitions: i32,
        partition_metadata: Vec<PartitionMetadata>,
    }

    /// The racks of one partition.
    PartitionMetadata {
        partition: i32,
        racks: Vec<Str>,
    }
}

message! {
    /// A member of a consumer group and what it subscribes to (type 5).
    both ConsumerGroupMemberMetadataValue [0..=0, flexible 0..] {
        instance_id: Option<Str> [0.., null 0..] = None,
        rack_id: Option<Str> [0.., null 0..] = None,
        client_id: Str,
        client_host: Str,
        subscribed_topic_names: Vec<Str>,
        subscribed_topic_regex: Option<Str> [0.., null 0..] = None,
        rebalance_timeout_ms: i32 = -1,
        server_assignor: Option<Str> [0.., null 0..] = None,
        /// Of a member that speaks the classic protocol; where it is absent Kafka reads one without protocols, not null.
        classic_member_metadata: Option<ClassicMemberMetadata> [tag 0, 0.., null 0..],
    }

    /// What a classic member has besides.
    ClassicMemberMetadata {
        session_timeout_ms: i32,
        supported_protocols: Vec<ClassicProtocol>,
    }

    /// A protocol it can follow.
    ClassicProtocol {
        name: Str,
        metadata: Bytes,
    }
}

message! {
    /// As of which group epoch the target assignment was computed (type 6).
    both ConsumerGroupTargetAssignmentMetadataValue [0..=0, flexible 0..] {
        assignment_epoch: i32,
        /// Milliseconds since 1970; 0 when unknown.
        assignment_timestamp: i64 [tag 0, 0.., ignorable],
    }
}

message! {
    /// What a member is to have (type 7).
    both ConsumerGroupTargetAssignmentMemberValue [0..=0, flexible 0..] {
        topic_partitions: Vec<TopicPartition>,
    }

    /// Partitions of one topic.
    TopicPartition {
        topic_id: Uuid,
        partitions: Vec<i32>,
    }
}

message! {
    /// What a member has (type 8).
    both ConsumerGroupCurrentMemberAssignmentValue [0..=0, flexible 0..] {
        member_epoch: i32,
        previous_member_epoch: i32,
        /// 0: stable, 1: has to revoke, 2: waits for partitions.
        state: i8,
        assigned_partitions: Vec<TopicPartitions>,
        partitions_pending_revocation: Vec<TopicPartitions>,
    }
}

structure! {
    both
    /// Partitions of one topic, each with the epoch at which it was given.
    TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
        /// As many as partitions; null: the member's epoch for each.
        assignment_epochs: Option<Vec<i32>> [tag 0, 0.., null 0..] = None,
    }
}

message! {
    /// The topics that a regular expression matches (type 16).
    both ConsumerGroupRegularExpressionValue [0..=0, flexible 0..] {
        topics: Vec<Str>,
        /// Of the catalogue it was matched against.
        version: i64,
        /// When, in milliseconds since 1970.
        timestamp: i64,
    }
}
