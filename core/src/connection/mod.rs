//! One client connection: frames in, answers out in request order, and what both may hold.

pub mod frame;
mod look;
pub mod responses;

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::connection::frame::{BadLength, FrameReader};
use crate::connection::responses::Responses;
use crate::machine::PeerInfo;
use crate::pieces::Pieces;
use crate::protocol::ApiKey;
use crate::request::Pending;
use crate::time::Instant;

/// Requests of one connection that begin in one turn of the shard. Those after them begin in the next, so that a client
/// that pipelines small requests does not keep others waiting for more than these.
pub const BEGUN_PER_TURN: u32 = 64;
/// Requests of one connection that may be under way at once.
const IN_FLIGHT_MAX: usize = 256;
/// Bytes of whole frames that may wait behind those under way before reading is paused.
const QUEUED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of requests under way before no more are begun.
const IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Answered bytes that the peer has not taken before no more requests are begun.
const UNSENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A connection and what it has asked for.
#[derive(Debug)]
pub struct Connection {
    pub peer: PeerInfo,
    frames: FrameReader,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    pub responses: Responses<Slot, Answered>,
    in_flight_bytes: usize,
    unsent: usize,
    paused: bool,
    begun: Begun,
    /// No more requests are begun: the connection ends once what is under way is answered.
    pub closing: bool,
    /// When bytes last came or went.
    pub last_active: Instant,
}

/// A request under way.
#[derive(Debug)]
pub struct Slot {
    pub key: ApiKey,
    pub version: i16,
    pub correlation_id: i32,
    /// Bytes that its frame keeps alive.
    pub frame_bytes: usize,
    pub pending: Pending,
}

/// What goes out in a request's turn.
#[derive(Debug)]
pub enum Answered {
    /// A frame.
    Frame(Pieces),
    /// Nothing: a Produce with acks=0.
    Silence,
}

/// Requests begun in the turn of that moment: a runtime gives all inputs of a turn the same time.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    turn: Instant,
    requests: u32,
}

/// The next thing that a connection may begin.
#[derive(Debug)]
pub enum Next {
    Frame(Bytes),
    /// A request may begin, but not in this turn.
    Later,
    /// Nothing, before something is answered or received.
    Nothing,
}

/// A change of whether the runtime should read this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Pause,
    Resume,
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new(peer: PeerInfo, frame_max: usize, now: Instant) -> Connection {
        Connection {
            peer,
            frames: FrameReader::new(frame_max),
            queue: VecDeque::new(),
            queued_bytes: 0,
            responses: Responses::default(),
            in_flight_bytes: 0,
            unsent: 0,
            paused: false,
            begun: Begun::default(),
            closing: false,
            last_active: now,
        }
    }

    /// Takes received bytes; whole frames queue up.
    pub fn received(&mut self, bytes: Bytes) -> Result<(), BadLength> {
        let Connection { frames, queue, queued_bytes, .. } = self;
        frames.push(bytes, |frame| {
            *queued_bytes += frame.len();
            queue.push_back(frame);
        })
    }

    /// Takes the next frame if its request may begin now. Requests begin one after the other, as in Kafka, where a
    /// connection is not read again before its request is answered. Produce alone may overtake that: several in flight
    /// share one sync, and the order of their appends is kept by the order of messages to the owners.
    pub fn next_frame(&mut self, now: Instant) -> Next {
        let Some(frame) = self.queue.front() else { return Next::Nothing };
        let produce = frame.get(..2) == Some(&[0, 0][..]);
        let only_produce = produce && self.responses.waiting().all(|(_, slot)| slot.key == ApiKey::Produce);
        let room = self.responses.len() < IN_FLIGHT_MAX
            && self.in_flight_bytes < IN_FLIGHT_BYTES_MAX
            && self.unsent < UNSENT_BYTES_MAX;
        if self.closing
            || !(self.responses.is_empty() || (only_produce && room))
            || self.unsent >= UNSENT_BYTES_MAX
        {
            return Next::Nothing;
        }
        if self.begun.turn != now {
            self.begun = Begun { turn: now, requests: 0 };
        }
        if self.begun.requests == BEGUN_PER_TURN {
            return Next::Later;
        }
        let Some(frame) = self.queue.pop_front() else { return Next::Nothing };
        self.begun.requests += 1;
        self.queued_bytes -= frame.len();
        Next::Frame(frame)
    }

    /// A request begins.
    pub fn begin(&mut self, slot: Slot) -> u64 {
        self.in_flight_bytes += slot.frame_bytes;
        self.responses.reserve(slot)
    }

    /// A request is answered; its frame is let go.
    pub fn answer(&mut self, request: u64, answered: Answered) {
        let slot = self.responses.fill(request, answered);
        self.in_flight_bytes -= slot.frame_bytes;
    }

    /// The next frame that may be sent.
    pub fn pop_ready(&mut self) -> Option<Pieces> {
        loop {
            match self.responses.pop_ready()? {
                Answered::Frame(pieces) => {
                    self.unsent += pieces.len();
                    return Some(pieces);
                }
                Answered::Silence => {}
            }
        }
    }

    /// The peer took bytes.
    pub fn flushed(&mut self, bytes: usize) {
        self.unsent = self.unsent.saturating_sub(bytes);
    }

    /// Whether reading should be paused or resumed, if that is a change.
    pub fn reading(&mut self) -> Option<Reading> {
        let full = self.queued_bytes >= QUEUED_BYTES_MAX || self.unsent >= UNSENT_BYTES_MAX || self.closing;
        if full == self.paused {
            return None;
        }
        self.paused = full;
        Some(if full { Reading::Pause } else { Reading::Resume })
    }

    /// Whether a request is under way or waits.
    pub fn is_busy(&self) -> bool {
        !self.responses.is_empty() || !self.queue.is_empty()
    }
}
