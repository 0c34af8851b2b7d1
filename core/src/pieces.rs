//! Bytes in several parts, for vectored writes: what was received or stored is never copied into what is sent.

use bytes::Bytes;
use smallvec::SmallVec;

/// Parts to be written one after the other. No part is empty.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Pieces {
    parts: SmallVec<[Bytes; 4]>,
    len: usize,
}

impl Pieces {
    /// Nothing.
    pub fn new() -> Pieces {
        Pieces::default()
    }

    /// Adds a part at the end; an empty one is left out.
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push(part);
        }
    }

    /// Adds all parts of `other` at the end.
    pub fn append(&mut self, other: Pieces) {
        self.len += other.len;
        self.parts.extend(other.parts);
    }

    /// All bytes of all parts.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts in order.
    pub fn as_slice(&self) -> &[Bytes] {
        &self.parts
    }

    /// The parts in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Bytes> {
        self.parts.iter()
    }

    /// One contiguous copy, or the single part itself.
    pub fn concat(&self) -> Bytes {
        match self.parts.as_slice() {
            [only] => only.clone(),
            parts => {
                let mut whole = alloc::vec::Vec::with_capacity(self.len);
                parts.iter().for_each(|part| whole.extend_from_slice(part));
                whole.into()
            }
        }
    }
}

impl From<Bytes> for Pieces {
    fn from(part: Bytes) -> Pieces {
        let mut pieces = Pieces::new();
        pieces.push(part);
        pieces
    }
}

impl FromIterator<Bytes> for Pieces {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Pieces {
        let mut pieces = Pieces::new();
        parts.into_iter().for_each(|part| pieces.push(part));
        pieces
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = smallvec::IntoIter<[Bytes; 4]>;
    fn into_iter(self) -> Self::IntoIter {
        self.parts.into_iter()
    }
}

impl<'a> IntoIterator for &'a Pieces {
    type Item = &'a Bytes;
    type IntoIter = core::slice::Iter<'a, Bytes>;
    fn into_iter(self) -> Self::IntoIter {
        self.parts.iter()
    }
}
