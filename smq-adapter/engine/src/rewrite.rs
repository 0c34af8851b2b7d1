//! Replacing closed segments, as compaction does: kept batches go into files of ours, and the state file that names them
//! makes them part of the log. Then log files of SeaweedMQ that hold nothing else are removed.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{RewriteStep, StorageError, StorageReply};
use kelpgate_core::time::Now;

use crate::batches::Batches;
use crate::engine::{Op, SmqEngine};
use crate::index::Extent;
use crate::outbox::SmqOutbox;
use crate::paths;
use crate::rpc::{RpcCommand, RpcError};
use crate::save::Waiter;
use crate::timers::Due;

/// Kept batches are written in parts of about this size, in bytes.
const PART_BYTES: usize = 4 << 20;
/// Size of extents of a part.
const EXTENT_BYTES: u64 = 128 << 10;

/// A replacement being made.
#[derive(Debug)]
pub(crate) struct Rewriting {
    segment: i64,
    /// The offset after the run that is replaced.
    end: i64,
    /// Kept batches that are in no part yet.
    collected: Pieces,
    /// Where the batches of the parts lie.
    extents: Vec<Extent>,
    /// Files of the parts.
    parts: Vec<u32>,
    /// The part that is being written, its content, and how often that failed.
    writing: Option<(u32, Pieces)>,
    failures: u32,
    /// The step that waits for it.
    waiting: Option<(Ticket, bool)>,
}

impl Rewriting {
    /// Who waits for its step, when it is given up.
    pub(crate) fn into_ticket(self) -> Option<Ticket> {
        self.waiting.map(|(ticket, _)| ticket)
    }

    /// Whether a file is one of its parts.
    pub(crate) fn has(&self, file: u32) -> bool {
        self.parts.contains(&file)
    }
}

impl SmqEngine {
    /// Takes one step; see [`kelpgate_core::storage::StorageCommand::Rewrite`].
    pub(crate) fn rewrite(
        &mut self,
        now: Now,
        ticket: Ticket,
        id: LogId,
        (segment, last): (i64, i64),
        step: RewriteStep,
        out: &mut SmqOutbox,
    ) {
        if let Err(error) = self.begin_rewrite(id, segment, last) {
            return out.reply(ticket, Err(error));
        }
        let Some(log) = self.logs.get_mut(&id) else { return };
        let Some(rewriting) = &mut log.rewriting else { return };
        match step {
            RewriteStep::Keep(pieces) => {
                rewriting.collected.append(pieces);
                if rewriting.collected.len() < PART_BYTES {
                    return out.reply(ticket, Ok(StorageReply::Rewritten));
                }
                rewriting.waiting = Some((ticket, false));
                self.begin_part(id, out);
            }
            RewriteStep::Commit => {
                rewriting.waiting = Some((ticket, true));
                self.begin_part(id, out);
                self.rewrite_on(id, out);
            }
            RewriteStep::Abandon => {
                // Its parts hold nothing of the log: they go with the next writing of the state.
                log.rewriting = None;
                self.save_later(now, id);
                out.reply(ticket, Ok(StorageReply::Rewritten));
            }
        }
    }

    /// Finds the run that is to be replaced, unless its replacement is under way.
    fn begin_rewrite(&mut self, id: LogId, segment: i64, last: i64) -> Result<(), StorageError> {
        let Some(log) = self.logs.get_mut(&id) else { return Err(StorageError::Gone) };
        match &log.rewriting {
            Some(rewriting) if rewriting.segment == segment && rewriting.waiting.is_none() => return Ok(()),
            Some(_) => return Err(StorageError::Other("another replacement is under way".into())),
            None => {}
        }
        let segments = log.segments();
        let place = |base: i64| segments.iter().position(|segment| segment.base_offset == base);
        let (Some(first), Some(place)) = (place(segment), place(last)) else {
            return Err(StorageError::Other(format!("there are no segments {segment} to {last}")));
        };
        if first > place || place + 1 >= segments.len() {
            return Err(StorageError::Other(format!(
                "segments {segment} to {last} are no run of closed ones"
            )));
        }
        let end = segments.get(place).map_or(segment, |segment| segment.end_offset);
        log.rewriting = Some(Rewriting {
            segment,
            end,
            collected: Pieces::new(),
            extents: Vec::new(),
            parts: Vec::new(),
            writing: None,
            failures: 0,
            waiting: None,
        });
        Ok(())
    }

    /// Writes what was collected as one part.
    fn begin_part(&mut self, id: LogId, out: &mut SmqOutbox) {
        let folder = paths::log_folder(&self.config, id);
        let Some(log) = self.logs.get_mut(&id) else { return };
        let Some(rewriting) = &mut log.rewriting else { return };
        if rewriting.collected.is_empty() {
            return;
        }
        let content = core::mem::take(&mut rewriting.collected);
        let folder = log.state.index.folder(&folder);
        let name = paths::part_name(u64::from(log.state.index.next_file));
        let number = log.state.index.file(folder, &name, true);
        match extents(number, &content) {
            Ok(extents) => rewriting.extents.extend(extents),
            Err(text) => {
                let ticket = rewriting.waiting.take().map(|(ticket, _)| ticket);
                log.rewriting = None;
                if let Some(ticket) = ticket {
                    out.reply(ticket, Err(StorageError::Other(text)));
                }
                return;
            }
        }
        if let Some(file) = log.state.index.files.get_mut(&number) {
            file.read = content.len() as u64;
        }
        rewriting.parts.push(number);
        rewriting.writing = Some((number, content));
        self.write_part(id, out);
    }

    /// Writes the part at hand, for the first time or again.
    pub(crate) fn write_part(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get(&id) else { return };
        let Some((number, content)) = log.rewriting.as_ref().and_then(|rewriting| rewriting.writing.clone())
        else {
            return;
        };
        if let Some(path) = log.state.index.path(number) {
            self.rpc(Op::Part(id), RpcCommand::Put { path, content, sync: true }, out);
        }
    }

    pub(crate) fn part_written(
        &mut self,
        now: Now,
        id: LogId,
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(rewriting) = self.logs.get_mut(&id).and_then(|log| log.rewriting.as_mut()) else { return };
        if let Err(error) = outcome {
            rewriting.failures += 1;
            let failures = rewriting.failures;
            Self::note_retry(failures, &format_args!("compacting log {id}"), &error.to_string(), out);
            let pause = self.pause(failures);
            self.timers.set(now.mono + pause, Due::Part(id));
            return;
        }
        rewriting.failures = 0;
        rewriting.writing = None;
        if let Some((ticket, false)) = rewriting.waiting {
            rewriting.waiting = None;
            out.reply(ticket, Ok(StorageReply::Rewritten));
        }
        self.rewrite_on(id, out);
    }

    /// Swaps the replacement in, once its parts are written and log files hold all of what it replaces.
    pub(crate) fn rewrite_on(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let Some(rewriting) = &log.rewriting else { return };
        let Some((ticket, true)) = rewriting.waiting else { return };
        if rewriting.writing.is_some() || log.state.index.end < rewriting.end {
            return;
        }
        let Some(mut done) = log.rewriting.take() else { return };
        if let Some(first) = done.extents.first_mut() {
            first.roll = true;
        }
        // What is in memory of the run is not what the log has there any more.
        while let Some(entry) = log.tail.front()
            && entry.key.base < done.end
            && let Some(entry) = log.tail.pop_front()
        {
            self.memory.freed(entry.charge());
            if let Some(ticket) = entry.ticket {
                out.reply(ticket, Ok(StorageReply::Appended));
            }
        }
        log.state.index.replace(done.segment, done.end, done.extents);
        self.save_for(id, Waiter::Rewritten(ticket), out);
    }
}

/// The extents of a part.
fn extents(file: u32, content: &Pieces) -> Result<Vec<Extent>, alloc::string::String> {
    let mut extents: Vec<Extent> = Vec::new();
    let mut at = 0;
    for found in Batches::new(content) {
        let header = found?.header;
        let (len, end) = (header.size as u64, header.last + 1);
        match extents.last_mut().filter(|last| last.len + len <= EXTENT_BYTES) {
            Some(last) => {
                last.len += len;
                last.bytes += len;
                last.end = end;
                last.max_timestamp = last.max_timestamp.max(header.max_timestamp);
            }
            None => extents.push(Extent {
                file,
                at,
                len,
                base: header.base,
                end,
                bytes: len,
                max_timestamp: header.max_timestamp,
                first_timestamp: header.max_timestamp,
                roll: false,
            }),
        }
        at += len;
    }
    Ok(extents)
}
