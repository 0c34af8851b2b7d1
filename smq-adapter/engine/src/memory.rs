//! Memory for batches of all logs: what no log file holds must stay, of the rest the oldest goes first.

use alloc::collections::VecDeque;

use kelpgate_core::ids::LogId;

/// Counts, in bytes as [`crate::partition::charge`] has it.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    /// What no log file holds.
    dirty: usize,
    clean: usize,
    /// Entries that log files hold, by their last offset, in the order in which that was seen.
    order: VecDeque<(LogId, i64)>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Memory {
        Memory { limit, dirty: 0, clean: 0, order: VecDeque::new() }
    }

    /// Whether that much more may come in. Something may always.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.dirty == 0 || self.dirty.saturating_add(more) <= self.limit
    }

    /// Whether brokers should be made to write out, so that appends need not wait for their own pace.
    pub(crate) fn is_short(&self) -> bool {
        self.dirty > self.limit / 2
    }

    pub(crate) fn add(&mut self, charge: usize) {
        self.dirty += charge;
    }

    /// An entry was found in a log file.
    pub(crate) fn cleaned(&mut self, log: LogId, last: i64, charge: usize) {
        self.dirty = self.dirty.saturating_sub(charge);
        self.clean += charge;
        self.order.push_back((log, last));
    }

    /// An entry that no log file holds is gone.
    pub(crate) fn dropped(&mut self, charge: usize) {
        self.dirty = self.dirty.saturating_sub(charge);
    }

    /// An entry that log files hold is gone.
    pub(crate) fn freed(&mut self, charge: usize) {
        self.clean = self.clean.saturating_sub(charge);
    }

    /// The oldest entry that may go, if there is too much in memory; taken out of the order.
    pub(crate) fn surplus(&mut self) -> Option<(LogId, i64)> {
        let order = self.order.len().saturating_mul(size_of::<(LogId, i64)>());
        let total = self.dirty.saturating_add(self.clean).saturating_add(order);
        if total > self.limit { self.order.pop_front() } else { None }
    }

    /// Bytes: those that no log file holds, and all.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        (self.dirty, self.dirty + self.clean)
    }
}
