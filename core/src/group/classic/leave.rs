//! LeaveGroup: members that go, one or many at once.

use alloc::vec;

use super::ClassicGroup;
use super::rebalance::Reason;
use super::tick::ClassicTimer;
use crate::group::step::{Departure, Step};
use crate::mutant::{Mutant, is_on};
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// The first version that names many members and has a result for each (KIP-345).
const NAMES_MANY: i16 = 3;

/// What left the group.
enum Gone {
    Member,
    PendingId,
}

impl ClassicGroup {
    /// Answers a LeaveGroup at once; whatever it names, the group changes its phase at most once.
    pub fn leave(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &LeaveGroupRequest,
        version: i16,
    ) {
        let mut response = LeaveGroupResponse::default();
        if group_id.is_empty() {
            response.error_code = ErrorCode::INVALID_GROUP_ID;
            return step.answer(asker, response);
        }
        let single = MemberIdentity { member_id: request.member_id.clone(), ..Default::default() };
        let single = vec![single];
        let leavers = if version < NAMES_MANY { &single } else { &request.members };
        let (mut member, mut pending, mut said) = (false, false, None);
        for leaver in leavers {
            let error_code = match self.take_out(step, group_id, leaver) {
                Ok(Gone::Member) => {
                    member = true;
                    said = said.or(leaver.reason.clone());
                    ErrorCode::NONE
                }
                Ok(Gone::PendingId) => {
                    pending = true;
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            response.members.push(MemberResponse {
                member_id: leaver.member_id.clone(),
                group_instance_id: leaver.group_instance_id.clone(),
                error_code,
                ..Default::default()
            });
        }
        if version < NAMES_MANY {
            response.error_code = response.members.pop().map(|one| one.error_code).unwrap_or_default();
        }
        step.answer(asker, response);
        if member {
            self.membership_shrank(step, group_id, Reason { what: "members leave", said });
        } else if pending {
            self.complete_if_all_joined(step, group_id);
        }
    }

    /// An instance alone names its member too: that is how operators take out static members.
    fn take_out(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        leaver: &MemberIdentity,
    ) -> Result<Gone, ErrorCode> {
        let instance_id = leaver.group_instance_id.as_ref();
        let no = match (leaver.member_id.is_empty(), instance_id) {
            (true, Some(instance)) => {
                self.members.by_instance(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
            }
            (true, None) => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            (false, _) => {
                if self.forget_pending(&leaver.member_id) {
                    return Ok(Gone::PendingId);
                }
                self.find(&leaver.member_id, instance_id)?
            }
        };
        if !is_on(Mutant::LeaverIsKept) {
            self.dismiss(step, group_id, no, Departure::Left);
        }
        Ok(Gone::Member)
    }

    /// Forgets an id that was handed out; whether there was one.
    pub(super) fn forget_pending(&mut self, id: &Str) -> bool {
        match self.pending.remove(id) {
            Some(no) => {
                self.timers.clear(ClassicTimer::PendingId(no));
                true
            }
            None => false,
        }
    }
}
