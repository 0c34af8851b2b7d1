//! Writes one frame, leaving large byte strings where they are.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::error::{EncodeError, EncodeErrorKind};
use crate::pieces::Pieces;

/// Byte strings of at least this many bytes are not copied but become a part of their own: below it a copy is cheaper
/// than another part in the vectored write.
pub const SPLICE_FROM: usize = 256;

/// The frame's length stands in front of it.
const LENGTH_BYTES: usize = 4;

/// Collects one frame. All bytes of ours go into one buffer; large slices of others are remembered with the place
/// they belong to, and the buffer is cut there at the end.
///
/// The position in the buffer is not kept here: each call is told where to put something and answers where that ends.
/// So it stays in a register while the fields of a struct follow one another, which makes writing twice as fast.
#[derive(Debug)]
pub struct Writer {
    /// Zeros behind the position.
    own: Vec<u8>,
    splices: SmallVec<[Splice; 4]>,
    spliced: usize,
}

#[derive(Debug)]
struct Splice {
    at: usize,
    part: Bytes,
}

impl Writer {
    /// Where a frame's header begins.
    pub const START: usize = LENGTH_BYTES;

    /// An empty frame with room for `capacity` bytes of its own.
    pub fn with_capacity(capacity: usize) -> Writer {
        Writer { own: vec![0; capacity.max(LENGTH_BYTES)], splices: SmallVec::new(), spliced: 0 }
    }

    /// Copies `bytes`.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> usize {
        match self.own.get_mut(at..at + N) {
            Some(place) => place.copy_from_slice(&bytes),
            None => self.grown(at, N).copy_from_slice(&bytes),
        }
        at + N
    }

    /// Copies `bytes`.
    #[inline]
    pub fn put_slice(&mut self, at: usize, bytes: &[u8]) -> usize {
        self.room(at, bytes.len()).copy_from_slice(bytes);
        at + bytes.len()
    }

    /// The next `length` bytes, to be written.
    #[inline]
    pub fn room(&mut self, at: usize, length: usize) -> &mut [u8] {
        // Looked up twice because the borrow checker does not see that the first result is gone when growing.
        match self.own.get(at..at + length) {
            Some(_) => &mut self.own[at..at + length],
            None => self.grown(at, length),
        }
    }

    #[cold]
    #[inline(never)]
    fn grown(&mut self, at: usize, length: usize) -> &mut [u8] {
        let end = at + length;
        self.own.resize(end.max(self.own.len() * 2), 0);
        &mut self.own[at..end]
    }

    /// Appends `bytes` without copying them if they are large.
    pub fn put_shared(&mut self, at: usize, bytes: &Bytes) -> usize {
        if bytes.len() < SPLICE_FROM {
            return self.put_slice(at, bytes);
        }
        self.spliced += bytes.len();
        self.splices.push(Splice { at, part: bytes.clone() });
        at
    }

    /// An unsigned varint, least significant group first.
    #[inline]
    pub fn put_varint(&mut self, at: usize, value: u32) -> usize {
        match value {
            0..0x80 => self.put(at, [value as u8]),
            0x80..0x4000 => self.put(at, [value as u8 | 0x80, (value >> 7) as u8]),
            _ => self.put_slice(at, &varint(value)),
        }
    }

    /// The length before bytes, records and arrays; `None` for null.
    #[inline(always)]
    pub fn put_length(
        &mut self,
        at: usize,
        length: Option<usize>,
        flexible: bool,
    ) -> Result<usize, EncodeError> {
        match length {
            Some(short @ 0..0x7f) if flexible => Ok(self.put(at, [short as u8 + 1])),
            _ => self.put_any_length(at, length, flexible),
        }
    }

    fn put_any_length(
        &mut self,
        at: usize,
        length: Option<usize>,
        flexible: bool,
    ) -> Result<usize, EncodeError> {
        Ok(match length.map(i32::try_from) {
            None if flexible => self.put(at, [0]),
            None => self.put(at, (-1i32).to_be_bytes()),
            // One more than an i32 always fits into a u32.
            Some(Ok(length)) if flexible => self.put_varint(at, length as u32 + 1),
            Some(Ok(length)) => self.put(at, length.to_be_bytes()),
            Some(Err(_)) => return Err(too_long(length)),
        })
    }

    /// The length before a string, at most 32,767; `None` for null.
    #[inline]
    pub fn put_string_length(
        &mut self,
        at: usize,
        length: Option<usize>,
        flexible: bool,
    ) -> Result<usize, EncodeError> {
        Ok(match length.map(i16::try_from) {
            None if flexible => self.put(at, [0]),
            None => self.put(at, (-1i16).to_be_bytes()),
            Some(Ok(length)) if flexible => self.put_varint(at, length as u32 + 1),
            Some(Ok(length)) => self.put(at, length.to_be_bytes()),
            Some(Err(_)) => return Err(too_long(length)),
        })
    }

    /// Writes what `content` writes, with its length in bytes as a varint before it.
    ///
    /// The length is put in afterwards: one byte is kept free for it, and content of 128 bytes or more, rare in tagged
    /// fields, is moved to make room. That is cheaper than computing every size before writing.
    pub(crate) fn put_sized(
        &mut self,
        at: usize,
        content: impl FnOnce(&mut Writer, usize) -> Result<usize, EncodeError>,
    ) -> Result<usize, EncodeError> {
        let (splices, spliced) = (self.splices.len(), self.spliced);
        let start = at + 1;
        let end = content(self, start)?;
        let length = end - start + self.spliced - spliced;
        let prefix = match u32::try_from(length) {
            Ok(length) => varint(length),
            Err(_) => return Err(too_long(Some(length))),
        };
        let moved = prefix.len() - 1;
        if moved > 0 {
            self.room(end, moved);
            self.own.copy_within(start..end, start + moved);
            self.splices[splices..].iter_mut().for_each(|splice| splice.at += moved);
        }
        self.put_slice(at, &prefix);
        Ok(end + moved)
    }

    /// The frame that ends at `at` with its length in front, in parts.
    pub fn finish(mut self, at: usize) -> Result<Pieces, EncodeError> {
        let length = at - LENGTH_BYTES + self.spliced;
        let Ok(length) = i32::try_from(length) else {
            return Err(too_long(Some(length)));
        };
        self.put(0, length.to_be_bytes());
        self.own.truncate(at);
        let mut own = Bytes::from(self.own);
        let mut pieces = Pieces::new();
        let mut cut = 0;
        for splice in self.splices {
            pieces.push(own.split_to(splice.at - cut));
            pieces.push(splice.part);
            cut = splice.at;
        }
        pieces.push(own);
        Ok(pieces)
    }
}

#[cold]
fn too_long(length: Option<usize>) -> EncodeError {
    EncodeError::new(EncodeErrorKind::TooLong(length.unwrap_or_default()))
}

/// One to five bytes.
fn varint(mut value: u32) -> SmallVec<[u8; 5]> {
    let mut bytes = SmallVec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
