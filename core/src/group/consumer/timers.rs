//! What happens when nobody says anything: members that are silent, or too slow to revoke, are fenced.

use alloc::vec::Vec;
use core::time::Duration;

use super::ConsumerGroup;
use super::member::MemberNo;
use crate::group::step::{Departure, Step};
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
        let mut late: Vec<(MemberNo, Departure)> = Vec::new();
        while let Some(timer) = self.run.timers.pop_due(step.now.mono) {
            match timer {
                ConsumerTimer::Session(_) if is_on(Mutant::ConsumerSessionNeverEnds) => {}
                ConsumerTimer::Session(no) => late.push((no, Departure::SessionOver)),
                ConsumerTimer::Rejoin(no) => late.push((no, Departure::NotJoined)),
                ConsumerTimer::Sync(no) => late.push((no, Departure::NotSynced)),
                ConsumerTimer::Revocation(no) if self.is_too_slow(no) => {
                    late.push((no, Departure::NotRevoked));
                }
                ConsumerTimer::Revocation(_) => {}
                ConsumerTimer::Resolution => self.go_on_resolving(step, group_id),
            }
        }
        let mut gone: Vec<Str> = Vec::new();
        for (no, why) in late {
            // One member may be late for two things.
            if let Some(id) = self.numbers.get(&no).filter(|id| !gone.contains(id)) {
                step.gone(group_id, id, why);
                gone.push(id.clone());
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

    /// Whether a member still has the epoch at which its time to revoke began.
    fn is_too_slow(&mut self, no: MemberNo) -> bool {
        let since = self.run.revoking_since.remove(&no);
        let member = self.numbers.get(&no).and_then(|id| self.members.get(id));
        member.is_some_and(|member| since == Some(member.standing.epoch))
    }
}
