//! Range: per topic, members in order take consecutive runs of partitions; the first (partitions mod members) get one more.
//!
//! Topics are taken one by one, so a group is even per topic but not over all; members with the same topics of the same
//! partition count own the same partition numbers of each. Nothing is sticky but through the order of members.
//!
//! Where racks are known and make a difference, members first take what is near them, up to their share; topics with the
//! same members and partition count move together, so that they keep the same numbers (KIP-881, Kafka's client-side
//! `RangeAssignor`; its server-side one knows no racks).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::numbered::{Numbered, Owners};
use super::racks::Racks;

/// Assigns by range.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>) -> Owners {
    let mut owners = vec![None; group.slots()];
    let mut shares: Vec<Shares<'_>> =
        group.topics().map(|(slots, members)| Shares::new(slots, members)).collect();
    if let Some(racks) = group.racks()
        && shares.iter().any(|topic| topic.racks_differ(racks))
    {
        let mut alike: BTreeMap<(&[u32], usize), Vec<&mut Shares<'_>>> = BTreeMap::new();
        for topic in &mut shares {
            alike.entry((topic.members, topic.slots.len())).or_default().push(topic);
        }
        for topics in alike.values_mut() {
            match &mut topics[..] {
                [topic] if topic.racks_differ(racks) => topic.deal_near(racks, &mut owners),
                [_] => {}
                together => take_together(together, racks, &mut owners),
            }
        }
    }
    shares.iter_mut().for_each(|topic| topic.deal_rest(&mut owners));
    owners
}

/// Gives each partition number of all these topics to the first member that is near all of them and has room.
fn take_together(topics: &mut [&mut Shares<'_>], racks: &Racks, owners: &mut Owners) {
    let Some((members, partitions)) = topics.first().map(|topic| (topic.members, topic.slots.len())) else {
        return;
    };
    let mut hungry: BTreeSet<usize> = (0..members.len()).collect();
    for partition in 0..partitions {
        let mut slots = topics.iter().map(|topic| racks.of_slot(topic.slots.start + partition));
        let (first, rest) = (slots.next().unwrap_or(&[]), slots.collect::<Vec<_>>());
        let common: Vec<u32> =
            first.iter().copied().filter(|rack| rest.iter().all(|racks| racks.contains(rack))).collect();
        let is_near =
            |place: usize| racks.of_member(members[place]).is_none_or(|rack| common.contains(&rack));
        // All of these topics are given alike, so there is room in one when there is in all.
        let has_room = |place: usize| topics.first().is_some_and(|topic| topic.room(place) > 0);
        let Some(place) = hungry.iter().copied().find(|place| is_near(*place) && has_room(*place)) else {
            continue;
        };
        for topic in topics.iter_mut() {
            owners[topic.slots.start + partition] = Some(members[place]);
            topic.take(place, 1);
        }
        if topics.first().is_some_and(|topic| topic.room(place) == 0) {
            hungry.remove(&place);
        }
    }
}

/// How much of one topic each of its members may still take.
struct Shares<'a> {
    slots: Range<usize>,
    members: &'a [u32],
    /// What everyone gets.
    quota: usize,
    /// How many may still take one more than that.
    extra: usize,
    /// How many each member has, by its place among `members`.
    taken: Vec<usize>,
}

impl<'a> Shares<'a> {
    fn new(slots: Range<usize>, members: &'a [u32]) -> Shares<'a> {
        let (quota, extra) = (slots.len() / members.len(), slots.len() % members.len());
        Shares { slots, members, quota, extra, taken: vec![0; members.len()] }
    }

    fn room(&self, place: usize) -> usize {
        (self.quota + usize::from(self.extra > 0)).saturating_sub(self.taken[place])
    }

    fn take(&mut self, place: usize, count: usize) {
        self.taken[place] += count;
        if count > 0 && self.taken[place] > self.quota {
            self.extra -= 1;
        }
    }

    /// Lets the members in order take their share of what is near them.
    fn deal_near(&mut self, racks: &Racks, owners: &mut Owners) {
        let mut left: Vec<usize> = self.slots.clone().collect();
        for (place, member) in self.members.iter().enumerate() {
            let room = self.room(place);
            let mut count = 0;
            left.retain(|slot| {
                let takes = count < room && racks.is_near(*slot, *member);
                if takes {
                    owners[*slot] = Some(*member);
                    count += 1;
                }
                !takes
            });
            self.take(place, count);
        }
    }

    /// Lets the members in order take their share of what is left.
    fn deal_rest(&mut self, owners: &mut Owners) {
        let mut left = owners[self.slots.clone()].iter_mut().filter(|owner| owner.is_none());
        for (place, member) in self.members.iter().enumerate() {
            let mut count = 0;
            left.by_ref().take(self.room(place)).for_each(|owner| {
                *owner = Some(*member);
                count += 1;
            });
            self.take(place, count);
        }
    }

    /// Whether racks matter here: some member's rack has some partition, and not every partition is in all of those racks.
    fn racks_differ(&self, racks: &Racks) -> bool {
        let everywhere: BTreeSet<u32> =
            self.slots.clone().flat_map(|slot| racks.of_slot(slot)).copied().collect();
        let meets = self
            .members
            .iter()
            .filter_map(|member| racks.of_member(*member))
            .any(|rack| everywhere.contains(&rack));
        meets
            && !self
                .slots
                .clone()
                .all(|slot| everywhere.iter().all(|rack| racks.of_slot(slot).contains(rack)))
    }
}
