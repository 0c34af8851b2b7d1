//! The records that a group puts out. `None` makes a tombstone.

use alloc::vec::Vec;

use super::member::{Description, Standing};
use super::subscriptions::Resolved;
use crate::group::assignor::Partitions;
use crate::group::record::{
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataValue, GroupKey,
    GroupRecord, MemberKey, RegexKey, TopicPartition,
};
use crate::protocol::Str;
use crate::time::WallTime;
use crate::uuid::Uuid;

/// The group epoch and the hash of the topics subscribed to.
pub fn epoch(group: &Str, epoch_and_hash: Option<(i32, i64)>) -> GroupRecord {
    let value = epoch_and_hash.map(|(epoch, metadata_hash)| ConsumerGroupMetadataValue {
        epoch,
        metadata_hash,
        ..Default::default()
    });
    GroupRecord::ConsumerGroupMetadata(group_key(group), value)
}

/// That what Kafka 4.0 wrote about topics is of no use any more.
pub fn no_partition_metadata(group: &Str) -> GroupRecord {
    GroupRecord::ConsumerGroupPartitionMetadata(group_key(group), None)
}

/// What a member says about itself.
pub fn description(group: &Str, member: &Str, description: Option<&Description>) -> GroupRecord {
    let value = description.map(Description::to_record);
    GroupRecord::ConsumerGroupMemberMetadata(member_key(group, member), value)
}

/// The group epoch that the target is for, and when it was computed.
pub fn assignment(group: &Str, epoch_and_time: Option<(i32, WallTime)>) -> GroupRecord {
    let value = epoch_and_time.map(|(assignment_epoch, time)| ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch,
        assignment_timestamp: time.0,
        ..Default::default()
    });
    GroupRecord::ConsumerGroupTargetAssignmentMetadata(group_key(group), value)
}

/// What a member is to have.
pub fn target(group: &Str, member: &Str, target: Option<&Partitions>) -> GroupRecord {
    let topic = |(topic_id, partitions): (&Uuid, &Vec<i32>)| TopicPartition {
        topic_id: *topic_id,
        partitions: partitions.clone(),
        ..Default::default()
    };
    let value = target.map(|target| ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: target.iter().map(topic).collect(),
        ..Default::default()
    });
    GroupRecord::ConsumerGroupTargetAssignmentMember(member_key(group, member), value)
}

/// Where a member stands.
pub fn standing(group: &Str, member: &Str, standing: Option<&Standing>) -> GroupRecord {
    let value = standing.map(Standing::to_record);
    GroupRecord::ConsumerGroupCurrentMemberAssignment(member_key(group, member), value)
}

/// What a regular expression stands for.
pub fn regex(group: &Str, regex: &Str, resolved: Option<&Resolved>) -> GroupRecord {
    let key = RegexKey { group: group.clone(), regex: regex.clone(), ..Default::default() };
    let value = resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
        topics: resolved.topics.to_vec(),
        version: resolved.version,
        timestamp: resolved.timestamp,
        ..Default::default()
    });
    GroupRecord::ConsumerGroupRegularExpression(key, value)
}

fn group_key(group: &Str) -> GroupKey {
    GroupKey { group: group.clone(), ..Default::default() }
}

fn member_key(group: &Str, member: &Str) -> MemberKey {
    MemberKey { group: group.clone(), member: member.clone(), ..Default::default() }
}
