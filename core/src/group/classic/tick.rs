//! What happens when time has passed.

use alloc::vec::Vec;

use super::member::{Member, MemberNo, MemberState};
use super::rebalance::Reason;
use super::{ClassicGroup, Gathering, Phase};
use crate::group::step::{Departure, Step};
use crate::mutant::{Mutant, is_on};
use crate::protocol::Str;

/// What a deadline is for; those of one moment fire in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClassicTimer {
    /// A member has given no sign of life; or, while its first JoinGroup waits, may have vanished.
    Session(MemberNo),
    /// An id was handed out and not joined with.
    PendingId(MemberNo),
    /// Members have not asked for their assignments.
    PendingSync,
    /// The wait for members to join is over.
    Rebalance,
}

impl ClassicGroup {
    /// Does what is due at the step's time.
    pub fn tick(&mut self, step: &mut Step<'_>, group_id: &Str) {
        while let Some(timer) = self.timers.pop_due(step.now.mono) {
            match timer {
                ClassicTimer::Session(_) if is_on(Mutant::SessionNeverEnds) => {}
                ClassicTimer::Session(no) => self.session_over(step, group_id, no),
                ClassicTimer::PendingId(no) => {
                    self.pending.expire(no);
                    self.complete_if_all_joined(step, group_id);
                }
                ClassicTimer::PendingSync => self.pending_sync_over(step, group_id),
                ClassicTimer::Rebalance => self.rebalance_over(step, group_id),
            }
        }
    }

    fn session_over(&mut self, step: &mut Step<'_>, group_id: &Str, no: MemberNo) {
        self.dismiss(step, group_id, no, Departure::SessionOver);
        self.membership_shrank(step, group_id, Reason::of("a session is over"));
    }

    /// Members that joined a generation and did not ask for their part of it are gone.
    fn pending_sync_over(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let silent = |(_, member): &(MemberNo, &Member)| member.state() == MemberState::AwaitingSync;
        let silent: Vec<MemberNo> = self.members.iter().filter(silent).map(|(no, _)| no).collect();
        for no in silent {
            self.dismiss(step, group_id, no, Departure::NotSynced);
        }
        self.membership_shrank(step, group_id, Reason::of("members did not ask for their assignments"));
    }

    fn rebalance_over(&mut self, step: &mut Step<'_>, group_id: &Str) {
        match self.phase {
            Phase::PreparingRebalance(Gathering::First { .. } | Gathering::Again) => {
                self.complete_join(step, group_id);
            }
            Phase::Empty | Phase::CompletingRebalance | Phase::Stable => {
                unreachable!("the wait for members ends with the phase")
            }
        }
    }
}
