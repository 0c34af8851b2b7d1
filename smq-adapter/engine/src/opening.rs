//! Opening a log: its state file, then what the broker still has in memory, then what log files hold beyond the index,
//! then what the write-ahead holds beyond those, then the newest snapshot.
//!
//! A log without a state file was never written to: it is empty, and nothing else is looked at.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{Opened, Snapshot, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now};

use crate::engine::{Op, SmqEngine, unexpected};
use crate::look::{PAGE, list_files};
use crate::outbox::SmqOutbox;
use crate::partition::{PartitionLog, Stage, describe, flushes_on_close};
use crate::paths;
use crate::rpc::{Entry, RpcCommand, RpcError, RpcReply, SmqPartition, SmqTopic, StreamId};
use crate::scan::{Mode, scan};
use crate::snapshot;
use crate::state::LogState;
use crate::timers::Due;
use crate::wal_file::{self, WalEntry};

/// A log that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Who waits; nobody when it is opened for the sake of the write-ahead.
    tickets: Vec<Ticket>,
    /// Name and number of partitions, if somebody has told them.
    topic: Option<(String, i32)>,
    step: Step,
    /// A command is under way.
    asking: bool,
    failures: u32,
    until: Instant,
    /// As far as it is known; none when the log is in hand already and only its snapshot is read.
    log: Option<PartitionLog>,
    /// Entries of the write-ahead that are not known to be in log files.
    entries: Vec<WalEntry>,
    /// Bytes of the next log entry, where that is more than is read at a time.
    needed: usize,
}

/// What is done next, or being done.
#[derive(Debug)]
enum Step {
    /// The write-ahead of predecessors is being read.
    Predecessors,
    /// The state file is read.
    State,
    /// The leader is looked for whose memory is to be written out.
    Leader,
    /// A publish stream is opened only to be closed.
    Flush(StreamId, SmqPartition),
    Flushed(StreamId),
    /// The folder of the topic is listed.
    Generations,
    /// Folders of generations are listed.
    Ranges(VecDeque<String>),
    /// Our own folder is listed.
    Own,
    /// Folders of the partition are listed, the first of these from a name on.
    Files(VecDeque<u32>, String),
    /// Files that have grown are read.
    Reading(VecDeque<(u32, u64)>),
    /// Write-ahead files are read.
    WalFiles(VecDeque<u64>),
    /// Snapshots are read until one is good, newest first.
    Snapshots(VecDeque<i64>),
}

impl SmqEngine {
    /// Opens a log, or opens it again after a failed append.
    pub(crate) fn open(
        &mut self,
        now: Now,
        ticket: Ticket,
        (id, topic, partitions): (LogId, &str, i32),
        out: &mut SmqOutbox,
    ) {
        self.load_wal_once(out);
        let patience = now.mono + self.config.open_patience;
        self.know_topic(topic, partitions, out);
        if let Some(opening) = self.openings.get_mut(&id) {
            opening.tickets.push(ticket);
            opening.topic.get_or_insert_with(|| (topic.to_string(), partitions));
            opening.until = patience;
            return;
        }
        let mut opening = Opening::new(vec_of(ticket), Some((topic.to_string(), partitions)), patience);
        if let Some(log) = self.logs.get_mut(&id) {
            log.state.partitions = log.state.partitions.max(partitions);
            opening.step = Step::Own;
        }
        self.openings.insert(id, opening);
        self.timers.set(patience, Due::Open(id));
        self.ask_opening(now, id, out);
    }

    /// Opens a log that nobody asked for.
    pub(crate) fn open_unasked(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        if !self.openings.contains_key(&id) {
            let until = now.mono + self.config.open_patience;
            self.openings.insert(id, Opening::new(Vec::new(), None, until));
            self.ask_opening(now, id, out);
        }
    }

    /// A timer, or something that was waited for.
    pub(crate) fn opening_due(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get(&id) else { return };
        if opening.asking {
            return;
        }
        if now.mono >= opening.until && !opening.tickets.is_empty() {
            return self.opening_fails(
                now,
                id,
                &StorageError::Other("SeaweedFS does not do its part in time".into()),
                out,
            );
        }
        self.ask_opening(now, id, out);
    }

    /// Asks for what the step at hand needs.
    fn ask_opening(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let folder = paths::log_folder(&self.config, id);
        let Some(opening) = self.openings.get(&id) else { return };
        let list =
            |folder: String, after: &str| RpcCommand::List { folder, after: after.into(), limit: PAGE };
        let index = opening.log.as_ref().map(|log| &log.state.index);
        let command = match &opening.step {
            Step::Predecessors if !self.wal.loading.is_done() => return,
            // A log of that name is being removed: its folder must not take away what comes to be in it.
            Step::Predecessors if opening.topic_name().is_some_and(|topic| self.is_being_removed(topic)) => {
                return;
            }
            Step::Predecessors => {
                self.step_to(now, id, Step::State, out);
                return;
            }
            Step::State => {
                RpcCommand::Get { path: format!("{folder}/{}", paths::STATE), from: 0, len: u64::MAX }
            }
            Step::Leader => return self.ask_leader(now, id, out),
            Step::Flush(stream, partition) => return self.ask_flush(id, *stream, *partition, out),
            Step::Flushed(stream) => RpcCommand::CloseStream { stream: *stream },
            Step::Generations => {
                let topic = opening.log.as_ref().map_or("", |log| log.state.topic.as_str());
                list(paths::topic_folder(&self.config, topic), "")
            }
            Step::Ranges(generations) => match generations.front() {
                Some(generation) => list(generation.clone(), ""),
                None => return self.step_to(now, id, Step::Own, out),
            },
            Step::Own => list(folder, ""),
            Step::Files(folders, after) => {
                let first = folders.front().and_then(|first| usize::try_from(*first).ok());
                match first.and_then(|first| index?.folders.get(first)) {
                    Some(folder) => list(folder.clone(), after),
                    None => return self.files_listed(now, id, out),
                }
            }
            Step::Reading(todo) => {
                let Some((number, size)) = todo.front().copied() else {
                    return self.files_read(now, id, out);
                };
                let read = index.and_then(|index| index.files.get(&number)).map_or(size, |file| file.read);
                let path = index.and_then(|index| index.path(number)).unwrap_or_default();
                let len = (self.config.read_ahead.max(opening.needed) as u64).min(size.saturating_sub(read));
                RpcCommand::Get { path, from: read, len }
            }
            Step::WalFiles(numbers) => match numbers.front().and_then(|number| self.wal.files.get(number)) {
                Some(file) => RpcCommand::Get { path: file.path.clone(), from: 0, len: file.bytes },
                None => return self.wal_read(now, id, out),
            },
            Step::Snapshots(offsets) => match offsets.front() {
                Some(offset) => {
                    let path = format!("{folder}/{}", paths::snapshot_name(*offset));
                    RpcCommand::Get { path, from: 0, len: u64::MAX }
                }
                None => return self.opened(now, id, None, out),
            },
        };
        if let Some(opening) = self.openings.get_mut(&id) {
            opening.asking = true;
        }
        self.rpc(Op::Opening(id), command, out);
    }

    fn step_to(&mut self, now: Now, id: LogId, step: Step, out: &mut SmqOutbox) {
        if let Some(opening) = self.openings.get_mut(&id) {
            opening.step = step;
            opening.failures = 0;
        }
        self.ask_opening(now, id, out);
    }

    /// The answer to the command under way.
    pub(crate) fn opening_told(
        &mut self,
        now: Now,
        id: LogId,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        opening.asking = false;
        match (&mut opening.step, outcome) {
            (Step::State, Ok(RpcReply::Content { bytes, .. })) => self.state_read(now, id, &bytes, out),
            (Step::State, Err(RpcError::NotFound)) => self.never_written(now, id, out),
            (Step::Flush(stream, _), Ok(RpcReply::Done)) => {
                let stream = *stream;
                self.step_to(now, id, Step::Flushed(stream), out);
            }
            (Step::Flushed(_), Ok(RpcReply::Done)) => self.step_to(now, id, Step::Generations, out),
            (Step::Flush(..) | Step::Flushed(_), Err(error)) => {
                opening.step = Step::Leader;
                self.forget_leaders_of(id);
                self.opening_stumbles(now, id, &error, out);
            }
            (Step::Generations, Ok(RpcReply::Listed(entries))) => {
                self.generations_listed(now, id, &entries, out)
            }
            (Step::Ranges(_), Ok(RpcReply::Listed(entries))) => self.ranges_listed(now, id, &entries, out),
            (Step::Own, Ok(RpcReply::Listed(entries))) => self.own_listed(now, id, &entries, out),
            (Step::Files(..), Ok(RpcReply::Listed(entries))) => self.page_listed(now, id, &entries, out),
            (Step::Reading(_), Ok(RpcReply::Content { bytes, .. })) => self.file_read(now, id, bytes, out),
            (Step::Reading(todo), Err(RpcError::NotFound)) => {
                todo.pop_front();
                self.ask_opening(now, id, out);
            }
            (Step::WalFiles(_), Ok(RpcReply::Content { bytes, .. })) => {
                let (entries, _) = wal_file::decode(&bytes);
                self.wal_file_read(now, id, entries, out);
            }
            (Step::WalFiles(_), Err(RpcError::NotFound)) => self.wal_file_read(now, id, Vec::new(), out),
            (Step::Snapshots(offsets), Ok(RpcReply::Content { bytes, .. })) => {
                let offset = offsets.pop_front().unwrap_or_default();
                match snapshot::decode(&bytes) {
                    Some(state) => self.opened(now, id, Some(Snapshot { offset, state }), out),
                    None => self.ask_opening(now, id, out),
                }
            }
            (Step::Snapshots(offsets), Err(RpcError::NotFound)) => {
                offsets.pop_front();
                self.ask_opening(now, id, out);
            }
            (_, Ok(other)) => self.opening_stumbles(now, id, &unexpected(&other), out),
            (_, Err(error)) => self.opening_stumbles(now, id, &error, out),
        }
    }

    /// The step is tried again, until patience is over.
    fn opening_stumbles(&mut self, now: Now, id: LogId, error: &dyn core::fmt::Display, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        opening.failures += 1;
        let failures = opening.failures;
        Self::note_retry(failures, &format_args!("opening log {id}"), error, out);
        let pause = self.pause(failures);
        self.timers.set(now.mono + pause, Due::Open(id));
    }

    fn opening_fails(&mut self, now: Now, id: LogId, error: &StorageError, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.remove(&id) else { return };
        for ticket in opening.tickets {
            out.reply(ticket, Err(error.clone()));
        }
        self.adopt(now, out);
    }

    /// The log is deleted: nobody needs it open.
    pub(crate) fn abandon_opening(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.remove(&id) else { return };
        for ticket in opening.tickets {
            out.reply(ticket, Err(StorageError::Gone));
        }
        if let Step::Flush(stream, _) | Step::Flushed(stream) = opening.step {
            let what = "closing a stream";
            self.rpc(Op::Tidy { what }, RpcCommand::CloseStream { stream }, out);
        }
    }

    fn state_read(&mut self, now: Now, id: LogId, content: &[u8], out: &mut SmqOutbox) {
        let Some(mut state) = LogState::decode(content) else {
            let detail = "its state file is damaged".to_string();
            out.note(Level::Error, format!("log {id}: {detail}"));
            return self.opening_fails(
                now,
                id,
                &StorageError::Damaged { at: 0, until: i64::MAX, detail },
                out,
            );
        };
        let Some(opening) = self.openings.get_mut(&id) else { return };
        if let Some((topic, partitions)) = &opening.topic {
            state.topic.clone_from(topic);
            state.partitions = state.partitions.max(*partitions);
        }
        let (topic, partitions, clean) = (state.topic.clone(), state.partitions, state.clean);
        opening.log = Some(PartitionLog::new(id, state, now.mono));
        self.know_topic(&topic, partitions, out);
        let flush = !clean && flushes_on_close(&topic);
        self.step_to(now, id, if flush { Step::Leader } else { Step::Generations }, out);
    }

    /// There is no state file: nothing was ever appended, or the log was deleted.
    fn never_written(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let runs = self.wal.loading.take_runs(id);
        let topic = opening.topic.clone();
        for (number, _) in runs {
            self.run_settled(now, number);
        }
        let Some((topic, partitions)) = topic else {
            return self.opening_fails(now, id, &StorageError::Gone, out);
        };
        let state = LogState { topic, partitions, ..LogState::default() };
        if let Some(opening) = self.openings.get_mut(&id) {
            opening.log = Some(PartitionLog::new(id, state, now.mono));
        }
        self.step_to(now, id, Step::Snapshots(VecDeque::new()), out);
    }

    /// The leader writes out what it has when its last client leaves: a stream is opened for that.
    fn ask_leader(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let log = self.openings.get(&id).and_then(|opening| opening.log.as_ref());
        let Some(topic) = log.map(|log| log.state.topic.clone()) else { return };
        if let Some(leader) = self.leader(&topic, id, out) {
            let stream = self.new_stream();
            self.step_to(now, id, Step::Flush(stream, leader.partition), out);
        }
    }

    fn ask_flush(&mut self, id: LogId, stream: StreamId, partition: SmqPartition, out: &mut SmqOutbox) {
        let Some(topic) = self.openings.get(&id).and_then(|opening| opening.log.as_ref()) else { return };
        let topic = topic.state.topic.clone();
        let Some(leader) = self.leader(&topic, id, out) else { return };
        let Some(opening) = self.openings.get_mut(&id) else { return };
        opening.asking = true;
        if let Some(log) = &mut opening.log {
            log.stream.partition = Some(partition);
        }
        let topic = SmqTopic { namespace: self.config.namespace.clone(), name: topic };
        let command = RpcCommand::OpenStream { stream, broker: leader.leader, topic, partition };
        self.rpc(Op::Opening(id), command, out);
    }

    fn forget_leaders_of(&mut self, id: LogId) {
        let log = self.openings.get(&id).and_then(|opening| opening.log.as_ref());
        if let Some(topic) = log.map(|log| log.state.topic.clone()) {
            self.forget_leaders(&topic);
        }
    }

    fn generations_listed(&mut self, now: Now, id: LogId, entries: &[Entry], out: &mut SmqOutbox) {
        let Some(log) = self.openings.get(&id).and_then(|opening| opening.log.as_ref()) else { return };
        let folder = paths::topic_folder(&self.config, &log.state.topic);
        let generations = entries.iter().filter(|entry| entry.folder && paths::is_generation(&entry.name));
        let generations = generations.map(|entry| format!("{folder}/{}", entry.name)).collect();
        self.step_to(now, id, Step::Ranges(generations), out);
    }

    fn ranges_listed(&mut self, now: Now, id: LogId, entries: &[Entry], out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let (Step::Ranges(generations), Some(log)) = (&mut opening.step, &mut opening.log) else { return };
        if let Some(generation) = generations.pop_front() {
            let ours = |entry: &&Entry| entry.folder && paths::may_be_range_of(&entry.name, id.partition);
            for range in entries.iter().filter(ours) {
                log.state.index.folder(&format!("{generation}/{}", range.name));
            }
        }
        self.ask_opening(now, id, out);
    }

    /// Our folder: snapshots, and parts that compaction left.
    fn own_listed(&mut self, now: Now, id: LogId, entries: &[Entry], out: &mut SmqOutbox) {
        let folder = paths::log_folder(&self.config, id);
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let Some(log) = &mut opening.log else {
            let end = self.logs.get(&id).map_or(0, |log| log.end);
            return self.choose_snapshot(now, id, entries, end, out);
        };
        let known = log.state.index.folders.iter().position(|path| *path == folder);
        let ours = known.and_then(|ours| u32::try_from(ours).ok());
        let mut strays = Vec::new();
        for entry in entries.iter().filter(|entry| entry.name.starts_with("part-")) {
            let mut files = log.state.index.files.values_mut();
            match files.find(|file| Some(file.folder) == ours && file.name == entry.name) {
                Some(file) => file.size = Some(entry.size),
                None => strays.push(format!("{folder}/{}", entry.name)),
            }
        }
        let unused = log.state.index.files.iter().filter(|(_, file)| file.part && file.extents == 0);
        let unused: Vec<u32> = unused.map(|(number, _)| *number).collect();
        for number in unused {
            strays.extend(log.state.index.path(number));
            log.state.index.files.remove(&number);
        }
        log.listed = entries.iter().filter_map(|entry| paths::parse_snapshot(&entry.name)).collect();
        let folders = (0..log.state.index.folders.len()).filter_map(|at| u32::try_from(at).ok());
        let folders = folders.filter(|at| Some(*at) != ours).collect();
        for path in strays {
            let what = "removing what an interrupted compaction left";
            self.rpc(Op::Tidy { what }, RpcCommand::Delete { path }, out);
        }
        self.step_to(now, id, Step::Files(folders, String::new()), out);
    }

    fn page_listed(&mut self, now: Now, id: LogId, entries: &[Entry], out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let (Step::Files(folders, after), Some(log)) = (&mut opening.step, &mut opening.log) else { return };
        if let Some(folder) = folders.front() {
            list_files(log, *folder, entries);
        }
        match entries.last() {
            Some(last) if entries.len() >= PAGE as usize => after.clone_from(&last.name),
            Some(_) | None => {
                folders.pop_front();
                after.clear();
            }
        }
        self.ask_opening(now, id, out);
    }

    /// All files are known: those that the index names must be there; what they have beyond it is read.
    fn files_listed(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let Some(log) = &mut opening.log else { return };
        let covered = self.wal.loading.runs(id).iter().map(|(_, end)| *end).max().unwrap_or(-1);
        for text in mend_index(log, covered) {
            out.note(Level::Error, format!("log {id}: {text}"));
        }
        log.reached(log.state.index.end);
        let files = &log.state.index.files;
        let mut todo: Vec<(u32, u32, u64)> = Vec::new();
        for (number, file) in files.iter().filter(|(_, file)| !file.part) {
            if let Some(size) = file.size.filter(|size| file.read < *size) {
                todo.push((file.folder, *number, size));
            }
        }
        // Folders are in the order of generations, numbers in that of times.
        todo.sort_unstable();
        let todo = todo.into_iter().map(|(_, number, size)| (number, size)).collect();
        self.step_to(now, id, Step::Reading(todo), out);
    }

    fn file_read(&mut self, now: Now, id: LogId, bytes: bytes::Bytes, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let (Step::Reading(todo), Some(log)) = (&mut opening.step, &mut opening.log) else { return };
        let Some((number, size)) = todo.front().copied() else { return };
        let empty = bytes.is_empty();
        let scanned = scan(log, Mode::Opening, number, bytes);
        let path = log.state.index.path(number).unwrap_or_default();
        let Some(file) = log.state.index.files.get_mut(&number) else { return };
        if scanned.broken {
            file.read = size;
        }
        let rest = size.saturating_sub(file.read);
        opening.needed = if scanned.needed as u64 > rest { 0 } else { scanned.needed };
        if rest == 0 || empty || scanned.needed as u64 > rest {
            todo.pop_front();
        }
        if let Some(text) = scanned.damage {
            out.note(Level::Error, format!("log file {path} of SeaweedMQ: {text}"));
        }
        self.ask_opening(now, id, out);
    }

    /// Log files tell nothing more: the write-ahead does.
    fn files_read(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let Some(log) = &mut opening.log else { return };
        let end = log.state.index.end.max(log.state.start);
        log.state.index.end = end;
        log.reached(end);
        let wanted = self.wal.loading.runs(id).iter().filter(|(_, until)| *until > end);
        let mut numbers: Vec<u64> = wanted.map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        self.step_to(now, id, Step::WalFiles(numbers.into()), out);
    }

    fn wal_file_read(&mut self, now: Now, id: LogId, entries: Vec<WalEntry>, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let (Step::WalFiles(numbers), Some(log)) = (&mut opening.step, &opening.log) else { return };
        numbers.pop_front();
        let wanted = entries.into_iter().filter(|entry| {
            let key = &entry.key;
            key.log == id && key.base >= log.state.index.end && log.state.is_valid(key.term, key.base)
        });
        opening.entries.extend(wanted);
        self.ask_opening(now, id, out);
    }

    /// What the write-ahead has beyond log files goes into memory, to be published again.
    fn wal_read(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.get_mut(&id) else { return };
        let Some(log) = &mut opening.log else { return };
        let mut entries = core::mem::take(&mut opening.entries);
        entries.sort_by_key(|entry| entry.key.base);
        for entry in entries {
            if entry.key.base < log.end {
                continue;
            }
            if entry.key.after > log.end {
                let topic = describe(&log.state.topic, id);
                let (from, to) = (log.end, entry.key.after - 1);
                let text = format!(
                    "{topic}: offsets {from} to {to} are lost; they were not acknowledged as durable"
                );
                out.note(Level::Warn, text);
            }
            self.memory.add(log.replay(entry));
        }
        let end = log.end;
        log.reached(end);
        let verified = log.state.index.end;
        log.sent = verified;
        log.published = verified;
        let mut snapshots = core::mem::take(&mut log.listed);
        snapshots.sort_unstable();
        for (number, until) in self.wal.loading.take_runs(id) {
            let Some(opening) = self.openings.get_mut(&id) else { return };
            let Some(log) = &mut opening.log else { return };
            if until <= verified || end <= verified {
                self.run_settled(now, number);
            } else {
                log.wal_runs.push_back((until.min(end), number));
            }
        }
        let names: Vec<i64> = snapshots;
        self.choose_from(now, id, names, end, out);
    }

    fn choose_snapshot(&mut self, now: Now, id: LogId, entries: &[Entry], end: i64, out: &mut SmqOutbox) {
        let offsets = entries.iter().filter_map(|entry| paths::parse_snapshot(&entry.name)).collect();
        self.choose_from(now, id, offsets, end, out);
    }

    /// The newest snapshot up to the end is read; those above it are of a past that was lost.
    fn choose_from(&mut self, now: Now, id: LogId, offsets: Vec<i64>, end: i64, out: &mut SmqOutbox) {
        let (mut good, lost): (Vec<i64>, Vec<i64>) = offsets.into_iter().partition(|offset| *offset <= end);
        good.sort_unstable_by(|a, b| b.cmp(a));
        for offset in lost {
            self.remove_snapshot(id, offset, out);
        }
        self.step_to(now, id, Step::Snapshots(good.into()), out);
    }

    /// All is known: the log serves.
    fn opened(&mut self, now: Now, id: LogId, snapshot: Option<Snapshot>, out: &mut SmqOutbox) {
        let Some(opening) = self.openings.remove(&id) else { return };
        if let Some(mut log) = opening.log {
            log.progress_at = now.mono;
            log.used_at = now.mono;
            self.logs.insert(id, log);
        }
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.stage = Stage::Serving;
        log.snapshot = snapshot.as_ref().map(|snapshot| snapshot.offset).or(log.snapshot);
        let (start, end, active) = (log.state.start, log.end, log.segments().pop());
        for ticket in opening.tickets {
            let snapshot = snapshot.clone();
            out.reply(ticket, Ok(StorageReply::Opened(Opened { start, end, active, snapshot })));
        }
        if log.state.index.end > 0 && !log.state.clean {
            self.save_later(now, id);
        }
        self.touched.insert(id);
        self.adopt(now, out);
    }
}

impl Opening {
    /// Name of the topic, as far as it is known.
    pub(crate) fn topic_name(&self) -> Option<&str> {
        let known = self.log.as_ref().map(|log| log.state.topic.as_str());
        known.or(self.topic.as_ref().map(|(topic, _)| topic.as_str()))
    }

    fn new(tickets: Vec<Ticket>, topic: Option<(String, i32)>, until: Instant) -> Opening {
        Opening {
            tickets,
            topic,
            step: Step::Predecessors,
            asking: false,
            failures: 0,
            until,
            log: None,
            entries: Vec::new(),
            needed: 0,
        }
    }
}

fn vec_of(ticket: Ticket) -> Vec<Ticket> {
    alloc::vec![ticket]
}

/// Files that the index names may be gone or shorter: a filer or a volume server lost what was not synced, or somebody
/// removed them. What the write-ahead still has from there on is found anew; anything else leaves a gap.
fn mend_index(log: &mut PartitionLog, covered: i64) -> Vec<String> {
    let mut texts = Vec::new();
    let index = &mut log.state.index;
    let sizes: alloc::collections::BTreeMap<u32, Option<u64>> =
        index.files.iter().map(|(number, file)| (*number, file.size)).collect();
    let lost = |extent: &crate::index::Extent| {
        let size = sizes.get(&extent.file).copied().flatten();
        size.is_none_or(|size| size < extent.at + extent.len)
    };
    let Some(first) = index.extents.iter().position(lost) else { return texts };
    let base = index.extents.get(first).map_or(0, |extent| extent.base);
    if base < covered {
        texts.push(format!("log files lost what they had from offset {base} on; the write-ahead has it"));
        index.cut(first);
    } else {
        for (from, end) in index.drop_lost(lost) {
            texts.push(format!("offsets {from} to {} are lost with their log file", end - 1));
        }
    }
    texts
}
