//! Offsets for timestamps, for special timestamps, and the answers of the engine to them.

use super::ready::{Ready, error_of};
use super::{Asker, Wait};
use crate::owner::Owner;
use crate::protocol::ErrorCode;
use crate::record::Batch;
use crate::record::time_index::{self, TimestampAndOffset};
use crate::request::list_offsets::special;
use crate::shard_message::{Answer, FoundOffset, PartitionAnswer};
use crate::storage::{StorageCommand, StorageError, StorageReply};

/// No such offset: not an error (`ListOffsetsResponse.UNKNOWN_OFFSET`).
const NONE: FoundOffset = FoundOffset { offset: -1, timestamp: -1, leader_epoch: -1 };

impl Ready {
    /// Answers at once for special values; a real timestamp is looked for by the engine.
    pub(super) fn list_offset(
        &mut self,
        owner: &mut Owner<'_>,
        asker: Asker,
        timestamp: i64,
        current_leader_epoch: i32,
    ) {
        if let Err(error) = self.check_epoch(current_leader_epoch) {
            return tell(owner, asker, Err(error));
        }
        let (log, from, until) = (self.log, self.start, self.high_watermark);
        match timestamp {
            special::LATEST => tell(owner, asker, Ok(self.at(until))),
            special::EARLIEST | special::EARLIEST_LOCAL => tell(owner, asker, Ok(self.at(from))),
            // Nothing is tiered: nothing was uploaded and nothing waits to be.
            special::LATEST_TIERED | special::EARLIEST_PENDING_UPLOAD => tell(owner, asker, Ok(NONE)),
            special::MAX_TIMESTAMP => {
                let command = StorageCommand::FindMaxTime { log, from, until };
                owner.store(log, Wait::FindMaxTime { asker }, command);
            }
            at_least => {
                let command = StorageCommand::FindTime { log, from, until, at_least };
                owner.store(log, Wait::FindTime { asker, timestamp }, command);
            }
        }
    }

    fn at(&self, offset: i64) -> FoundOffset {
        FoundOffset {
            offset,
            timestamp: -1,
            leader_epoch: self.state.epochs.epoch_at(offset).unwrap_or(self.leader_epoch),
        }
    }

    /// Looks for the record in the batch that the engine found; a batch that only seemed to have it leads on.
    pub(super) fn found_time(
        &mut self,
        owner: &mut Owner<'_>,
        asker: Asker,
        timestamp: i64,
        outcome: Result<StorageReply, StorageError>,
    ) {
        let batch = match outcome {
            Ok(StorageReply::FoundTime(Some(batch))) => batch,
            Ok(StorageReply::FoundTime(None)) => return tell(owner, asker, Ok(NONE)),
            Ok(other) => panic!("a search was answered with {other:?}"),
            Err(error) => return fail(owner, asker, &error),
        };
        let Ok(view) = Batch::first(&batch) else {
            return tell(owner, asker, Err(ErrorCode::CORRUPT_MESSAGE));
        };
        match time_index::first_at_or_after(&view, timestamp, self.start, owner.codecs) {
            Ok(Some(found)) => tell(owner, asker, Ok(located(&view, found))),
            Ok(None) => {
                let (log, from, until) = (self.log, view.next_offset(), self.high_watermark);
                let command = StorageCommand::FindTime { log, from, until, at_least: timestamp };
                owner.store(log, Wait::FindTime { asker, timestamp }, command);
            }
            Err(_) => tell(owner, asker, Err(ErrorCode::CORRUPT_MESSAGE)),
        }
    }
}

fn located(batch: &Batch<'_>, found: TimestampAndOffset) -> FoundOffset {
    FoundOffset {
        offset: found.offset,
        timestamp: found.timestamp,
        leader_epoch: batch.partition_leader_epoch(),
    }
}

/// Looks for the record with the greatest timestamp in the batch that the engine found.
pub(super) fn found_max_time(
    owner: &mut Owner<'_>,
    asker: Asker,
    outcome: Result<StorageReply, StorageError>,
) {
    match outcome {
        Ok(StorageReply::FoundMaxTime(None)) => tell(owner, asker, Ok(NONE)),
        Ok(StorageReply::FoundMaxTime(Some(batch))) => {
            let Ok(view) = Batch::first(&batch) else {
                return tell(owner, asker, Err(ErrorCode::CORRUPT_MESSAGE));
            };
            let found = time_index::max_timestamp(&view, owner.codecs);
            let found = found.map(|found| found.map_or(NONE, |found| located(&view, found)));
            tell(owner, asker, found.map_err(|_| ErrorCode::CORRUPT_MESSAGE));
        }
        Ok(other) => panic!("a search was answered with {other:?}"),
        Err(error) => fail(owner, asker, &error),
    }
}

fn fail(owner: &mut Owner<'_>, asker: Asker, error: &StorageError) {
    let code = error_of(owner, error);
    tell(owner, asker, Err(code));
}

fn tell(owner: &mut Owner<'_>, asker: Asker, answer: Result<FoundOffset, ErrorCode>) {
    owner.tell(asker, Answer::Partition(PartitionAnswer::Offset(answer)));
}
