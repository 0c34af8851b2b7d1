//! The answers of a classic group, and giving them to those who wait.

use alloc::vec::Vec;

use bytes::Bytes;

use super::ClassicGroup;
use super::member::{Member, MemberNo, MemberState};
use crate::group::refusal;
use crate::group::step::Step;
use crate::protocol::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use crate::protocol::sync_group::SyncGroupResponse;
use crate::protocol::{ErrorCode, Str};

impl ClassicGroup {
    /// What a member learns of the present generation when it has joined.
    pub(super) fn joined(&self, no: MemberNo, member: &Member) -> JoinGroupResponse {
        let leader = self.leader.and_then(|leader| self.members.get(leader));
        JoinGroupResponse {
            error_code: ErrorCode::NONE,
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: Some(self.protocol.clone().unwrap_or_default()),
            leader: leader.map(|leader| leader.id.clone()).unwrap_or_default(),
            skip_assignment: false,
            member_id: member.id.clone(),
            members: if self.leader == Some(no) { self.roll() } else { Vec::new() },
            ..Default::default()
        }
    }

    /// All members as the leader sees them.
    fn roll(&self) -> Vec<JoinGroupResponseMember> {
        let entry = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(self.protocol.as_ref()),
            ..Default::default()
        };
        self.members.iter().map(|(_, member)| entry(member)).collect()
    }

    /// A member's part of the present generation.
    pub(super) fn assigned(&self, assignment: Bytes) -> SyncGroupResponse {
        SyncGroupResponse {
            error_code: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment,
            ..Default::default()
        }
    }

    /// Answers a member's parked request with an error, if it has one. `member_id` is for JoinGroup, which says it again.
    pub(super) fn refuse_parked(step: &mut Step<'_>, state: MemberState, error: ErrorCode, member_id: Str) {
        match state {
            MemberState::Joining { parked, .. } => step.answer(parked.asker, refusal::join(error, member_id)),
            MemberState::Syncing { parked } => step.answer(parked.asker, refusal::sync(error)),
            MemberState::Settled | MemberState::AwaitingSync => {}
        }
    }

    /// Answers everything that waits with an error and waits no longer: the group is unloaded, deleted, or goes on as a
    /// consumer group. The group is of no use afterwards.
    pub fn answer_everyone_with(&mut self, step: &mut Step<'_>, error: ErrorCode) {
        for no in self.members.numbers() {
            let state = self.members.set_state(no, MemberState::Settled);
            let id = self.members.get(no).map(|member| member.id.clone()).unwrap_or_default();
            ClassicGroup::refuse_parked(step, state, error, id);
        }
    }
}
