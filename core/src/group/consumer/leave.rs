//! Members that go: for good, for a while (static ones), because they were silent or too slow, or because another takes
//! their place.

use alloc::vec::Vec;

use super::admission::{Refusal, fenced_instance, no_group, unknown_instance, unknown_member};
use super::member::STATIC_LEAVE_EPOCH;
use super::{ConsumerGroup, writing};
use crate::group::record::GroupRecord;
use crate::group::step::{Departure, Step};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};

impl ConsumerGroup {
    /// A heartbeat with epoch -1 (leaves) or -2 (leaves for a while).
    pub(super) fn leave_by_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        if self.is_nothing() {
            return Err(no_group(group_id));
        }
        let id = self.leaver(group_id, &request.member_id, request.instance_id.as_ref())?;
        if request.member_epoch == STATIC_LEAVE_EPOCH {
            self.leave_for_a_while(step, group_id, &id);
        } else {
            step.gone(group_id, &id, Departure::Left);
            self.remove_members(step, group_id, &[id]);
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        })
    }

    /// The member that wants to leave: named by its id, or by its instance and its id.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, and FENCED_INSTANCE_ID if the instance belongs to another id.
    pub fn leaver(&self, group_id: &Str, member_id: &Str, instance: Option<&Str>) -> Result<Str, Refusal> {
        match instance {
            None => match self.members.get(member_id) {
                Some(member) => Ok(member.id.clone()),
                None => Err(unknown_member(member_id, group_id)),
            },
            Some(instance) => match self.static_member(instance) {
                None => Err(unknown_instance(instance)),
                Some(holder) if holder.id != *member_id => Err(fenced_instance(member_id, instance)),
                Some(holder) => Ok(holder.id.clone()),
            },
        }
    }

    /// The member keeps its partitions, and its session goes on.
    fn leave_for_a_while(&mut self, step: &mut Step<'_>, group_id: &Str, id: &Str) {
        let Some(member) = self.members.get(id) else { return };
        let (no, standing) = (member.no, member.standing.left_for_a_while());
        self.put(step, writing::standing(group_id, id, Some(&standing)));
        self.stop_revocation_timer(no);
    }

    /// Takes members out of the group: one rise of the epoch for all. Ids that are not members are passed over.
    pub fn remove_members(&mut self, step: &mut Step<'_>, group_id: &Str, ids: &[Str]) {
        let mut regexes: Vec<Str> = Vec::new();
        let mut removed = false;
        for id in ids {
            let Some(member) = self.members.get(id) else { continue };
            regexes.extend(member.description.regex.clone());
            self.put_member_tombstones(step, group_id, id);
            removed = true;
        }
        regexes.sort_unstable();
        regexes.dedup();
        for regex in regexes {
            if self.subscriptions.users_of(&regex) == 0 {
                self.put(step, writing::regex(group_id, &regex, None));
            }
        }
        if removed {
            self.look_at_topics(step, group_id, true);
        }
    }

    fn put_member_tombstones(&mut self, step: &mut Step<'_>, group_id: &Str, id: &Str) {
        self.put(step, writing::standing(group_id, id, None));
        self.put(step, writing::target(group_id, id, None));
        self.put(step, writing::description(group_id, id, None));
    }

    /// A member with a new id takes the place of a static one: its description, its partitions and its target.
    pub(in crate::group) fn replace_member(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        old: &Str,
        new: &Str,
    ) {
        let Some(member) = self.members.get(old) else { return };
        step.gone(group_id, old, Departure::Replaced);
        let (description, standing) = (member.description.clone(), member.standing.taken_over());
        let target = self.targets.get(old).cloned().unwrap_or_default();
        self.put_member_tombstones(step, group_id, old);
        self.put(step, writing::description(group_id, new, Some(&description)));
        self.put(step, writing::target(group_id, new, Some(&target)));
        self.put(step, writing::standing(group_id, new, Some(&standing)));
    }

    /// The records that undo the group: before its deletion, or when it becomes a classic group.
    pub fn tombstones(&self, group_id: &Str) -> Vec<GroupRecord> {
        let members = || self.members.keys();
        let regexes = self.subscriptions.regexes().map(|(regex, _)| writing::regex(group_id, regex, None));
        let mut records: Vec<GroupRecord> = Vec::new();
        records.extend(members().map(|id| writing::standing(group_id, id, None)));
        records.extend(self.targets.keys().map(|id| writing::target(group_id, id, None)));
        records.push(writing::assignment(group_id, None));
        records.extend(members().map(|id| writing::description(group_id, id, None)));
        records.extend(regexes);
        records.push(writing::no_partition_metadata(group_id));
        records.push(writing::epoch(group_id, None));
        records
    }
}
