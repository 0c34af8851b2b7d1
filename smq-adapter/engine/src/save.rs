//! The state file of a log: written whole and synced, one writing at a time; what comes up meanwhile goes with the next.

use alloc::format;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::storage::StorageReply;
use kelpgate_core::time::Now;

use crate::engine::{Op, SmqEngine};
use crate::outbox::SmqOutbox;
use crate::paths;
use crate::rpc::{RpcCommand, RpcError};
use crate::timers::Due;

/// Who waits until the state as it is now is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    Term,
    Trim(Ticket),
    Rewritten(Ticket),
}

/// The writing of one log's state file.
#[derive(Debug, Default)]
pub(crate) struct Save {
    writing: bool,
    /// It is wanted, or failed and is tried again.
    wanted: bool,
    /// A timer is set for the next time.
    timed: bool,
    failures: u32,
    /// Those who wait for the writing under way, and for the next.
    current: Vec<Waiter>,
    next: Vec<Waiter>,
    /// Files that hold nothing of the log any more by the state that is being written.
    unused: Vec<u32>,
}

impl Save {
    /// Those who wait, when nothing is written any more.
    pub(crate) fn into_waiters(self) -> impl Iterator<Item = Waiter> {
        self.current.into_iter().chain(self.next)
    }

    /// Something changed that is to be written with the next occasion.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether the file tells all there is to tell.
    pub(crate) fn is_done(&self) -> bool {
        !self.writing && !self.wanted && self.next.is_empty()
    }
}

impl SmqEngine {
    /// Writes the state, for somebody who waits for it.
    pub(crate) fn save_for(&mut self, id: LogId, waiter: Waiter, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.save.next.push(waiter);
        // After a failure the timer decides.
        if !log.save.writing && log.save.failures == 0 {
            self.save_state(id, out);
        }
    }

    /// Writes the state some time, since the index grew.
    pub(crate) fn save_later(&mut self, now: Now, id: LogId) {
        let pause = self.config.save_pause;
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.save.wanted = true;
        if !log.save.timed && !log.save.writing {
            log.save.timed = true;
            self.timers.set(now.mono + pause, Due::Save(id));
        }
    }

    /// Writes the state now, if it is not being written.
    pub(crate) fn save_state(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.save.timed = false;
        if log.save.writing || (!log.save.wanted && log.save.next.is_empty()) {
            return;
        }
        let save = &mut log.save;
        save.writing = true;
        save.wanted = false;
        save.current.append(&mut save.next);
        log.save.unused = unused(log);
        let content = log.state.encode();
        let path = format!("{}/{}", paths::log_folder(&self.config, id), paths::STATE);
        self.rpc(Op::Saved(id), RpcCommand::Put { path, content: content.into(), sync: true }, out);
    }

    pub(crate) fn state_saved(
        &mut self,
        now: Now,
        id: LogId,
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let save = &mut log.save;
        save.writing = false;
        if let Err(error) = outcome {
            save.failures += 1;
            save.wanted = true;
            save.timed = true;
            let failures = save.failures;
            Self::note_retry(failures, &format_args!("writing the state of log {id}"), &error, out);
            let pause = self.pause(failures);
            self.timers.set(now.mono + pause, Due::Save(id));
            return;
        }
        save.failures = 0;
        let waiters = core::mem::take(&mut save.current);
        let unused = core::mem::take(&mut save.unused);
        for waiter in waiters {
            match waiter {
                Waiter::Term => self.term_begun(id),
                Waiter::Trim(ticket) => out.reply(ticket, Ok(StorageReply::Trimmed)),
                Waiter::Rewritten(ticket) => out.reply(ticket, Ok(StorageReply::Rewritten)),
            }
        }
        self.remove_unused(id, unused, out);
        let Some(log) = self.logs.get(&id) else { return };
        if !log.save.next.is_empty() {
            self.save_state(id, out);
        } else if log.save.wanted {
            self.save_later(now, id);
        }
        self.touched.insert(id);
    }

    /// Removes files that the state on disk does not name any more.
    fn remove_unused(&mut self, id: LogId, unused: Vec<u32>, out: &mut SmqOutbox) {
        for number in unused {
            let Some(log) = self.logs.get_mut(&id) else { return };
            let index = &mut log.state.index;
            let still = index.files.get(&number).is_some_and(|file| file.extents == 0);
            let Some(path) = index.path(number).filter(|_| still) else { continue };
            index.files.remove(&number);
            log.save.wanted = true;
            let what = "removing a file that holds nothing any more";
            self.rpc(Op::Tidy { what }, RpcCommand::Delete { path }, out);
        }
    }
}

/// Files that may go: nothing of the log is in them, nothing of anybody else, and no broker writes to them any more, since
/// there is a newer one in their folder.
fn unused(log: &crate::partition::PartitionLog) -> Vec<u32> {
    let index = &log.state.index;
    let newest = |folder: u32| index.files.iter().rfind(|(_, file)| file.folder == folder).map(|(at, _)| *at);
    let may_go = index.files.iter().filter(|(number, file)| {
        let replaced = file.part && !log.rewriting.as_ref().is_some_and(|rewriting| rewriting.has(**number));
        let passed = !file.part && newest(file.folder) != Some(**number) && !log.look.is_at(**number);
        let known = file.size.is_some_and(|size| file.read >= size);
        file.extents == 0 && !file.foreign && (replaced || (passed && known))
    });
    may_go.map(|(number, _)| *number).collect()
}
