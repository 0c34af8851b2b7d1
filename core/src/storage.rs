//! What the machine asks of an engine, and what comes back. Engines are dumb: offsets, epochs, retention and
//! compaction are decided here; the engine only keeps bytes under the offsets it is told.
//!
//! Every command is answered once, with [`StorageReply`] of the same name or a [`StorageError`]. Commands on one log
//! take effect in the order they were given; answers may come in any order. After an error on an [`Append`] every
//! later append to that log fails too, until the log is opened again: what a reader sees never has a hole.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::LogId;
use crate::pieces::Pieces;
use crate::protocol::Str;

/// Something to be done by the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageCommand {
    /// Tells where a log starts and ends. A log never heard of is empty and starts at 0; nothing is created for it.
    ///
    /// `topic` is the topic's name and `partitions` how many partitions it has, which may grow from one opening of its
    /// logs to the next, never shrink: an engine that keeps its logs in somebody else's topics needs both. The embedded
    /// log needs neither.
    Open { log: LogId, topic: Str, partitions: i32 },
    /// Stores batches at the end of a log. Answered once they are as durable as the engine's policy says, see
    /// [`Append::durable`].
    Append { log: LogId, append: Append },
    /// Reads whole batches: from the one that holds `from` on, while they end below `until` and fit `max_bytes`; the
    /// first is given even if it is larger. Gives nothing when `from` is at or past the end.
    Read { log: LogId, from: i64, until: i64, max_bytes: usize },
    /// Finds the first batch at or after `from` whose max timestamp is at least `at_least` and which starts below `until`.
    FindTime { log: LogId, from: i64, until: i64, at_least: i64 },
    /// Finds the first batch with the greatest max timestamp among those in `from..until`.
    FindMaxTime { log: LogId, from: i64, until: i64 },
    /// Lists the segments of a log, oldest first.
    Segments { log: LogId },
    /// Makes `start` the first offset of the log, durably, and drops segments that lie below it as a whole. A `start`
    /// past the end leaves an empty log that starts and ends there.
    Trim { log: LogId, start: i64 },
    /// Replaces a run of closed segments, from the one named `segment` through the one named `last` (often the same), by
    /// one segment named `segment`, in steps, so that no step holds much memory. Compaction leaves segments small; were
    /// they not joined, their number would grow without end. One replacement of a log is under way at a time.
    Rewrite { log: LogId, segment: i64, last: i64, step: RewriteStep },
    /// Keeps the machine's own state of a log as of `snapshot.offset`; only the newest is kept. One that is `durable` is on
    /// disk before the answer: the log below may be trimmed. Any other may be lost in a crash, never damaged: an older one,
    /// or none, is found then.
    SaveSnapshot { log: LogId, snapshot: Snapshot, durable: bool },
    /// Removes a log and everything kept with it, durably.
    Delete { log: LogId },
    /// Lists every log there is, with its size: for clean-up after a crash and for DescribeLogDirs.
    List,
    /// Tells the room on the volume.
    Volume,
}

/// Batches to be stored: already stamped, whole, in offset order.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Offset of the first record; equal to the log's end (or above it, where compaction left a gap).
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Greatest timestamp among the batches, in milliseconds, -1 for none.
    pub max_timestamp: i64,
    /// Begin a new segment with this append: the machine counts bytes and time (`segment.bytes`, `segment.ms`).
    pub roll: bool,
    /// Whether the answer promises that these batches, and all before them, survive the loss of any one process:
    /// `acks=all`, and what the machine itself keeps. Without it an engine may answer as soon as they are in somebody
    /// else's memory (`acks=1`, `acks=0`). The embedded log makes no difference: its setting `sync` holds for all.
    pub durable: bool,
    /// The batches one after the other.
    pub batches: Pieces,
}

/// One step of replacing closed segments.
#[derive(Clone, Debug, PartialEq)]
pub enum RewriteStep {
    /// Adds kept batches to the replacement.
    Keep(Pieces),
    /// The replacement is complete: swap it in, durably, and atomically: after a crash there is either the whole run or
    /// the replacement alone. Without any kept batch the run is removed and leaves a gap between its neighbours.
    Commit,
    /// Forget the replacement.
    Abandon,
}

/// The machine's own state of a log (producers, leader epochs) at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state covers all batches below this offset.
    pub offset: i64,
    /// Written and read by the machine alone.
    pub state: Bytes,
}

/// A segment: a run of batches in one file, or what an engine has in place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Offset of its first record, which names it.
    pub base_offset: i64,
    /// The offset after its last record.
    pub end_offset: i64,
    /// Its size.
    pub bytes: u64,
    /// Greatest timestamp in it, -1 for none.
    pub max_timestamp: i64,
    /// Max timestamp of its first batch, -1 for none (an empty segment): `segment.ms` counts from here.
    pub first_timestamp: i64,
}

/// What [`StorageCommand::Open`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// First offset that may be read.
    pub start: i64,
    /// The offset after the last record.
    pub end: i64,
    /// The segment that appends go to, if there is one.
    pub active: Option<SegmentInfo>,
    /// The newest snapshot at or below the end.
    pub snapshot: Option<Snapshot>,
}

/// One log in the answer to [`StorageCommand::List`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInfo {
    /// Which one.
    pub log: LogId,
    /// Bytes of its batches.
    pub bytes: u64,
}

/// The answers, one for each command.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageReply {
    Opened(Opened),
    Appended,
    /// The batches as stored, in as few pieces as they lie in: a piece may hold many batches, or a part of one.
    Read(Pieces),
    /// One whole batch, or none.
    FoundTime(Option<Bytes>),
    /// One whole batch, or none.
    FoundMaxTime(Option<Bytes>),
    Segments(Vec<SegmentInfo>),
    Trimmed,
    Rewritten,
    SnapshotSaved,
    Deleted,
    Listed(Vec<LogInfo>),
    Volume {
        total_bytes: i64,
        usable_bytes: i64,
    },
}

/// Why a command failed. Nothing it asked for has happened, except that a failed append may still turn up after a
/// restart, as with any log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No room on the volume. Appends work again when there is.
    #[error("no space left on the volume")]
    Full,
    /// The process may not open more files.
    #[error("too many open files")]
    TooManyFiles,
    /// Bytes on disk are not what was written. The offsets from `at` to before `until` are fenced, never served.
    #[error("damaged at offset {at}: {detail}")]
    Damaged { at: i64, until: i64, detail: String },
    /// An earlier write or sync failed: the log takes no more writes until it has been opened anew.
    #[error("fenced after an earlier failure: {0}")]
    Fenced(String),
    /// The engine has too much in hand.
    #[error("overloaded")]
    Overloaded,
    /// The log was deleted.
    #[error("no such log")]
    Gone,
    /// Anything else the system said.
    #[error("{0}")]
    Other(String),
}
