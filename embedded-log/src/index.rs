//! The sparse index of a segment: one block for every [`INTERVAL`] bytes, with the first offset in it, where it starts
//! and the greatest timestamp in it. It is built while batches are written and read from disk, or by a scan, for what
//! was written before the process started.
//!
//! A shard's indexes share a [`Budget`]. When it is spent, blocks are joined: a lookup then begins up to one interval
//! before the batch it is after, and goes on header by header. Nothing has to be read anew, as it would if whole
//! indexes were dropped.

use alloc::vec::Vec;

use crate::batch::{BatchHeader, Before};

/// Least distance between the starts of two blocks, in bytes, while there is memory for it.
pub(crate) const INTERVAL: u64 = 32 * 1024;
/// Greatest distance to which blocks are joined, in bytes: no segment is longer.
const WIDEST: u64 = 1 << 31;

/// A run of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) base_offset: i64,
    pub(crate) position: u64,
    pub(crate) max_timestamp: i64,
    /// Leader epoch of the first batch in it.
    leader_epoch: i32,
    /// It follows bytes that are no batches, and is never joined with the block before those.
    apart: bool,
}

impl Block {
    fn at(position: u64, header: &BatchHeader, apart: bool) -> Block {
        let BatchHeader { base_offset, leader_epoch, max_timestamp, .. } = *header;
        Block { base_offset, position, max_timestamp, leader_epoch, apart }
    }

    /// What its first batch must be, or follow.
    pub(crate) fn before(&self) -> Before {
        Before { offset: self.base_offset, epoch: Some(self.leader_epoch) }
    }
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

    /// Memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
    }

    /// Joins blocks until their starts are `interval` bytes apart, and lets go of memory it does not use.
    fn coarsen(&mut self, interval: u64) {
        self.blocks.dedup_by(|next, kept| {
            let joins = !next.apart && next.position < kept.position.saturating_add(interval);
            if joins {
                kept.max_timestamp = kept.max_timestamp.max(next.max_timestamp);
            }
            joins
        });
        self.blocks.shrink_to_fit();
    }

    /// Takes note of the batch at `position`, the one after those known.
    pub(crate) fn add(&mut self, position: u64, header: &BatchHeader) {
        match self.blocks.last_mut() {
            Some(block) if position < block.position.saturating_add(INTERVAL) => {
                block.max_timestamp = block.max_timestamp.max(header.max_timestamp);
            }
            Some(_) | None => self.blocks.push(Block::at(position, header, false)),
        }
    }

    /// Takes note of a batch after bytes that are no batches: nobody should have to read through those.
    pub(crate) fn add_apart(&mut self, position: u64, header: &BatchHeader) {
        self.blocks.push(Block::at(position, header, true));
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

/// Memory of all indexes of a shard. What is added is counted as it comes; what is let go is seen when all are counted
/// anew, which happens each time the sum of both could be more than the limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    /// More than this and all are counted anew.
    recount_at: usize,
    /// Bytes at the last count and added since.
    bytes: usize,
    interval: u64,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Budget {
        Budget { limit, recount_at: limit, bytes: 0, interval: INTERVAL }
    }

    /// An index grew by so many bytes.
    pub(crate) fn grew(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Joins blocks of all indexes, which `each` goes through, if together they could take more than the limit. A quarter
    /// of it is free then, so that this is rare; but every index keeps a block for itself, and those may be more.
    pub(crate) fn enforce(&mut self, mut each: impl FnMut(&mut dyn FnMut(&mut Index))) {
        if self.bytes <= self.recount_at {
            return;
        }
        let room = self.limit / 4;
        loop {
            let (interval, mut bytes) = (self.interval, 0);
            each(&mut |index| {
                index.coarsen(interval);
                bytes += index.bytes();
            });
            self.bytes = bytes;
            if bytes <= self.limit - room || interval >= WIDEST {
                break;
            }
            self.interval = interval * 2;
        }
        self.recount_at = self.limit.max(self.bytes + self.bytes / 4);
        if self.bytes < room && self.interval > INTERVAL {
            self.interval /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1000;

    fn header(at: u64) -> BatchHeader {
        let base_offset = at as i64 * 10;
        BatchHeader {
            base_offset,
            last_offset: base_offset + 9,
            size: SIZE as usize,
            leader_epoch: 0,
            max_timestamp: at as i64 % 977,
            crc: 0,
        }
    }

    fn indexed(batches: u64) -> Index {
        let mut index = Index::default();
        (0..batches).for_each(|at| index.add(at * SIZE, &header(at)));
        index
    }

    #[test]
    fn a_joined_index_finds_the_same_batches_from_farther_before() {
        let mut index = indexed(10_000);
        let fine = index.clone();
        index.coarsen(8 * INTERVAL);
        assert!(index.blocks.len() * 8 <= fine.blocks.len() + 8);
        for offset in (0..100_000).step_by(7) {
            let (coarse, exact) = (index.find(offset).unwrap(), fine.find(offset).unwrap());
            let (coarse, exact) = (index.blocks[coarse], fine.blocks[exact]);
            assert!(coarse.base_offset <= offset && coarse.position <= exact.position);
            assert!(exact.position - coarse.position <= 9 * INTERVAL);
            assert!(coarse.max_timestamp >= exact.max_timestamp);
        }
    }

    #[test]
    fn a_block_after_bytes_that_are_no_batches_stays_apart() {
        let mut index = indexed(10);
        index.add_apart(50_000, &header(50));
        index.coarsen(WIDEST);
        let positions: Vec<u64> = index.blocks.iter().map(|block| block.position).collect();
        assert_eq!(positions, [0, 50_000]);
    }

    #[test]
    fn memory_stays_below_the_limit_whatever_is_added() {
        let (limit, mut counts) = (64 << 10, 0);
        let mut budget = Budget::new(limit);
        let mut indexes: Vec<Index> = Vec::new();
        for segment in 0..300u64 {
            indexes.push(Index::default());
            for at in 0..2000 {
                let index = indexes.last_mut().unwrap();
                let before = index.bytes();
                index.add(at * SIZE, &header(segment * 2000 + at));
                budget.grew(index.bytes() - before);
                budget.enforce(|visit| {
                    counts += 1;
                    indexes.iter_mut().for_each(visit);
                });
                let bytes: usize = indexes.iter().map(Index::bytes).sum();
                assert!(bytes <= limit, "{bytes} bytes in segment {segment}");
            }
        }
        // 300 segments of 61 blocks would take 9 times the limit; each count frees a quarter of it.
        assert!(counts < 60, "counted {counts} times");
        assert!(indexes.iter().all(|index| !index.blocks.is_empty()));
    }

    #[test]
    fn each_index_keeps_a_block_and_that_is_the_least() {
        let mut budget = Budget::new(10 * size_of::<Block>());
        let mut indexes: Vec<Index> = (0..100).map(|_| indexed(500)).collect();
        budget.grew(indexes.iter().map(Index::bytes).sum());
        budget.enforce(|visit| indexes.iter_mut().for_each(visit));
        assert!(indexes.iter().all(|index| index.bytes() == size_of::<Block>()));
        let mut counts = 0;
        for _ in 0..24 {
            budget.grew(size_of::<Block>());
            budget.enforce(|_| counts += 1);
        }
        assert_eq!(counts, 0);
    }

    #[test]
    fn new_blocks_are_fine_again_once_there_is_room() {
        let mut budget = Budget::new(100 * size_of::<Block>());
        let mut indexes: Vec<Index> = (0..10).map(|_| indexed(5000)).collect();
        for _ in 0..20 {
            budget.grew(indexes.iter().map(Index::bytes).sum::<usize>().max(budget.limit + 1));
            budget.enforce(|visit| indexes.iter_mut().for_each(visit));
            indexes.pop();
        }
        assert_eq!(budget.interval, INTERVAL);
    }
}
