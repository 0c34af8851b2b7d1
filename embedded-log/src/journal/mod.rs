//! The journal of a shard: every change to its logs, in order, made durable by one write and one sync for all that
//! came in meanwhile. Segments get the same bytes later, when nobody waits.

mod files;
pub mod format;
pub(crate) mod writer;
