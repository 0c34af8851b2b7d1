//! The machine: bytes and clock ticks in, bytes and storage commands out.
//!
//! Nothing in here opens a socket, reads a clock or draws a random number, and the compiler keeps it so: the
//! crate is `no_std` and forbids unsafe code. A run is the list of its inputs; the same inputs give the same
//! outputs, byte for byte.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod catalogue;
pub mod catalogue_owner;
pub mod config;
pub mod connection;
pub mod fetch;
pub mod gateway;
pub mod group;
pub mod ids;
pub mod inquiry;
pub mod inspect;
pub mod machine;
pub mod mutant;
pub mod owner;
pub mod pieces;
pub mod protocol;
pub mod record;
pub mod request;
pub mod settings;
pub mod shard_message;
pub mod storage;
pub mod time;
pub mod timers;
pub mod topic;
pub mod upkeep;
pub mod uuid;
