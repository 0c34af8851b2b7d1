//! The SeaweedMQ engine: storage commands in, RPC commands out.
//!
//! [`SmqEngine`] is the engine of one shard. It is driven like this:
//!
//! ```text
//! loop {
//!     for each storage command that came up { engine.submit(now, ticket, command, &mut out) }
//!     for each RPC command carried out      { engine.rpc_done(now, ticket, outcome, &mut out) }
//!     engine.end_turn(now, &mut out)        // what was collected goes out as one write-ahead file
//!     carry out what `out` holds; wait for RPC commands, or for engine.next_deadline()
//! }
//! ```
//!
//! Nothing in here names a socket, a thread or a clock: the same machine runs over a real SeaweedFS and over a model of
//! one.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod append;
mod batches;
mod cache;
mod config;
mod engine;
pub mod frame;
mod index;
mod listing;
mod look;
mod memory;
pub mod message;
mod opening;
mod outbox;
mod partition;
pub mod paths;
mod predecessors;
mod publish;
mod read;
mod removal;
mod rewrite;
pub mod rpc;
mod save;
mod scan;
mod snapshot;
mod state;
mod timers;
mod topic;
mod wal;
pub mod wal_file;
mod wire;

pub use config::SmqConfig;
pub use engine::SmqEngine;
pub use outbox::{SmqOutbox, SmqOutput};
