//! Compaction by key, for `cleanup.policy=compact`: of the records with the same key only the last stays
//! (`LogCleanerManager`, `Cleaner`).
//!
//! [`plan`] decides whether a log is dirty enough and which closed segments take part. A [`Compaction`] then carries the plan
//! out in steps: it asks for a piece of the log to be read, or for batches to be written into the replacement of a
//! segment, is told when that is done, and says what comes next. No step handles more than a few hundred KiB, so
//! other work goes on in between. It runs in three phases:
//!
//! 1. The dirty part is read and the last offset of each key noted, until its end or until the memory for keys is used up;
//!    then the rest waits for the next run.
//! 2. Every segment up to there is read again. If nothing in it is to go, it is left as it is.
//! 3. Else it is written anew, small neighbours joined to one segment.
//!
//! A record without a value, a tombstone, stays for `delete.retention.ms` after compaction first met it: that moment is
//! written into its batch (KIP-534). The last batch of a live producer stays at least as an empty one, so that its sequence
//! can be found again, and so does the last batch of the compacted part. Control batches stay. Records without a key
//! cannot be produced to a compacted topic; those from before it was one are dropped.
//!
//! While a compaction runs, the owner lets retention wait; if the log start is moved by a client, or the topic is deleted
//! or its policy changed, it abandons the run. Nothing is lost with a run: the log is right after each step.

mod keys;
mod plan;
mod run;

use bytes::Bytes;

use alloc::string::String;

pub use keys::KeyOffsets;
pub use plan::{CompactionLimits, Plan, plan};
pub use run::{Compaction, Event, Outcome, Settings, Step, Summary};

/// What compaction asks of the record format.
pub trait BatchFormat {
    /// Cuts stored bytes into whole batches.
    fn cut(&self, run: &mut Bytes) -> Result<Option<Bytes>, String>;

    /// Reads the header of one batch.
    fn header(&self, batch: &Bytes) -> Result<BatchHeader, String>;

    /// Shows all records of a batch in order.
    fn visit(&mut self, batch: &Bytes, see: &mut dyn FnMut(RecordView<'_>)) -> Result<(), String>;

    /// The batch with only those records for which `keep` says so, of which there is at least one: base offset, last offset,
    /// sequences and timestamps stay. With a `delete_horizon` that becomes the batch's base timestamp (KIP-534).
    fn rewrite(
        &mut self,
        batch: &Bytes,
        delete_horizon: Option<i64>,
        keep: &mut dyn FnMut(RecordView<'_>) -> bool,
    ) -> Result<Bytes, String>;

    /// The batch without records: its header alone.
    fn emptied(&self, batch: &Bytes) -> Result<Bytes, String>;
}

/// The header fields that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    pub last_offset: i64,
    /// -1 for none.
    pub producer_id: i64,
    pub is_control: bool,
    /// When its tombstones may go, wall clock in milliseconds, once compaction has met them.
    pub delete_horizon: Option<i64>,
}

/// The parts of a record that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    pub offset: i64,
    pub key: Option<&'a [u8]>,
    pub has_value: bool,
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
