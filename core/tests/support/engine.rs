//! An engine in memory, for conversations with the machine: every command takes effect at once, and its answer waits
//! until the test lets it go, so that tests decide what is durable when.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::*;

#[derive(Debug, Default)]
pub struct Engine {
    logs: BTreeMap<LogId, StoredLog>,
    answers: VecDeque<(Ticket, Result<StorageReply, StorageError>)>,
    /// Every append from now on fails with this.
    pub fail_appends: Option<StorageError>,
    /// Every open from now on fails with this.
    pub fail_opens: Option<StorageError>,
    /// Every step of a rewrite but its end from now on fails with this.
    pub fail_rewrites: Option<StorageError>,
    /// Steps of rewrites that were asked for, and reads.
    pub rewrites: usize,
    pub reads: usize,
}

#[derive(Debug, Default)]
struct StoredLog {
    start: i64,
    end: i64,
    batches: Vec<StoredBatch>,
    snapshot: Option<Snapshot>,
    /// What is kept of a run of segments that is being rewritten.
    kept: Vec<StoredBatch>,
}

#[derive(Debug)]
struct StoredBatch {
    base: i64,
    last: i64,
    max_timestamp: i64,
    /// Whether a segment begins with it.
    rolls: bool,
    bytes: Bytes,
}

impl Engine {
    /// Carries out a command.
    pub fn submit(&mut self, ticket: Ticket, command: StorageCommand) {
        let outcome = self.carry_out(command);
        self.answers.push_back((ticket, outcome));
    }

    /// The oldest answer that has not been let go.
    pub fn answer(&mut self) -> Option<(Ticket, Result<StorageReply, StorageError>)> {
        self.answers.pop_front()
    }

    /// Puts others in the place of stored batches, as compaction does.
    pub fn rewrite(&mut self, log: LogId, mut with: impl FnMut(&Bytes) -> Bytes) {
        let stored = self.logs.get_mut(&log).expect("a log");
        stored.batches.iter_mut().for_each(|batch| batch.bytes = with(&batch.bytes));
    }

    fn carry_out(&mut self, command: StorageCommand) -> Result<StorageReply, StorageError> {
        Ok(match command {
            StorageCommand::Open { log, topic: _, partitions: _ } => {
                if let Some(error) = &self.fail_opens {
                    return Err(error.clone());
                }
                let log = self.logs.entry(log).or_default();
                StorageReply::Opened(Opened {
                    start: log.start,
                    end: log.end,
                    active: log.segments().pop(),
                    snapshot: log.snapshot.clone(),
                })
            }
            StorageCommand::Append { log, append } => {
                if let Some(error) = &self.fail_appends {
                    return Err(error.clone());
                }
                self.logs.entry(log).or_default().append(append);
                StorageReply::Appended
            }
            StorageCommand::Read { log, from, until, max_bytes } => {
                self.reads += 1;
                StorageReply::Read(self.logs.entry(log).or_default().read(from, until, max_bytes))
            }
            StorageCommand::FindTime { log, from, until, at_least } => {
                let log = self.logs.entry(log).or_default();
                let found = log.within(from, until).find(|batch| batch.max_timestamp >= at_least);
                StorageReply::FoundTime(found.map(|batch| batch.bytes.clone()))
            }
            StorageCommand::FindMaxTime { log, from, until } => {
                let log = self.logs.entry(log).or_default();
                let greatest = log.within(from, until).map(|batch| batch.max_timestamp).max();
                let found = log.within(from, until).find(|batch| Some(batch.max_timestamp) == greatest);
                StorageReply::FoundMaxTime(found.map(|batch| batch.bytes.clone()))
            }
            StorageCommand::Segments { log } => {
                StorageReply::Segments(self.logs.entry(log).or_default().segments())
            }
            StorageCommand::Trim { log, start } => {
                let log = self.logs.entry(log).or_default();
                log.start = log.start.max(start);
                log.end = log.end.max(start);
                log.batches.retain(|batch| batch.last >= start);
                StorageReply::Trimmed
            }
            StorageCommand::Rewrite { log, segment, last, step } => {
                self.rewrites += 1;
                let log = self.logs.get_mut(&log).ok_or(StorageError::Gone)?;
                match (step, &self.fail_rewrites) {
                    (RewriteStep::Abandon, _) => log.kept.clear(),
                    (RewriteStep::Keep(_) | RewriteStep::Commit, Some(error)) => return Err(error.clone()),
                    (RewriteStep::Keep(pieces), None) => log.kept.extend(split(pieces, false)),
                    (RewriteStep::Commit, None) => log.replace(segment, last),
                }
                StorageReply::Rewritten
            }
            StorageCommand::SaveSnapshot { log, snapshot, durable: _ } => {
                self.logs.entry(log).or_default().snapshot = Some(snapshot);
                StorageReply::SnapshotSaved
            }
            StorageCommand::Delete { log } => {
                self.logs.remove(&log);
                StorageReply::Deleted
            }
            StorageCommand::List => {
                let size = |log: &StoredLog| log.batches.iter().map(|batch| batch.bytes.len() as u64).sum();
                let info = |(id, log): (&LogId, &StoredLog)| LogInfo { log: *id, bytes: size(log) };
                StorageReply::Listed(self.logs.iter().map(info).collect())
            }
            StorageCommand::Volume => StorageReply::Volume { total_bytes: 1000, usable_bytes: 500 },
        })
    }
}

impl StoredLog {
    fn append(&mut self, append: Append) {
        assert!(append.base_offset >= self.end, "offset {} below the end {}", append.base_offset, self.end);
        for batch in split(append.batches, append.roll) {
            assert!(batch.base >= self.end, "a batch begins at {}, below the end {}", batch.base, self.end);
            self.end = batch.last + 1;
            self.batches.push(batch);
        }
        assert_eq!(self.end, append.last_offset + 1);
    }

    /// Puts what was kept in the place of a run of segments.
    fn replace(&mut self, first: i64, last: i64) {
        let segments = self.segments();
        let end = segments.iter().find(|segment| segment.base_offset == last).expect("a segment").end_offset;
        let begin = self.batches.partition_point(|batch| batch.base < first);
        let after = self.batches.partition_point(|batch| batch.base < end);
        let mut kept = std::mem::take(&mut self.kept);
        if let Some(first) = kept.first_mut() {
            first.rolls = true;
        }
        self.batches.splice(begin..after, kept);
    }

    fn within(&self, from: i64, until: i64) -> impl Iterator<Item = &StoredBatch> {
        self.batches.iter().filter(move |batch| batch.last >= from && batch.base < until)
    }

    fn read(&self, from: i64, until: i64, max_bytes: usize) -> Pieces {
        let mut pieces = Pieces::new();
        for batch in self.within(from, until).filter(|batch| batch.last < until) {
            if !pieces.is_empty() && pieces.len() + batch.bytes.len() > max_bytes {
                break;
            }
            pieces.push(batch.bytes.clone());
        }
        pieces
    }

    /// The first batch begins a segment, and each that was appended so.
    fn segments(&self) -> Vec<SegmentInfo> {
        let mut segments: Vec<SegmentInfo> = Vec::new();
        for batch in &self.batches {
            if batch.rolls || segments.is_empty() {
                segments.push(SegmentInfo {
                    base_offset: batch.base,
                    end_offset: batch.base,
                    bytes: 0,
                    max_timestamp: batch.max_timestamp,
                    first_timestamp: batch.max_timestamp,
                });
            }
            let segment = segments.last_mut().expect("one was begun");
            segment.end_offset = batch.last + 1;
            segment.bytes += batch.bytes.len() as u64;
            segment.max_timestamp = segment.max_timestamp.max(batch.max_timestamp);
        }
        segments
    }
}

/// Batches one after the other; the first one rolls or not.
fn split(pieces: Pieces, mut rolls: bool) -> Vec<StoredBatch> {
    let (mut rest, mut batches) = (pieces.concat(), Vec::new());
    while !rest.is_empty() {
        let length = 12 + i32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
        let bytes = rest.split_to(length);
        let base = i64::from_be_bytes(bytes[..8].try_into().unwrap());
        let last = base + i64::from(i32::from_be_bytes(bytes[23..27].try_into().unwrap()));
        let max_timestamp = i64::from_be_bytes(bytes[35..43].try_into().unwrap());
        batches.push(StoredBatch { base, last, max_timestamp, rolls: std::mem::take(&mut rolls), bytes });
    }
    batches
}
