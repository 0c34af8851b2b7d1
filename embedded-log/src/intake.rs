//! Changes on their way into the logs: checked, collected, written to the journal as one group, then made.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::storage::{Append, StorageError, StorageReply};
use kelpgate_core::time::Now;

use crate::batch;
use crate::config::Sync;
use crate::file::{FileCommand, FileError, Lane};
use crate::journal::format::{Change, Entry, GroupHeader, encode_group, entry_len};
use crate::journal::writer::{Group, Health, Pending, Step, overhead};
use crate::log::{Log, Op, storage_error};
use crate::memory::charge;
use crate::outbox::LogOutbox;
use crate::partition::{LogKey, PartitionLog};

/// A log with changes on the way, or one that takes no appends.
#[derive(Debug, Default)]
struct Submitted {
    /// Changes on the way, and those of them that delete it.
    changes: usize,
    deletions: usize,
    /// Where the log ends when they are made.
    next: i64,
    /// Why it takes no appends until it is opened anew.
    failure: Option<StorageError>,
}

/// Changes that no group holds yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    queue: VecDeque<Pending>,
    logs: BTreeMap<LogId, Submitted>,
}

impl Intake {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn push(&mut self, log: LogId, next: i64, pending: Pending) {
        let submitted = self.logs.entry(log).or_default();
        submitted.changes += 1;
        submitted.deletions += usize::from(pending.entry.change == Change::Delete);
        submitted.next = next;
        self.queue.push_back(pending);
    }

    /// A change of that log was made, or given up.
    fn settled(&mut self, log: LogId, deletes: bool) {
        if let Some(submitted) = self.logs.get_mut(&log) {
            submitted.changes = submitted.changes.saturating_sub(1);
            submitted.deletions = submitted.deletions.saturating_sub(usize::from(deletes));
            if submitted.changes == 0 && submitted.failure.is_none() {
                self.logs.remove(&log);
            }
        }
    }

    /// The log takes appends again, from its end on.
    pub(crate) fn reopened(&mut self, log: LogId, end: i64) {
        let Some(submitted) = self.logs.get_mut(&log) else { return };
        if submitted.failure.take().is_some() {
            submitted.next = submitted.next.max(end);
        }
        if submitted.changes == 0 {
            self.logs.remove(&log);
        }
    }
}

impl Log {
    pub(crate) fn submit_append(&mut self, ticket: Ticket, log: LogId, append: Append, out: &mut LogOutbox) {
        let end = self.end_of(log);
        let submitted = self.intake.logs.get(&log);
        if let Some(failure) = submitted.and_then(|submitted| submitted.failure.clone()) {
            out.reply(ticket, Err(failure));
            return;
        }
        let next = submitted.map_or(end, |submitted| submitted.next);
        if let Err(text) = check(&append, next) {
            out.reply(ticket, Err(StorageError::Other(text)));
            return;
        }
        let charge = charge(&append.batches);
        let (last, gap) = (append.last_offset, append.base_offset > next);
        let entry = Entry { log, change: Change::Append { append, gap } };
        self.intake.push(log, last + 1, Pending { ticket: Some(ticket), entry, charge });
    }

    pub(crate) fn submit_trim(&mut self, ticket: Ticket, log: LogId, start: i64, out: &mut LogOutbox) {
        let (known_start, end) = self.partition(log).map_or((0, 0), |known| (known.start, known.end));
        let submitted = self.intake.logs.get(&log);
        if start <= known_start && submitted.is_none_or(|submitted| submitted.changes == 0) {
            out.reply(ticket, Ok(StorageReply::Trimmed));
            return;
        }
        let next = submitted.map_or(end, |submitted| submitted.next);
        let entry = Entry { log, change: Change::Trim { start } };
        self.intake.push(log, next.max(start), Pending { ticket: Some(ticket), entry, charge: 0 });
    }

    pub(crate) fn submit_delete(&mut self, ticket: Ticket, log: LogId, out: &mut LogOutbox) {
        if self.partition(log).is_none() && !self.intake.logs.contains_key(&log) {
            out.reply(ticket, Ok(StorageReply::Deleted));
            return;
        }
        let entry = Entry { log, change: Change::Delete };
        self.intake.push(log, 0, Pending { ticket: Some(ticket), entry, charge: 0 });
        if let Some(submitted) = self.intake.logs.get_mut(&log) {
            submitted.failure = None;
        }
    }

    /// Tells the journal that a replacement is complete, unless the log is on its way out: one of the same name that
    /// comes after it must not be taken for it.
    pub(crate) fn submit_rewritten(&mut self, log: LogId, change: Change) {
        let end = self.end_of(log);
        let submitted = self.intake.logs.get(&log);
        if submitted.is_some_and(|submitted| submitted.deletions > 0) {
            return;
        }
        let next = submitted.map_or(end, |submitted| submitted.next);
        self.intake.push(log, next, Pending { ticket: None, entry: Entry { log, change }, charge: 0 });
    }

    /// Writes what was collected as one group, if nothing is on the way and there is room.
    pub(crate) fn write_group(&mut self, _now: Now, out: &mut LogOutbox) {
        if self.journal.in_flight.is_some() {
            return;
        }
        let Some(first) = self.intake.queue.front() else { return };
        match &self.journal.health {
            Health::Good => {}
            Health::Repairing | Health::Abandoned { .. } => return,
            Health::Lost { why } => {
                let error = StorageError::Fenced(format!("{why}"));
                self.fail_all(&error, out);
                return;
            }
        }
        let need = entry_len(&first.entry.change);
        if !self.memory.has_room(first.charge) {
            self.hold_back(out);
            return;
        }
        if !self.journal.current.as_ref().is_some_and(|file| file.fits(need))
            && !self.journal.switch(need, &self.config)
        {
            self.prepare_journal(need, out);
            return;
        }
        let entries = self.take_group();
        self.send_group(entries, out);
    }

    /// There is no room: wait for the background, unless that cannot go on either.
    pub(crate) fn hold_back(&mut self, out: &mut LogOutbox) {
        if self.full {
            self.fail_all(&StorageError::Full, out);
        }
    }

    /// The oldest changes that fit the file, the group and memory together.
    fn take_group(&mut self) -> Vec<Pending> {
        let Some(file) = &self.journal.current else { return Vec::new() };
        let (mut bytes, mut charged, mut count) = (0usize, 0usize, 0usize);
        for pending in &self.intake.queue {
            let len = entry_len(&pending.entry.change);
            let fits = count == 0
                || (file.fits(bytes + len)
                    && bytes + len <= self.config.group_bytes
                    && self.memory.has_room(charged + pending.charge));
            if !fits {
                break;
            }
            bytes += len;
            charged += pending.charge;
            count += 1;
        }
        self.intake.queue.drain(..count).collect()
    }

    fn send_group(&mut self, entries: Vec<Pending>, out: &mut LogOutbox) {
        let Some(file) = &mut self.journal.current else { return };
        self.journal.last_tried += 1;
        let len: usize = entries.iter().map(|pending| entry_len(&pending.entry.change)).sum();
        let header = GroupHeader {
            group: self.journal.last_tried,
            previous: self.journal.last_written,
            durable: self.journal.durable,
            bytes: len as u64,
            entries: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        };
        let begins = file.at == 0;
        let pieces =
            encode_group(&file.header, begins, &header, entries.iter().map(|pending| &pending.entry));
        let (handle, at) = (file.handle, file.at);
        let bytes = (len + overhead(begins)) as u64;
        let sync = match self.config.sync {
            Sync::Disk => Step::Waiting,
            Sync::Os => Step::Done,
        };
        self.journal.in_flight =
            Some(Group { number: header.group, entries, bytes, write: Step::Waiting, sync: sync.clone() });
        self.file(Op::GroupWrite, Lane::Journal, FileCommand::Write { handle, at, pieces }, out);
        if sync == Step::Waiting {
            self.file(Op::GroupSync, Lane::Journal, FileCommand::Sync { handle }, out);
        }
    }

    /// The write or the sync of the group came back.
    pub(crate) fn group_step(
        &mut self,
        now: Now,
        write: Option<Result<(), FileError>>,
        sync: Option<Result<(), FileError>>,
        out: &mut LogOutbox,
    ) {
        let Some(group) = &mut self.journal.in_flight else { return };
        group.write = write.map_or_else(|| group.write.clone(), Step::from);
        group.sync = sync.map_or_else(|| group.sync.clone(), Step::from);
        if group.write == Step::Waiting || group.sync == Step::Waiting {
            return;
        }
        let Some(group) = self.journal.in_flight.take() else { return };
        if let Health::Abandoned { why } | Health::Lost { why } = self.journal.health.clone() {
            self.reject(group, &StorageError::Fenced(format!("syncing failed: {why}")), out);
            return;
        }
        match (group.write.clone(), group.sync.clone()) {
            (Step::Failed(error), Step::Done | Step::Failed(_) | Step::Waiting) => {
                self.reject(group, &storage_error(error.clone()), out);
                self.repair_journal(&error, out);
            }
            (Step::Done | Step::Waiting, Step::Failed(_)) if is_on(Mutant::FailedSyncIgnored) => {
                self.accept(now, group, out);
            }
            (Step::Done | Step::Waiting, Step::Failed(error)) => {
                let fenced = StorageError::Fenced(format!("syncing the journal failed: {error}"));
                self.reject(group, &fenced, out);
                self.abandon_journal(error, out);
            }
            (Step::Done | Step::Waiting, Step::Done | Step::Waiting) => self.accept(now, group, out),
        }
    }

    /// The group is part of the journal: its changes are made and answered.
    fn accept(&mut self, now: Now, group: Group, out: &mut LogOutbox) {
        self.journal.last_written = group.number;
        if let Some(file) = &mut self.journal.current {
            file.at += group.bytes;
            file.last_group = group.number;
        }
        match self.config.sync {
            Sync::Disk => self.journal.durable = group.number,
            Sync::Os => self.sync_later(now),
        }
        for pending in group.entries {
            let log = pending.entry.log;
            let deletes = pending.entry.change == Change::Delete;
            let reply = self.make(log, pending.entry.change, pending.charge, group.number, out);
            self.intake.settled(log, deletes);
            if let Some(ticket) = pending.ticket {
                out.reply(ticket, reply);
            }
        }
        self.evict();
        self.prepare_ahead(out);
    }

    fn make(
        &mut self,
        log: LogId,
        change: Change,
        charge: usize,
        group: u64,
        out: &mut LogOutbox,
    ) -> Result<StorageReply, StorageError> {
        match change {
            Change::Append { append, gap: _ } => {
                let key = self.key_or_new(log);
                self.make_append(key, append, charge, group);
                Ok(StorageReply::Appended)
            }
            Change::Trim { start } => {
                let key = self.key_or_new(log);
                self.make_trim(key, start, out);
                Ok(StorageReply::Trimmed)
            }
            Change::Delete => {
                self.make_delete(log, out);
                Ok(StorageReply::Deleted)
            }
            Change::Rewritten { segment, last } => {
                self.make_rewritten(log, segment, last, out);
                Ok(StorageReply::Rewritten)
            }
        }
    }

    fn key_or_new(&mut self, log: LogId) -> LogKey {
        if let Some(key) = self.ids.get(&log) {
            return *key;
        }
        let key = self.new_key();
        self.ids.insert(log, key);
        self.logs.insert(key, PartitionLog::empty(log));
        key
    }

    fn make_append(&mut self, key: LogKey, append: Append, charge: usize, group: u64) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        let serial = self.memory.add(key, charge);
        self.indexes.grew(log.append(append, serial, charge, group));
        if let Some(segment) = log.segments.back_mut()
            && !segment.in_unsynced
        {
            segment.in_unsynced = true;
            self.unsynced.insert((key, segment.info.base_offset));
        }
        self.queue_flush(key);
    }

    /// None of the group's changes happened.
    fn reject(&mut self, group: Group, error: &StorageError, out: &mut LogOutbox) {
        let logs = self.fail(group.entries, error, out);
        self.refuse_appends(logs, error, out);
    }

    /// Nothing collected can be written.
    pub(crate) fn fail_all(&mut self, error: &StorageError, out: &mut LogOutbox) {
        let queue: Vec<Pending> = self.intake.queue.drain(..).collect();
        let logs = self.fail(queue, error, out);
        self.refuse_appends(logs, error, out);
    }

    /// Answers with an error; gives the logs that miss an append by it.
    fn fail(&mut self, changes: Vec<Pending>, error: &StorageError, out: &mut LogOutbox) -> BTreeSet<LogId> {
        let mut logs = BTreeSet::new();
        for pending in changes {
            self.intake.settled(pending.entry.log, pending.entry.change == Change::Delete);
            if let Change::Append { .. } = pending.entry.change {
                logs.insert(pending.entry.log);
            }
            if let Some(ticket) = pending.ticket {
                out.reply(ticket, Err(error.clone()));
            }
        }
        logs
    }

    /// Appends to these logs failed: those after them must not leave a hole.
    fn refuse_appends(&mut self, logs: BTreeSet<LogId>, error: &StorageError, out: &mut LogOutbox) {
        let (refused, kept): (Vec<Pending>, Vec<Pending>) =
            core::mem::take(&mut self.intake.queue).into_iter().partition(|pending| {
                matches!(pending.entry.change, Change::Append { .. }) && logs.contains(&pending.entry.log)
            });
        self.fail(refused, error, out);
        for log in &logs {
            let end = self.partition(*log).map_or(0, |known| known.end);
            let submitted = self.intake.logs.entry(*log).or_default();
            submitted.failure = Some(error.clone());
            submitted.next = end;
        }
        for pending in &kept {
            let Some(submitted) = self.intake.logs.get_mut(&pending.entry.log) else { continue };
            match &pending.entry.change {
                Change::Trim { start } => submitted.next = submitted.next.max(*start),
                Change::Delete => submitted.next = 0,
                Change::Append { .. } | Change::Rewritten { .. } => {}
            }
        }
        self.intake.queue = kept.into();
    }

    /// Lets go of the oldest batches in memory while there are too many.
    pub(crate) fn evict(&mut self) {
        use crate::partition::Evicted;
        while let Some((key, serial)) = self.memory.surplus() {
            let outcome = match self.logs.get_mut(&key) {
                Some(log) => log.tail.evict(serial),
                None => Evicted::Gone,
            };
            match outcome {
                Evicted::Freed(charge) => self.memory.freed_clean(charge),
                Evicted::Gone => {}
                Evicted::NotYet => return,
            }
            self.memory.forget_oldest();
        }
    }

    /// A sync of the journal failed: nothing is written before all that was answered is safe elsewhere.
    pub(crate) fn abandon_journal(&mut self, why: FileError, out: &mut LogOutbox) {
        out.note(
            Level::Error,
            format!("syncing the journal failed: {why}; no appends until everything answered is in synced segments"),
        );
        let error = StorageError::Fenced(format!("syncing the journal failed: {why}"));
        self.fail_all(&error, out);
        if let Some(file) = &mut self.journal.current {
            // Never to be used again.
            file.len = 0;
        }
        self.journal.retire_current();
        self.journal.health = Health::Abandoned { why };
    }
}

/// Whether an append is what it says and fits the end of its log.
fn check(append: &Append, next: i64) -> Result<(), String> {
    if append.base_offset < next {
        return Err(format!("append at offset {} below the end {next}", append.base_offset));
    }
    let (mut first, mut last) = (None, -1);
    for header in batch::batches(&append.batches) {
        let (_, header) = header.map_err(|error| format!("append is no run of batches: {error}"))?;
        if header.base_offset <= last {
            return Err(format!("append goes back from offset {last} to {}", header.base_offset));
        }
        first = first.or(Some(header.base_offset));
        last = header.last_offset;
    }
    if (first, last) != (Some(append.base_offset), append.last_offset) {
        return Err(format!(
            "append of offsets {}..={} holds {first:?}..={last}",
            append.base_offset, append.last_offset
        ));
    }
    Ok(())
}
