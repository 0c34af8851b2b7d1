//! Bytes of a segment came back: batch by batch to whoever waits for them, nothing unverified.

use alloc::format;
use alloc::string::ToString;

use bytes::Bytes;
use kelpgate_core::machine::Level;

use crate::batch::{BatchError, BatchHeader};
use crate::file::{FileError, FileHandle, FileReply};
use crate::log::{Log, storage_error, unexpected};
use crate::outbox::LogOutbox;
use crate::partition::PartitionLog;
use crate::read::job::{Job, Verdict, Want};
use crate::read::source::end_of_file_part;

/// Where the look at a piece of a segment ended.
enum Ended {
    /// The job has what it wants, or there is no more for it. A search gives its batch.
    Done(Option<Bytes>),
    /// At this place in the piece; the batch there, if it began, needs so many bytes.
    At { place: usize, needed: usize },
    /// What stands there is no batch, or not the one that was written.
    Damaged { place: usize, header: Option<BatchHeader>, why: BatchError },
}

/// Bytes asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) segment: i64,
    pub(crate) at: u64,
    pub(crate) len: usize,
    /// Which file of the segment: compaction gives it another.
    pub(crate) version: u32,
}

impl Log {
    pub(crate) fn bytes_read(
        &mut self,
        id: u64,
        handle: FileHandle,
        asked: Asked,
        outcome: Result<FileReply, FileError>,
        out: &mut LogOutbox,
    ) {
        self.files.release(handle);
        let Asked { segment, at, len, version } = asked;
        self.reads.charged = self.reads.charged.saturating_sub(len);
        let Some(mut job) = self.reads.jobs.remove(&id) else { return };
        let piece = match outcome {
            Ok(FileReply::Bytes(piece)) => piece,
            Ok(other) => return self.end_job(job, Err(unexpected(&other)), out),
            Err(error) => return self.end_job(job, Err(storage_error(error)), out),
        };
        let short = piece.len() < len;
        let ended = match &job.want {
            Want::Index { .. } => look_for_index(&mut job, &piece),
            Want::Read { .. } | Want::Time { .. } | Want::Max { .. } => look(&mut job, &piece),
        };
        let found = self.logs.get(&job.log).and_then(|log| log.segment(segment));
        let same_file = found.is_some_and(|found| found.version == version && !found.replacing);
        match ended {
            Ended::Done(None) => self.finish(job, out),
            Ended::Done(Some(batch)) => {
                let reply = job.want.one(batch);
                self.end_job(job, Ok(reply), out);
            }
            Ended::At { .. } | Ended::Damaged { .. } if !same_file => self.advance(id, job, out),
            Ended::At { place, .. } if short => {
                let why = BatchError::Header("the file is shorter than it was");
                self.damaged(id, job, (segment, at + place as u64), None, why, out);
            }
            Ended::At { place, needed } => {
                self.look_further(id, job, (segment, at + place as u64), needed, out)
            }
            Ended::Damaged { place, header, why } => {
                self.damaged(id, job, (segment, at + place as u64), header, why, out);
            }
        }
    }

    /// Goes on at a position of a segment, or after its end.
    fn look_further(
        &mut self,
        id: u64,
        mut job: Job,
        (segment, position): (i64, u64),
        needed: usize,
        out: &mut LogOutbox,
    ) {
        job.needed = needed;
        if let Want::Index { at, until, .. } = &mut job.want {
            *at = position;
            if position.saturating_add(needed as u64) <= *until {
                return self.advance(id, job, out);
            }
            let why = BatchError::Header("it goes past the end of its segment");
            return self.damaged(id, job, (segment, position), None, why, out);
        }
        let found = self.logs.get(&job.log).and_then(|log| Some((log, log.segment(segment)?)));
        if let Some((log, found)) = found {
            let (limit, follows) = end_of_file_part(log, found);
            if position >= limit {
                job.next = job.next.max(follows);
            } else if position.saturating_add(needed as u64) > limit && found.written == limit {
                let why = BatchError::Header("it goes past the end of its segment");
                return self.damaged(id, job, (segment, position), None, why, out);
            } else {
                job.cursor = Some((segment, position));
            }
        }
        self.advance(id, job, out);
    }

    /// Fences what is damaged and says so.
    pub(super) fn damaged(
        &mut self,
        id: u64,
        mut job: Job,
        (segment, position): (i64, u64),
        header: Option<BatchHeader>,
        why: BatchError,
        out: &mut LogOutbox,
    ) {
        let Some(log) = self.logs.get_mut(&job.log) else { return self.advance(id, job, out) };
        let (from, until) = damaged_range(log, &job, (segment, position), header);
        let known = log.damage_from(from).is_some_and(|range| range.from <= from && until <= range.until);
        if !known {
            log.fence(from, until);
            let text = format!("log {}: segment {segment} is damaged at byte {position}: {why}", log.id);
            out.note(Level::Error, format!("{text}; offsets {from} to {} are not served", until - 1));
        }
        match &job.want {
            Want::Read { .. } => self.at_damage(job, from, why.to_string(), out),
            Want::Time { .. } | Want::Max { .. } => {
                job.next = job.next.max(until);
                self.advance(id, job, out);
            }
            Want::Index { .. } => self.finish(job, out),
        }
    }
}

/// The offsets that are lost with a batch. Its header is believed if it fits its surroundings; else everything up to
/// the next block of the index, or to the end of the segment, is lost.
fn damaged_range(
    log: &PartitionLog,
    job: &Job,
    (segment, position): (i64, u64),
    header: Option<BatchHeader>,
) -> (i64, i64) {
    let Some(segment) = log.segment(segment) else { return (job.next, job.next + 1) };
    let blocks = segment.index.blocks();
    let before = blocks.get(blocks.partition_point(|block| block.position <= position).saturating_sub(1));
    let after = blocks.iter().find(|block| block.position > position && block.base_offset > job.next);
    let until = after.map_or(segment.info.end_offset, |block| block.base_offset);
    let low = before.map_or(segment.info.base_offset, |block| block.base_offset);
    match header {
        Some(header)
            if header.base_offset >= low
                && header.last_offset >= job.next
                && header.end_offset() <= until =>
        {
            (header.base_offset.min(job.next), header.end_offset())
        }
        Some(_) | None => {
            let from = match &job.want {
                Want::Index { .. } => {
                    blocks.last().map_or(segment.info.base_offset, |block| block.base_offset)
                }
                Want::Read { .. } | Want::Time { .. } | Want::Max { .. } => job.next,
            };
            (from, until.max(from + 1))
        }
    }
}

/// Goes through a piece of a segment.
fn look(job: &mut Job, piece: &Bytes) -> Ended {
    let mut place = 0;
    let mut run: Option<(usize, usize)> = None;
    let ended = loop {
        let rest = piece.get(place..).unwrap_or_default();
        if rest.is_empty() {
            break Ended::At { place, needed: 0 };
        }
        let header = match BatchHeader::read(rest) {
            Ok(header) => header,
            Err(BatchError::Cut { needed }) => break Ended::At { place, needed },
            Err(why) => break Ended::Damaged { place, header: None, why },
        };
        if header.last_offset < job.next {
            place += header.size;
            continue;
        }
        let verdict = job.judge(&header);
        if verdict == Verdict::Enough {
            break Ended::Done(None);
        }
        match BatchHeader::verify(rest) {
            Ok(_) => {}
            Err(BatchError::Cut { needed }) => break Ended::At { place, needed },
            Err(why) => break Ended::Damaged { place, header: Some(header), why },
        }
        let end = place + header.size;
        job.passed(&header);
        match verdict {
            Verdict::Take => run = Some((run.map_or(place, |(start, _)| start), end)),
            Verdict::TakeLast => {
                break Ended::Done(Some(Bytes::copy_from_slice(piece.get(place..end).unwrap_or_default())));
            }
            Verdict::Pass | Verdict::Enough => {}
        }
        place = end;
    };
    if let (Some((start, end)), Want::Read { found, .. }) = (run, &mut job.want) {
        // A small part of a large piece would keep all of it in memory.
        let small = (end - start) * 2 < piece.len();
        found.push(match small {
            true => Bytes::copy_from_slice(piece.get(start..end).unwrap_or_default()),
            false => piece.slice(start..end),
        });
    }
    ended
}

/// Goes through a piece of a segment for its headers alone.
fn look_for_index(job: &mut Job, piece: &Bytes) -> Ended {
    let Want::Index { at, scanned, .. } = &mut job.want else { return Ended::Done(None) };
    let mut place = 0;
    loop {
        let rest = piece.get(place..).unwrap_or_default();
        if rest.is_empty() {
            return Ended::At { place, needed: 0 };
        }
        match BatchHeader::read(rest) {
            Ok(header) => {
                scanned.add(*at + place as u64, &header);
                place += header.size;
            }
            Err(BatchError::Cut { needed }) => return Ended::At { place, needed },
            Err(why) => return Ended::Damaged { place, header: None, why },
        }
    }
}
