//! Members with the same topics: sizes differ by at most one over all topics, and no more partitions move than that needs.
//!
//! Each member has a quota: partitions divided by members, and one more for as many as the remainder says. Members who own
//! more than the smaller quota come first for those extras; what they then own above their quota goes, with what nobody owns,
//! to the members below theirs. That is the rule of Kafka's `UniformHomogeneousAssignmentBuilder` and, but for who gets the
//! rest of the extras, of the constrained case of its `AbstractStickyAssignor`. Racks are seen to afterwards.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use super::numbered::{Numbered, Owners};
use super::trade::{Extras, bring_near};

/// How what nobody owns is given to those below their quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dealing {
    /// Member by member; the last ones get the extras (`uniform`).
    InRuns,
    /// One each in turn; the first to have the smaller quota get the extras (`sticky`).
    InTurn,
}

/// Assigns evenly; every member must have the same topics.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>, dealing: Dealing) -> Owners {
    let mut owners: Owners = vec![None; group.slots()];
    if group.members() == 0 {
        return owners;
    }
    let (quota, mut extra) = (group.slots() / group.members(), group.slots() % group.members());
    let mut kept = Vec::with_capacity(group.members());
    for member in 0..group.members() {
        let claims = group.claims(member);
        let takes_extra = extra > 0 && claims.len() > quota;
        extra -= usize::from(takes_extra);
        let own = &claims[..claims.len().min(quota + usize::from(takes_extra))];
        own.iter().for_each(|slot| owners[*slot] = Some(member as u32));
        kept.push(own.len());
    }
    let dealt = match dealing {
        Dealing::InRuns => in_runs(&kept, quota, extra),
        Dealing::InTurn => in_turn(&kept, quota, extra),
    };
    owners
        .iter_mut()
        .filter(|owner| owner.is_none())
        .zip(dealt)
        .for_each(|(owner, member)| *owner = Some(member));
    if let Some(racks) = group.racks() {
        let mut loads = vec![0; group.members()];
        owners.iter().flatten().for_each(|owner| loads[*owner as usize] += 1);
        bring_near(racks, 0..group.slots(), &mut owners, &group.owned(), Some(Extras { loads, quota }));
    }
    owners
}

/// The members below their quota, each as often as it misses a slot, member by member.
fn in_runs(kept: &[usize], quota: usize, extra: usize) -> Vec<u32> {
    let mut quotas = vec![quota; kept.len()];
    // Those above the smaller quota already have their extra.
    let without = quotas.iter_mut().zip(kept).rev().filter(|(_, kept)| **kept <= quota);
    without.take(extra).for_each(|(quota, _)| *quota += 1);
    let missing = quotas.iter().zip(kept).map(|(quota, kept)| quota.saturating_sub(*kept));
    missing.enumerate().flat_map(|(member, missing)| core::iter::repeat_n(member as u32, missing)).collect()
}

/// The members below their quota, each as often as it misses a slot, in turn.
fn in_turn(kept: &[usize], quota: usize, extra: usize) -> Vec<u32> {
    let numbered = || kept.iter().enumerate().map(|(member, kept)| (member as u32, *kept));
    let mut below: VecDeque<(u32, usize)> = numbered().filter(|(_, kept)| *kept < quota).collect();
    let mut filled: Vec<u32> =
        numbered().filter(|(_, kept)| *kept == quota).map(|(member, _)| member).collect();
    let mut dealt = Vec::new();
    while let Some((member, kept)) = below.pop_front() {
        dealt.push(member);
        match kept + 1 < quota {
            true => below.push_back((member, kept + 1)),
            false => filled.push(member),
        }
    }
    dealt.extend(filled.into_iter().take(extra));
    dealt
}
