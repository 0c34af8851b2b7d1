//! Writes one frame, leaving large byte strings where they are.

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::error::{EncodeError, EncodeErrorKind};
use crate::pieces::Pieces;

/// Byte strings of at least this many bytes are not copied but become a part of their own: below it a copy is cheaper
/// than another part in the vectored write.
pub const SPLICE_FROM: usize = 256;

/// Where the frame's length stands.
const LENGTH_BYTES: usize = 4;

/// Collects one frame. All bytes of ours go into one buffer; large slices of others are remembered with the place
/// they belong to, and the buffer is cut there at the end.
#[derive(Debug)]
pub struct Writer {
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
    /// An empty frame with room for `capacity` bytes of its own.
    pub fn with_capacity(capacity: usize) -> Writer {
        let mut own = Vec::with_capacity(capacity.max(LENGTH_BYTES));
        own.extend_from_slice(&[0; LENGTH_BYTES]);
        Writer { own, splices: SmallVec::new(), spliced: 0 }
    }

    /// Bytes written so far, those of the frame's length included.
    pub fn len(&self) -> usize {
        self.own.len() + self.spliced
    }

    /// Whether nothing is written behind the frame's length.
    pub fn is_empty(&self) -> bool {
        self.len() == LENGTH_BYTES
    }

    /// Copies `bytes`.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
    }

    /// Appends `bytes` without copying them if they are large.
    pub fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SPLICE_FROM {
            return self.put(bytes);
        }
        self.spliced += bytes.len();
        self.splices.push(Splice { at: self.own.len(), part: bytes.clone() });
    }

    /// An unsigned varint, least significant group first.
    #[inline]
    pub fn put_varint(&mut self, value: u32) {
        match value {
            0..0x80 => self.own.push(value as u8),
            _ => self.put(&varint(value)),
        }
    }

    /// The length before bytes, records and arrays; `None` for null.
    #[inline]
    pub fn put_length(&mut self, length: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        let Some(length) = length else {
            if flexible {
                self.own.push(0)
            } else {
                self.put(&(-1i32).to_be_bytes())
            }
            return Ok(());
        };
        match i32::try_from(length) {
            // One more than an i32 always fits into a u32.
            Ok(length) if flexible => self.put_varint(length as u32 + 1),
            Ok(length) => self.put(&length.to_be_bytes()),
            Err(_) => return Err(EncodeError::new(EncodeErrorKind::TooLong(length))),
        }
        Ok(())
    }

    /// The length before a string, at most 32,767; `None` for null.
    #[inline]
    pub fn put_string_length(&mut self, length: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        let Some(length) = length else {
            if flexible {
                self.own.push(0)
            } else {
                self.put(&(-1i16).to_be_bytes())
            }
            return Ok(());
        };
        match i16::try_from(length) {
            Ok(length) if flexible => self.put_varint(length as u32 + 1),
            Ok(length) => self.put(&length.to_be_bytes()),
            Err(_) => return Err(EncodeError::new(EncodeErrorKind::TooLong(length))),
        }
        Ok(())
    }

    /// Writes what `content` writes, with its length in bytes as a varint before it.
    ///
    /// The length is put in afterwards: one byte is kept free for it, and content of 128 bytes or more, rare in tagged
    /// fields, is moved to make room. That is cheaper than computing every size before writing.
    pub(crate) fn put_sized(
        &mut self,
        content: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let at = self.own.len();
        let first_splice = self.splices.len();
        self.own.push(0);
        let before = self.len();
        content(self)?;
        let length = self.len() - before;
        let length = match u32::try_from(length) {
            Ok(length) if length <= i32::MAX as u32 => length,
            _ => return Err(EncodeError::new(EncodeErrorKind::TooLong(length))),
        };
        let prefix = varint(length);
        let grown = prefix.len() - 1;
        self.own.splice(at..=at, prefix);
        self.splices[first_splice..].iter_mut().for_each(|splice| splice.at += grown);
        Ok(())
    }

    /// The frame with its length in front, in parts.
    pub fn finish(mut self) -> Result<Pieces, EncodeError> {
        let length = self.len() - LENGTH_BYTES;
        let Ok(length) = i32::try_from(length) else {
            return Err(EncodeError::new(EncodeErrorKind::TooLong(length)));
        };
        self.own[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
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
