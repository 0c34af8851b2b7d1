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
pub(crate) const LENGTH_BYTES: usize = 4;

/// The most bytes that a varint takes, and so the most that stand before anything.
pub(crate) const VARINT_AT_MOST: usize = 5;

/// What is left of the buffer for a frame's own bytes. Whatever puts something at its front gives the room behind that, so that
/// it stays in registers while the fields of a struct follow one another: half of the time of a position kept in memory.
///
/// What finds no room gives none at all, and so does everything after it: no put can fail.
pub type Room<'r> = &'r mut [u8];

/// What of a frame does not stand in its own buffer: large slices of others, with the place that they belong to.
#[derive(Default, Debug)]
pub struct Writer {
    splices: SmallVec<[Splice; 4]>,
    spliced: usize,
}

#[derive(Debug)]
struct Splice {
    /// How much room was left in its place.
    left: usize,
    part: Bytes,
}

/// The frame that `content` writes, with its length in front, in parts. `at_most` is how many bytes of its own it takes; if it
/// takes more it is asked again, with more room.
pub fn write_frame(
    at_most: usize,
    content: impl for<'r> Fn(&mut Writer, Room<'r>) -> Result<Room<'r>, EncodeError>,
) -> Result<Pieces, EncodeError> {
    // The last byte must stay free, else something had no room.
    let mut capacity = LENGTH_BYTES + at_most + 1;
    loop {
        let mut own = vec![0; capacity];
        let mut writer = Writer::default();
        let left = content(&mut writer, own.get_mut(LENGTH_BYTES..).unwrap_or_default())?.len();
        if left > 0 {
            return writer.finish(own, left);
        }
        if capacity > i32::MAX as usize {
            return Err(too_long(capacity));
        }
        capacity *= 2;
    }
}

impl Writer {
    /// Puts `bytes` without copying them if they are large.
    pub fn put_shared<'r>(&mut self, room: Room<'r>, bytes: &Bytes) -> Room<'r> {
        if bytes.len() < SPLICE_FROM {
            return put_slice(room, bytes);
        }
        self.spliced += bytes.len();
        self.splices.push(Splice { left: room.len(), part: bytes.clone() });
        room
    }

    /// Puts what `content` puts, with its length in bytes as a varint before it.
    ///
    /// The length is put in afterwards: one byte is kept free for it, and content of 128 bytes or more, rare in tagged
    /// fields, is moved to make room. That is cheaper than computing every size before writing.
    pub(crate) fn put_sized<'r>(
        &mut self,
        room: Room<'r>,
        content: impl for<'c> FnOnce(&mut Writer, Room<'c>) -> Result<Room<'c>, EncodeError>,
    ) -> Result<Room<'r>, EncodeError> {
        let (splices, spliced) = (self.splices.len(), self.spliced);
        let left = content(self, room.get_mut(1..).unwrap_or_default())?.len();
        let length = (room.len() - left).saturating_sub(1) + self.spliced - spliced;
        let Ok(prefix) = u32::try_from(length).map(varint) else {
            return Err(too_long(length));
        };
        let moved = prefix.len() - 1;
        if left <= moved {
            return Ok(&mut []);
        }
        let end = room.len() - left;
        room.copy_within(1..end, prefix.len());
        self.splices[splices..].iter_mut().for_each(|splice| splice.left -= moved);
        let room = put_slice(room, &prefix);
        Ok(room.get_mut(end - 1..).unwrap_or_default())
    }

    /// Cuts the buffer, of which `left` bytes are free, where other parts belong.
    fn finish(self, mut own: Vec<u8>, left: usize) -> Result<Pieces, EncodeError> {
        let capacity = own.len();
        own.truncate(capacity - left);
        let length = own.len() - LENGTH_BYTES + self.spliced;
        let Ok(number) = i32::try_from(length) else {
            return Err(too_long(length));
        };
        put(&mut own, number.to_be_bytes());
        let mut own = Bytes::from(own);
        let mut pieces = Pieces::new();
        let mut cut = 0;
        for splice in self.splices {
            let at = capacity - splice.left;
            pieces.push(own.split_to(at - cut));
            pieces.push(splice.part);
            cut = at;
        }
        pieces.push(own);
        Ok(pieces)
    }
}

/// Puts `bytes`.
#[inline(always)]
pub fn put<const N: usize>(room: Room<'_>, bytes: [u8; N]) -> Room<'_> {
    match room.split_first_chunk_mut() {
        Some((place, rest)) => {
            *place = bytes;
            rest
        }
        None => &mut [],
    }
}

/// Puts `bytes`.
#[inline]
pub fn put_slice<'r>(room: Room<'r>, bytes: &[u8]) -> Room<'r> {
    match room.split_at_mut_checked(bytes.len()) {
        Some((place, rest)) => {
            place.copy_from_slice(bytes);
            rest
        }
        None => &mut [],
    }
}

/// Puts an unsigned varint, least significant group first.
#[inline]
pub fn put_varint(room: Room<'_>, value: u32) -> Room<'_> {
    match value {
        0..0x80 => put(room, [value as u8]),
        0x80..0x4000 => put(room, [value as u8 | 0x80, (value >> 7) as u8]),
        _ => put_slice(room, &varint(value)),
    }
}

/// Puts the length before bytes, records and arrays; `None` for null.
#[inline(always)]
pub fn put_length(room: Room<'_>, length: Option<usize>, flexible: bool) -> Result<Room<'_>, EncodeError> {
    match length {
        Some(short @ 0..0x7f) if flexible => Ok(put(room, [short as u8 + 1])),
        _ => put_any_length(room, length, flexible),
    }
}

fn put_any_length(room: Room<'_>, length: Option<usize>, flexible: bool) -> Result<Room<'_>, EncodeError> {
    Ok(match length.map(i32::try_from) {
        None if flexible => put(room, [0]),
        None => put(room, (-1i32).to_be_bytes()),
        // One more than an i32 always fits into a u32.
        Some(Ok(length)) if flexible => put_varint(room, length as u32 + 1),
        Some(Ok(length)) => put(room, length.to_be_bytes()),
        Some(Err(_)) => return Err(too_long(length.unwrap_or_default())),
    })
}

/// Puts the length before a string, at most 32,767; `None` for null.
#[inline]
pub fn put_string_length(
    room: Room<'_>,
    length: Option<usize>,
    flexible: bool,
) -> Result<Room<'_>, EncodeError> {
    Ok(match length.map(i16::try_from) {
        None if flexible => put(room, [0]),
        None => put(room, (-1i16).to_be_bytes()),
        Some(Ok(length)) if flexible => put_varint(room, length as u32 + 1),
        Some(Ok(length)) => put(room, length.to_be_bytes()),
        Some(Err(_)) => return Err(too_long(length.unwrap_or_default())),
    })
}

#[cold]
fn too_long(length: usize) -> EncodeError {
    EncodeError::new(EncodeErrorKind::TooLong(length))
}

/// One to five bytes.
fn varint(mut value: u32) -> SmallVec<[u8; VARINT_AT_MOST]> {
    let mut bytes = SmallVec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
