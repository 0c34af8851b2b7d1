//! Memory that batches keep alive, and which of them is let go first.

use alloc::collections::VecDeque;

use kelpgate_core::pieces::Pieces;

use crate::partition::LogKey;

/// Memory of an append beside its bytes: our own records of it, and what allocators round up.
const FIXED: usize = 192;
/// The same for each of its parts.
const PER_PART: usize = 96;

/// Memory that an append keeps alive, in bytes. Frames have buffers of their own, so that parts are all there is of
/// them but for headers.
pub(crate) fn charge(batches: &Pieces) -> usize {
    FIXED + batches.len() + PER_PART * batches.as_slice().len()
}

/// Counts memory; remembers the order of appends.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    dirty: usize,
    clean: usize,
    last_serial: u64,
    order: VecDeque<(LogKey, u64)>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Memory {
        Memory { limit, dirty: 0, clean: 0, last_serial: 0, order: VecDeque::new() }
    }

    /// An append came in: gives its serial number.
    pub(crate) fn add(&mut self, log: LogKey, charge: usize) -> u64 {
        self.last_serial += 1;
        self.order.push_back((log, self.last_serial));
        self.dirty += charge;
        self.last_serial
    }

    /// That much is in segments now.
    pub(crate) fn cleaned(&mut self, charge: usize) {
        self.dirty = self.dirty.saturating_sub(charge);
        self.clean += charge;
    }

    pub(crate) fn freed_clean(&mut self, charge: usize) {
        self.clean = self.clean.saturating_sub(charge);
    }

    pub(crate) fn freed_dirty(&mut self, charge: usize) {
        self.dirty = self.dirty.saturating_sub(charge);
    }

    /// Bytes that only the journal and memory have.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty
    }

    /// All bytes.
    pub(crate) fn total(&self) -> usize {
        self.dirty + self.clean
    }

    /// Whether that much more may come in beside what is not yet in segments. Something may always.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.dirty == 0 || self.dirty.saturating_add(more) <= self.limit
    }

    /// Whether enough has come together to be written to segments.
    pub(crate) fn wants_flush(&self) -> bool {
        self.dirty > self.limit / 4
    }

    /// The oldest append, if something should be let go. Our record of the order counts too, since it also holds
    /// appends that were trimmed or deleted meanwhile.
    pub(crate) fn surplus(&self) -> Option<(LogKey, u64)> {
        let order = self.order.len().saturating_mul(size_of::<(LogKey, u64)>());
        match self.total().saturating_add(order) > self.limit {
            true => self.order.front().copied(),
            false => None,
        }
    }

    /// The oldest append is gone.
    pub(crate) fn forget_oldest(&mut self) {
        self.order.pop_front();
    }
}
