//! Carries out the file commands of one shard with blocking system calls. Shared by the threads of its lanes.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use kelpgate_log::file::{Entry, FileCommand, FileError, FileHandle, FileReply};
use rustix::fs::FallocateFlags;

/// Slices given to one `pwritev`.
const SLICES_PER_WRITE: usize = 256;

/// The open files of one shard under a data folder.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    open: RwLock<BTreeMap<FileHandle, Arc<File>>>,
}

impl Files {
    /// Paths of commands are relative to `root`, which exists.
    pub fn new(root: impl Into<PathBuf>) -> Files {
        Files { root: root.into(), open: RwLock::default() }
    }

    /// Carries out one command, however long that takes.
    ///
    /// # Errors
    /// What the system said.
    pub fn execute(&self, command: &FileCommand) -> Result<FileReply, FileError> {
        self.carry_out(command).map_err(|error| into_file_error(&error))
    }

    fn carry_out(&self, command: &FileCommand) -> io::Result<FileReply> {
        match command {
            FileCommand::Open { handle, path, create } => return self.open(*handle, path, *create),
            FileCommand::Close { handle } => {
                self.open.write().unwrap_or_else(PoisonError::into_inner).remove(handle);
            }
            FileCommand::Write { handle, at, pieces } => {
                write_all(&*self.file(*handle)?, *at, pieces.as_slice())?
            }
            FileCommand::Allocate { handle, len } => {
                rustix::fs::fallocate(&*self.file(*handle)?, FallocateFlags::empty(), 0, *len)?;
            }
            FileCommand::Sync { handle } => self.file(*handle)?.sync_data()?,
            FileCommand::Read { handle, at, len } => return read(&*self.file(*handle)?, *at, *len),
            FileCommand::Truncate { handle, len } => self.file(*handle)?.set_len(*len)?,
            FileCommand::Rename { from, to } => fs::rename(self.root.join(from), self.root.join(to))?,
            FileCommand::Remove { path } => unless_missing(fs::remove_file(self.root.join(path)))?,
            FileCommand::RemoveFolder { path } => unless_missing(fs::remove_dir_all(self.root.join(path)))?,
            FileCommand::List { path } => return list(&self.root.join(path)),
            FileCommand::SyncFolder { path } => File::open(self.root.join(path))?.sync_all()?,
            FileCommand::ReadWhole { path } => {
                return Ok(FileReply::Bytes(fs::read(self.root.join(path))?.into()));
            }
            FileCommand::Volume => {
                let volume = rustix::fs::statvfs(&self.root)?;
                let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
                return Ok(FileReply::Volume {
                    total: bytes(volume.f_blocks),
                    usable: bytes(volume.f_bavail),
                });
            }
        }
        Ok(FileReply::Done)
    }

    fn open(&self, handle: FileHandle, path: &str, create: bool) -> io::Result<FileReply> {
        let path = self.root.join(path);
        if create && let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(create).open(path)?;
        let len = file.metadata()?.len();
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, Arc::new(file));
        Ok(FileReply::Opened { len })
    }

    fn file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&handle).cloned().ok_or_else(|| io::Error::other("the file is not open"))
    }
}

fn write_all(file: &File, mut at: u64, mut parts: &[Bytes]) -> io::Result<()> {
    let mut skip = 0;
    while let Some(first) = parts.first() {
        if skip >= first.len() {
            skip -= first.len();
            parts = &parts[1..];
            continue;
        }
        let slices: Vec<IoSlice<'_>> = std::iter::once(IoSlice::new(&first[skip..]))
            .chain(parts[1..].iter().map(|part| IoSlice::new(part)))
            .take(SLICES_PER_WRITE)
            .collect();
        let written = rustix::io::pwritev(file, &slices, at)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at += written as u64;
        skip += written;
    }
    Ok(())
}

fn read(file: &File, at: u64, len: usize) -> io::Result<FileReply> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], at + filled as u64)? {
            0 => break,
            some => filled += some,
        }
    }
    bytes.truncate(filled);
    Ok(FileReply::Bytes(bytes.into()))
}

fn list(folder: &Path) -> io::Result<FileReply> {
    let mut entries = Vec::new();
    let names = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileReply::Listed(entries)),
        names => names?,
    };
    for name in names {
        let name = name?;
        let metadata = name.metadata()?;
        let is_folder = metadata.is_dir();
        let len = if is_folder { 0 } else { metadata.len() };
        entries.push(Entry { name: name.file_name().to_string_lossy().into_owned(), len, is_folder });
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(FileReply::Listed(entries))
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn into_file_error(error: &io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FileError::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => FileError::ReadOnly,
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => FileError::TooManyFiles,
        _ => FileError::Other(error.to_string()),
    }
}
