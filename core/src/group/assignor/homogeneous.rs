//! Members with the same topics: sizes differ by at most one over all topics, and no more partitions move than that needs.
//!
//! Each member has a quota: partitions divided by members, and one more for as many as the remainder says. Members who own
//! more than the smaller quota come first for those; what they then own above their quota goes, with what nobody owns, to the
//! members below theirs. The rule is that of Kafka's `UniformHomogeneousAssignmentBuilder`.

use alloc::vec;
use alloc::vec::Vec;

use super::numbered::{Numbered, Owners};

/// Assigns evenly; every member must have the same topics.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>) -> Owners {
    let quotas = quotas(group);
    let mut owners: Owners = vec![None; group.slots()];
    let mut needy = Vec::new();
    for (member, quota) in quotas.into_iter().enumerate() {
        let kept = group.claims(member).iter().take(quota);
        let room = quota - kept.len();
        kept.for_each(|slot| owners[*slot] = Some(member as u32));
        if room > 0 {
            needy.push((member as u32, room));
        }
    }
    let places = needy.into_iter().flat_map(|(member, room)| core::iter::repeat_n(member, room));
    owners
        .iter_mut()
        .filter(|owner| owner.is_none())
        .zip(places)
        .for_each(|(owner, member)| *owner = Some(member));
    owners
}

/// How many slots each member is to have.
fn quotas<K: Copy + Ord>(group: &Numbered<K>) -> Vec<usize> {
    if group.members() == 0 {
        return Vec::new();
    }
    let (quota, mut extra) = (group.slots() / group.members(), group.slots() % group.members());
    let mut quotas = vec![quota; group.members()];
    let mut raise = |members: &mut dyn Iterator<Item = (usize, &mut usize)>| {
        for (_, own) in members.take(extra) {
            *own += 1;
            extra -= 1;
        }
    };
    raise(&mut quotas.iter_mut().enumerate().filter(|(member, _)| group.claims(*member).len() > quota));
    raise(&mut quotas.iter_mut().enumerate().rev().filter(|(_, own)| **own == quota));
    quotas
}
