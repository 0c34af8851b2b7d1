//! One client's view of its connection: what it has sent, what of it has arrived, and what must come back.

use std::collections::VecDeque;

use bytes::Bytes;
use kelpgate_core::machine::CloseReason;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::{
    ApiKey, Request, RequestError, Response, decode_request, decode_response, encode_response,
};

use crate::budget::{DECODED, decode_budget};

/// `socket.request.max.bytes` of the nodes in here.
pub const FRAME_MAX: usize = 16 << 10;

/// An answer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub key: ApiKey,
    version: i16,
    correlation_id: i32,
}

/// Why the machine may close the connection. Lengths are read ahead of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Faults {
    length: bool,
    frame: bool,
}

/// A client.
pub struct Client {
    pub shard: usize,
    /// Sent, not arrived.
    pub sent: VecDeque<u8>,
    arrived: Vec<u8>,
    faults: Faults,
    /// Requests that have arrived, oldest first.
    pub due: VecDeque<Due>,
    answers: Vec<u8>,
    /// Bytes of answers that the client has not taken.
    pub untaken: usize,
    pub paused: bool,
    pub closing: bool,
}

impl Client {
    pub fn new(shard: usize) -> Client {
        Client {
            shard,
            sent: VecDeque::new(),
            arrived: Vec::new(),
            faults: Faults::default(),
            due: VecDeque::new(),
            answers: Vec::new(),
            untaken: 0,
            paused: false,
            closing: false,
        }
    }

    /// Takes bytes that were sent, to be handed to the machine now.
    pub fn arrive(&mut self, most: usize) -> Option<Bytes> {
        let count = most.min(self.sent.len());
        if count == 0 || self.paused || self.closing {
            return None;
        }
        let bytes: Bytes = self.sent.drain(..count).collect();
        self.arrived.extend_from_slice(&bytes);
        while !self.faults.length
            && let Some(length) = self.arrived.first_chunk::<4>()
        {
            match usize::try_from(i32::from_be_bytes(*length)) {
                Ok(length) if length > FRAME_MAX => self.faults.length = true,
                Err(_) => self.faults.length = true,
                Ok(length) if self.arrived.len() < 4 + length => break,
                Ok(length) => {
                    let frame: Vec<u8> = self.arrived.drain(..4 + length).skip(4).collect();
                    if !self.faults.frame {
                        self.expect(&frame.into());
                    }
                }
            }
        }
        Some(bytes)
    }

    /// What must come back of a frame.
    fn expect(&mut self, frame: &Bytes) {
        match decode_request(frame, decode_budget(frame.len())) {
            Ok((_, Request::Produce(request))) if request.acks == 0 => {}
            Ok((header, _)) => self.due.push_back(Due {
                key: header.api_key,
                version: header.api_version,
                correlation_id: header.correlation_id,
            }),
            Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, prefix)) => self.due.push_back(Due {
                key: ApiKey::ApiVersions,
                version: 0,
                correlation_id: prefix.correlation_id,
            }),
            Err(
                RequestError::Header(_)
                | RequestError::UnknownKey(_)
                | RequestError::UnsupportedVersion(..)
                | RequestError::Malformed(..),
            ) => self.faults.frame = true,
        }
    }

    /// Takes what the machine sends.
    pub fn receive(&mut self, pieces: &Pieces) {
        assert!(!self.closing, "bytes behind the end");
        self.untaken += pieces.len();
        pieces.iter().for_each(|piece| self.answers.extend_from_slice(piece));
        while let Some(length) = self.answers.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if self.answers.len() < 4 + length {
                break;
            }
            let frame: Vec<u8> = self.answers.drain(..4 + length).collect();
            self.answered(&frame.into());
        }
    }

    /// The oldest request is answered in its own version, and with bytes that a writing of the answer gives again.
    fn answered(&mut self, frame: &Bytes) {
        let due = self.due.pop_front().expect("an answer that nobody asked for");
        let (correlation_id, response) = decode_response(&frame.slice(4..), due.key, due.version, DECODED)
            .unwrap_or_else(|error| panic!("the answer to {due:?} cannot be read: {error}"));
        assert_eq!(correlation_id, due.correlation_id, "another request's answer in place of {due:?}");
        let again =
            encode_response(&response, correlation_id, due.version).expect("what was read is written");
        assert!(again.concat() == *frame || has_records(&response), "{due:?} is answered in another form");
    }

    /// The machine closes the connection; it has to have a reason.
    pub fn closed_by(&mut self, reason: &CloseReason) {
        assert!(!self.closing, "closed twice");
        self.closing = true;
        match reason {
            CloseReason::FrameLength { .. } => assert!(self.faults.length, "{reason}"),
            CloseReason::Unreadable(_) | CloseReason::NotServed { .. } => {
                assert!(self.faults.frame, "{reason}");
            }
            CloseReason::Unencodable(text) => panic!("an answer that cannot be written: {text}"),
            CloseReason::UnacknowledgedProduce(_)
            | CloseReason::Idle
            | CloseReason::TooMany(_)
            | CloseReason::Stopping => {}
        }
    }

    /// Everything that does not wait for more has been done: what must have come by now?
    pub fn check_quiet(&self) {
        match self.due.front() {
            // Others may be late in a group, or nothing may be there to fetch.
            Some(due) => {
                let waits = matches!(due.key, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup);
                assert!(waits || self.closing, "never answered: {due:?}");
            }
            None => {
                assert!(self.faults == Faults::default() || self.closing, "not closed: {:?}", self.faults)
            }
        }
    }
}

/// Records are read as one piece, wherever they lay.
fn has_records(response: &Response) -> bool {
    matches!(response, Response::Fetch(_))
}
