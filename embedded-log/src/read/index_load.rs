//! A segment's index is read when a reader first needs it.

use crate::index::Index;
use crate::log::Log;
use crate::outbox::LogOutbox;
use crate::read::job::{Job, Want};

impl Log {
    /// Has a segment's index completed; the job goes on then.
    pub(super) fn await_index(&mut self, id: u64, job: Job, segment: i64, out: &mut LogOutbox) {
        let log = job.log;
        let first = !self.reads.parked.contains_key(&(log, segment));
        self.park(id, job, segment);
        if !first {
            return;
        }
        let found = self.logs.get(&log).and_then(|known| known.segment(segment));
        let until = found.map_or(0, |found| found.index.known_from());
        let want = Want::Index { segment, until, at: 0, scanned: Index::default() };
        let job =
            Job { ticket: None, log, next: 0, until: i64::MAX, want, needed: 0, cursor: None, missed: None };
        self.reads.last += 1;
        let id = self.reads.last;
        self.advance(id, job, out);
    }
}
