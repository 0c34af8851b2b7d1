//! Batches that producers have handed over and do not know the end of yet.

use std::collections::BTreeMap;

use kelpgate_core::protocol::Str;

use crate::history::{Observation, Op, Outcome, Place};
use crate::node::NodeId;
use crate::payload::Value;

/// Batches under way.
#[derive(Debug, Default)]
pub struct Sends(BTreeMap<Op, Batch>);

#[derive(Debug)]
struct Batch {
    place: Place,
    values: Vec<Value>,
    acks: i16,
}

/// A batch whose place was told.
#[derive(Debug)]
pub struct Acknowledged {
    pub place: Place,
    /// By offset.
    pub values: Vec<(i64, Value)>,
    /// It was promised to be on disk (acks=all).
    pub by_all: bool,
}

impl Sends {
    /// Takes note of what is handed over and what ends; gives what was acknowledged with an offset.
    pub fn observed(&mut self, what: &Observation) -> Option<Acknowledged> {
        match what {
            Observation::Sent { op, place, values, acks, .. } => {
                let batch = Batch { place: place.clone(), values: values.clone(), acks: *acks };
                self.0.insert(*op, batch);
                None
            }
            Observation::SendEnded { op, outcome } => {
                let Batch { place, values, acks } = self.0.remove(op)?;
                match *outcome {
                    Outcome::Done(base) if base >= 0 => Some(Acknowledged {
                        place,
                        values: (base..).zip(values).collect(),
                        by_all: acks == -1,
                    }),
                    Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown => None,
                }
            }
            Observation::TopicDeleted { node, topic } => {
                self.forget(*node, topic);
                None
            }
            _ => None,
        }
    }

    fn forget(&mut self, node: NodeId, topic: &Str) {
        self.0.retain(|_, batch| !batch.place.is_of(node, topic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{hands_over, lies_at, value};

    #[test]
    fn what_is_acknowledged_with_an_offset_is_told_once() {
        let mut sends = Sends::default();
        assert!(sends.observed(&hands_over(1, &[5, 6], -1, false)).is_none());
        let told = sends.observed(&lies_at(1, 40)).expect("acknowledged");
        assert_eq!((told.values, told.by_all), (vec![(40, value(5)), (41, value(6))], true));
        assert!(sends.observed(&lies_at(1, 40)).is_none());
    }

    #[test]
    fn without_an_offset_nothing_is_known() {
        let mut sends = Sends::default();
        sends.observed(&hands_over(1, &[5], 0, false));
        assert!(sends.observed(&lies_at(1, -1)).is_none());
        sends.observed(&hands_over(2, &[6], 1, false));
        let unknown = Observation::SendEnded { op: Op(2), outcome: Outcome::Unknown };
        assert!(sends.observed(&unknown).is_none());
    }

    #[test]
    fn what_is_sent_to_a_deleted_topic_is_forgotten() {
        let mut sends = Sends::default();
        sends.observed(&hands_over(1, &[5], -1, false));
        sends.observed(&Observation::TopicDeleted { node: 0, topic: "t".into() });
        assert!(sends.observed(&lies_at(1, 0)).is_none());
    }
}
