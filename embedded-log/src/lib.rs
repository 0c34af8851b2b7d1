//! The embedded log: storage commands in, file commands out.
//!
//! [`Log`] is the log of one shard. It is driven like this:
//!
//! ```text
//! loop {
//!     for each storage command that came up { log.submit(now, ticket, command, &mut out) }
//!     for each file command carried out     { log.file_done(now, ticket, outcome, &mut out) }
//!     log.end_turn(now, &mut out)           // what was collected goes out as one write and one sync
//!     carry out what `out` holds; wait for file commands, or for log.next_deadline()
//! }
//! ```
//!
//! Before shards start, [`recovery::recover`] brings the data folder in order and tells which logs there are. Nothing
//! in here names a file handle of the system, a thread or a clock: the same machine runs on any runtime, and in tests
//! on a disk that tears writes and loses what was not synced.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod batch;
mod checkpoint;
pub mod config;
pub mod disk;
pub mod file;
mod flush;
mod index;
mod intake;
pub mod journal;
pub mod layout;
mod log;
pub mod manifest;
mod memory;
mod open_files;
mod outbox;
mod partition;
mod read;
pub mod recovery;
mod removal;
mod rewrite;
mod sequence;
mod snapshot;
mod wire;

pub use config::{Boot, LogConfig, Sync};
pub use log::Log;
pub use manifest::{DamagedRange, LogDescription, SnapshotPlace};
pub use outbox::{LogOutbox, LogOutput};
