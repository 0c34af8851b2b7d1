//! Trades that bring partitions near to their members and leave everybody with as many as before.
//!
//! Members of one rack are alike here, so racks trade; those that do not say where they are, are near to nothing. A partition far from its member goes to a rack where it is near, from
//! where another one goes on to a rack where that is near too, and so on, until one comes that is far where it is, or near
//! to where the first came from: that one takes the first one's place. A trade takes nothing away from where it is near but
//! to where it is near as well. Such chains are the augmenting paths of a bipartite matching of partitions with places, so
//! when there are no more, no other assignment with the same places has more partitions near.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::numbered::Owners;
use super::racks::Racks;

/// How many racks trades may look at in all: a few milliseconds. What is far then stays far.
const VISITS: usize = 400_000;

/// Members with the smaller quota, who may take one more from a member with the larger one.
pub(super) struct Extras {
    /// How many slots each member has.
    pub(super) loads: Vec<usize>,
    /// The smaller quota.
    pub(super) quota: usize,
}

/// Brings near what can be. Any of `slots` must be allowed to any of their owners, and with `extras` to all members. What
/// is not with its last owner, according to `before`, is traded first.
pub(super) fn bring_near(
    racks: &Racks,
    slots: Range<usize>,
    owners: &mut Owners,
    before: &Owners,
    extras: Option<Extras>,
) {
    let mut market = Market::new(racks, owners, extras);
    let mut far: Vec<usize> = slots.clone().filter(|slot| market.is_far(*slot, before[*slot])).collect();
    if far.is_empty() {
        return;
    }
    far.sort_by_key(|slot| market.owners[*slot] == before[*slot]);
    // What comes last is traded first.
    for is_home in [true, false] {
        for slot in slots.clone().rev() {
            if (market.owners[slot] == before[slot]) == is_home {
                market.offer(slot);
            }
        }
    }
    for slot in far {
        if market.visits > VISITS {
            return;
        }
        market.trade(slot);
    }
}

struct Market<'a> {
    racks: &'a Racks,
    owners: &'a mut Owners,
    /// By the rack they are in and one they are near to: slots. Those that have left since are skipped.
    near: BTreeMap<(usize, usize), Vec<usize>>,
    /// By the rack they are in and far from: slots.
    far: Vec<Vec<usize>>,
    /// By rack: members that may take one more.
    spare: Vec<Vec<u32>>,
    extras: Option<Extras>,
    visits: usize,
}

/// How a chain ends.
enum End {
    /// This slot takes the place of the first.
    With(usize),
    /// This member takes one more.
    At(u32),
}

impl<'a> Market<'a> {
    fn new(racks: &'a Racks, owners: &'a mut Owners, extras: Option<Extras>) -> Market<'a> {
        let (far, spare) = (vec![Vec::new(); racks.count() + 1], vec![Vec::new(); racks.count() + 1]);
        let mut market = Market { racks, owners, near: BTreeMap::new(), far, spare, extras, visits: 0 };
        let members = market.extras.as_ref().map_or(0, |extras| extras.loads.len());
        for member in (0..members as u32).rev() {
            market.note_spare(member);
        }
        market
    }

    /// Whether a slot should be brought near. A member that does not say where it is may well be near to what it had.
    fn is_far(&self, slot: usize, before: Option<u32>) -> bool {
        let Some(owner) = self.owners[slot] else { return false };
        let racks = self.racks.of_slot(slot);
        !racks.is_empty()
            && self.racks.of_member(owner).map_or(before != Some(owner), |rack| !racks.contains(&rack))
    }

    /// The rack of a member; those that do not say have one of their own.
    fn rack(&self, member: u32) -> usize {
        self.racks.of_member(member).map_or(self.racks.count(), |rack| rack as usize)
    }

    /// The rack a slot is in.
    fn place(&self, slot: usize) -> Option<usize> {
        self.owners[slot].map(|owner| self.rack(owner))
    }

    /// The racks a slot is near to.
    fn near_to(&self, slot: usize) -> impl Iterator<Item = usize> + use<'a> {
        let racks = self.racks;
        racks.of_slot(slot).iter().map(|rack| *rack as usize)
    }

    /// Notes what a slot can be traded for where it is now.
    fn offer(&mut self, slot: usize) {
        let Some(place) = self.place(slot) else { return };
        let mut is_near = false;
        for rack in self.near_to(slot) {
            match rack == place {
                true => is_near = true,
                false => self.near.entry((place, rack)).or_default().push(slot),
            }
        }
        if !is_near {
            self.far[place].push(slot);
        }
    }

    /// Brings one slot near, if a chain of trades can.
    fn trade(&mut self, first: usize) {
        let Some((owner, home)) = self.owners[first].and_then(|owner| Some((owner, self.place(first)?)))
        else {
            return;
        };
        if self.near_to(first).any(|rack| rack == home) {
            return;
        }
        let Some((end, path)) = self.search(first, owner, home) else { return };
        let mut moved = vec![first];
        for link in path.windows(2) {
            moved.extend(self.take_near(link[0], link[1]));
        }
        let last = match end {
            End::With(slot) => {
                moved.push(slot);
                owner
            }
            End::At(member) => {
                self.shift_extra(owner, member);
                member
            }
        };
        // Each takes the place of the next.
        let places: Vec<Option<u32>> =
            moved.iter().skip(1).map(|slot| self.owners[*slot]).chain([Some(last)]).collect();
        for (slot, place) in moved.iter().zip(places) {
            self.owners[*slot] = place;
        }
        moved.into_iter().for_each(|slot| self.offer(slot));
    }

    /// The end of the shortest chain that brings `first` near, and the racks through which it goes.
    fn search(&mut self, first: usize, owner: u32, home: usize) -> Option<(End, Vec<usize>)> {
        let mut came: Vec<Option<usize>> = vec![None; self.racks.count() + 1];
        came[home] = Some(home);
        let mut queue = VecDeque::new();
        for rack in self.near_to(first) {
            came[rack] = Some(rack);
            queue.push_back(rack);
        }
        while let Some(rack) = queue.pop_front() {
            self.visits += came.len();
            if let Some(end) = self.end(rack, owner, home) {
                let mut path = vec![rack];
                while let Some(from) = came[path[path.len() - 1]].filter(|from| *from != path[path.len() - 1])
                {
                    path.push(from);
                }
                path.reverse();
                return Some((end, path));
            }
            let open: Vec<usize> = (0..came.len()).filter(|next| came[*next].is_none()).collect();
            for next in open.into_iter().filter(|next| self.peek_near(rack, *next).is_some()) {
                came[next] = Some(rack);
                queue.push_back(next);
            }
        }
        None
    }

    /// How a chain can end at a rack.
    fn end(&mut self, rack: usize, owner: u32, home: usize) -> Option<End> {
        while let Some(slot) = self.far[rack].pop() {
            if self.place(slot) == Some(rack) {
                return Some(End::With(slot));
            }
        }
        let has_extra = |extras: &Extras| extras.loads[owner as usize] > extras.quota;
        if self.extras.as_ref().is_some_and(has_extra)
            && let Some(member) = self.spare[rack].pop()
        {
            return Some(End::At(member));
        }
        self.take_near(rack, home).map(End::With)
    }

    /// A slot in one rack that is near to the other.
    fn peek_near(&mut self, rack: usize, other: usize) -> Option<usize> {
        loop {
            let slot = *self.near.get(&(rack, other))?.last()?;
            if self.place(slot) == Some(rack) {
                return Some(slot);
            }
            self.take(rack, other);
        }
    }

    fn take_near(&mut self, rack: usize, other: usize) -> Option<usize> {
        self.peek_near(rack, other)?;
        self.take(rack, other)
    }

    fn take(&mut self, rack: usize, other: usize) -> Option<usize> {
        self.near.get_mut(&(rack, other)).and_then(Vec::pop)
    }

    fn shift_extra(&mut self, from: u32, to: u32) {
        if let Some(extras) = &mut self.extras {
            extras.loads[from as usize] -= 1;
            extras.loads[to as usize] += 1;
        }
        self.note_spare(from);
    }

    fn note_spare(&mut self, member: u32) {
        if self.extras.as_ref().is_some_and(|extras| extras.loads[member as usize] == extras.quota) {
            let rack = self.rack(member);
            self.spare[rack].push(member);
        }
    }
}
