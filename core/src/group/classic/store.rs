//! A classic group as a record, and back.

use bytes::Bytes;

use super::member::{Member, MemberState, Protocol, Timeouts};
use super::rebalance::Reason;
use super::{ClassicGroup, Phase};
use crate::group::question::Client;
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

    pub(super) fn store(&mut self, step: &mut Step<'_>, group_id: &Str) {
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

    /// One that shares its id or instance with a member before it is passed over: they cannot both be right.
    fn restore_member(&mut self, protocol: &Str, recorded: &MemberMetadata) {
        let instance_id = recorded.group_instance_id.as_ref();
        if self.members.by_id(&recorded.member_id).is_some()
            || instance_id.is_some_and(|instance| self.members.by_instance(instance).is_some())
        {
            return;
        }
        let rebalance_ms = match recorded.rebalance_timeout {
            timeout if timeout < 0 => recorded.session_timeout,
            timeout => timeout,
        };
        let member = Member {
            id: recorded.member_id.detach(),
            instance_id: instance_id.map(Str::detach),
            client: Client { id: recorded.client_id.detach(), host: recorded.client_host.detach() },
            timeouts: Timeouts { session_ms: recorded.session_timeout, rebalance_ms },
            protocols: [Protocol {
                name: protocol.clone(),
                metadata: Bytes::copy_from_slice(&recorded.subscription),
            }]
            .into(),
            assignment: Bytes::copy_from_slice(&recorded.assignment),
            state: MemberState::Settled,
        };
        let no = self.next_no();
        self.members.insert(no, member);
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
