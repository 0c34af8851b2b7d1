//! Record batches: the v2 format as it is stored and sent on, and the older message sets on their way in and out.
//!
//! [`Batch`] reads a header where it lies; [`Records`] walks plain records; [`validate`] decides whether a producer's
//! batch may be appended and [`stamp`] gives it its place in the log without copying a record. [`Codecs`] holds the
//! compression contexts that a shard keeps for all of this.

pub mod accept;
pub mod batch;
pub mod builder;
pub mod codecs;
pub mod compact;
pub mod crc;
pub mod legacy;
pub mod records;
pub mod refusal;
pub mod stamp;
pub mod time_index;
pub mod validate;
mod varint;

pub use accept::{Accepted, accept};
pub use batch::{Batch, BatchError, Batches, StoredBatches};
pub use builder::{BatchBuilder, BatchFields, BuildError, recompress, renumber};
pub use codecs::{Codecs, OpenError, ReadError};
pub use records::{Headers, Record, RecordError, Records};
pub use refusal::{RecordRefusal, Refusal};
pub use stamp::{Stamp, StampedTime, stamp};
pub use validate::{BatchInfo, Rules, validate};

pub use kelpgate_compression::{Codec, Levels, Limits};

/// A timestamp that says there is none (`RecordBatch.NO_TIMESTAMP`).
pub const NO_TIMESTAMP: i64 = -1;
/// The producer id of a batch from a producer without one (`RecordBatch.NO_PRODUCER_ID`).
pub const NO_PRODUCER_ID: i64 = -1;
/// The epoch that goes with [`NO_PRODUCER_ID`].
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The sequence that goes with [`NO_PRODUCER_ID`].
pub const NO_SEQUENCE: i32 = -1;
/// The leader epoch of a batch that no leader has stamped yet.
pub const NO_PARTITION_LEADER_EPOCH: i32 = -1;

#[cfg(test)]
mod tests;
