//! One shard: the gateway and its engine, put together without a clock, a socket or a file. Runtimes and the
//! simulator drive it through [`Event`]s and carry out its [`Action`]s; they know nothing of Kafka.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod contract;
mod engine;
mod shard;

pub use contract::{Action, Drive, Event, READ_BUDGET, StopReason};
pub use engine::Engine;
pub use shard::Shard;

pub use kelpgate_core::ids::{ConnId, ShardId, Ticket};
pub use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
pub use kelpgate_core::machine::{Level, Others};
pub use kelpgate_core::pieces::Pieces;
pub use kelpgate_core::time::{Instant, Now, WallTime};
pub use kelpgate_log::file::{Entry, FileCommand, FileError, FileHandle, FileReply, FileTicket, Lane};
pub use kelpgate_smq::rpc::{Rpc, RpcCommand, RpcError, RpcReply, RpcTicket};
