//! Carries the SeaweedMQ engine's commands ([`kelpgate_smq::rpc`]) to a real SeaweedFS.
//!
//! ```text
//!   shards --submit--> | queue |  client's thread (tokio, one thread)      gRPC:  masters, filers, brokers
//!          <-deliver-- |       |    a task for each command and stream     HTTP:  file content, filers
//! ```
//!
//! Shards never wait: [`SmqClient::submit`] puts a command into the queue, [`Completions::deliver`] brings outcomes back,
//! those of one turn together. Every command is answered once, within its time.

mod address;
mod client;
mod cluster;
mod codec;
mod completions;
mod config;
mod connector;
mod fault;
mod files;
mod grpc;
mod headers;
pub mod message;
mod publish;
mod security;
mod topics;
mod verifier;

pub use address::{AddressError, ServerAddress, parse_addresses};
pub use client::SmqClient;
pub use codec::log_entries;
pub use completions::{Completion, Completions};
pub use config::SmqConfig;
pub use security::{Security, SecurityError};
