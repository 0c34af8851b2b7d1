//! What a log's segments hold, found by reading all of them: for when no manifest says so.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::storage::SegmentInfo;

use crate::batch::{BatchError, BatchHeader, Before, HEADER_LEN};
use crate::disk::{Disk, Files};
use crate::file::FileHandle;
use crate::layout::{self, LogFile};
use crate::manifest::DamagedRange;
use crate::recovery::replay::Found;
use crate::recovery::{Doing, RecoveryError};

const PIECE: usize = 1 << 20;

/// Reads all segments of a log.
pub(super) fn log(
    files: &mut Files<'_, impl Disk>,
    log: LogId,
    notes: &mut Vec<(Level, String)>,
) -> Result<Found, RecoveryError> {
    let entries = files.list(layout::log_folder(log)).doing("listing a log")?;
    let mut names: Vec<i64> = (entries.iter())
        .filter_map(|entry| match LogFile::parse(&entry.name) {
            Some(LogFile::Segment(base)) => Some(base),
            Some(LogFile::Index(_) | LogFile::Replacement(_) | LogFile::Snapshot(_)) | None => None,
        })
        .collect();
    names.sort_unstable();
    let mut found = Found::scanned();
    for (at, base) in names.iter().enumerate() {
        let (handle, len) =
            files.open(LogFile::Segment(*base).path(log), false).doing("opening a segment")?;
        let next = names.get(at + 1).copied();
        let mut segment = scan_segment(files, handle, (*base, next.unwrap_or(i64::MAX)), len)?;
        files.close(handle).doing("closing a segment")?;
        if let Some(next) = next {
            segment.info.end_offset = segment.info.end_offset.max(next);
        }
        // At the very end it is the torn tail of a crash, which is cut.
        let torn = next.is_none().then(|| segment.damage.pop_if(|last| last.until.is_none())).flatten();
        if let Some(Damage { position, why, .. }) = torn {
            let level = if why == BatchError::Misplaced { Level::Error } else { Level::Warn };
            let text = format!("log {log}: segment {base} is cut at byte {position} of {len}: {why}");
            notes.push((level, text));
            segment.info.bytes = position;
        }
        for damage in segment.damage {
            let until = damage.until.or(next).unwrap_or(segment.info.end_offset);
            let text = format!("log {log}: segment {base} is damaged at byte {}", damage.position);
            notes.push((Level::Error, format!("{text}: {}; from offset {} on", damage.why, damage.from)));
            if damage.from < until {
                found.damage.push(DamagedRange { from: damage.from, until });
            }
        }
        found.end = segment.info.end_offset;
        found.segments.push(segment.info);
    }
    found.start = found.segments.first().map_or(0, |first| first.base_offset);
    Ok(found)
}

/// Bytes that are no batch, and the offsets lost by it.
struct Damage {
    position: u64,
    from: i64,
    /// `None` if nothing good follows.
    until: Option<i64>,
    why: BatchError,
}

struct Scanned {
    info: SegmentInfo,
    damage: Vec<Damage>,
}

/// Reads a segment batch by batch; where there is none it looks for the next good one. Its offsets are from `base` on and
/// below `end`, where the next segment begins.
fn scan_segment(
    files: &mut Files<'_, impl Disk>,
    handle: FileHandle,
    (base, end): (i64, i64),
    len: u64,
) -> Result<Scanned, RecoveryError> {
    let info = SegmentInfo {
        base_offset: base,
        end_offset: base,
        bytes: len,
        max_timestamp: -1,
        first_timestamp: -1,
    };
    let mut scanned = Scanned { info, damage: Vec::new() };
    let mut window = Window { handle, len, end, lost: false, at: 0, bytes: Bytes::new() };
    let (mut position, mut before) = (0, Before::offset(base));
    let mut first = true;
    while position < len {
        match window.batch(files, position, &before)? {
            Ok(header) => {
                if let Some(last) = scanned.damage.last_mut().filter(|last| last.until.is_none()) {
                    last.until = Some(header.base_offset);
                    window.lost = false;
                }
                if first {
                    scanned.info.first_timestamp = header.max_timestamp;
                    first = false;
                }
                scanned.info.max_timestamp = scanned.info.max_timestamp.max(header.max_timestamp);
                scanned.info.end_offset = header.end_offset();
                before = Before::after(&header);
                position += header.size as u64;
            }
            Err(why) => {
                if !window.lost {
                    let from = scanned.info.end_offset;
                    scanned.damage.push(Damage { position, from, until: None, why });
                    window.lost = true;
                }
                position = window.next_candidate(files, position + 1)?;
            }
        }
    }
    Ok(scanned)
}

/// A piece of a file.
struct Window {
    handle: FileHandle,
    len: u64,
    /// Offsets of its batches are below this; `i64::MAX` in the segment that takes appends.
    end: i64,
    /// What lies before the next batch is no batch.
    lost: bool,
    at: u64,
    bytes: Bytes,
}

impl Window {
    /// The file's bytes from `position` on, `len` of them if there are as many.
    fn slice(
        &mut self,
        files: &mut Files<'_, impl Disk>,
        position: u64,
        len: usize,
    ) -> Result<Bytes, RecoveryError> {
        let end = position.saturating_add(len as u64).min(self.len);
        if position < self.at || end > self.at + self.bytes.len() as u64 {
            let wish = len.max(PIECE).min(usize::try_from(self.len - position).unwrap_or(usize::MAX));
            self.bytes = files.read(self.handle, position, wish).doing("reading a segment")?;
            self.at = position;
        }
        let start = (position - self.at) as usize;
        let end = ((end - self.at) as usize).min(self.bytes.len());
        Ok(self.bytes.slice(start.min(end)..end))
    }

    /// The batch at `position`, verified, if it can follow what is before it.
    fn batch(
        &mut self,
        files: &mut Files<'_, impl Disk>,
        position: u64,
        before: &Before,
    ) -> Result<Result<BatchHeader, BatchError>, RecoveryError> {
        let header = match BatchHeader::read(&self.slice(files, position, HEADER_LEN)?) {
            Ok(header) => header,
            Err(error) => return Ok(Err(error)),
        };
        if header.base_offset < before.offset {
            return Ok(Err(BatchError::Header("it goes back behind the one before")));
        }
        // The offset lies outside the checksum, and a gap behind it hides that it was changed.
        if header.end_offset() > self.end {
            return Ok(Err(BatchError::Header("its offsets are those of another segment")));
        }
        if header.size as u64 > self.len - position {
            return Ok(Err(BatchError::Cut { needed: header.size }));
        }
        if !before.continues_with(&header) {
            let next = self.slice(files, position + header.size as u64, HEADER_LEN)?;
            let belied = match BatchHeader::read(&next) {
                Ok(next) => before.is_belied(&header, &next),
                // Nothing is compacted where appends go, so that no batch there leaves offsets out.
                Err(_) => self.end == i64::MAX && !self.lost && header.base_offset > before.offset,
            };
            if belied {
                return Ok(Err(BatchError::Misplaced));
            }
        }
        Ok(BatchHeader::verify(&self.slice(files, position, header.size)?))
    }

    /// The next position where a batch's format byte is in its place.
    fn next_candidate(&mut self, files: &mut Files<'_, impl Disk>, from: u64) -> Result<u64, RecoveryError> {
        const FORMAT_AT: usize = 16;
        let mut position = from;
        while position + (FORMAT_AT as u64) < self.len {
            let bytes = self.slice(files, position, PIECE / 2)?;
            match bytes.iter().skip(FORMAT_AT).position(|byte| *byte == 2) {
                Some(at) => return Ok(position + at as u64),
                None => position += bytes.len().saturating_sub(FORMAT_AT).max(1) as u64,
            }
        }
        Ok(self.len)
    }
}
