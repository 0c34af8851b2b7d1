//! What the engine asks of SeaweedFS, as plain data: the contract between this engine and whoever carries its commands
//! out (the client on tonic, or a model in tests).
//!
//! - Every command is answered exactly once with [`crate::SmqEngine::rpc_done`], at the latest when its timeout is over,
//!   then with [`RpcError::Timeout`]: the engine keeps no timers of its own for them. An error says that the command may or
//!   may not have been carried out, unless its documentation says more.
//! - Commands run at the same time and are answered in any order, except those on one publish stream, which take effect
//!   and are answered in the order they were given.
//! - The engine retries, and waits between its tries; the client does not retry a command, with one exception: it may try
//!   another filer or master of its list when nothing of the command has been sent.
//! - The client finds masters, filers and brokers itself and keeps connections. It holds no more than it is given: how
//!   much that can be at one time is bounded by the engine's configuration.
//!
//! Paths are absolute paths of the filer (`/kelpgate/...`), without a slash at the end, each part of them a name that
//! needs escaping in a URL perhaps (`%`, space, `#`), but no slash and not empty.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;

/// Names one command until it is answered. Rises, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RpcTicket(pub u64);

/// Names one publish stream, from its [`RpcCommand::OpenStream`] on. Rises, never used again: a stream that broke is
/// opened again under another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StreamId(pub u64);

/// A topic of SeaweedMQ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SmqTopic {
    /// `schema_pb.Topic.namespace`.
    pub namespace: String,
    /// `schema_pb.Topic.name`.
    pub name: String,
}

/// A partition of SeaweedMQ, as `schema_pb.Partition` names it: a part of a ring in one generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SmqPartition {
    /// Size of the ring: 2520.
    pub ring_size: i32,
    /// First slot.
    pub range_start: i32,
    /// The slot after the last.
    pub range_stop: i32,
    /// The generation: when the topic's partitions were laid out, in nanoseconds since 1970.
    pub unix_time_ns: i64,
}

/// Who leads a partition (`BrokerPartitionAssignment`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// Which one.
    pub partition: SmqPartition,
    /// `host:port` of the leading broker's gRPC port; empty while it has none.
    pub leader: String,
}

/// A command with the time it may take.
#[derive(Clone, PartialEq, Debug)]
pub struct Rpc {
    /// What the answer is told by.
    pub ticket: RpcTicket,
    /// From when the client is given it until it is answered.
    pub timeout: Duration,
    /// What to do.
    pub command: RpcCommand,
}

/// Something to be done by SeaweedFS. Each names the [`RpcReply`] it is answered with.
#[derive(Clone, PartialEq, Debug)]
pub enum RpcCommand {
    /// Writes a whole file, over what was there; folders on the way are made. Readers see the old content or the new, never
    /// a mixture. With `sync` the answer says that the content is on the disk (the filer's `fsync=true`). Content may be
    /// empty. -> [`RpcReply::Done`]
    Put { path: String, content: Pieces, sync: bool },
    /// Reads the bytes of a file from `from` on, at most `len`; fewer only where the file ends, none at or past its end.
    /// [`RpcError::NotFound`] when there is no such file. -> [`RpcReply::Content`]
    Get { path: String, from: u64, len: u64 },
    /// Lists what is directly in a folder, in byte order of the names, those above `after` only (all, when it is empty), at
    /// most `limit`. A folder that does not exist has nothing in it. -> [`RpcReply::Listed`]
    List { folder: String, after: String, limit: u32 },
    /// Removes a file or a folder with all that is in it, content included. Done as well when there is none.
    /// -> [`RpcReply::Done`]
    Delete { path: String },
    /// Gives a file another path, replacing what was there. [`RpcError::NotFound`] when there is none.
    /// -> [`RpcReply::Done`]
    Rename { from: String, to: String },
    /// What the cluster can hold (`filer_pb.Statistics`). -> [`RpcReply::Volume`]
    Statistics,
    /// Makes a topic with that many partitions (1..=2520), or changes it to that many, which begins a new generation; does
    /// nothing when it has that many (`ConfigureTopic`). -> [`RpcReply::Assignments`]
    EnsureTopic { topic: SmqTopic, partitions: i32 },
    /// Tells who leads a topic's partitions of the newest generation (`LookupTopicBrokers`, or what is less likely to be
    /// old). [`RpcError::NotFound`] when there is no such topic. -> [`RpcReply::Assignments`]
    LookupTopic { topic: SmqTopic },
    /// Opens a publish stream to a partition at the broker `broker` (as in [`Assignment::leader`]) and waits for its
    /// greeting. The engine sends nothing on it before the answer. After an error there is no such stream.
    /// -> [`RpcReply::Done`]
    OpenStream { stream: StreamId, broker: String, topic: SmqTopic, partition: SmqPartition },
    /// Sends one message, with a time of the broker's choosing (`ts_ns` 0); many may be under way. Answered once the broker has
    /// it in memory. After an error the stream is broken: all that are under way on it, and all that are still given, are
    /// answered with an error too, and the client forgets the stream after the last that was under way.
    /// -> [`RpcReply::Done`]
    Publish { stream: StreamId, key: Bytes, value: Pieces },
    /// Ends a stream: half-close, then wait until the broker ends it too, which it does after writing out what it has of the
    /// partition, if this was the last client of it. Given after all publishes were answered, or to break it off: then
    /// they are answered first, with success or [`RpcError::Broken`]. Done as well for a stream that is broken or unknown.
    /// -> [`RpcReply::Done`]
    CloseStream { stream: StreamId },
}

/// The answers.
#[derive(Clone, PartialEq, Debug)]
pub enum RpcReply {
    /// It was done.
    Done,
    /// Bytes of a file, and how long all of it is.
    Content { bytes: Bytes, size: u64 },
    /// What is in a folder, in byte order of the names.
    Listed(Vec<Entry>),
    /// All partitions of a topic's newest generation, by `range_start`: the index is that of the Kafka partition.
    Assignments(Vec<Assignment>),
    /// Room of the cluster in bytes, -1 where that is not known.
    Volume { total: i64, usable: i64 },
}

/// Something in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its size in bytes; 0 for a folder.
    pub size: u64,
    /// When it was written last, in milliseconds since 1970.
    pub modified: i64,
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RpcError {
    /// No master answers, or none of those given exists.
    #[error("no master of SeaweedFS answers: {0}")]
    NoMaster(String),
    /// The masters know no filer that answers.
    #[error("no filer of SeaweedFS answers: {0}")]
    NoFiler(String),
    /// No broker is known, or the one that was asked for does not answer, or a partition has no leader.
    #[error("no broker of SeaweedMQ answers: {0}")]
    NoBroker(String),
    /// The broker does not lead that partition (any longer): look the leader up again.
    #[error("the broker does not lead the partition: {0}")]
    NotLeader(String),
    /// There is no such file, topic or partition.
    #[error("not found")]
    NotFound,
    /// The time was over.
    #[error("no answer in time")]
    Timeout,
    /// The stream broke, here or earlier.
    #[error("the publish stream broke: {0}")]
    Broken(String),
    /// More bytes than the other side takes.
    #[error("too large: {0}")]
    TooLarge(String),
    /// No room on the volumes.
    #[error("no space left: {0}")]
    Full(String),
    /// The client has more in hand than it was made for, or is going down. Nothing was done.
    #[error("the client takes no more: {0}")]
    Busy(String),
    /// Not allowed: TLS, certificates, credentials, or a version that does not know the call. A person must look at it.
    #[error("refused: {0}")]
    Refused(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
