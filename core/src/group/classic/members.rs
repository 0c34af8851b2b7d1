//! All members of a classic group, with counts that make the questions of a rebalance cheap.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::member::{Member, MemberNo, MemberState, Protocol, Timeouts};
use crate::protocol::Str;
use crate::protocol::join_group::JoinGroupRequestProtocol;

/// The members, found by number, id and instance; each lookup and change costs the logarithm of their number.
#[derive(Debug, Default)]
pub struct Members {
    by_no: BTreeMap<MemberNo, Member>,
    by_id: BTreeMap<Str, MemberNo>,
    by_instance: BTreeMap<Str, MemberNo>,
    /// How many members follow each protocol.
    support: BTreeMap<Str, usize>,
    joining: usize,
    awaiting_sync: usize,
    /// How many members were looked at one after another, for tests of what requests cost.
    #[cfg(test)]
    pub(super) visits: core::cell::Cell<usize>,
}

impl Members {
    pub fn len(&self) -> usize {
        self.by_no.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_no.is_empty()
    }

    /// How many have a JoinGroup parked.
    pub fn joining(&self) -> usize {
        self.joining
    }

    /// How many have yet to ask for the assignment of their generation.
    pub fn awaiting_sync(&self) -> usize {
        self.awaiting_sync
    }

    pub fn get(&self, no: MemberNo) -> Option<&Member> {
        self.by_no.get(&no)
    }

    pub fn by_id(&self, id: &str) -> Option<MemberNo> {
        self.by_id.get(id).copied()
    }

    pub fn by_instance(&self, instance_id: &str) -> Option<MemberNo> {
        self.by_instance.get(instance_id).copied()
    }

    /// One that this client was the first to be: what [`crate::mutant`] takes for the identity of a member.
    pub fn of_client(&self, client_id: &str) -> Option<MemberNo> {
        self.by_no.iter().find(|(_, member)| member.client.id == *client_id).map(|(no, _)| *no)
    }

    /// In the order in which they joined. The only way to look at all of them: no request does that except those that
    /// begin or end a phase.
    pub fn iter(&self) -> impl Iterator<Item = (MemberNo, &Member)> {
        self.by_no.iter().map(|(no, member)| {
            #[cfg(test)]
            self.visits.set(self.visits.get() + 1);
            (*no, member)
        })
    }

    /// The numbers alone, so that members can change on the way.
    pub fn numbers(&self) -> Vec<MemberNo> {
        self.iter().map(|(no, _)| no).collect()
    }

    /// The member that joined before all others.
    pub fn oldest(&self) -> Option<MemberNo> {
        self.by_no.keys().next().copied()
    }

    /// Adds a member under a number, an id and an instance that are not in use.
    pub fn insert(&mut self, no: MemberNo, member: Member) {
        let taken = self.by_id.insert(member.id.clone(), no);
        assert!(taken.is_none(), "two members {}", member.id);
        if let Some(instance) = &member.instance_id {
            let taken = self.by_instance.insert(instance.clone(), no);
            assert!(taken.is_none(), "two members of instance {instance}");
        }
        self.count_protocols(&member.protocols);
        self.count_state(member.state, true);
        let taken = self.by_no.insert(no, member);
        assert!(taken.is_none(), "two members with number {no:?}");
    }

    /// Takes a member out.
    pub fn remove(&mut self, no: MemberNo) -> Option<Member> {
        let member = self.by_no.remove(&no)?;
        self.by_id.remove(&member.id);
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        self.discount_protocols(&member.protocols);
        self.count_state(member.state, false);
        Some(member)
    }

    /// Changes what a member waits for; gives what it waited for before.
    pub fn set_state(&mut self, no: MemberNo, state: MemberState) -> MemberState {
        let Some(member) = self.by_no.get_mut(&no) else {
            return MemberState::Settled;
        };
        let before = core::mem::replace(&mut member.state, state);
        self.count_state(before, false);
        self.count_state(state, true);
        before
    }

    /// Gives a static member another id.
    pub fn rename(&mut self, no: MemberNo, id: Str) {
        if let Some(member) = self.by_no.get_mut(&no) {
            self.by_id.remove(&member.id);
            self.by_id.insert(id.clone(), no);
            member.id = id;
        }
    }

    /// Changes what a member said of itself when it joined.
    pub fn update(&mut self, no: MemberNo, timeouts: Timeouts, protocols: &[JoinGroupRequestProtocol]) {
        let Some(member) = self.by_no.get_mut(&no) else {
            return;
        };
        member.timeouts = timeouts;
        if member.offers(protocols) {
            return;
        }
        let old = core::mem::take(&mut member.protocols);
        let new = self.own_protocols(protocols);
        self.count_protocols(&new);
        self.discount_protocols(&old);
        if let Some(member) = self.by_no.get_mut(&no) {
            member.protocols = new;
        }
    }

    pub fn set_assignment(&mut self, no: MemberNo, assignment: Bytes) {
        if let Some(member) = self.by_no.get_mut(&no) {
            member.assignment = assignment;
        }
    }

    /// A copy of a request's protocols in memory of its own; names are shared with other members.
    pub fn own_protocols(&self, protocols: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
        let name = |name: &Str| match self.support.get_key_value(name) {
            Some((known, _)) => known.clone(),
            None => name.detach(),
        };
        let own = |protocol: &JoinGroupRequestProtocol| Protocol {
            name: name(&protocol.name),
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        };
        protocols.iter().map(own).collect()
    }

    /// Whether one of these is followed by every member.
    pub fn share_one_of(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        protocols.iter().any(|protocol| self.all_follow(&protocol.name))
    }

    /// The protocol all members follow that most of them like best of those; the one the leader likes better if two
    /// have as many votes. None without members or without a protocol they share.
    pub fn elect_protocol(&self, leader: Option<MemberNo>) -> Option<Str> {
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for (_, member) in self.iter() {
            if let Some(choice) = member.protocols.iter().find(|own| self.all_follow(&own.name)) {
                *votes.entry(&choice.name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        let mut liked = votes.iter().filter(|(_, count)| **count == most).map(|(name, _)| *name);
        let leaders = leader.and_then(|leader| self.get(leader)).map(|leader| leader.protocols.as_slice());
        let preferred = leaders.unwrap_or_default().iter().map(|own| &own.name);
        let preferred = preferred.into_iter().find(|name| votes.get(name) == Some(&most));
        preferred.or_else(|| liked.next()).cloned()
    }

    /// The longest that any member may take to join a rebalance; nothing without members.
    pub fn longest_rebalance(&self) -> Duration {
        self.iter().map(|(_, member)| member.timeouts.rebalance()).max().unwrap_or_default()
    }

    fn all_follow(&self, protocol: &Str) -> bool {
        self.support.get(protocol) == Some(&self.by_no.len())
    }

    fn count_state(&mut self, state: MemberState, more: bool) {
        let count = match state {
            MemberState::Joining { .. } => &mut self.joining,
            MemberState::AwaitingSync => &mut self.awaiting_sync,
            MemberState::Settled | MemberState::Syncing { .. } => return,
        };
        *count = if more { *count + 1 } else { *count - 1 };
    }

    fn count_protocols(&mut self, protocols: &[Protocol]) {
        for name in distinct(protocols) {
            match self.support.get_mut(name) {
                Some(count) => *count += 1,
                None => {
                    self.support.insert(name.clone(), 1);
                }
            }
        }
    }

    fn discount_protocols(&mut self, protocols: &[Protocol]) {
        for name in distinct(protocols) {
            if let Some(count) = self.support.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.support.remove(name);
                }
            }
        }
    }

    /// Panics if a count or an index is wrong.
    pub fn check_invariants(&self) {
        let mut support: BTreeMap<Str, usize> = BTreeMap::new();
        let (mut joining, mut awaiting_sync, mut instances) = (0, 0, 0);
        for (no, member) in &self.by_no {
            assert_eq!(self.by_id.get(&member.id), Some(no), "member {} is not found by its id", member.id);
            if let Some(instance) = &member.instance_id {
                assert_eq!(self.by_instance.get(instance), Some(no), "instance {instance} is not found");
                instances += 1;
            }
            for name in distinct(&member.protocols) {
                *support.entry(name.clone()).or_default() += 1;
            }
            joining += usize::from(matches!(member.state, MemberState::Joining { .. }));
            awaiting_sync += usize::from(matches!(member.state, MemberState::AwaitingSync));
        }
        assert_eq!(self.by_id.len(), self.by_no.len(), "an id without a member");
        assert_eq!(self.by_instance.len(), instances, "an instance without a member");
        assert_eq!(self.support, support, "the count of protocols");
        assert_eq!(
            (self.joining, self.awaiting_sync),
            (joining, awaiting_sync),
            "the counts of waiting members"
        );
    }
}

/// The names, each once even if a client repeats one.
fn distinct(protocols: &[Protocol]) -> BTreeSet<&Str> {
    protocols.iter().map(|protocol| &protocol.name).collect()
}
