//! The log of one shard: takes storage commands, asks for file commands, answers.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{LogInfo, StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now};

use crate::checkpoint::Checkpoint;
use crate::config::LogConfig;
use crate::file::{FileCommand, FileError, FileHandle, FileReply, FileTicket, Lane};
use crate::index::Budget;
use crate::intake::Intake;
use crate::journal::writer::Journal;
use crate::manifest::LogDescription;
use crate::memory::Memory;
use crate::open_files::{FileKey, OpenFiles, Role, Waiter};
use crate::outbox::LogOutbox;
use crate::partition::{LogKey, PartitionLog};
use crate::read::{Asked, Reads};
use crate::rewrite::Rewrites;
use crate::sequence::Sequences;
use crate::snapshot::Opening;

/// What a file command was for.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// One command of a sequence.
    Step {
        sequence: u64,
        place: usize,
    },
    GroupWrite,
    GroupSync,
    /// The sync after answers were given; covers groups up to this one.
    JournalSync {
        group: u64,
    },
    /// A segment file is to be open.
    Open {
        handle: FileHandle,
    },
    /// Bytes of a log on their way into its segment.
    Flush {
        key: LogKey,
        handle: FileHandle,
    },
    /// Batches were written to a replacement.
    Kept {
        key: LogKey,
        handle: FileHandle,
    },
    /// A segment is synced for the checkpoint.
    SegmentSync,
    /// Bytes that a read waits for.
    Read {
        job: u64,
        handle: FileHandle,
        asked: Asked,
    },
    /// A snapshot, or the list of a folder that may hold one, for `Open`.
    OpenSnapshot(Opening),
    OpenFolder(Opening),
    Volume {
        ticket: Ticket,
    },
    /// Nobody waits, but a failure is worth a note.
    Tidy {
        what: &'static str,
    },
}

/// The log of one shard. See [`crate`] for how it is driven.
#[derive(Debug)]
pub struct Log {
    pub(crate) config: LogConfig,
    pub(crate) ids: BTreeMap<LogId, LogKey>,
    pub(crate) logs: BTreeMap<LogKey, PartitionLog>,
    last_key: u64,
    last_ticket: u64,
    ops: BTreeMap<FileTicket, Op>,
    pub(crate) sequences: Sequences,
    pub(crate) intake: Intake,
    pub(crate) journal: Journal,
    pub(crate) memory: Memory,
    pub(crate) indexes: Budget,
    pub(crate) files: OpenFiles,
    /// Logs with batches to be written to segments, in the order they got them.
    pub(crate) flush_queue: VecDeque<LogKey>,
    pub(crate) flushes: usize,
    /// Logs whose folder has names that are not on disk yet.
    pub(crate) folders: BTreeSet<LogId>,
    /// Folders of logs were made or removed.
    pub(crate) topics_changed: bool,
    /// Segments with bytes that no checkpoint covers.
    pub(crate) unsynced: BTreeSet<(LogKey, i64)>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) reads: Reads,
    pub(crate) rewrites: Rewrites,
    /// Replacements being renamed: no checkpoint begins meanwhile.
    pub(crate) placing: usize,
    /// The background waits for this moment after a failure.
    pub(crate) retry_at: Option<Instant>,
    /// The background cannot go on for want of room.
    pub(crate) full: bool,
    pub(crate) draining: bool,
    pub(crate) failures_noted: BTreeSet<String>,
}

impl Log {
    /// The log of a shard, with the logs that recovery found for it.
    pub fn new(config: LogConfig, recovered: Vec<LogDescription>) -> Log {
        let first_handle = u64::from(config.shard.0) << 48;
        let mut log = Log {
            ids: BTreeMap::new(),
            logs: BTreeMap::new(),
            last_key: 0,
            last_ticket: 0,
            ops: BTreeMap::new(),
            sequences: Sequences::default(),
            intake: Intake::default(),
            journal: Journal::new(),
            memory: Memory::new(config.cache_bytes),
            indexes: Budget::new(config.index_bytes),
            files: OpenFiles::new(config.open_files, first_handle),
            flush_queue: VecDeque::new(),
            flushes: 0,
            folders: BTreeSet::new(),
            topics_changed: false,
            unsynced: BTreeSet::new(),
            checkpoint: Checkpoint::default(),
            reads: Reads::default(),
            rewrites: Rewrites::new(),
            placing: 0,
            retry_at: None,
            full: false,
            draining: false,
            failures_noted: BTreeSet::new(),
            config,
        };
        for description in recovered {
            let key = log.new_key();
            log.ids.insert(description.log, key);
            log.logs.insert(key, PartitionLog::found(description));
        }
        log
    }

    /// Takes a command. It is answered once, at once or later, with the ticket it came with.
    pub fn submit(&mut self, _now: Now, ticket: Ticket, command: StorageCommand, out: &mut LogOutbox) {
        match command {
            StorageCommand::Open { log, topic: _, partitions: _ } => self.open(ticket, log, out),
            StorageCommand::Append { log, append } => self.submit_append(ticket, log, append, out),
            StorageCommand::Trim { log, start } => self.submit_trim(ticket, log, start, out),
            StorageCommand::Delete { log } => self.submit_delete(ticket, log, out),
            StorageCommand::Read { log, from, until, max_bytes } => {
                self.read(ticket, log, (from, until), max_bytes, out);
            }
            StorageCommand::FindTime { log, from, until, at_least } => {
                self.find_time(ticket, log, (from, until), at_least, out);
            }
            StorageCommand::FindMaxTime { log, from, until } => {
                self.find_max_time(ticket, log, (from, until), out)
            }
            StorageCommand::Segments { log } => {
                let segments = self.partition(log).map(PartitionLog::segment_infos).unwrap_or_default();
                out.reply(ticket, Ok(StorageReply::Segments(segments)));
            }
            StorageCommand::Rewrite { log, segment, last, step } => {
                self.rewrite(ticket, log, (segment, last), step, out);
            }
            StorageCommand::SaveSnapshot { log, snapshot, durable } => {
                self.save_snapshot(ticket, log, snapshot, durable, out);
            }
            StorageCommand::List => {
                let logs =
                    self.logs.values().map(|log| LogInfo { log: log.id, bytes: log.bytes() }).collect();
                out.reply(ticket, Ok(StorageReply::Listed(logs)));
            }
            StorageCommand::Volume => {
                self.file(Op::Volume { ticket }, Lane::Background, FileCommand::Volume, out);
            }
        }
    }

    /// Takes the answer to a file command.
    pub fn file_done(
        &mut self,
        now: Now,
        ticket: FileTicket,
        outcome: Result<FileReply, FileError>,
        out: &mut LogOutbox,
    ) {
        let Some(op) = self.ops.remove(&ticket) else { return };
        match op {
            Op::Step { sequence, place } => self.step_done(now, sequence, place, outcome.map(drop), out),
            Op::GroupWrite => self.group_step(now, Some(outcome.map(drop)), None, out),
            Op::GroupSync => self.group_step(now, None, Some(outcome.map(drop)), out),
            Op::JournalSync { group } => self.journal_synced(group, outcome.map(drop), out),
            Op::Open { handle } => self.file_opened(now, handle, outcome, out),
            Op::Flush { key, handle } => self.flushed(now, key, handle, outcome.map(drop), out),
            Op::Kept { key, handle } => self.kept(key, handle, outcome.map(drop), out),
            Op::SegmentSync => self.segment_synced(now, outcome.map(drop), out),
            Op::Read { job, handle, asked } => self.bytes_read(job, handle, asked, outcome, out),
            Op::OpenSnapshot(opening) => self.snapshot_read(opening, outcome, out),
            Op::OpenFolder(opening) => self.snapshots_listed(opening, outcome, out),
            Op::Volume { ticket } => {
                let outcome = match outcome {
                    Ok(FileReply::Volume { total, usable }) => Ok(StorageReply::Volume {
                        total_bytes: i64::try_from(total).unwrap_or(i64::MAX),
                        usable_bytes: i64::try_from(usable).unwrap_or(i64::MAX),
                    }),
                    Ok(other) => Err(unexpected(&other)),
                    Err(error) => Err(storage_error(error)),
                };
                out.reply(ticket, outcome);
            }
            Op::Tidy { what } => {
                if let Err(error) = outcome {
                    out.note(Level::Warn, format!("{what} failed: {error}"));
                }
            }
        }
    }

    /// The turn is over: what was collected goes out together, the background goes on.
    pub fn end_turn(&mut self, now: Now, out: &mut LogOutbox) {
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
            // Perhaps there is room by now: appends wait for the answer to that.
            self.full = false;
        }
        self.write_group(now, out);
        self.sync_journal(now, out);
        self.pump_flushes(out);
        self.pump_checkpoint(now, out);
        self.pump_reads(out);
        self.close_surplus(out);
        self.bound_indexes();
    }

    fn bound_indexes(&mut self) {
        let Log { indexes, logs, reads, rewrites, .. } = self;
        indexes.enforce(|visit| {
            let segments = logs.values_mut().flat_map(|log| &mut log.segments);
            segments.for_each(|segment| visit(&mut segment.index));
            reads.indexes().for_each(&mut *visit);
            rewrites.values_mut().for_each(|rewriting| visit(rewriting.index()));
        });
    }

    /// Memory that sparse indexes take, in bytes.
    pub fn index_memory(&self) -> usize {
        let segments = self.logs.values().flat_map(|log| &log.segments);
        segments.map(|segment| segment.index.bytes()).sum()
    }

    /// When [`Log::end_turn`] should be called at the latest, even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        let sync_due = self.journal.sync_due.filter(|_| self.journal.syncing == 0);
        [self.retry_at, sync_due, self.checkpoint.resume_at()].into_iter().flatten().min()
    }

    /// Stop cleanly: everything in memory and in the journal goes into synced segments, then the journal is removed.
    /// Nothing may be submitted any more; drive on until [`Log::is_idle`].
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether nothing is under way and, after [`Log::drain`], nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.ops.is_empty() && self.intake.is_empty() && (!self.draining || self.checkpoint.is_drained())
    }

    /// Memory that batches take, in bytes: those not yet in segments, and all.
    pub fn memory(&self) -> (usize, usize) {
        (self.memory.dirty(), self.memory.total())
    }

    /// Segment files open at the moment.
    pub fn open_files(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn new_key(&mut self) -> LogKey {
        self.last_key += 1;
        LogKey(self.last_key)
    }

    pub(crate) fn partition(&self, log: LogId) -> Option<&PartitionLog> {
        self.logs.get(self.ids.get(&log)?)
    }

    /// Where a log ends; 0 if there is none of that name.
    pub(crate) fn end_of(&self, log: LogId) -> i64 {
        self.partition(log).map_or(0, |known| known.end)
    }

    /// Asks for a file command.
    pub(crate) fn file(&mut self, op: Op, lane: Lane, command: FileCommand, out: &mut LogOutbox) {
        self.last_ticket += 1;
        let ticket = FileTicket(self.last_ticket);
        self.ops.insert(ticket, op);
        out.file(ticket, lane, command);
    }

    /// Has a segment file opened.
    pub(crate) fn open_segment(&mut self, handle: FileHandle, key: FileKey, out: &mut LogOutbox) {
        self.close_surplus(out);
        let Some(log) = self.logs.get(&key.log) else { return };
        let (file, create) = match key.role {
            Role::Writer => (crate::layout::LogFile::Segment(key.segment), true),
            Role::Reader => (crate::layout::LogFile::Segment(key.segment), false),
            Role::Replacement => (crate::layout::LogFile::Replacement(key.segment), true),
        };
        let path = file.path(log.id);
        self.file(Op::Open { handle }, key.role.lane(), FileCommand::Open { handle, path, create }, out);
    }

    fn file_opened(
        &mut self,
        now: Now,
        handle: FileHandle,
        outcome: Result<FileReply, FileError>,
        out: &mut LogOutbox,
    ) {
        let (found, outcome) = match outcome {
            Ok(FileReply::Opened { len }) => (self.files.opened(handle), Ok(len)),
            Ok(other) => (self.files.failed(handle), Err(FileError::Other(format!("unexpected {other:?}")))),
            Err(error) => (self.files.failed(handle), Err(error)),
        };
        let Some((key, waiters)) = found else { return };
        if outcome == Err(FileError::TooManyFiles) {
            self.files.lower_limit();
        }
        if let (Ok(len), Role::Writer) = (&outcome, key.role) {
            self.writer_opened(handle, key, *len, out);
        }
        if let (Ok(len), Role::Replacement) = (&outcome, key.role) {
            self.replacement_opened(handle, key, *len, out);
        }
        for waiter in waiters {
            let outcome = outcome.clone().map(drop);
            match waiter {
                Waiter::Job(job) => self.job_opened(job, key.segment, outcome, out),
                Waiter::Flush(log) => self.flush_opened(now, log, outcome, out),
                Waiter::Checkpoint => self.checkpoint_opened(now, outcome, out),
                Waiter::Rewrite(log) => self.rewrite_opened(log, outcome, out),
            }
        }
    }

    fn close_surplus(&mut self, out: &mut LogOutbox) {
        let all = self.draining && self.checkpoint.is_drained();
        while let Some((handle, lane)) = self.files.close_next(all) {
            self.file(Op::Tidy { what: "closing a file" }, lane, FileCommand::Close { handle }, out);
        }
    }

    /// Something in the background failed: say so once for each text, and wait a while.
    pub(crate) fn background_failed(&mut self, now: Now, what: &str, error: &FileError, out: &mut LogOutbox) {
        self.retry_at = Some(now.mono + self.config.retry_pause);
        self.full |= *error == FileError::Full;
        let text = format!("{what} failed: {error}; it is tried again");
        if self.failures_noted.insert(text.clone()) {
            out.note(Level::Error, text);
        }
        if self.draining {
            self.give_up_drain(out);
        }
    }

    /// The background made progress again.
    pub(crate) fn background_works(&mut self, out: &mut LogOutbox) {
        self.full = false;
        if !self.failures_noted.is_empty() {
            self.failures_noted.clear();
            out.note(Level::Info, String::from("what failed before works again"));
        }
    }
}

/// What the machine is told of a file error.
pub(crate) fn storage_error(error: FileError) -> StorageError {
    match error {
        FileError::Full => StorageError::Full,
        FileError::TooManyFiles => StorageError::TooManyFiles,
        FileError::NotFound | FileError::ReadOnly => StorageError::Other(format!("{error}")),
        FileError::Other(text) => StorageError::Other(text),
    }
}

/// A reply of the wrong kind is a mistake of whoever carries out file commands.
pub(crate) fn unexpected(reply: &FileReply) -> StorageError {
    StorageError::Other(format!("unexpected answer {reply:?}"))
}
