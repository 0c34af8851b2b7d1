//! Opening a partition: the engine's word, then the batches after the newest snapshot.

use alloc::collections::VecDeque;
use alloc::format;

use super::ready::Ready;
use super::{Partition, Phase, REPLAY_BYTES, Wait};
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::owner::Owner;
use crate::pieces::Pieces;
use crate::record::{Batch, StoredBatches};
use crate::storage::{Opened, StorageCommand, StorageError, StorageReply};
use crate::topic::producers::{KeptBatch, ProducerBatch, Producers};
use crate::topic::recent::Recent;
use crate::topic::retention::ActiveSegment;
use crate::topic::snapshot::{self, PartitionState};

/// Producers remembered for each partition.
const PRODUCERS_MAX: usize = 10_000;

impl Partition {
    pub(super) fn opened(&mut self, owner: &mut Owner<'_>, outcome: Result<StorageReply, StorageError>) {
        match outcome {
            Ok(StorageReply::Opened(opened)) if self.has_read_nothing_since(opened.start) => {
                self.fence(owner, &format!("nothing is stored from offset {} on", opened.start));
            }
            Ok(StorageReply::Opened(opened)) => {
                let (ready, from) = self.restore(owner, opened);
                self.replay_from(owner, ready, from);
            }
            Ok(other) => panic!("an open was answered with {other:?}"),
            Err(error) => self.close_for_now(owner, &error),
        }
    }

    /// Whether a read while opening brought nothing, although the log started there already. Forgets that read.
    fn has_read_nothing_since(&mut self, start: i64) -> bool {
        let Phase::Opening { replay, .. } = &mut self.phase else { return false };
        replay.take().is_some_and(|before| start <= before.start)
    }

    /// The state as of the newest snapshot, and the offset from which batches must be read back.
    fn restore(&self, owner: &mut Owner<'_>, opened: Opened) -> (Ready, i64) {
        let restored = opened.snapshot.as_ref().and_then(|snapshot| {
            snapshot::decode(owner.now, PRODUCERS_MAX, snapshot)
                .inspect_err(|error| owner.note(Level::Warn, format!("snapshot of {} {error}", self.log)))
                .ok()
                .map(|state| (state, snapshot.offset))
        });
        let (state, from) = match restored {
            Some((state, offset)) => (state, offset.max(opened.start)),
            None => (PartitionState::new(PRODUCERS_MAX), opened.start),
        };
        let ready = Ready {
            log: self.log,
            start: opened.start,
            end: opened.end,
            high_watermark: opened.end,
            leader_epoch: owner.image.leader_epoch(),
            state,
            active: opened.active.map(|segment| ActiveSegment {
                base_offset: segment.base_offset,
                bytes: segment.bytes,
                first_timestamp: segment.first_timestamp,
                begun: owner.now.wall,
            }),
            jitter_ms: 0,
            recent: Recent::default(),
            in_flight: VecDeque::new(),
            watches: alloc::vec::Vec::new(),
            failed: false,
            since_snapshot: 0,
        };
        (ready, from)
    }

    /// Reads the next batches back, or begins to serve.
    fn replay_from(&mut self, owner: &mut Owner<'_>, mut ready: Ready, from: i64) {
        if from < ready.end {
            let command =
                StorageCommand::Read { log: self.log, from, until: ready.end, max_bytes: REPLAY_BYTES };
            owner.store(self.log, Wait::Replay { from }, command);
            if let Phase::Opening { replay, .. } = &mut self.phase {
                *replay = Some(ready);
            }
            return;
        }
        if is_on(Mutant::SequencesForgottenAtRestart) {
            ready.state.producers = Producers::new(PRODUCERS_MAX);
        }
        ready.state.producers.settle(ready.end);
        ready.state.epochs.trim_start(ready.start);
        ready.state.epochs.assign(ready.leader_epoch, ready.end);
        if let Phase::Opening { waiting, .. } = core::mem::replace(&mut self.phase, Phase::Ready(ready)) {
            for (asker, question) in waiting {
                self.ask(owner, asker, question);
            }
        }
    }

    pub(super) fn replayed(
        &mut self,
        owner: &mut Owner<'_>,
        from: i64,
        outcome: Result<StorageReply, StorageError>,
    ) {
        let Phase::Opening { replay, .. } = &mut self.phase else { return };
        let Some(mut ready) = replay.take() else { return };
        match outcome {
            // Retention took all that was to be read: the engine says where the log starts now.
            Ok(StorageReply::Read(pieces)) if pieces.is_empty() => {
                *replay = Some(ready);
                self.ask_to_open(owner);
            }
            Ok(StorageReply::Read(pieces)) => match ready.replay(owner, pieces) {
                Some(next) if next > from => self.replay_from(owner, ready, next),
                _ => self.fence(owner, &format!("batches from offset {from} cannot be understood")),
            },
            Ok(other) => panic!("a read was answered with {other:?}"),
            // What is damaged is not served; what comes after it is. What its producers had sent is not known any more.
            Err(StorageError::Damaged { at, until, detail }) => {
                let text =
                    format!("{}: damaged at {at} ({detail}): producers are read on at {until}", self.log);
                owner.note(Level::Error, text);
                let next = until.max(from + 1).min(ready.end);
                self.replay_from(owner, ready, next);
            }
            Err(error) => self.close_for_now(owner, &error),
        }
    }
}

impl Ready {
    /// Notes what the headers of stored batches say; gives the offset after the last, or none when one is unreadable.
    fn replay(&mut self, owner: &mut Owner<'_>, pieces: Pieces) -> Option<i64> {
        let mut next = None;
        for bytes in StoredBatches::new(pieces) {
            let bytes = bytes.ok()?;
            let batch = Batch::first(&bytes).ok()?;
            self.state.epochs.assign(batch.partition_leader_epoch(), batch.base_offset());
            self.since_snapshot += 1;
            let producer = ProducerBatch::new(
                batch.producer_id(),
                batch.producer_epoch(),
                batch.base_sequence(),
                batch.last_offset_delta(),
            );
            if let Ok(Some(producer)) = producer {
                let kept = KeptBatch {
                    first_sequence: producer.first_sequence,
                    last_sequence: producer.last_sequence,
                    base_offset: batch.base_offset(),
                    last_offset: batch.last_offset(),
                    max_timestamp: batch.max_timestamp(),
                    log_append_time: batch.log_append_time().unwrap_or(-1),
                };
                self.state.producers.replay(owner.now.mono, &producer, kept);
            }
            next = Some(batch.next_offset());
        }
        next
    }
}
