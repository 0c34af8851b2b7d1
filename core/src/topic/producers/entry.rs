//! One producer as a partition remembers it.

use core::time::Duration;

use super::batch::ProducerBatch;
use crate::time::Instant;

/// Batches remembered for each producer: clients keep at most five requests in flight
/// (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub const KEPT_BATCHES: usize = 5;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptBatch {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub base_offset: i64,
    pub last_offset: i64,
    /// Greatest timestamp among its records, -1 for none.
    pub max_timestamp: i64,
    /// When it was appended, if the topic stamps that into its records, else -1. A duplicate is answered with it.
    pub log_append_time: i64,
}

/// A producer that has appended something: at least one batch, all under its current epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    epoch: i16,
    /// Of the last append: milliseconds of the monotonic clock; below zero for what is older than that clock.
    appended_ms: i64,
    /// Oldest first; the first `len` count, at least one.
    batches: [KeptBatch; KEPT_BATCHES],
    len: u8,
}

impl Producer {
    /// A producer whose first batch has just been appended.
    pub fn new(now: Instant, epoch: i16, kept: KeptBatch) -> Producer {
        let mut batches = [KeptBatch::default(); KEPT_BATCHES];
        batches[0] = kept;
        Producer { epoch, appended_ms: millis(now), batches, len: 1 }
    }

    /// A producer from a snapshot, idle for `idle` by now; none without batches or with more than five.
    pub fn restore(now: Instant, idle: Duration, epoch: i16, kept: &[KeptBatch]) -> Option<Producer> {
        let mut batches = [KeptBatch::default(); KEPT_BATCHES];
        batches.get_mut(..kept.len())?.copy_from_slice(kept);
        let len = u8::try_from(kept.len()).ok().filter(|len| *len > 0)?;
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        Some(Producer { epoch, appended_ms: millis(now).saturating_sub(idle), batches, len })
    }

    pub(super) fn push(&mut self, now: Instant, epoch: i16, kept: KeptBatch) {
        if epoch != self.epoch {
            *self = Producer::new(now, epoch, kept);
            return;
        }
        if usize::from(self.len) == KEPT_BATCHES {
            self.batches.copy_within(1.., 0);
            self.len -= 1;
        }
        self.batches[usize::from(self.len)] = kept;
        self.len += 1;
        self.appended_ms = millis(now);
    }

    /// The remembered batch that this one repeats.
    pub(super) fn find(&self, batch: &ProducerBatch) -> Option<&KeptBatch> {
        let same = |kept: &&KeptBatch| {
            kept.first_sequence == batch.first_sequence && kept.last_sequence == batch.last_sequence
        };
        self.batches().iter().find(same).filter(|_| batch.epoch == self.epoch)
    }

    /// The batches remembered, oldest first: one to five.
    pub fn batches(&self) -> &[KeptBatch] {
        &self.batches[..usize::from(self.len)]
    }

    fn last(&self) -> &KeptBatch {
        &self.batches[usize::from(self.len) - 1]
    }

    /// The epoch of its last batch.
    pub fn epoch(&self) -> i16 {
        self.epoch
    }

    /// Sequence of its last record.
    pub fn last_sequence(&self) -> i32 {
        self.last().last_sequence
    }

    /// Offset of its last record.
    pub fn last_offset(&self) -> i64 {
        self.last().last_offset
    }

    /// Greatest timestamp in its last batch, -1 for none.
    pub fn last_timestamp(&self) -> i64 {
        self.last().max_timestamp
    }

    /// How long ago it appended something, to the millisecond.
    pub fn idle(&self, now: Instant) -> Duration {
        Duration::from_millis(u64::try_from(millis(now).saturating_sub(self.appended_ms)).unwrap_or(0))
    }
}

fn millis(instant: Instant) -> i64 {
    // At most 2^64 / 10^6, far below the greatest i64.
    (instant.0 / 1_000_000) as i64
}
