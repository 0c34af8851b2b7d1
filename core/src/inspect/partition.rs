//! A partition as its owner has it.

use alloc::vec::Vec;
use core::fmt;

use super::TopicPartition;
use crate::ids::LogId;
use crate::shard_message::{ActiveProducer, Asker};

/// One partition.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionView {
    pub name: TopicPartition,
    pub log: LogId,
    pub phase: PartitionPhase,
}

/// What a partition is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum PartitionPhase {
    /// The engine is finding out where it stands; so many questions wait.
    Opening {
        waiting: usize,
    },
    Serving(ServingView),
    /// It could not be opened; the next question tries again.
    Closed,
    /// A stored batch cannot be understood.
    Fenced,
}

/// A partition that serves. The first four offsets never fall, and each is at most the next.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingView {
    pub log_start: i64,
    /// Below this no transaction is open. As no transactions are served, it is the high watermark.
    pub last_stable_offset: i64,
    /// Records below this are as durable as the engine's policy says, and may be read.
    pub high_watermark: i64,
    /// The offset of the next record.
    pub log_end: i64,
    pub leader_epoch: i32,
    /// By id.
    pub producers: Vec<ActiveProducer>,
    /// Appends that the engine has not answered.
    pub appends: usize,
    /// Who waits for those appends.
    pub awaiting: Vec<Asker>,
    /// Fetches that wait for more records.
    pub parked: Vec<Asker>,
    /// An append failed: it is opened again once all under way are answered.
    pub failed: bool,
    /// Compaction has seen everything below.
    pub compacted_to: i64,
}

/// The numbers of a partition that serves; the last stable offset is the high watermark, as long as no transactions are
/// served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    pub log_start: i64,
    pub high_watermark: i64,
    pub log_end: i64,
    pub leader_epoch: i32,
}

impl PartitionView {
    /// Its state, if it serves.
    pub fn serving(&self) -> Option<&ServingView> {
        match &self.phase {
            PartitionPhase::Serving(serving) => Some(serving),
            PartitionPhase::Opening { .. } | PartitionPhase::Closed | PartitionPhase::Fenced => None,
        }
    }
}

impl fmt::Display for PartitionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} ({})", self.name, self.log)?;
        match &self.phase {
            PartitionPhase::Opening { waiting } => write!(f, " opening, {waiting} questions wait"),
            PartitionPhase::Serving(serving) => write!(f, " {serving}"),
            PartitionPhase::Closed => f.write_str(" closed"),
            PartitionPhase::Fenced => f.write_str(" fenced"),
        }
    }
}

impl fmt::Display for ServingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "epoch {} start {} stable {} high-watermark {} end {} appends {} parked {} compacted-to {}",
            self.leader_epoch,
            self.log_start,
            self.last_stable_offset,
            self.high_watermark,
            self.log_end,
            self.appends,
            self.parked.len(),
            self.compacted_to,
        )?;
        if self.failed {
            f.write_str(" failed")?;
        }
        for producer in &self.producers {
            let ActiveProducer { producer_id, producer_epoch, last_sequence, .. } = producer;
            write!(f, "\n  producer {producer_id} epoch {producer_epoch} sequence {last_sequence}")?;
        }
        Ok(())
    }
}
