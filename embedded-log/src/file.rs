//! What the log asks of the file system. Paths are relative to the data folder and use `/`.
//!
//! A runtime may carry out commands of different [`Lane`]s at the same time; commands of one lane are carried out in
//! the order they were given. Every command is answered once.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;

/// Names one file command until it is answered. Rising, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileTicket(pub u64);

/// An open file, named by the log and never reused. It belongs to the lane that opened it; other lanes may read or sync
/// it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileHandle(pub u64);

/// Where a command queues.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// The acknowledging path: journal writes and their syncs.
    Journal,
    /// Reads that a client waits for.
    Read,
    /// Checkpoints, deletions, snapshots: nobody waits.
    Background,
}

impl Lane {
    /// Every lane there is.
    pub const ALL: [Lane; 3] = [Lane::Journal, Lane::Read, Lane::Background];
}

/// Something to be done to a file.
#[derive(Clone, Debug, PartialEq)]
pub enum FileCommand {
    /// Opens for reading and writing; with `create`, makes the file (and its parent folders) if it is not there.
    Open { handle: FileHandle, path: String, create: bool },
    /// Closes. Nothing is synced.
    Close { handle: FileHandle },
    /// Writes all pieces at a position, extending the file as needed.
    Write { handle: FileHandle, at: u64, pieces: Pieces },
    /// Reserves room up to `len` bytes and makes the file that long, zeroed (so that a sync need not write metadata).
    Allocate { handle: FileHandle, len: u64 },
    /// Makes the contents durable (`fdatasync`).
    Sync { handle: FileHandle },
    /// Reads up to `len` bytes at a position; fewer only at the end of the file.
    Read { handle: FileHandle, at: u64, len: usize },
    /// Cuts the file to `len` bytes.
    Truncate { handle: FileHandle, len: u64 },
    /// Replaces `to`, atomically.
    Rename { from: String, to: String },
    /// Removes a file. One that is not there is no error.
    Remove { path: String },
    /// Removes a folder and all that is in it. One that is not there is no error.
    RemoveFolder { path: String },
    /// Lists a folder; one that is not there is empty.
    List { path: String },
    /// Makes names in a folder durable (creation, renaming, removal).
    SyncFolder { path: String },
    /// Reads a small file whole; `NotFound` if it is not there.
    ReadWhole { path: String },
    /// Room on the volume.
    Volume,
}

/// The answer to a command that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub enum FileReply {
    /// The length of the file that was opened.
    Opened { len: u64 },
    /// Close, Write, Allocate, Sync, Truncate, Rename, Remove, RemoveFolder and SyncFolder.
    Done,
    /// Read and ReadWhole.
    Bytes(Bytes),
    /// In name order.
    Listed(Vec<Entry>),
    /// In bytes.
    Volume { total: u64, usable: u64 },
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without the path of the folder.
    pub name: String,
    /// 0 for folders.
    pub len: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("not found")]
    NotFound,
    #[error("no space left")]
    Full,
    #[error("too many open files")]
    TooManyFiles,
    #[error("read-only")]
    ReadOnly,
    #[error("{0}")]
    Other(String),
}
