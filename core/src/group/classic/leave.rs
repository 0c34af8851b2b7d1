//! LeaveGroup: members that go, one or many at once.

use super::ClassicGroup;
use super::rebalance::Reason;
use super::tick::ClassicTimer;
use crate::group::classic_requests::leave;
use crate::group::step::{Departure, Step};
use crate::mutant::{Mutant, is_on};
use crate::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

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
        let (mut member, mut pending, mut said) = (false, false, None);
        let response = leave(request, version, |leaver| {
            match self.take_out(step, group_id, leaver)? {
                Gone::Member => {
                    member = true;
                    said = said.take().or(leaver.reason.clone());
                }
                Gone::PendingId => pending = true,
            }
            Ok(())
        });
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
