//! Looking at a group without touching it.

use alloc::vec::Vec;

use super::{Group, Kind};
use crate::catalogue::image::Image;
use crate::group::assignor::Partitions;
use crate::group::classic::{self, ClassicGroup};
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::given::Given;
use crate::group::consumer::member;
use crate::group::embedded::read_assignment;
use crate::group::record::OffsetCommitValue;
use crate::inspect::{
    ClassicMemberView, ClassicView, ConsumerMemberView, ConsumerView, GroupKind, GroupView, OffsetView,
    TopicPartition,
};
use crate::protocol::Str;
use crate::uuid::Uuid;

impl Group {
    /// What it looks like. Topics that are gone from `image` go by their ids.
    pub fn look(&self, image: &Image, durable: bool) -> GroupView {
        let kind = match &self.kind {
            Kind::Simple => GroupKind::Simple,
            Kind::Classic(classic) => GroupKind::Classic(classic_view(classic)),
            Kind::Consumer(consumer) => GroupKind::Consumer(consumer_view(consumer, image)),
        };
        let offset = |(topic, partition, value): (&Str, i32, &OffsetCommitValue)| OffsetView {
            at: TopicPartition { topic: topic.clone(), partition },
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            committed: crate::time::WallTime(value.commit_timestamp),
        };
        GroupView { id: self.id.clone(), kind, offsets: self.offsets.iter().map(offset).collect(), durable }
    }

    /// JoinGroups and SyncGroups that wait in it.
    pub fn parked(&self) -> (usize, usize) {
        match &self.kind {
            Kind::Simple => (0, 0),
            Kind::Classic(classic) => {
                classic.members().fold((0, 0), |(joins, syncs), (_, member)| match member.state() {
                    classic::MemberState::Joining { .. } => (joins + 1, syncs),
                    classic::MemberState::Syncing { .. } => (joins, syncs + 1),
                    classic::MemberState::Settled | classic::MemberState::AwaitingSync => (joins, syncs),
                })
            }
            // The bridge answers its classic members at once.
            Kind::Consumer(_) => (0, 0),
        }
    }
}

fn classic_view(group: &ClassicGroup) -> ClassicView {
    let member = |member: &classic::Member| ClassicMemberView {
        id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client.id.clone(),
        state: member.state(),
        assignment: assignment(member),
    };
    ClassicView {
        phase: group.phase(),
        generation: group.generation(),
        protocol_type: group.protocol_type().cloned(),
        protocol: group.protocol().cloned(),
        leader: group.leader().map(|leader| leader.id.clone()),
        members: group.members().map(|(_, one)| member(one)).collect(),
        pending_ids: group.pending_ids(),
    }
}

/// What a leader gave to a member; none if that is not an assignment of consumers.
fn assignment(member: &classic::Member) -> Option<Vec<TopicPartition>> {
    let (_, read) = read_assignment(&member.assignment).ok()?;
    let topics = read.assigned_partitions.iter();
    Some(
        topics
            .flat_map(|topic| {
                let one =
                    |partition: &i32| TopicPartition { topic: topic.topic.clone(), partition: *partition };
                topic.partitions.iter().map(one).collect::<Vec<_>>()
            })
            .collect(),
    )
}

fn consumer_view(group: &ConsumerGroup, image: &Image) -> ConsumerView {
    let named = |(topic, partition): (Uuid, i32)| TopicPartition { topic: name_of(image, topic), partition };
    let given = |given: &Given| given.iter().map(|(topic, at, _)| named((topic, at))).collect();
    let target = |partitions: &Partitions| {
        let all = partitions.iter().flat_map(|(topic, list)| list.iter().map(move |at| (*topic, *at)));
        all.map(named).collect()
    };
    let member = |member: &member::Member| ConsumerMemberView {
        id: member.id.clone(),
        instance_id: member.description.instance_id.clone(),
        client_id: member.description.client.id.clone(),
        is_classic: member.is_classic(),
        epoch: member.standing.epoch,
        state: member.standing.state,
        assigned: given(&member.standing.assigned),
        pending_revocation: given(&member.standing.pending_revocation),
        target: group.target(&member.id).map(target).unwrap_or_default(),
    };
    ConsumerView {
        state: group.state_name(),
        epoch: group.epoch(),
        assignment_epoch: group.assignment_epoch(),
        members: group.members().map(member).collect(),
    }
}

fn name_of(image: &Image, topic: Uuid) -> Str {
    match image.topic_by_id(topic) {
        Some(topic) => topic.name.clone(),
        None => Str::from(alloc::format!("{topic}")),
    }
}
