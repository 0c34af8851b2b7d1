//! What must hold. Each file is one promise; all of them look at every step.

mod durable;

use kelpgate_core::time::Instant;

use crate::history::{ClientId, Observation};
use crate::node::{Node, NodeId};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Violation {
    /// Which promise.
    pub check: &'static str,
    pub what: String,
}

/// Whether a promise still holds; the text says how it was broken.
pub type Verdict = Result<(), String>;

/// Who saw something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub now: Instant,
    pub client: ClientId,
    /// No more faults.
    pub healed: bool,
}

/// Watches over one promise.
pub trait Check {
    /// Names the promise in a few words.
    fn name(&self) -> &'static str;

    /// A client saw or did something.
    fn observed(&mut self, _seen: Seen, _what: &Observation) -> Verdict {
        Ok(())
    }

    /// A shard had a turn.
    fn turned(&mut self, _now: Instant, _id: NodeId, _node: &Node, _shard: usize) -> Verdict {
        Ok(())
    }

    /// A node's process ended, by a crash or cleanly.
    fn went_down(&mut self, _id: NodeId) {}

    /// Everything was done, healed, and read back.
    fn ended(&mut self) -> Verdict {
        Ok(())
    }
}

/// All promises.
pub fn all() -> Vec<Box<dyn Check>> {
    vec![Box::new(durable::Durable::default())]
}
