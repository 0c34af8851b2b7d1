//! The write-ahead: one file holds what a turn brought for all logs, synced before it is answered. One file is written at
//! a time, so that the files there are tell of a gapless past whatever happens.
//!
//! An append that must be durable takes with it what came before it in its log and is in no write-ahead file: what it
//! promises holds for all of the log up to it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::time::{Instant, Now};

use crate::engine::{Op, SmqEngine};
use crate::outbox::SmqOutbox;
use crate::partition::{Stage, Tenure, charge};
use crate::paths;
use crate::predecessors::Loading;
use crate::rpc::{RpcCommand, RpcError};
use crate::timers::Due;
use crate::wal_file;

/// A file that is being written.
#[derive(Debug)]
struct Group {
    number: u64,
    content: Pieces,
    /// Which logs it brings up to which offset.
    runs: Vec<(LogId, i64)>,
    failures: u32,
}

/// A file that is there.
#[derive(Debug)]
pub(crate) struct WalFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Logs of which it has something that no log file holds, as far as is known.
    pub(crate) open_runs: usize,
    /// Nothing of it is needed.
    pub(crate) settled: bool,
}

/// The write-ahead of one shard.
#[derive(Debug, Default)]
pub(crate) struct Wal {
    pub(crate) loading: Loading,
    /// Number of the next file, for all that this engine has in hand, those of predecessors included.
    pub(crate) next: u64,
    in_flight: Option<Group>,
    pub(crate) files: BTreeMap<u64, WalFile>,
    /// Logs with entries to be written, in turn.
    queue: VecDeque<LogId>,
    /// Files whose batches log files hold, and when they may go.
    settled: VecDeque<(Instant, u64)>,
    settled_bytes: u64,
}

impl Wal {
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.queue.is_empty()
    }
}

impl SmqEngine {
    /// Queues a log if entries of it are to be written.
    pub(crate) fn queue_wal(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        if log.wal_sent < log.wal_wanted && !log.wal_queued && matches!(log.tenure, Tenure::Held(_)) {
            log.wal_queued = true;
            self.wal.queue.push_back(id);
        }
    }

    /// Writes what was collected, if no file is being written.
    pub(crate) fn pump_wal(&mut self, out: &mut SmqOutbox) {
        if self.wal.in_flight.is_some() || self.wal.queue.is_empty() {
            return;
        }
        let number = self.wal.next;
        let (content, runs) = self.collect_group(number);
        if runs.is_empty() {
            return;
        }
        self.wal.next += 1;
        let folder = format!("{}/{}", paths::wal_root(&self.config), paths::wal_owner(&self.config));
        let path = format!("{folder}/{}", paths::wal_name(number));
        let file = WalFile { path, bytes: content.len() as u64, open_runs: runs.len(), settled: false };
        self.wal.files.insert(number, file);
        self.wal.in_flight = Some(Group { number, content, runs, failures: 0 });
        self.write_group(number, out);
    }

    /// The oldest entries of each queued log in turn, up to the size of a file.
    fn collect_group(&mut self, number: u64) -> (Pieces, Vec<(LogId, i64)>) {
        let mut entries = Vec::new();
        let mut runs = Vec::new();
        let mut bytes = 0;
        while bytes < self.config.group_bytes
            && let Some(id) = self.wal.queue.pop_front()
        {
            let Some(log) = self.logs.get_mut(&id) else { continue };
            log.wal_queued = false;
            if log.stage != Stage::Serving {
                continue;
            }
            let before = log.wal_sent;
            for entry in log.tail.range(log.tail_place(before)..) {
                let size = charge(&entry.value);
                let full = bytes > 0 && bytes + size > self.config.group_bytes;
                if full || entry.key.end() > log.wal_wanted {
                    break;
                }
                bytes += size;
                log.wal_sent = entry.key.end();
                entries.push((entry.key, entry.value.clone()));
            }
            if log.wal_sent > before {
                runs.push((id, log.wal_sent));
                log.wal_runs.push_back((log.wal_sent, number));
            }
            let more = log.wal_sent < log.wal_wanted;
            if more {
                self.queue_wal(id);
                break;
            }
        }
        (wal_file::encode(entries.iter().map(|(key, value)| (key, value))), runs)
    }

    /// Writes the file under way, for the first time or again.
    pub(crate) fn write_group(&mut self, number: u64, out: &mut SmqOutbox) {
        let Some(group) = self.wal.in_flight.as_ref().filter(|group| group.number == number) else { return };
        let Some(file) = self.wal.files.get(&number) else { return };
        let (path, content) = (file.path.clone(), group.content.clone());
        self.rpc(Op::Group(number), RpcCommand::Put { path, content, sync: true }, out);
    }

    pub(crate) fn group_written(
        &mut self,
        now: Now,
        number: u64,
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(group) = self.wal.in_flight.as_mut().filter(|group| group.number == number) else { return };
        if let Err(error) = outcome {
            return self.group_failed(now, number, &error, out);
        }
        let runs = core::mem::take(&mut group.runs);
        self.wal.in_flight = None;
        for (id, end) in runs {
            if let Some(log) = self.logs.get_mut(&id) {
                log.wal_done = log.wal_done.max(end.min(log.wal_sent));
                self.touched.insert(id);
            }
            self.settle_runs(now, id);
        }
        self.settle_file(now, number);
    }

    /// The same file is written again, under the same name: whatever of it is there already is replaced. When there is no
    /// room, its appends fail, and their producers are told.
    fn group_failed(&mut self, now: Now, number: u64, error: &RpcError, out: &mut SmqOutbox) {
        let Some(group) = &mut self.wal.in_flight else { return };
        group.failures += 1;
        let failures = group.failures;
        Self::note_retry(failures, &"writing to the write-ahead", error, out);
        if let RpcError::Full(_) = error {
            let runs = core::mem::take(&mut group.runs);
            self.wal.in_flight = None;
            for (id, _) in runs {
                self.fail_log(id, &kelpgate_core::storage::StorageError::Full, out);
            }
            return;
        }
        let pause = self.pause(failures);
        self.timers.set(now.mono + pause, Due::Group(number));
    }

    /// Log files hold more of a log, or it is gone: write-ahead files may have served.
    pub(crate) fn settle_runs(&mut self, now: Now, id: LogId) {
        while let Some(log) = self.logs.get_mut(&id)
            && let Some((end, number)) = log.wal_runs.front().copied()
            && end <= log.state.index.end
        {
            log.wal_runs.pop_front();
            self.run_settled(now, number);
        }
    }

    /// One log less that a file has something of.
    pub(crate) fn run_settled(&mut self, now: Now, number: u64) {
        if let Some(file) = self.wal.files.get_mut(&number) {
            file.open_runs = file.open_runs.saturating_sub(1);
        }
        self.settle_file(now, number);
    }

    /// A file of which nothing is needed goes after a while, see [`crate::SmqConfig::linger`].
    pub(crate) fn settle_file(&mut self, now: Now, number: u64) {
        let writing = self.wal.in_flight.as_ref().is_some_and(|group| group.number == number);
        let Some(file) = self.wal.files.get_mut(&number) else { return };
        if file.open_runs > 0 || writing || file.settled {
            return;
        }
        file.settled = true;
        self.wal.settled_bytes += file.bytes;
        let at = now.mono + self.config.linger;
        self.wal.settled.push_back((at, number));
        self.timers.set(at, Due::Linger);
        if self.wal.settled_bytes > self.config.linger_bytes {
            self.timers.set(now.mono, Due::Linger);
        }
    }

    /// Removes the files whose time has come.
    pub(crate) fn remove_settled(&mut self, now: Now, out: &mut SmqOutbox) {
        while let Some((at, number)) = self.wal.settled.front().copied()
            && (at <= now.mono || self.wal.settled_bytes > self.config.linger_bytes)
        {
            self.wal.settled.pop_front();
            let Some(file) = self.wal.files.get(&number) else { continue };
            self.wal.settled_bytes = self.wal.settled_bytes.saturating_sub(file.bytes);
            let path = file.path.clone();
            self.rpc(Op::WalRemoved(number), RpcCommand::Delete { path }, out);
        }
    }

    /// A file is gone; if not, that is tried again after as long.
    pub(crate) fn wal_removed(&mut self, now: Now, number: u64, outcome: Result<(), RpcError>) {
        if outcome.is_ok() {
            self.wal.files.remove(&number);
        } else if let Some(file) = self.wal.files.get(&number) {
            self.wal.settled_bytes += file.bytes;
            let at = now.mono + self.config.linger;
            self.wal.settled.push_back((at, number));
            self.timers.set(at, Due::Linger);
        }
    }
}
