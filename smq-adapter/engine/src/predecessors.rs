//! What earlier runs of the gateway left in the write-ahead, read once, before the first log is opened. Only which logs are
//! in which file is kept in memory; entries are read again when their log is opened, which happens by itself.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::time::Now;

use crate::engine::{Op, SmqEngine, unexpected};
use crate::look::PAGE;
use crate::outbox::SmqOutbox;
use crate::paths;
use crate::rpc::{Entry, RpcCommand, RpcError, RpcReply};
use crate::timers::Due;
use crate::wal::WalFile;
use crate::wal_file;

/// Logs that are opened at a time because the write-ahead has something of them.
const ADOPTED_AT_A_TIME: usize = 4;

/// Files that are read at a time, and of how many bytes at most, unless one is larger. There can be thousands of small ones.
const READ_AT_A_TIME: usize = 32;
const READ_BYTES: u64 = 16 << 20;

/// Where the reading of old write-ahead files is.
#[derive(Debug, Default)]
pub(crate) struct Loading {
    stage: Stage,
    failures: u32,
    /// Folders to be listed.
    folders: VecDeque<String>,
    /// Files to be read, and how large they are.
    files: VecDeque<(String, u64)>,
    /// Files that are being read, by their numbers here, and their bytes together.
    reading: BTreeMap<u64, (String, u64)>,
    reading_bytes: u64,
    /// Which files have something of a log, and up to which offset.
    runs: BTreeMap<LogId, Vec<(u64, i64)>>,
    /// Logs to be opened although nobody asked.
    orphans: VecDeque<LogId>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    NotBegun,
    Owners,
    Listing {
        folder: String,
        after: String,
    },
    Reading,
    Done,
}

impl Loading {
    /// Whether all has been read.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// What old files have of a log; no more after that.
    pub(crate) fn take_runs(&mut self, log: LogId) -> Vec<(u64, i64)> {
        self.runs.remove(&log).unwrap_or_default()
    }

    /// What old files have of a log.
    pub(crate) fn runs(&self, log: LogId) -> &[(u64, i64)] {
        self.runs.get(&log).map(Vec::as_slice).unwrap_or_default()
    }
}

impl SmqEngine {
    /// Begins to read, or goes on.
    pub(crate) fn load_wal(&mut self, out: &mut SmqOutbox) {
        let root = paths::wal_root(&self.config);
        let command = match &self.wal.loading.stage {
            Stage::NotBegun | Stage::Owners => {
                self.wal.loading.stage = Stage::Owners;
                RpcCommand::List { folder: root, after: String::new(), limit: PAGE }
            }
            Stage::Listing { folder, after } => {
                RpcCommand::List { folder: folder.clone(), after: after.clone(), limit: PAGE }
            }
            Stage::Reading => return self.read_files(out),
            Stage::Done => return,
        };
        self.rpc(Op::WalLoad, command, out);
    }

    /// Begins to read if that has not been begun.
    pub(crate) fn load_wal_once(&mut self, out: &mut SmqOutbox) {
        if self.wal.loading.stage == Stage::NotBegun {
            self.load_wal(out);
        }
    }

    pub(crate) fn wal_loaded(&mut self, now: Now, outcome: Result<RpcReply, RpcError>, out: &mut SmqOutbox) {
        let loading = &mut self.wal.loading;
        match (&mut loading.stage, outcome) {
            (Stage::Owners, Ok(RpcReply::Listed(owners))) => {
                let root = paths::wal_root(&self.config);
                let config = &self.config;
                let folders = owners
                    .iter()
                    .filter(|owner| owner.folder && !paths::is_of_another_shard(config, &owner.name));
                loading.folders = folders.map(|owner| format!("{root}/{}", owner.name)).collect();
                self.next_folder(now, out);
            }
            (Stage::Listing { folder, after }, Ok(RpcReply::Listed(entries))) => {
                let full = entries.len() >= PAGE as usize;
                let folder = folder.clone();
                if let Some(last) = entries.last() {
                    after.clone_from(&last.name);
                }
                self.take_files(&folder, &entries);
                if full { self.load_wal(out) } else { self.next_folder(now, out) }
            }
            (_, Ok(other)) => self.load_failed(now, &unexpected(&other), out),
            (_, Err(error)) => self.load_failed(now, &error, out),
        }
    }

    fn read_files(&mut self, out: &mut SmqOutbox) {
        while self.wal.loading.reading.len() < READ_AT_A_TIME
            && (self.wal.loading.reading.is_empty() || self.wal.loading.reading_bytes < READ_BYTES)
            && let Some((path, bytes)) = self.wal.loading.files.pop_front()
        {
            let number = self.wal.next;
            self.wal.next += 1;
            self.wal.loading.reading_bytes += bytes;
            self.wal.loading.reading.insert(number, (path.clone(), bytes));
            self.rpc(Op::WalRead(number), RpcCommand::Get { path, from: 0, len: bytes }, out);
        }
    }

    pub(crate) fn old_file_read(
        &mut self,
        now: Now,
        number: u64,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let loading = &mut self.wal.loading;
        let Some((path, bytes)) = loading.reading.remove(&number) else { return };
        loading.reading_bytes = loading.reading_bytes.saturating_sub(bytes);
        let content = match outcome {
            Ok(RpcReply::Content { bytes, .. }) => bytes,
            Err(RpcError::NotFound) => Bytes::new(),
            failed => {
                loading.files.push_front((path, bytes));
                return match failed {
                    Ok(other) => self.load_failed(now, &unexpected(&other), out),
                    Err(error) => self.load_failed(now, &error, out),
                };
            }
        };
        self.take_content(now, number, (path, bytes), &content, out);
        self.next_file(now, out);
    }

    fn load_failed(&mut self, now: Now, error: &dyn core::fmt::Display, out: &mut SmqOutbox) {
        self.wal.loading.failures += 1;
        let failures = self.wal.loading.failures;
        Self::note_retry(failures, &"reading the write-ahead", error, out);
        let pause = self.pause(failures);
        self.timers.set(now.mono + pause, Due::WalLoad);
    }

    fn next_folder(&mut self, now: Now, out: &mut SmqOutbox) {
        self.wal.loading.failures = 0;
        match self.wal.loading.folders.pop_front() {
            Some(folder) => {
                self.wal.loading.stage = Stage::Listing { folder, after: String::new() };
                self.load_wal(out);
            }
            None => {
                self.wal.loading.stage = Stage::Reading;
                self.next_file(now, out);
            }
        }
    }

    /// Files of this shard's own folder keep the numbers after which new ones are named.
    fn take_files(&mut self, folder: &str, entries: &[Entry]) {
        let ours = folder.rsplit('/').next() == Some(paths::wal_owner(&self.config).as_str());
        for entry in entries.iter().filter(|entry| !entry.folder) {
            if ours && let Ok(number) = entry.name.parse::<u64>() {
                self.wal.next = self.wal.next.max(number.saturating_add(1));
            }
            self.wal.loading.files.push_back((format!("{folder}/{}", entry.name), entry.size));
        }
    }

    fn next_file(&mut self, now: Now, out: &mut SmqOutbox) {
        self.wal.loading.failures = 0;
        self.read_files(out);
        if !self.wal.loading.reading.is_empty() {
            return;
        }
        self.wal.loading.stage = Stage::Done;
        self.wal.loading.orphans = self.wal.loading.runs.keys().copied().collect();
        let waiting: Vec<LogId> = self.openings.keys().copied().collect();
        for id in waiting {
            self.opening_due(now, id, out);
        }
        self.adopt(now, out);
    }

    /// Notes which logs a file has something of.
    fn take_content(
        &mut self,
        now: Now,
        number: u64,
        (path, bytes): (String, u64),
        content: &Bytes,
        out: &mut SmqOutbox,
    ) {
        let (entries, whole) = wal_file::decode(content);
        if !whole {
            let text = format!(
                "write-ahead file {path} ends in something else: it may not have been written to its end"
            );
            out.note(Level::Warn, text);
        }
        let mut ends: BTreeMap<LogId, i64> = BTreeMap::new();
        let mut others = false;
        for entry in entries {
            let log = entry.key.log;
            if log.owner(self.config.shards) == self.config.shard {
                let end = ends.entry(log).or_default();
                *end = (*end).max(entry.key.end());
            } else {
                others = true;
            }
        }
        // What other shards need is not ours to remove.
        let open_runs = ends.len() + usize::from(others);
        self.wal.files.insert(number, WalFile { path, bytes, open_runs, settled: false });
        for (log, end) in ends {
            // Files are answered in any order.
            let runs = self.wal.loading.runs.entry(log).or_default();
            let place = runs.partition_point(|(earlier, _)| *earlier < number);
            runs.insert(place, (number, end));
        }
        self.settle_file(now, number);
    }

    /// Opens logs of which the write-ahead has something, so that it is published and the files can go.
    pub(crate) fn adopt(&mut self, now: Now, out: &mut SmqOutbox) {
        while self.openings.len() < ADOPTED_AT_A_TIME
            && let Some(id) = self.wal.loading.orphans.pop_front()
        {
            if !self.logs.contains_key(&id) && !self.removals.contains_key(&id) {
                self.open_unasked(now, id, out);
            }
        }
    }
}
