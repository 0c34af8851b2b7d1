//! Open segment files: how many there may be, who uses one, which is closed first.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::file::{FileHandle, Lane};
use crate::partition::LogKey;

/// A segment file, open for this purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FileKey {
    pub(crate) log: LogKey,
    pub(crate) segment: i64,
    pub(crate) role: Role,
}

/// A file belongs to the lane that opened it, so the background's file and the readers' are not always the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Role {
    /// Opened by the background, to be written; readers use it too.
    Writer,
    /// Opened by readers.
    Reader,
    /// Opened by the background for what a segment is to be replaced by.
    Replacement,
}

impl Role {
    pub(crate) fn lane(self) -> Lane {
        match self {
            Role::Writer | Role::Replacement => Lane::Background,
            Role::Reader => Lane::Read,
        }
    }
}

/// Who waits for a file to be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiter {
    /// That read.
    Job(u64),
    /// The writing of that log's newest batches.
    Flush(LogKey),
    /// The checkpoint, to sync it.
    Checkpoint,
    /// The replacement of a segment.
    Rewrite(LogKey),
}

#[derive(Debug)]
enum State {
    Opening { waiters: Vec<Waiter> },
    Open { users: u32 },
}

#[derive(Debug)]
struct OpenFile {
    key: FileKey,
    state: State,
    used: u64,
    /// The segment is gone: close it as soon as nobody uses it.
    unwanted: bool,
}

/// The answer to [`OpenFiles::acquire`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acquired {
    /// Use it, then release it.
    Ready(FileHandle),
    /// It is being opened; the waiter is told.
    Opening,
    /// Have it opened under this handle; the waiter is told.
    ToOpen(FileHandle),
}

/// The files of all segments of a shard.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    limit: usize,
    next: u64,
    clock: u64,
    files: BTreeMap<FileHandle, OpenFile>,
    by_key: BTreeMap<FileKey, FileHandle>,
    /// Open files nobody uses, least recently used first.
    unused: BTreeMap<u64, FileHandle>,
    /// Files nobody uses or wants.
    doomed: Vec<(FileHandle, Lane)>,
}

impl OpenFiles {
    /// `first` is the first handle that may be given out.
    pub(crate) fn new(limit: usize, first: u64) -> OpenFiles {
        OpenFiles {
            limit: limit.max(8),
            next: first,
            clock: 0,
            files: BTreeMap::new(),
            by_key: BTreeMap::new(),
            unused: BTreeMap::new(),
            doomed: Vec::new(),
        }
    }

    /// A handle never given out before.
    pub(crate) fn new_handle(&mut self) -> FileHandle {
        self.next += 1;
        FileHandle(self.next)
    }

    /// Takes a file into use.
    pub(crate) fn acquire(&mut self, key: FileKey, waiter: Waiter) -> Acquired {
        if let Some(handle) = self.by_key.get(&key).copied()
            && let Some(file) = self.files.get_mut(&handle)
        {
            return match &mut file.state {
                State::Open { users } => {
                    *users += 1;
                    self.unused.remove(&file.used);
                    Acquired::Ready(handle)
                }
                State::Opening { waiters } => {
                    waiters.push(waiter);
                    Acquired::Opening
                }
            };
        }
        let handle = self.new_handle();
        let state = State::Opening { waiters: Vec::from([waiter]) };
        self.files.insert(handle, OpenFile { key, state, used: 0, unwanted: false });
        self.by_key.insert(key, handle);
        Acquired::ToOpen(handle)
    }

    /// Takes a file into use if it is open.
    pub(crate) fn acquire_open(&mut self, key: FileKey) -> Option<FileHandle> {
        let handle = self.by_key.get(&key).copied()?;
        match &mut self.files.get_mut(&handle)?.state {
            State::Opening { .. } => None,
            State::Open { users } => {
                *users += 1;
                if let Some(file) = self.files.get(&handle) {
                    self.unused.remove(&file.used);
                }
                Some(handle)
            }
        }
    }

    /// It was opened: gives what it is for and who waited; none of them has acquired it yet.
    pub(crate) fn opened(&mut self, handle: FileHandle) -> Option<(FileKey, Vec<Waiter>)> {
        let file = self.files.get_mut(&handle)?;
        let waiters = match core::mem::replace(&mut file.state, State::Open { users: 0 }) {
            State::Opening { waiters } => waiters,
            State::Open { .. } => Vec::new(),
        };
        let key = file.key;
        self.rest(handle);
        Some((key, waiters))
    }

    /// It could not be opened.
    pub(crate) fn failed(&mut self, handle: FileHandle) -> Option<(FileKey, Vec<Waiter>)> {
        let file = self.files.remove(&handle)?;
        if self.by_key.get(&file.key) == Some(&handle) {
            self.by_key.remove(&file.key);
        }
        match file.state {
            State::Opening { waiters } => Some((file.key, waiters)),
            State::Open { .. } => Some((file.key, Vec::new())),
        }
    }

    /// One use less.
    pub(crate) fn release(&mut self, handle: FileHandle) {
        let Some(file) = self.files.get_mut(&handle) else { return };
        match &mut file.state {
            State::Opening { .. } => return,
            State::Open { users } => {
                *users = users.saturating_sub(1);
                if *users > 0 {
                    return;
                }
            }
        }
        self.rest(handle);
    }

    /// Nobody uses it at the moment.
    fn rest(&mut self, handle: FileHandle) {
        let Some(file) = self.files.get_mut(&handle) else { return };
        if file.unwanted {
            self.doomed.push((handle, file.key.role.lane()));
            self.files.remove(&handle);
            return;
        }
        self.clock += 1;
        file.used = self.clock;
        self.unused.insert(self.clock, handle);
    }

    /// The segment is gone, or has got another file.
    pub(crate) fn unwanted(&mut self, log: LogKey, segment: i64) {
        for role in [Role::Writer, Role::Reader, Role::Replacement] {
            self.unwanted_key(FileKey { log, segment, role });
        }
    }

    /// This file is of no use any more.
    pub(crate) fn unwanted_key(&mut self, key: FileKey) {
        let Some(handle) = self.by_key.remove(&key) else { return };
        let Some(file) = self.files.get_mut(&handle) else { return };
        file.unwanted = true;
        if self.unused.remove(&file.used).is_some() {
            self.rest(handle);
        }
    }

    /// A file to be closed now, if there is one: unwanted, or in the way of another; `all` for every unused one.
    pub(crate) fn close_next(&mut self, all: bool) -> Option<(FileHandle, Lane)> {
        if let Some(doomed) = self.doomed.pop() {
            return Some(doomed);
        }
        if !all && self.files.len() < self.limit {
            return None;
        }
        let (_, handle) = self.unused.pop_first()?;
        let file = self.files.remove(&handle)?;
        self.by_key.remove(&file.key);
        Some((handle, file.key.role.lane()))
    }

    /// Whether a file may be opened for a reader, or is open already. The background does not wait: it uses few.
    pub(crate) fn has_room(&self, key: FileKey) -> bool {
        self.files.len() < self.limit || !self.unused.is_empty() || self.by_key.contains_key(&key)
    }

    /// Files open or being opened.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Fewer files from now on: the process ran out.
    pub(crate) fn lower_limit(&mut self) {
        self.limit = (self.files.len() / 2).max(8);
    }
}
