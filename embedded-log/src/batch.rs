//! The little that the log knows of record batches: where one ends, which offsets and times it holds, and whether its
//! bytes are those that were written. Layout: the 61-byte header of format v2 (`DefaultRecordBatch`), big-endian.

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;

/// Size of the fixed part of a batch, in bytes.
pub const HEADER_LEN: usize = 61;
/// Bytes before those that the length field counts.
const LENGTH_END: usize = 12;
/// First byte that the checksum covers.
const CHECKED_FROM: usize = 21;

/// What the log reads in the header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record; kept by compaction even when that record is gone.
    pub last_offset: i64,
    /// The whole batch in bytes, header included.
    pub size: usize,
    /// Epoch of the leader that stamped it.
    pub leader_epoch: i32,
    /// Greatest timestamp in it, -1 for none.
    pub max_timestamp: i64,
    /// CRC-32C of everything from the attributes on, as stored.
    pub crc: u32,
}

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does; this many are needed from its start.
    #[error("batch is cut: {needed} bytes are needed")]
    Cut { needed: usize },
    /// The header says something no batch can say.
    #[error("not a batch: {0}")]
    Header(&'static str),
    /// It is whole, but its place is another.
    #[error("its offset or leader epoch is not what its neighbours leave for it")]
    Misplaced,
    /// The bytes are not those that were written.
    #[error("checksum does not match")]
    Checksum,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. The rest of the batch need not be there.
    pub fn read(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(BatchError::Cut { needed: HEADER_LEN });
        };
        let base_offset = i64::from_be_bytes(field(header, 0));
        let length = i32::from_be_bytes(field(header, 8));
        let delta = i32::from_be_bytes(field(header, 23));
        if header[16] != 2 {
            return Err(BatchError::Header("format is not v2"));
        }
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH_END));
        let Some(size) = size.filter(|size| *size >= HEADER_LEN) else {
            return Err(BatchError::Header("impossible length"));
        };
        if base_offset < 0 || delta < 0 {
            return Err(BatchError::Header("negative offset"));
        }
        let Some(last_offset) = base_offset.checked_add(i64::from(delta)).filter(|last| *last < i64::MAX)
        else {
            return Err(BatchError::Header("offset out of range"));
        };
        Ok(BatchHeader {
            base_offset,
            last_offset,
            size,
            leader_epoch: i32::from_be_bytes(field(header, 12)),
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            crc: u32::from_be_bytes(field(header, 17)),
        })
    }

    /// Reads the whole batch at the start of `bytes` and verifies its checksum.
    pub fn verify(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let header = BatchHeader::read(bytes)?;
        let Some(batch) = bytes.get(..header.size) else {
            return Err(BatchError::Cut { needed: header.size });
        };
        match checksum([batch.get(CHECKED_FROM..).unwrap_or_default()]) == header.crc {
            true => Ok(header),
            false if is_on(Mutant::TornTailServed) => Ok(header),
            false => Err(BatchError::Checksum),
        }
    }

    /// The offset after its last record.
    pub fn end_offset(&self) -> i64 {
        self.last_offset.saturating_add(1)
    }
}

/// What comes before a batch in its log. Base offset and leader epoch lie outside a batch's checksum, since they are written
/// when it is stored, so that only its neighbours tell whether they are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The least offset that may follow.
    pub offset: i64,
    /// The epoch of what came before, if that is known.
    pub epoch: Option<i32>,
}

impl Before {
    /// Nothing but an offset is known.
    pub fn offset(offset: i64) -> Before {
        Before { offset, epoch: None }
    }

    /// Before what follows this batch.
    pub fn after(header: &BatchHeader) -> Before {
        Before { offset: header.end_offset(), epoch: Some(header.leader_epoch) }
    }

    /// Whether a batch is just what follows as a rule: no offset is missing, the leader is the same.
    pub fn continues_with(&self, header: &BatchHeader) -> bool {
        header.base_offset == self.offset && self.epoch == Some(header.leader_epoch)
    }

    /// Whether the batch after this one shows that this one's offset or epoch was changed: it begins where this one would
    /// end if it were moved to its place, or both neighbours have the same epoch.
    pub fn is_belied(&self, header: &BatchHeader, next: &BatchHeader) -> bool {
        let offsets = header.end_offset().saturating_sub(header.base_offset);
        let moved =
            next.base_offset < header.end_offset() && next.base_offset == self.offset.saturating_add(offsets);
        let strange = header.leader_epoch != next.leader_epoch && self.epoch == Some(next.leader_epoch);
        moved || strange
    }
}

fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.iter_mut().zip(header.iter().skip(at)).for_each(|(to, from)| *to = *from);
    value
}

/// CRC-32C of several slices one after the other.
pub fn checksum<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    parts.into_iter().for_each(|part| digest.update(part));
    digest.finalize() as u32
}

/// The batches of `pieces` in order, each with the position of its first byte. Ends after the first error.
pub fn batches(pieces: &Pieces) -> Batches<'_> {
    Batches { parts: pieces.as_slice(), part: 0, within: 0, at: 0, left: pieces.len() }
}

/// Made by [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    parts: &'a [Bytes],
    part: usize,
    within: usize,
    at: usize,
    left: usize,
}

impl Batches<'_> {
    /// The next header: as a rule it lies in one part, else it is gathered.
    fn header(&self) -> Result<BatchHeader, BatchError> {
        let rest = self.parts.get(self.part).and_then(|part| part.get(self.within..)).unwrap_or_default();
        if rest.len() >= HEADER_LEN {
            return BatchHeader::read(rest);
        }
        let mut gathered = [0u8; HEADER_LEN];
        let later = self.parts.iter().skip(self.part + 1).flat_map(|part| part.iter());
        let filled = gathered.iter_mut().zip(rest.iter().chain(later)).map(|(to, from)| *to = *from).count();
        BatchHeader::read(gathered.get(..filled).unwrap_or_default())
    }

    fn skip(&mut self, mut len: usize) {
        self.at += len;
        self.left -= len;
        while let Some(part) = self.parts.get(self.part) {
            let rest = part.len() - self.within;
            if len < rest {
                self.within += len;
                return;
            }
            len -= rest;
            self.part += 1;
            self.within = 0;
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<(usize, BatchHeader), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let header = match self.header() {
            Ok(header) if header.size <= self.left => header,
            Ok(header) => {
                self.left = 0;
                return Some(Err(BatchError::Cut { needed: header.size }));
            }
            Err(error) => {
                self.left = 0;
                return Some(Err(error));
            }
        };
        let at = self.at;
        self.skip(header.size);
        Some(Ok((at, header)))
    }
}

/// The bytes `from..until` of `pieces`, without copying.
pub fn slice(pieces: &Pieces, from: usize, until: usize, into: &mut Pieces) {
    let mut at = 0;
    for part in pieces {
        let (start, end) = (from.max(at), until.min(at + part.len()));
        if start < end {
            into.push(part.slice(start - at..end - at));
        }
        at += part.len();
    }
}
