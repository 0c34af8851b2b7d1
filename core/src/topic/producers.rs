//! Idempotence: what a partition knows of each producer, so that a batch sent again is stored once (KIP-98, KIP-360;
//! `ProducerStateManager`, `ProducerAppendInfo`).
//!
//! A batch goes through three calls. [`Producers::check`] judges it and changes nothing. [`Producers::append`] notes it
//! as soon as it has an offset and is on its way to the engine, so that the next batch of a pipelining producer is judged
//! by it. [`Producers::settle`] says up to which offset batches are stored for good. Until then a batch can be undone
//! with [`Producers::truncate_to`] when its append fails, and a duplicate of it is a promise not yet kept: the verdict
//! carries the last offset, and the owner answers only once its high watermark is past it. There is thus no separate
//! state "in flight" that could disagree with the log.
//!
//! Two deliberate differences from Apache Kafka: idleness is counted from when *we* appended, not from the timestamp a
//! client wrote into its records, and all five batches survive a restart (see `snapshot`), not one.

mod batch;
mod entry;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

pub use batch::{ProducerBatch, Refusal, next_sequence};
pub use entry::{KEPT_BATCHES, KeptBatch, Producer};

use crate::mutant::{Mutant, is_on};
use crate::time::Instant;

/// What is to be done with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// New and in sequence: give it an offset, then call [`Producers::append`].
    Append,
    /// One of the last five batches of its producer: answer with that batch's offset and time and store nothing. With
    /// `acks=all` the answer waits until the high watermark is above `kept.last_offset`; if that append fails, this
    /// batch shares its error.
    Duplicate(KeptBatch),
    /// Answer with this error.
    Refuse(Refusal),
}

/// Producers were forgotten to make room, oldest first: their next batch is accepted whatever its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// How many.
    pub producers: usize,
    /// How long the one that appended last had been idle.
    pub idle: Duration,
}

/// Undoing would reach below what is settled: rebuild the state from a snapshot and the log instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("producer state is settled up to offset {settled}, it cannot be cut at {offset}")]
pub struct SettledAlready {
    pub settled: i64,
    pub offset: i64,
}

/// The producers of one partition.
///
/// Memory: at most `limit` entries of about 200 bytes each, and one more for each append under way.
#[derive(Clone, Debug)]
pub struct Producers {
    by_id: BTreeMap<i64, Producer>,
    limit: usize,
    /// Appends under way, oldest first, with what their producer was before.
    unsettled: VecDeque<Unsettled>,
    settled: i64,
}

#[derive(Clone, Debug)]
struct Unsettled {
    producer_id: i64,
    base_offset: i64,
    last_offset: i64,
    before: Option<Producer>,
}

impl Producers {
    /// No producers yet, room for `limit` of them (at least one).
    pub fn new(limit: usize) -> Producers {
        Producers { by_id: BTreeMap::new(), limit: limit.max(1), unsettled: VecDeque::new(), settled: 0 }
    }

    /// Judges a batch from a client (`ProducerAppendInfo.checkSequence`, `ProducerStateEntry.findDuplicateBatch`).
    ///
    /// A duplicate is recognised before an old epoch is refused, by first and last sequence under the same epoch; what
    /// the records hold is not compared. A producer never heard of may start at any sequence: its state may have expired.
    pub fn check(&self, batch: &ProducerBatch) -> Verdict {
        let Some(known) = self.by_id.get(&batch.producer_id) else { return Verdict::Append };
        if let Some(kept) = known.find(batch) {
            return match is_on(Mutant::DuplicateStoredAgain) {
                true => Verdict::Append,
                false => Verdict::Duplicate(*kept),
            };
        }
        let expected = next_sequence(known.last_sequence(), 1);
        let (id, epoch, sequence) = (batch.producer_id, batch.epoch, batch.first_sequence);
        match batch.epoch.cmp(&known.epoch()) {
            core::cmp::Ordering::Less => {
                Verdict::Refuse(Refusal::InvalidProducerEpoch { id, epoch, known: known.epoch() })
            }
            core::cmp::Ordering::Greater if sequence != 0 => {
                Verdict::Refuse(Refusal::NewEpochNotAtZero { id, epoch, known: known.epoch(), sequence })
            }
            core::cmp::Ordering::Equal if sequence != expected && !is_on(Mutant::GapInSequenceTaken) => {
                Verdict::Refuse(Refusal::OutOfOrderSequence { id, epoch, sequence, expected })
            }
            core::cmp::Ordering::Greater | core::cmp::Ordering::Equal => Verdict::Append,
        }
    }

    /// Notes a batch that [`Producers::check`] let pass and that has been given its offsets.
    pub fn append(&mut self, now: Instant, batch: &ProducerBatch, kept: KeptBatch) -> Option<Evicted> {
        let before = self.note(now, batch, kept);
        self.unsettled.push_back(Unsettled {
            producer_id: batch.producer_id,
            base_offset: kept.base_offset,
            last_offset: kept.last_offset,
            before,
        });
        self.make_room(now)
    }

    /// Notes a batch found in the log while rebuilding: it was judged when it was appended, and it is settled. Its age
    /// is not in the log, so the producer counts as active now: it is remembered longer rather than shorter.
    pub fn replay(&mut self, now: Instant, batch: &ProducerBatch, kept: KeptBatch) -> Option<Evicted> {
        self.note(now, batch, kept);
        self.settle(kept.last_offset.saturating_add(1));
        self.make_room(now)
    }

    fn note(&mut self, now: Instant, batch: &ProducerBatch, kept: KeptBatch) -> Option<Producer> {
        match self.by_id.get_mut(&batch.producer_id) {
            Some(known) => {
                let before = known.clone();
                known.push(now, batch.epoch, kept);
                Some(before)
            }
            None => {
                self.by_id.insert(batch.producer_id, Producer::new(now, batch.epoch, kept));
                None
            }
        }
    }

    /// Everything below `end` is stored and will not be undone.
    pub fn settle(&mut self, end: i64) {
        self.settled = self.settled.max(end);
        while self.unsettled.front().is_some_and(|append| append.last_offset < end) {
            self.unsettled.pop_front();
        }
    }

    /// Forgets the batches from `offset` on, whose append failed, as if they had never come.
    pub fn truncate_to(&mut self, offset: i64) -> Result<(), SettledAlready> {
        if offset < self.settled {
            return Err(SettledAlready { settled: self.settled, offset });
        }
        while self.unsettled.back().is_some_and(|append| append.base_offset >= offset) {
            let Some(last) = self.unsettled.pop_back() else { break };
            match last.before {
                Some(before) => self.by_id.insert(last.producer_id, before),
                None => self.by_id.remove(&last.producer_id),
            };
        }
        Ok(())
    }

    /// Forgets producers that have appended nothing for `producer.id.expiration.ms`, and says how many. Those with an
    /// append under way stay.
    pub fn expire(&mut self, now: Instant, expiration: Duration) -> usize {
        let before = self.by_id.len();
        let settled = self.settled;
        self.by_id.retain(|_, known| known.last_offset() >= settled || known.idle(now) < expiration);
        before - self.by_id.len()
    }

    /// Forgets the producers longest without an append when there are too many: a sixty-fourth of the limit at once, so
    /// that the search for them is paid for by as many newcomers.
    fn make_room(&mut self, now: Instant) -> Option<Evicted> {
        if self.by_id.len() <= self.limit {
            return None;
        }
        let mut idle: Vec<(i64, i64)> = self
            .by_id
            .iter()
            .filter(|(_, known)| known.last_offset() < self.settled)
            .map(|(id, known)| (known.last_offset(), *id))
            .collect();
        let surplus = (self.by_id.len() - self.limit).max(self.limit / 64).min(idle.len());
        let last = surplus.checked_sub(1)?;
        idle.select_nth_unstable(last);
        idle.truncate(surplus);
        let shortest = idle
            .iter()
            .filter_map(|(_, id)| self.by_id.remove(id))
            .map(|gone| gone.idle(now))
            .min()
            .unwrap_or_default();
        Some(Evicted { producers: surplus, idle: shortest })
    }

    /// All producers by rising id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, known)| (*id, known))
    }

    /// All producers by rising id as they were before the appends under way: what a snapshot may hold.
    pub fn iter_settled(&self) -> impl Iterator<Item = (i64, &Producer)> {
        // Of several appends under way by one producer, the oldest knows what came before all of them.
        let before: BTreeMap<i64, Option<&Producer>> =
            self.unsettled.iter().rev().map(|append| (append.producer_id, append.before.as_ref())).collect();
        self.by_id.iter().filter_map(move |(id, known)| {
            let settled = before.get(id).copied().unwrap_or(Some(known));
            settled.map(|known| (*id, known))
        })
    }

    /// Up to which offset appends are settled.
    pub fn settled(&self) -> i64 {
        self.settled
    }

    /// The offset of the last batch of each producer: compaction keeps these batches, if only as empty ones, so that the
    /// state can be rebuilt from the log.
    pub fn last_offsets(&self) -> BTreeMap<i64, i64> {
        self.by_id.iter().map(|(id, known)| (*id, known.last_offset())).collect()
    }

    /// How many producers are known.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Asserts what must hold after each step; the cost is that of looking at all producers.
    pub fn check_invariants(&self) {
        let mut above = self.settled;
        for append in &self.unsettled {
            assert!(append.last_offset >= above, "appends under way rise from what is settled: {append:?}");
            above = append.last_offset + 1;
        }
        for (id, known) in &self.by_id {
            let rise = known.batches().windows(2).all(|pair| pair[0].last_offset < pair[1].base_offset);
            assert!(*id >= 0 && known.epoch() >= 0 && rise, "producer {id}: {known:?}");
        }
    }

    /// Takes over what a snapshot held; everything below `settled` is in it.
    pub fn restore(limit: usize, settled: i64, producers: BTreeMap<i64, Producer>) -> Producers {
        Producers { by_id: producers, limit: limit.max(1), unsettled: VecDeque::new(), settled }
    }
}

#[cfg(test)]
mod tests;
