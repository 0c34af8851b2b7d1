//! A piece of a segment's file: which batches are in it, and where good ones begin again after bad bytes.

use bytes::Bytes;

use crate::batch::{BatchError, BatchHeader};

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

    /// The header at a place, if it can be that of a batch whose offsets are `low` or higher. [`BatchError::Cut`] if the
    /// header goes past the piece; the batch may go past it in any case.
    pub(super) fn header(&self, place: usize, low: i64) -> Result<BatchHeader, BatchError> {
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
            self.header(place, low).ok()?;
            let header = BatchHeader::verify(self.rest(place)).ok()?;
            Some((place, header))
        })
    }
}
