//! One read: where it is and what it is after.

use bytes::Bytes;
use kelpgate_core::ids::Ticket;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::StorageReply;

use crate::batch::{BatchError, BatchHeader, Before};
use crate::index::Index;
use crate::partition::{Cursor, LogKey};

/// A read under way.
#[derive(Debug)]
pub(super) struct Job {
    /// Nobody waits for the reading of an index itself.
    pub(super) ticket: Option<Ticket>,
    pub(super) log: LogKey,
    /// The first offset not looked at yet.
    pub(super) next: i64,
    /// The first offset that is of no interest.
    pub(super) until: i64,
    pub(super) want: Want,
    /// Bytes of the next batch if it was larger than the last piece read, else 0.
    pub(super) needed: usize,
    /// Where `next` is, if that is known from what was read just now.
    pub(super) cursor: Option<Cursor>,
    /// The segment whose file was not there when it was looked for.
    pub(super) missed: Option<i64>,
}

/// What a read is after.
#[derive(Debug)]
pub(super) enum Want {
    /// Batches that end below `until`, up to so many bytes; the first one whatever its size.
    Read { left: usize, started: bool, found: Pieces },
    /// The first batch that is late enough and starts below `until`.
    Time { at_least: i64, greatest: bool },
    /// The greatest time there is from `from` on and below `until`; then the first batch that has it.
    Max { from: i64, bound: i64 },
    /// The index of a segment below a position: how far it is, what came before, and where bad bytes began if it is in
    /// them.
    Index {
        segment: i64,
        until: u64,
        at: u64,
        before: Before,
        lost: Option<(u64, BatchError)>,
        scanned: Index,
    },
}

/// What to do after a batch was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not this one; go on.
    Pass,
    /// Take it and go on.
    Take,
    /// Take it; it is the last.
    TakeLast,
    /// Enough, without this one.
    Enough,
}

impl Job {
    /// The index it makes, if that is what it is for.
    pub(super) fn index(&mut self) -> Option<&mut Index> {
        match &mut self.want {
            Want::Index { scanned, .. } => Some(scanned),
            Want::Read { .. } | Want::Time { .. } | Want::Max { .. } => None,
        }
    }

    /// Whether a batch lies below `next` as a whole.
    pub(super) fn is_past(&self, header: &BatchHeader) -> bool {
        let begun = header.base_offset < self.next && is_on(Mutant::FetchSkipsBegunBatch);
        header.last_offset < self.next || begun
    }

    /// What to do with a batch that does not lie below `next`.
    pub(super) fn judge(&self, header: &BatchHeader) -> Verdict {
        match &self.want {
            Want::Read { left, started, .. } => {
                let fits = !started || header.size <= *left;
                if header.last_offset < self.until && fits { Verdict::Take } else { Verdict::Enough }
            }
            Want::Time { .. } | Want::Max { .. } if header.base_offset >= self.until => Verdict::Enough,
            Want::Time { at_least, .. } if header.max_timestamp >= *at_least => Verdict::TakeLast,
            Want::Time { .. } | Want::Max { .. } | Want::Index { .. } => Verdict::Pass,
        }
    }

    /// The batch was looked at, and taken if it was to be.
    pub(super) fn passed(&mut self, header: &BatchHeader) {
        self.next = header.end_offset();
        self.needed = 0;
        match &mut self.want {
            Want::Read { left, started, .. } => {
                *left = left.saturating_sub(header.size);
                *started = true;
            }
            Want::Max { bound, .. } => *bound = (*bound).max(header.max_timestamp),
            Want::Time { .. } | Want::Index { .. } => {}
        }
    }
}

impl Want {
    /// The answer when there is nothing.
    pub(super) fn nothing(&self) -> StorageReply {
        match self {
            Want::Read { .. } => StorageReply::Read(Pieces::new()),
            Want::Time { greatest: false, .. } => StorageReply::FoundTime(None),
            Want::Time { greatest: true, .. } | Want::Max { .. } => StorageReply::FoundMaxTime(None),
            // Nobody is answered.
            Want::Index { .. } => StorageReply::Read(Pieces::new()),
        }
    }

    /// The answer of a search that found this batch.
    pub(super) fn one(&self, batch: Bytes) -> StorageReply {
        match self {
            Want::Time { greatest: false, .. } => StorageReply::FoundTime(Some(batch)),
            Want::Time { greatest: true, .. } | Want::Max { .. } => StorageReply::FoundMaxTime(Some(batch)),
            Want::Read { .. } | Want::Index { .. } => StorageReply::Read(Pieces::from(batch)),
        }
    }
}
