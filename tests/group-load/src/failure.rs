//! What can go wrong with the load.

use std::io;

use kelpgate_core::protocol::{ApiKey, DecodeError, EncodeError, ErrorCode};

/// Why the run cannot go on, or what does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The network, or a server that closed a connection.
    #[error("connection: {0}")]
    Connection(#[from] io::Error),
    /// A request that cannot be written.
    #[error("request: {0}")]
    Request(#[from] EncodeError),
    /// An answer that cannot be read.
    #[error("answer: {0}")]
    Answer(#[from] DecodeError),
    /// An answer to something that was not asked.
    #[error("an answer came out of turn: {0:?}")]
    OutOfTurn(ApiKey),
    /// An error code that no member should meet here.
    #[error("{0:?} was answered with {1}")]
    Refused(ApiKey, ErrorCode),
    /// A state that was waited for in vain.
    #[error("not within {seconds} s: {state}")]
    TooLate {
        /// How long the wait was.
        seconds: u64,
        /// What the members were doing at the end.
        state: String,
    },
    /// A group that began another generation though nobody came or went.
    #[error("a settled group moved on: {0}")]
    Restless(String),
    /// Two owners of a partition, or none.
    #[error("ownership: {0}")]
    Ownership(String),
}
