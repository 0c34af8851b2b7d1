//! Range: per topic, members in order take consecutive runs of partitions; the first (partitions mod members) get one more.
//!
//! Topics are taken one by one, so a group is even per topic but not over all; members with the same topics of the same
//! partition count own the same partition numbers of each. Nothing is sticky but through the order of members.

use alloc::vec;

use super::numbered::{Numbered, Owners};

/// Assigns by range.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>) -> Owners {
    let mut owners = vec![None; group.slots()];
    for (slots, subscribers) in group.topics() {
        let (quota, extra) = (slots.len() / subscribers.len(), slots.len() % subscribers.len());
        let mut rest = &mut owners[slots];
        for (place, member) in subscribers.iter().enumerate() {
            let (run, after) = rest.split_at_mut(quota + usize::from(place < extra));
            run.fill(Some(*member));
            rest = after;
        }
    }
    owners
}
