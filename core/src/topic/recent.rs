//! The sizes of a partition's newest batches, so that a reader near the end is told exactly how much awaits it.

use alloc::collections::VecDeque;

/// Batches remembered for each partition.
const REMEMBERED: usize = 256;

/// Newest batches: where each starts, and all bytes stored before it since the partition was opened.
#[derive(Debug, Default)]
pub struct Recent {
    batches: VecDeque<(i64, u64)>,
    total: u64,
}

impl Recent {
    /// A batch was stored at the end.
    pub fn push(&mut self, base_offset: i64, bytes: usize) {
        if self.batches.len() == REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back((base_offset, self.total));
        self.total += bytes as u64;
    }

    /// Bytes from the batch that holds `offset` to the end; none when that batch is not remembered.
    pub fn bytes_from(&self, offset: i64) -> Option<usize> {
        let after = self.batches.partition_point(|(base, _)| *base <= offset);
        let (_, before) = self.batches.get(after.checked_sub(1)?)?;
        usize::try_from(self.total - before).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_inside_a_batch() {
        let mut recent = Recent::default();
        assert_eq!(recent.bytes_from(0), None);
        recent.push(10, 100);
        recent.push(20, 50);
        assert_eq!(
            (recent.bytes_from(9), recent.bytes_from(15), recent.bytes_from(20)),
            (None, Some(150), Some(50))
        );
    }

    #[test]
    fn remembers_a_bounded_number() {
        let mut recent = Recent::default();
        (0..1000).for_each(|offset| recent.push(offset, 1));
        assert_eq!((recent.bytes_from(0), recent.bytes_from(999)), (None, Some(1)));
        assert_eq!(recent.batches.len(), REMEMBERED);
    }
}
