//! Batches that were read from files lately: the oldest go first.

use alloc::collections::{BTreeMap, VecDeque};

use kelpgate_core::ids::LogId;
use kelpgate_core::pieces::Pieces;

/// What an entry costs beside its bytes, and each of its parts.
const ENTRY_COST: usize = 128;
const PART_COST: usize = 40;

/// Where an extent lies.
type Place = (LogId, u32, u64);

/// Contents of extents.
#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    bytes: usize,
    contents: BTreeMap<Place, Pieces>,
    order: VecDeque<Place>,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Cache {
        Cache { limit, bytes: 0, contents: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn get(&self, log: LogId, file: u32, at: u64) -> Option<Pieces> {
        self.contents.get(&(log, file, at)).cloned()
    }

    /// Keeps a content, at least until the next is kept, whatever its size.
    pub(crate) fn put(&mut self, log: LogId, file: u32, at: u64, content: Pieces) {
        let place = (log, file, at);
        self.bytes += cost(&content);
        if let Some(before) = self.contents.insert(place, content) {
            self.bytes = self.bytes.saturating_sub(cost(&before));
        } else {
            self.order.push_back(place);
        }
        while self.bytes > self.limit
            && self.order.len() > 1
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(content) = self.contents.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(cost(&content));
            }
        }
    }
}

fn cost(content: &Pieces) -> usize {
    content.len() + content.as_slice().len() * PART_COST + ENTRY_COST
}
