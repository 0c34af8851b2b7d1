//! Topics and the state of their partitions.

pub mod compaction;
pub mod epochs;
pub mod partition;
pub mod partitions;
pub mod producers;
pub mod recent;
pub mod retention;
pub mod snapshot;
