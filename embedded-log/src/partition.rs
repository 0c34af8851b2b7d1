//! One log: its segments, and its newest batches in memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, SegmentInfo};

use crate::batch::{self, Before};
use crate::index::Index;
use crate::manifest::{DamagedRange, LogDescription, SnapshotPlace};

/// Names a log for as long as it exists; one deleted and made anew gets another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LogKey(pub(crate) u64);

/// A segment and how much of it has reached its file.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// As the journal has it: `bytes` counts what is still in memory alone.
    pub(crate) info: SegmentInfo,
    /// Bytes written to the file.
    pub(crate) written: u64,
    /// Bytes of the file known to be on disk.
    pub(crate) synced: u64,
    /// The journal group of its last append in this process, 0 for none: until a manifest covers it, a crash would
    /// write these bytes again.
    pub(crate) last_group: u64,
    /// The next checkpoint syncs it.
    pub(crate) in_unsynced: bool,
    /// Its file is just being replaced: nobody may open it.
    pub(crate) replacing: bool,
    /// Counts its files: compaction gives it another.
    pub(crate) version: u32,
    pub(crate) index: Index,
}

impl Segment {
    fn begin(base_offset: i64) -> Segment {
        let info = SegmentInfo {
            base_offset,
            end_offset: base_offset,
            bytes: 0,
            max_timestamp: -1,
            first_timestamp: -1,
        };
        Segment {
            info,
            written: 0,
            synced: 0,
            last_group: 0,
            in_unsynced: false,
            replacing: false,
            version: 0,
            index: Index::default(),
        }
    }

    fn found(info: SegmentInfo) -> Segment {
        let index = Index::unknown_below(info.bytes);
        Segment {
            info,
            written: info.bytes,
            synced: info.bytes,
            last_group: 0,
            in_unsynced: false,
            replacing: false,
            version: 0,
            index,
        }
    }
}

/// Where in a segment's file the batch with an offset, or the next one after it, begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) segment: i64,
    /// Which file of the segment: compaction gives it another.
    pub(crate) version: u32,
    pub(crate) position: u64,
    /// What stands before that position.
    pub(crate) before: Before,
    pub(crate) offset: i64,
}

/// An append kept in memory.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    /// Rises with every append of the shard.
    pub(crate) serial: u64,
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    /// Base offset of the segment it belongs to, and where it starts there.
    pub(crate) segment: i64,
    pub(crate) position: u64,
    /// Bytes of memory it keeps alive.
    pub(crate) charge: usize,
    pub(crate) batches: Pieces,
}

/// The appends in memory, oldest first: some already in their file, some on the way, the rest in the journal alone.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    recents: VecDeque<Recent>,
    clean: usize,
    flushing: usize,
}

impl Tail {
    /// The oldest.
    pub(crate) fn first(&self) -> Option<&Recent> {
        self.recents.front()
    }

    /// Appends from the first one on that ends at or after `offset`.
    pub(crate) fn from(&self, offset: i64) -> impl Iterator<Item = &Recent> {
        let at = self.recents.partition_point(|recent| recent.last_offset < offset);
        self.recents.range(at..)
    }

    /// Those nobody has begun to write, oldest first.
    pub(crate) fn dirty(&self) -> impl Iterator<Item = &Recent> {
        self.recents.range(self.clean + self.flushing..)
    }

    /// Whether some are neither written nor on the way.
    pub(crate) fn has_dirty(&self) -> bool {
        self.clean + self.flushing < self.recents.len()
    }

    fn push(&mut self, recent: Recent) {
        self.recents.push_back(recent);
    }

    /// The next `count` dirty ones are on the way to their file.
    pub(crate) fn begin_flush(&mut self, count: usize) {
        self.flushing = count;
    }

    /// They arrived, or did not. Gives the memory that may be let go from now on.
    pub(crate) fn end_flush(&mut self, arrived: bool) -> usize {
        let count = core::mem::take(&mut self.flushing);
        if !arrived {
            return 0;
        }
        let charge = self.recents.range(self.clean..self.clean + count).map(|recent| recent.charge).sum();
        self.clean += count;
        charge
    }

    /// Lets go of the oldest one if it is that one and already in its file. Gives its memory.
    pub(crate) fn evict(&mut self, serial: u64) -> Evicted {
        match self.recents.front() {
            Some(front) if front.serial != serial => Evicted::Gone,
            None => Evicted::Gone,
            Some(_) if self.clean == 0 => Evicted::NotYet,
            Some(front) => {
                let charge = front.charge;
                self.clean -= 1;
                self.recents.pop_front();
                Evicted::Freed(charge)
            }
        }
    }

    /// Lets go of those that end below `start`, written or not, except for those on the way.
    pub(crate) fn drop_below(&mut self, start: i64) -> Freed {
        let mut freed = Freed::default();
        while let Some(front) = self.recents.front() {
            if front.last_offset >= start || (self.clean == 0 && self.flushing > 0) {
                break;
            }
            match self.clean {
                0 => freed.dirty += front.charge,
                _ => {
                    freed.clean += front.charge;
                    self.clean -= 1;
                }
            }
            self.recents.pop_front();
        }
        freed
    }

    /// Memory of all, as clean and not yet clean.
    pub(crate) fn charges(&self) -> Freed {
        let charge =
            |range: core::ops::Range<usize>| self.recents.range(range).map(|recent| recent.charge).sum();
        Freed { clean: charge(0..self.clean), dirty: charge(self.clean..self.recents.len()) }
    }
}

/// What became of an attempt to let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evicted {
    Freed(usize),
    /// Still to be written.
    NotYet,
    /// Somebody else did.
    Gone,
}

/// Memory let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    pub(crate) clean: usize,
    pub(crate) dirty: usize,
}

/// What the background is doing with the newest batches of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Flush {
    #[default]
    Idle,
    /// Waits in the queue of logs to be written.
    Queued,
    /// Waits for its file to be open.
    Opening,
    /// Bytes are on the way to that segment.
    Writing { segment: i64, bytes: u64 },
}

/// The state of one log.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    pub(crate) id: LogId,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) tail: Tail,
    pub(crate) flush: Flush,
    pub(crate) damage: Vec<DamagedRange>,
    /// Where the last read came to: as a rule the next one begins there, and need not look for it.
    pub(crate) resume: Option<Cursor>,
    pub(crate) snapshot: SnapshotPlace,
}

impl PartitionLog {
    pub(crate) fn empty(id: LogId) -> PartitionLog {
        PartitionLog {
            id,
            start: 0,
            end: 0,
            segments: VecDeque::new(),
            tail: Tail::default(),
            flush: Flush::Idle,
            damage: Vec::new(),
            resume: None,
            snapshot: SnapshotPlace::None,
        }
    }

    pub(crate) fn found(description: LogDescription) -> PartitionLog {
        let first = description.segments.first().map(|segment| segment.base_offset);
        PartitionLog {
            id: description.log,
            start: first.filter(|_| is_on(Mutant::LogStartGoesBack)).unwrap_or(description.start),
            end: description.end,
            segments: description.segments.into_iter().map(Segment::found).collect(),
            tail: Tail::default(),
            flush: Flush::Idle,
            damage: description.damage,
            resume: None,
            snapshot: description.snapshot,
        }
    }

    /// The segment that holds `offset`, or the first one after it.
    pub(crate) fn segment_for(&self, offset: i64) -> Option<&Segment> {
        self.segments.get(self.segments.partition_point(|segment| segment.info.end_offset <= offset))
    }

    /// The segment of that name.
    pub(crate) fn segment_mut(&mut self, base_offset: i64) -> Option<&mut Segment> {
        let at = self.segments.binary_search_by_key(&base_offset, |segment| segment.info.base_offset).ok()?;
        self.segments.get_mut(at)
    }

    /// The segment of that name.
    pub(crate) fn segment(&self, base_offset: i64) -> Option<&Segment> {
        let at = self.segments.binary_search_by_key(&base_offset, |segment| segment.info.base_offset).ok()?;
        self.segments.get(at)
    }

    /// Adds an append that is in the journal, checked before. Gives the memory by which its segment's index grew.
    pub(crate) fn append(&mut self, append: Append, serial: u64, charge: usize, group: u64) -> usize {
        if append.roll
            && is_on(Mutant::RollLosesLastRecord)
            && let Some(full) = self.segments.back_mut()
        {
            full.info.end_offset -= 1;
        }
        if append.roll || self.segments.is_empty() {
            self.segments.push_back(Segment::begin(append.base_offset));
        }
        let Some(segment) = self.segments.back_mut() else { return 0 };
        let (position, indexed) = (segment.info.bytes, segment.index.bytes());
        for (at, header) in batch::batches(&append.batches).map_while(Result::ok) {
            if segment.info.bytes == 0 && at == 0 {
                segment.info.first_timestamp = header.max_timestamp;
            }
            segment.index.add(position + at as u64, &header);
        }
        segment.info.bytes += append.batches.len() as u64;
        segment.info.end_offset = append.last_offset + 1;
        segment.info.max_timestamp = segment.info.max_timestamp.max(append.max_timestamp);
        segment.last_group = group;
        let grown = segment.index.bytes() - indexed;
        self.end = append.last_offset + 1;
        self.tail.push(Recent {
            serial,
            base_offset: append.base_offset,
            last_offset: append.last_offset,
            segment: segment.info.base_offset,
            position,
            charge,
            batches: append.batches,
        });
        grown
    }

    /// Moves the start and drops the segments that lie below it as a whole; gives them.
    pub(crate) fn trim(&mut self, start: i64) -> Vec<Segment> {
        self.start = self.start.max(start);
        self.end = self.end.max(start);
        let start = self.start;
        self.damage.retain(|range| range.until > start);
        let gone = self.segments.iter().take_while(|segment| segment.info.end_offset <= start).count();
        self.segments.drain(..gone).collect()
    }

    /// Puts one segment in place of a run, or nothing if it has no bytes; gives the names of the run. Nobody may open its
    /// file yet.
    pub(crate) fn replace_run(&mut self, info: SegmentInfo, last: i64, index: Index) -> Vec<i64> {
        let run = info.base_offset..=last;
        let first = self.segments.partition_point(|segment| segment.info.base_offset < info.base_offset);
        let version = self.segments.get(first).map_or(0, |segment| segment.version) + 1;
        let replaced =
            self.segments.iter().map(|segment| segment.info.base_offset).filter(|name| run.contains(name));
        let replaced: Vec<i64> = replaced.collect();
        self.segments.retain(|segment| !run.contains(&segment.info.base_offset));
        if info.bytes > 0 {
            let segment = Segment { replacing: true, version, index, ..Segment::found(info) };
            self.segments.insert(first, segment);
        }
        self.damage.retain(|range| range.until <= info.base_offset || range.from >= info.end_offset);
        replaced
    }

    /// The first damaged range that reaches past `offset`.
    pub(crate) fn damage_from(&self, offset: i64) -> Option<DamagedRange> {
        self.damage.iter().find(|range| range.until > offset).copied()
    }

    /// Fences a range, joining it with its neighbours.
    pub(crate) fn fence(&mut self, from: i64, until: i64) {
        let at = self.damage.partition_point(|range| range.from < from);
        self.damage.insert(at, DamagedRange { from, until });
        let mut joined: Vec<DamagedRange> = Vec::with_capacity(self.damage.len());
        for range in self.damage.drain(..) {
            match joined.last_mut() {
                Some(last) if range.from <= last.until => last.until = last.until.max(range.until),
                Some(_) | None => joined.push(range),
            }
        }
        self.damage = joined;
    }

    /// All segments, oldest first.
    pub(crate) fn segment_infos(&self) -> Vec<SegmentInfo> {
        self.segments.iter().map(|segment| segment.info).collect()
    }

    /// The bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.info.bytes).sum()
    }
}
