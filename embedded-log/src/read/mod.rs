//! Reading: from memory what is there, else from segments. A read is a job that goes forward through a log batch by
//! batch, skips what its index says it need not see, and waits whenever it needs a file, bytes or an index.

mod advance;
mod index_load;
mod job;
mod piece;
mod scan;
mod source;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{StorageError, StorageReply};

use crate::batch::BatchError;
use crate::file::FileError;
use crate::index::Index;
use crate::log::{Log, storage_error};
use crate::outbox::LogOutbox;
use crate::partition::LogKey;
use job::{Job, Want};
pub(crate) use scan::Asked;
use scan::Lost;

/// Reads under way.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    last: u64,
    jobs: BTreeMap<u64, Job>,
    /// Jobs that wait for memory or for a file to be closed.
    held: VecDeque<u64>,
    /// Memory of reads under way.
    charged: usize,
    /// Jobs that wait for a segment's index to be read, or for a segment to be replaced.
    parked: BTreeMap<(LogKey, i64), Vec<u64>>,
}

impl Reads {
    /// Indexes being made.
    pub(crate) fn indexes(&mut self) -> impl Iterator<Item = &mut Index> {
        self.jobs.values_mut().filter_map(Job::index)
    }
}

impl Log {
    pub(crate) fn read(
        &mut self,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        max_bytes: usize,
        out: &mut LogOutbox,
    ) {
        self.begin(
            ticket,
            log,
            (from, until),
            Want::Read { left: max_bytes, started: false, found: Pieces::new() },
            out,
        );
    }

    pub(crate) fn find_time(
        &mut self,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        at_least: i64,
        out: &mut LogOutbox,
    ) {
        self.begin(ticket, log, (from, until), Want::Time { at_least, greatest: false }, out);
    }

    pub(crate) fn find_max_time(
        &mut self,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        out: &mut LogOutbox,
    ) {
        self.begin(ticket, log, (from, until), Want::Max { from, bound: i64::MIN }, out);
    }

    fn begin(
        &mut self,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        want: Want,
        out: &mut LogOutbox,
    ) {
        let Some((key, known)) = self.ids.get(&log).and_then(|key| Some((*key, self.logs.get(key)?))) else {
            out.reply(ticket, Ok(want.nothing()));
            return;
        };
        let (next, until) = (from.max(known.start), until.min(known.end));
        let job =
            Job { ticket: Some(ticket), log: key, next, until, want, needed: 0, cursor: None, missed: None };
        self.reads.last += 1;
        let id = self.reads.last;
        self.advance(id, job, out);
    }

    /// The file a job waits for is open, or is not.
    pub(crate) fn job_opened(
        &mut self,
        id: u64,
        segment: i64,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        let Some(mut job) = self.reads.jobs.remove(&id) else { return };
        match outcome {
            Ok(()) => self.advance(id, job, out),
            // It may have been dropped or joined with another meanwhile: look once more.
            Err(FileError::NotFound) if job.missed != Some(segment) => {
                job.missed = Some(segment);
                self.advance(id, job, out);
            }
            Err(FileError::NotFound) => {
                let why = BatchError::Header("the file is gone");
                let lost = Lost { position: 0, from: job.next.max(segment), until: None, why };
                self.damaged(id, job, segment, lost, out);
            }
            Err(error) => self.end_job(job, Err(storage_error(error)), out),
        }
    }

    /// Jobs that waited for memory, or for a file to be closed, go on.
    pub(crate) fn pump_reads(&mut self, out: &mut LogOutbox) {
        for _ in 0..self.reads.held.len() {
            if self.reads.charged >= self.config.read_bytes {
                return;
            }
            let Some(id) = self.reads.held.pop_front() else { return };
            if let Some(job) = self.reads.jobs.remove(&id) {
                self.advance(id, job, out);
            }
        }
    }

    /// Jobs that waited for this segment go on, or fail.
    pub(crate) fn unpark(
        &mut self,
        key: (LogKey, i64),
        outcome: Result<(), StorageError>,
        out: &mut LogOutbox,
    ) {
        for id in self.reads.parked.remove(&key).unwrap_or_default() {
            let Some(job) = self.reads.jobs.remove(&id) else { continue };
            match &outcome {
                Ok(()) => self.advance(id, job, out),
                Err(error) => self.end_job(job, Err(error.clone()), out),
            }
        }
    }

    fn park(&mut self, id: u64, job: Job, segment: i64) {
        self.reads.parked.entry((job.log, segment)).or_default().push(id);
        self.reads.jobs.insert(id, job);
    }

    /// The log is gone.
    pub(crate) fn end_reads_of(&mut self, key: LogKey, out: &mut LogOutbox) {
        let ids: Vec<u64> =
            self.reads.jobs.iter().filter(|(_, job)| job.log == key).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(job) = self.reads.jobs.remove(&id) {
                self.end_job(job, Err(StorageError::Gone), out);
            }
        }
        self.reads.parked.retain(|(log, _), _| *log != key);
    }

    fn end_job(&mut self, job: Job, outcome: Result<StorageReply, StorageError>, out: &mut LogOutbox) {
        match (job.want, job.ticket) {
            (Want::Index { segment, .. }, _) => {
                self.unpark((job.log, segment), outcome.map(drop), out);
            }
            (Want::Read { .. } | Want::Time { .. } | Want::Max { .. }, Some(ticket)) => {
                out.reply(ticket, outcome)
            }
            (Want::Read { .. } | Want::Time { .. } | Want::Max { .. }, None) => {}
        }
    }
}
