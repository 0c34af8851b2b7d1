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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{member, owns, seen};

    #[test]
    fn a_partition_has_one_owner_in_an_epoch() {
        let mut ownership = Ownership::default();
        ownership.observed(seen(1), &owns("a", 3, &[0, 1])).unwrap();
        assert!(ownership.observed(seen(2), &owns("b", 3, &[2])).is_ok());
        assert!(ownership.observed(seen(2), &owns("b", 3, &[1, 2])).is_err());
        assert!(
            ownership.observed(seen(2), &owns("b", 4, &[1, 2])).is_ok(),
            "the other has yet to hear of it"
        );
    }

    #[test]
    fn who_has_lost_everything_owns_nothing() {
        let mut ownership = Ownership::default();
        ownership.observed(seen(1), &owns("a", 3, &[0])).unwrap();
        ownership.observed(seen(1), &Observation::Lost { who: member("a") }).unwrap();
        assert!(ownership.observed(seen(2), &owns("b", 3, &[0])).is_ok());
    }
}
