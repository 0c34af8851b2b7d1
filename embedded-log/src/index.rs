//! The sparse index of a segment: one block for every [`INTERVAL`] bytes, with the first offset in it, where it starts
//! and the greatest timestamp in it. It is built while batches are written and read from disk, or by a scan, for what
//! was written before the process started.

use alloc::vec::Vec;

use crate::batch::BatchHeader;

/// Least distance between the starts of two blocks, in bytes.
pub(crate) const INTERVAL: u64 = 32 * 1024;

/// A run of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) base_offset: i64,
    pub(crate) position: u64,
    pub(crate) max_timestamp: i64,
}

/// What is known of a segment's inside, from byte `from` on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    from: u64,
    blocks: Vec<Block>,
}

impl Index {
    /// Of a segment whose first `bytes` bytes nobody has looked at yet.
    pub(crate) fn unknown_below(bytes: u64) -> Index {
        Index { from: bytes, blocks: Vec::new() }
    }

    /// The first byte from which on everything is known; 0 for a complete index.
    pub(crate) fn known_from(&self) -> u64 {
        self.from
    }

    /// All blocks known, in order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Takes note of the batch at `position`, the one after those known.
    pub(crate) fn add(&mut self, position: u64, header: &BatchHeader) {
        match self.blocks.last_mut() {
            Some(block) if position < block.position.saturating_add(INTERVAL) => {
                block.max_timestamp = block.max_timestamp.max(header.max_timestamp);
            }
            Some(_) | None => self.blocks.push(Block {
                base_offset: header.base_offset,
                position,
                max_timestamp: header.max_timestamp,
            }),
        }
    }

    /// Takes note of a batch after bytes that are no batches: nobody should have to read through those.
    pub(crate) fn add_apart(&mut self, position: u64, header: &BatchHeader) {
        self.blocks.push(Block {
            base_offset: header.base_offset,
            position,
            max_timestamp: header.max_timestamp,
        });
    }

    /// Puts what a scan of the bytes below `known_from` found before what was known.
    pub(crate) fn complete(&mut self, mut scanned: Index) {
        if scanned.from < self.from {
            scanned.blocks.append(&mut self.blocks);
            *self = scanned;
        }
    }

    /// The block where the batch that holds `offset` is, or the one after which it would be. `None` if that lies in
    /// the part that is not known.
    pub(crate) fn find(&self, offset: i64) -> Option<usize> {
        match self.blocks.partition_point(|block| block.base_offset <= offset) {
            0 if self.from > 0 => None,
            0 => Some(0),
            after => Some(after - 1),
        }
    }
}
