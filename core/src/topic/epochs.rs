//! Which leader epoch wrote which offsets (KIP-101, KIP-320; `LeaderEpochFileCache`), so that readers can tell whether
//! what they have read is still what the log holds.

use alloc::vec::Vec;

/// Where a leader epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// At least 0.
    pub epoch: i32,
    /// Offset of its first record, or of the one that will be.
    pub start_offset: i64,
}

/// Where a leader epoch ended, as OffsetForLeaderEpoch answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The greatest epoch not above the one asked for; -1 when unknown.
    pub epoch: i32,
    /// The offset after its last record; -1 when unknown.
    pub end_offset: i64,
}

impl EpochEnd {
    /// Nothing is known of that epoch: the wire's -1 and -1.
    pub const UNDEFINED: EpochEnd = EpochEnd { epoch: -1, end_offset: -1 };
}

/// The epoch a client believes to be current is another than ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochMismatch {
    /// The client's is older: FENCED_LEADER_EPOCH (74).
    Fenced,
    /// The client's is newer, we may have been replaced: UNKNOWN_LEADER_EPOCH (75).
    Unknown,
}

/// How a reader's history compares with the log (KIP-595; `Partition.readRecords`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// It is ours: give records.
    Same,
    /// It is ours up to this point only: give no records but this.
    Diverging(EpochEnd),
    /// Nothing can be said, or the reader is below the log start: OFFSET_OUT_OF_RANGE (1).
    OutOfRange,
}

/// Checks the epoch that a request believes to be current (KIP-320). -1 means that it does not care.
pub fn check_current(requested: i32, current: i32) -> Result<(), EpochMismatch> {
    match requested.cmp(&current) {
        _ if requested == -1 => Ok(()),
        core::cmp::Ordering::Less => Err(EpochMismatch::Fenced),
        core::cmp::Ordering::Greater => Err(EpochMismatch::Unknown),
        core::cmp::Ordering::Equal => Ok(()),
    }
}

/// The leader epochs of one partition. Both epochs and start offsets rise strictly.
///
/// A leader calls [`Epochs::assign`] with its epoch and the log end before it appends anything, so the last entry is
/// always the current epoch. An epoch that wrote nothing is replaced by the next: the list is only as long as there are
/// epochs with records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    starts: Vec<EpochStart>,
}

impl Epochs {
    /// Notes that `epoch` begins at `start_offset`; both at least 0, else nothing is noted. Entries that contradict it
    /// give way, as they describe records which are no longer there. The current epoch is not moved forward.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) {
        if epoch < 0 || start_offset < 0 {
            return;
        }
        if self.starts.last().is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset) {
            return;
        }
        while self.starts.last().is_some_and(|last| last.epoch >= epoch || last.start_offset >= start_offset)
        {
            self.starts.pop();
        }
        self.starts.push(EpochStart { epoch, start_offset });
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<EpochStart> {
        self.starts.last().copied()
    }

    /// All of them, oldest first.
    pub fn starts(&self) -> &[EpochStart] {
        &self.starts
    }

    /// The epoch of the record at `offset`; none below the first known epoch.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        let after = self.starts.partition_point(|start| start.start_offset <= offset);
        after.checked_sub(1).and_then(|at| self.starts.get(at)).map(|start| start.epoch)
    }

    /// Where `requested` ended (`LeaderEpochFileCache.endOffsetFor`):
    /// - the newest epoch ends at the log end;
    /// - an older one where the next known epoch begins, and the answer names the greatest epoch not above it;
    /// - one below all known, whose records are gone, keeps its name and ends where the first known begins;
    /// - a newer one than the newest, or any below 0, is undefined.
    pub fn end_offset_for(&self, requested: i32, log_end: i64) -> EpochEnd {
        let Some(latest) = self.latest().filter(|latest| (0..=latest.epoch).contains(&requested)) else {
            return EpochEnd::UNDEFINED;
        };
        if requested == latest.epoch {
            return EpochEnd { epoch: requested, end_offset: log_end };
        }
        let above = self.starts.partition_point(|start| start.epoch <= requested);
        let floor = above.checked_sub(1).and_then(|at| self.starts.get(at));
        let epoch = floor.map_or(requested, |start| start.epoch);
        let end_offset = self.starts.get(above).map_or(log_end, |next| next.start_offset);
        EpochEnd { epoch, end_offset }
    }

    /// Compares a reader's history with ours. `last_fetched_epoch` is the epoch of the last record it has, -1 when it
    /// does not ask; `fetch_offset` the offset after that record.
    pub fn compare(
        &self,
        last_fetched_epoch: i32,
        fetch_offset: i64,
        log_start: i64,
        log_end: i64,
    ) -> History {
        if last_fetched_epoch == -1 {
            return History::Same;
        }
        let end = self.end_offset_for(last_fetched_epoch, log_end);
        if end == EpochEnd::UNDEFINED || fetch_offset < log_start {
            History::OutOfRange
        } else if end.epoch < last_fetched_epoch || end.end_offset < fetch_offset {
            History::Diverging(end)
        } else {
            History::Same
        }
    }

    /// Records below `log_start` are gone: the epoch that holds it begins there now, older ones are forgotten.
    pub fn trim_start(&mut self, log_start: i64) {
        let after = self.starts.partition_point(|start| start.start_offset <= log_start);
        if let Some(holds) = after.checked_sub(1) {
            self.starts.drain(..holds);
            if let Some(first) = self.starts.first_mut() {
                first.start_offset = log_start;
            }
        }
    }

    /// Asserts what must hold after each step.
    pub fn check_invariants(&self) {
        let rising = |pair: &[EpochStart]| {
            pair[0].epoch < pair[1].epoch && pair[0].start_offset < pair[1].start_offset
        };
        assert!(self.starts.windows(2).all(rising), "leader epochs and their starts rise: {:?}", self.starts);
        assert!(self.starts.first().is_none_or(|first| first.epoch >= 0 && first.start_offset >= 0));
    }

    /// Records from `log_end` on are gone, and with them the epochs that began there.
    pub fn truncate_to(&mut self, log_end: i64) {
        let kept = self.starts.partition_point(|start| start.start_offset < log_end);
        self.starts.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn epochs(starts: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        starts.iter().for_each(|(epoch, start)| epochs.assign(*epoch, *start));
        epochs
    }

    fn listed(epochs: &Epochs) -> Vec<(i32, i64)> {
        epochs.starts().iter().map(|start| (start.epoch, start.start_offset)).collect()
    }

    #[test]
    fn end_offsets_as_kafka_gives_them() {
        let known = epochs(&[(2, 10), (3, 20), (7, 30)]);
        let cells = [
            (-1, (-1, -1)),
            (-2, (-1, -1)),
            (0, (0, 10)),
            (1, (1, 10)),
            (2, (2, 20)),
            (3, (3, 30)),
            (4, (3, 30)),
            (6, (3, 30)),
            (7, (7, 45)),
            (8, (-1, -1)),
            (i32::MAX, (-1, -1)),
        ];
        for (requested, (epoch, end_offset)) in cells {
            assert_eq!(
                known.end_offset_for(requested, 45),
                EpochEnd { epoch, end_offset },
                "epoch {requested}"
            );
        }
        assert_eq!(Epochs::default().end_offset_for(0, 45), EpochEnd::UNDEFINED);
    }

    #[test]
    fn assigning() {
        type Entries = Vec<(i32, i64)>;
        let cells: Vec<(Entries, Entries)> = vec![
            (vec![(1, 0), (2, 5)], vec![(1, 0), (2, 5)]),
            // The same epoch again does not move forward.
            (vec![(1, 0), (1, 5)], vec![(1, 0)]),
            // It moves back if the log was cut.
            (vec![(1, 5), (1, 3)], vec![(1, 3)]),
            // An epoch that wrote nothing is replaced.
            (vec![(1, 0), (2, 5), (3, 5), (4, 5)], vec![(1, 0), (4, 5)]),
            // What contradicts the new entry goes.
            (vec![(1, 0), (5, 10), (6, 20), (4, 30)], vec![(1, 0), (4, 30)]),
            (vec![(1, 0), (2, 10), (3, 20), (4, 5)], vec![(1, 0), (4, 5)]),
            (vec![(-1, 0), (1, -1)], vec![]),
        ];
        for (assigned, left) in cells {
            assert_eq!(listed(&epochs(&assigned)), left, "{assigned:?}");
        }
    }

    #[test]
    fn trimming_keeps_the_epoch_that_holds_the_start() {
        let cells: [(i64, &[(i32, i64)]); 6] = [
            (9, &[(2, 10), (3, 20), (7, 30)]),
            (10, &[(2, 10), (3, 20), (7, 30)]),
            (15, &[(2, 15), (3, 20), (7, 30)]),
            (20, &[(3, 20), (7, 30)]),
            (29, &[(3, 29), (7, 30)]),
            (99, &[(7, 99)]),
        ];
        for (start, left) in cells {
            let mut known = epochs(&[(2, 10), (3, 20), (7, 30)]);
            known.trim_start(start);
            assert_eq!(listed(&known), left, "start {start}");
        }
    }

    #[test]
    fn truncating_forgets_epochs_without_records() {
        let cells: [(i64, &[(i32, i64)]); 4] =
            [(31, &[(2, 10), (3, 20), (7, 30)]), (30, &[(2, 10), (3, 20)]), (11, &[(2, 10)]), (10, &[])];
        for (end, left) in cells {
            let mut known = epochs(&[(2, 10), (3, 20), (7, 30)]);
            known.truncate_to(end);
            assert_eq!(listed(&known), left, "end {end}");
        }
    }

    #[test]
    fn histories() {
        let mut known = epochs(&[(2, 10), (3, 20), (7, 30)]);
        known.trim_start(12);
        let diverging = |epoch, end_offset| History::Diverging(EpochEnd { epoch, end_offset });
        let cells = [
            // last fetched epoch, fetch offset, verdict; the log is 12..45
            (-1, 3, History::Same),
            (7, 45, History::Same),
            (7, 46, diverging(7, 45)),
            (3, 30, History::Same),
            (3, 31, diverging(3, 30)),
            (5, 25, diverging(3, 30)),
            (2, 12, History::Same),
            (2, 11, History::OutOfRange),
            (8, 40, History::OutOfRange),
            (-2, 40, History::OutOfRange),
            // The records of that epoch are gone, and what follows them is not in doubt.
            (1, 12, History::Same),
            (1, 13, diverging(1, 12)),
        ];
        for (epoch, offset, verdict) in cells {
            assert_eq!(known.compare(epoch, offset, 12, 45), verdict, "epoch {epoch}, offset {offset}");
        }
    }

    #[test]
    fn fencing() {
        assert_eq!(check_current(-1, 5), Ok(()));
        assert_eq!(check_current(5, 5), Ok(()));
        assert_eq!(check_current(4, 5), Err(EpochMismatch::Fenced));
        assert_eq!(check_current(-2, 5), Err(EpochMismatch::Fenced));
        assert_eq!(check_current(6, 5), Err(EpochMismatch::Unknown));
    }

    proptest! {
        #[test]
        fn stays_in_order_and_agrees_with_epoch_at(
            assigned in prop::collection::vec((0i32..20, 0i64..100), 0..30),
            start in 0i64..100,
            offset in 0i64..100,
        ) {
            let mut known = epochs(&assigned);
            let before = known.epoch_at(offset);
            known.trim_start(start);
            known.check_invariants();
            if offset >= start {
                prop_assert_eq!(known.epoch_at(offset), before);
            }
            if let Some(epoch) = known.epoch_at(offset) {
                let end = known.end_offset_for(epoch, 100);
                prop_assert_eq!(end.epoch, epoch);
                prop_assert!(offset < end.end_offset);
            }
        }
    }
}
