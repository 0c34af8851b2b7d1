//! Reading: probes, watches and collection.

use super::ready::{Ready, error_of};
use super::{PartitionQuestion, Wait};
use crate::owner::Owner;
use crate::protocol::ErrorCode;
use crate::shard_message::{Answer, Asker, FetchPosition, Found, PartitionAnswer, Probed};
use crate::storage::StorageCommand;
use crate::topic::epochs::{self, EpochEnd, EpochMismatch, History};

/// A reader that is told once when the high watermark has moved on from the one it knows.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    asker: Asker,
    position: FetchPosition,
    known_high_watermark: i64,
}

impl Watch {
    /// Who waits.
    pub(super) fn asker(&self) -> Asker {
        self.asker
    }

    /// The question it came from, to be asked again.
    pub(super) fn into_question(self) -> (Asker, PartitionQuestion) {
        let Watch { asker, position, known_high_watermark } = self;
        (asker, PartitionQuestion::Watch { position, known_high_watermark })
    }
}

impl Ready {
    /// Answers how much may be read.
    pub(super) fn probe(&mut self, owner: &mut Owner<'_>, asker: Asker, position: FetchPosition) {
        let answer = self.find(position);
        owner.tell(asker, Answer::Partition(PartitionAnswer::Probed(answer)));
    }

    /// Answers once the high watermark is another than the asker knows.
    pub(super) fn watch(
        &mut self,
        owner: &mut Owner<'_>,
        asker: Asker,
        position: FetchPosition,
        known_high_watermark: i64,
    ) {
        let watch = Watch { asker, position, known_high_watermark };
        if self.has_moved(&watch) {
            self.probe(owner, asker, position);
        } else {
            self.watches.push(watch);
        }
    }

    /// Whether there is something to tell to the one who watches.
    pub(super) fn has_moved(&self, watch: &Watch) -> bool {
        self.high_watermark != watch.known_high_watermark || watch.position.fetch_offset < self.start
    }

    /// What a reader at `position` would find (`Partition.fetchRecords`, `Partition.readRecords`).
    fn find(&self, position: FetchPosition) -> Result<Probed, ErrorCode> {
        self.check_epoch(position.current_leader_epoch)?;
        let FetchPosition { fetch_offset, last_fetched_epoch, .. } = position;
        let found = match self.state.epochs.compare(last_fetched_epoch, fetch_offset, self.start, self.end) {
            History::Diverging(EpochEnd { epoch, end_offset }) => Found::Diverging { epoch, end_offset },
            History::OutOfRange => return Err(ErrorCode::OFFSET_OUT_OF_RANGE),
            History::Same if fetch_offset < self.start || fetch_offset > self.end => {
                return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
            }
            History::Same => self.readable(position),
        };
        Ok(Probed { high_watermark: self.high_watermark, log_start: self.start, found })
    }

    /// Whether the client's idea of the current leader epoch is ours (KIP-320).
    pub(super) fn check_epoch(&self, requested: i32) -> Result<(), ErrorCode> {
        epochs::check_current(requested, self.leader_epoch).map_err(|mismatch| match mismatch {
            EpochMismatch::Fenced => ErrorCode::FENCED_LEADER_EPOCH,
            EpochMismatch::Unknown => ErrorCode::UNKNOWN_LEADER_EPOCH,
        })
    }

    fn readable(&self, position: FetchPosition) -> Found {
        if position.fetch_offset >= self.high_watermark {
            return Found::Nothing;
        }
        let limit = usize::try_from(position.max_bytes).unwrap_or(0).max(1);
        Found::Bytes(self.recent.bytes_from(position.fetch_offset).unwrap_or(limit).clamp(1, limit))
    }

    /// Asks the engine for the batches that hold the first of two offsets and what follows below the other, up to the
    /// high watermark.
    pub(super) fn collect(
        &mut self,
        owner: &mut Owner<'_>,
        asker: Asker,
        (from, until): (i64, i64),
        max_bytes: usize,
    ) {
        if from < self.start {
            let gone = PartitionAnswer::Collected(Err(ErrorCode::OFFSET_OUT_OF_RANGE));
            return owner.tell(asker, Answer::Partition(gone));
        }
        let until = until.min(self.high_watermark);
        let command = StorageCommand::Read { log: self.log, from, until, max_bytes };
        owner.store(self.log, Wait::Collect(asker), command);
    }

    /// The high watermark or the log start has moved: those who waited for it are told.
    pub(super) fn wake(&mut self, owner: &mut Owner<'_>) {
        for watch in core::mem::take(&mut self.watches) {
            self.watch(owner, watch.asker, watch.position, watch.known_high_watermark);
        }
    }
}

/// Passes on what the engine read.
pub(super) fn collected(
    owner: &mut Owner<'_>,
    asker: Asker,
    outcome: Result<crate::storage::StorageReply, crate::storage::StorageError>,
) {
    let answer = match outcome {
        Ok(crate::storage::StorageReply::Read(pieces)) => Ok(pieces),
        Ok(other) => panic!("a read was answered with {other:?}"),
        Err(error) => Err(error_of(owner, &error)),
    };
    owner.tell(asker, Answer::Partition(PartitionAnswer::Collected(answer)));
}
