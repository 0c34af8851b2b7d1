//! The files that a shard's journal is in, and the group on its way to disk.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use kelpgate_core::ids::Ticket;
use kelpgate_core::time::Instant;

use crate::config::LogConfig;
use crate::file::{FileError, FileHandle};
use crate::journal::format::{Entry, FILE_HEADER_LEN, FileHeader, GROUP_HEADER_LEN};

/// A change on its way into the journal.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) entry: Entry,
    /// Memory its batches keep alive.
    pub(crate) charge: usize,
}

/// One file.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) handle: FileHandle,
    /// The number in its name; a recycled file keeps its name.
    pub(crate) name: u64,
    pub(crate) header: FileHeader,
    /// Bytes there is room for.
    pub(crate) len: u64,
    /// Where the next group goes; 0 before the first one.
    pub(crate) at: u64,
    /// Number of the last group in it.
    pub(crate) last_group: u64,
}

impl JournalFile {
    /// Whether a group of that many bytes of entries fits.
    pub(crate) fn fits(&self, entries: usize) -> bool {
        self.at.saturating_add(overhead(self.at == 0) as u64).saturating_add(entries as u64) <= self.len
    }
}

/// Bytes that a write takes beside its entries.
pub(crate) fn overhead(begins_file: bool) -> usize {
    GROUP_HEADER_LEN + if begins_file { FILE_HEADER_LEN } else { 0 }
}

/// How one command of several is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Waiting,
    Done,
    Failed(FileError),
}

impl From<Result<(), FileError>> for Step {
    fn from(outcome: Result<(), FileError>) -> Step {
        match outcome {
            Ok(()) => Step::Done,
            Err(error) => Step::Failed(error),
        }
    }
}

/// Changes on their way to disk together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) number: u64,
    pub(crate) entries: Vec<Pending>,
    /// Bytes of the write.
    pub(crate) bytes: u64,
    pub(crate) write: Step,
    /// `Done` from the start if nobody waits for a sync.
    pub(crate) sync: Step,
}

/// Whether groups can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    /// A write failed: the file is cut back to its last good group before the next write.
    Repairing,
    /// A sync failed: nothing is written until a checkpoint has made everything answered so far durable elsewhere.
    Abandoned {
        why: FileError,
    },
    /// A sync failed in the background too. Only a restart, which reads the journal back, helps.
    Lost {
        why: FileError,
    },
}

/// The journal of a shard.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) health: Health,
    pub(crate) current: Option<JournalFile>,
    /// Full files whose changes are not all in synced segments, oldest first.
    pub(crate) full: VecDeque<JournalFile>,
    /// Files ready to be used, or used again.
    pub(crate) spares: Vec<JournalFile>,
    /// A file being made ready.
    pub(crate) preparing: Option<JournalFile>,
    pub(crate) in_flight: Option<Group>,
    /// Number of the last group tried.
    pub(crate) last_tried: u64,
    /// Number of the last group that is part of the journal.
    pub(crate) last_written: u64,
    /// All groups up to this one are on disk.
    pub(crate) durable: u64,
    /// With answers before the sync: when the background has to sync.
    pub(crate) sync_due: Option<Instant>,
    /// Such syncs under way.
    pub(crate) syncing: u32,
    /// Number of the last file made or used again.
    pub(crate) last_file: u64,
    /// The folders on the way to the journal's files are on disk.
    pub(crate) folders_synced: bool,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal {
            health: Health::Good,
            current: None,
            full: VecDeque::new(),
            spares: Vec::new(),
            preparing: None,
            in_flight: None,
            last_tried: 0,
            last_written: 0,
            durable: 0,
            sync_due: None,
            syncing: 0,
            last_file: 0,
            folders_synced: false,
        }
    }

    /// Files there are.
    pub(crate) fn files(&self) -> usize {
        self.full.len()
            + self.spares.len()
            + usize::from(self.current.is_some())
            + usize::from(self.preparing.is_some())
    }

    /// The header of the next file.
    pub(crate) fn next_header(&mut self, config: &LogConfig) -> FileHeader {
        self.last_file += 1;
        FileHeader {
            epoch: config.boot.epoch,
            nonce: config.boot.nonce,
            shard: config.shard.0,
            shards: config.shards,
            number: self.last_file,
        }
    }

    /// Takes a spare file into use in place of the full one, if there is one with room for that much.
    pub(crate) fn switch(&mut self, entries: usize, config: &LogConfig) -> bool {
        let need = (entries + overhead(true)) as u64;
        let Some(at) = self.spares.iter().position(|file| file.len >= need) else { return false };
        let mut file = self.spares.swap_remove(at);
        file.at = 0;
        file.header = self.next_header(config);
        self.retire_current();
        self.current = Some(file);
        true
    }

    /// Nothing more goes into the current file.
    pub(crate) fn retire_current(&mut self) {
        if let Some(full) = self.current.take() {
            self.full.push_back(full);
        }
    }
}
