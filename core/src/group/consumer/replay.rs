//! What each record does to a group: the only way its durable state changes, live and while loading.
//!
//! While loading, records of one member may come in another order than they were written in first, since the cleaner
//! keeps the last of each key: nothing here depends on it.

use alloc::collections::btree_map::Entry;

use super::given::Given;
use super::member::{Description, Member, MemberNo, Standing};
use super::subscriptions::Resolved;
use super::{ConsumerGroup, timers::ConsumerTimer};
use crate::group::assignor::Partitions;
use crate::group::record::{
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataValue, GroupRecord,
};
use crate::mutant::{Mutant, is_on};
use crate::protocol::Str;

impl ConsumerGroup {
    /// Applies a record of this group. Offsets and classic groups are none of ours.
    pub fn replay(&mut self, record: &GroupRecord) {
        match record {
            GroupRecord::ConsumerGroupMetadata(_, value) => self.replay_epoch(value.as_ref()),
            GroupRecord::ConsumerGroupPartitionMetadata(_, value) => {
                self.has_partition_metadata = value.is_some();
            }
            GroupRecord::ConsumerGroupMemberMetadata(key, Some(value)) => {
                self.replay_description(&key.member, value);
            }
            GroupRecord::ConsumerGroupMemberMetadata(key, None) => self.forget_member(&key.member),
            GroupRecord::ConsumerGroupTargetAssignmentMetadata(_, value) => {
                self.replay_assignment_epoch(value.as_ref());
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember(key, value) => {
                self.replay_target(&key.member, value.as_ref());
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(value)) => {
                self.replay_standing(&key.member, Standing::from_record(value));
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, None) => {
                if self.members.contains_key(&key.member) {
                    self.replay_standing(&key.member, Standing::default());
                }
            }
            GroupRecord::ConsumerGroupRegularExpression(key, value) => {
                self.subscriptions.resolve(&key.regex, value.as_ref().map(resolved));
            }
            GroupRecord::OffsetCommit(..) | GroupRecord::GroupMetadata(..) => {}
        }
    }

    fn replay_epoch(&mut self, value: Option<&ConsumerGroupMetadataValue>) {
        let initial = ConsumerGroup::new();
        self.recorded = value.is_some();
        self.epoch = value.map_or(initial.epoch, |value| value.epoch);
        self.metadata_hash = value.map_or(initial.metadata_hash, |value| value.metadata_hash);
    }

    fn replay_assignment_epoch(&mut self, value: Option<&ConsumerGroupTargetAssignmentMetadataValue>) {
        let initial = ConsumerGroup::new();
        self.has_assignment = value.is_some();
        self.assignment_epoch = value.map_or(initial.assignment_epoch, |value| value.assignment_epoch);
        self.assignment_time = value.map_or(initial.assignment_time, |value| value.assignment_timestamp);
    }

    fn replay_target(&mut self, member: &Str, value: Option<&ConsumerGroupTargetAssignmentMemberValue>) {
        match value {
            None => {
                self.targets.remove(member);
            }
            Some(value) => {
                self.targets.insert(member.detach(), partitions(value));
            }
        }
    }

    fn replay_description(&mut self, id: &Str, value: &ConsumerGroupMemberMetadataValue) {
        let names = self.subscriptions.shared(&value.subscribed_topic_names);
        let description = Description::from_record(value, names);
        self.subscriptions.add(&description);
        if let Some(instance) = &description.instance_id {
            self.instances.insert(instance.clone(), id.detach());
        }
        let member = self.known_or_new(id);
        let before = core::mem::replace(&mut member.description, description);
        let instance = member.description.instance_id.clone();
        let (no, is_classic) = (member.no, member.is_classic());
        self.subscriptions.remove(&before);
        if !is_classic {
            self.stop_classic_timers(no);
        }
        if before.instance_id != instance {
            self.forget_instance(id, before.instance_id);
        }
    }

    fn replay_standing(&mut self, id: &Str, standing: Standing) {
        let member = self.known_or_new(id);
        let no = member.no;
        let before = core::mem::replace(&mut member.standing, standing.clone());
        self.disown(no, &before.assigned);
        self.disown(no, &before.pending_revocation);
        self.own(no, &standing.assigned);
        self.own(no, &standing.pending_revocation);
    }

    /// The member of that id, made if it is not there.
    fn known_or_new(&mut self, id: &Str) -> &mut Member {
        match self.members.entry(id.detach()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.last_number += 1;
                let no = MemberNo(self.last_number);
                let id = entry.key().clone();
                self.numbers.insert(no, id.clone());
                let member =
                    Member { no, id, description: Description::default(), standing: Standing::default() };
                self.subscriptions.add(&member.description);
                entry.insert(member)
            }
        }
    }

    fn forget_member(&mut self, id: &Str) {
        let Some(member) = self.members.remove(id) else { return };
        self.disown(member.no, &member.standing.assigned);
        self.disown(member.no, &member.standing.pending_revocation);
        self.subscriptions.remove(&member.description);
        self.forget_instance(id, member.description.instance_id);
        self.numbers.remove(&member.no);
        self.run.timers.clear(ConsumerTimer::Session(member.no));
        self.stop_classic_timers(member.no);
        self.stop_revocation_timer(member.no);
    }

    /// An instance may have gone to another member meanwhile: that one keeps it.
    fn forget_instance(&mut self, id: &Str, instance: Option<Str>) {
        if let Some(instance) = instance
            && self.instances.get(&instance) == Some(id)
        {
            self.instances.remove(&instance);
        }
    }

    fn own(&mut self, no: MemberNo, given: &Given) {
        for (topic, partition, _) in given.iter() {
            self.owners.entry(topic).or_default().insert(partition, no);
        }
    }

    /// Only what is still this member's own: a partition given to another stays that one's (KAFKA-16147).
    fn disown(&mut self, no: MemberNo, given: &Given) {
        for (topic, partition, _) in given.iter() {
            let Some(owners) = self.owners.get_mut(&topic) else { continue };
            if owners.get(&partition) == Some(&no) || is_on(Mutant::LateRevocationDisowns) {
                owners.remove(&partition);
                if owners.is_empty() {
                    self.owners.remove(&topic);
                }
            }
        }
    }
}

fn resolved(value: &ConsumerGroupRegularExpressionValue) -> Resolved {
    let mut topics: alloc::vec::Vec<Str> = value.topics.iter().map(Str::detach).collect();
    topics.sort_unstable();
    Resolved { topics: topics.into(), version: value.version, timestamp: value.timestamp }
}

fn partitions(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let topic = |topic: &crate::group::record::TopicPartition| {
        let mut partitions = topic.partitions.clone();
        partitions.sort_unstable();
        (topic.topic_id, partitions)
    };
    value.topic_partitions.iter().map(topic).collect()
}
