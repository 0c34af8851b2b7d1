//! A classic group as a record, and back.

use alloc::vec::Vec;

use bytes::Bytes;

use super::member::{Member, Protocol};
use super::rebalance::Reason;
use super::{ClassicGroup, Phase};
use crate::group::embedded::CONSUMER;
use crate::group::record::{GroupKey, GroupMetadataValue, GroupRecord, MemberMetadata};
use crate::group::step::Step;
use crate::protocol::Str;
use crate::time::WallTime;

impl ClassicGroup {
    /// The record that brings this group back as it is now (type 2). Parked requests and handed out ids are not in it.
    pub fn record(&self, group_id: &Str) -> GroupRecord {
        let leader = self.leader.and_then(|leader| self.members.get(leader));
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: leader.map(|leader| leader.id.clone()),
            current_state_timestamp: self.since.map_or(-1, |since| since.0),
            members: self.members.iter().map(|(_, member)| self.member_record(member)).collect(),
            ..Default::default()
        };
        GroupRecord::GroupMetadata(GroupKey { group: group_id.detach(), ..Default::default() }, Some(value))
    }

    fn member_record(&self, member: &Member) -> MemberMetadata {
        MemberMetadata {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            rebalance_timeout: member.timeouts.rebalance_ms,
            session_timeout: member.timeouts.session_ms,
            subscription: member.metadata(self.protocol.as_ref()),
            assignment: member.assignment.clone(),
            ..Default::default()
        }
    }

    pub(in crate::group) fn store(&mut self, step: &mut Step<'_>, group_id: &Str) {
        self.recorded = true;
        step.record(self.record(group_id));
    }

    /// Sees to it that a group of which something is to be remembered outlives a restart.
    pub(super) fn make_recorded(&mut self, step: &mut Step<'_>, group_id: &Str) {
        if !self.recorded {
            self.since = Some(step.now.wall);
            self.store(step, group_id);
        }
    }

    /// The group that a record tells of: Stable if it has members, whatever it was when the node stopped. To be followed
    /// by [`loaded`](ClassicGroup::loaded) once the last record was read.
    pub fn restore(value: &GroupMetadataValue) -> ClassicGroup {
        let text = |text: &Str| (!text.is_empty()).then(|| text.detach());
        let mut group = ClassicGroup {
            recorded: true,
            since: (value.current_state_timestamp >= 0).then_some(WallTime(value.current_state_timestamp)),
            generation: value.generation.max(0),
            protocol_type: text(&value.protocol_type),
            ..ClassicGroup::new()
        };
        // Members that agreed on nothing can have been assigned nothing.
        let Some(protocol) = value.protocol.as_ref().and_then(text) else {
            return group;
        };
        for recorded in &value.members {
            group.restore_member(&protocol, recorded);
        }
        if group.members.is_empty() {
            return group;
        }
        group.phase = Phase::Stable;
        group.leader = value.leader.as_ref().and_then(|leader| group.members.by_id(leader));
        group.leader = group.leader.or(group.members.oldest());
        group.protocol = Some(protocol);
        group.subscribed = group.subscriptions();
        group
    }

    fn restore_member(&mut self, protocol: &Str, recorded: &MemberMetadata) {
        let metadata = Bytes::copy_from_slice(&recorded.subscription);
        let protocols = [Protocol { name: protocol.clone(), metadata }].into();
        self.add_settled(Member::settled(recorded, protocols));
    }

    /// Adds a member that needs not join. One that shares its id or instance with a member before it is passed over: they
    /// cannot both be right.
    fn add_settled(&mut self, member: Member) {
        let instance_id = member.instance_id.as_ref();
        if self.members.by_id(&member.id).is_none()
            && instance_id.is_none_or(|instance| self.members.by_instance(instance).is_none())
        {
            let no = self.next_no();
            self.members.insert(no, member);
        }
    }

    /// A stable group that goes on where a group of another kind ends: each of these consumers has what its assignment
    /// says. The first becomes the leader. None if they have no protocol in common.
    pub fn of_consumers(step: &Step<'_>, generation: i32, members: Vec<Member>) -> Option<ClassicGroup> {
        let mut group = ClassicGroup {
            phase: Phase::Stable,
            since: Some(step.now.wall),
            recorded: true,
            generation,
            protocol_type: Some(Str::from_static(CONSUMER)),
            ..ClassicGroup::new()
        };
        members.into_iter().for_each(|member| group.add_settled(member));
        group.leader = group.members.oldest();
        group.protocol = Some(group.members.elect_protocol(group.leader)?);
        group.subscribed = group.subscriptions();
        for no in group.members.numbers() {
            group.renew_session(step, no);
        }
        Some(group)
    }

    /// The log was read to its end: sessions start now. A group that is larger than the node allows by now has to
    /// gather again, and only so many are let in.
    pub fn loaded(&mut self, step: &mut Step<'_>, group_id: &Str) {
        for no in self.members.numbers() {
            self.renew_session(step, no);
        }
        if self.members.len() > step.config.max_size {
            self.rebalance(step, group_id, Reason::of("it is larger than group.max.size"));
        }
    }
}
