//! One offset has one value, for ever, and it is one that somebody sent, whole; a record of an idempotent producer has
//! one offset.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::ids::LogId;
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::sends::{Acknowledged, Sends};
use super::{Check, Seen, Verdict};
use crate::disk::Survives;
use crate::history::{Observation, Place};
use crate::node::{Node, NodeId};
use crate::payload::Value;

/// What is known of each partition.
#[derive(Debug, Default)]
pub struct Values {
    partitions: BTreeMap<Place, Known>,
    sends: Sends,
}

#[derive(Debug, Default)]
struct Known {
    /// By offset; whether no loss of power may change it.
    values: BTreeMap<i64, (Value, bool)>,
    sent: BTreeSet<Value>,
    /// Those that may be there once only.
    once: BTreeSet<Value>,
    offsets: BTreeMap<Value, i64>,
    /// Bytes of it were changed.
    damaged: bool,
}

impl Known {
    fn is(&mut self, place: &Place, offset: i64, value: Value, firm: bool) -> Verdict {
        if !self.sent.contains(&value) {
            return Err(format!("{place} offset {offset} is {value}, which nobody sent there"));
        }
        let (before, was_firm) = self.values.get(&offset).copied().unwrap_or((value, false));
        if before != value {
            return Err(format!("{place} offset {offset} was {before} and is {value}"));
        }
        self.values.insert(offset, (value, firm || was_firm));
        if !self.once.contains(&value) || self.damaged {
            return Ok(());
        }
        match self.offsets.insert(value, offset) {
            Some(other) if other != offset => {
                Err(format!("{place} has {value} at {other} and at {offset}, from an idempotent producer"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Values that may change are not known any more.
    fn lost_power(&mut self, keeps: bool) {
        let Known { values, offsets, .. } = self;
        values.retain(|_, (_, firm)| keeps && *firm);
        offsets.retain(|_, offset| values.contains_key(offset));
    }
}

impl Check for Values {
    fn name(&self) -> &'static str {
        "one offset has one value that was sent, idempotent ones are there once"
    }

    fn observed(&mut self, _: Seen, what: &Observation) -> Verdict {
        if let Some(Acknowledged { place, values, by_all }) = self.sends.observed(what) {
            let known = self.partitions.entry(place.clone()).or_default();
            values.into_iter().try_for_each(|(offset, value)| known.is(&place, offset, value, by_all))?;
        }
        match what {
            Observation::Sent { place, values, idempotent, .. } => {
                let known = self.partitions.entry(place.clone()).or_default();
                known.sent.extend(values);
                if *idempotent {
                    known.once.extend(values);
                }
                Ok(())
            }
            Observation::Polled(polled) => {
                let place = &polled.place;
                let known = self.partitions.entry(place.clone()).or_default();
                polled.records.iter().try_for_each(|read| known.is(place, read.offset, read.value, true))
            }
            Observation::Changed { place, offset, what } => Err(format!("{place} offset {offset}: {what}")),
            Observation::TopicDeleted { node, topic } => {
                for (_, known) in self.partitions.iter_mut().filter(|(place, _)| place.is_of(*node, topic)) {
                    known.lost_power(false);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn damaged(&mut self, place: &Place, _: LogId) {
        // A batch that cannot be read is stored again when its producer sends it again.
        let known = self.partitions.entry(place.clone()).or_default();
        known.damaged = true;
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        if survives == Survives::All {
            return;
        }
        for (_, known) in self.partitions.iter_mut().filter(|(place, _)| place.node == id) {
            known.lost_power(node.options.sync == Sync::Disk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{hands_over, lies_at, node, place, reads, seen};

    fn after(history: &[Observation]) -> Values {
        let mut values = Values::default();
        history.iter().for_each(|what| values.observed(seen(1), what).expect("nothing is wrong yet"));
        values
    }

    #[test]
    fn what_nobody_sent_is_not_read() {
        assert!(after(&[]).observed(seen(2), &reads(0, &[(0, 1)])).is_err());
        assert!(after(&[hands_over(1, &[1], -1, false)]).observed(seen(2), &reads(0, &[(0, 1)])).is_ok());
    }

    #[test]
    fn an_offset_has_one_value() {
        let mut values =
            after(&[hands_over(1, &[1], -1, false), hands_over(2, &[2], -1, false), lies_at(1, 0)]);
        assert!(values.observed(seen(2), &reads(0, &[(0, 2)])).is_err());
        assert!(values.observed(seen(2), &reads(0, &[(0, 1)])).is_ok());
    }

    #[test]
    fn a_record_of_an_idempotent_producer_is_there_once() {
        for (idempotent, twice) in [(true, false), (false, true)] {
            let mut values = after(&[hands_over(1, &[1], -1, idempotent), reads(0, &[(0, 1)])]);
            assert_eq!(values.observed(seen(2), &reads(1, &[(1, 1)])).is_ok(), twice);
        }
    }

    #[test]
    fn a_changed_byte_is_told() {
        let what = Observation::Changed { place: place(0), offset: 3, what: "changed".into() };
        assert!(after(&[]).observed(seen(2), &what).is_err());
    }

    #[test]
    fn a_loss_of_power_may_take_what_was_not_promised() {
        for (acks, changes) in [(1, true), (-1, false)] {
            let mut values =
                after(&[hands_over(1, &[1], acks, false), hands_over(2, &[2], acks, false), lies_at(1, 0)]);
            values.went_down(Instant::default(), 0, &node(), Survives::Nothing);
            assert_eq!(values.observed(seen(2), &reads(0, &[(0, 2)])).is_ok(), changes, "acks={acks}");
        }
    }
}
