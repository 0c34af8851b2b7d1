//! How the fields of catalogue records are written: big-endian numbers, and texts with their length as a varint.

use alloc::vec::Vec;

use crate::config::Overrides;
use crate::protocol::Str;
use crate::uuid::Uuid;

/// Bytes that do not hold what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {left} bytes before the end")]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// Where, counted from the end.
    pub left: usize,
}

/// Adds an unsigned number in groups of seven bits, lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds bytes with their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Adds keys and values with their number.
pub(super) fn put_overrides(out: &mut Vec<u8>, overrides: &Overrides) {
    put_varint(out, overrides.len() as u64);
    for text in overrides.iter().flat_map(|(key, value)| [key, value]) {
        put_bytes(out, text.as_bytes());
    }
}

/// Takes fields off the front of some bytes. Nothing is allocated for a length before its bytes are there.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, left: self.0.len() }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(|| self.malformed("a field ends early"))?;
        self.0 = rest;
        Ok(*head)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) =
            self.0.split_at_checked(length).ok_or_else(|| self.malformed("bytes end early"))?;
        self.0 = rest;
        Ok(head)
    }

    pub fn int(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn long(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<Uuid, Malformed> {
        self.array().map(Uuid)
    }

    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed("a number is too long"))
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn str(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.bytes()?;
        core::str::from_utf8(bytes).map_err(|_| self.malformed("a text is not UTF-8"))
    }

    /// A copy, so that it keeps no other memory alive.
    pub fn text(&mut self) -> Result<Str, Malformed> {
        self.str().map(Str::from)
    }

    pub fn overrides(&mut self) -> Result<Overrides, Malformed> {
        let mut overrides = Overrides::new();
        for _ in 0..self.varint()? {
            let key = self.str()?;
            overrides.insert(key.into(), self.str()?.into());
        }
        Ok(overrides)
    }

    /// Fails unless everything was taken.
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(self.malformed("bytes are left over")) }
    }
}
