//! File commands, one system call after the other.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{Entry, FileCommand, FileError, FileHandle, FileReply};

use crate::errors::file_error;

/// Parts of one vectored write (`IOV_MAX` is 1024 on Linux).
const PARTS: usize = 1024;

/// The files of a data folder. May be shared between threads: commands of different lanes run side by side.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    open: RwLock<BTreeMap<FileHandle, Arc<File>>>,
}

impl Files {
    /// Files below `root`, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Files {
        Files { root: root.into(), open: RwLock::new(BTreeMap::new()) }
    }

    /// The data folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Carries out one command; blocks as long as it takes.
    pub fn execute(&self, command: &FileCommand) -> Result<FileReply, FileError> {
        match command {
            FileCommand::Open { handle, path, create } => self.open_file(*handle, path, *create),
            FileCommand::Close { handle } => {
                self.table_mut().remove(handle);
                Ok(FileReply::Done)
            }
            FileCommand::Write { handle, at, pieces } => {
                self.done(*handle, |file| write_all(file, *at, pieces))
            }
            FileCommand::Allocate { handle, len } => self.done(*handle, |file| allocate(file, *len)),
            FileCommand::Sync { handle } => self.done(*handle, File::sync_data),
            FileCommand::Read { handle, at, len } => {
                let file = self.file(*handle)?;
                let bytes = read(&file, *at, *len).map_err(|error| self.at_handle(*handle, &error))?;
                Ok(FileReply::Bytes(bytes))
            }
            FileCommand::Truncate { handle, len } => self.done(*handle, |file| file.set_len(*len)),
            FileCommand::Rename { from, to } => {
                self.at(to, |path| fs::rename(self.path(from), path)).map(|()| FileReply::Done)
            }
            FileCommand::Remove { path } => forgive_missing(self.at(path, fs::remove_file)),
            FileCommand::RemoveFolder { path } => forgive_missing(self.at(path, fs::remove_dir_all)),
            FileCommand::List { path } => match self.at(path, list) {
                Ok(entries) => Ok(FileReply::Listed(entries)),
                Err(FileError::NotFound) => Ok(FileReply::Listed(Vec::new())),
                Err(error) => Err(error),
            },
            FileCommand::SyncFolder { path } => {
                self.at(path, |path| File::open(path)?.sync_all()).map(|()| FileReply::Done)
            }
            FileCommand::ReadWhole { path } => {
                self.at(path, fs::read).map(|contents| FileReply::Bytes(contents.into()))
            }
            FileCommand::Volume => self.volume(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        match path {
            "" => self.root.clone(),
            path => self.root.join(path),
        }
    }

    fn at<T>(&self, path: &str, action: impl FnOnce(PathBuf) -> io::Result<T>) -> Result<T, FileError> {
        let path = self.path(path);
        action(path.clone()).map_err(|error| file_error(&error, &path.display()))
    }

    fn table(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<FileHandle, Arc<File>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<FileHandle, Arc<File>>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, handle: FileHandle) -> Result<Arc<File>, FileError> {
        let file = self.table().get(&handle).cloned();
        file.ok_or_else(|| FileError::Other(format!("file {} is not open", handle.0)))
    }

    fn at_handle(&self, handle: FileHandle, error: &io::Error) -> FileError {
        file_error(error, &format_args!("file {}", handle.0))
    }

    fn done(
        &self,
        handle: FileHandle,
        action: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<FileReply, FileError> {
        let file = self.file(handle)?;
        action(&file).map(|()| FileReply::Done).map_err(|error| self.at_handle(handle, &error))
    }

    fn open_file(&self, handle: FileHandle, path: &str, create: bool) -> Result<FileReply, FileError> {
        let file = self.at(path, |path| {
            let open =
                || OpenOptions::new().read(true).write(true).create(create).truncate(false).open(&path);
            match open() {
                Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                    path.parent().map_or(Ok(()), fs::create_dir_all)?;
                    open()
                }
                outcome => outcome,
            }
        })?;
        let len = file.metadata().map_err(|error| file_error(&error, &path))?.len();
        self.table_mut().insert(handle, Arc::new(file));
        Ok(FileReply::Opened { len })
    }

    fn volume(&self) -> Result<FileReply, FileError> {
        let room = rustix::fs::statvfs(&self.root)
            .map_err(|errno| file_error(&errno.into(), &self.root.display()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        Ok(FileReply::Volume { total: bytes(room.f_blocks), usable: bytes(room.f_bavail) })
    }
}

impl Disk for Files {
    fn execute(&mut self, command: FileCommand) -> Result<FileReply, FileError> {
        Files::execute(self, &command)
    }
}

impl Disk for &Files {
    fn execute(&mut self, command: FileCommand) -> Result<FileReply, FileError> {
        Files::execute(self, &command)
    }
}

fn forgive_missing(outcome: Result<(), FileError>) -> Result<FileReply, FileError> {
    match outcome {
        Ok(()) | Err(FileError::NotFound) => Ok(FileReply::Done),
        Err(error) => Err(error),
    }
}

fn list(path: PathBuf) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            // Removed since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Names of ours are all UTF-8; others are of no interest.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = meta.is_dir();
        entries.push(Entry { name, len: if is_folder { 0 } else { meta.len() }, is_folder });
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Writes all pieces, however many writes that takes.
fn write_all(file: &File, mut at: u64, pieces: &Pieces) -> io::Result<()> {
    let mut rest = pieces.as_slice();
    let mut done_of_first = 0;
    while let Some(first) = rest.first() {
        let slices: Vec<IoSlice<'_>> = std::iter::once(&first[done_of_first..])
            .chain(rest[1..].iter().map(|part| part.as_ref()))
            .take(PARTS)
            .map(IoSlice::new)
            .collect();
        let mut written = match write_vectored_at(file, at, &slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        at += written as u64;
        while let Some(first) = rest.first() {
            let left = first.len() - done_of_first;
            if written < left {
                done_of_first += written;
                break;
            }
            written -= left;
            done_of_first = 0;
            rest = &rest[1..];
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn write_vectored_at(file: &File, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::pwritev(file, slices, at)?)
}

#[cfg(not(target_os = "linux"))]
fn write_vectored_at(file: &File, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    slices.first().map_or(Ok(0), |slice| std::os::unix::fs::FileExt::write_at(file, slice, at))
}

/// Reserves room and makes the file that long. Where the file system cannot reserve, it is only made that long.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        match fallocate(file, FallocateFlags::empty(), 0, len) {
            Ok(()) => return Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    match file.metadata()?.len() < len {
        true => file.set_len(len),
        false => Ok(()),
    }
}

/// Reads up to `len` bytes; fewer only at the end of the file.
fn read(file: &File, at: u64, len: usize) -> io::Result<Bytes> {
    let there = file.metadata()?.len().saturating_sub(at);
    let len = len.min(usize::try_from(there).unwrap_or(usize::MAX));
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let position = at + bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), position) {
            Ok(0) => break,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    bytes.truncate(len);
    Ok(bytes.into())
}
