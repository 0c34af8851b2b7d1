//! Whole Kelpgate nodes, with clients, network, disk and clocks, in virtual time, from one seed.
//!
//! The nodes are the crates that ship: only what lies outside of them is simulated. See [`world::World`] for how a run
//! goes, [`client::Client`] for the programs that use the nodes, [`faults::Swarm`] for what goes wrong, and
//! [`check::Check`] for those who watch.
#![forbid(unsafe_code)]

pub mod agenda;
pub mod bench;
pub mod check;
pub mod client;
pub mod disk;
mod draw;
mod enrich;
pub mod faults;
pub mod history;
pub mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod network;
pub mod node;
pub mod payload;
pub mod random;
pub mod run;
pub mod server;
pub mod shrink;
mod strike;
pub mod transcript;
pub mod world;
