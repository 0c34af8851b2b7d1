//! Racks: whether a member can read a partition from a replica near by (KIP-392), and what assignors do about it (KIP-881).
//!
//! Balance comes first, racks second, ownership last: [`Racks::align`] takes an assignment and only trades partitions
//! between members, so nobody's number changes, and each trade brings more partitions near than it takes away. Done again on
//! its own result it finds nothing to trade, or improves it further; it never goes back.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use super::numbered::Owners;

/// The racks of a group's members and slots, numbered.
pub(super) struct Racks {
    of_member: Vec<Option<u32>>,
    /// Where each slot's racks begin in `of_slots`; one more than there are slots.
    starts: Vec<usize>,
    of_slots: Vec<u32>,
}

impl Racks {
    /// Numbers the racks of members and of slots, both in order. `None` if no member says where it is.
    pub(super) fn new<'a, I>(
        members: impl Iterator<Item = Option<&'a str>>,
        slots: impl Iterator<Item = I>,
    ) -> Option<Racks>
    where
        I: Iterator<Item = &'a str>,
    {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let mut number = |name: &'a str| {
            let next = numbers.len() as u32;
            *numbers.entry(name).or_insert(next)
        };
        let of_member: Vec<Option<u32>> =
            members.map(|rack| rack.filter(|rack| !rack.is_empty()).map(&mut number)).collect();
        if of_member.iter().all(Option::is_none) {
            return None;
        }
        let mut starts = Vec::from([0]);
        let mut of_slots = Vec::new();
        for slot in slots {
            let first = of_slots.len();
            of_slots.extend(slot.map(&mut number));
            of_slots[first..].sort_unstable();
            starts.push(of_slots.len());
        }
        Some(Racks { of_member, starts, of_slots })
    }

    /// The rack a member says it is in.
    pub(super) fn of_member(&self, member: u32) -> Option<u32> {
        self.of_member[member as usize]
    }

    /// The racks of a slot's replicas, rising.
    pub(super) fn of_slot(&self, slot: usize) -> &[u32] {
        &self.of_slots[self.starts[slot]..self.starts[slot + 1]]
    }

    /// Whether a replica of the slot is in the member's rack. A member that does not say where it is is near to everything.
    pub(super) fn is_near(&self, slot: usize, member: u32) -> bool {
        self.of_member(member).is_none_or(|rack| self.of_slot(slot).contains(&rack))
    }

    /// Trades slots between their owners wherever that brings more of them near. Any of `slots` must be allowed to
    /// any of their owners.
    pub(super) fn align(&self, slots: Range<usize>, owners: &mut Owners) {
        let far: Vec<usize> = slots.clone().filter(|slot| self.is_far(*slot, owners)).collect();
        if far.is_empty() {
            return;
        }
        let mut offers = self.offers(slots, owners);
        for slot in far {
            let Some(owner) = owners[slot].filter(|owner| !self.is_near(slot, *owner)) else { continue };
            if let Some(other) = self.partner(slot, owner, &mut offers, owners) {
                owners.swap(slot, other);
            }
        }
    }

    fn is_far(&self, slot: usize, owners: &Owners) -> bool {
        owners[slot].is_some_and(|owner| !self.is_near(slot, owner))
    }

    /// What the members of each rack can give away: what is far from them, to anyone, and what is near them, to a rack it
    /// is near as well.
    fn offers(&self, slots: Range<usize>, owners: &Owners) -> BTreeMap<(u32, Offer), Vec<usize>> {
        let mut offers: BTreeMap<(u32, Offer), Vec<usize>> = BTreeMap::new();
        // Backwards, so that the first is taken first.
        for slot in slots.rev() {
            let Some((owner, home)) = owners[slot].and_then(|owner| Some((owner, self.of_member(owner)?)))
            else {
                continue;
            };
            if !self.is_near(slot, owner) {
                offers.entry((home, Offer::Far)).or_default().push(slot);
                continue;
            }
            for rack in self.of_slot(slot).iter().filter(|rack| **rack != home) {
                offers.entry((home, Offer::NearAlso(*rack))).or_default().push(slot);
            }
        }
        offers
    }

    /// A slot of a member near `slot` that `owner` can take for it.
    fn partner(
        &self,
        slot: usize,
        owner: u32,
        offers: &mut BTreeMap<(u32, Offer), Vec<usize>>,
        owners: &Owners,
    ) -> Option<usize> {
        let home = self.of_member(owner)?;
        for offer in [Offer::Far, Offer::NearAlso(home)] {
            for rack in self.of_slot(slot) {
                let Some(open) = offers.get_mut(&(*rack, offer)) else { continue };
                while let Some(other) = open.pop() {
                    // An offer lapses when its slot has been traded.
                    let stands = owners[other].is_some_and(|other_owner| {
                        self.of_member(other_owner) == Some(*rack)
                            && self.is_near(other, other_owner) == (offer != Offer::Far)
                    });
                    if stands {
                        return Some(other);
                    }
                }
            }
        }
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Offer {
    /// Far from its owner.
    Far,
    /// Near its owner, and near this rack too.
    NearAlso(u32),
}
