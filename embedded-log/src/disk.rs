//! Files for those who may wait for them: recovery, before shards start, and inspection.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;

use crate::file::{Entry, FileCommand, FileError, FileHandle, FileReply};

/// Carries out a file command at once.
pub trait Disk {
    /// One command, one answer.
    fn execute(&mut self, command: FileCommand) -> Result<FileReply, FileError>;
}

/// Answers of the kind that was asked for.
pub(crate) struct Files<'a, D: Disk> {
    disk: &'a mut D,
    last_handle: u64,
}

impl<'a, D: Disk> Files<'a, D> {
    /// Handles of recovery are far from those of shards.
    pub(crate) fn new(disk: &'a mut D) -> Files<'a, D> {
        Files { disk, last_handle: u64::MAX / 2 }
    }

    fn run(&mut self, command: FileCommand) -> Result<(), FileError> {
        self.disk.execute(command).map(drop)
    }

    pub(crate) fn open(&mut self, path: String, create: bool) -> Result<(FileHandle, u64), FileError> {
        self.last_handle += 1;
        let handle = FileHandle(self.last_handle);
        match self.disk.execute(FileCommand::Open { handle, path, create })? {
            FileReply::Opened { len } => Ok((handle, len)),
            _ => Err(FileError::Other(String::from("unexpected answer to open"))),
        }
    }

    pub(crate) fn read(&mut self, handle: FileHandle, at: u64, len: usize) -> Result<Bytes, FileError> {
        bytes(self.disk.execute(FileCommand::Read { handle, at, len })?)
    }

    /// `None` if it is not there.
    pub(crate) fn read_whole(&mut self, path: String) -> Result<Option<Bytes>, FileError> {
        match self.disk.execute(FileCommand::ReadWhole { path }) {
            Ok(reply) => bytes(reply).map(Some),
            Err(FileError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn list(&mut self, path: String) -> Result<Vec<Entry>, FileError> {
        match self.disk.execute(FileCommand::List { path })? {
            FileReply::Listed(entries) => Ok(entries),
            _ => Err(FileError::Other(String::from("unexpected answer to list"))),
        }
    }

    pub(crate) fn write(&mut self, handle: FileHandle, at: u64, pieces: Pieces) -> Result<(), FileError> {
        self.run(FileCommand::Write { handle, at, pieces })
    }

    pub(crate) fn truncate(&mut self, handle: FileHandle, len: u64) -> Result<(), FileError> {
        self.run(FileCommand::Truncate { handle, len })
    }

    pub(crate) fn sync(&mut self, handle: FileHandle) -> Result<(), FileError> {
        self.run(FileCommand::Sync { handle })
    }

    pub(crate) fn close(&mut self, handle: FileHandle) -> Result<(), FileError> {
        self.run(FileCommand::Close { handle })
    }

    pub(crate) fn rename(&mut self, from: String, to: String) -> Result<(), FileError> {
        self.run(FileCommand::Rename { from, to })
    }

    pub(crate) fn remove(&mut self, path: String) -> Result<(), FileError> {
        self.run(FileCommand::Remove { path })
    }

    pub(crate) fn remove_folder(&mut self, path: String) -> Result<(), FileError> {
        self.run(FileCommand::RemoveFolder { path })
    }

    /// A folder that is not there has no names to lose.
    pub(crate) fn sync_folder(&mut self, path: String) -> Result<(), FileError> {
        match self.run(FileCommand::SyncFolder { path }) {
            Err(FileError::NotFound) => Ok(()),
            outcome => outcome,
        }
    }

    /// Writes a whole file beside `path`, syncs it and puts it in place; the folder is synced too.
    pub(crate) fn replace(&mut self, path: &str, folder: &str, contents: Bytes) -> Result<(), FileError> {
        let unfinished = crate::layout::unfinished(path);
        let len = contents.len() as u64;
        let (handle, _) = self.open(unfinished.clone(), true)?;
        self.write(handle, 0, Pieces::from(contents))?;
        self.truncate(handle, len)?;
        self.sync(handle)?;
        self.close(handle)?;
        self.rename(unfinished, path.into())?;
        self.sync_folder(folder.into())
    }
}

fn bytes(reply: FileReply) -> Result<Bytes, FileError> {
    match reply {
        FileReply::Bytes(bytes) => Ok(bytes),
        _ => Err(FileError::Other(String::from("unexpected answer to read"))),
    }
}
