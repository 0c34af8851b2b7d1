//! Appending: a batch is checked, judged by its producer's sequence, given its offsets and sent to the engine.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;

use super::ready::{InFlight, Ready};
use super::{Asker, Wait};
use crate::config::TopicConfig;
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::owner::Owner;
use crate::protocol::ErrorCode;
use crate::record::{self, Accepted, BatchInfo, Rules, Stamp, StampedTime};
use crate::shard_message::{Answer, PartitionAnswer, ProduceRefusal, Produced};
use crate::storage::{Append, StorageCommand};
use crate::topic::producers::{KeptBatch, Refusal, Verdict};
use crate::topic::retention::{ActiveSegment, NextAppend, RollLimits, effective_segment_ms, rolls};
use crate::topic::snapshot;

/// Batches after which the machine's state of a partition is saved, so that opening it reads little back.
const SNAPSHOT_EVERY: u32 = 4096;

/// What a Produce request holds for one partition.
pub(super) struct Sent {
    pub records: Bytes,
    /// Of the request.
    pub version: i16,
    /// Whether its answer waits until the records are durable.
    pub durable: bool,
}

impl Ready {
    /// Takes what a Produce request holds for this partition.
    pub(super) fn produce(&mut self, owner: &mut Owner<'_>, asker: Asker, sent: Sent) {
        if let Err(mut refusal) = self.try_produce(owner, asker, sent) {
            refusal.log_start = self.start;
            owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Err(refusal))));
        }
    }

    fn try_produce(&mut self, owner: &mut Owner<'_>, asker: Asker, sent: Sent) -> Result<(), ProduceRefusal> {
        if self.failed {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR.into());
        }
        let Some(topic) = owner.image.topic_by_id(self.log.topic).cloned() else {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into());
        };
        let rules = Rules {
            topic: &topic.name,
            partition: self.log.partition,
            version: sent.version,
            now: owner.now.wall,
            config: &topic.config,
            open_batches: owner.broker.check_records,
        };
        let accepted = record::accept(&sent.records, &rules, owner.codecs).map_err(unacceptable)?;
        // Transactions are not served yet: said so with the code of a client that has no right to its id.
        if accepted.info.is_transactional {
            return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into());
        }
        match self.duplicate(&accepted.info)? {
            Some(kept) => self.answer_duplicate(owner, asker, kept),
            None => {
                let durable = sent.durable || topic.internal;
                self.append(owner, &topic.config, asker, (&accepted, durable));
            }
        }
        Ok(())
    }

    /// Judges a batch by its producer's sequence; a batch that was appended before is given back.
    fn duplicate(&self, info: &BatchInfo) -> Result<Option<KeptBatch>, ProduceRefusal> {
        let Some(producer) = &info.producer else { return Ok(None) };
        match self.state.producers.check(producer) {
            Verdict::Append => Ok(None),
            Verdict::Duplicate(kept) => Ok(Some(kept)),
            Verdict::Refuse(refusal) => Err(refused(&refusal)),
        }
    }

    /// Answers with the first offset of the batch that is there already, once that one is stored.
    fn answer_duplicate(&mut self, owner: &mut Owner<'_>, asker: Asker, kept: KeptBatch) {
        let produced = Produced {
            base_offset: kept.base_offset,
            log_append_time: kept.log_append_time,
            log_start: self.start,
        };
        match self.in_flight.iter_mut().find(|append| append.last_offset >= kept.last_offset) {
            Some(append) if !is_on(Mutant::DuplicateAnsweredBeforeSync) => {
                append.askers.push((asker, produced))
            }
            Some(_) | None => owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Ok(produced)))),
        }
    }

    /// Gives a batch its offsets and sends it to the engine.
    fn append(
        &mut self,
        owner: &mut Owner<'_>,
        config: &TopicConfig,
        asker: Asker,
        (accepted, durable): (&Accepted, bool),
    ) {
        let Accepted { batch, info } = accepted;
        let base_offset = self.end;
        let stamp = Stamp { base_offset, partition_leader_epoch: self.leader_epoch, time: info.time };
        let Ok(batches) = record::stamp(batch, &stamp) else { unreachable!("a whole batch was accepted") };
        let log_append_time = match info.time {
            StampedTime::LogAppendTime(time) => time,
            StampedTime::AsSent | StampedTime::CreateTime { .. } => -1,
        };
        self.note_producer(owner, info, log_append_time);
        self.end += i64::from(info.last_offset_delta) + 1;
        self.recent.push(base_offset, batches.len());
        let roll = self.count_into_segment(owner, config, base_offset, batches.len(), info.max_timestamp);
        let last_offset = self.end - 1;
        let produced = Produced { base_offset, log_append_time, log_start: self.start };
        let mut askers = vec![(asker, produced)];
        if is_on(Mutant::ProduceAnsweredBeforeSync) {
            askers.clear();
            owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Ok(produced))));
        }
        self.in_flight.push_back(InFlight { base_offset, last_offset, stored: false, askers });
        let max_timestamp = info.max_timestamp;
        let append = Append { base_offset, last_offset, max_timestamp, roll, durable, batches };
        owner.store(self.log, Wait::Append { base_offset }, StorageCommand::Append { log: self.log, append });
        self.since_snapshot += 1;
        if is_on(Mutant::HighWatermarkBeforeSync) {
            self.high_watermark = self.end;
            self.wake(owner);
        }
    }

    fn note_producer(&mut self, owner: &mut Owner<'_>, info: &BatchInfo, log_append_time: i64) {
        let Some(producer) = &info.producer else { return };
        let kept = KeptBatch {
            first_sequence: producer.first_sequence,
            last_sequence: producer.last_sequence,
            base_offset: self.end,
            last_offset: self.end + i64::from(info.last_offset_delta),
            max_timestamp: info.max_timestamp,
            log_append_time,
        };
        if let Some(evicted) = self.state.producers.append(owner.now.mono, producer, kept) {
            let text = format!("{}: {} producers were forgotten to make room", self.log, evicted.producers);
            owner.note(Level::Warn, text);
        }
    }

    /// Counts an append into the active segment; says whether a new one begins with it.
    fn count_into_segment(
        &mut self,
        owner: &mut Owner<'_>,
        config: &TopicConfig,
        base_offset: i64,
        bytes: usize,
        max_timestamp: i64,
    ) -> bool {
        let append = NextAppend { bytes: bytes as u64, max_timestamp, last_offset: self.end - 1 };
        let roll = self.active.as_ref().is_some_and(|active| {
            rolls(&roll_limits(config, self.jitter_ms), owner.now.wall, active, &append)
        });
        let active = self.active.take().filter(|_| !roll).unwrap_or_else(|| {
            self.jitter_ms = draw_jitter(owner.random, config.segment_jitter_ms);
            ActiveSegment { base_offset, bytes: 0, first_timestamp: max_timestamp, begun: owner.now.wall }
        });
        self.active = Some(ActiveSegment { bytes: active.bytes + bytes as u64, ..active });
        roll
    }

    /// Saves producers and epochs when enough has been appended since the last time, or when `always`.
    pub fn snapshot(&mut self, owner: &mut Owner<'_>, always: bool) {
        let due = self.since_snapshot >= SNAPSHOT_EVERY || (always && self.since_snapshot > 0);
        if !due || !self.in_flight.is_empty() {
            return;
        }
        self.since_snapshot = 0;
        let offset = self.high_watermark;
        self.state.producers.settle(offset);
        let snapshot = snapshot::encode(owner.now, &self.state);
        let command = StorageCommand::SaveSnapshot { log: self.log, snapshot, durable: false };
        owner.store(self.log, Wait::Snapshot { offset }, command);
    }
}

/// Between nothing and `segment.jitter.ms`, so that segments begun together do not all roll together.
fn draw_jitter(random: &mut ChaCha12Rng, most: i64) -> i64 {
    if most <= 0 { 0 } else { (random.next_u64() >> 1) as i64 % most }
}

fn roll_limits(config: &TopicConfig, jitter_ms: i64) -> RollLimits {
    RollLimits {
        segment_bytes: config.segment_bytes,
        segment_ms: effective_segment_ms(
            config.cleanup_policy,
            config.segment_ms,
            config.max_compaction_lag_ms,
        ),
        jitter_ms,
    }
}

/// A refusal of the record format, as an answer.
fn unacceptable(refusal: record::Refusal) -> ProduceRefusal {
    let record::Refusal { error, message, record_errors } = refusal;
    ProduceRefusal {
        error,
        message: Some(message),
        record_errors: record_errors.into_iter().map(|record| (record.batch_index, record.message)).collect(),
        log_start: -1,
    }
}

fn refused(refusal: &Refusal) -> ProduceRefusal {
    let error = match refusal {
        Refusal::NegativeEpochOrSequence { .. } => ErrorCode::INVALID_RECORD,
        Refusal::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        Refusal::NewEpochNotAtZero { .. } | Refusal::OutOfOrderSequence { .. } => {
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        }
    };
    ProduceRefusal { error, message: Some(format!("{refusal}")), record_errors: Vec::new(), log_start: -1 }
}
