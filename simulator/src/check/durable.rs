//! An acknowledged record is there, at the offset that was told, whole, and stays there; one offset has one value.

use std::collections::BTreeMap;

use super::{Check, Seen, Verdict};
use crate::history::{Observation, Op, Outcome, Place};
use crate::payload::Value;

/// What is known of each partition.
#[derive(Debug, Default)]
pub struct Durable {
    partitions: BTreeMap<Place, Known>,
    sent: BTreeMap<Op, (Place, Vec<Value>)>,
}

#[derive(Debug, Default)]
struct Known {
    values: BTreeMap<i64, Value>,
    /// Records below may be gone.
    start: i64,
    /// The end of what readers were told can be read, after healing.
    seen_up_to: i64,
    acknowledged: BTreeMap<i64, Value>,
}

impl Known {
    fn is(&mut self, place: &Place, offset: i64, value: Value) -> Verdict {
        match self.values.insert(offset, value) {
            Some(other) if other != value => {
                Err(format!("{place} offset {offset} was {other} and is {value}"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Check for Durable {
    fn name(&self) -> &'static str {
        "acknowledged records stay, one offset has one value"
    }

    fn observed(&mut self, seen: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::Sent { op, place, values, .. } => {
                self.sent.insert(*op, (place.clone(), values.clone()));
                Ok(())
            }
            Observation::SendEnded { op, outcome } => {
                let Some((place, values)) = self.sent.remove(op) else { return Ok(()) };
                let Outcome::Done(base) = *outcome else { return Ok(()) };
                if base < 0 {
                    return Ok(());
                }
                let known = self.partitions.entry(place.clone()).or_default();
                (base..).zip(values).try_for_each(|(offset, value)| {
                    known.acknowledged.insert(offset, value);
                    known.is(&place, offset, value)
                })
            }
            Observation::Polled(polled) => {
                let known = self.partitions.entry(polled.place.clone()).or_default();
                if seen.healed {
                    known.seen_up_to = known.seen_up_to.max(polled.high_watermark);
                }
                polled.records.iter().try_for_each(|read| known.is(&polled.place, read.offset, read.value))
            }
            Observation::Changed { place, offset, what } => Err(format!("{place} offset {offset}: {what}")),
            Observation::RecordsDeleted { place, before } => {
                let known = self.partitions.entry(place.clone()).or_default();
                known.start = known.start.max(*before);
                Ok(())
            }
            Observation::TopicDeleted { node, topic } => {
                self.partitions.retain(|place, _| (place.node, &place.topic) != (*node, topic));
                self.sent.retain(|_, (place, _)| (place.node, &place.topic) != (*node, topic));
                Ok(())
            }
            Observation::Sought { .. }
            | Observation::FetchAnswered { .. }
            | Observation::Owns { .. }
            | Observation::Lost { .. }
            | Observation::Commit { .. }
            | Observation::CommitEnded { .. }
            | Observation::Committed { .. }
            | Observation::Answered { .. }
            | Observation::WrongAnswer { .. } => Ok(()),
        }
    }
}
