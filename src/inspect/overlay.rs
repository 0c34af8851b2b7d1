//! A data folder that can be written to without being changed: what is written stays in memory and hides what is on disk.
//! Recovery and the log run on it as on the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{Entry, FileCommand, FileError, FileHandle, FileReply};

/// The folder and what would have been changed in it.
#[derive(Debug)]
pub(crate) struct Overlay {
    root: PathBuf,
    /// Files that are open or differ from those on disk.
    files: BTreeMap<String, Sketch>,
    /// Files that are gone although they are on disk.
    removed: BTreeSet<String>,
    /// Folders that are gone, with a slash at the end.
    removed_folders: BTreeSet<String>,
    open: BTreeMap<FileHandle, String>,
}

/// A file.
#[derive(Debug, Default)]
struct Sketch {
    /// The file on disk, and how much of it still shows.
    under: Option<(File, u64)>,
    /// What was written, oldest first.
    written: Vec<(u64, Bytes)>,
    len: u64,
    changed: bool,
}

impl Overlay {
    pub(crate) fn new(root: &Path) -> Overlay {
        Overlay {
            root: root.to_owned(),
            files: BTreeMap::new(),
            removed: BTreeSet::new(),
            removed_folders: BTreeSet::new(),
            open: BTreeMap::new(),
        }
    }

    fn is_removed(&self, path: &str) -> bool {
        self.removed.contains(path) || self.removed_folders.iter().any(|folder| path.starts_with(folder))
    }

    /// The file of that name, on disk or not.
    fn sketch(&mut self, path: &str) -> Result<&mut Sketch, FileError> {
        if !self.files.contains_key(path) {
            if self.is_removed(path) {
                return Err(FileError::NotFound);
            }
            let file = File::open(self.root.join(path)).map_err(file_error)?;
            let len = file.metadata().map_err(file_error)?.len();
            let sketch = Sketch { under: Some((file, len)), len, ..Sketch::default() };
            self.files.insert(path.to_owned(), sketch);
        }
        self.files.get_mut(path).ok_or(FileError::NotFound)
    }

    fn opened(&mut self, handle: FileHandle) -> Result<&mut Sketch, FileError> {
        let path = self.open.get(&handle).cloned().ok_or(FileError::NotFound)?;
        self.sketch(&path)
    }

    fn open(&mut self, handle: FileHandle, path: String, create: bool) -> Result<FileReply, FileError> {
        let len = match self.sketch(&path) {
            Ok(sketch) => sketch.len,
            Err(FileError::NotFound) if create => {
                self.files.insert(path.clone(), Sketch { changed: true, ..Sketch::default() });
                0
            }
            Err(error) => return Err(error),
        };
        self.open.insert(handle, path);
        Ok(FileReply::Opened { len })
    }

    /// Files that are as they are on disk are not kept open.
    fn close(&mut self, handle: FileHandle) {
        let Some(path) = self.open.remove(&handle) else { return };
        let in_use = self.open.values().any(|other| *other == path);
        if !in_use && self.files.get(&path).is_some_and(|sketch| !sketch.changed) {
            self.files.remove(&path);
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.sketch(from)?.changed = true;
        if let Some(sketch) = self.files.remove(from) {
            self.files.insert(to.to_owned(), sketch);
        }
        self.removed.insert(from.to_owned());
        for path in self.open.values_mut().filter(|path| *path == from) {
            to.clone_into(path);
        }
        Ok(())
    }

    fn remove(&mut self, path: String) {
        self.files.remove(&path);
        self.removed.insert(path);
    }

    fn remove_folder(&mut self, path: String) {
        let folder = format!("{path}/");
        self.files.retain(|path, _| !path.starts_with(&folder));
        self.removed_folders.insert(folder);
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>, FileError> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let names = match fs::read_dir(self.root.join(folder)) {
            Ok(names) => Some(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(file_error(error)),
        };
        for name in names.into_iter().flatten() {
            let name = name.map_err(file_error)?;
            let metadata = name.metadata().map_err(file_error)?;
            let (is_folder, name) = (metadata.is_dir(), name.file_name().to_string_lossy().into_owned());
            let path = format!("{prefix}{name}");
            let gone = if is_folder { self.is_removed(&format!("{path}/")) } else { self.is_removed(&path) };
            if !gone {
                let len = if is_folder { 0 } else { metadata.len() };
                entries.insert(name.clone(), Entry { name, len, is_folder });
            }
        }
        for (path, sketch) in &self.files {
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            let entry = match rest.split_once('/') {
                Some((folder, _)) => Entry { name: folder.to_owned(), len: 0, is_folder: true },
                None => Entry { name: rest.to_owned(), len: sketch.len, is_folder: false },
            };
            entries.insert(entry.name.clone(), entry);
        }
        Ok(entries.into_values().collect())
    }

    fn carry_out(&mut self, command: FileCommand) -> Result<FileReply, FileError> {
        match command {
            FileCommand::Open { handle, path, create } => return self.open(handle, path, create),
            FileCommand::Close { handle } => self.close(handle),
            FileCommand::Write { handle, at, pieces } => self.opened(handle)?.write(at, &pieces),
            FileCommand::Allocate { handle, len } => self.opened(handle)?.grow(len),
            FileCommand::Truncate { handle, len } => self.opened(handle)?.truncate(len),
            FileCommand::Read { handle, at, len } => {
                return self.opened(handle)?.read(at, len).map(FileReply::Bytes);
            }
            FileCommand::Sync { handle } => drop(self.opened(handle)?),
            FileCommand::SyncFolder { .. } => {}
            FileCommand::Rename { from, to } => self.rename(&from, &to)?,
            FileCommand::Remove { path } => self.remove(path),
            FileCommand::RemoveFolder { path } => self.remove_folder(path),
            FileCommand::List { path } => return self.list(&path).map(FileReply::Listed),
            FileCommand::ReadWhole { path } => {
                let sketch = self.sketch(&path)?;
                let len = usize::try_from(sketch.len).unwrap_or(usize::MAX);
                return sketch.read(0, len).map(FileReply::Bytes);
            }
            FileCommand::Volume => return Ok(FileReply::Volume { total: 0, usable: 0 }),
        }
        Ok(FileReply::Done)
    }
}

impl Disk for Overlay {
    fn execute(&mut self, command: FileCommand) -> Result<FileReply, FileError> {
        self.carry_out(command)
    }
}

impl Sketch {
    fn write(&mut self, at: u64, pieces: &Pieces) {
        let mut position = at;
        for piece in pieces.as_slice() {
            self.written.push((position, piece.clone()));
            position += piece.len() as u64;
        }
        self.grow(position);
    }

    fn grow(&mut self, len: u64) {
        self.changed = true;
        self.len = self.len.max(len);
    }

    fn truncate(&mut self, len: u64) {
        self.changed |= len != self.len;
        self.len = len;
        if let Some((_, shows)) = &mut self.under {
            *shows = len.min(*shows);
        }
        self.written.retain(|(at, _)| *at < len);
        for (at, bytes) in &mut self.written {
            bytes.truncate(usize::try_from(len - *at).unwrap_or(usize::MAX));
        }
    }

    /// Up to `len` bytes; fewer only at the end of the file.
    fn read(&self, at: u64, len: usize) -> Result<Bytes, FileError> {
        let len = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(len);
        let mut bytes = vec![0; len];
        if let Some((file, shows)) = &self.under {
            let shown = usize::try_from(shows.saturating_sub(at)).unwrap_or(usize::MAX).min(len);
            file.read_exact_at(&mut bytes[..shown], at).map_err(file_error)?;
        }
        for (start, written) in &self.written {
            let (from, until) = ((*start).max(at), (start + written.len() as u64).min(at + len as u64));
            if from < until {
                // All of these lie within what was asked for and so within memory.
                let target = (from - at) as usize..(until - at) as usize;
                let source = (from - start) as usize..(until - start) as usize;
                bytes[target].copy_from_slice(&written[source]);
            }
        }
        Ok(bytes.into())
    }
}

fn file_error(error: io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NotFound,
        _ => FileError::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
