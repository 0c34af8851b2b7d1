//! Racks: whether a member can read a partition from a replica near by (KIP-392), and what assignors do about it (KIP-881).
//!
//! Balance comes first, racks second, ownership last: [`super::trade`] takes an even assignment and brings partitions near.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The racks of a group's members and slots, numbered.
pub(super) struct Racks {
    of_member: Vec<Option<u32>>,
    /// Where each slot's racks begin in `of_slots`; one more than there are slots.
    starts: Vec<usize>,
    of_slots: Vec<u32>,
    count: usize,
}

impl Racks {
    /// Numbers the racks of members and of slots, both in order. `None` if nothing is known of either.
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
        if of_slots.is_empty() {
            return None;
        }
        let count = numbers.len();
        Some(Racks { of_member, starts, of_slots, count })
    }

    /// The rack a member says it is in.
    pub(super) fn of_member(&self, member: u32) -> Option<u32> {
        self.of_member[member as usize]
    }

    /// How many racks there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The racks of a slot's replicas, rising.
    pub(super) fn of_slot(&self, slot: usize) -> &[u32] {
        &self.of_slots[self.starts[slot]..self.starts[slot + 1]]
    }

    /// Whether a replica of the slot is in the member's rack. A member that does not say where it is is near to everything.
    pub(super) fn is_near(&self, slot: usize, member: u32) -> bool {
        self.of_member(member).is_none_or(|rack| self.of_slot(slot).contains(&rack))
    }
}
