//! The start: the data folder is locked and brought in order.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use kelpgate_log::recovery::{Recovered, RecoveryError, recover};

use crate::Files;

/// The file that is locked while a process uses the folder. It is never removed: that would let two processes hold locks on
/// two files of that name.
const LOCK: &str = "lock";

/// Keeps other processes out of a data folder for as long as it lives.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if need be, and locks it.
    ///
    /// # Errors
    /// When it cannot be made or written to, and when another process has it.
    pub fn take(root: &Path) -> Result<FolderLock, StartError> {
        let refused = |error: io::Error| StartError::Folder { root: root.into(), error };
        fs::create_dir_all(root).map_err(refused)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(root.join(LOCK))
            .map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::Locked { root: root.into(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(refused)?;
        Ok(FolderLock { _file: file })
    }
}

/// Keeps nodes out of a data folder that is only looked at. Changes nothing, so the folder may be read-only.
///
/// # Errors
/// When no node has ever used the folder, and when one does.
pub fn look(root: &Path) -> Result<FolderLock, StartError> {
    let refused = |error: io::Error| StartError::Folder { root: root.into(), error };
    let mut file = File::open(root.join(LOCK)).map_err(refused)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(FolderLock { _file: file }),
        Err(TryLockError::WouldBlock) => {
            Err(StartError::Locked { root: root.into(), holder: holder(&mut file) })
        }
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// The process that wrote its id into the lock file; only for the message.
fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has it.
    #[error(
        "the data folder {} is in use by another process{}; stop that one or use another folder",
        root.display(),
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked { root: PathBuf, holder: Option<u32> },
    /// It cannot be made, or written to.
    #[error("the data folder {} cannot be used: {error}{}", root.display(), advice(error))]
    Folder { root: PathBuf, error: io::Error },
    /// What is in it cannot be used.
    #[error("the data folder {} cannot be used: {error}", root.display())]
    Recovery { root: PathBuf, error: RecoveryError },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; check who owns it and how its volume is mounted"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on its volume",
        _ => "",
    }
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
///
/// # Errors
/// When the folder cannot be had, was written by a newer version, or cannot be read.
pub fn run_recovery(root: &Path, nonce: u64) -> Result<Started, StartError> {
    let lock = FolderLock::take(root)?;
    let mut files = Files::new(root);
    match recover(&mut files, nonce) {
        Ok(recovered) => Ok(Started { recovered, lock }),
        Err(error) => Err(StartError::Recovery { root: root.into(), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("deep/data");
        let first = FolderLock::take(&root).unwrap();
        let second = FolderLock::take(&root).unwrap_err().to_string();
        assert!(
            second.contains(&format!("in use by another process (process {})", std::process::id())),
            "{second}"
        );
        drop(first);
        assert!(FolderLock::take(&root).is_ok());
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = FolderLock::take(file.path()).unwrap_err().to_string();
        assert!(error.contains(&file.path().display().to_string()), "{error}");
    }
}
