//! Which bytes of which files were written during the recording, so that a replay, which writes them again, knows them.
//!
//! A read is stored as a reference only if all of it had been written, and confirmed, before it was asked for, and nothing
//! of its file changed before its answer came. When a command that would change a file fails, what the disk holds is no
//! longer known: from then on everything is stored as it was read.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_shard::{FileCommand, FileError, FileHandle, FileReply, FileTicket};

/// What is known of the files of one shard.
#[derive(Debug)]
pub struct Coverage {
    /// Files by path; one that is not here was not touched yet.
    paths: BTreeMap<String, u64>,
    handles: BTreeMap<FileHandle, u64>,
    files: BTreeMap<u64, Covered>,
    next: u64,
    asked: BTreeMap<FileTicket, Asked>,
    trusted: bool,
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage {
            paths: BTreeMap::new(),
            handles: BTreeMap::new(),
            files: BTreeMap::new(),
            next: 0,
            asked: BTreeMap::new(),
            trusted: true,
        }
    }
}

/// Ranges of one file that were written and not written again since, by start; they neither touch nor overlap.
#[derive(Debug, Default)]
struct Covered {
    ranges: BTreeMap<u64, u64>,
    /// Rises when bytes change that were covered.
    changes: u64,
}

/// A command that was not answered and whose answer matters.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Write {
        file: u64,
        start: u64,
        end: u64,
    },
    /// Of bytes that were covered then.
    Read {
        file: u64,
        at: u64,
        end: u64,
        changes: u64,
    },
    /// Its failure would leave us in doubt.
    Change,
}

impl Coverage {
    /// A command was asked for.
    pub fn asked(&mut self, ticket: FileTicket, command: &FileCommand) {
        if !self.trusted {
            return;
        }
        let asked = match command {
            FileCommand::Open { handle, path, .. } => {
                let file = self.file_at(path);
                self.handles.insert(*handle, file);
                None
            }
            FileCommand::Close { handle } => {
                self.handles.remove(handle);
                None
            }
            FileCommand::Write { handle, at, pieces } => self.write(*handle, *at, pieces.len() as u64),
            FileCommand::Truncate { handle, len } => {
                self.forget(*handle, *len, u64::MAX);
                Some(Asked::Change)
            }
            FileCommand::Read { handle, at, len } => self.read(*handle, *at, *len as u64),
            FileCommand::Rename { from, to } => {
                let file = self.file_at(from);
                self.paths.remove(from);
                self.paths.insert(to.clone(), file);
                Some(Asked::Change)
            }
            FileCommand::Remove { path } => {
                self.paths.remove(path);
                Some(Asked::Change)
            }
            FileCommand::RemoveFolder { path } => {
                let below = format!("{path}/");
                self.paths.retain(|name, _| !name.starts_with(&below));
                Some(Asked::Change)
            }
            FileCommand::Allocate { .. }
            | FileCommand::Sync { .. }
            | FileCommand::List { .. }
            | FileCommand::SyncFolder { .. }
            | FileCommand::ReadWhole { .. }
            | FileCommand::Volume => None,
        };
        if let Some(asked) = asked {
            self.asked.insert(ticket, asked);
        }
    }

    /// A command was answered. Says whether what was read is known to whoever knows all writes.
    pub fn answered(&mut self, ticket: FileTicket, outcome: &Result<FileReply, FileError>) -> bool {
        let Some(asked) = self.asked.remove(&ticket) else { return false };
        match (asked, outcome) {
            (Asked::Write { file, start, end }, Ok(_)) => {
                if let Some(covered) = self.files.get_mut(&file) {
                    covered.add(start, end);
                }
                false
            }
            // The range was forgotten when the write began.
            (Asked::Write { .. }, Err(_)) => false,
            (Asked::Read { file, at, end, changes }, Ok(FileReply::Bytes(bytes))) => {
                let unchanged = self.files.get(&file).is_some_and(|covered| covered.changes == changes);
                self.trusted && unchanged && bytes.len() as u64 == end - at
            }
            (Asked::Change, Err(_)) => {
                *self = Coverage { trusted: false, ..Coverage::default() };
                false
            }
            (Asked::Read { .. } | Asked::Change, _) => false,
        }
    }

    /// The file of that path, which may not have been touched yet. Files that nobody can reach are forgotten.
    fn file_at(&mut self, path: &str) -> u64 {
        if let Some(file) = self.paths.get(path) {
            return *file;
        }
        self.next += 1;
        self.paths.insert(path.to_owned(), self.next);
        if self.files.len() > 2 * (self.paths.len() + self.handles.len()) + 64 {
            let reachable: BTreeSet<u64> =
                self.paths.values().chain(self.handles.values()).copied().collect();
            self.files.retain(|file, _| reachable.contains(file));
        }
        self.next
    }

    fn write(&mut self, handle: FileHandle, at: u64, len: u64) -> Option<Asked> {
        let file = *self.handles.get(&handle)?;
        let end = at.saturating_add(len);
        self.forget(handle, at, end);
        self.files.entry(file).or_default();
        Some(Asked::Write { file, start: at, end })
    }

    fn forget(&mut self, handle: FileHandle, start: u64, end: u64) {
        let file = self.handles.get(&handle);
        if let Some(covered) = file.and_then(|file| self.files.get_mut(file)) {
            covered.remove(start, end);
        }
    }

    fn read(&self, handle: FileHandle, at: u64, len: u64) -> Option<Asked> {
        let file = *self.handles.get(&handle)?;
        let covered = self.files.get(&file)?;
        let end = at.saturating_add(len);
        covered.has(at, end).then_some(Asked::Read { file, at, end, changes: covered.changes })
    }
}

impl Covered {
    fn has(&self, start: u64, end: u64) -> bool {
        self.ranges.range(..=start).next_back().is_some_and(|(_, until)| *until >= end)
    }

    fn add(&mut self, mut start: u64, mut end: u64) {
        while let Some((from, until)) = self.ranges.range(..=end).next_back().map(|(a, b)| (*a, *b))
            && until >= start
        {
            self.ranges.remove(&from);
            (start, end) = (start.min(from), end.max(until));
        }
        self.ranges.insert(start, end);
    }

    fn remove(&mut self, start: u64, end: u64) {
        while let Some((from, until)) = self.ranges.range(..end).next_back().map(|(a, b)| (*a, *b))
            && until > start
        {
            self.changes += 1;
            self.ranges.remove(&from);
            if until > end {
                self.ranges.insert(end, until);
            }
            if from < start {
                self.ranges.insert(from, start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    struct Files {
        coverage: Coverage,
        last: u64,
    }

    impl Files {
        fn ask(&mut self, command: FileCommand) -> FileTicket {
            self.last += 1;
            self.coverage.asked(FileTicket(self.last), &command);
            FileTicket(self.last)
        }

        fn done(&mut self, command: FileCommand) {
            let ticket = self.ask(command);
            assert!(!self.coverage.answered(ticket, &Ok(FileReply::Done)));
        }

        fn reads(&mut self, at: u64, len: usize) -> bool {
            let ticket = self.ask(FileCommand::Read { handle: FileHandle(1), at, len });
            self.coverage.answered(ticket, &Ok(FileReply::Bytes(Bytes::from(vec![0; len]))))
        }
    }

    fn write(at: u64, len: usize) -> FileCommand {
        let pieces = Bytes::from(vec![1; len]).into();
        FileCommand::Write { handle: FileHandle(1), at, pieces }
    }

    fn files() -> Files {
        let mut files = Files { coverage: Coverage::default(), last: 0 };
        files.done(FileCommand::Open { handle: FileHandle(1), path: "a".into(), create: true });
        files
    }

    #[test]
    fn what_was_written_is_known_once_that_is_confirmed() {
        let mut files = files();
        let first = files.ask(write(10, 10));
        assert!(!files.reads(10, 10));
        files.coverage.answered(first, &Ok(FileReply::Done));
        assert!(files.reads(10, 10) && files.reads(12, 3) && !files.reads(9, 3) && !files.reads(19, 2));
        files.done(write(20, 5));
        assert!(files.reads(10, 15));
        files.done(FileCommand::Truncate { handle: FileHandle(1), len: 22 });
        assert!(files.reads(10, 12) && !files.reads(10, 13));
    }

    #[test]
    fn a_change_while_a_read_is_under_way_makes_it_unknown() {
        let mut files = files();
        files.done(write(0, 10));
        let read = files.ask(FileCommand::Read { handle: FileHandle(1), at: 0, len: 4 });
        files.done(write(2, 1));
        assert!(!files.coverage.answered(read, &Ok(FileReply::Bytes(Bytes::from_static(b"abcd")))));
        assert!(files.reads(0, 4));
    }

    #[test]
    fn a_file_keeps_its_bytes_under_another_name() {
        let mut files = files();
        files.done(write(0, 10));
        files.done(FileCommand::Rename { from: "a".into(), to: "b".into() });
        assert!(files.reads(0, 10));
        files.done(FileCommand::Open { handle: FileHandle(1), path: "a".into(), create: true });
        assert!(!files.reads(0, 10));
        files.done(FileCommand::Open { handle: FileHandle(1), path: "b".into(), create: true });
        assert!(files.reads(0, 10));
    }

    #[test]
    fn after_a_failed_change_nothing_is_known() {
        let mut files = files();
        files.done(write(0, 10));
        let failing = files.ask(write(4, 1));
        files.coverage.answered(failing, &Err(FileError::Full));
        assert!(files.reads(0, 4) && !files.reads(4, 1) && files.reads(5, 5));
        let renamed = files.ask(FileCommand::Rename { from: "a".into(), to: "b".into() });
        files.coverage.answered(renamed, &Err(FileError::Full));
        files.done(write(0, 10));
        assert!(!files.reads(0, 4));
    }
}
