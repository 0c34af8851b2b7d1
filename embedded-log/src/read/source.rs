//! Where the next batches of a read are.

use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::StorageReply;

use crate::batch::{self, Before};
use crate::partition::{Cursor, PartitionLog, Segment};
use crate::read::job::{Job, Verdict, Want};

/// Where the next batches of a job are.
pub(super) enum Source {
    /// There are none of interest.
    End,
    /// The job went on without looking at batches; ask again.
    Skipped,
    /// In memory.
    Memory,
    /// In a file, within these bytes.
    File(Place),
    /// Somewhere in a segment whose index is not known.
    Unindexed { segment: i64 },
    /// In a segment that is just being replaced.
    Replacing { segment: i64 },
    /// In a damaged range.
    Damaged { from: i64, until: i64 },
}

/// Where in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) segment: i64,
    pub(super) position: u64,
    /// What stands before that position.
    pub(super) before: Before,
    pub(super) limit: u64,
}

/// Finds out, skipping what is of no interest.
pub(super) fn source(log: &PartitionLog, job: &mut Job) -> Source {
    if let Want::Index { segment, until, at, before, .. } = &job.want {
        let found = log.segment(*segment);
        let wanted = found.is_some_and(|found| !found.replacing && found.index.known_from() == *until);
        return match wanted && at < until {
            true => Source::File(Place { segment: *segment, position: *at, before: *before, limit: *until }),
            false => Source::End,
        };
    }
    if job.next >= job.until {
        return Source::End;
    }
    if let Some(fenced) = fenced(log, job) {
        return fenced;
    }
    let Some(segment) = log.segment_for(job.next) else { return Source::End };
    if log.tail.first().is_some_and(|first| first.base_offset <= job.next) {
        return Source::Memory;
    }
    if let Some(skipped) = skip_by_index(segment, job) {
        return skipped;
    }
    let name = segment.info.base_offset;
    if segment.replacing {
        return Source::Replacing { segment: name };
    }
    let Some((position, before)) =
        known_position(log, segment, job).or_else(|| indexed_position(segment, job.next))
    else {
        return Source::Unindexed { segment: name };
    };
    let (limit, follows) = end_of_file_part(log, segment);
    if position >= limit {
        job.next = job.next.max(follows);
        return Source::Skipped;
    }
    Source::File(Place { segment: name, position, before, limit })
}

/// Where the next batch is, if this read or the one before it has just been there.
fn known_position(log: &PartitionLog, segment: &Segment, job: &Job) -> Option<(u64, Before)> {
    let (name, version) = (segment.info.base_offset, segment.version);
    let here = |cursor: &Cursor| (cursor.segment, cursor.version, cursor.offset) == (name, version, job.next);
    [job.cursor, log.resume].into_iter().flatten().find(here).map(|cursor| (cursor.position, cursor.before))
}

/// Where the block begins that has the next batch. `None` if nobody has looked at that part of the segment yet.
fn indexed_position(segment: &Segment, offset: i64) -> Option<(u64, Before)> {
    let block = segment.index.find(offset)?;
    Some(match segment.index.blocks().get(block) {
        Some(block) => (block.position, block.before()),
        None => (segment.written, Before::offset(segment.info.base_offset)),
    })
}

/// Bytes of a segment that are to be read from its file, and the offset that comes after them.
pub(super) fn end_of_file_part(log: &PartitionLog, segment: &Segment) -> (u64, i64) {
    match log.tail.first() {
        Some(first) if first.segment == segment.info.base_offset => (first.position, first.base_offset),
        Some(_) | None => (segment.written, segment.info.end_offset),
    }
}

/// Keeps a read out of damaged ranges; a search goes around them.
fn fenced(log: &PartitionLog, job: &mut Job) -> Option<Source> {
    let range = log.damage_from(job.next)?;
    match &job.want {
        Want::Read { .. } if range.from <= job.next => {
            Some(Source::Damaged { from: job.next, until: range.until })
        }
        Want::Read { .. } => {
            job.until = job.until.min(range.from);
            None
        }
        Want::Time { .. } | Want::Max { .. } if range.from <= job.next => {
            job.next = range.until;
            Some(Source::Skipped)
        }
        Want::Time { .. } | Want::Max { .. } | Want::Index { .. } => None,
    }
}

/// What a search need not see batch by batch.
fn skip_by_index(segment: &Segment, job: &mut Job) -> Option<Source> {
    let info = &segment.info;
    match &mut job.want {
        Want::Read { .. } | Want::Index { .. } => return None,
        Want::Time { at_least, .. } if info.max_timestamp < *at_least => {
            job.next = info.end_offset;
            return Some(Source::Skipped);
        }
        Want::Max { bound, .. } if job.next <= info.base_offset && info.end_offset <= job.until => {
            *bound = (*bound).max(info.max_timestamp);
            job.next = info.end_offset;
            return Some(Source::Skipped);
        }
        Want::Time { .. } | Want::Max { .. } => {}
    }
    let at = segment.index.find(job.next)?;
    let block = segment.index.blocks().get(at)?;
    let end = segment.index.blocks().get(at + 1).map_or(info.end_offset, |next| next.base_offset);
    match &mut job.want {
        Want::Time { at_least, .. } if block.max_timestamp < *at_least => {}
        Want::Max { bound, .. } if job.next <= block.base_offset && end <= job.until => {
            *bound = (*bound).max(block.max_timestamp);
        }
        Want::Time { .. } | Want::Max { .. } | Want::Read { .. } | Want::Index { .. } => return None,
    }
    job.next = job.next.max(end);
    Some(Source::Skipped)
}

/// Goes through the batches in memory. Gives the answer if there is one; else the job is at the end.
pub(super) fn from_memory(log: &PartitionLog, job: &mut Job) -> Option<StorageReply> {
    for recent in log.tail.from(job.next) {
        for (at, header) in batch::batches(&recent.batches).map_while(Result::ok) {
            if job.is_past(&header) {
                continue;
            }
            match job.judge(&header) {
                Verdict::Pass => job.passed(&header),
                Verdict::Take => {
                    if let Want::Read { found, .. } = &mut job.want {
                        batch::slice(&recent.batches, at, at + header.size, found);
                    }
                    job.passed(&header);
                }
                Verdict::TakeLast => {
                    let mut taken = Pieces::new();
                    batch::slice(&recent.batches, at, at + header.size, &mut taken);
                    return Some(job.want.one(taken.concat()));
                }
                Verdict::Enough => {
                    job.next = job.until;
                    return None;
                }
            }
        }
    }
    job.next = job.until;
    None
}
