//! What the system says, in the log's words.

use std::io;

use kelpgate_log::file::FileError;
use rustix::io::Errno;

/// `about` names the file or folder, for errors that a person has to look into.
pub(crate) fn file_error(error: &io::Error, about: &dyn std::fmt::Display) -> FileError {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => FileError::NotFound,
        Some(Errno::NOSPC | Errno::DQUOT) => FileError::Full,
        Some(Errno::MFILE | Errno::NFILE) => FileError::TooManyFiles,
        Some(Errno::ROFS) => FileError::ReadOnly,
        Some(_) | None => FileError::Other(format!("{about}: {error}")),
    }
}
