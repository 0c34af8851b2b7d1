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
