//! A connection and what it has asked for.

use alloc::vec::Vec;
use core::fmt;

use super::{HeldBytes, List, Seconds};
use crate::ids::ConnId;
use crate::machine::PeerInfo;
use crate::protocol::ApiKey;
use crate::time::Instant;

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionView {
    pub conn: ConnId,
    pub peer: PeerInfo,
    /// Requests whose answers have not left, oldest first.
    pub requests: Vec<RequestView>,
    /// Whole frames that have not begun.
    pub queued_frames: usize,
    pub held: HeldBytes,
    /// The runtime was told not to read it.
    pub paused: bool,
    /// Nothing more is begun.
    pub closing: bool,
    pub last_active: Instant,
}

/// A request whose answer has not left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// Counted from 0 on this connection.
    pub number: u64,
    pub state: RequestState,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Owners or the engine have yet to answer.
    Asked { key: ApiKey, version: i16, correlation_id: i32 },
    /// A Fetch that waits for records, until then at the latest.
    Parked { version: i16, correlation_id: i32, until: Instant },
    /// Its answer waits for those of older requests.
    Answered,
}

impl fmt::Display for ConnectionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {} from {} to {}", self.conn, self.peer.peer, self.peer.local)?;
        if self.closing {
            f.write_str(" closing")?;
        }
        if self.paused {
            f.write_str(" paused")?;
        }
        let (requests, queued, held) = (List(&self.requests), self.queued_frames, self.held);
        write!(f, " last active {} requests {requests} queued {queued} {held}", Seconds(self.last_active))
    }
}

impl fmt::Display for RequestView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.number)?;
        match self.state {
            RequestState::Asked { key, version, .. } => write!(f, "{key:?} v{version}"),
            RequestState::Parked { version, until, .. } => {
                write!(f, "Fetch v{version} parked until {}", Seconds(until))
            }
            RequestState::Answered => f.write_str("answered"),
        }
    }
}
