//! Topics and the state of their partitions.

pub mod compaction;
pub mod epochs;
pub mod producers;
pub mod retention;
pub mod snapshot;
