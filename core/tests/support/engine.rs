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
}

#[derive(Debug, Default)]
struct StoredLog {
    start: i64,
    end: i64,
    batches: Vec<StoredBatch>,
    snapshot: Option<Snapshot>,
}

#[derive(Debug)]
struct StoredBatch {
    base: i64,
    last: i64,
    max_timestamp: i64,
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
            StorageCommand::Open { log } => {
                if let Some(error) = &self.fail_opens {
                    return Err(error.clone());
                }
                let log = self.logs.entry(log).or_default();
                StorageReply::Opened(Opened {
                    start: log.start,
                    end: log.end,
                    active: log.segment(),
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
                StorageReply::Segments(self.logs.entry(log).or_default().segment().into_iter().collect())
            }
            StorageCommand::Trim { log, start } => {
                let log = self.logs.entry(log).or_default();
                log.start = log.start.max(start);
                log.end = log.end.max(start);
                log.batches.retain(|batch| batch.last >= start);
                StorageReply::Trimmed
            }
            StorageCommand::Rewrite { .. } => return Err(StorageError::Other("not in these tests".into())),
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
        let mut rest = append.batches.concat();
        while !rest.is_empty() {
            let length = 12 + i32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
            let bytes = rest.split_to(length);
            let base = i64::from_be_bytes(bytes[..8].try_into().unwrap());
            let last = base + i64::from(i32::from_be_bytes(bytes[23..27].try_into().unwrap()));
            let max_timestamp = i64::from_be_bytes(bytes[35..43].try_into().unwrap());
            assert!(base >= self.end, "a batch begins at {base}, below the end {}", self.end);
            self.end = last + 1;
            self.batches.push(StoredBatch { base, last, max_timestamp, bytes });
        }
        assert_eq!(self.end, append.last_offset + 1);
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

    fn segment(&self) -> Option<SegmentInfo> {
        Some(SegmentInfo {
            base_offset: self.batches.first()?.base,
            end_offset: self.end,
            bytes: self.batches.iter().map(|batch| batch.bytes.len() as u64).sum(),
            max_timestamp: self.batches.iter().map(|batch| batch.max_timestamp).max()?,
            first_timestamp: self.batches.first()?.max_timestamp,
        })
    }
}
