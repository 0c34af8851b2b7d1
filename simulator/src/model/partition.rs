//! A partition as plain data: which batch lies where, how far it can be read, and what was sent and not seen since.

use std::collections::BTreeMap;

use bytes::Bytes;
use kelpgate_core::record::Batch;

use super::Verdict;

/// Where the part of a batch begins that a node stores as it was sent: before are base offset, length and leader epoch.
const AS_SENT: usize = 16;

/// One partition.
#[derive(Debug, Default)]
pub struct Partition {
    /// By base offset.
    stored: BTreeMap<i64, Stored>,
    /// By checksum.
    sent: BTreeMap<u32, Vec<Sending>>,
    /// By producer id and epoch, then by first sequence: base offsets.
    sequences: BTreeMap<(i64, i16), BTreeMap<i32, i64>>,
    /// Records that were sent, repetitions included: no offset is beyond.
    records_sent: i64,
    /// The most that a client was told, or that follows from what it was told.
    pub high_watermark: i64,
    /// As much of that as survives a loss of power.
    firm_end: i64,
    pub log_start: i64,
    /// How far the log start may rise.
    pub may_start_at: i64,
    /// Records may be gone that somebody deleted, or that are older than this, in milliseconds.
    pub expired_before: i64,
    pub deleted_before: i64,
    /// Bytes of it were changed: what they belong to is not served any more.
    pub damaged: bool,
    /// Its topic was deleted and may have been made again: producers may go on in it where they were in the other.
    anew: bool,
}

/// A batch whose place is known.
#[derive(Debug)]
struct Stored {
    last_offset: i64,
    bytes: Bytes,
    /// It survives a loss of power: acknowledged by all, or shown to a reader.
    firm: bool,
}

/// A batch that was sent.
#[derive(Debug)]
struct Sending {
    bytes: Bytes,
    /// How many times it was sent.
    sends: usize,
    idempotent: bool,
    /// It was acknowledged.
    acknowledged: bool,
    /// Base offsets.
    places: Vec<i64>,
}

impl Sending {
    fn is(&self, batch: &Batch<'_>) -> bool {
        self.bytes.get(AS_SENT..) == batch.bytes().get(AS_SENT..)
    }

    /// A batch of an idempotent producer is there once, another as often as it was sent.
    fn copies(&self) -> usize {
        if self.idempotent { 1 } else { self.sends }
    }
}

impl Partition {
    /// A producer sends a batch. Says how many times it has been sent now.
    pub fn sent(&mut self, bytes: &Bytes) -> usize {
        let Ok(batch) = Batch::first(bytes) else { return 0 };
        self.records_sent = self.records_sent.saturating_add(i64::from(batch.record_count()));
        let same = self.sent.entry(batch.crc()).or_default();
        if let Some(sending) = same.iter_mut().find(|sending| sending.is(&batch)) {
            sending.sends += 1;
            return sending.sends;
        }
        same.push(Sending {
            bytes: bytes.clone(),
            sends: 1,
            idempotent: batch.producer_id() >= 0,
            acknowledged: false,
            places: Vec::new(),
        });
        1
    }

    /// A batch that was sent is acknowledged. In a topic that was made anew meanwhile it is not expected any more.
    pub fn acknowledged(&mut self, bytes: &Bytes) {
        let Ok(batch) = Batch::first(bytes) else { return };
        if let Some(sending) = self.find(&batch) {
            sending.acknowledged = true;
        }
    }

    fn find(&mut self, batch: &Batch<'_>) -> Option<&mut Sending> {
        self.sent.get_mut(&batch.crc())?.iter_mut().find(|sending| sending.is(batch))
    }

    /// A batch is found to be stored there. `firm`: so that no loss of power takes it back.
    pub fn place(&mut self, base: i64, bytes: &Bytes, firm: bool) -> Verdict {
        let batch = Batch::first(bytes).map_err(|error| format!("at {base}: {error}"))?;
        let last_offset = base + i64::from(batch.last_offset_delta());
        if let Some(stored) = self.stored.get_mut(&base)
            && stored.bytes.get(AS_SENT..) == batch.bytes().get(AS_SENT..)
        {
            stored.firm |= firm;
            return Ok(());
        }
        let before = self.stored.range(..=last_offset).next_back();
        if let Some((other, stored)) = before.filter(|(_, stored)| stored.last_offset >= base) {
            let last = stored.last_offset;
            return Err(format!(
                "another batch is at {base}..={last_offset} than the one at {other}..={last}"
            ));
        }
        if base < 0 || last_offset >= self.records_sent {
            return Err(format!(
                "{last_offset} lies beyond all {} records that were sent",
                self.records_sent
            ));
        }
        let Some(sending) = self.find(&batch) else {
            return Err(format!("nobody sent the batch at {base}..={last_offset}"));
        };
        if sending.places.len() >= sending.copies() {
            let (sends, places) = (sending.sends, &sending.places);
            return Err(format!("a batch that was sent {sends} times is stored at {places:?} and at {base}"));
        }
        let bytes = sending.bytes.clone();
        self.in_sequence(base, &batch)?;
        if let Some(sending) = self.find(&batch) {
            sending.places.push(base);
        }
        self.stored.insert(base, Stored { last_offset, bytes, firm });
        Ok(())
    }

    /// Batches of an idempotent producer lie in the order of their sequences.
    fn in_sequence(&mut self, base: i64, batch: &Batch<'_>) -> Verdict {
        let (id, epoch, sequence) = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
        if id < 0 {
            return Ok(());
        }
        let known = self.sequences.entry((id, epoch)).or_default();
        let before = known.range(..sequence).next_back().filter(|(_, at)| **at > base);
        let after = known.range(sequence..).next().filter(|(_, at)| **at < base);
        if let Some((other, at)) = before.or(after) {
            return Err(format!(
                "producer {id} epoch {epoch}: sequence {sequence} is stored at {base}, and {other} at {at}"
            ));
        }
        known.insert(sequence, base);
        Ok(())
    }

    /// Nothing is missing between two batches of one producer, nor before its first. `failed`: appends have failed; then
    /// a batch may be the first whose elders, on their way with it, were refused. Apache Kafka takes a producer that
    /// it does not know at any sequence too (`ProducerAppendInfo`).
    pub fn sequences_are_whole(&self, failed: bool) -> Verdict {
        if self.anew || self.damaged {
            return Ok(());
        }
        for ((id, epoch), known) in &self.sequences {
            let first = known.first_key_value().map_or(0, |(sequence, _)| *sequence);
            let mut next = if failed { first } else { 0 };
            for (sequence, base) in known {
                if *sequence != next {
                    return Err(format!(
                        "producer {id} epoch {epoch}: {sequence} at {base} follows where {next} was due"
                    ));
                }
                let stored = self.stored.get(base).and_then(|stored| Batch::first(&stored.bytes).ok());
                let Some(batch) = stored else { break };
                next = batch.last_sequence().wrapping_add(1);
            }
        }
        Ok(())
    }

    /// The batch that was acknowledged before this one in its producer's sequence is stored, and nothing came after:
    /// there is no reason to call this one out of order.
    pub fn follows_the_last(&self, bytes: &Bytes) -> bool {
        let Ok(batch) = Batch::first(bytes) else { return false };
        let key = (batch.producer_id(), batch.producer_epoch());
        let Some((_, base)) = self.sequences.get(&key).and_then(|known| known.last_key_value()) else {
            return false;
        };
        let last = self.stored.get(base).filter(|stored| stored.firm);
        let last = last.and_then(|stored| Batch::first(&stored.bytes).ok());
        last.is_some_and(|last| last.last_sequence().checked_add(1) == Some(batch.base_sequence()))
    }

    /// A client was told how far it can read, and where the log starts; each of them knew `at_least` when it asked.
    pub fn told(&mut self, high_watermark: i64, log_start: i64, at_least: Bounds) -> Verdict {
        let Bounds { start, end } = at_least;
        if high_watermark < end {
            return Err(format!("the high watermark is {high_watermark} and was {end}"));
        }
        if high_watermark > self.records_sent {
            let sent = self.records_sent;
            return Err(format!("the high watermark is {high_watermark}, and {sent} records were sent"));
        }
        if log_start >= 0 {
            self.starts(log_start, start)?;
        }
        if log_start > high_watermark {
            return Err(format!("the log starts at {log_start}, above its high watermark {high_watermark}"));
        }
        self.reaches(high_watermark, true);
        Ok(())
    }

    /// It can be read up to there.
    pub fn reaches(&mut self, end: i64, firm: bool) {
        self.high_watermark = self.high_watermark.max(end);
        if firm {
            self.firm_end = self.firm_end.max(end);
        }
    }

    /// A client was told where the log starts.
    pub fn starts(&mut self, log_start: i64, at_least: i64) -> Verdict {
        if log_start < at_least {
            return Err(format!("the log starts at {log_start}, and started at {at_least}"));
        }
        if log_start > self.may_start_at {
            let may = self.may_start_at;
            return Err(format!("the log starts at {log_start}, and nobody deleted beyond {may}"));
        }
        let from = self.log_start.max(self.deleted_before).min(log_start);
        let went = self.stored.range(from..log_start).filter(|(_, stored)| stored.last_offset < log_start);
        for (base, stored) in went.filter(|(_, stored)| stored.firm) {
            let latest = Batch::first(&stored.bytes).map_or(i64::MIN, |batch| batch.max_timestamp());
            if latest >= self.expired_before {
                let kept = self.expired_before;
                return Err(format!(
                    "the batch at {base} of {latest} is gone; what is from {kept} on is kept"
                ));
            }
        }
        self.log_start = self.log_start.max(log_start);
        Ok(())
    }

    /// What whoever asks now must at least be told.
    pub fn bounds(&self) -> Bounds {
        Bounds { start: self.log_start, end: self.high_watermark }
    }

    /// A batch below `end` that ends before `offset`, at or above the log start, and has a record as late as
    /// `timestamp`: the last offset of that batch.
    pub fn earlier_with(&self, timestamp: i64, offset: i64, end: i64) -> Option<i64> {
        let before = self.stored.range(self.may_start_at.min(end)..end);
        let mut whole = before.take_while(|(_, stored)| stored.last_offset < offset.min(end));
        let late = |stored: &Stored| {
            Batch::first(&stored.bytes).is_ok_and(|batch| batch.max_timestamp() >= timestamp)
        };
        whole.find(|(_, stored)| late(stored)).map(|(_, stored)| stored.last_offset)
    }

    /// The greatest timestamp of the batch that holds an offset, if it is known.
    pub fn latest_around(&self, offset: i64) -> Option<i64> {
        let (_, stored) = self.stored.range(..=offset).next_back()?;
        let batch = Batch::first(&stored.bytes).ok()?;
        (stored.last_offset >= offset).then_some(batch.max_timestamp())
    }

    /// The power went: what was not promised to survive that may be gone.
    pub fn lost_power(&mut self, keeps: bool) {
        let gone: Vec<i64> =
            self.stored.iter().filter(|(_, stored)| !(keeps && stored.firm)).map(|(base, _)| *base).collect();
        for base in gone {
            let Some(stored) = self.stored.remove(&base) else { continue };
            let Ok(batch) = Batch::first(&stored.bytes) else { continue };
            if let Some(sending) = self.find(&batch) {
                sending.places.retain(|place| *place != base);
            }
            if let Some(known) = self.sequences.get_mut(&(batch.producer_id(), batch.producer_epoch())) {
                known.remove(&batch.base_sequence());
            }
        }
        self.firm_end = if keeps { self.firm_end } else { 0 };
        self.high_watermark = self.firm_end;
        if !keeps {
            self.log_start = 0;
        }
    }

    /// What is stored is not what was sent: only offsets can be compared.
    pub fn records_may_be_anything(&mut self) {
        self.records_sent = i64::MAX;
    }

    /// The topic was deleted, and may come back: what was on its way may come into the new one.
    pub fn begin_anew(&mut self) {
        for same in self.sent.values_mut() {
            same.retain(|sending| !sending.acknowledged);
            same.iter_mut().for_each(|sending| sending.places.clear());
        }
        self.sent.retain(|_, same| !same.is_empty());
        let sent = std::mem::take(&mut self.sent);
        let counts = sent.values().flatten().map(|sending| {
            let records = Batch::first(&sending.bytes).map_or(0, |batch| i64::from(batch.record_count()));
            records * sending.sends as i64
        });
        *self = Partition { records_sent: counts.sum(), sent, anew: true, ..Partition::default() };
    }
}

/// Where a partition starts, and how far it can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub start: i64,
    pub end: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{self, Value};
    use kelpgate_core::record::{BatchFields, Codec, Codecs, Limits};

    fn batch(producer_id: i64, sequence: i32, number: u32) -> Bytes {
        let producer_epoch = if producer_id < 0 { -1 } else { 0 };
        let fields =
            BatchFields { producer_id, producer_epoch, base_sequence: sequence, ..BatchFields::default() };
        let values = [Value { client: 1, number }, Value { client: 1, number: number + 1 }];
        payload::batch(fields, &values, 1, Codec::None, &mut Codecs::new(Limits::default()))
    }

    #[test]
    fn a_batch_lies_where_it_was_told_and_nowhere_else() {
        let mut partition = Partition::default();
        let (one, two) = (batch(-1, -1, 0), batch(-1, -1, 2));
        assert_eq!((partition.sent(&one), partition.sent(&two)), (1, 1));
        assert_eq!(partition.place(0, &one, true), Ok(()));
        assert_eq!(partition.place(0, &one, true), Ok(()));
        assert!(partition.place(0, &two, true).is_err(), "another batch is there");
        assert!(partition.place(1, &two, true).is_err(), "half of the other");
        assert!(partition.place(2, &one, true).is_err(), "it was sent once");
        assert_eq!(partition.place(2, &two, true), Ok(()));
    }

    #[test]
    fn what_nobody_sent_is_not_there() {
        let mut partition = Partition::default();
        partition.sent(&batch(-1, -1, 0));
        assert!(partition.place(0, &batch(-1, -1, 7), true).is_err());
    }

    #[test]
    fn an_idempotent_batch_is_there_once_and_in_sequence() {
        let mut partition = Partition::default();
        let (one, two) = (batch(7, 0, 0), batch(7, 2, 2));
        for bytes in [&one, &two, &one] {
            partition.sent(bytes);
        }
        assert_eq!(partition.place(2, &one, true), Ok(()));
        assert!(partition.place(4, &one, true).is_err(), "it was sent twice, and may be there once");
        assert!(partition.place(0, &two, true).is_err(), "it comes after the other");
        assert_eq!(partition.place(4, &two, true), Ok(()));
        assert_eq!(partition.sequences_are_whole(false), Ok(()));
    }

    #[test]
    fn only_where_appends_failed_may_the_first_of_a_producer_be_a_later_one() {
        let mut partition = Partition::default();
        let late = batch(7, 2, 2);
        partition.sent(&batch(7, 0, 0));
        partition.sent(&late);
        assert_eq!(partition.place(0, &late, true), Ok(()));
        assert!(partition.sequences_are_whole(false).is_err());
        assert_eq!(partition.sequences_are_whole(true), Ok(()));
    }

    #[test]
    fn a_loss_of_power_takes_what_was_not_promised() {
        let mut partition = Partition::default();
        let (one, two) = (batch(-1, -1, 0), batch(-1, -1, 2));
        partition.sent(&one);
        partition.sent(&two);
        partition.place(0, &one, true).unwrap();
        partition.reaches(2, true);
        partition.place(2, &two, false).unwrap();
        partition.reaches(4, false);
        partition.lost_power(true);
        assert_eq!(partition.bounds().end, 2);
        assert!(partition.told(1, 0, partition.bounds()).is_err());
        assert_eq!(partition.told(2, 0, partition.bounds()), Ok(()));
    }
}
