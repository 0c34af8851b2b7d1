//! What must hold. Each file is one promise; all of them look at every step.

mod answers;
mod damage;
mod described;
mod durable;
mod epochs;
mod generations;
mod jepsen;
#[cfg(test)]
mod made_up;
mod offsets;
mod order;
mod ownership;
mod producer_ids;
mod resources;
mod sends;
mod settled;
mod values;
mod waits;

use kelpgate_core::ids::LogId;
use kelpgate_core::inquiry::AdminAnswer;
use kelpgate_core::protocol::{Request, Response};
use kelpgate_core::time::Instant;

use crate::client::{Seat, Sent};
use crate::disk::Survives;
use crate::faults::{FaultKind, Swarm};
use crate::history::{ClientId, Observation, Place};
use crate::model::Model;
use crate::network::LinkId;
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
    /// The node it talks to.
    pub node: NodeId,
    /// No more faults.
    pub healed: bool,
}

/// What there is when everything was done, healed, and read back.
#[derive(Clone, Copy)]
pub struct End<'a> {
    pub now: Instant,
    pub nodes: &'a [Node],
    pub seats: &'a [Seat],
}

/// Watches over one promise.
pub trait Check {
    /// Names the promise in a few words.
    fn name(&self) -> &'static str;

    /// A client saw or did something.
    fn observed(&mut self, _seen: Seen, _what: &Observation) -> Verdict {
        Ok(())
    }

    /// A client sends a request. Links are never used twice, and requests on one are answered in order.
    fn asked(&mut self, _seen: Seen, _link: LinkId, _sent: &Sent, _request: &Request) {}

    /// A client gets the answer to a request, before it does anything with it.
    fn answered(&mut self, _seen: Seen, _link: LinkId, _sent: &Sent, _response: &Response) -> Verdict {
        Ok(())
    }

    /// A client gets no more answers on a connection: what it asked may have been done, or may be done yet.
    fn lost(&mut self, _seen: Seen, _link: LinkId) {}

    /// A shard had a turn.
    fn turned(&mut self, _now: Instant, _id: NodeId, _node: &Node, _shard: usize) -> Verdict {
        Ok(())
    }

    /// A node told its administrator something.
    fn told(&mut self, _now: Instant, _id: NodeId, _answer: &AdminAnswer) -> Verdict {
        Ok(())
    }

    /// A fault strikes, a node where it is one of nodes.
    fn struck(&mut self, _now: Instant, _kind: FaultKind, _id: NodeId) {}

    /// A bit of a partition was flipped: what it belongs to must be named and not served, and everything else is as before.
    fn damaged(&mut self, _place: &Place, _log: LogId) {}

    /// A node logs an error for which there is a reason.
    fn complained(&mut self, _id: NodeId, _text: &str) {}

    /// A node's process ended, by a crash or cleanly; nothing that was on its way to it will be done.
    fn went_down(&mut self, _now: Instant, _id: NodeId, _node: &Node, _survives: Survives) {}

    /// No more faults from now on.
    fn healed(&mut self, _now: Instant) {}

    /// Everything was done and healed; whether all has come to rest is asked several times.
    fn settles(&mut self, _end: End<'_>) -> Verdict {
        Ok(())
    }

    /// Everything was done, healed, and read back; clients are still there.
    fn ended(&mut self, _end: End<'_>) -> Verdict {
        Ok(())
    }

    /// Clients have gone; whether all they left behind has gone too is asked several times.
    fn rests(&mut self, _end: End<'_>) -> Verdict {
        Ok(())
    }
}

/// All promises, in a world with these faults.
pub fn all(swarm: &Swarm) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(answers::Answers::default()),
        Box::new(values::Values::default()),
        Box::new(order::Order::default()),
        Box::new(durable::Durable::default()),
        Box::new(damage::Damage::default()),
        Box::new(producer_ids::ProducerIds::default()),
        Box::new(offsets::OffsetsRise::default()),
        Box::new(generations::Generations::default()),
        Box::new(epochs::Epochs::default()),
        Box::new(ownership::Ownership::default()),
        Box::new(settled::Settled::default()),
        Box::new(described::Described::default()),
        Box::new(jepsen::Jepsen::default()),
        Box::new(waits::Waits::new(swarm)),
        Box::new(resources::Resources::default()),
        Box::new(Model::default()),
    ]
}
