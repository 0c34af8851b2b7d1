//! What a runtime tells a shard and what a shard asks of it.
//!
//! ```text
//! loop {
//!     wait for sockets, files, messages, or shard.next_deadline()
//!     for each thing that happened   { shard.handle(now, event, &mut actions) }     // up to a budget per connection
//!     shard.end_turn(now, &mut actions)                                             // appends of the turn go out together
//!     carry out the actions, in order
//! }
//! ```
//!
//! The first event of all is a `Tick`: with it the shard begins to load.
//!
//! All events of one turn come with the same `now`, those of the next with a later one, and there is one `Tick` in a turn
//! at most: a shard shares out its turns by that. Between two turns a runtime looks at its sockets, also when a deadline
//! is over already: a shard that always has more to do does not keep anybody from being read.
//!
//! Limits a runtime keeps: per turn it hands over at most [`READ_BUDGET`] bytes of one connection before others have
//! had theirs; it stops reading a connection between `PauseReading` and `ResumeReading`; it holds unsent pieces until
//! the socket takes them and reports each part that went down with `Flushed` (the shard counts them and pauses a
//! connection that does not read its answers).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::{ConnId, ShardId, Ticket};
use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::machine::{Level, Others};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::time::{Instant, Now};
use kelpgate_log::file::{FileCommand, FileError, FileReply, FileTicket, Lane};
use kelpgate_smq::rpc::{Rpc, RpcError, RpcReply, RpcTicket};

/// Bytes that a runtime may read from one connection in one turn.
pub const READ_BUDGET: usize = 256 * 1024;

/// Something that happened.
#[derive(Debug)]
pub enum Event<M> {
    /// A connection was accepted. `peer` and `local` are `address:port`; `listener` counts the listen addresses from 0;
    /// `others` are those of all shards that were open before it, closing ones included.
    Opened { conn: ConnId, peer: String, local: String, listener: u16, others: Others },
    /// Bytes arrived, in order.
    Received { conn: ConnId, bytes: Bytes },
    /// The socket took this many bytes of what was to be sent.
    Flushed { conn: ConnId, bytes: usize },
    /// The connection is gone, for whatever reason, also after [`Action::Close`]; the last event of a connection.
    Closed { conn: ConnId },
    /// A file command was carried out.
    File { ticket: FileTicket, outcome: Result<FileReply, FileError> },
    /// An RPC command was carried out, or its time is over.
    Rpc { ticket: RpcTicket, outcome: Result<RpcReply, RpcError> },
    /// Another shard of this node sent this. In order for each pair of shards.
    FromShard { from: ShardId, message: M },
    /// The node's administrator wants to know something; answered once, with [`Action::Answer`]. Tickets are the asker's.
    Asked { ticket: Ticket, question: AdminQuestion },
    /// Time has passed: some deadline may be due. Early or repeated ticks change nothing.
    Tick,
    /// Stop cleanly: take no more requests, answer those accepted, make everything durable, then say
    /// [`Action::Stopped`].
    Stop,
}

/// Something to be done.
#[derive(Debug)]
pub enum Action<M> {
    /// Send these bytes after those asked for before.
    Send { conn: ConnId, pieces: Pieces },
    /// Read no more of this connection until told.
    PauseReading { conn: ConnId },
    /// Read again.
    ResumeReading { conn: ConnId },
    /// Close, after sending what was asked for before if the peer takes it within a second. The reason was logged.
    Close { conn: ConnId },
    /// Carry out a file command.
    File { ticket: FileTicket, lane: Lane, command: FileCommand },
    /// Carry out a command of an engine that stores elsewhere. Answered once, within its time.
    Rpc(Rpc),
    /// Give this to another shard of this node; never lost, never dropped for being too much.
    ToShard { to: ShardId, message: M },
    /// The answer to [`Event::Asked`].
    Answer { ticket: Ticket, answer: AdminAnswer },
    /// Write a line of the log. The machine has no logger: it says what it would log.
    Log { level: Level, text: String },
    /// Accept connections from now on (the catalogue is loaded).
    Ready,
    /// The shard is at rest after [`Event::Stop`] or cannot go on. The last action.
    Stopped { reason: StopReason },
}

/// Why a shard stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was asked to; everything accepted was answered and is durable.
    Asked,
    /// It cannot go on; the text is for a person.
    Failed(String),
}

/// What a runtime drives. The shard of this crate is one; the runtimes' own tests drive an echo.
pub trait Drive {
    /// What shards of one node say to each other; opaque to runtimes.
    type Message: Send + 'static;

    /// One step. Cannot fail, never blocks, never takes long.
    fn handle(&mut self, now: Now, event: Event<Self::Message>, actions: &mut Vec<Action<Self::Message>>);
    /// The runtime has handed over all that happened: what was held back to be batched goes out now.
    fn end_turn(&mut self, now: Now, actions: &mut Vec<Action<Self::Message>>);
    /// When the next `Tick` is due at the latest.
    fn next_deadline(&self) -> Option<Instant>;
}
