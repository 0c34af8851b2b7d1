//! Journal files: made ready, cut back after a failed write, synced late, removed.

use alloc::format;
use alloc::vec::Vec;

use kelpgate_core::machine::Level;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::storage::StorageError;
use kelpgate_core::time::Now;

use crate::file::{FileCommand, FileError, FileHandle, Lane};
use crate::journal::writer::{Health, JournalFile, overhead};
use crate::layout;
use crate::log::{Log, Op, storage_error};
use crate::outbox::LogOutbox;
use crate::sequence::{SequenceOutcome, Then};

impl Log {
    /// Makes a file ready with room for an entry of that length, unless there are too many already.
    pub(crate) fn prepare_journal(&mut self, need: usize, out: &mut LogOutbox) {
        if self.journal.preparing.is_some() {
            return;
        }
        let need = (need + overhead(true)) as u64;
        if need > self.config.journal_file_bytes {
            // Files of the common size are no use for this one.
            self.drop_spares(out);
        }
        if self.journal.files() >= self.config.journal_files.max(2) {
            self.hold_back(out);
            return;
        }
        let len = self.config.journal_file_bytes.max(need);
        let header = self.journal.next_header(&self.config);
        let handle = self.files.new_handle();
        let path = layout::journal_file(self.config.shard.0, header.number);
        let mut commands = Vec::from([
            FileCommand::Open { handle, path, create: true },
            FileCommand::Allocate { handle, len },
            FileCommand::Sync { handle },
            FileCommand::SyncFolder { path: layout::journal_folder(self.config.shard.0) },
        ]);
        if !self.journal.folders_synced {
            commands.push(FileCommand::SyncFolder { path: layout::JOURNALS.into() });
            commands.push(FileCommand::SyncFolder { path: layout::ROOT.into() });
        }
        let file = JournalFile { handle, name: header.number, header, len, at: 0, last_group: 0 };
        self.journal.preparing = Some(file);
        self.sequence(Lane::Journal, commands, Then::JournalPrepared, out);
    }

    /// Makes the next file ready before the current one is full.
    pub(crate) fn prepare_ahead(&mut self, out: &mut LogOutbox) {
        let Some(current) = &self.journal.current else { return };
        let soon = current.at > current.len / 2;
        if soon && self.journal.spares.is_empty() && self.journal.files() < self.config.journal_files.max(2) {
            self.prepare_journal(0, out);
        }
    }

    pub(crate) fn journal_prepared(&mut self, now: Now, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        let Some(file) = self.journal.preparing.take() else { return };
        let Err(error) = outcome else {
            self.journal.folders_synced = true;
            self.journal.spares.push(file);
            return;
        };
        self.remove_journal_file(file, out);
        if self.journal.current.is_some() && self.journal.in_flight.is_some() {
            // Made ahead of need: the need will say so itself.
            return;
        }
        self.background_failed(now, "making a journal file", &error, out);
        self.fail_all(&storage_error(error), out);
    }

    /// Closes and removes a file whose changes are elsewhere, or that has none.
    pub(crate) fn remove_journal_file(&mut self, file: JournalFile, out: &mut LogOutbox) {
        let path = layout::journal_file(self.config.shard.0, file.name);
        let close = FileCommand::Close { handle: file.handle };
        self.file(Op::Tidy { what: "closing a journal file" }, Lane::Journal, close, out);
        self.file(
            Op::Tidy { what: "removing a journal file" },
            Lane::Journal,
            FileCommand::Remove { path },
            out,
        );
    }

    fn drop_spares(&mut self, out: &mut LogOutbox) {
        for file in core::mem::take(&mut self.journal.spares) {
            self.remove_journal_file(file, out);
        }
    }

    /// A write failed, part of it may be in the file: cut it off, then make room again.
    pub(crate) fn repair_journal(&mut self, error: &FileError, out: &mut LogOutbox) {
        out.note(Level::Error, format!("writing the journal failed: {error}"));
        let Some(file) = &self.journal.current else { return };
        let (handle, at, len) = (file.handle, file.at, file.len);
        if is_on(Mutant::FailedWriteComesBack) {
            return self.journal.retire_current();
        }
        self.journal.health = Health::Repairing;
        let commands =
            Vec::from([FileCommand::Truncate { handle, len: at }, FileCommand::Allocate { handle, len }]);
        self.sequence(Lane::Journal, commands, Then::JournalRepaired, out);
    }

    pub(crate) fn journal_repaired(&mut self, outcome: SequenceOutcome, out: &mut LogOutbox) {
        if self.journal.health != Health::Repairing {
            return;
        }
        self.journal.health = Health::Good;
        match outcome {
            Ok(()) => {}
            Err((0, error)) => {
                // Groups of the next file say that they follow the last good one: what is left of the bad one is
                // nothing.
                out.note(Level::Warn, format!("the journal goes on in another file: {error}"));
                self.journal.retire_current();
            }
            Err((_, _)) => {
                if let Some(file) = &mut self.journal.current {
                    file.len = file.at;
                }
            }
        }
    }

    /// Answers went out before the sync: there has to be one soon.
    pub(crate) fn sync_later(&mut self, now: Now) {
        if self.journal.sync_due.is_none() {
            self.journal.sync_due = Some(now.mono + self.config.os_sync_delay);
        }
    }

    /// Syncs what was answered before. Runs beside the lane of the journal, so that writes do not wait for it.
    pub(crate) fn sync_journal(&mut self, now: Now, out: &mut LogOutbox) {
        if self.journal.syncing > 0 || self.journal.sync_due.is_none_or(|due| due > now.mono) {
            return;
        }
        self.journal.sync_due = None;
        let durable = self.journal.durable;
        let behind: Vec<(FileHandle, u64)> = (self.journal.full.iter().chain(&self.journal.current))
            .filter(|file| file.last_group > durable)
            .map(|file| (file.handle, file.last_group))
            .collect();
        for (handle, group) in behind {
            self.journal.syncing += 1;
            self.file(Op::JournalSync { group }, Lane::Background, FileCommand::Sync { handle }, out);
        }
    }

    pub(crate) fn journal_synced(&mut self, group: u64, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        self.journal.syncing -= 1;
        match outcome {
            Ok(()) => self.journal.durable = self.journal.durable.max(group),
            Err(error) => self.abandon_journal(error, out),
        }
    }

    /// The background cannot make durable what was answered: only reading the journal back at a restart can.
    pub(crate) fn lose_journal(&mut self, why: FileError, out: &mut LogOutbox) {
        out.note(Level::Error, format!("syncing segments failed: {why}; no appends until the next start"));
        let error = StorageError::Fenced(format!("syncing segments failed: {why}"));
        self.journal.health = Health::Lost { why };
        self.fail_all(&error, out);
    }
}
