//! Bytes of a segment came back: batch by batch to whoever waits for them, nothing unverified.

use alloc::format;
use alloc::string::ToString;

use bytes::Bytes;
use kelpgate_core::machine::Level;

use crate::batch::{BatchError, BatchHeader, Before};
use crate::file::{FileError, FileHandle, FileReply};
use crate::log::{Log, storage_error, unexpected};
use crate::outbox::LogOutbox;
use crate::partition::{Cursor, LogKey, PartitionLog};
use crate::read::advance::READ_BYTES;
use crate::read::job::{Job, Verdict, Want};
use crate::read::piece::Piece;
use crate::read::source::end_of_file_part;

/// Offsets that are lost: from the first one on; up to where batches are good again, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) position: u64,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
    pub(super) why: BatchError,
}

/// Where the look at a piece of a segment ended.
enum Ended {
    /// A search found its batch.
    Found(Bytes),
    /// At a batch that is not for the job, and so are those after it.
    Enough { place: usize, before: Before },
    /// At this place in the piece; the batch there, if it began, needs so many bytes.
    At { place: usize, before: Before, needed: usize },
    /// What stands there is no batch, or not the one that was written.
    Damaged { lost: Lost, before: Before },
}

/// Bytes asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) segment: i64,
    pub(crate) at: u64,
    /// What stands before them.
    pub(crate) before: Before,
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
        let Asked { segment, at, before, len, version } = asked;
        self.reads.charged = self.reads.charged.saturating_sub(len);
        let Some(mut job) = self.reads.jobs.remove(&id) else { return };
        let bytes = match outcome {
            Ok(FileReply::Bytes(bytes)) => bytes,
            Ok(other) => return self.end_job(job, Err(unexpected(&other)), out),
            Err(error) => return self.end_job(job, Err(storage_error(error)), out),
        };
        let found = self.logs.get(&job.log).and_then(|log| Some((log, log.segment(segment)?)));
        let Some((log, found)) = found.filter(|(_, found)| found.version == version && !found.replacing)
        else {
            // The segment was replaced meanwhile, or is gone.
            return self.advance(id, job, out);
        };
        let (limit, follows) = end_of_file_part(log, found);
        // A file shorter than it should be ends where it ends.
        let left = if bytes.len() < len { bytes.len() as u64 } else { limit.saturating_sub(at) };
        let short = bytes.len() < len;
        let piece = Piece { bytes: &bytes, left, end_offset: found.info.end_offset };
        if let Want::Index { .. } = job.want {
            return self.index_piece(id, job, segment, &piece, out);
        }
        let cursor = |position, before, offset| Cursor { segment, version, position, before, offset };
        match look(&mut job, &piece, at, before) {
            Ended::Found(batch) => {
                let reply = job.want.one(batch);
                self.end_job(job, Ok(reply), out);
            }
            Ended::Enough { place, before } => {
                job.cursor = Some(cursor(at + place as u64, before, job.next));
                job.next = job.until;
                self.advance(id, job, out);
            }
            Ended::At { place, .. } if short => {
                let why = BatchError::Header("the file is shorter than it was");
                let lost = Lost { position: at + place as u64, from: job.next, until: None, why };
                self.damaged(id, job, segment, lost, out);
            }
            Ended::At { place, before, needed } => {
                let position = at + place as u64;
                job.needed = needed;
                match position >= limit {
                    true => job.next = job.next.max(follows),
                    false => job.cursor = Some(cursor(position, before, job.next)),
                }
                self.advance(id, job, out);
            }
            // Good batches may begin again where this piece does not reach.
            Ended::Damaged { lost, before }
                if lost.until.is_none() && len < READ_BYTES && at + (len as u64) < limit =>
            {
                job.needed = READ_BYTES;
                job.cursor = Some(cursor(lost.position, before, job.next));
                self.advance(id, job, out);
            }
            Ended::Damaged { lost, before: _ } => self.damaged(id, job, segment, lost, out),
        }
    }

    /// A job came to what is lost: it is fenced; a search goes around it.
    pub(super) fn damaged(&mut self, id: u64, mut job: Job, segment: i64, lost: Lost, out: &mut LogOutbox) {
        let until = self.fence(job.log, segment, lost, out);
        match &job.want {
            Want::Read { .. } => self.at_damage(job, lost.from..until, lost.why.to_string(), out),
            Want::Time { .. } | Want::Max { .. } => {
                job.next = job.next.max(until);
                self.advance(id, job, out);
            }
            Want::Index { .. } => self.finish(job, out),
        }
    }

    /// Fences what is lost and says so, if it was not known. Gives the first offset after it: where that is not known,
    /// everything up to the next block of the index, or to the end of the segment, is lost.
    pub(super) fn fence(&mut self, key: LogKey, segment: i64, lost: Lost, out: &mut LogOutbox) -> i64 {
        let Lost { position, from, until, why } = lost;
        let Some(log) = self.logs.get_mut(&key) else { return from + 1 };
        let until = until.unwrap_or_else(|| next_known(log, segment, position, from)).max(from + 1);
        let known = log.damage_from(from).is_some_and(|range| range.from <= from && until <= range.until);
        if !known {
            log.fence(from, until);
            let text = format!("log {}: segment {segment} is damaged at byte {position}: {why}", log.id);
            out.note(Level::Error, format!("{text}; offsets {from} to {} are not served", until - 1));
        }
        until
    }
}

/// The first offset after `from` that is known to have a place of its own.
fn next_known(log: &PartitionLog, segment: i64, position: u64, from: i64) -> i64 {
    let Some(segment) = log.segment(segment) else { return from + 1 };
    let mut after = segment.index.blocks().iter();
    let after = after.find(|block| block.position > position && block.base_offset > from);
    after.map_or(segment.info.end_offset, |block| block.base_offset)
}

/// Goes through a piece of a segment that starts at byte `at`, with that before it.
fn look(job: &mut Job, piece: &Piece<'_>, at: u64, mut before: Before) -> Ended {
    let (mut place, mut seen) = (0, false);
    let mut run: Option<(usize, usize)> = None;
    let ended = loop {
        if place >= piece.bytes.len() {
            break Ended::At { place, before, needed: 0 };
        }
        let header = piece.header(place, &before);
        if let Ok(header) = &header
            && job.is_past(header)
        {
            (place, before, seen) = (place + header.size, Before::after(header), true);
            continue;
        }
        let why = match header.and_then(|header| consider(job, &header, piece.rest(place))) {
            Ok((header, verdict)) => {
                let end = place + header.size;
                match verdict {
                    Verdict::Enough => break Ended::Enough { place, before },
                    Verdict::TakeLast => {
                        let batch = piece.bytes.get(place..end).unwrap_or_default();
                        break Ended::Found(Bytes::copy_from_slice(batch));
                    }
                    Verdict::Take => run = Some((run.map_or(place, |(start, _)| start), end)),
                    Verdict::Pass => {}
                }
                job.passed(&header);
                (place, before, seen) = (end, Before::after(&header), true);
                continue;
            }
            Err(BatchError::Cut { needed }) => break Ended::At { place, before, needed },
            Err(why) => why,
        };
        match piece.next_good(place + 1, before.offset) {
            // What is lost lies before what the job is after.
            Some((good, header)) if header.base_offset <= job.next => {
                (place, before) = (good, Before::offset(header.base_offset))
            }
            good => {
                let from = if seen { before.offset.min(job.next) } else { job.next };
                let until = good.map(|(_, header)| header.base_offset);
                let lost = Lost { position: at + place as u64, from, until, why };
                break Ended::Damaged { lost, before };
            }
        }
    };
    if let (Some((start, end)), Want::Read { found, .. }) = (run, &mut job.want) {
        found.push(part_of(piece.bytes, start, end));
    }
    ended
}

/// What to do with a batch, once its bytes are verified. Nothing is believed of one that is not.
fn consider(job: &Job, header: &BatchHeader, bytes: &[u8]) -> Result<(BatchHeader, Verdict), BatchError> {
    let verdict = job.judge(header);
    let begun = matches!(&job.want, Want::Read { started: true, .. });
    if verdict == Verdict::Enough && begun {
        return Ok((*header, verdict));
    }
    Ok((BatchHeader::verify(bytes)?, verdict))
}

/// A small part of a large piece would keep all of it in memory, so it is copied.
fn part_of(piece: &Bytes, start: usize, end: usize) -> Bytes {
    match (end - start) * 2 < piece.len() {
        true => Bytes::copy_from_slice(piece.get(start..end).unwrap_or_default()),
        false => piece.slice(start..end),
    }
}
