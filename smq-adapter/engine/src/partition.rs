//! One log as the engine has it in hand: what of it is in memory, and how far each of its ways has come.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, SegmentInfo, StorageError};
use kelpgate_core::time::Instant;

use crate::batches;
use crate::index::grow;
use crate::look::Look;
use crate::message::MessageKey;
use crate::publish::Stream;
use crate::rewrite::Rewriting;
use crate::save::Save;
use crate::state::LogState;
use crate::wal_file::WalEntry;

/// What an entry costs in memory beside its bytes.
const ENTRY_COST: usize = 256;

/// An append in memory.
#[derive(Clone, Debug)]
pub(crate) struct TailEntry {
    pub(crate) key: MessageKey,
    pub(crate) value: Pieces,
    /// Who waits for it.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) durable: bool,
    /// Max timestamp of its first batch.
    pub(crate) first_timestamp: i64,
}

impl TailEntry {
    /// What it counts for in memory.
    pub(crate) fn charge(&self) -> usize {
        charge(&self.value)
    }
}

/// What batches count for in memory.
pub(crate) fn charge(value: &Pieces) -> usize {
    value.len() + ENTRY_COST
}

/// Whether the log may be appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    /// An append failed: those after it fail as well until the log is opened again.
    Failed(StorageError),
}

/// The log's right to write, see [`crate::message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenure {
    /// No term was begun since the log was opened.
    None,
    /// A term is being written to the state file.
    Beginning(u64),
    /// Messages may go out in this term.
    Held(u64),
}

/// One log. Offsets that say how far something has come are those of the next one to do.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    pub(crate) id: LogId,
    pub(crate) stage: Stage,
    pub(crate) state: LogState,
    pub(crate) tenure: Tenure,
    /// The offset after the last record, of appends under way too.
    pub(crate) end: i64,
    /// Batches in memory, in order, up to `end`. Those that log files hold (below `state.index.end`) come first and may go.
    pub(crate) tail: VecDeque<TailEntry>,
    /// Appends that wait for memory.
    pub(crate) waiting: VecDeque<(Ticket, Append)>,
    /// Up to here appends were answered.
    pub(crate) answered: i64,
    /// Up to here messages were given to the stream that is open.
    pub(crate) sent: i64,
    /// Up to here a broker has said that it has them.
    pub(crate) published: i64,
    /// Up to here entries are to go into write-ahead files, have been given to one, and are in one.
    pub(crate) wal_wanted: i64,
    pub(crate) wal_sent: i64,
    pub(crate) wal_done: i64,
    /// Write-ahead files with entries of this log that no log file holds: up to which offset, and which.
    pub(crate) wal_runs: VecDeque<(i64, u64)>,
    /// It is in the queue for the write-ahead.
    pub(crate) wal_queued: bool,
    pub(crate) stream: Stream,
    pub(crate) look: Look,
    pub(crate) save: Save,
    pub(crate) rewriting: Option<Rewriting>,
    /// When something of it was found in log files last, or began to be looked for.
    pub(crate) progress_at: Instant,
    /// When it was appended to last.
    pub(crate) used_at: Instant,
    /// Offset of the newest snapshot that was written.
    pub(crate) snapshot: Option<i64>,
    /// Offsets of the snapshots that were found, while the log is being opened.
    pub(crate) listed: Vec<i64>,
}

impl PartitionLog {
    /// A log whose files end at the end of its index.
    pub(crate) fn new(id: LogId, state: LogState, now: Instant) -> PartitionLog {
        let end = state.index.end;
        PartitionLog {
            id,
            stage: Stage::Serving,
            state,
            tenure: Tenure::None,
            end,
            tail: VecDeque::new(),
            waiting: VecDeque::new(),
            answered: end,
            sent: end,
            published: end,
            wal_wanted: end,
            wal_sent: end,
            wal_done: end,
            wal_runs: VecDeque::new(),
            wal_queued: false,
            stream: Stream::default(),
            look: Look::default(),
            save: Save::default(),
            rewriting: None,
            progress_at: now,
            used_at: now,
            snapshot: None,
            listed: Vec::new(),
        }
    }

    /// Everything up to an offset is as safe as it can be.
    pub(crate) fn reached(&mut self, end: i64) {
        self.end = end;
        self.answered = end;
        self.sent = end;
        self.published = end;
        self.wal_wanted = end;
        self.wal_sent = end;
        self.wal_done = end;
    }

    /// Takes an entry of the write-ahead into memory; gives what it counts for.
    pub(crate) fn replay(&mut self, entry: WalEntry) -> usize {
        let WalEntry { key, value } = entry;
        let first_timestamp = batches::bounds(&value).map_or(-1, |(_, _, time)| time);
        let entry = TailEntry { key, value, ticket: None, durable: true, first_timestamp };
        let charge = entry.charge();
        self.push(entry);
        charge
    }

    /// Adds an append at the end.
    pub(crate) fn push(&mut self, entry: TailEntry) {
        self.end = entry.key.end();
        if entry.durable {
            self.wal_wanted = self.end;
        }
        self.tail.push_back(entry);
    }

    /// Where in the tail the entry is that holds an offset, or the first after it.
    pub(crate) fn tail_place(&self, offset: i64) -> usize {
        self.tail.partition_point(|entry| entry.key.last < offset)
    }

    /// Bytes in memory that no log file holds.
    pub(crate) fn unverified(&self) -> usize {
        let from = self.tail_place(self.state.index.end);
        self.tail.range(from..).map(TailEntry::charge).sum()
    }

    /// Whether log files hold everything.
    pub(crate) fn is_verified(&self) -> bool {
        self.state.index.end >= self.end
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        let mut segments = Vec::new();
        self.state.index.add_segments(&mut segments);
        for entry in self.tail.range(self.tail_place(self.state.index.end)..) {
            let (bounds, bytes) = ((entry.key.base, entry.key.end()), entry.value.len() as u64);
            let times = (entry.first_timestamp, entry.key.max_timestamp);
            grow(&mut segments, bounds, bytes, times, entry.key.roll);
        }
        segments
    }

    /// Bytes of all batches.
    pub(crate) fn bytes(&self) -> u64 {
        let tail = self.tail.range(self.tail_place(self.state.index.end)..);
        self.state.index.bytes() + tail.map(|entry| entry.value.len() as u64).sum::<u64>()
    }

    /// Whether SeaweedMQ writes out what it has of this topic when the last client leaves: not if it is one of the system's.
    pub(crate) fn flushes_on_close(&self) -> bool {
        flushes_on_close(&self.state.topic)
    }
}

/// See [`PartitionLog::flushes_on_close`].
pub(crate) fn flushes_on_close(topic: &str) -> bool {
    !topic.starts_with('_')
}

/// A name for messages: topic and partition.
pub(crate) fn describe(topic: &str, log: LogId) -> String {
    alloc::format!("{topic}-{}", log.partition)
}
