//! Record batches in several pieces: their headers are read where they lie, without copying a body.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::record::crc::crc32c_of_two;

/// Size of the fixed part of a batch, in bytes (`DefaultRecordBatch`).
const HEADER_LEN: usize = 61;
/// Bytes before those that the length field counts.
const LENGTH_END: usize = 12;
/// First byte that the checksum covers.
const CHECKED_FROM: usize = 21;

/// What the engine reads in the header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base: i64,
    pub(crate) last: i64,
    pub(crate) max_timestamp: i64,
    /// The whole batch in bytes.
    pub(crate) size: usize,
    crc: u32,
}

fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    header.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

impl Header {
    fn read(header: &[u8; HEADER_LEN]) -> Option<Header> {
        let [magic] = field::<1>(header, 16);
        let length = usize::try_from(i32::from_be_bytes(field(header, 8))).ok()?;
        let size = length.checked_add(LENGTH_END).filter(|size| *size >= HEADER_LEN)?;
        let base = i64::from_be_bytes(field(header, 0));
        let delta = i64::from(i32::from_be_bytes(field(header, 23)));
        let last = base.checked_add(delta)?;
        let orderly = magic == 2 && base >= 0 && delta >= 0 && last < i64::MAX;
        orderly.then_some(Header {
            base,
            last,
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            size,
            crc: u32::from_be_bytes(field(header, 17)),
        })
    }
}

/// A batch where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) bytes: Pieces,
}

impl Found {
    /// Whether its bytes are those that were written.
    pub(crate) fn is_sound(&self) -> bool {
        let whole = self.bytes.as_slice();
        let crc = match whole {
            [only] => crc32c_of_two(only.get(CHECKED_FROM..).unwrap_or_default(), &[]),
            [head, body] if head.len() >= CHECKED_FROM => {
                crc32c_of_two(head.get(CHECKED_FROM..).unwrap_or_default(), body)
            }
            _ => crc32c_of_two(self.bytes.concat().get(CHECKED_FROM..).unwrap_or_default(), &[]),
        };
        crc == self.header.crc
    }
}

/// The batches of some pieces, in order. Ends after an error.
#[derive(Clone, Debug)]
pub(crate) struct Batches<'a> {
    parts: &'a [Bytes],
    /// Where the next one begins within the first part.
    within: usize,
    left: usize,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(pieces: &'a Pieces) -> Batches<'a> {
        Batches { parts: pieces.as_slice(), within: 0, left: pieces.len() }
    }

    fn header(&self) -> Option<Header> {
        let mut gathered = [0u8; HEADER_LEN];
        if self.left < HEADER_LEN {
            return None;
        }
        let bytes = self.parts.iter().flat_map(|part| part.iter()).skip(self.within);
        gathered.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Header::read(&gathered)
    }

    /// Cuts that many bytes off, without copying.
    fn cut(&mut self, mut len: usize) -> Pieces {
        let mut pieces = Pieces::new();
        self.left -= len;
        while let Some((part, rest)) = self.parts.split_first()
            && len > 0
        {
            let end = part.len().min(self.within.saturating_add(len));
            pieces.push(part.slice(self.within..end));
            len -= end - self.within;
            self.within = end;
            if end == part.len() {
                self.parts = rest;
                self.within = 0;
            }
        }
        pieces
    }
}

impl Iterator for Batches<'_> {
    /// Bytes that are no whole batch give an error.
    type Item = Result<Found, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let Some(header) = self.header().filter(|header| header.size <= self.left) else {
            let left = core::mem::take(&mut self.left);
            return Some(Err(format!("the last {left} bytes do not begin with a whole batch")));
        };
        Some(Ok(Found { header, bytes: self.cut(header.size) }))
    }
}

/// First and last offset of batches that follow each other, and max timestamp of the first.
pub(crate) fn bounds(pieces: &Pieces) -> Result<(i64, i64, i64), String> {
    let (mut first, mut last) = (None, -1);
    for found in Batches::new(pieces) {
        let Header { base, last: end, max_timestamp, .. } = found?.header;
        if base <= last {
            return Err(format!("offset {base} after {last}"));
        }
        first = first.or(Some((base, max_timestamp)));
        last = end;
    }
    first.map(|(first, time)| (first, last, time)).ok_or_else(|| "it is empty".into())
}

/// Whether bytes that were read somewhere are whole batches with right checksums.
pub(crate) fn are_sound(pieces: &Pieces) -> bool {
    Batches::new(pieces).all(|found| found.is_ok_and(|found| found.is_sound()))
}

/// Whether two runs of pieces hold the same bytes.
pub(crate) fn same(ours: &Pieces, theirs: &Bytes) -> bool {
    let mut at = 0;
    ours.len() == theirs.len()
        && ours.iter().all(|part| {
            let from = at;
            at += part.len();
            theirs.get(from..at) == Some(&part[..])
        })
}
