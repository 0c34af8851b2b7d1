//! Replacing a run of closed segments by one.
//!
//! The replacement is written beside the first segment and synced, then the journal says that it is complete, then it is
//! renamed. Recovery renames it if it finds the journal's word and the replacement. The journal must not hold appends
//! to the old file any more, since they would be written again: the checkpoint has to have passed them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{RewriteStep, SegmentInfo, StorageError, StorageReply};

use crate::batch;
use crate::file::{FileCommand, FileError, FileHandle, Lane};
use crate::index::Index;
use crate::journal::format::Change;
use crate::layout::{self, LogFile};
use crate::log::{Log, Op, storage_error};
use crate::open_files::{Acquired, FileKey, Role, Waiter};
use crate::outbox::LogOutbox;
use crate::partition::{LogKey, PartitionLog};
use crate::sequence::Then;

/// What a replacement is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The next step may begin.
    Ready,
    /// Its file is being opened.
    Opening,
    /// Bytes are being written.
    Writing,
    /// Complete; the checkpoint has to pass the segment's appends.
    AwaitingCheckpoint,
    /// It is being synced, then told to the journal.
    Syncing,
    Journalled,
    /// It is being renamed.
    Placing,
}

/// A replacement in the making.
#[derive(Debug)]
pub(crate) struct Rewriting {
    /// Names of the first and the last segment of the run.
    run: (i64, i64),
    /// What will stand in its place.
    info: SegmentInfo,
    index: Index,
    stage: Stage,
    /// Steps not done yet; the first is being done unless the stage is `Ready`.
    steps: VecDeque<(Ticket, RewriteStep)>,
}

impl Rewriting {
    pub(crate) fn index(&mut self) -> &mut Index {
        &mut self.index
    }
}

/// Replacements in the making, one for each log at most.
pub(crate) type Rewrites = BTreeMap<LogKey, Rewriting>;

impl Log {
    pub(crate) fn rewrite(
        &mut self,
        ticket: Ticket,
        log: LogId,
        run: (i64, i64),
        step: RewriteStep,
        out: &mut LogOutbox,
    ) {
        let known = self.ids.get(&log).and_then(|key| Some((*key, self.logs.get(key)?)));
        let Some((key, known)) = known else {
            out.reply(ticket, Err(StorageError::Gone));
            return;
        };
        if let Some(running) = self.rewrites.get_mut(&key).filter(|running| running.run == run) {
            running.steps.push_back((ticket, step));
            return self.next_step(key, out);
        }
        let info = match self.rewrites.contains_key(&key) {
            true => Err(format!("log {log} is being rewritten elsewhere")),
            false => joined(known, run),
        };
        match info {
            Ok(info) => {
                let steps = VecDeque::from([(ticket, step)]);
                let running = Rewriting { run, info, index: Index::default(), stage: Stage::Ready, steps };
                self.rewrites.insert(key, running);
                self.next_step(key, out);
            }
            Err(text) => out.reply(ticket, Err(StorageError::Other(text))),
        }
    }

    /// Begins the next step of a replacement.
    fn next_step(&mut self, key: LogKey, out: &mut LogOutbox) {
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        if running.stage != Stage::Ready {
            return;
        }
        match running.steps.front() {
            None => {}
            Some((_, RewriteStep::Keep(pieces))) => {
                let pieces = pieces.clone();
                if let Some(handle) = self.replacement_file(key, out) {
                    self.keep(key, handle, pieces, out);
                }
            }
            Some((_, RewriteStep::Commit)) => {
                running.stage = Stage::AwaitingCheckpoint;
                self.commit(key, out);
            }
            Some((_, RewriteStep::Abandon)) => self.end_with(key, &Ok(StorageReply::Rewritten), out),
        }
    }

    /// The file of a replacement; if it is not open, it will be, and then the step begins anew.
    fn replacement_file(&mut self, key: LogKey, out: &mut LogOutbox) -> Option<FileHandle> {
        let running = self.rewrites.get_mut(&key)?;
        let file = FileKey { log: key, segment: running.run.0, role: Role::Replacement };
        match self.files.acquire(file, Waiter::Rewrite(key)) {
            Acquired::Ready(handle) => return Some(handle),
            Acquired::Opening => running.stage = Stage::Opening,
            Acquired::ToOpen(handle) => {
                running.stage = Stage::Opening;
                self.open_segment(handle, file, out);
            }
        }
        None
    }

    /// Writes batches to a replacement.
    fn keep(&mut self, key: LogKey, handle: FileHandle, pieces: Pieces, out: &mut LogOutbox) {
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        let (at, indexed) = (running.info.bytes, running.index.bytes());
        for (place, header) in batch::batches(&pieces).map_while(Result::ok) {
            if at == 0 && place == 0 {
                running.info.first_timestamp = header.max_timestamp;
            }
            running.info.max_timestamp = running.info.max_timestamp.max(header.max_timestamp);
            running.index.add(at + place as u64, &header);
        }
        self.indexes.grew(running.index.bytes() - indexed);
        running.info.bytes += pieces.len() as u64;
        running.stage = Stage::Writing;
        let write = FileCommand::Write { handle, at, pieces };
        self.file(Op::Kept { key, handle }, Lane::Background, write, out);
    }

    /// The file of a replacement is open, or is not.
    pub(crate) fn rewrite_opened(
        &mut self,
        key: LogKey,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        let Some(running) = self.rewrites.get_mut(&key).filter(|running| running.stage == Stage::Opening)
        else {
            return;
        };
        running.stage = Stage::Ready;
        match outcome {
            Ok(()) => self.next_step(key, out),
            Err(error) => self.fail_rewrite(key, &storage_error(error), out),
        }
    }

    /// A replacement's file is opened anew: what is left of an earlier one goes.
    pub(crate) fn replacement_opened(
        &mut self,
        handle: FileHandle,
        key: FileKey,
        len: u64,
        out: &mut LogOutbox,
    ) {
        let written = self.rewrites.get(&key.log).map_or(0, |running| running.info.bytes);
        if len > written {
            let cut = FileCommand::Truncate { handle, len: written };
            self.file(Op::Tidy { what: "cutting a replacement" }, Lane::Background, cut, out);
        }
    }

    pub(crate) fn kept(
        &mut self,
        key: LogKey,
        handle: FileHandle,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        self.files.release(handle);
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        running.stage = Stage::Ready;
        match outcome {
            Ok(()) => {
                if let Some((ticket, _)) = running.steps.pop_front() {
                    out.reply(ticket, Ok(StorageReply::Rewritten));
                }
                self.next_step(key, out);
            }
            Err(error) => self.fail_rewrite(key, &storage_error(error), out),
        }
    }

    /// Makes a complete replacement durable, once the checkpoint has passed the segment's appends.
    fn commit(&mut self, key: LogKey, out: &mut LogOutbox) {
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        let Some(log) = self.logs.get(&key) else { return };
        if running.stage != Stage::AwaitingCheckpoint {
            return;
        }
        let (first, last) = running.run;
        let run = log.segments.iter().filter(|segment| (first..=last).contains(&segment.info.base_offset));
        let last_group = run.map(|segment| segment.last_group).max().unwrap_or(0);
        if last_group > self.checkpoint.covered {
            self.checkpoint.wanted = self.checkpoint.wanted.max(last_group);
            return;
        }
        let folder = layout::log_folder(log.id);
        let Some(handle) = self.replacement_file(key, out) else { return };
        if let Some(running) = self.rewrites.get_mut(&key) {
            running.stage = Stage::Syncing;
        }
        let commands = Vec::from([FileCommand::Sync { handle }, FileCommand::SyncFolder { path: folder }]);
        self.sequence(Lane::Background, commands, Then::ReplacementSynced { log: key, handle }, out);
    }

    /// A checkpoint came to its end.
    pub(crate) fn rewrites_may_go_on(&mut self, out: &mut LogOutbox) {
        let waiting: Vec<LogKey> = (self.rewrites.iter())
            .filter(|(_, running)| running.stage == Stage::AwaitingCheckpoint)
            .map(|(key, _)| *key)
            .collect();
        waiting.into_iter().for_each(|key| self.commit(key, out));
    }

    pub(crate) fn replacement_synced(
        &mut self,
        key: LogKey,
        handle: FileHandle,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        self.files.release(handle);
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        if let Err(error) = outcome {
            running.stage = Stage::Ready;
            return self.fail_rewrite(key, &storage_error(error), out);
        }
        running.stage = Stage::Journalled;
        let change = Change::Rewritten { segment: running.info, last: running.run.1 };
        if let Some(log) = self.logs.get(&key) {
            let id = log.id;
            self.submit_rewritten(id, change);
        }
    }

    /// The journal says that a replacement is complete: from now on the log is what it says.
    pub(crate) fn make_rewritten(&mut self, id: LogId, info: SegmentInfo, last: i64, out: &mut LogOutbox) {
        let Some(key) = self.ids.get(&id).copied() else { return };
        let Some(running) = self.rewrites.get_mut(&key) else { return };
        if running.run != (info.base_offset, last) || running.stage != Stage::Journalled {
            return;
        }
        running.stage = Stage::Placing;
        let index = core::mem::take(&mut running.index);
        let Some(log) = self.logs.get_mut(&key) else { return };
        let replaced = log.replace_run(info, last, index);
        let freed = log.tail.drop_below(info.end_offset);
        self.memory.freed_clean(freed.clean);
        self.memory.freed_dirty(freed.dirty);
        let (replacement, segment) =
            (LogFile::Replacement(info.base_offset), LogFile::Segment(info.base_offset));
        let mut commands = Vec::new();
        for name in replaced {
            self.files.unwanted(key, name);
            self.unsynced.remove(&(key, name));
            commands.push(FileCommand::Remove { path: LogFile::Index(name).path(id) });
            if name != info.base_offset || info.bytes == 0 {
                commands.push(FileCommand::Remove { path: LogFile::Segment(name).path(id) });
            }
        }
        commands.push(match info.bytes {
            0 => FileCommand::Remove { path: replacement.path(id) },
            _ => FileCommand::Rename { from: replacement.path(id), to: segment.path(id) },
        });
        commands.push(FileCommand::SyncFolder { path: layout::log_folder(id) });
        self.placing += 1;
        self.sequence(Lane::Background, commands, Then::ReplacementPlaced { log: key }, out);
    }

    /// The replacement is in its place, or has to be put there at the next start.
    pub(crate) fn replacement_placed(
        &mut self,
        key: LogKey,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        self.placing = self.placing.saturating_sub(1);
        let Some(running) = self.rewrites.remove(&key) else { return };
        let segment = running.run.0;
        // Files opened while it was renamed may be either.
        self.files.unwanted(key, segment);
        if let Some(segment) = self.logs.get_mut(&key).and_then(|log| log.segment_mut(segment)) {
            segment.replacing = false;
        }
        let reply = match outcome {
            Ok(()) => Ok(StorageReply::Rewritten),
            Err(error) => {
                out.note(Level::Error, String::from("a compacted segment could not be put in place"));
                self.lose_journal(error.clone(), out);
                Err(storage_error(error))
            }
        };
        self.answer_steps(key, running, &reply, out);
        self.unpark((key, segment), reply.map(drop), out);
    }

    /// A step failed: the replacement is forgotten.
    fn fail_rewrite(&mut self, key: LogKey, error: &StorageError, out: &mut LogOutbox) {
        self.end_with(key, &Err(error.clone()), out);
    }

    /// The replacement is forgotten.
    fn end_with(&mut self, key: LogKey, reply: &Result<StorageReply, StorageError>, out: &mut LogOutbox) {
        let Some(running) = self.rewrites.remove(&key) else { return };
        self.remove_replacement(key, running.run.0, out);
        self.answer_steps(key, running, reply, out);
    }

    /// Answers the steps of a replacement that came to its end. Steps after its last one begin another.
    fn answer_steps(
        &mut self,
        key: LogKey,
        mut running: Rewriting,
        reply: &Result<StorageReply, StorageError>,
        out: &mut LogOutbox,
    ) {
        while let Some((ticket, step)) = running.steps.pop_front() {
            out.reply(ticket, reply.clone());
            match step {
                RewriteStep::Keep(_) => {}
                RewriteStep::Commit | RewriteStep::Abandon => break,
            }
        }
        for (ticket, step) in running.steps {
            match self.logs.get(&key).map(|log| log.id) {
                Some(log) => self.rewrite(ticket, log, running.run, step, out),
                None => out.reply(ticket, Err(StorageError::Gone)),
            }
        }
    }

    fn remove_replacement(&mut self, key: LogKey, segment: i64, out: &mut LogOutbox) {
        self.files.unwanted_key(FileKey { log: key, segment, role: Role::Replacement });
        let Some(log) = self.logs.get(&key) else { return };
        let path = LogFile::Replacement(segment).path(log.id);
        let remove = FileCommand::Remove { path };
        self.file(Op::Tidy { what: "removing a replacement" }, Lane::Background, remove, out);
    }

    /// A segment, or the whole log, is gone.
    pub(crate) fn end_rewrite(&mut self, key: LogKey, segment: Option<i64>, out: &mut LogOutbox) {
        let ends = |running: &Rewriting| match segment {
            // What the journal has is done in any case.
            Some(_) if running.stage == Stage::Placing => false,
            Some(segment) => (running.run.0..=running.run.1).contains(&segment),
            None => true,
        };
        if !self.rewrites.get(&key).is_some_and(ends) {
            return;
        }
        let Some(running) = self.rewrites.remove(&key) else { return };
        self.answer_steps(key, running, &Err(StorageError::Gone), out);
    }
}

/// What will stand in place of a run, before any batch is kept.
fn joined(log: &PartitionLog, (first, last): (i64, i64)) -> Result<SegmentInfo, String> {
    let closed =
        |name: i64| log.segments.iter().rev().skip(1).find(|segment| segment.info.base_offset == name);
    match (closed(first), closed(last)) {
        (Some(first), Some(last)) if first.info.base_offset <= last.info.base_offset => Ok(SegmentInfo {
            base_offset: first.info.base_offset,
            end_offset: last.info.end_offset,
            bytes: 0,
            max_timestamp: -1,
            first_timestamp: -1,
        }),
        (Some(_) | None, Some(_) | None) => {
            Err(format!("log {} has no closed segments {first} through {last}", log.id))
        }
    }
}
