//! What goes into the machine and what comes out.

use alloc::collections::VecDeque;
use alloc::string::String;

use bytes::Bytes;

use crate::ids::{ConnId, ShardId, Ticket};
use crate::inquiry::{AdminAnswer, AdminQuestion};
use crate::pieces::Pieces;
use crate::protocol::ErrorCode;
use crate::shard_message::ShardMessage;
use crate::storage::{StorageCommand, StorageError, StorageReply};

/// Who connected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// `address:port` of the other side.
    pub peer: String,
    /// `address:port` of ours.
    pub local: String,
    /// Which listen address took it, from 0.
    pub listener: u16,
    /// Connections of the node that were open before this one.
    pub others: Others,
}

/// How many connections a node has, whichever shard reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// All.
    pub all: usize,
    /// Those from the address in question.
    pub same_address: usize,
}

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A connection was accepted.
    Opened { conn: ConnId, peer: PeerInfo },
    /// Bytes arrived, in order.
    Received { conn: ConnId, bytes: Bytes },
    /// The peer took this many bytes of what was sent.
    Flushed { conn: ConnId, bytes: usize },
    /// The connection is gone; its last input.
    Closed { conn: ConnId },
    /// The engine's answer to a command.
    Stored { ticket: Ticket, outcome: Result<StorageReply, StorageError> },
    /// Another shard of this node sent this.
    FromShard { from: ShardId, message: ShardMessage },
    /// The node's administrator wants to know something; answered once, with [`Output::Answer`].
    Asked { ticket: Ticket, question: AdminQuestion },
    /// Time has passed.
    Tick,
    /// Take no more requests, answer those accepted, then say [`Output::Drained`].
    Stop,
}

/// Something to be done.
#[derive(Debug)]
pub enum Output {
    /// Send after what was sent before.
    Send { conn: ConnId, pieces: Pieces },
    /// Read no more of this connection until told.
    PauseReading { conn: ConnId },
    /// Read again.
    ResumeReading { conn: ConnId },
    /// Close once what was sent before is flushed.
    Close { conn: ConnId, reason: CloseReason },
    /// Have the engine do this.
    Store { ticket: Ticket, command: StorageCommand },
    /// For another shard of this node.
    ToShard { to: ShardId, message: ShardMessage },
    /// The answer to [`Input::Asked`].
    Answer { ticket: Ticket, answer: AdminAnswer },
    /// Something a person should know.
    Note { level: Level, text: String },
    /// The catalogue is loaded: connections may be accepted.
    Ready,
    /// Everything accepted is answered and stored; follows [`Input::Stop`].
    Drained,
    /// The machine cannot go on.
    Failed { text: String },
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// Why a connection is closed from our side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// A frame length below zero or above `socket.request.max.bytes`.
    #[error("frame of {length} bytes, the limit is {limit}")]
    FrameLength { length: i64, limit: usize },
    /// The request header or body cannot be read.
    #[error("unreadable request: {0}")]
    Unreadable(String),
    /// A key this node does not serve, or a version outside what it advertises: the answer could not be framed.
    #[error("request of key {key} version {version} is not served")]
    NotServed { key: i16, version: i16 },
    /// A Produce with acks=0 failed: closing is the only way to tell (`KafkaApis.handleProduceRequest`).
    #[error("a produce without acknowledgement failed with {0}")]
    UnacknowledgedProduce(ErrorCode),
    /// No traffic for `connections.max.idle.ms`.
    #[error("idle")]
    Idle,
    /// `max.connections` or `max.connections.per.ip` would be exceeded.
    #[error("too many connections: {0}")]
    TooMany(&'static str),
    /// The node is stopping.
    #[error("shutting down")]
    Stopping,
    /// An answer could not be put into the requested version: our mistake, kept to this connection.
    #[error("answer cannot be encoded: {0}")]
    Unencodable(String),
}

/// Where the machine puts its outputs, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    outputs: VecDeque<Output>,
}

impl Outbox {
    /// Adds an output at the end.
    pub fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Takes the oldest output.
    pub fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether nothing is waiting to be carried out.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }
}
