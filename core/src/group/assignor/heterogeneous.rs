//! Members with different topics: balance within each topic's subscribers, and few moves.
//!
//! Members keep what they own; what nobody owns goes to the subscriber with the least, topics with the most partitions per
//! subscriber first; then partitions move from members with more to members with less until no two members of a topic differ
//! by two or more while the larger one has a partition the other may have. Kafka's `UniformHeterogeneousAssignmentBuilder`
//! stops there; [`chains`] goes on until no assignment at all is more even. The work is bounded by [`VISITS`]: a group that
//! would need more is left less even, never incomplete.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

use super::chains;
use super::numbered::{Numbered, Owners};
use super::trade::bring_near;

/// How many partitions and subscribers of topics the balancing may look at in all: a few milliseconds.
const VISITS: usize = 300_000;

/// Assigns as evenly as the subscriptions allow.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>) -> Owners {
    let mut state = State { owners: vec![None; group.slots()], loads: vec![0; group.members()] };
    let before = group.owned();
    for (slot, owner) in before.iter().enumerate() {
        owner.iter().for_each(|owner| state.give(slot, *owner));
    }
    let mut topics: Vec<Topic<'_>> =
        group.topics().map(|(slots, subscribers)| Topic { slots, subscribers }).collect();
    // The most partitions per subscriber first: a / b > c / d, without fractions.
    topics.sort_by_key(|topic| Reverse(topic.slots.len() * SCALE / topic.subscribers.len()));
    topics.iter().for_each(|topic| state.assign_unowned(topic));
    let mut visits = 0;
    let mut moved = true;
    while moved && visits < VISITS {
        moved = false;
        for topic in &topics {
            moved |= state.balance(topic, &before);
            visits += topic.slots.len() + topic.subscribers.len();
        }
    }
    chains::even_out(&mut state, &topics, &before);
    if let Some(racks) = group.racks() {
        // Within a topic, where any subscriber may have any partition.
        topics
            .iter()
            .for_each(|topic| bring_near(racks, topic.slots.clone(), &mut state.owners, &before, None));
    }
    state.owners
}

/// Makes partitions per subscriber comparable as whole numbers.
const SCALE: usize = 1 << 16;

/// A topic with its slots and who may have them.
pub(super) struct Topic<'a> {
    pub(super) slots: Range<usize>,
    pub(super) subscribers: &'a [u32],
}

/// An assignment in the making.
pub(super) struct State {
    pub(super) owners: Owners,
    /// How many slots each member has.
    pub(super) loads: Vec<usize>,
}

impl State {
    /// Moves a slot to a member.
    pub(super) fn give(&mut self, slot: usize, member: u32) {
        if let Some(giver) = self.owners[slot].replace(member) {
            self.loads[giver as usize] -= 1;
        }
        self.loads[member as usize] += 1;
    }

    /// A member by how much it has.
    pub(super) fn load(&self, member: u32) -> (usize, u32) {
        (self.loads[member as usize], member)
    }

    /// Gives each slot without an owner to the subscriber with the least, the first in order among equals.
    fn assign_unowned(&mut self, topic: &Topic<'_>) {
        let mut free = topic.slots.clone().filter(|slot| self.owners[*slot].is_none()).peekable();
        if free.peek().is_none() {
            return;
        }
        let free: Vec<usize> = free.collect();
        let mut takers: BTreeSet<(usize, u32)> =
            topic.subscribers.iter().map(|member| self.load(*member)).collect();
        for slot in free {
            let Some((_, taker)) = takers.pop_first() else { return };
            self.give(slot, taker);
            takers.insert(self.load(taker));
        }
    }

    /// Moves slots of one topic from the member with the most to the one with the least until they differ by at most one.
    /// Says whether any moved.
    fn balance(&mut self, topic: &Topic<'_>, before: &Owners) -> bool {
        let least = topic.subscribers.iter().map(|member| self.loads[*member as usize]).min().unwrap_or(0);
        let mut goods = self.goods(topic, before, least);
        if goods.is_empty() {
            return false;
        }
        let mut takers: BTreeSet<(usize, u32)> =
            topic.subscribers.iter().map(|member| self.load(*member)).collect();
        let mut givers: BTreeSet<(usize, u32)> = goods.keys().map(|owner| self.load(*owner)).collect();
        let mut moved = false;
        while let (Some((most, giver)), Some((least, taker))) = (givers.pop_last(), takers.first().copied()) {
            if most <= least + 1 {
                break;
            }
            // A giver out of goods is done.
            let Some(slot) = goods.get_mut(&giver).and_then(Vec::pop) else { continue };
            takers.remove(&self.load(giver));
            takers.remove(&(least, taker));
            self.give(slot, taker);
            takers.insert(self.load(giver));
            takers.insert(self.load(taker));
            givers.insert(self.load(giver));
            moved = true;
        }
        moved
    }

    /// The slots of a topic that can go, by owner: those of members with at least two more than `least`. What the owner did
    /// not own before comes last, to go first.
    fn goods(&self, topic: &Topic<'_>, before: &Owners, least: usize) -> BTreeMap<u32, Vec<usize>> {
        let mut goods: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for is_new in [false, true] {
            for slot in topic.slots.clone() {
                if let Some(owner) = self.owners[slot]
                    && self.loads[owner as usize] > least + 1
                    && (before[slot] != Some(owner)) == is_new
                {
                    goods.entry(owner).or_default().push(slot);
                }
            }
        }
        goods
    }
}
