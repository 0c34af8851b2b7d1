//! The files that a shard writes during a replay, in memory: what reads of the recording refer to.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kelpgate_shard::{FileCommand, FileHandle, FileTicket, Pieces};

/// The files of one shard. They hold what was written since the recording began, and nothing else.
#[derive(Debug, Default)]
pub struct SimFiles {
    paths: BTreeMap<String, u64>,
    handles: BTreeMap<FileHandle, u64>,
    files: BTreeMap<u64, Written>,
    next: u64,
    reads: BTreeMap<FileTicket, (u64, u64)>,
}

/// Bytes of one file, in runs that neither touch nor overlap, by where they begin.
#[derive(Debug, Default)]
struct Written(BTreeMap<u64, Vec<u8>>);

impl SimFiles {
    /// The shard asks for something.
    pub fn carry_out(&mut self, ticket: FileTicket, command: &FileCommand) {
        match command {
            FileCommand::Open { handle, path, .. } => {
                let file = self.file_at(path);
                self.handles.insert(*handle, file);
            }
            FileCommand::Close { handle } => {
                self.handles.remove(handle);
                self.forget_unreachable();
            }
            FileCommand::Write { handle, at, pieces } => {
                if let Some(file) = self.handles.get(handle) {
                    self.files.entry(*file).or_default().write(*at, pieces);
                }
            }
            FileCommand::Truncate { handle, len } => {
                let file = self.handles.get(handle);
                if let Some(written) = file.and_then(|file| self.files.get_mut(file)) {
                    written.truncate(*len);
                }
            }
            FileCommand::Read { handle, at, .. } => {
                if let Some(file) = self.handles.get(handle) {
                    self.reads.insert(ticket, (*file, *at));
                }
            }
            FileCommand::Rename { from, to } => {
                let file = self.file_at(from);
                self.paths.remove(from);
                self.paths.insert(to.clone(), file);
                self.forget_unreachable();
            }
            FileCommand::Remove { path } => {
                self.paths.remove(path);
                self.forget_unreachable();
            }
            FileCommand::RemoveFolder { path } => {
                let below = format!("{path}/");
                self.paths.retain(|name, _| !name.starts_with(&below));
                self.forget_unreachable();
            }
            FileCommand::Allocate { .. }
            | FileCommand::Sync { .. }
            | FileCommand::List { .. }
            | FileCommand::SyncFolder { .. }
            | FileCommand::ReadWhole { .. }
            | FileCommand::Volume => {}
        }
    }

    /// The read of that ticket was answered by the recording.
    pub fn answered(&mut self, ticket: FileTicket) {
        self.reads.remove(&ticket);
    }

    /// What the read of that ticket gives; none if it was not written.
    pub fn read(&mut self, ticket: FileTicket, len: usize) -> Option<Bytes> {
        let (file, at) = self.reads.remove(&ticket)?;
        self.files.get(&file)?.read(at, len)
    }

    fn file_at(&mut self, path: &str) -> u64 {
        if let Some(file) = self.paths.get(path) {
            return *file;
        }
        self.next += 1;
        self.paths.insert(path.to_owned(), self.next);
        self.next
    }

    /// Lets go of what no name and no handle leads to. Reads under way of such a file had been given their handle.
    fn forget_unreachable(&mut self) {
        let reads = self.reads.values().map(|(file, _)| file);
        let reachable: BTreeSet<u64> =
            self.paths.values().chain(self.handles.values()).chain(reads).copied().collect();
        self.files.retain(|file, _| reachable.contains(file));
    }
}

impl Written {
    fn write(&mut self, at: u64, pieces: &Pieces) {
        let end = at + pieces.len() as u64;
        let before = self.0.range(..=at).next_back().map(|(start, run)| (*start, start + run.len() as u64));
        let start = match before {
            Some((start, until)) if until >= at => start,
            Some(_) | None => at,
        };
        let run = self.0.entry(start).or_default();
        let mut place = (at - start) as usize;
        for piece in pieces {
            let over = piece.len().min(run.len() - place);
            let (overwriting, growing) = piece.split_at(over);
            run[place..place + over].copy_from_slice(overwriting);
            run.extend_from_slice(growing);
            place += piece.len();
        }
        self.swallow(start, end);
    }

    /// Joins the runs that a run from `start` which was written up to `end` has reached.
    fn swallow(&mut self, start: u64, end: u64) {
        while let Some((next, _)) = self.0.range(start + 1..=end).next() {
            let next = *next;
            let Some(reached) = self.0.remove(&next) else { return };
            if let Some(run) = self.0.get_mut(&start) {
                let known = (start + run.len() as u64 - next) as usize;
                run.extend_from_slice(reached.get(known..).unwrap_or_default());
            }
        }
    }

    fn truncate(&mut self, len: u64) {
        self.0.split_off(&len);
        if let Some((start, run)) = self.0.iter_mut().next_back() {
            run.truncate((len - start) as usize);
        }
    }

    fn read(&self, at: u64, len: usize) -> Option<Bytes> {
        let (start, run) = self.0.range(..=at).next_back()?;
        let place = (at - start) as usize;
        run.get(place..place.checked_add(len)?).map(Bytes::copy_from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &'static str) -> Pieces {
        Bytes::from_static(text.as_bytes()).into()
    }

    #[test]
    fn runs_grow_overwrite_and_join() {
        let mut written = Written::default();
        written.write(10, &pieces("abc"));
        written.write(20, &pieces("xyz"));
        written.write(13, &pieces("defg"));
        assert_eq!(written.read(10, 7).as_deref(), Some(&b"abcdefg"[..]));
        assert_eq!(written.read(10, 8), None);
        written.write(15, &pieces("FGHIJKL"));
        assert_eq!(written.read(10, 13).as_deref(), Some(&b"abcdeFGHIJKLz"[..]));
        assert_eq!(written.0.len(), 1);
        written.truncate(12);
        assert_eq!((written.read(10, 2).as_deref(), written.read(10, 3)), (Some(&b"ab"[..]), None));
        written.write(2, &pieces("12345678"));
        assert_eq!(written.read(2, 10).as_deref(), Some(&b"12345678ab"[..]));
    }

    #[test]
    fn a_file_lives_as_long_as_a_name_or_a_handle() {
        let mut files = SimFiles::default();
        let mut ticket = 0;
        let mut ask = |files: &mut SimFiles, command| {
            ticket += 1;
            files.carry_out(FileTicket(ticket), &command);
            FileTicket(ticket)
        };
        let handle = FileHandle(1);
        ask(&mut files, FileCommand::Open { handle, path: "a/b".into(), create: true });
        ask(&mut files, FileCommand::Write { handle, at: 0, pieces: pieces("hello") });
        ask(&mut files, FileCommand::RemoveFolder { path: "a".into() });
        let read = ask(&mut files, FileCommand::Read { handle, at: 1, len: 3 });
        ask(&mut files, FileCommand::Close { handle });
        assert_eq!(files.read(read, 3).as_deref(), Some(&b"ell"[..]));
        ask(&mut files, FileCommand::RemoveFolder { path: "a".into() });
        assert!(files.files.is_empty());
    }
}
