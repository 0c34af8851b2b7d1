//! A cursor over one frame.

use bytes::Bytes;

use super::error::{DecodeError, DecodeErrorKind};

/// Reads one frame from front to back. Every length is checked against what is left before it is believed.
#[derive(Debug)]
pub struct Reader<'a> {
    frame: &'a Bytes,
    rest: &'a [u8],
    budget: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `frame`. `budget` is how many bytes of memory the arrays of the decoded message may
    /// take together; strings, bytes and records are slices of the frame and cost nothing.
    pub fn new(frame: &'a Bytes, budget: usize) -> Reader<'a> {
        Reader { frame, rest: frame, budget }
    }

    /// How far the cursor is from the start of the frame.
    pub fn offset(&self) -> usize {
        self.frame.len() - self.rest.len()
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// An error at the cursor.
    #[cold]
    pub(crate) fn fail(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.offset())
    }

    #[cold]
    fn short(&self, wanted: usize) -> DecodeError {
        self.fail(DecodeErrorKind::Short { missing: wanted.saturating_sub(self.rest.len()) })
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => Err(self.short(N)),
        }
    }

    /// The next `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(self.short(length)),
        }
    }

    /// The next `length` bytes, sharing the frame's memory.
    #[inline]
    pub fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.offset();
        self.take(length)?;
        Ok(self.frame.slice(start..start + length))
    }

    /// An unsigned varint of at most 32 bits (five bytes), least significant group first.
    #[inline]
    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                return Err(self.fail(DecodeErrorKind::BadVarint));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.fail(DecodeErrorKind::BadVarint))
    }

    /// The length that precedes bytes, records and arrays: `None` for null.
    #[inline]
    pub fn length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return Ok(self.varint()?.checked_sub(1).map(|length| length as usize));
        }
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.fail(DecodeErrorKind::BadLength(length.into()))),
            },
        }
    }

    /// The length that precedes a string: `None` for null, never above 32,767.
    #[inline]
    pub fn string_length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            let length = self.length(true)?;
            return match length {
                Some(long) if long > i16::MAX as usize => {
                    Err(self.fail(DecodeErrorKind::BadLength(long as i64)))
                }
                _ => Ok(length),
            };
        }
        match i16::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.fail(DecodeErrorKind::BadLength(length.into()))),
            },
        }
    }

    /// Takes the memory of an array of `count` elements, each `size` bytes in memory and at least `wire` bytes in the
    /// frame, out of the budget. Nothing may be allocated for the array before this.
    #[inline]
    pub(crate) fn claim(&mut self, count: usize, size: usize, wire: usize) -> Result<(), DecodeError> {
        if count.checked_mul(wire).is_none_or(|least| least > self.rest.len()) {
            return Err(self.fail(DecodeErrorKind::BadCount { count, left: self.rest.len() }));
        }
        match count.checked_mul(size).and_then(|memory| self.budget.checked_sub(memory)) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.fail(DecodeErrorKind::Budget)),
        }
    }

    /// Checks that the whole frame was read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.fail(DecodeErrorKind::Trailing { left })),
        }
    }
}
