//! What is true of a classic group after every step.

use super::member::MemberState;
use super::tick::ClassicTimer;
use super::{ClassicGroup, Gathering, Phase};

impl ClassicGroup {
    /// Panics with what is wrong, if anything is.
    pub fn check_invariants(&self) {
        self.members.check_invariants();
        self.check_phase();
        self.check_timers();
        assert_eq!(
            self.leader.is_some(),
            !self.members.is_empty(),
            "a group has a leader exactly if it has members"
        );
        if let Some(leader) = self.leader {
            assert!(self.members.get(leader).is_some(), "the leader is no member");
        }
        for (_, member) in self.members.iter() {
            assert!(!self.pending.contains(&member.id), "member {} is pending too", member.id);
        }
    }

    fn check_phase(&self) {
        let (members, joining) = (self.members.len(), self.members.joining());
        match self.phase {
            Phase::Empty => assert_eq!(members, 0, "an empty group has members"),
            Phase::PreparingRebalance(Gathering::First { .. }) => {
                assert_eq!(joining, members, "a member of the first generation has not joined");
            }
            Phase::PreparingRebalance(Gathering::Again) => {
                assert!(members > 0, "a rebalance of nobody goes on");
                let waits_for_ids = joining == members && !self.pending.is_empty();
                assert!(joining < members || waits_for_ids, "all have joined and nothing happens");
            }
            Phase::CompletingRebalance | Phase::Stable => assert!(members > 0, "a generation of nobody"),
        }
        if matches!(self.phase, Phase::CompletingRebalance | Phase::Stable) {
            assert!(self.generation > 0 || self.recorded, "a generation before the first");
            assert!(self.protocol.is_some(), "a generation without a protocol");
        }
        for (_, member) in self.members.iter() {
            let fits = match member.state() {
                MemberState::Settled => self.phase != Phase::CompletingRebalance,
                MemberState::Joining { .. } => matches!(self.phase, Phase::PreparingRebalance(_)),
                MemberState::AwaitingSync => {
                    matches!(self.phase, Phase::CompletingRebalance | Phase::Stable)
                }
                MemberState::Syncing { .. } => self.phase == Phase::CompletingRebalance,
            };
            assert!(fits, "member {} is {:?} in {}", member.id, member.state(), self.phase.name());
        }
    }

    /// Nothing is waited for without an end.
    fn check_timers(&self) {
        let (mut sessions, mut ids) = (0, 0);
        let (mut rebalance, mut pending_sync) = (false, false);
        for timer in self.timers.keys() {
            match timer {
                ClassicTimer::Session(no) => {
                    let member = self.members.get(no).expect("the session of nobody");
                    let parked_again = matches!(
                        member.state(),
                        MemberState::Joining { first: false, .. } | MemberState::Syncing { .. }
                    );
                    assert!(!parked_again, "the session of {} runs while its request waits", member.id);
                    sessions += 1;
                }
                ClassicTimer::PendingId(_) => ids += 1,
                ClassicTimer::PendingSync => pending_sync = true,
                ClassicTimer::Rebalance => rebalance = true,
            }
        }
        let watched = self.members.iter().filter(|(_, member)| match member.state() {
            MemberState::Settled | MemberState::AwaitingSync => true,
            MemberState::Joining { first, .. } => first,
            MemberState::Syncing { .. } => false,
        });
        assert_eq!(sessions, watched.count(), "sessions and members that have one");
        assert_eq!(ids, self.pending.len(), "timers and pending ids");
        assert_eq!(rebalance, matches!(self.phase, Phase::PreparingRebalance(_)), "the end of the rebalance");
        assert_eq!(pending_sync, self.members.awaiting_sync() > 0, "the end of the wait for SyncGroups");
    }
}
