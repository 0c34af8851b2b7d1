//! In one generation or epoch a partition has one owner, as the members themselves see it.

use std::collections::BTreeMap;

use super::{Check, Seen, Verdict};
use crate::history::{Membership, Observation, Place};

/// Who owns what.
#[derive(Debug, Default)]
pub struct Ownership {
    current: BTreeMap<Membership, (i32, Vec<Place>)>,
}

impl Check for Ownership {
    fn name(&self) -> &'static str {
        "a partition has one owner in a generation"
    }

    fn observed(&mut self, _: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::Owns { who, epoch, partitions } => {
                let first = Membership { member: Default::default(), ..who.clone() };
                let of_group = self.current.range(first..);
                let of_group =
                    of_group.take_while(|(other, _)| (other.node, &other.group) == (who.node, &who.group));
                for (other, (theirs, places)) in of_group.filter(|(other, _)| *other != who) {
                    let both = partitions.iter().find(|place| places.contains(place));
                    if let Some(place) = both.filter(|_| theirs == epoch) {
                        let (group, one, two) = (&who.group, &who.member, &other.member);
                        return Err(format!("group {group}: {one} and {two} own {place} in {epoch}"));
                    }
                }
                self.current.insert(who.clone(), (*epoch, partitions.clone()));
            }
            Observation::Lost { who } => {
                self.current.remove(who);
            }
            _ => {}
        }
        Ok(())
    }
}
