//! Where a client sits, with its connections.

use std::collections::BTreeMap;

use bytes::Bytes;
use kelpgate_core::protocol::{Request, Response};
use kelpgate_core::time::Instant;

use super::port::Port;
use super::{Client, Sent};
use crate::network::LinkId;
use crate::node::NodeId;
use crate::random::Random;

/// Most memory that one decoded answer may take.
const BUDGET: usize = 16 << 20;

/// A client and its connections.
pub struct Seat {
    pub client: Box<dyn Client>,
    pub node: NodeId,
    pub random: Random,
    pub alarm: Option<Instant>,
    /// Whether it was told to begin.
    pub begun: bool,
    /// Whether its reader is slow.
    pub slow: bool,
    /// The version of ApiVersions with which it begins each connection, if it does.
    pub greeting: Option<i16>,
    lines: BTreeMap<LinkId, Line>,
}

/// One connection.
#[derive(Debug)]
struct Line {
    port: Port,
    /// What arrives is given to the client as it is.
    raw: bool,
    /// The client waits until the node has said what it serves.
    greeting: bool,
}

/// What arrived, put together.
#[derive(Debug)]
pub enum Heard {
    Answer(Sent, Box<Response>),
    /// What the node serves; the client knows nothing of the connection yet.
    Greeting(Sent, Box<Response>),
    Raw(Bytes),
}

impl Seat {
    pub fn new(client: Box<dyn Client>, node: NodeId, slow: bool, random: Random) -> Seat {
        Seat { client, node, random, alarm: None, begun: false, slow, greeting: None, lines: BTreeMap::new() }
    }

    pub fn connected(&mut self, link: LinkId) {
        let port = Port::new("sim", BUDGET);
        self.lines.insert(link, Line { port, raw: false, greeting: self.greeting.is_some() });
    }

    /// The frame of a question for what the node serves.
    pub fn greet(&mut self, link: LinkId, now: Instant, version: i16) -> Option<(Sent, Bytes)> {
        Some(self.lines.get_mut(&link)?.port.greeting(now, version))
    }

    /// The node has said what it serves: the client may use the connection.
    pub fn greeted(&mut self, link: LinkId) {
        if let Some(line) = self.lines.get_mut(&link) {
            line.greeting = false;
        }
    }

    /// Says whether the connection was there.
    pub fn closed(&mut self, link: LinkId) -> bool {
        self.lines.remove(&link).is_some()
    }

    /// Its connections.
    pub fn links(&self) -> Vec<LinkId> {
        self.lines.keys().copied().collect()
    }

    /// Requests without an answer, of all connections.
    pub fn unanswered(&self) -> impl Iterator<Item = (LinkId, &Sent)> {
        self.lines.iter().flat_map(|(link, line)| line.port.unanswered().map(|sent| (*link, sent)))
    }

    /// The frame of a request, which is expected to be answered unless it is a Produce with acks=0.
    pub fn frame(
        &mut self,
        link: LinkId,
        now: Instant,
        version: i16,
        request: &Request,
    ) -> Option<(Sent, Bytes)> {
        let frame = self.lines.get_mut(&link)?.port.frame(now, version, request);
        Some(frame.expect("requests of our own clients can be encoded"))
    }

    /// From now on bytes come as they are.
    pub fn raw(&mut self, link: LinkId) -> bool {
        self.lines.get_mut(&link).map(|line| line.raw = true).is_some()
    }

    pub fn received(&mut self, link: LinkId, bytes: &Bytes) {
        if let Some(line) = self.lines.get_mut(&link) {
            line.port.received(bytes);
        }
    }

    /// The next answer on a connection, if it is whole.
    ///
    /// # Errors
    /// When it was not asked for, is not the next one, or cannot be read.
    pub fn hear(&mut self, link: LinkId) -> Result<Option<Heard>, String> {
        let Some(line) = self.lines.get_mut(&link) else { return Ok(None) };
        if line.raw {
            let bytes = line.port.take();
            return Ok((!bytes.is_empty()).then_some(Heard::Raw(bytes)));
        }
        let answer = line.port.answer()?;
        let greeting = line.greeting;
        Ok(answer.map(|(sent, response)| match greeting {
            true => Heard::Greeting(sent, Box::new(response)),
            false => Heard::Answer(sent, Box::new(response)),
        }))
    }
}
