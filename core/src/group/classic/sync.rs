//! SyncGroup: the leader's assignments come in, everybody's part goes out.

use bytes::Bytes;

use super::member::{Member, MemberNo, MemberState, Parked};
use super::rebalance::Reason;
use super::tick::ClassicTimer;
use super::{ClassicGroup, Phase};
use crate::group::classic_requests::{check_sync, check_sync_protocol};
use crate::group::refusal;
use crate::group::step::Step;
use crate::mutant::{Mutant, is_on};
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

impl ClassicGroup {
    /// Answers a SyncGroup, or parks it until the leader has brought the assignments.
    pub fn sync(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &SyncGroupRequest,
        version: i16,
    ) {
        let no = match self.admit_sync(request, version) {
            Ok(no) => no,
            Err(error) => return step.answer(asker, refusal::sync(error)),
        };
        match self.phase {
            Phase::Empty => step.answer(asker, refusal::sync(ErrorCode::UNKNOWN_MEMBER_ID)),
            Phase::PreparingRebalance(_) => {
                step.answer(asker, refusal::sync(ErrorCode::REBALANCE_IN_PROGRESS));
            }
            Phase::CompletingRebalance
                if is_on(Mutant::EmptyAssignmentForFollowers) && self.leader != Some(no) =>
            {
                step.answer(asker, self.assigned(Bytes::new()));
            }
            Phase::CompletingRebalance => {
                self.park_sync(step, no, Parked { asker, version });
                if self.leader == Some(no) {
                    self.assign(step, group_id, &request.assignments);
                }
            }
            Phase::Stable => {
                self.members.set_state(no, MemberState::Settled);
                self.expect_fewer_syncs();
                let assignment = self.members.get(no).map(|member| member.assignment.clone());
                step.answer(asker, self.assigned(assignment.unwrap_or_default()));
            }
        }
    }

    /// Who asks, or why it may not.
    fn admit_sync(&self, request: &SyncGroupRequest, version: i16) -> Result<MemberNo, ErrorCode> {
        check_sync(request, version)?;
        let no = self.find(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        check_sync_protocol(request, self.protocol_type.as_deref(), self.protocol.as_deref())?;
        Ok(no)
    }

    fn park_sync(&mut self, step: &mut Step<'_>, no: MemberNo, parked: Parked) {
        let before = self.members.set_state(no, MemberState::Syncing { parked });
        ClassicGroup::refuse_parked(step, before, ErrorCode::REBALANCE_IN_PROGRESS, Str::default());
        self.renew_session(step, no);
        self.expect_fewer_syncs();
    }

    /// Once everybody has asked, nobody is to be waited for.
    fn expect_fewer_syncs(&mut self) {
        if self.members.awaiting_sync() == 0 {
            self.timers.clear(ClassicTimer::PendingSync);
        }
    }

    /// The leader has decided. Members that it left out get no bytes, which clients read as nothing.
    fn assign(&mut self, step: &mut Step<'_>, group_id: &Str, assignments: &[SyncGroupRequestAssignment]) {
        self.forget_assignments();
        for part in assignments {
            if let Some(no) = self.members.by_id(&part.member_id) {
                self.members.set_assignment(no, Bytes::copy_from_slice(&part.assignment));
            }
        }
        self.enter(step, Phase::Stable);
        self.store(step, group_id);
        for no in self.members.numbers() {
            let Some(member) = self.members.get(no) else {
                continue;
            };
            if let MemberState::Syncing { parked } = member.state() {
                step.answer(parked.asker, self.assigned(member.assignment.clone()));
                self.members.set_state(no, MemberState::Settled);
                self.renew_session(step, no);
            }
        }
    }

    /// The assignments of the last step cannot be stored: their record is larger than the log takes. Whoever was to get
    /// them is told so by the coordinator; the group starts over.
    pub fn assignment_refused(&mut self, step: &mut Step<'_>, group_id: &Str) {
        match self.phase {
            Phase::Stable => {
                self.forget_assignments();
                self.rebalance(step, group_id, Reason::of("the assignments could not be stored"));
            }
            Phase::Empty | Phase::PreparingRebalance(_) | Phase::CompletingRebalance => {}
        }
    }

    /// Answers the SyncGroups that wait with an error: their members are to join again.
    pub(super) fn refuse_syncs(&mut self, step: &mut Step<'_>, error: ErrorCode) {
        for no in self.members.numbers() {
            match self.members.get(no).map(Member::state) {
                Some(state @ MemberState::Syncing { .. }) => {
                    self.members.set_state(no, MemberState::Settled);
                    if !is_on(Mutant::ParkedSyncForgotten) {
                        ClassicGroup::refuse_parked(step, state, error, Str::default());
                    }
                    self.renew_session(step, no);
                }
                Some(MemberState::AwaitingSync) => {
                    self.members.set_state(no, MemberState::Settled);
                }
                Some(MemberState::Settled | MemberState::Joining { .. }) | None => {}
            }
        }
    }
}
