//! A model of SeaweedFS for tests: it carries out the RPC commands of the SeaweedMQ engine in memory, by a seed.
//!
//! What it does wrong is what SeaweedFS was seen to do:
//!
//! - a broker acknowledges what is in its memory only, and loses it when it ends, by SIGTERM too;
//! - its offsets start anew after a restart, or leave holes;
//! - it writes out every few seconds, or when the last client of a partition leaves, unless the topic's name begins with `_`;
//! - it stops leading, does not know its leaders yet after a start, breaks streams;
//! - a filer keeps what was synced; anything else may be gone when the machine ends before the system wrote it down;
//! - answers are late, or lost although the command was carried out.
//!
//! It is driven like the engine: [`Model::submit`], then [`Model::run`] until [`Model::next_deadline`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod broker;
mod filer;
mod model;
mod random;

pub use broker::Broker;
pub use filer::Filer;
pub use model::{Answer, Faults, Model};
pub use random::Random;
