//! An acknowledged record is there in the end, at the offset that was told, unless somebody deleted it.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::ids::LogId;
use kelpgate_core::protocol::{Request, Str};
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::sends::{Acknowledged, Sends};
use super::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::history::{Observation, Place};
use crate::model::Kept;
use crate::network::LinkId;
use crate::node::{Node, NodeId};
use crate::payload::Value;

/// What was acknowledged, and what was read in the end.
#[derive(Debug, Default)]
pub struct Durable {
    partitions: BTreeMap<Place, Known>,
    sends: Sends,
    /// Topics of which compaction leaves the last record of each key.
    compacted: BTreeSet<Str>,
}

#[derive(Debug, Default)]
struct Known {
    /// By offset; whether it was acknowledged by all.
    acknowledged: BTreeMap<i64, (Value, bool)>,
    /// What was read after healing.
    read: BTreeMap<i64, Value>,
    /// Somebody read from the start after healing.
    audited: bool,
    /// Where the log started then, or somebody had deleted to.
    start: i64,
    /// Bytes of it were changed.
    damaged: bool,
}

impl Known {
    /// What was acknowledged and is not there.
    fn missing(&self, compacted: bool) -> Option<(i64, Value)> {
        let mut expected =
            self.acknowledged.range(self.start..).map(|(offset, (value, _))| (*offset, *value));
        let is_there = |(offset, value): (i64, Value)| match self.read.get(&offset) {
            Some(read) => *read == value,
            None if compacted => self
                .read
                .range(offset + 1..)
                .any(|(_, later)| later.key().is_some() && later.key() == value.key()),
            None => false,
        };
        expected.find(|one| !is_there(*one))
    }
}

impl Check for Durable {
    fn name(&self) -> &'static str {
        "acknowledged records are there in the end"
    }

    fn observed(&mut self, seen: Seen, what: &Observation) -> Verdict {
        if let Some(Acknowledged { place, values, by_all }) = self.sends.observed(what) {
            let known = self.partitions.entry(place).or_default();
            known.acknowledged.extend(values.into_iter().map(|(offset, value)| (offset, (value, by_all))));
        }
        match what {
            Observation::Polled(polled) if seen.healed => {
                let known = self.partitions.entry(polled.place.clone()).or_default();
                known.audited |= polled.position <= polled.log_start.max(0);
                known.start = known.start.max(polled.log_start);
                known.read.extend(polled.records.iter().map(|read| (read.offset, read.value)));
            }
            Observation::RecordsDeleted { place, before } => {
                let known = self.partitions.entry(place.clone()).or_default();
                known.start = known.start.max(*before);
            }
            Observation::TopicDeleted { node, topic } => {
                self.partitions.retain(|place, _| !place.is_of(*node, topic));
            }
            _ => {}
        }
        Ok(())
    }

    fn asked(&mut self, _: Seen, _: LinkId, _: &Sent, request: &Request) {
        if let Request::CreateTopics(request) = request {
            let compacted = request.topics.iter().filter(|topic| Kept::of(topic) == Kept::Changed);
            self.compacted.extend(compacted.map(|topic| topic.name.clone()));
        }
    }

    fn damaged(&mut self, place: &Place, _: LogId) {
        self.partitions.entry(place.clone()).or_default().damaged = true;
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        let keeps = node.options.sync == Sync::Disk;
        if survives != Survives::All {
            for (_, known) in self.partitions.iter_mut().filter(|(place, _)| place.node == id) {
                known.acknowledged.retain(|_, (_, by_all)| keeps && *by_all);
            }
        }
    }

    fn ended(&mut self, _: End<'_>) -> Verdict {
        for (place, known) in self.partitions.iter().filter(|(_, known)| known.audited && !known.damaged) {
            if let Some((offset, value)) = known.missing(self.compacted.contains(&place.topic)) {
                let end = known.read.last_key_value().map_or(0, |(last, _)| last + 1);
                return Err(format!(
                    "{place} offset {offset}, {value}, is gone; the last one read is before {end}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{hands_over, healed, lies_at, nobody, node, place, reads, seen};

    /// What the end is like after two records were acknowledged, and something happened.
    fn end(then: impl FnOnce(&mut Durable)) -> Verdict {
        let mut durable = Durable::default();
        for what in [hands_over(1, &[1, 2], -1, false), lies_at(1, 0)] {
            durable.observed(seen(1), &what).unwrap();
        }
        then(&mut durable);
        durable.ended(nobody())
    }

    fn audit(durable: &mut Durable, what: &Observation) {
        durable.observed(healed(2), what).unwrap();
    }

    #[test]
    fn what_was_acknowledged_is_there() {
        assert!(end(|durable| audit(durable, &reads(0, &[(0, 1), (1, 2)]))).is_ok());
        assert!(end(|durable| audit(durable, &reads(0, &[(0, 1)]))).is_err());
        assert!(end(|durable| audit(durable, &reads(0, &[(0, 1), (1, 3)]))).is_err(), "another record");
        assert!(end(|_| {}).is_ok(), "nobody has looked");
    }

    #[test]
    fn what_was_deleted_need_not_be_there() {
        let deleted = Observation::RecordsDeleted { place: place(0), before: 2 };
        let verdict = end(|durable| {
            audit(durable, &deleted);
            audit(durable, &reads(0, &[]));
        });
        assert!(verdict.is_ok());
    }

    #[test]
    fn neither_need_what_was_damaged() {
        let verdict = end(|durable| {
            audit(durable, &reads(0, &[(0, 1)]));
            let log = LogId { topic: kelpgate_core::uuid::Uuid([1; 16]), partition: 0 };
            durable.damaged(&place(0), log);
        });
        assert!(verdict.is_ok());
    }

    #[test]
    fn a_loss_of_power_takes_nothing_that_all_have_acknowledged() {
        let verdict = end(|durable| {
            durable.went_down(Instant::default(), 0, &node(), Survives::Nothing);
            audit(durable, &reads(0, &[]));
        });
        assert!(verdict.is_err());
    }

    #[test]
    fn compaction_leaves_the_last_record_of_a_key() {
        // Numbers 8 apart have the same key, if they have one.
        let keyed = |number: &u32| crate::check::made_up::value(*number).key().is_some();
        let first = (1..).find(|number| keyed(number) && keyed(&(number + 8))).unwrap();
        for (later, right) in [(first + 8, true), (first + 1, false)] {
            let mut durable = Durable::default();
            durable.compacted.insert("t".into());
            for what in [hands_over(1, &[first], -1, false), lies_at(1, 0)] {
                durable.observed(seen(1), &what).unwrap();
            }
            audit(&mut durable, &reads(0, &[(5, later)]));
            assert_eq!(durable.ended(nobody()).is_ok(), right);
        }
    }
}
