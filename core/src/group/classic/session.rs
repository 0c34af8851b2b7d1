//! Signs of life: heartbeats, and commits that renew the session.

use core::time::Duration;

use super::member::{Member, MemberNo, MemberState};
use super::tick::ClassicTimer;
use super::{ClassicGroup, Phase};
use crate::group::step::Step;
use crate::mutant::{Mutant, is_on};
use crate::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// How long a first JoinGroup may wait: its client does not know its id, so nothing else tells whether it is still
/// there (`GroupCoordinatorConfig.CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`).
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

impl ClassicGroup {
    /// Sets the deadline by which a member must give its next sign of life. One whose request is parked is not expected
    /// to give any, except that a first JoinGroup is not waited with for ever.
    pub(super) fn renew_session(&mut self, step: &Step<'_>, no: MemberNo) {
        let Some(member) = self.members.get(no) else {
            return;
        };
        match member.state() {
            MemberState::Settled | MemberState::AwaitingSync => {
                self.timers.set(ClassicTimer::Session(no), step.now.mono + member.timeouts.session());
            }
            MemberState::Joining { first: true, .. } => {}
            MemberState::Joining { first: false, .. } | MemberState::Syncing { .. } => {
                self.timers.clear(ClassicTimer::Session(no));
            }
        }
    }

    /// Starts the wait of a member that has just joined for the first time.
    pub(super) fn await_first_join(&mut self, step: &Step<'_>, no: MemberNo) {
        self.timers.set(ClassicTimer::Session(no), step.now.mono + NEW_MEMBER_JOIN_TIMEOUT);
    }

    /// Answers a Heartbeat at once.
    pub fn heartbeat(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &HeartbeatRequest,
    ) {
        let error_code = self.heard(step, group_id, request).err().unwrap_or(ErrorCode::NONE);
        step.answer(asker, HeartbeatResponse { error_code, ..Default::default() });
    }

    fn heard(
        &mut self,
        step: &Step<'_>,
        group_id: &Str,
        request: &HeartbeatRequest,
    ) -> Result<(), ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let no = self.find(&request.member_id, request.group_instance_id.as_ref())?;
        let generation = request.generation_id;
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            // A member that is one or more generations behind while the next is being made has merely not heard of it:
            // it is told to join, which is what it must do, and keeps its place. Kafka says ILLEGAL_GENERATION, which
            // makes clients give up what they own.
            Phase::PreparingRebalance(_) if (0..=self.generation).contains(&generation) => {
                self.renew_session(step, no);
                return Err(ErrorCode::REBALANCE_IN_PROGRESS);
            }
            Phase::CompletingRebalance if (0..self.generation).contains(&generation) => {
                self.renew_session(step, no);
                return Err(ErrorCode::REBALANCE_IN_PROGRESS);
            }
            Phase::PreparingRebalance(_) | Phase::CompletingRebalance | Phase::Stable => {}
        }
        if generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if !is_on(Mutant::HeartbeatDoesNotRenewSession) {
            self.renew_session(step, no);
        }
        Ok(())
    }

    /// Whether offsets may be committed by who claims to be a member, or (-1 and no id) to be none. A member's session is
    /// renewed by it. With a transaction (KIP-447) those that claim nothing are let in, since the producer's epoch fences.
    pub fn check_commit(
        &mut self,
        step: &Step<'_>,
        generation: i32,
        member_id: &Str,
        instance_id: Option<&Str>,
        transactional: bool,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return if transactional { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        }
        let no = self.find(member_id, instance_id)?;
        if generation != self.generation && !is_on(Mutant::StaleGenerationCommits) {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        match self.phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance(_) | Phase::Stable => {
                self.renew_session(step, no);
                Ok(())
            }
            // It knows the new generation from its join and is about to be told what it owns.
            Phase::CompletingRebalance if transactional => Ok(()),
            Phase::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
        }
    }

    /// Whether a member has a request parked.
    pub(super) fn is_parked(&self, no: MemberNo) -> bool {
        self.members.get(no).map(Member::state).and_then(MemberState::parked).is_some()
    }
}
