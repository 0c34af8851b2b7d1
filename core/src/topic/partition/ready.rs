//! A partition that serves: its offsets, what is on its way to the engine, and who waits.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::fetch::{self, Watch};
use super::{PartitionQuestion, Wait, offsets, produce, refuse};
use crate::config::TopicConfig;
use crate::ids::LogId;
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::owner::Owner;
use crate::protocol::ErrorCode;
use crate::shard_message::{ActiveProducer, Answer, Asker, PartitionAnswer, ProduceRefusal, Produced};
use crate::storage::{StorageCommand, StorageError, StorageReply};
use crate::topic::recent::Recent;
use crate::topic::retention::ActiveSegment;
use crate::topic::snapshot::PartitionState;

/// The state of a serving partition.
#[derive(Debug)]
pub struct Ready {
    pub(super) log: LogId,
    /// First offset that may be read.
    pub(super) start: i64,
    /// The offset of the next record.
    pub(super) end: i64,
    /// Records below this are stored as durably as the engine's policy says, and may be read.
    pub(super) high_watermark: i64,
    /// The epoch written into new batches: the node's start number.
    pub(super) leader_epoch: i32,
    pub(super) state: PartitionState,
    /// The segment that appends go to, as far as rolling needs it.
    pub(super) active: Option<ActiveSegment>,
    /// Taken off `segment.ms` for the active segment.
    pub(super) jitter_ms: i64,
    pub(super) recent: Recent,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) watches: Vec<Watch>,
    /// An append failed: no more until the log has been opened again.
    pub(super) failed: bool,
    /// Batches appended since the last snapshot.
    pub(super) since_snapshot: u32,
}

/// An append that the engine has not answered, or whose elders it has not.
#[derive(Debug)]
pub struct InFlight {
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    /// Its answer, once the engine has stored it.
    pub(super) stored: bool,
    /// Who is told when it and all before it are stored: the producer, and those who sent the same batch again.
    pub(super) askers: Vec<(Asker, Produced)>,
}

impl Ready {
    pub(super) fn ask(&mut self, owner: &mut Owner<'_>, asker: Asker, question: PartitionQuestion) {
        let Some(config) = owner.image.topic_by_id(self.log.topic).map(|topic| topic.config.clone()) else {
            return refuse(owner, asker, &question, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        match question {
            PartitionQuestion::Produce { records, version, durable } => {
                self.produce(owner, asker, produce::Sent { records, version, durable });
            }
            PartitionQuestion::Probe(position) => self.probe(owner, asker, position),
            PartitionQuestion::Watch { position, known_high_watermark } => {
                self.watch(owner, asker, position, known_high_watermark);
            }
            PartitionQuestion::Collect { from, until, max_bytes } => {
                self.collect(owner, asker, (from, until), max_bytes);
            }
            PartitionQuestion::ListOffset { timestamp, current_leader_epoch } => {
                self.list_offset(owner, asker, timestamp, current_leader_epoch);
            }
            PartitionQuestion::DeleteRecords { offset } => self.delete_records(owner, &config, asker, offset),
            PartitionQuestion::EpochEnd { leader_epoch, current_leader_epoch } => {
                let answer = self.check_epoch(current_leader_epoch).map(|()| {
                    let found = self.state.epochs.end_offset_for(leader_epoch, self.end);
                    (found.epoch, found.end_offset)
                });
                owner.tell(asker, Answer::Partition(PartitionAnswer::EpochEnd(answer)));
            }
            PartitionQuestion::Producers => {
                let producers = self.active_producers();
                owner.tell(asker, Answer::Partition(PartitionAnswer::Producers(Ok(producers))));
            }
        }
    }

    pub(super) fn stored(
        &mut self,
        owner: &mut Owner<'_>,
        wait: Wait,
        outcome: Result<StorageReply, StorageError>,
    ) {
        match wait {
            Wait::Append { base_offset } => self.appended(owner, base_offset, outcome),
            Wait::FindTime { asker, timestamp } => self.found_time(owner, asker, timestamp, outcome),
            Wait::Trim { asker, start } => self.trimmed(owner, asker, start, outcome),
            Wait::Collect(_) | Wait::FindMaxTime { .. } | Wait::Snapshot { .. } => {
                answer_without_state(owner, wait, outcome);
            }
            Wait::Open | Wait::Replay { .. } => unreachable!("handled while opening"),
        }
    }

    /// Moves the high watermark over what is stored now, answers producers, wakes readers.
    fn appended(
        &mut self,
        owner: &mut Owner<'_>,
        base_offset: i64,
        outcome: Result<StorageReply, StorageError>,
    ) {
        match outcome {
            Ok(_) => {
                if let Some(found) =
                    self.in_flight.iter_mut().find(|append| append.base_offset == base_offset)
                {
                    found.stored = true;
                }
            }
            Err(error) => {
                self.failed = true;
                let code = error_of(owner, &error);
                self.fail_append(owner, base_offset, code);
            }
        }
        while self.in_flight.front().is_some_and(|append| append.stored) {
            let Some(append) = self.in_flight.pop_front() else { break };
            self.high_watermark = append.last_offset + 1;
            self.state.producers.settle(self.high_watermark);
            for (asker, produced) in append.askers {
                owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Ok(produced))));
            }
        }
        if !is_on(Mutant::FetchNotWoken) {
            self.wake(owner);
        }
        self.snapshot(owner, false);
    }

    fn fail_append(&mut self, owner: &mut Owner<'_>, base_offset: i64, code: ErrorCode) {
        let Some(index) = self.in_flight.iter().position(|append| append.base_offset == base_offset) else {
            return;
        };
        for (asker, _) in self.in_flight.remove(index).map(|append| append.askers).unwrap_or_default() {
            let refusal = ProduceRefusal::from(code);
            owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Err(refusal))));
        }
    }

    pub(super) fn forget(&mut self, asker: Asker) {
        self.watches.retain(|watch| watch.asker() != asker);
    }

    pub(super) fn take_watches(&mut self) -> Vec<Watch> {
        core::mem::take(&mut self.watches)
    }

    /// Tells everybody who waits that the topic is gone.
    pub(super) fn deleted(self, owner: &mut Owner<'_>) {
        let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        for append in self.in_flight {
            for (asker, _) in append.askers {
                let refusal = ProduceRefusal::from(gone);
                owner.tell(asker, Answer::Partition(PartitionAnswer::Produced(Err(refusal))));
            }
        }
        for watch in self.watches {
            let (asker, question) = watch.into_question();
            refuse(owner, asker, &question, gone);
        }
    }

    pub(super) fn active_producers(&self) -> Vec<ActiveProducer> {
        self.state
            .producers
            .iter()
            .map(|(producer_id, state)| ActiveProducer {
                producer_id,
                producer_epoch: state.epoch(),
                last_sequence: state.last_sequence(),
                last_timestamp: state.last_timestamp(),
            })
            .collect()
    }

    /// Has the engine move the log start; -1 in a client's request means the high watermark.
    fn delete_records(
        &mut self,
        owner: &mut Owner<'_>,
        config: &Arc<TopicConfig>,
        asker: Asker,
        offset: i64,
    ) {
        let passes = is_on(Mutant::DeleteRecordsPassesHighWatermark);
        let highest = if passes { i64::MAX } else { self.high_watermark };
        let target = if offset == -1 { self.high_watermark } else { offset };
        let refused = if !config.cleanup_policy.delete && config.cleanup_policy.compact {
            Some(ErrorCode::POLICY_VIOLATION)
        } else if target < 0 || target > highest {
            Some(ErrorCode::OFFSET_OUT_OF_RANGE)
        } else {
            None
        };
        match refused {
            Some(code) => owner.tell(asker, Answer::Partition(PartitionAnswer::RecordsDeleted(Err(code)))),
            None if target <= self.start => {
                owner.tell(asker, Answer::Partition(PartitionAnswer::RecordsDeleted(Ok(self.start))));
            }
            None => self.trim(owner, Some(asker), target),
        }
    }

    /// Raises the log start, for a client or for retention.
    pub fn trim(&mut self, owner: &mut Owner<'_>, asker: Option<Asker>, start: i64) {
        let command = StorageCommand::Trim { log: self.log, start };
        owner.store(self.log, Wait::Trim { asker, start }, command);
    }

    fn trimmed(
        &mut self,
        owner: &mut Owner<'_>,
        asker: Option<Asker>,
        start: i64,
        outcome: Result<StorageReply, StorageError>,
    ) {
        let answer = match outcome {
            Ok(_) => {
                self.raise_start(owner, start);
                Ok(self.start)
            }
            Err(error) => Err(error_of(owner, &error)),
        };
        if let Some(asker) = asker {
            owner.tell(asker, Answer::Partition(PartitionAnswer::RecordsDeleted(answer)));
        }
    }

    /// Forgets producers that have been idle for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, owner: &Owner<'_>) {
        self.state.producers.expire(
            owner.now.mono,
            Duration::from_millis(u64::try_from(owner.broker.producer_id_expiration_ms).unwrap_or(0)),
        );
    }

    /// The log starts here now; a reader below learns that its offset is gone.
    pub fn raise_start(&mut self, owner: &mut Owner<'_>, start: i64) {
        self.start = self.start.max(start);
        self.state.epochs.trim_start(self.start);
        self.wake(owner);
    }

    /// Where the last compaction ended.
    pub fn compacted_to(&self) -> i64 {
        self.state.compacted_to
    }

    /// Compaction has ended here; that is remembered.
    pub fn compacted(&mut self, owner: &mut Owner<'_>, to: i64) {
        self.state.compacted_to = to;
        self.since_snapshot = self.since_snapshot.max(1);
        self.snapshot(owner, true);
    }

    /// The offset of each producer's last record.
    pub fn last_offsets(&self) -> BTreeMap<i64, i64> {
        self.state.producers.last_offsets()
    }

    /// First offset, high watermark.
    pub fn bounds(&self) -> (i64, i64) {
        (self.start, self.high_watermark)
    }
}

/// Answers that need nothing of the partition's state, so they can go out while it is being opened again, or is gone.
pub fn answer_without_state(owner: &mut Owner<'_>, wait: Wait, outcome: Result<StorageReply, StorageError>) {
    match wait {
        Wait::Collect(asker) => fetch::collected(owner, asker, outcome),
        Wait::FindMaxTime { asker } => offsets::found_max_time(owner, asker, outcome),
        Wait::FindTime { asker, .. } => {
            let answer = PartitionAnswer::Offset(Err(ErrorCode::KAFKA_STORAGE_ERROR));
            owner.tell(asker, Answer::Partition(answer));
        }
        Wait::Trim { asker: Some(asker), .. } => {
            let answer = PartitionAnswer::RecordsDeleted(Err(ErrorCode::KAFKA_STORAGE_ERROR));
            owner.tell(asker, Answer::Partition(answer));
        }
        Wait::Trim { asker: None, .. } => {}
        Wait::Snapshot { offset } => {
            if let Err(error) = outcome {
                owner.note(Level::Warn, alloc::format!("no snapshot at offset {offset}: {error}"));
            }
        }
        // The topic was deleted meanwhile, and whoever waited was told then; while a log is being opened again, no append is
        // under way.
        Wait::Append { .. } | Wait::Open | Wait::Replay { .. } => {}
    }
}

/// The code a client gets for trouble with storage, always one that it retries (kafka-clients treats
/// UNKNOWN_SERVER_ERROR as fatal). What a person should know is noted.
pub(super) fn error_of(owner: &mut Owner<'_>, error: &StorageError) -> ErrorCode {
    match error {
        StorageError::Gone => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        StorageError::Overloaded => ErrorCode::REQUEST_TIMED_OUT,
        StorageError::Full
        | StorageError::TooManyFiles
        | StorageError::Damaged { .. }
        | StorageError::Fenced(_)
        | StorageError::Other(_) => {
            owner.note(Level::Error, alloc::format!("storage: {error}"));
            ErrorCode::KAFKA_STORAGE_ERROR
        }
    }
}
