//! The journals' changes are made once more, on top of what was known.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, SegmentInfo};

use crate::batch;
use crate::disk::{Disk, Files};
use crate::file::{FileError, FileHandle};
use crate::journal::format::{Change, Entry, damaged_entry_len, decode_entry, describe_batches};
use crate::layout::{self, LogFile};
use crate::manifest::{DamagedRange, LogDescription, SnapshotPlace};
use crate::recovery::base::ShardJournal;
use crate::recovery::groups::{self, GroupAt};
use crate::recovery::{Doing, RecoveryError};

/// Bytes kept before they are written to segments.
const HELD_BYTES: usize = 8 << 20;
/// Segment files kept open.
const OPEN_FILES: usize = 64;

/// A log as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) segments: Vec<SegmentInfo>,
    pub(super) damage: Vec<DamagedRange>,
    snapshot: SnapshotPlace,
    /// Its segments were read instead of a manifest: they may hold what the journal holds too.
    scanned: bool,
}

impl Found {
    pub(super) fn from_manifest(log: &LogDescription) -> Found {
        Found {
            start: log.start,
            end: log.end,
            segments: log.segments.clone(),
            damage: log.damage.clone(),
            snapshot: log.snapshot,
            scanned: false,
        }
    }

    pub(super) fn scanned() -> Found {
        Found { scanned: true, ..Found::default() }
    }

    fn describe(self, log: LogId, unclean: bool) -> LogDescription {
        let snapshot = if unclean || self.scanned { SnapshotPlace::Unknown } else { self.snapshot };
        let Found { start, end, segments, mut damage, .. } = self;
        damage.sort_by_key(|range| range.from);
        LogDescription { log, start, end, segments, snapshot, damage }
    }
}

/// Bytes on their way into a segment.
#[derive(Debug)]
struct Held {
    at: u64,
    pieces: Pieces,
}

type SegmentKey = (LogId, i64);

/// Logs being brought up to date.
pub(super) struct Replay<'a, 'b, D: Disk> {
    files: &'a mut Files<'b, D>,
    logs: BTreeMap<LogId, Found>,
    notes: &'a mut Vec<(Level, String)>,
    held: BTreeMap<SegmentKey, Held>,
    held_bytes: usize,
    open: BTreeMap<SegmentKey, FileHandle>,
    folders: BTreeSet<LogId>,
    /// Segments with fewer bytes than the manifest knows. A trim, deletion or rewrite later in the journal explains it;
    /// what is left in the end has been lost.
    short: BTreeMap<SegmentKey, String>,
}

impl<'a, 'b, D: Disk> Replay<'a, 'b, D> {
    pub(super) fn new(
        files: &'a mut Files<'b, D>,
        logs: BTreeMap<LogId, Found>,
        notes: &'a mut Vec<(Level, String)>,
    ) -> Replay<'a, 'b, D> {
        Replay {
            files,
            logs,
            notes,
            held: BTreeMap::new(),
            held_bytes: 0,
            open: BTreeMap::new(),
            folders: BTreeSet::new(),
            short: BTreeMap::new(),
        }
    }

    /// Makes the changes of one shard's journal.
    pub(super) fn journal(&mut self, journal: &ShardJournal) -> Result<(), RecoveryError> {
        let chain = groups::chain(self.files, journal)?;
        for (before, after) in &chain.holes {
            let text = format!(
                "the journal of shard {} has lost groups between {before} and {after}",
                journal.shard
            );
            self.note(Level::Error, text);
        }
        for group in &chain.groups {
            if is_on(Mutant::OldJournalsNotRead) && group.part + 1 < journal.parts.len() {
                continue;
            }
            if !self.group(journal, group)? {
                break;
            }
        }
        for part in &journal.parts {
            self.files.close(part.handle).doing("closing a journal")?;
        }
        Ok(())
    }

    /// Makes the changes of a group. False if the journal ends in it.
    fn group(&mut self, journal: &ShardJournal, group: &GroupAt) -> Result<bool, RecoveryError> {
        let Some(part) = journal.parts.get(group.part) else { return Ok(true) };
        let len = usize::try_from(group.header.bytes).unwrap_or(usize::MAX);
        let mut rest: Bytes = self.files.read(part.handle, group.at, len).doing("reading a journal")?;
        while !rest.is_empty() {
            let len = match decode_entry(&rest) {
                Some((entry, len)) => {
                    self.entry(entry)?;
                    len
                }
                None if !group.durable => {
                    let text =
                        format!("{}: the last write was cut short, {} bytes of it", part.path, rest.len());
                    self.note(Level::Info, text);
                    return Ok(false);
                }
                None => {
                    let number = group.header.group;
                    self.note(Level::Error, format!("{}: a change in group {number} is damaged", part.path));
                    damaged_entry_len(&rest).unwrap_or(rest.len())
                }
            };
            rest = rest.slice(len.min(rest.len())..);
        }
        Ok(true)
    }

    fn entry(&mut self, entry: Entry) -> Result<(), RecoveryError> {
        let Entry { log, change } = entry;
        match change {
            Change::Append { append, gap } => self.append(log, append, gap),
            Change::Trim { start } => self.trim(log, start),
            Change::Delete => self.delete(log),
            Change::Rewritten { segment, last } => self.rewritten(log, segment, last),
        }
    }

    fn append(&mut self, log: LogId, append: Append, gap: bool) -> Result<(), RecoveryError> {
        let found = self.logs.entry(log).or_default();
        let append = match append.base_offset < found.end {
            false => append,
            true if found.scanned => match unseen(append, found.end) {
                Some(append) => append,
                None => return Ok(()),
            },
            true => {
                let text =
                    format!("log {log} ends at {}, the journal appends at {}", found.end, append.base_offset);
                self.note(Level::Error, format!("{text}; left out"));
                return Ok(());
            }
        };
        if append.base_offset > found.end && !gap {
            let (from, until) = (found.end, append.base_offset);
            found.damage.push(DamagedRange { from, until });
            self.notes.push((
                Level::Error,
                format!("log {log}: offsets {from} to {} are lost and not served", until - 1),
            ));
        }
        if append.roll || found.segments.is_empty() {
            found.segments.push(SegmentInfo {
                base_offset: append.base_offset,
                end_offset: append.base_offset,
                bytes: 0,
                max_timestamp: -1,
                first_timestamp: -1,
            });
        }
        let Some(segment) = found.segments.last_mut() else { return Ok(()) };
        if segment.bytes == 0 {
            let first = batch::batches(&append.batches).find_map(Result::ok);
            segment.first_timestamp = first.map_or(-1, |(_, header)| header.max_timestamp);
        }
        let (key, at) = ((log, segment.base_offset), segment.bytes);
        segment.bytes += append.batches.len() as u64;
        segment.end_offset = append.last_offset + 1;
        segment.max_timestamp = segment.max_timestamp.max(append.max_timestamp);
        found.end = append.last_offset + 1;
        self.held_bytes += append.batches.len();
        let held = self.held.entry(key).or_insert_with(|| Held { at, pieces: Pieces::new() });
        held.pieces.append(append.batches);
        if self.held_bytes > HELD_BYTES {
            self.write_held()?;
        }
        Ok(())
    }

    fn trim(&mut self, log: LogId, start: i64) -> Result<(), RecoveryError> {
        self.write_held()?;
        let found = self.logs.entry(log).or_default();
        found.start = found.start.max(start);
        found.end = found.end.max(start);
        let start = found.start;
        found.damage.retain(|range| range.until > start);
        let gone = found.segments.iter().take_while(|segment| segment.end_offset <= start).count();
        let gone: Vec<SegmentInfo> = found.segments.drain(..gone).collect();
        for segment in gone {
            let base = segment.base_offset;
            self.close((log, base))?;
            self.short.remove(&(log, base));
            for file in [LogFile::Segment(base), LogFile::Index(base), LogFile::Replacement(base)] {
                self.files.remove(file.path(log)).doing("removing a segment")?;
            }
            self.folders.insert(log);
        }
        Ok(())
    }

    fn delete(&mut self, log: LogId) -> Result<(), RecoveryError> {
        self.write_held()?;
        let open: Vec<SegmentKey> = self.open.keys().filter(|(of, _)| *of == log).copied().collect();
        open.into_iter().try_for_each(|key| self.close(key))?;
        self.logs.remove(&log);
        self.folders.remove(&log);
        self.short.retain(|(of, _), _| *of != log);
        self.files.remove_folder(layout::log_folder(log)).doing("removing a log")
    }

    /// The replacement of a run of segments was complete: it is put in place if it is not there yet.
    fn rewritten(&mut self, log: LogId, segment: SegmentInfo, last: i64) -> Result<(), RecoveryError> {
        self.write_held()?;
        let base = segment.base_offset;
        let Some(found) = self.logs.get_mut(&log) else { return Ok(()) };
        let place = |name: i64| found.segments.iter().position(|known| known.base_offset == name);
        let (Some(first), Some(end)) = (place(base), place(last)) else { return Ok(()) };
        let replaced: Vec<i64> =
            found.segments.drain(first..end + 1).map(|known| known.base_offset).collect();
        if segment.bytes > 0 {
            found.segments.insert(first, segment);
        }
        self.folders.insert(log);
        for name in replaced {
            self.close((log, name))?;
            self.short.remove(&(log, name));
            if name != base || segment.bytes == 0 {
                self.files.remove(LogFile::Segment(name).path(log)).doing("removing a segment")?;
            }
            self.files.remove(LogFile::Index(name).path(log)).doing("removing an index")?;
        }
        let (from, to) = (LogFile::Replacement(base).path(log), LogFile::Segment(base).path(log));
        if segment.bytes == 0 {
            return self.files.remove(from).doing("removing a replacement");
        }
        match self.files.rename(from, to) {
            // It was put in place before the crash.
            Ok(()) | Err(FileError::NotFound) => Ok(()),
            Err(error) => Err(error).doing("putting a compacted segment in place"),
        }
    }

    /// Writes what was collected.
    fn write_held(&mut self) -> Result<(), RecoveryError> {
        self.held_bytes = 0;
        for (key, held) in core::mem::take(&mut self.held) {
            let handle = self.writer(key, held.at)?;
            self.files.write(handle, held.at, held.pieces).doing("writing a segment")?;
        }
        Ok(())
    }

    fn writer(&mut self, key: SegmentKey, expected: u64) -> Result<FileHandle, RecoveryError> {
        if let Some(handle) = self.open.get(&key) {
            return Ok(*handle);
        }
        if self.open.len() >= OPEN_FILES {
            let all: Vec<SegmentKey> = self.open.keys().copied().collect();
            all.into_iter().try_for_each(|key| self.close(key))?;
        }
        let (log, base) = key;
        let (handle, len) =
            self.files.open(LogFile::Segment(base).path(log), true).doing("opening a segment")?;
        if len < expected {
            let text = format!("log {log}: segment {base} has {len} bytes, {expected} expected");
            self.short.insert(key, text);
        }
        // Bytes after the last checkpoint are written again.
        self.files.truncate(handle, len.min(expected)).doing("cutting a segment")?;
        self.open.insert(key, handle);
        self.folders.insert(log);
        Ok(handle)
    }

    fn close(&mut self, key: SegmentKey) -> Result<(), RecoveryError> {
        let Some(handle) = self.open.remove(&key) else { return Ok(()) };
        self.files.sync(handle).doing("syncing a segment")?;
        self.files.close(handle).doing("closing a segment")
    }

    /// Makes all of it durable.
    pub(super) fn finish(mut self, unclean: bool) -> Result<Vec<LogDescription>, RecoveryError> {
        self.write_held()?;
        let open: Vec<SegmentKey> = self.open.keys().copied().collect();
        open.into_iter().try_for_each(|key| self.close(key))?;
        for text in core::mem::take(&mut self.short).into_values() {
            self.note(Level::Error, format!("{text}; what is missing is never served"));
        }
        let changed = !self.folders.is_empty();
        for log in core::mem::take(&mut self.folders) {
            self.files.sync_folder(layout::log_folder(log)).doing("syncing a log")?;
        }
        if changed || unclean {
            self.files.sync_folder(layout::TOPICS.into()).doing("syncing the folder of logs")?;
            // The folder of logs may be new itself; a manifest must not survive without it.
            self.files.sync_folder(layout::ROOT.into()).doing("syncing the data folder")?;
        }
        Ok(self.logs.into_iter().map(|(log, found)| found.describe(log, unclean)).collect())
    }

    fn note(&mut self, level: Level, text: String) {
        self.notes.push((level, text));
    }
}

/// The batches of an append that start at or after `end`.
fn unseen(append: Append, end: i64) -> Option<Append> {
    let from = batch::batches(&append.batches)
        .map_while(Result::ok)
        .find(|(_, header)| header.base_offset >= end)?
        .0;
    let mut rest = Pieces::new();
    batch::slice(&append.batches, from, append.batches.len(), &mut rest);
    describe_batches(rest, append.roll && from == 0)
}
