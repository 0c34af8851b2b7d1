//! A disk in memory that keeps apart what programs see and what survives a crash: file contents survive once they are
//! synced, names once their folder is. A crash keeps any part of the rest, whatever the order it was written in: sectors,
//! parts of one, and where a file grew, what those held for another file before.

use std::collections::BTreeMap;

use bytes::Bytes;
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{Entry, FileCommand, FileError, FileHandle, FileReply};

use crate::random::Random;

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Bytes },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    safe: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder(usize),
}

#[derive(Clone, Debug)]
enum Naming {
    Put(String, Node),
    Remove(String),
    Rename(String, String, Node),
}

#[derive(Clone, Debug, Default)]
struct Folder {
    seen: BTreeMap<String, Node>,
    safe: BTreeMap<String, Node>,
    unsynced: Vec<Naming>,
}

/// What survives of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    Nothing,
    /// Any part of it, by chance.
    Some,
    /// All of it: the process died, the system did not.
    All,
}

/// What goes wrong on purpose.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Bytes that fit.
    pub capacity: Option<usize>,
    /// Files that may be open.
    pub open_files: Option<usize>,
    /// That many syncs succeed, then one fails and its data is gone.
    pub fail_sync_after: Option<usize>,
    /// That many commands are carried out, then none.
    pub power_for: Option<usize>,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub written: u64,
    pub read: u64,
    pub syncs: u64,
    pub most_open: usize,
}

#[derive(Clone, Debug)]
pub struct SimDisk {
    inodes: Vec<Inode>,
    folders: Vec<Folder>,
    open: BTreeMap<FileHandle, usize>,
    pub faults: Faults,
    pub counts: Counts,
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk {
            inodes: Vec::new(),
            folders: vec![Folder::default()],
            open: BTreeMap::new(),
            faults: Faults::default(),
            counts: Counts::default(),
        }
    }
}

impl SimDisk {
    /// The power goes and comes back.
    pub fn crash(&mut self, survives: Survives, random: &mut Random) {
        self.open.clear();
        for inode in &mut self.inodes {
            for change in std::mem::take(&mut inode.unsynced) {
                match survives {
                    Survives::Nothing => {}
                    Survives::All => apply(&mut inode.safe, change),
                    Survives::Some => apply_part(&mut inode.safe, change, random),
                }
            }
            inode.seen = inode.safe.clone();
        }
        for folder in &mut self.folders {
            for naming in std::mem::take(&mut folder.unsynced) {
                let kept = match survives {
                    Survives::Nothing => false,
                    Survives::All => true,
                    Survives::Some => random.chance(2),
                };
                if kept {
                    name(&mut folder.safe, naming);
                }
            }
            folder.seen = folder.safe.clone();
        }
    }

    /// A command fails, but not before some of it was done: of a write any beginning may be in the file, even all of it.
    pub fn fail(&mut self, command: FileCommand, random: &mut Random) {
        if let FileCommand::Write { handle, at, pieces } = command {
            let bytes = pieces.concat();
            let done = if random.chance(3) { bytes.len() } else { random.below(bytes.len() + 1) };
            // Without room, or a file, nothing was.
            let _ = self.change(handle, Change::Write { at: at as usize, bytes: bytes.slice(..done) });
        }
    }

    /// The process is gone.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// Changes bytes behind everybody's back.
    pub fn damage(&mut self, path: &str, at: usize, with: &[u8]) {
        let Some(Node::File(inode)) = self.find(path) else { panic!("{path} is not there") };
        let inode = &mut self.inodes[inode];
        for contents in [&mut inode.seen, &mut inode.safe] {
            for (place, byte) in with.iter().enumerate() {
                if let Some(there) = contents.get_mut(at + place) {
                    *there ^= byte;
                }
            }
        }
    }

    /// All files and their lengths.
    pub fn files(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        self.walk(0, String::new(), &mut all);
        all
    }

    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        match self.find(path)? {
            Node::File(inode) => Some(self.inodes[inode].seen.clone()),
            Node::Folder(_) => None,
        }
    }

    /// Removes a file for good.
    pub fn lose(&mut self, path: &str) {
        let (folder, name) = self.parent(path).expect("there");
        self.folders[folder].seen.remove(name);
        self.folders[folder].safe.remove(name);
    }

    fn walk(&self, folder: usize, prefix: String, all: &mut BTreeMap<String, usize>) {
        for (name, node) in &self.folders[folder].seen {
            match node {
                Node::File(inode) => {
                    all.insert(format!("{prefix}{name}"), self.inodes[*inode].seen.len());
                }
                Node::Folder(inner) => self.walk(*inner, format!("{prefix}{name}/"), all),
            }
        }
    }

    fn find(&self, path: &str) -> Option<Node> {
        let mut node = Node::Folder(0);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            match node {
                Node::Folder(folder) => node = *self.folders[folder].seen.get(name)?,
                Node::File(_) => return None,
            }
        }
        Some(node)
    }

    fn folder(&self, path: &str) -> Result<usize, FileError> {
        match self.find(path) {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(Node::File(_)) => Err(FileError::Other("not a folder".into())),
            None => Err(FileError::NotFound),
        }
    }

    fn parent<'p>(&self, path: &'p str) -> Result<(usize, &'p str), FileError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.folder(folder)?, name))
    }

    fn make_folders(&mut self, path: &str) -> usize {
        let mut folder = 0;
        let (path, _) = path.rsplit_once('/').unwrap_or(("", path));
        for name in path.split('/').filter(|name| !name.is_empty()) {
            folder = match self.folders[folder].seen.get(name) {
                Some(Node::Folder(inner)) => *inner,
                Some(Node::File(_)) => panic!("{path} goes through a file"),
                None => {
                    self.folders.push(Folder::default());
                    let inner = self.folders.len() - 1;
                    self.put(folder, name, Node::Folder(inner));
                    inner
                }
            };
        }
        folder
    }

    fn put(&mut self, folder: usize, file: &str, node: Node) {
        let naming = Naming::Put(file.into(), node);
        name(&mut self.folders[folder].seen, naming.clone());
        self.folders[folder].unsynced.push(naming);
    }

    fn unlink(&mut self, folder: usize, file: &str) {
        let naming = Naming::Remove(file.into());
        name(&mut self.folders[folder].seen, naming.clone());
        self.folders[folder].unsynced.push(naming);
    }

    fn remove_folder(&mut self, folder: usize) {
        for (name, node) in self.folders[folder].seen.clone() {
            if let Node::Folder(inner) = node {
                self.remove_folder(inner);
            }
            self.unlink(folder, &name);
        }
    }

    fn inode(&mut self, handle: FileHandle) -> Result<&mut Inode, FileError> {
        let inode =
            *self.open.get(&handle).ok_or_else(|| FileError::Other(format!("{handle:?} is not open")))?;
        Ok(&mut self.inodes[inode])
    }

    fn used(&self) -> usize {
        self.files().values().sum()
    }

    fn room_for(&self, more: usize) -> Result<(), FileError> {
        match self.faults.capacity {
            Some(capacity) if self.used() + more > capacity => Err(FileError::Full),
            _ => Ok(()),
        }
    }

    fn change(&mut self, handle: FileHandle, change: Change) -> Result<FileReply, FileError> {
        let len = self.inode(handle)?.seen.len();
        let grows = match &change {
            Change::Write { at, bytes } => (at + bytes.len()).saturating_sub(len),
            Change::Length(to) => to.saturating_sub(len),
        };
        self.room_for(grows)?;
        let inode = self.inode(handle)?;
        apply(&mut inode.seen, change.clone());
        inode.unsynced.push(change);
        Ok(FileReply::Done)
    }

    fn open_file(&mut self, handle: FileHandle, path: &str, create: bool) -> Result<FileReply, FileError> {
        if self.faults.open_files.is_some_and(|limit| self.open.len() >= limit) {
            return Err(FileError::TooManyFiles);
        }
        let inode = match (self.find(path), create) {
            (Some(Node::File(inode)), _) => inode,
            (Some(Node::Folder(_)), _) => return Err(FileError::Other("a folder".into())),
            (None, false) => return Err(FileError::NotFound),
            (None, true) => {
                let folder = self.make_folders(path);
                self.inodes.push(Inode::default());
                let inode = self.inodes.len() - 1;
                let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
                self.put(folder, name, Node::File(inode));
                inode
            }
        };
        assert!(self.open.insert(handle, inode).is_none(), "{handle:?} is used twice");
        self.counts.most_open = self.counts.most_open.max(self.open.len());
        Ok(FileReply::Opened { len: self.inodes[inode].seen.len() as u64 })
    }

    fn read(&mut self, handle: FileHandle, at: usize, len: usize) -> Result<FileReply, FileError> {
        let seen = &self.inode(handle)?.seen;
        let start = at.min(seen.len());
        let end = (start + len).min(seen.len());
        let bytes = Bytes::copy_from_slice(&seen[start..end]);
        self.counts.read += bytes.len() as u64;
        Ok(FileReply::Bytes(bytes))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<FileReply, FileError> {
        let node = self.find(from).ok_or(FileError::NotFound)?;
        let (folder, old) = self.parent(from)?;
        let (other, new) = self.parent(to)?;
        assert_eq!(folder, other, "renamed across folders");
        let naming = Naming::Rename(old.into(), new.into(), node);
        name(&mut self.folders[folder].seen, naming.clone());
        self.folders[folder].unsynced.push(naming);
        Ok(FileReply::Done)
    }

    fn list(&self, path: &str) -> Vec<Entry> {
        let Some(Node::Folder(folder)) = self.find(path) else { return Vec::new() };
        let entries = self.folders[folder].seen.iter().map(|(name, node)| match node {
            Node::File(inode) => {
                let len = self.inodes[*inode].seen.len() as u64;
                Entry { name: name.clone(), len, is_folder: false }
            }
            Node::Folder(_) => Entry { name: name.clone(), len: 0, is_folder: true },
        });
        entries.collect()
    }

    fn sync(&mut self, handle: FileHandle) -> Result<FileReply, FileError> {
        self.counts.syncs += 1;
        let fails = match &mut self.faults.fail_sync_after {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        let inode = self.inode(handle)?;
        if fails {
            // What the system does: the pages count as clean, the disk never got them.
            inode.unsynced.clear();
            self.faults.fail_sync_after = None;
            return Err(FileError::Other("input/output error".into()));
        }
        for change in std::mem::take(&mut inode.unsynced) {
            apply(&mut inode.safe, change);
        }
        Ok(FileReply::Done)
    }
}

impl Disk for SimDisk {
    fn execute(&mut self, command: FileCommand) -> Result<FileReply, FileError> {
        match &mut self.faults.power_for {
            Some(0) => return Err(FileError::Other("no power".into())),
            Some(left) => *left -= 1,
            None => {}
        }
        match command {
            FileCommand::Open { handle, path, create } => self.open_file(handle, &path, create),
            FileCommand::Close { handle } => {
                self.open.remove(&handle).ok_or_else(|| FileError::Other("not open".into()))?;
                Ok(FileReply::Done)
            }
            FileCommand::Write { handle, at, pieces } => {
                self.counts.written += pieces.len() as u64;
                self.change(handle, Change::Write { at: at as usize, bytes: pieces.concat() })
            }
            FileCommand::Allocate { handle, len } => {
                let len = self.inode(handle)?.seen.len().max(len as usize);
                self.change(handle, Change::Length(len))
            }
            FileCommand::Truncate { handle, len } => self.change(handle, Change::Length(len as usize)),
            FileCommand::Sync { handle } => self.sync(handle),
            FileCommand::Read { handle, at, len } => self.read(handle, at as usize, len),
            FileCommand::Rename { from, to } => self.rename(&from, &to),
            FileCommand::Remove { path } => {
                if self.find(&path).is_some() {
                    let (folder, name) = self.parent(&path)?;
                    self.unlink(folder, name);
                }
                Ok(FileReply::Done)
            }
            FileCommand::RemoveFolder { path } => {
                if let Some(Node::Folder(folder)) = self.find(&path) {
                    self.remove_folder(folder);
                    let (parent, name) = self.parent(&path)?;
                    self.unlink(parent, name);
                }
                Ok(FileReply::Done)
            }
            FileCommand::List { path } => Ok(FileReply::Listed(self.list(&path))),
            FileCommand::SyncFolder { path } => {
                let folder = self.folder(&path)?;
                let folder = &mut self.folders[folder];
                for naming in std::mem::take(&mut folder.unsynced) {
                    name(&mut folder.safe, naming);
                }
                Ok(FileReply::Done)
            }
            FileCommand::ReadWhole { path } => {
                self.contents(&path).map(|bytes| FileReply::Bytes(bytes.into())).ok_or(FileError::NotFound)
            }
            FileCommand::Volume => Ok(FileReply::Volume { total: 1 << 40, usable: 1 << 39 }),
        }
    }
}

fn apply(contents: &mut Vec<u8>, change: Change) {
    match change {
        // Writing nothing does not make a file longer, wherever that is.
        Change::Write { bytes, .. } if bytes.is_empty() => {}
        Change::Write { at, bytes } => {
            if contents.len() < at + bytes.len() {
                contents.resize(at + bytes.len(), 0);
            }
            contents[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        Change::Length(len) => contents.resize(len, 0),
    }
}

/// Any sectors of a write may have come to the disk.
fn apply_part(contents: &mut Vec<u8>, change: Change, random: &mut Random) {
    match change {
        Change::Length(_) => {
            if random.chance(2) {
                apply(contents, change);
            }
        }
        Change::Write { at, bytes } => {
            let mut done = 0;
            let all = random.chance(3);
            while done < bytes.len() {
                let sector = ((at + done) / SECTOR + 1) * SECTOR - at;
                let end = sector.min(bytes.len());
                let mut part = bytes[done..end].to_vec();
                match random.below(12) {
                    _ if all => {}
                    0 => part.truncate(random.below(end - done)),
                    1 if at + done >= contents.len() => {
                        part.iter_mut().for_each(|byte| *byte = random.number() as u8)
                    }
                    1..=6 => part.clear(),
                    _ => {}
                }
                if !part.is_empty() {
                    apply(contents, Change::Write { at: at + done, bytes: part.into() });
                }
                done = end;
            }
        }
    }
}

fn name(names: &mut BTreeMap<String, Node>, naming: Naming) {
    match naming {
        Naming::Put(name, node) => {
            names.insert(name, node);
        }
        Naming::Remove(name) => {
            names.remove(&name);
        }
        Naming::Rename(from, to, node) => {
            names.remove(&from);
            names.insert(to, node);
        }
    }
}
