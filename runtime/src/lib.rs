//! What the runtimes share. A runtime adds sockets and a way to wait; everything else is here, once:
//!
//! ```text
//! node        threads of the shards, when to listen, when to stop, who failed
//! shard_loop  one turn of a shard: hand over what happened, carry out what it asks
//! sockets     reading within a budget, vectored writing, closing without losing an answer
//! carrier     what engines ask for: lanes for files, or something remote
//! lanes       threads that carry out file commands in order
//! mailbox     what other threads have for a shard
//! census      how many connections the node has, and each address
//! listen      bound sockets, one set per shard, one port for all
//! ```
//!
//! Nothing here knows Kafka: it drives any [`Drive`](kelpgate_shard::Drive).
#![forbid(unsafe_code)]

mod accepting;
mod carrier;
mod census;
mod clock;
mod connections;
mod error;
mod lanes;
mod listen;
mod mailbox;
mod network;
mod node;
mod options;
mod receive;
mod remote;
mod shard_loop;
mod sockets;
mod stop;
mod unsent;

pub use error::RuntimeError;
pub use network::{Accepted, Network, Readiness, Socket};
pub use node::{Runtime, Seat};
pub use options::{Options, Store};
pub use remote::{Answers, Remote};
pub use shard_loop::{ShardLoop, Turn};
pub use stop::StopSignal;
