//! A read goes on until it ends or has to wait.

use alloc::string::String;
use core::ops::Range;

use kelpgate_core::storage::{StorageError, StorageReply};

use crate::file::{FileCommand, Lane};
use crate::index::INTERVAL;
use crate::log::{Log, Op};
use crate::open_files::{Acquired, FileKey, Role, Waiter};
use crate::outbox::LogOutbox;
use crate::read::Asked;
use crate::read::job::{Job, Want};
use crate::read::source::{Place, Source, from_memory, source};

/// Most bytes of one read from a file, unless a single batch is larger.
pub(super) const READ_BYTES: usize = 1 << 20;

impl Log {
    /// Goes on with a job until it ends or has to wait.
    pub(super) fn advance(&mut self, id: u64, mut job: Job, out: &mut LogOutbox) {
        loop {
            let Some(log) = self.logs.get(&job.log) else {
                return self.end_job(job, Err(StorageError::Gone), out);
            };
            match source(log, &mut job) {
                Source::Skipped => {}
                Source::End => match job.want {
                    Want::Max { from, bound } if bound > i64::MIN => {
                        job.want = Want::Time { at_least: bound, greatest: true };
                        job.next = from.max(log.start);
                    }
                    Want::Read { .. } | Want::Time { .. } | Want::Max { .. } | Want::Index { .. } => {
                        return self.finish(job, out);
                    }
                },
                Source::Memory => {
                    if let Some(done) = from_memory(log, &mut job) {
                        return self.end_job(job, Ok(done), out);
                    }
                }
                Source::Damaged { from, until } => {
                    return self.at_damage(job, from..until, String::from("found before"), out);
                }
                Source::Replacing { segment } => return self.park(id, job, segment),
                Source::Unindexed { segment } => return self.await_index(id, job, segment, out),
                Source::File(place) => return self.read_file(id, job, place, out),
            }
        }
    }

    /// The end of what there is.
    pub(super) fn finish(&mut self, mut job: Job, out: &mut LogOutbox) {
        let reply = match &mut job.want {
            Want::Read { found, .. } => StorageReply::Read(core::mem::take(found)),
            want @ (Want::Time { .. } | Want::Max { .. } | Want::Index { .. }) => want.nothing(),
        };
        if let Want::Index { segment, scanned, .. } = &mut job.want {
            let scanned = core::mem::take(scanned);
            let found = self.logs.get_mut(&job.log).and_then(|log| log.segment_mut(*segment));
            if let Some(found) = found {
                found.index.complete(scanned);
            }
        }
        if let (Some(cursor), Some(log)) = (job.cursor, self.logs.get_mut(&job.log)) {
            log.resume = Some(cursor);
        }
        self.end_job(job, Ok(reply), out);
    }

    /// A read came to bytes that are not what was written: it gives what came before, or says so.
    pub(super) fn at_damage(&mut self, job: Job, lost: Range<i64>, detail: String, out: &mut LogOutbox) {
        match &job.want {
            Want::Read { found, .. } if !found.is_empty() => self.finish(job, out),
            Want::Read { .. } | Want::Time { .. } | Want::Max { .. } | Want::Index { .. } => {
                let Range { start: at, end: until } = lost;
                self.end_job(job, Err(StorageError::Damaged { at, until, detail }), out);
            }
        }
    }

    /// Asks for bytes of a segment, once its file is open and there is memory.
    fn read_file(&mut self, id: u64, job: Job, place: Place, out: &mut LogOutbox) {
        let Place { segment, position: at, before, limit } = place;
        let writer = FileKey { log: job.log, segment, role: Role::Writer };
        let reader = FileKey { log: job.log, segment, role: Role::Reader };
        if self.reads.charged >= self.config.read_bytes || !self.files.has_room(reader) {
            self.reads.held.push_back(id);
            self.reads.jobs.insert(id, job);
            return;
        }
        let acquired = match self.files.acquire_open(writer) {
            Some(handle) => Acquired::Ready(handle),
            None => self.files.acquire(reader, Waiter::Job(id)),
        };
        let wish = match &job.want {
            Want::Read { left, .. } => (*left as u64).clamp(INTERVAL, READ_BYTES as u64) + INTERVAL,
            Want::Time { .. } | Want::Max { .. } => 2 * INTERVAL,
            Want::Index { .. } => READ_BYTES as u64,
        };
        let len = wish.max(job.needed as u64).min(limit.saturating_sub(at));
        let found = self.logs.get(&job.log).and_then(|log| log.segment(segment));
        let version = found.map_or(0, |found| found.version);
        self.reads.jobs.insert(id, job);
        match acquired {
            Acquired::Opening => {}
            Acquired::ToOpen(handle) => self.open_segment(handle, reader, out),
            Acquired::Ready(handle) => {
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                self.reads.charged = self.reads.charged.saturating_add(len);
                let op = Op::Read { job: id, handle, asked: Asked { segment, at, before, len, version } };
                self.file(op, Lane::Read, FileCommand::Read { handle, at, len }, out);
            }
        }
    }
}
