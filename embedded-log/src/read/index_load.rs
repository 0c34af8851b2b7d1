//! A segment's index is made when a reader first needs it.

use alloc::vec::Vec;

use crate::batch::{BatchError, Before};
use crate::index::Index;
use crate::log::Log;
use crate::outbox::LogOutbox;
use crate::read::job::{Job, Want};
use crate::read::piece::Piece;
use crate::read::scan::Lost;

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
        let want = Want::Index {
            segment,
            until,
            at: 0,
            before: Before::offset(segment),
            lost: None,
            scanned: Index::default(),
        };
        let job =
            Job { ticket: None, log, next: 0, until: i64::MAX, want, needed: 0, cursor: None, missed: None };
        self.reads.last += 1;
        let id = self.reads.last;
        self.advance(id, job, out);
    }

    /// A piece of the segment came back.
    pub(super) fn index_piece(
        &mut self,
        id: u64,
        mut job: Job,
        segment: i64,
        piece: &Piece<'_>,
        out: &mut LogOutbox,
    ) {
        let before = job.index().map_or(0, |index| index.bytes());
        let lost = add_piece(&mut job, piece);
        self.indexes.grew(job.index().map_or(0, |index| index.bytes()).saturating_sub(before));
        for lost in lost {
            self.fence(job.log, segment, lost, out);
        }
        if let Want::Index { at, until, before, lost, .. } = &mut job.want {
            if piece.bytes.is_empty() {
                *lost = lost.or(Some((*at, BatchError::Header("the file is shorter than it was"))));
                *at = *until;
            }
            if let Some((position, why)) = lost.filter(|_| *at >= *until) {
                let lost = Lost { position, from: before.offset, until: None, why };
                self.fence(job.log, segment, lost, out);
            }
        }
        self.advance(id, job, out);
    }
}

/// Adds the batches of a piece to the index. Headers are believed as long as each follows the one before; after bad
/// bytes the next good batch is looked for. Gives what is lost.
fn add_piece(job: &mut Job, piece: &Piece<'_>) -> Vec<Lost> {
    job.needed = 0;
    let Want::Index { at, before, lost, scanned, .. } = &mut job.want else { return Vec::new() };
    let (mut place, mut found) = (0, Vec::new());
    while place < piece.bytes.len() {
        if let Some((position, why)) = *lost {
            let Some((good, header)) = piece.next_good(place, before.offset) else {
                place = piece.bytes.len();
                break;
            };
            if header.base_offset > before.offset {
                found.push(Lost { position, from: before.offset, until: Some(header.base_offset), why });
            }
            scanned.add_apart(*at + good as u64, &header);
            (place, *before, *lost) = (good + header.size, Before::after(&header), None);
            continue;
        }
        match piece.header(place, before) {
            Ok(header) => {
                scanned.add(*at + place as u64, &header);
                (place, *before) = (place + header.size, Before::after(&header));
            }
            Err(BatchError::Cut { needed }) => {
                job.needed = needed;
                break;
            }
            Err(why) => {
                *lost = Some((*at + place as u64, why));
                place += 1;
            }
        }
    }
    *at += place as u64;
    found
}
