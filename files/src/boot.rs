//! The start: the data folder is locked and brought in order.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use kelpgate_log::recovery::{Recovered, RecoveryError, recover};

use crate::Files;

const LOCK: &str = "lock";

/// Keeps other processes out of a data folder for as long as it lives.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be, and locks it.
    pub fn take(root: &Path) -> Result<FolderLock, StartError> {
        let refused = |error: io::Error| StartError::Folder { root: root.into(), error };
        fs::create_dir_all(root).map_err(refused)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(root.join(LOCK))
            .map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::Locked { root: root.into() }),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has it.
    #[error("the data folder {} is in use by another process", root.display())]
    Locked { root: PathBuf },
    /// It cannot be made, or written to.
    #[error("the data folder {} cannot be used: {error}", root.display())]
    Folder { root: PathBuf, error: io::Error },
    /// What is in it cannot be used.
    #[error("the data folder {} cannot be used: {error}", root.display())]
    Recovery { root: PathBuf, error: RecoveryError },
}

/// A data folder in order, and ours.
#[derive(Debug)]
pub struct Started {
    /// What to give to the shards' logs.
    pub recovered: Recovered,
    /// To be kept until the process ends.
    pub lock: FolderLock,
}

/// Locks the data folder and brings it in order. `nonce` is drawn at random for this start. Blocks.
pub fn run_recovery(root: &Path, nonce: u64) -> Result<Started, StartError> {
    let lock = FolderLock::take(root)?;
    let mut files = Files::new(root);
    match recover(&mut files, nonce) {
        Ok(recovered) => Ok(Started { recovered, lock }),
        Err(error) => Err(StartError::Recovery { root: root.into(), error }),
    }
}
