//! Retention and the expiry of producers. A round goes through the partitions in small steps, so that no step takes long.

use alloc::format;

use super::Wait;
use crate::ids::LogId;
use crate::machine::Level;
use crate::owner::{Owner, Waiting};
use crate::storage::{SegmentInfo, StorageCommand};
use crate::topic::partitions::Partitions;
use crate::topic::retention::{self, RetentionLimits};

/// Partitions looked at in one step.
const STEP: usize = 64;

/// Where a round stands.
#[derive(Debug, Default)]
pub struct Retention {
    after: Option<LogId>,
}

/// Whether a round is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    Goes,
    Over,
}

impl Retention {
    /// Looks at the next few partitions.
    pub fn step(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) -> Round {
        let logs = Partitions::owned_after(owner, self.after, STEP);
        for log in &logs {
            if let Some(ready) = partitions.get_open(*log).and_then(|partition| partition.ready()) {
                ready.expire_producers(owner);
            }
            submit(owner, Wait::Segments(*log), StorageCommand::Segments { log: *log });
        }
        self.after = logs.last().copied().filter(|_| logs.len() == STEP);
        if self.after.is_some() { Round::Goes } else { Round::Over }
    }
}

/// Drops the segments whose time is over.
pub(super) fn retain(
    owner: &mut Owner<'_>,
    partitions: &mut Partitions,
    log: LogId,
    segments: &[SegmentInfo],
) {
    let Some(topic) = owner.image.topic_by_id(log.topic) else { return };
    let limits = RetentionLimits {
        policy: topic.config.cleanup_policy,
        retention_ms: topic.config.retention_ms,
        retention_bytes: topic.config.retention_bytes,
    };
    let ready = partitions.get_open(log).and_then(|partition| partition.ready());
    let end = segments.last().map_or(0, |last| last.end_offset);
    let high_watermark = ready.as_ref().map_or(end, |ready| ready.bounds().1);
    let Some(gone) = retention::expired(&limits, owner.now.wall, high_watermark, segments) else {
        return;
    };
    owner.note(
        Level::Info,
        format!("{log}: {} segments of {} bytes are deleted", gone.by_size + gone.by_age, gone.bytes),
    );
    match ready {
        Some(ready) => ready.trim(owner, None, gone.log_start),
        None => {
            let command = StorageCommand::Trim { log, start: gone.log_start };
            submit(owner, Wait::Trim(log, gone.log_start), command);
        }
    }
}

pub(super) fn submit(owner: &mut Owner<'_>, wait: Wait, command: StorageCommand) {
    owner.stores.submit(owner.out, Waiting::Upkeep(wait), command);
}
