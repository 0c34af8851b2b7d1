//! A piece of a segment's file: which batches are in it, and where good ones begin again after bad bytes.

use bytes::Bytes;

use crate::batch::{BatchError, BatchHeader, Before, HEADER_LEN};

const PAST_END: BatchError = BatchError::Header("it goes past the end of its segment");
/// Place of the format byte in a batch, and its value.
const FORMAT: (usize, u8) = (16, 2);

/// Bytes of a segment, and what batches in it may say.
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a Bytes,
    /// Bytes of the segment's file from the start of the piece on.
    pub(super) left: u64,
    /// The end offset of the segment.
    pub(super) end_offset: i64,
}

impl Piece<'_> {
    /// Bytes from a place on.
    pub(super) fn rest(&self, place: usize) -> &[u8] {
        self.bytes.get(place..).unwrap_or_default()
    }

    /// The header at a place, if it can be that of a batch which comes after that. [`BatchError::Cut`] if more bytes are
    /// needed to tell; the batch itself may go past the piece in any case.
    pub(super) fn header(&self, place: usize, before: &Before) -> Result<BatchHeader, BatchError> {
        let header = self.plausible(place, before.offset)?;
        let next = place + header.size;
        let has_next = self.left.saturating_sub(next as u64) >= HEADER_LEN as u64;
        if before.continues_with(&header) || !has_next {
            return Ok(header);
        }
        match BatchHeader::read(self.rest(next)) {
            Err(BatchError::Cut { .. }) => Err(BatchError::Cut { needed: header.size + HEADER_LEN }),
            Ok(next) if before.is_belied(&header, &next) => Err(BatchError::Misplaced),
            Ok(_) | Err(_) => Ok(header),
        }
    }

    /// The header at a place, if it can be that of a batch whose offsets are `low` or higher.
    fn plausible(&self, place: usize, low: i64) -> Result<BatchHeader, BatchError> {
        let left = self.left.saturating_sub(place as u64);
        match BatchHeader::read(self.rest(place)) {
            Err(BatchError::Cut { needed }) if needed as u64 > left => Err(PAST_END),
            Err(error) => Err(error),
            Ok(header) if header.size as u64 > left => Err(PAST_END),
            Ok(header) if header.base_offset < low => {
                Err(BatchError::Header("it goes back behind the one before"))
            }
            Ok(header) if header.end_offset() > self.end_offset => {
                Err(BatchError::Header("its offsets are those of another segment"))
            }
            Ok(header) => Ok(header),
        }
    }

    /// The first good batch after bad bytes.
    pub(super) fn next_good(&self, from: usize, low: i64) -> Option<(usize, BatchHeader)> {
        let (format_at, format) = FORMAT;
        let candidates = self.rest(from + format_at).iter().enumerate().filter(|(_, byte)| **byte == format);
        candidates.map(|(at, _)| from + at).find_map(|place| {
            self.plausible(place, low).ok()?;
            let header = BatchHeader::verify(self.rest(place)).ok()?;
            Some((place, header))
        })
    }
}
