//! Looking at the log files that brokers write: what is found there again need not stay in memory or in the write-ahead.
//! Each look lists the folder of a partition from the newest known file on, and reads what files have grown by.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::time::Now;

use crate::engine::{Draining, Op, SmqEngine, unexpected};
use crate::outbox::SmqOutbox;
use crate::partition::{PartitionLog, describe};
use crate::paths;
use crate::rpc::{Entry, RpcCommand, RpcError, RpcReply};
use crate::scan::{Mode, Scanned, scan};
use crate::timers::Due;

/// Files of a folder that are listed at a time.
pub(crate) const PAGE: u32 = 1000;

/// Where the looking at one log's files is.
#[derive(Debug, Default)]
pub(crate) struct Look {
    stage: LookStage,
    /// A timer is set for the next look.
    timed: bool,
    /// Files that have grown, and how large they are.
    todo: VecDeque<(u32, u64)>,
    /// Bytes of the next entry, where that is more than is read at a time.
    needed: usize,
    failures: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum LookStage {
    #[default]
    Idle,
    Queued,
    /// The folder with this number.
    Listing(u32),
    /// The file with this number.
    Reading(u32),
}

impl Look {
    /// Whether a file is being read, or is to be.
    pub(crate) fn is_at(&self, number: u32) -> bool {
        self.stage == LookStage::Reading(number) || self.todo.iter().any(|(todo, _)| *todo == number)
    }
}

/// Looks of all logs: a few at a time.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    queue: VecDeque<LogId>,
    running: usize,
}

impl SmqEngine {
    /// Sets the time of the next look, if brokers hold something that no log file does as far as is known.
    pub(crate) fn ask_for_look(&mut self, now: Now, id: LogId) {
        let pause = match self.memory.is_short() || self.draining == Draining::Asked {
            true => self.config.look_pause / 5,
            false => self.config.look_pause,
        };
        let Some(log) = self.logs.get_mut(&id) else { return };
        if log.look.stage == LookStage::Idle && !log.look.timed && log.published > log.state.index.end {
            log.look.timed = true;
            let failures = log.look.failures;
            let pause = if failures > 0 { self.pause(failures).max(pause) } else { pause };
            self.timers.set(now.mono + pause, Due::Look(id));
        }
    }

    /// Looks as soon as there is room for it.
    pub(crate) fn look_soon(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        if log.look.stage == LookStage::Idle && log.stream.partition.is_some() && !log.is_verified() {
            log.look.stage = LookStage::Queued;
            self.looks.queue.push_back(id);
        }
    }

    pub(crate) fn look_due(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.look.timed = false;
        if log.look.stage == LookStage::Idle && log.stream.partition.is_some() {
            log.look.stage = LookStage::Queued;
            self.looks.queue.push_back(id);
        }
    }

    pub(crate) fn pump_looks(&mut self, out: &mut SmqOutbox) {
        while self.looks.running < self.config.background
            && let Some(id) = self.looks.queue.pop_front()
        {
            let place = self.logs.get(&id).and_then(|log| self.where_to_look(log));
            let (Some((number, folder, after)), Some(log)) = (place, self.logs.get_mut(&id)) else {
                continue;
            };
            log.look.stage = LookStage::Listing(number);
            self.looks.running += 1;
            self.rpc(Op::Looked(id), RpcCommand::List { folder, after, limit: PAGE }, out);
        }
    }

    /// The folder of the partition that is published to, and the name of its second newest known file: the newest may
    /// have grown.
    fn where_to_look(&self, log: &PartitionLog) -> Option<(u32, String, String)> {
        let partition = log.stream.partition.as_ref()?;
        let folder = paths::partition_folder(&self.config, &log.state.topic, partition);
        let number = log.state.index.folders.iter().position(|known| *known == folder)?;
        let number = u32::try_from(number).ok()?;
        let known = log.state.index.files.values().rev();
        let second = known.filter(|file| file.folder == number).nth(1);
        Some((number, folder, second.map(|file| file.name.clone()).unwrap_or_default()))
    }

    /// The answer to a listing or a reading.
    pub(crate) fn looked(
        &mut self,
        now: Now,
        id: LogId,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(log) = self.logs.get_mut(&id) else {
            self.looks.running = self.looks.running.saturating_sub(1);
            return;
        };
        match (&log.look.stage, outcome) {
            (LookStage::Listing(folder), Ok(RpcReply::Listed(entries))) => {
                let folder = *folder;
                log.look.failures = 0;
                for number in list_files(log, folder, &entries) {
                    log.look.todo.push_back(number);
                }
                self.look_on(now, id, out);
            }
            (LookStage::Reading(number), Ok(RpcReply::Content { bytes, size })) => {
                let number = *number;
                self.grown_by(now, id, (number, size), bytes, out);
            }
            // It was removed since it was listed: by retention of SeaweedMQ's own, or by a person.
            (LookStage::Reading(_), Err(RpcError::NotFound)) => {
                log.look.todo.pop_front();
                self.look_on(now, id, out);
            }
            (_, Ok(other)) => self.look_failed(now, id, &unexpected(&other), out),
            (_, Err(error)) => self.look_failed(now, id, &error, out),
        }
    }

    fn look_failed(&mut self, now: Now, id: LogId, error: &dyn core::fmt::Display, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.look.failures += 1;
        log.look.todo.clear();
        let failures = log.look.failures;
        let what = format!("looking at the log files of {}", describe(&log.state.topic, id));
        Self::note_retry(failures, &what, error, out);
        self.look_ends(now, id, out);
    }

    /// Reads the next file that has grown, or is done.
    fn look_on(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let Some((number, size)) = log.look.todo.front().copied() else {
            return self.look_ends(now, id, out);
        };
        let read = log.state.index.files.get(&number).map(|file| file.read);
        let (Some(path), Some(read)) = (log.state.index.path(number), read) else {
            log.look.todo.pop_front();
            return self.look_on(now, id, out);
        };
        let len = (self.config.read_ahead.max(log.look.needed) as u64).min(size.saturating_sub(read));
        log.look.todo.pop_front();
        if read < size {
            // It stays in the list until all of it was read.
            log.look.todo.push_front((number, size));
            log.look.stage = LookStage::Reading(number);
            return self.rpc(Op::Looked(id), RpcCommand::Get { path, from: read, len }, out);
        }
        self.look_on(now, id, out);
    }

    fn grown_by(
        &mut self,
        now: Now,
        id: LogId,
        (number, size): (u32, u64),
        bytes: Bytes,
        out: &mut SmqOutbox,
    ) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let empty = bytes.is_empty();
        let Scanned { verified, grown, needed, broken, damage } = scan(log, Mode::Serving, number, bytes);
        let Some(file) = log.state.index.files.get_mut(&number) else { return };
        if broken {
            // Whatever of ours is in there is published again in time.
            file.read = size;
        }
        // A part of the last entry is missing: it is looked at again when the file has grown.
        let cut = needed as u64 > size.saturating_sub(file.read);
        log.look.needed = if cut { 0 } else { needed };
        if cut || empty || broken {
            log.look.todo.pop_front();
        }
        if let Some(text) = damage {
            self.note_damage(id, number, &text, out);
        }
        for (last, charge) in verified {
            self.memory.cleaned(id, last, charge);
        }
        if grown {
            self.verified_more(now, id);
        }
        self.look_on(now, id, out);
    }

    fn note_damage(&self, id: LogId, number: u32, text: &str, out: &mut SmqOutbox) {
        let path = self.logs.get(&id).and_then(|log| log.state.index.path(number)).unwrap_or_default();
        out.note(Level::Error, format!("log file {path} of SeaweedMQ: {text}"));
    }

    /// Log files hold more of the log than was known.
    pub(crate) fn verified_more(&mut self, now: Now, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.progress_at = now.mono;
        log.sent = log.sent.max(log.state.index.end);
        log.published = log.published.max(log.state.index.end);
        if self.config.index_entries < log.state.index.extents.len() {
            log.state.index.coarsen();
        }
        self.settle_runs(now, id);
        self.save_later(now, id);
        self.touched.insert(id);
    }

    fn look_ends(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        self.looks.running = self.looks.running.saturating_sub(1);
        if let Some(log) = self.logs.get_mut(&id) {
            log.look.stage = LookStage::Idle;
            log.look.needed = 0;
        }
        self.republish_stale(now, id, out);
        self.touched.insert(id);
    }
}

/// Takes in the log files of a folder; gives those that have grown, and how large they are.
pub(crate) fn list_files(log: &mut PartitionLog, folder: u32, entries: &[Entry]) -> Vec<(u32, u64)> {
    let mut grown = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.folder && paths::is_log_file(&entry.name)) {
        let number = log.state.index.file(folder, &entry.name, false);
        let Some(file) = log.state.index.files.get_mut(&number) else { continue };
        file.size = Some(entry.size);
        if file.read < entry.size {
            grown.push((number, entry.size));
        }
    }
    grown
}
