//! Bytes of a journal file.
//!
//! ```text
//! file   = file header (64), group...
//! group  = group header (64), entry...        one write, one sync
//! entry  = entry header (32), payload         one change to one log
//! ```
//!
//! Everything carries a CRC-32C, big-endian like all else. A group names its file and the boot that wrote it, so that
//! what is left of an earlier use of a recycled file, or of a failed write, is never taken for a group; the nonce is
//! drawn at boot, so that nobody who writes records can forge one.

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, SegmentInfo};
use kelpgate_core::uuid::Uuid;

use crate::batch::{self, checksum};
use crate::wire::{Fields, Put};

/// Size of a file header.
pub const FILE_HEADER_LEN: usize = 64;
/// Size of a group header.
pub const GROUP_HEADER_LEN: usize = 64;
/// Size of an entry header.
pub const ENTRY_HEADER_LEN: usize = 32;
/// First bytes of a group.
pub const GROUP_MAGIC: [u8; 4] = *b"KGgr";
const FILE_MAGIC: [u8; 8] = *b"KGjourn1";

const APPEND: u8 = 1;
const TRIM: u8 = 2;
const DELETE: u8 = 3;
const REWRITTEN: u8 = 4;
const ROLL: u8 = 1;
const GAP: u8 = 2;

/// What a journal file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Counts the starts of the node; manifests carry it too.
    pub epoch: u64,
    /// Drawn at that start.
    pub nonce: u64,
    /// Whose journal.
    pub shard: u16,
    /// Of how many.
    pub shards: u16,
    /// Rises with each use of a file by this shard.
    pub number: u64,
}

/// What stands before the entries of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Number of the group, from 1, rising; those of failed writes are never used again.
    pub group: u64,
    /// Number of the group written before, 0 for none.
    pub previous: u64,
    /// All groups up to this one were known to be on disk when this one was written. Whatever is missing among them is
    /// damage; what is missing above is the torn tail of a crash.
    pub durable: u64,
    /// Bytes of entries that follow.
    pub bytes: u64,
    /// How many entries.
    pub entries: u32,
}

/// A change to a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Batches at the end. `gap` says that they start above the end on purpose.
    Append { append: Append, gap: bool },
    /// A new log start offset.
    Trim { start: i64 },
    /// The log is gone.
    Delete,
    /// The replacement of a run of segments is complete and on disk: this is what stands in place of those from the one
    /// of that name through the one named `last`. Nothing does if it has no bytes.
    Rewritten { segment: SegmentInfo, last: i64 },
}

/// A change and the log it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub log: LogId,
    pub change: Change,
}

impl FileHeader {
    /// Bytes of it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put(&FILE_MAGIC);
        out.put_u64(self.epoch);
        out.put_u64(self.nonce);
        out.put_u16(self.shard);
        out.put_u16(self.shards);
        out.put_u64(self.number);
        out.resize(start + FILE_HEADER_LEN - 4, 0);
        let crc = checksum([out.get(start..).unwrap_or_default()]);
        out.put_u32(crc);
    }

    /// Reads it; `None` if these are no header's bytes.
    pub fn decode(bytes: &[u8]) -> Option<FileHeader> {
        let (body, crc) = bytes.get(..FILE_HEADER_LEN)?.split_last_chunk::<4>()?;
        if checksum([body]) != u32::from_be_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(body);
        if fields.bytes::<8>()? != FILE_MAGIC {
            return None;
        }
        Some(FileHeader {
            epoch: fields.u64()?,
            nonce: fields.u64()?,
            shard: fields.u16()?,
            shards: fields.u16()?,
            number: fields.u64()?,
        })
    }
}

impl GroupHeader {
    fn encode(&self, file: &FileHeader, out: &mut Vec<u8>) {
        let start = out.len();
        out.put(&GROUP_MAGIC);
        out.put_u64(file.nonce);
        out.put_u64(file.number);
        out.put_u64(self.group);
        out.put_u64(self.previous);
        out.put_u64(self.durable);
        out.put_u64(self.bytes);
        out.put_u32(self.entries);
        out.resize(start + GROUP_HEADER_LEN - 4, 0);
        let crc = checksum([out.get(start..).unwrap_or_default()]);
        out.put_u32(crc);
    }

    /// Reads the header of a group of that file; `None` if these are no such header's bytes.
    pub fn decode(bytes: &[u8], file: &FileHeader) -> Option<GroupHeader> {
        let (body, crc) = bytes.get(..GROUP_HEADER_LEN)?.split_last_chunk::<4>()?;
        let mut fields = Fields(body);
        let known = fields.bytes::<4>()? == GROUP_MAGIC
            && fields.u64()? == file.nonce
            && fields.u64()? == file.number
            && checksum([body]) == u32::from_be_bytes(*crc);
        if !known {
            return None;
        }
        Some(GroupHeader {
            group: fields.u64()?,
            previous: fields.u64()?,
            durable: fields.u64()?,
            bytes: fields.u64()?,
            entries: fields.u32()?,
        })
    }
}

/// Bytes that an entry takes in a group.
pub fn entry_len(change: &Change) -> usize {
    ENTRY_HEADER_LEN
        + match change {
            Change::Append { append, .. } => append.batches.len(),
            Change::Trim { .. } => 8,
            Change::Delete => 0,
            Change::Rewritten { .. } => 48,
        }
}

/// Bytes of a group, and of the file header before it when the file begins with this group. Batches are not copied.
pub fn encode_group<'a>(
    file: &FileHeader,
    begins_file: bool,
    header: &GroupHeader,
    entries: impl Iterator<Item = &'a Entry> + Clone,
) -> Pieces {
    let mut ours = Vec::with_capacity(FILE_HEADER_LEN + GROUP_HEADER_LEN + header.entries as usize * 48);
    if begins_file {
        file.encode(&mut ours);
    }
    header.encode(file, &mut ours);
    for entry in entries.clone() {
        encode_entry(entry, &mut ours);
    }
    let ours = Bytes::from(ours);
    let mut pieces = Pieces::new();
    let mut from = 0;
    let mut until = if begins_file { FILE_HEADER_LEN } else { 0 } + GROUP_HEADER_LEN;
    for entry in entries {
        until += ENTRY_HEADER_LEN;
        match &entry.change {
            Change::Append { append, .. } => {
                pieces.push(ours.slice(from..until));
                from = until;
                append.batches.iter().for_each(|part| pieces.push(part.clone()));
            }
            other => until += entry_len(other) - ENTRY_HEADER_LEN,
        }
    }
    pieces.push(ours.slice(from..));
    pieces
}

/// Everything of an entry but its batches.
fn encode_entry(entry: &Entry, out: &mut Vec<u8>) {
    let (kind, flags, len) = match &entry.change {
        Change::Append { append, gap } => {
            let roll = if append.roll { ROLL } else { 0 };
            (APPEND, roll | if *gap { GAP } else { 0 }, append.batches.len())
        }
        Change::Trim { .. } => (TRIM, 0, 8),
        Change::Delete => (DELETE, 0, 0),
        Change::Rewritten { .. } => (REWRITTEN, 0, 48),
    };
    let start = out.len();
    out.put_u32(0);
    out.put(&[kind, flags, 0, 0]);
    out.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    out.put(&entry.log.topic.0);
    out.put_i32(entry.log.partition);
    let mut payload: &[Bytes] = &[];
    match &entry.change {
        Change::Append { append, .. } => payload = append.batches.as_slice(),
        Change::Trim { start } => out.put_i64(*start),
        Change::Delete => {}
        Change::Rewritten { segment, last } => {
            encode_segment(segment, out);
            out.put_i64(*last);
        }
    }
    let ours = out.get(start + 4..).unwrap_or_default();
    let crc = checksum(core::iter::once(ours).chain(payload.iter().map(|part| part.as_ref())));
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
}

/// Reads the entry at the start of `bytes` and the bytes it takes. `None` if it is damaged.
pub fn decode_entry(bytes: &Bytes) -> Option<(Entry, usize)> {
    let (crc, kind, flags, len, log) = decode_entry_header(bytes)?;
    let end = ENTRY_HEADER_LEN.checked_add(len)?;
    if checksum([bytes.get(4..end)?]) != crc && !is_on(Mutant::TornTailServed) {
        return None;
    }
    let payload = bytes.slice(ENTRY_HEADER_LEN..end);
    let mut fields = Fields(&payload);
    let change = match kind {
        APPEND => {
            Change::Append { append: decode_append(payload, flags & ROLL != 0)?, gap: flags & GAP != 0 }
        }
        TRIM => Change::Trim { start: fields.i64()? },
        DELETE => Change::Delete,
        REWRITTEN => Change::Rewritten { segment: decode_segment(&mut fields)?, last: fields.i64()? },
        _ => return None,
    };
    Some((Entry { log, change }, end))
}

/// The length of a damaged entry, if its header can still be read: where the next one may be.
pub fn damaged_entry_len(bytes: &[u8]) -> Option<usize> {
    let (_, _, _, len, _) = decode_entry_header(bytes)?;
    ENTRY_HEADER_LEN.checked_add(len)
}

fn decode_entry_header(bytes: &[u8]) -> Option<(u32, u8, u8, usize, LogId)> {
    let mut fields = Fields(bytes);
    let crc = fields.u32()?;
    let (kind, flags) = (fields.u8()?, fields.u8()?);
    fields.u16()?;
    let len = fields.u32()? as usize;
    let log = LogId { topic: Uuid(fields.bytes()?), partition: fields.i32()? };
    Some((crc, kind, flags, len, log))
}

fn decode_append(payload: Bytes, roll: bool) -> Option<Append> {
    describe_batches(Pieces::from(payload), roll)
}

/// An append of these batches, its offsets and time read from them. `None` if they are no batches in offset order.
pub fn describe_batches(batches: Pieces, roll: bool) -> Option<Append> {
    let mut known: Option<(i64, i64, i64)> = None;
    for header in batch::batches(&batches) {
        let (_, header) = header.ok()?;
        let (base, last, time) = known.unwrap_or((header.base_offset, -1, -1));
        if header.base_offset <= last {
            return None;
        }
        known = Some((base, header.last_offset, time.max(header.max_timestamp)));
    }
    let (base_offset, last_offset, max_timestamp) = known?;
    Some(Append { base_offset, last_offset, max_timestamp, roll, durable: true, batches })
}

/// Five numbers.
pub(crate) fn encode_segment(segment: &SegmentInfo, out: &mut Vec<u8>) {
    out.put_i64(segment.base_offset);
    out.put_i64(segment.end_offset);
    out.put_u64(segment.bytes);
    out.put_i64(segment.max_timestamp);
    out.put_i64(segment.first_timestamp);
}

pub(crate) fn decode_segment(fields: &mut Fields<'_>) -> Option<SegmentInfo> {
    Some(SegmentInfo {
        base_offset: fields.i64()?,
        end_offset: fields.i64()?,
        bytes: fields.u64()?,
        max_timestamp: fields.i64()?,
        first_timestamp: fields.i64()?,
    })
}
