//! Clients: programs without input and output of their own. A client is told what happened and says what it wants; the
//! world carries it out. They retry, time out and connect again as real clients do, and report what they see.

pub mod administrator;
pub mod consumption;
pub mod creator;
pub mod describer;
pub mod hostile;
pub mod line;
pub mod member;
pub mod port;
pub mod producer;
pub mod reader;
mod seat;
mod session;
pub mod together;
pub mod topics;

use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::protocol::{ApiKey, Request, Response};
use kelpgate_core::time::Instant;

use crate::history::{ClientId, Observation, Op};
use crate::network::LinkId;
use crate::node::NodeId;
use crate::random::Random;

pub use seat::{Heard, Seat};

/// Something that happened to a client.
#[derive(Debug)]
pub enum Happening {
    /// It begins.
    Started,
    /// The time it asked to be woken at has come.
    Woken,
    /// A connection it asked for stands.
    Connected { link: LinkId },
    /// An answer to one of its requests; those of one connection come in the order of the requests.
    Answered { link: LinkId, sent: Sent, response: Box<Response> },
    /// Bytes on a connection that was opened raw.
    Bytes { link: LinkId, bytes: Bytes },
    /// A connection is gone, or could not be made. Its requests will not be answered.
    Closed { link: LinkId },
    /// No more faults: finish what is under way, begin nothing new, and hold on to what is held.
    Healed,
}

impl Happening {
    /// The connection it happened on, if it did on one.
    pub fn link(&self) -> Option<LinkId> {
        match self {
            Happening::Connected { link }
            | Happening::Answered { link, .. }
            | Happening::Bytes { link, .. }
            | Happening::Closed { link } => Some(*link),
            Happening::Started | Happening::Woken | Happening::Healed => None,
        }
    }
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its number on its connection.
    pub correlation_id: i32,
    pub key: ApiKey,
    pub version: i16,
    pub at: Instant,
}

/// A program.
pub trait Client {
    /// What it is, for those who read the transcript.
    fn name(&self) -> String;

    /// One step.
    fn step(&mut self, happening: Happening, cx: &mut Context<'_>);

    /// Whether, after healing, it has done what it had begun: nothing to be sent, nothing unanswered.
    fn is_done(&self) -> bool;
}

/// What a client wants done.
#[derive(Debug)]
pub(crate) enum Ask {
    Connect { link: LinkId },
    Send { link: LinkId, version: i16, request: Box<Request> },
    SendRaw { link: LinkId, bytes: Bytes },
    StopReading { link: LinkId },
    Close { link: LinkId },
}

/// What a client has at hand during a step.
pub struct Context<'a> {
    /// The time, by the world's clock.
    pub now: Instant,
    /// Its own id.
    pub client: ClientId,
    /// The node it talks to.
    pub node: NodeId,
    /// Its own chance.
    pub random: &'a mut Random,
    pub(crate) asks: &'a mut Vec<Ask>,
    pub(crate) seen: &'a mut Vec<Observation>,
    pub(crate) last_link: &'a mut u64,
    pub(crate) last_op: &'a mut u64,
    pub(crate) alarm: &'a mut Option<Instant>,
}

impl Context<'_> {
    /// Connects; [`Happening::Connected`] or [`Happening::Closed`] follows.
    pub fn connect(&mut self) -> LinkId {
        *self.last_link += 1;
        let link = LinkId(*self.last_link);
        self.asks.push(Ask::Connect { link });
        link
    }

    /// Sends a request; [`Happening::Answered`] or [`Happening::Closed`] follows, and nothing for a Produce with acks=0.
    pub fn send(&mut self, link: LinkId, version: i16, request: impl Into<Request>) {
        self.asks.push(Ask::Send { link, version, request: Box::new(request.into()) });
    }

    /// Sends bytes as they are. From then on what comes back on this connection comes as [`Happening::Bytes`].
    pub fn send_raw(&mut self, link: LinkId, bytes: Bytes) {
        self.asks.push(Ask::SendRaw { link, bytes });
    }

    /// Reads nothing any more, nor hears of an end, until it closes: what is sent piles up at the node.
    pub fn stop_reading(&mut self, link: LinkId) {
        self.asks.push(Ask::StopReading { link });
    }

    /// Closes; nothing more is heard of the connection.
    pub fn close(&mut self, link: LinkId) {
        self.asks.push(Ask::Close { link });
    }

    /// Asks for [`Happening::Woken`] after this time, or sooner if that was asked for already.
    pub fn wake_in(&mut self, time: Duration) {
        let at = self.now + time;
        *self.alarm = Some(self.alarm.map_or(at, |earlier| earlier.min(at)));
    }

    /// A number for something that is to be done.
    pub fn op(&mut self) -> Op {
        *self.last_op += 1;
        Op(*self.last_op)
    }

    /// Reports what was seen or done.
    pub fn saw(&mut self, seen: Observation) {
        self.seen.push(seen);
    }
}
