//! Taking the last step back, when its records turn out not to fit the log.
//!
//! Each record has an inverse, the record that says what was there before: the step is undone by replaying the inverses,
//! the last one first.

use alloc::vec::Vec;

use super::timers::ConsumerTimer;
use super::{ConsumerGroup, writing};
use crate::group::record::{ConsumerGroupPartitionMetadataValue, GroupRecord};
use crate::group::step::Step;
use crate::protocol::Str;
use crate::time::WallTime;

impl ConsumerGroup {
    /// A step begins: what came before it stays.
    pub(in crate::group) fn begin(&mut self) {
        self.run.undo.clear();
    }

    /// The record that brings back what this one replaces.
    pub(super) fn inverse(&self, record: &GroupRecord) -> GroupRecord {
        let group = record.group();
        match record {
            GroupRecord::ConsumerGroupMetadata(..) => {
                writing::epoch(group, self.recorded.then_some((self.epoch, self.metadata_hash)))
            }
            GroupRecord::ConsumerGroupPartitionMetadata(key, _) => {
                let value = self.has_partition_metadata.then(ConsumerGroupPartitionMetadataValue::default);
                GroupRecord::ConsumerGroupPartitionMetadata(key.clone(), value)
            }
            GroupRecord::ConsumerGroupMemberMetadata(key, _) => {
                let description = self.member(&key.member).map(|member| &member.description);
                writing::description(group, &key.member, description)
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata(..) => {
                let known = (self.assignment_epoch, WallTime(self.assignment_time));
                writing::assignment(group, self.has_assignment.then_some(known))
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember(key, _) => {
                writing::target(group, &key.member, self.target(&key.member))
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, _) => {
                let standing = self.member(&key.member).map(|member| &member.standing);
                writing::standing(group, &key.member, standing)
            }
            GroupRecord::ConsumerGroupRegularExpression(key, _) => {
                let resolved = self.subscriptions.regex(&key.regex).and_then(|regex| regex.resolved.as_ref());
                writing::regex(group, &key.regex, resolved)
            }
            // None of ours: it changes nothing here.
            GroupRecord::OffsetCommit(..) | GroupRecord::GroupMetadata(..) => record.clone(),
        }
    }

    /// The records of the last step were refused: the group is again as before it. Members that had been removed get a
    /// session of their own again, and everything that looks at the catalogue looks again.
    pub fn write_refused(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let undo = core::mem::take(&mut self.run.undo);
        undo.iter().rev().for_each(|record| self.replay(record));
        self.run.topics_seen = None;
        self.run.refreshed = None;
        let session = step.image.group_config(group_id).session_timeout;
        let without: Vec<Str> = self
            .members()
            .filter(|member| !self.run.timers.has(ConsumerTimer::Session(member.no)))
            .map(|member| member.id.clone())
            .collect();
        for id in without {
            self.start_session(step.now.mono, &id, session);
        }
        for record in &undo {
            if let GroupRecord::ConsumerGroupCurrentMemberAssignment(key, _) = record {
                self.time_revocation(step.now.mono, &key.member);
            }
        }
    }
}
