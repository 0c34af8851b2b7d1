//! Where a client sits: its connections, on which answers are put together from bytes and matched with requests.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use kelpgate_core::protocol::{Request, RequestHeader, Response, decode_response, encode_request};
use kelpgate_core::time::Instant;

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
    ports: BTreeMap<LinkId, Port>,
}

/// One connection.
#[derive(Debug, Default)]
struct Port {
    received: BytesMut,
    asked: VecDeque<Sent>,
    last_correlation_id: i32,
    raw: bool,
}

/// What arrived, put together.
#[derive(Debug)]
pub enum Heard {
    Answer(Sent, Box<Response>),
    Raw(Bytes),
}

impl Seat {
    pub fn new(client: Box<dyn Client>, node: NodeId, slow: bool, random: Random) -> Seat {
        Seat { client, node, random, alarm: None, begun: false, slow, ports: BTreeMap::new() }
    }

    pub fn connected(&mut self, link: LinkId) {
        self.ports.insert(link, Port::default());
    }

    /// Says whether the connection was there.
    pub fn closed(&mut self, link: LinkId) -> bool {
        self.ports.remove(&link).is_some()
    }

    /// Its connections.
    pub fn links(&self) -> Vec<LinkId> {
        self.ports.keys().copied().collect()
    }

    /// Requests without an answer, of all connections.
    pub fn unanswered(&self) -> impl Iterator<Item = (LinkId, &Sent)> {
        self.ports.iter().flat_map(|(link, port)| port.asked.iter().map(|sent| (*link, sent)))
    }

    /// The frame of a request, which is expected to be answered unless it is a Produce with acks=0.
    pub fn frame(
        &mut self,
        link: LinkId,
        now: Instant,
        version: i16,
        request: &Request,
    ) -> Option<(Sent, Bytes)> {
        let port = self.ports.get_mut(&link)?;
        port.last_correlation_id += 1;
        let header = RequestHeader {
            api_key: request.api_key(),
            api_version: version,
            correlation_id: port.last_correlation_id,
            client_id: Some("sim".into()),
            unknown_tags: Default::default(),
        };
        let sent = Sent { correlation_id: header.correlation_id, key: header.api_key, version, at: now };
        if !matches!(request, Request::Produce(produce) if produce.acks == 0) {
            port.asked.push_back(sent);
        }
        let frame = encode_request(&header, request);
        Some((sent, frame.expect("requests of our own clients can be encoded").concat()))
    }

    /// From now on bytes come as they are.
    pub fn raw(&mut self, link: LinkId) -> bool {
        self.ports.get_mut(&link).map(|port| port.raw = true).is_some()
    }

    pub fn received(&mut self, link: LinkId, bytes: &Bytes) {
        if let Some(port) = self.ports.get_mut(&link) {
            port.received.extend_from_slice(bytes);
        }
    }

    /// The next answer on a connection, if it is whole.
    ///
    /// # Errors
    /// When it was not asked for, is not the next one, or cannot be read.
    pub fn hear(&mut self, link: LinkId) -> Result<Option<Heard>, String> {
        let Some(port) = self.ports.get_mut(&link) else { return Ok(None) };
        if port.raw {
            let bytes = port.received.split().freeze();
            return Ok((!bytes.is_empty()).then_some(Heard::Raw(bytes)));
        }
        let Some(length) = port.received.first_chunk::<4>() else { return Ok(None) };
        let length =
            usize::try_from(i32::from_be_bytes(*length)).map_err(|_| "an answer of negative length")?;
        if port.received.len() < 4 + length {
            return Ok(None);
        }
        port.received.advance(4);
        let frame = port.received.split_to(length).freeze();
        let sent = port.asked.pop_front().ok_or("an answer that nobody asked for")?;
        answer(&frame, sent).map(Some)
    }
}

fn answer(frame: &Bytes, sent: Sent) -> Result<Heard, String> {
    let number = frame.first_chunk::<4>().map(|number| i32::from_be_bytes(*number));
    if number != Some(sent.correlation_id) {
        return Err(format!("an answer numbered {number:?} where that to {sent:?} was next"));
    }
    let (_, response) = decode_response(frame, sent.key, sent.version, BUDGET)
        .map_err(|error| format!("the answer to {sent:?} cannot be read: {error}"))?;
    Ok(Heard::Answer(sent, Box::new(response)))
}
