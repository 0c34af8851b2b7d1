//! From one generation to the next: gathering the members, completing the join, choosing leader and protocol.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::member::{Member, MemberNo, MemberState};
use super::tick::ClassicTimer;
use super::{ClassicGroup, Gathering, Phase, Subscribed};
use crate::group::embedded::{CONSUMER, subscribed_topics};
use crate::group::step::{Departure, Step};
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::protocol::{ErrorCode, Str};

/// The least that a rebalance goes on for when none of its members came back in time. Static members may ask for no
/// patience at all, and waiting for nothing again and again would never end.
const LEAST_EXTENSION: Duration = Duration::from_secs(1);

/// How much of a client's own words is kept, in characters: as much as Kafka's clients send.
const SAID_LIMIT: usize = 255;

/// Why a rebalance starts, for the log.
#[derive(Debug)]
pub struct Reason {
    pub what: &'static str,
    /// By the client (KIP-800).
    pub said: Option<Str>,
}

impl Reason {
    pub fn of(what: &'static str) -> Reason {
        Reason { what, said: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        match &self.said {
            // As a debug string, so that it cannot pass for lines of the log.
            Some(said) => write!(f, ": {:?}", said.chars().take(SAID_LIMIT).collect::<String>()),
            None => Ok(()),
        }
    }
}

impl ClassicGroup {
    /// Stores a stable group and has all its members join again.
    pub fn begin_anew(&mut self, step: &mut Step<'_>, group_id: &Str, why: &'static str) {
        self.store(step, group_id);
        self.rebalance(step, group_id, Reason::of(why));
    }

    /// Starts a rebalance, unless one is being prepared already; completes it if nobody is missing.
    pub(super) fn rebalance(&mut self, step: &mut Step<'_>, group_id: &Str, reason: Reason) {
        if !matches!(self.phase, Phase::PreparingRebalance(_)) {
            let text = alloc::format!(
                "group {group_id:?}: rebalance after generation {}: {reason}",
                self.generation
            );
            step.note(Level::Debug, text);
        }
        match self.phase {
            Phase::Empty => self.gather_first(step, group_id),
            Phase::PreparingRebalance(_) => self.complete_if_all_joined(step, group_id),
            Phase::CompletingRebalance => {
                self.forget_assignments();
                self.gather_again(step, group_id);
            }
            Phase::Stable => self.gather_again(step, group_id),
        }
    }

    /// The first members of an empty group are here: others may be about to come.
    fn gather_first(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let until = step.now.mono + step.config.initial_rebalance_delay;
        self.enter(step, Phase::PreparingRebalance(Gathering::First { until }));
        match step.config.initial_rebalance_delay.is_zero() {
            true => self.complete_join(step, group_id),
            false => self.expect_more(step),
        }
    }

    /// Somebody new has come to, or asked for an id in, a group that was empty: where one comes others follow, so the
    /// group waits until it has been quiet for a while, but never beyond the delay counted from the first.
    pub(super) fn expect_more(&mut self, step: &Step<'_>) {
        if let Phase::PreparingRebalance(Gathering::First { until }) = self.phase {
            let quiet = step.now.mono + step.config.initial_rebalance_quiet;
            self.timers.set(ClassicTimer::Rebalance, quiet.min(until));
        }
    }

    fn gather_again(&mut self, step: &mut Step<'_>, group_id: &Str) {
        self.refuse_syncs(step, ErrorCode::REBALANCE_IN_PROGRESS);
        self.timers.clear(ClassicTimer::PendingSync);
        self.enter(step, Phase::PreparingRebalance(Gathering::Again));
        self.timers.set(ClassicTimer::Rebalance, step.now.mono + self.members.longest_rebalance());
        self.complete_if_all_joined(step, group_id);
    }

    /// What the leader of the last complete generation decided is void once a later one has begun.
    pub(super) fn forget_assignments(&mut self) {
        for no in self.members.numbers() {
            self.members.set_assignment(no, bytes::Bytes::new());
        }
    }

    /// A member or a pending id has gone.
    pub(super) fn membership_shrank(&mut self, step: &mut Step<'_>, group_id: &Str, reason: Reason) {
        match self.phase {
            Phase::Empty => {}
            Phase::PreparingRebalance(_) => self.complete_if_all_joined(step, group_id),
            Phase::CompletingRebalance | Phase::Stable => self.rebalance(step, group_id, reason),
        }
    }

    /// Goes on as soon as nobody is missing: called after everything that may bring that about. Ids that were handed out
    /// are waited for too, unless no member is left at all.
    pub(super) fn complete_if_all_joined(&mut self, step: &mut Step<'_>, group_id: &Str) {
        match self.phase {
            Phase::PreparingRebalance(Gathering::Again) => {
                let all_here = self.members.joining() == self.members.len();
                if all_here && (self.pending.is_empty() || self.members.is_empty()) {
                    self.complete_join(step, group_id);
                }
            }
            Phase::PreparingRebalance(Gathering::First { .. })
            | Phase::Empty
            | Phase::CompletingRebalance
            | Phase::Stable => {}
        }
    }

    /// The next generation is made of those who are here.
    pub(super) fn complete_join(&mut self, step: &mut Step<'_>, group_id: &Str) {
        self.timers.clear(ClassicTimer::Rebalance);
        self.remove_absentees(step, group_id);
        if self.members.is_empty() {
            self.become_empty(step, group_id);
        } else if self.elect_leader() {
            self.begin_generation(step);
        } else {
            // Only static members are left and none of them is here: until one comes or its session ends.
            let wait = self.members.longest_rebalance().max(LEAST_EXTENSION);
            self.timers.set(ClassicTimer::Rebalance, step.now.mono + wait);
        }
    }

    /// Dynamic members that did not join again are gone; static ones stay until their session ends.
    fn remove_absentees(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let absent = |member: &Member| {
            member.instance_id.is_none() && !matches!(member.state(), MemberState::Joining { .. })
        };
        if self.members.joining() < self.members.len() {
            let absent: Vec<MemberNo> =
                self.members.iter().filter(|(_, member)| absent(member)).map(|(no, _)| no).collect();
            for no in absent {
                self.dismiss(step, group_id, no, Departure::NotJoined);
            }
        }
    }

    /// Keeps the leader if it has joined again, else makes the oldest member leader that has. False if nobody is here.
    fn elect_leader(&mut self) -> bool {
        let here = |member: &Member| matches!(member.state(), MemberState::Joining { .. });
        let leader_is_here = self.leader.and_then(|leader| self.members.get(leader)).is_some_and(here);
        let stays = leader_is_here || (is_on(Mutant::DeadMemberStaysLeader) && self.leader.is_some());
        if !stays {
            let oldest = self.members.iter().find(|(_, member)| here(member)).map(|(no, _)| no);
            self.leader = oldest.or(self.leader);
            return oldest.is_some();
        }
        true
    }

    fn become_empty(&mut self, step: &mut Step<'_>, group_id: &Str) {
        self.generation = next_generation(self.generation);
        self.protocol = None;
        self.leader = None;
        self.subscribed = Subscribed::Topics(BTreeSet::new());
        self.enter(step, Phase::Empty);
        self.store(step, group_id);
    }

    fn begin_generation(&mut self, step: &mut Step<'_>) {
        if !is_on(Mutant::GenerationNotIncreased) || self.generation == 0 {
            self.generation = next_generation(self.generation);
        }
        self.protocol = self.members.elect_protocol(self.leader);
        self.subscribed = self.subscriptions();
        self.enter(step, Phase::CompletingRebalance);
        for no in self.members.numbers() {
            let state = self.members.set_state(no, MemberState::AwaitingSync);
            if let (MemberState::Joining { parked, .. }, Some(member)) = (state, self.members.get(no)) {
                step.answer(parked.asker, self.joined(no, member));
            }
            self.renew_session(step, no);
        }
        self.timers.set(ClassicTimer::PendingSync, step.now.mono + self.members.longest_rebalance());
    }

    /// The topics of all members of a generation of consumers.
    pub(super) fn subscriptions(&self) -> Subscribed {
        let mut topics = BTreeSet::new();
        if self.protocol_type.as_ref().is_none_or(|kind| kind != CONSUMER) {
            return Subscribed::Topics(topics);
        }
        for (_, member) in self.members.iter() {
            let Ok(subscribed) = subscribed_topics(&member.metadata(self.protocol.as_ref())) else {
                return Subscribed::Unknown;
            };
            for topic in subscribed {
                if !topics.contains(&topic) {
                    topics.insert(topic.detach());
                }
            }
        }
        Subscribed::Topics(topics)
    }

    /// Takes a member out, and says why.
    pub(super) fn dismiss(&mut self, step: &mut Step<'_>, group_id: &Str, no: MemberNo, why: Departure) {
        if let Some(member) = self.members.get(no) {
            step.gone(group_id, &member.id, why);
        }
        self.remove(step, no);
    }

    /// Takes a member out and answers what it has parked. Whoever calls sees to what follows from it.
    fn remove(&mut self, step: &mut Step<'_>, no: MemberNo) {
        let Some(member) = self.members.remove(no) else {
            return;
        };
        self.timers.clear(ClassicTimer::Session(no));
        if self.leader == Some(no) && !is_on(Mutant::DeadMemberStaysLeader) {
            self.leader = self.members.oldest();
        }
        ClassicGroup::refuse_parked(step, member.state(), ErrorCode::UNKNOWN_MEMBER_ID, Str::default());
    }
}

/// Generations go on at 1 after the highest number: a negative one would mean that there is none.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(1).max(1)
}
