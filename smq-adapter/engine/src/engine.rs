//! The engine of one shard: takes storage commands, asks for RPC commands, answers.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use core::fmt::Display;
use core::time::Duration;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now};

use crate::config::SmqConfig;
use crate::listing::Listings;
use crate::look::Looks;
use crate::memory::Memory;
use crate::opening::Opening;
use crate::outbox::{SmqOutbox, SmqOutput};
use crate::partition::PartitionLog;
use crate::read::Reads;
use crate::removal::Removal;
use crate::rpc::{Rpc, RpcCommand, RpcError, RpcReply, RpcTicket, StreamId};
use crate::timers::{Due, Timers, pause};
use crate::topic::Topic;
use crate::wal::Wal;

/// What an RPC command was for.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A write-ahead file.
    Group(u64),
    /// A write-ahead file that is not needed.
    WalRemoved(u64),
    /// What predecessors left in the write-ahead.
    WalLoad,
    /// One of the files there.
    WalRead(u64),
    Topic(String),
    StreamOpened(LogId, StreamId),
    /// The message that ends below this offset.
    Published {
        log: LogId,
        stream: StreamId,
        end: i64,
        bytes: usize,
    },
    StreamClosed(LogId, StreamId),
    Looked(LogId),
    Saved(LogId),
    Opening(LogId),
    Read(u64),
    Snapshot {
        ticket: Ticket,
        log: LogId,
        offset: i64,
    },
    Part(LogId),
    Removal(LogId),
    Listing(u64),
    Volume {
        ticket: Ticket,
    },
    /// Nobody waits, but a failure is worth a note.
    Tidy {
        what: &'static str,
    },
}

/// The engine of one shard. See [`crate`] for how it is driven.
#[derive(Debug)]
pub struct SmqEngine {
    pub(crate) config: SmqConfig,
    last_ticket: u64,
    last_stream: u64,
    ops: BTreeMap<RpcTicket, Op>,
    pub(crate) timers: Timers,
    pub(crate) logs: BTreeMap<LogId, PartitionLog>,
    pub(crate) openings: BTreeMap<LogId, Opening>,
    pub(crate) removals: BTreeMap<LogId, Removal>,
    pub(crate) topics: BTreeMap<String, Topic>,
    /// Logs with something to publish, to answer or to begin.
    pub(crate) touched: BTreeSet<LogId>,
    pub(crate) wal: Wal,
    pub(crate) memory: Memory,
    /// Bytes of appends that wait for memory.
    pub(crate) waiting_bytes: usize,
    pub(crate) looks: Looks,
    pub(crate) reads: Reads,
    pub(crate) listings: Listings,
    pub(crate) draining: Draining,
    /// Whether a timer for [`Due::Pressure`] is set.
    pub(crate) pressed: bool,
}

/// Whether the engine is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draining {
    No,
    /// Just now.
    Begun,
    /// Brokers write out, log files are read back.
    Asked,
    /// It took too long: what is missing there is in the write-ahead.
    Over,
}

impl SmqEngine {
    /// An engine that knows of nothing yet: it looks for what predecessors left when it is asked for a log first.
    pub fn new(config: SmqConfig) -> SmqEngine {
        SmqEngine {
            last_ticket: 0,
            last_stream: 0,
            ops: BTreeMap::new(),
            timers: Timers::default(),
            logs: BTreeMap::new(),
            openings: BTreeMap::new(),
            removals: BTreeMap::new(),
            topics: BTreeMap::new(),
            touched: BTreeSet::new(),
            wal: Wal::default(),
            memory: Memory::new(config.memory_bytes),
            waiting_bytes: 0,
            looks: Looks::default(),
            reads: Reads::new(config.read_bytes, config.cache_bytes),
            listings: Listings::default(),
            draining: Draining::No,
            pressed: false,
            config,
        }
    }

    /// Takes a command. It is answered once, at once or later, with the ticket it came with.
    pub fn submit(&mut self, now: Now, ticket: Ticket, command: StorageCommand, out: &mut SmqOutbox) {
        match command {
            StorageCommand::Open { log, topic, partitions } => {
                self.open(now, ticket, (log, topic.as_str(), partitions), out);
            }
            StorageCommand::Append { log, append } => self.submit_append(now, ticket, log, append, out),
            StorageCommand::Read { log, from, until, max_bytes } => {
                self.read(now, ticket, log, (from, until), max_bytes, out);
            }
            StorageCommand::FindTime { log, from, until, at_least } => {
                self.find_time(now, ticket, log, (from, until), at_least, out);
            }
            StorageCommand::FindMaxTime { log, from, until } => {
                self.find_max_time(now, ticket, log, (from, until), out);
            }
            StorageCommand::Segments { log } => {
                let segments = self.logs.get(&log).map(PartitionLog::segments).unwrap_or_default();
                out.reply(ticket, Ok(StorageReply::Segments(segments)));
            }
            StorageCommand::Trim { log, start } => self.trim(now, ticket, log, start, out),
            StorageCommand::Rewrite { log, segment, last, step } => {
                self.rewrite(now, ticket, log, (segment, last), step, out);
            }
            StorageCommand::SaveSnapshot { log, snapshot, durable } => {
                self.save_snapshot(ticket, log, &snapshot, durable, out);
            }
            StorageCommand::Delete { log } => self.delete(now, ticket, log, out),
            StorageCommand::List => self.list(ticket, out),
            StorageCommand::Volume => self.rpc(Op::Volume { ticket }, RpcCommand::Statistics, out),
        }
    }

    /// Takes the answer to an RPC command.
    pub fn rpc_done(
        &mut self,
        now: Now,
        ticket: RpcTicket,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(op) = self.ops.remove(&ticket) else { return };
        match op {
            Op::Group(number) => self.group_written(now, number, outcome.map(drop), out),
            Op::WalRemoved(number) => self.wal_removed(now, number, outcome.map(drop)),
            Op::WalLoad => self.wal_loaded(now, outcome, out),
            Op::WalRead(number) => self.old_file_read(now, number, outcome, out),
            Op::Topic(topic) => self.topic_told(now, &topic, outcome, out),
            Op::StreamOpened(log, stream) => self.stream_opened(now, log, stream, outcome.map(drop), out),
            Op::Published { log, stream, end, bytes } => {
                self.message_published(now, log, stream, (end, bytes), outcome.map(drop), out);
            }
            Op::StreamClosed(log, stream) => self.stream_closed(log, stream),
            Op::Looked(log) => self.looked(now, log, outcome, out),
            Op::Saved(log) => {
                self.state_saved(now, log, outcome.map(drop), out);
                self.removal_due(log, out);
            }
            Op::Opening(log) => self.opening_told(now, log, outcome, out),
            Op::Read(job) => self.bytes_read(now, job, outcome, out),
            Op::Snapshot { ticket, log, offset } => {
                self.snapshot_written(ticket, log, offset, outcome.map(drop), out);
                self.removal_due(log, out);
            }
            Op::Part(log) => {
                self.part_written(now, log, outcome.map(drop), out);
                self.removal_due(log, out);
            }
            Op::Removal(log) => self.removal_told(now, log, outcome, out),
            Op::Listing(listing) => self.listing_told(listing, outcome, out),
            Op::Volume { ticket } => out.reply(ticket, volume(outcome)),
            Op::Tidy { what } => {
                if let Err(error) = outcome {
                    out.note(Level::Warn, format!("{what} failed: {error}"));
                }
            }
        }
    }

    /// The turn is over: what was collected goes out together, the background goes on.
    pub fn end_turn(&mut self, now: Now, out: &mut SmqOutbox) {
        if self.draining == Draining::Begun {
            self.draining = Draining::Asked;
            self.timers.set(now.mono + self.config.drain_patience, Due::DrainOver);
        }
        while let Some(due) = self.timers.pop(now.mono) {
            self.come_due(now, due, out);
        }
        while let Some(log) = self.touched.pop_first() {
            self.pump_log(now, log, out);
        }
        self.pump_wal(out);
        self.pump_looks(out);
        self.pump_reads(now, out);
        self.relieve(now);
        self.evict();
    }

    fn come_due(&mut self, now: Now, due: Due, out: &mut SmqOutbox) {
        match due {
            Due::Stream(log) => self.stream_due(now, log),
            Due::Look(log) => self.look_due(log),
            Due::Save(log) => self.save_state(log, out),
            Due::Topic(topic) => self.topic_due(&topic, out),
            Due::Group(number) => self.write_group(number, out),
            Due::Linger => self.remove_settled(now, out),
            Due::WalLoad => self.load_wal(out),
            Due::Open(log) => self.opening_due(now, log, out),
            Due::Read(job) => self.read_due(now, job, out),
            Due::Removal(log) => self.removal_due(log, out),
            Due::Part(log) => self.write_part(log, out),
            Due::Pressure => self.press(now),
            Due::DrainOver => {
                if self.draining == Draining::Asked {
                    self.draining = Draining::Over;
                    out.note(Level::Warn, "stopping: log files do not hold everything yet; what they lack is in the write-ahead".into());
                }
            }
        }
    }

    /// What a log may do next, after something about it has changed.
    fn pump_log(&mut self, now: Now, log: LogId, out: &mut SmqOutbox) {
        self.begin_term(log, out);
        self.answer(log, out);
        self.publish(now, log, out);
        self.ask_for_look(now, log);
        self.rewrite_on(log, out);
        self.drain_log(now, log, out);
    }

    /// When [`SmqEngine::end_turn`] should be called at the latest, even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Stop cleanly: everything is published, brokers write it out, it is read back, streams are closed. Nothing may be
    /// submitted any more; drive on until [`SmqEngine::is_idle`], which comes true after [`SmqConfig::drain_patience`]
    /// even if SeaweedMQ does not do its part: what was durable is in the write-ahead.
    pub fn drain(&mut self) {
        if self.draining == Draining::No {
            self.draining = Draining::Begun;
            self.touched.extend(self.logs.keys());
        }
    }

    /// Whether nothing is under way and, after [`SmqEngine::drain`], nothing is left to do.
    pub fn is_idle(&self) -> bool {
        match self.draining {
            Draining::No => self.ops.is_empty() && self.wal.is_idle() && self.waiting_bytes == 0,
            Draining::Begun => false,
            Draining::Asked => {
                self.ops.is_empty()
                    && self.wal.is_idle()
                    && self.logs.values().all(|log| self.is_drained(log))
            }
            Draining::Over => self.wal.is_idle(),
        }
    }

    /// Memory that batches take, in bytes: those that no log file holds yet, and all.
    pub fn memory(&self) -> (usize, usize) {
        self.memory.bytes()
    }

    /// Asks for an RPC command.
    pub(crate) fn rpc(&mut self, op: Op, command: RpcCommand, out: &mut SmqOutbox) {
        self.last_ticket += 1;
        let ticket = RpcTicket(self.last_ticket);
        self.ops.insert(ticket, op);
        out.push(SmqOutput::Rpc(Rpc { ticket, timeout: self.config.timeout, command }));
    }

    /// Whether something is being written to our folder of a log.
    pub(crate) fn writes_to(&self, id: LogId) -> bool {
        self.ops.values().any(|op| match op {
            Op::Saved(log) | Op::Part(log) | Op::Snapshot { log, .. } => *log == id,
            Op::Group(_)
            | Op::WalRemoved(_)
            | Op::WalLoad
            | Op::WalRead(_)
            | Op::Topic(_)
            | Op::StreamOpened(..)
            | Op::Published { .. }
            | Op::StreamClosed(..)
            | Op::Looked(_)
            | Op::Opening(_)
            | Op::Read(_)
            | Op::Removal(_)
            | Op::Listing(_)
            | Op::Volume { .. }
            | Op::Tidy { .. } => false,
        })
    }

    pub(crate) fn new_stream(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }

    /// How long to wait after so many failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        pause(self.config.pause_first, self.config.pause_most, failures)
    }

    /// Says that something failed and is tried again: not every time, when it goes on failing.
    pub(crate) fn note_retry(failures: u32, what: &dyn Display, error: &dyn Display, out: &mut SmqOutbox) {
        if failures.is_power_of_two() {
            let level = if failures < 4 { Level::Warn } else { Level::Error };
            out.note(level, format!("{what} failed {failures} times, it is tried again: {error}"));
        }
    }
}

fn volume(outcome: Result<RpcReply, RpcError>) -> Result<StorageReply, StorageError> {
    match outcome {
        Ok(RpcReply::Volume { total, usable }) => {
            Ok(StorageReply::Volume { total_bytes: total, usable_bytes: usable })
        }
        Ok(other) => Err(unexpected(&other)),
        Err(error) => Err(storage_error(&error)),
    }
}

/// An answer of the wrong kind.
pub(crate) fn unexpected(reply: &RpcReply) -> StorageError {
    StorageError::Other(format!("unexpected {reply:?}"))
}

/// What a failed command is to the machine.
pub(crate) fn storage_error(error: &RpcError) -> StorageError {
    match error {
        RpcError::Full(_) => StorageError::Full,
        RpcError::Busy(_) => StorageError::Overloaded,
        RpcError::NoMaster(_)
        | RpcError::NoFiler(_)
        | RpcError::NoBroker(_)
        | RpcError::NotLeader(_)
        | RpcError::NotFound
        | RpcError::Timeout
        | RpcError::Broken(_)
        | RpcError::TooLarge(_)
        | RpcError::Refused(_)
        | RpcError::Other(_) => StorageError::Other(format!("{error}")),
    }
}
