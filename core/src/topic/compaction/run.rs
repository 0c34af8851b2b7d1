//! One run of compaction, step by step.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::keys::KeyOffsets;
use super::plan::{Group, Plan};
use super::{BatchFormat, BatchHeader, RecordView};
use crate::mutant::{Mutant, is_on};
use crate::pieces::Pieces;
use crate::storage::RewriteStep;
use crate::time::WallTime;

/// What does not change during a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When it began: tombstones met now may go `delete_retention_ms` later.
    pub now: WallTime,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// The last offset of each live producer, from `Producers::last_offsets`.
    pub producers: BTreeMap<i64, i64>,
    /// The bytes asked for in one read. A single batch may be larger.
    pub read_bytes: usize,
}

/// What has happened since the last step.
#[derive(Debug)]
pub enum Event {
    /// Nothing yet: begin.
    Begin,
    /// The bytes that a [`Step::Read`] asked for.
    Read(Pieces),
    /// What a [`Step::Rewrite`] asked for is done.
    Rewritten,
}

/// What is to be done next: a storage command of the log, but for its name.
#[derive(Debug, PartialEq)]
pub enum Step {
    Read { from: i64, until: i64, max_bytes: usize },
    Rewrite { segment: i64, last: i64, step: RewriteStep },
    Done(Outcome),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The log holds each key once below `compacted_to`, which the next plan begins with.
    Compacted(Summary),
    /// A batch cannot be read. The log is as good as it was; the partition must not be compacted again before somebody
    /// has looked (Kafka marks it uncleanable).
    Unreadable { offset: i64, reason: String },
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub compacted_to: i64,
    /// The memory for keys was used up: more is left to be done.
    pub keys_full: bool,
    /// Segments written anew, and left alone.
    pub segments_rewritten: usize,
    pub segments_unchanged: usize,
    /// Size of those written anew, before and after.
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub records_dropped: u64,
    /// Of these, how many had no key.
    pub records_without_key: u64,
}

/// A run under way.
#[derive(Debug)]
pub struct Compaction {
    plan: Plan,
    settings: Settings,
    keys: KeyOffsets,
    /// Records below this are in `keys`.
    mapped_end: i64,
    groups: Vec<Group>,
    phase: Phase,
    summary: Summary,
}

#[derive(Debug, PartialEq)]
enum Phase {
    /// Reads the dirty part from `at` on.
    Mapping {
        at: i64,
    },
    /// Reads a group from `at` on, to see whether anything in it changes.
    Scanning {
        group: usize,
        at: i64,
    },
    /// Reads a group from `at` on, and writes what stays.
    Copying {
        group: usize,
        at: i64,
    },
    /// What stays of a group below `at` is being written.
    Keeping {
        group: usize,
        at: i64,
        complete: bool,
    },
    /// The replacement is swapped in.
    Committing {
        group: usize,
    },
    /// The replacement is forgotten, because a batch cannot be read.
    Abandoning {
        offset: i64,
        reason: String,
    },
    Ended,
}

/// What becomes of a batch.
enum Fate {
    Stays,
    Goes,
    Emptied,
    /// Some of its records go, or its tombstones get their horizon.
    Rewritten {
        delete_horizon: Option<i64>,
    },
}

/// A batch that cannot be read.
struct Unreadable {
    offset: i64,
    reason: String,
}

impl Compaction {
    /// A run of `plan`, with room for as many keys as `keys` has.
    pub fn new(plan: Plan, settings: Settings, keys: KeyOffsets) -> Compaction {
        let (at, mapped_end) = (plan.first_dirty, plan.first_dirty);
        Compaction {
            plan,
            settings,
            keys,
            mapped_end,
            groups: Vec::new(),
            phase: Phase::Mapping { at },
            summary: Summary::default(),
        }
    }

    /// Takes what the last step led to and says what to do next. The steps are strictly in turn: each is answered
    /// before the next is asked for; after [`Step::Done`] there is none.
    pub fn next(&mut self, event: Event, format: &mut impl BatchFormat) -> Step {
        let phase = core::mem::replace(&mut self.phase, Phase::Ended);
        let next = match (phase, event) {
            (Phase::Mapping { at }, Event::Begin) => Ok(self.map_on(at)),
            (Phase::Mapping { at }, Event::Read(pieces)) => self.map(at, pieces, format),
            (Phase::Scanning { group, at }, Event::Read(pieces)) => self.scan(group, at, pieces, format),
            (Phase::Copying { group, at }, Event::Read(pieces)) => self.copy(group, at, pieces, format),
            (Phase::Keeping { group, at, complete: false }, Event::Rewritten) => Ok(self.copy_on(group, at)),
            (Phase::Keeping { group, complete: true, .. }, Event::Rewritten) => Ok(self.commit(group)),
            (Phase::Committing { group }, Event::Rewritten) => {
                self.summary.segments_rewritten += 1;
                Ok(self.begin_group(group + 1))
            }
            (Phase::Abandoning { offset, reason }, Event::Rewritten) => {
                Ok(Step::Done(Outcome::Unreadable { offset, reason }))
            }
            (phase, event) => panic!("compaction got {event:?} while {phase:?}"),
        };
        next.unwrap_or_else(|Unreadable { offset, reason }| {
            Step::Done(Outcome::Unreadable { offset, reason })
        })
    }

    /// Ends the run early, or after a step that failed. The step, if any, is a last one whose answer need not be waited
    /// for; after a commit that was carried out it finds nothing to forget.
    pub fn abandon(self) -> Option<Step> {
        let group = match self.phase {
            Phase::Copying { group, .. } | Phase::Keeping { group, .. } | Phase::Committing { group } => {
                group
            }
            Phase::Mapping { .. } | Phase::Scanning { .. } | Phase::Abandoning { .. } | Phase::Ended => {
                return None;
            }
        };
        self.groups.get(group).map(|group| rewrite(group, RewriteStep::Abandon))
    }

    fn map_on(&mut self, at: i64) -> Step {
        self.phase = Phase::Mapping { at };
        Step::Read { from: at, until: self.plan.end, max_bytes: self.settings.read_bytes }
    }

    /// Notes the keys of what was read (`Cleaner.buildOffsetMapForSegment`).
    fn map(&mut self, at: i64, pieces: Pieces, format: &mut impl BatchFormat) -> Result<Step, Unreadable> {
        let mut next = at;
        for (header, batch) in batches(pieces, at, self.plan.end, format)? {
            if !header.is_control && !self.map_batch(&header, &batch, format)? {
                self.summary.keys_full = true;
                return Ok(self.begin_rewriting());
            }
            next = header.last_offset.saturating_add(1);
            self.mapped_end = next;
        }
        if next > at && next < self.plan.end {
            return Ok(self.map_on(next));
        }
        // Where offsets are missing at the end, they are done with too.
        self.mapped_end = self.plan.end;
        Ok(self.begin_rewriting())
    }

    /// False when the keys have no room for all of the batch; `mapped_end` then lies within it.
    fn map_batch(
        &mut self,
        header: &BatchHeader,
        batch: &Bytes,
        format: &mut impl BatchFormat,
    ) -> Result<bool, Unreadable> {
        let (keys, first_dirty) = (&mut self.keys, self.plan.first_dirty);
        let mut full_at = None;
        format
            .visit(batch, &mut |record| {
                if full_at.is_none()
                    && record.offset >= first_dirty
                    && let Some(key) = record.key
                    && !keys.put(key, record.offset)
                {
                    full_at = Some(record.offset);
                }
            })
            .map_err(|reason| Unreadable { offset: header.base_offset, reason })?;
        if let Some(offset) = full_at {
            self.mapped_end = offset;
        }
        Ok(full_at.is_none())
    }

    fn begin_rewriting(&mut self) -> Step {
        self.groups = self.plan.groups(self.mapped_end);
        self.begin_group(0)
    }

    fn begin_group(&mut self, index: usize) -> Step {
        let Some(group) = self.groups.get(index) else {
            self.summary.compacted_to = self.mapped_end;
            return Step::Done(Outcome::Compacted(self.summary));
        };
        let at = group.first.max(self.plan.log_start);
        if group.first == group.last {
            self.phase = Phase::Scanning { group: index, at };
            self.read(group.end, at)
        } else {
            self.copy_on(index, at)
        }
    }

    fn read(&self, until: i64, from: i64) -> Step {
        Step::Read { from, until, max_bytes: self.settings.read_bytes }
    }

    fn copy_on(&mut self, index: usize, at: i64) -> Step {
        let until = self.groups.get(index).map_or(at, |group| group.end);
        self.phase = Phase::Copying { group: index, at };
        self.read(until, at)
    }

    /// Looks for a reason to write a segment anew.
    fn scan(
        &mut self,
        index: usize,
        at: i64,
        pieces: Pieces,
        format: &mut impl BatchFormat,
    ) -> Result<Step, Unreadable> {
        let Some(group) = self.groups.get(index).copied() else { return Ok(self.begin_group(index)) };
        let mut next = at;
        for (header, batch) in batches(pieces, at, group.end, format)? {
            if !matches!(self.fate(&header, &batch, format, &mut Summary::default())?, Fate::Stays) {
                return Ok(self.copy_on(index, group.first.max(self.plan.log_start)));
            }
            next = header.last_offset.saturating_add(1);
        }
        if next > at && next < group.end {
            self.phase = Phase::Scanning { group: index, at: next };
            return Ok(self.read(group.end, next));
        }
        self.summary.segments_unchanged += 1;
        Ok(self.begin_group(index + 1))
    }

    /// Copies what stays of what was read.
    fn copy(
        &mut self,
        index: usize,
        at: i64,
        pieces: Pieces,
        format: &mut impl BatchFormat,
    ) -> Result<Step, Unreadable> {
        let Some(group) = self.groups.get(index).copied() else { return Ok(self.begin_group(index)) };
        match self.copied(&group, at, pieces, format) {
            Ok((next, kept)) => {
                let complete = next == at || next >= group.end;
                self.summary.bytes_after += kept.len() as u64;
                Ok(match (kept.is_empty(), complete) {
                    (true, false) => self.copy_on(index, next),
                    (true, true) => self.commit(index),
                    (false, complete) => {
                        self.phase = Phase::Keeping { group: index, at: next, complete };
                        rewrite(&group, RewriteStep::Keep(kept))
                    }
                })
            }
            Err(Unreadable { offset, reason }) => {
                self.phase = Phase::Abandoning { offset, reason };
                Ok(rewrite(&group, RewriteStep::Abandon))
            }
        }
    }

    /// The batches that stay, and where to read on.
    fn copied(
        &mut self,
        group: &Group,
        at: i64,
        pieces: Pieces,
        format: &mut impl BatchFormat,
    ) -> Result<(i64, Pieces), Unreadable> {
        let (mut next, mut kept) = (at, Pieces::new());
        let mut summary = self.summary;
        for (header, batch) in batches(pieces, at, group.end, format)? {
            summary.bytes_before += batch.len() as u64;
            let unreadable = |reason| Unreadable { offset: header.base_offset, reason };
            match self.fate(&header, &batch, format, &mut summary)? {
                Fate::Stays => kept.push(batch),
                Fate::Goes => {}
                Fate::Emptied => kept.push(format.emptied(&batch).map_err(unreadable)?),
                Fate::Rewritten { delete_horizon } => {
                    let mut keep = |record: RecordView<'_>| self.stays(&header, &record);
                    kept.push(format.rewrite(&batch, delete_horizon, &mut keep).map_err(unreadable)?);
                }
            }
            next = header.last_offset.saturating_add(1);
        }
        self.summary = summary;
        Ok((next, kept))
    }

    fn commit(&mut self, index: usize) -> Step {
        let Some(group) = self.groups.get(index).copied() else { return self.begin_group(index) };
        self.phase = Phase::Committing { group: index };
        rewrite(&group, RewriteStep::Commit)
    }

    /// Decides about a batch (`Cleaner.cleanInto`, `MemoryRecords.filterTo`).
    fn fate(
        &self,
        header: &BatchHeader,
        batch: &Bytes,
        format: &mut impl BatchFormat,
        summary: &mut Summary,
    ) -> Result<Fate, Unreadable> {
        if header.is_control {
            return Ok(Fate::Stays);
        }
        let (mut all, mut kept, mut kept_tombstone) = (0u64, 0u64, false);
        format
            .visit(batch, &mut |record| {
                all += 1;
                if self.stays(header, &record) {
                    kept += 1;
                    kept_tombstone |= !record.has_value;
                } else if record.key.is_none() {
                    summary.records_without_key += 1;
                }
            })
            .map_err(|reason| Unreadable { offset: header.base_offset, reason })?;
        summary.records_dropped += all - kept;
        let delete_horizon = match header.delete_horizon {
            None if kept_tombstone => {
                Some(self.settings.now.0.saturating_add(self.settings.delete_retention_ms))
            }
            None | Some(_) => None,
        };
        Ok(match (all, kept) {
            (_, 0) if !self.must_remain(header) => Fate::Goes,
            (1.., 0) => Fate::Emptied,
            _ if kept == all && delete_horizon.is_none() => Fate::Stays,
            _ => Fate::Rewritten { delete_horizon },
        })
    }

    /// Whether the batch stays even without records: it holds the last sequence of its producer, or the last offset of the
    /// part that is compacted.
    fn must_remain(&self, header: &BatchHeader) -> bool {
        let is_last_of_producer = header.producer_id >= 0
            && self.settings.producers.get(&header.producer_id) == Some(&header.last_offset);
        is_last_of_producer || header.last_offset.saturating_add(1) == self.plan.end
    }

    /// Whether a record stays (`Cleaner.shouldRetainRecord`).
    fn stays(&self, header: &BatchHeader, record: &RecordView<'_>) -> bool {
        if record.offset >= self.mapped_end {
            return true;
        }
        let Some(key) = record.key else { return false };
        let dropped = i64::from(is_on(Mutant::CompactionDropsLastRecord));
        let is_last = self.keys.last(key).is_none_or(|last| record.offset >= last + dropped);
        let is_expired =
            !record.has_value && header.delete_horizon.is_some_and(|horizon| horizon <= self.settings.now.0);
        is_last && !is_expired
    }
}

fn rewrite(group: &Group, step: RewriteStep) -> Step {
    Step::Rewrite { segment: group.first, last: group.last, step }
}

/// The batches of one read with their headers: those that end at or after `from` and begin before `until`.
fn batches(
    pieces: Pieces,
    from: i64,
    until: i64,
    format: &impl BatchFormat,
) -> Result<Vec<(BatchHeader, Bytes)>, Unreadable> {
    let (mut found, mut at) = (Vec::new(), from);
    // A batch may lie in several pieces, if it is still in the engine's memory.
    let mut run = pieces.concat();
    while let Some(batch) = format.cut(&mut run).map_err(|reason| Unreadable { offset: at, reason })? {
        let header = format.header(&batch).map_err(|reason| Unreadable { offset: at, reason })?;
        if header.last_offset >= at && header.base_offset < until {
            at = header.last_offset.saturating_add(1);
            found.push((header, batch));
        }
    }
    Ok(found)
}
