//! What a shard does for its partitions from time to time: retention, the expiry of producers, compaction.

pub mod cleaner;
pub mod retention;

use alloc::format;

use crate::ids::LogId;
use crate::machine::Level;
use crate::owner::Owner;
use crate::storage::{StorageError, StorageReply};
use crate::topic::partitions::Partitions;

/// Everything that is done now and then.
#[derive(Debug, Default)]
pub struct Upkeep {
    pub retention: retention::Retention,
    pub cleaner: cleaner::Cleaner,
}

/// What the engine was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// For retention.
    Segments(LogId),
    /// For retention of a partition that is not open.
    Trim(LogId, i64),
    /// To see whether a log is dirty.
    Dirt(LogId),
    /// A step of compaction.
    Cleaning(LogId),
}

impl Upkeep {
    /// Takes the engine's answer.
    pub fn stored(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        wait: Wait,
        outcome: Result<StorageReply, StorageError>,
    ) {
        match (wait, outcome) {
            (Wait::Segments(log), Ok(StorageReply::Segments(segments))) => {
                if !self.cleaner.is_cleaning(log) {
                    retention::retain(owner, partitions, log, &segments);
                }
            }
            (Wait::Trim(log, start), Ok(_)) => {
                // It may have been opened meanwhile, and been told the old start.
                if let Some(ready) = partitions.get_open(log).and_then(|partition| partition.ready()) {
                    ready.raise_start(owner, start);
                }
            }
            (Wait::Dirt(log), Ok(StorageReply::Segments(segments))) => {
                self.cleaner.judge(owner, partitions, log, &segments);
            }
            (Wait::Cleaning(log), outcome) => self.cleaner.stepped(owner, partitions, log, outcome),
            (Wait::Segments(log) | Wait::Trim(log, _) | Wait::Dirt(log), Err(error)) => {
                owner.note(Level::Warn, format!("upkeep of {log}: {error}"));
            }
            (wait, Ok(reply)) => panic!("{wait:?} was answered with {reply:?}"),
        }
    }
}
