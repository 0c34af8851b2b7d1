//! Carries out the log's file commands with blocking system calls, for whoever has threads to block: the lanes of the
//! mio runtime, the program before shards start, and the command that inspects a data folder.
//!
//! Linux and other Unix systems.

mod boot;
mod errors;
mod files;

pub use boot::{FolderLock, StartError, Started, look, run_recovery};
pub use files::Files;
