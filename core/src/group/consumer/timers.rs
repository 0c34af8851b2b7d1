//! What happens when nobody says anything: members that are silent, or too slow to revoke, are fenced.

use alloc::vec::Vec;
use core::time::Duration;

use super::ConsumerGroup;
use super::member::MemberNo;
use crate::group::step::Step;
use crate::mutant::{Mutant, is_on};
use crate::protocol::Str;
use crate::time::Instant;

/// What a consumer group waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerTimer {
    /// The next heartbeat of a member.
    Session(MemberNo),
    /// A member to give up partitions.
    Revocation(MemberNo),
    /// The next slice of a resolution of regular expressions.
    Resolution,
    /// A classic member that was told so to join again.
    Rejoin(MemberNo),
    /// A classic member that has joined to ask for its assignment.
    Sync(MemberNo),
}

impl ConsumerGroup {
    /// The earliest moment at which [`ConsumerGroup::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.run.timers.next().map(|(at, _)| at)
    }

    /// Does all that is due. Members that go at the same time go together: the epoch rises once.
    pub fn tick(&mut self, step: &mut Step<'_>, group_id: &Str) {
        self.begin();
        let mut gone: Vec<Str> = Vec::new();
        while let Some(timer) = self.run.timers.pop_due(step.now.mono) {
            match timer {
                ConsumerTimer::Session(_) if is_on(Mutant::ConsumerSessionNeverEnds) => {}
                ConsumerTimer::Session(no) | ConsumerTimer::Rejoin(no) | ConsumerTimer::Sync(no) => {
                    gone.extend(self.numbers.get(&no).cloned());
                }
                ConsumerTimer::Revocation(no) => gone.extend(self.too_slow(no)),
                ConsumerTimer::Resolution => self.go_on_resolving(step, group_id),
            }
        }
        self.remove_members(step, group_id, &gone);
    }

    /// After loading: every member gets a whole session, and those that are revoking a whole rebalance timeout. Sessions
    /// of classic members are as long as they said (Kafka gives them the group's, which may be shorter than the time
    /// between two of their heartbeats).
    pub fn loaded(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let session = step.image.group_config(group_id).session_timeout;
        let sessions: Vec<(Str, Duration)> = self
            .members
            .iter()
            .map(|(id, member)| (id.clone(), member.classic_session().unwrap_or(session)))
            .collect();
        for (id, session) in sessions {
            self.start_session(step.now.mono, &id, session);
            self.time_revocation(step.now.mono, &id);
        }
    }

    pub(in crate::group) fn start_session(&mut self, now: Instant, id: &str, timeout: Duration) {
        if let Some(member) = self.members.get(id) {
            self.run.timers.set(ConsumerTimer::Session(member.no), now + timeout);
        }
    }

    /// Lets a classic member's time to do something begin, unless it runs already.
    pub(in crate::group) fn start_timer(&mut self, timer: ConsumerTimer, at: Instant) {
        if !self.run.timers.has(timer) {
            self.run.timers.set(timer, at);
        }
    }

    /// Ends what a classic member had time for.
    pub(in crate::group) fn stop_timer(&mut self, timer: ConsumerTimer) {
        self.run.timers.clear(timer);
    }

    /// The member is gone, or speaks the new protocol by now.
    pub(super) fn stop_classic_timers(&mut self, no: MemberNo) {
        self.run.timers.clear(ConsumerTimer::Rejoin(no));
        self.run.timers.clear(ConsumerTimer::Sync(no));
    }

    /// Lets the time a member has to revoke begin, begin anew, or end, after its standing changed. Classic members have
    /// none: they have to join again, and that has its own time.
    pub(super) fn time_revocation(&mut self, now: Instant, id: &str) {
        let Some(member) = self.members.get(id) else { return };
        let no = member.no;
        if !ConsumerGroup::is_revoking(member) || member.is_classic() {
            return self.stop_revocation_timer(no);
        }
        let timeout = member.rebalance_timeout();
        self.run.revoking_since.insert(no, member.standing.epoch);
        self.run.timers.set(ConsumerTimer::Revocation(no), now + timeout);
    }

    pub(super) fn stop_revocation_timer(&mut self, no: MemberNo) {
        self.run.revoking_since.remove(&no);
        self.run.timers.clear(ConsumerTimer::Revocation(no));
    }

    /// The member, if it still has the epoch at which its time to revoke began.
    fn too_slow(&mut self, no: MemberNo) -> Option<Str> {
        let since = self.run.revoking_since.remove(&no)?;
        let id = self.numbers.get(&no)?;
        self.members.get(id).filter(|member| member.standing.epoch == since).map(|member| member.id.clone())
    }
}
