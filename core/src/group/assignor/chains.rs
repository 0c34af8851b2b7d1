//! Moves through several hands, for members with different topics.
//!
//! A may have too much of a topic that only B shares, and B share another topic with C, who has too little: then B takes from
//! A and gives to C. Loads are as even as they can be exactly when no such chain leads from a member to one with at least two
//! less (the optimality condition of convex minimum-cost flows). Likewise, a partition can go home to its last owner at no
//! cost if a chain of partitions that are not at home themselves evens it out.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;

use super::heterogeneous::{State, Topic};
use super::numbered::Owners;

/// How many members and topics searches may look at in all: a few milliseconds. A group that needs more is left as it is.
const VISITS: usize = 300_000;

/// Moves slots along the shortest chains until loads are as even as the subscriptions allow, then brings home what can be.
pub(super) fn even_out(state: &mut State, topics: &[Topic<'_>], before: &Owners) {
    let mut chains = Chains::new(state, topics, before);
    chains.even_out();
    chains.visits = 0;
    chains.bring_home();
}

struct Chains<'a> {
    state: &'a mut State,
    topics: &'a [Topic<'a>],
    before: &'a Owners,
    /// Per member its slots by topic, those it did not own before last.
    holdings: Vec<BTreeMap<usize, Vec<usize>>>,
    visits: usize,
    /// Numbers searches, so that the marks of earlier ones need not be wiped.
    round: usize,
    /// In which search, from which member and by which topic each member was reached last.
    came: Vec<(usize, u32, usize)>,
    /// In which search each topic was passed last.
    passed: Vec<usize>,
}

/// What may be given on along a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goods {
    Any,
    /// What its holder did not own before.
    NotAtHome,
}

enum Found {
    /// A chain from the first member searched to this one.
    End(u32),
    /// None; these are all that can be reached.
    Only(Vec<u32>),
}

impl<'a> Chains<'a> {
    fn new(state: &'a mut State, topics: &'a [Topic<'a>], before: &'a Owners) -> Chains<'a> {
        let members = state.loads.len();
        let mut holdings: Vec<BTreeMap<usize, Vec<usize>>> = vec![BTreeMap::new(); members];
        for (number, topic) in topics.iter().enumerate() {
            for is_new in [false, true] {
                for slot in topic.slots.clone() {
                    if let Some(owner) =
                        state.owners[slot].filter(|owner| (before[slot] != Some(*owner)) == is_new)
                    {
                        holdings[owner as usize].entry(number).or_default().push(slot);
                    }
                }
            }
        }
        let (came, passed) = (vec![(0, 0, 0); members], vec![0; topics.len()]);
        Chains { state, topics, before, holdings, visits: 0, round: 0, came, passed }
    }

    fn even_out(&mut self) {
        let mut closed = vec![false; self.state.loads.len()];
        let mut open: BTreeSet<(usize, u32)> =
            (0..closed.len() as u32).map(|member| self.state.load(member)).collect();
        while let Some((load, giver)) = open.pop_last() {
            if self.visits > VISITS {
                return;
            }
            match self
                .search(&[giver], Goods::Any, &closed, |loads, member| loads[member as usize] + 2 <= load)
            {
                Found::End(taker) => {
                    open.remove(&self.state.load(taker));
                    self.shift(taker);
                    open.insert(self.state.load(taker));
                    open.insert(self.state.load(giver));
                }
                // No chain leads out of these, and none of them has less than the giver by more than one. As the givers
                // come with falling loads, none of them can give or take any more.
                Found::Only(reached) => {
                    for member in reached {
                        open.remove(&self.state.load(member));
                        closed[member as usize] = true;
                    }
                }
            }
        }
    }

    fn bring_home(&mut self) {
        for number in 0..self.topics.len() {
            for slot in self.topics[number].slots.clone() {
                let (Some(home), Some(holder)) = (self.before[slot], self.state.owners[slot]) else {
                    continue;
                };
                if self.visits > VISITS {
                    return;
                }
                if home != holder && self.make_room(home, holder) {
                    self.hand(slot, number, holder, home);
                }
            }
        }
    }

    /// Makes it so that `home` can take a slot from `holder` and loads, whoever has them, are as they were. Says whether
    /// that can be done without taking anything from where it is at home.
    fn make_room(&mut self, home: u32, holder: u32) -> bool {
        let (at_home, at_holder) = (self.state.loads[home as usize], self.state.loads[holder as usize]);
        if at_home + 1 == at_holder {
            return true;
        }
        let none_closed = vec![false; self.state.loads.len()];
        // Home hands another one on, to whom has one less than the holder or to the holder itself.
        let is_end = |loads: &[usize], member| member == holder || loads[member as usize] + 1 == at_holder;
        if let Found::End(end) = self.search(&[home], Goods::NotAtHome, &none_closed, is_end) {
            self.shift(end);
            return true;
        }
        // Or someone with one more than home makes up for what the holder loses.
        let others = 0..self.state.loads.len() as u32;
        let starts: Vec<u32> = others
            .filter(|member| self.state.loads[*member as usize] == at_home + 1 && *member != holder)
            .collect();
        self.visits += none_closed.len() / 8;
        match self.search(&starts, Goods::NotAtHome, &none_closed, |_, member| member == holder) {
            Found::End(end) => {
                self.shift(end);
                true
            }
            Found::Only(_) => false,
        }
    }

    /// Looks for the shortest chain from one of some members to one at which it may end, past the closed ones.
    fn search(
        &mut self,
        starts: &[u32],
        goods: Goods,
        closed: &[bool],
        is_end: impl Fn(&[usize], u32) -> bool,
    ) -> Found {
        self.round += 1;
        self.visits += 1;
        let mut reached = starts.to_vec();
        let mut queue: VecDeque<u32> = starts.iter().copied().collect();
        starts.iter().for_each(|start| self.came[*start as usize] = (self.round, *start, 0));
        while let Some(giver) = queue.pop_front() {
            for (topic, slots) in &self.holdings[giver as usize] {
                let may_go = match goods {
                    Goods::Any => !slots.is_empty(),
                    Goods::NotAtHome => slots.last().is_some_and(|slot| self.before[*slot] != Some(giver)),
                };
                self.visits += 1;
                if !may_go || core::mem::replace(&mut self.passed[*topic], self.round) == self.round {
                    continue;
                }
                let subscribers = self.topics[*topic].subscribers;
                self.visits += subscribers.len();
                for taker in subscribers.iter().copied() {
                    if closed[taker as usize] || self.came[taker as usize].0 == self.round {
                        continue;
                    }
                    self.came[taker as usize] = (self.round, giver, *topic);
                    if is_end(&self.state.loads, taker) {
                        return Found::End(taker);
                    }
                    reached.push(taker);
                    queue.push_back(taker);
                }
            }
        }
        Found::Only(reached)
    }

    /// Moves one slot along each link of the chain that a search has found.
    fn shift(&mut self, end: u32) {
        let mut taker = end;
        loop {
            let (_, giver, topic) = self.came[taker as usize];
            // Where it starts.
            if giver == taker {
                return;
            }
            let goods = self.holdings[giver as usize].get(&topic);
            let Some(slot) = goods.and_then(|slots| slots.last()).copied() else { return };
            self.hand(slot, topic, giver, taker);
            taker = giver;
        }
    }

    fn hand(&mut self, slot: usize, topic: usize, giver: u32, taker: u32) {
        if let Some(slots) = self.holdings[giver as usize].get_mut(&topic)
            && let Some(place) = slots.iter().rposition(|other| *other == slot)
        {
            slots.remove(place);
        }
        let slots = self.holdings[taker as usize].entry(topic).or_default();
        match self.before[slot] == Some(taker) {
            true => slots.insert(0, slot),
            false => slots.push(slot),
        }
        self.state.give(slot, taker);
    }
}
