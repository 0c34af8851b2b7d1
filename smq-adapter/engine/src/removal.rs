//! Making logs shorter, and removing them.
//!
//! Of a deleted log our folder goes, and with the last partition of a topic SeaweedMQ's folder of it, unless another topic
//! has got the same name meanwhile. With several shards that cannot be known, and the folder stays: its messages name
//! the topic they are of, so that they never show in another one, and go as that one's files are trimmed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::storage::{StorageError, StorageReply};
use kelpgate_core::time::Now;

use crate::engine::{Op, SmqEngine, unexpected};
use crate::outbox::SmqOutbox;
use crate::partition::{PartitionLog, charge};
use crate::paths;
use crate::publish::StreamStage;
use crate::rpc::{RpcCommand, RpcError, RpcReply, StreamId};
use crate::save::Waiter;
use crate::state::LogState;
use crate::timers::Due;

/// A log that is being removed.
#[derive(Debug)]
pub(crate) struct Removal {
    tickets: Vec<Ticket>,
    step: Step,
    /// A command is under way.
    asking: bool,
    /// The topic's name, if it is known.
    topic: Option<String>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its stream is closed, so that the broker writes nothing out later.
    Stream(StreamId),
    /// The state file is read for the topic's name.
    State,
    /// Writings to the folder come to their end.
    Quiet,
    /// The folder is removed.
    Folder,
    /// Are there other partitions of the topic?
    Siblings,
    /// The topic's folder is removed.
    Topic,
}

impl SmqEngine {
    /// Makes `start` the first offset of a log.
    pub(crate) fn trim(&mut self, now: Now, ticket: Ticket, id: LogId, start: i64, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else {
            return out.reply(ticket, Err(StorageError::Other(format!("log {id} is not open"))));
        };
        if start <= log.state.start && log.save.is_done() {
            return out.reply(ticket, Ok(StorageReply::Trimmed));
        }
        log.state.start = log.state.start.max(start);
        let next = log.waiting.back().map_or(log.end, |(_, append)| append.last_offset + 1);
        if start > next {
            self.empty(now, id, start, out);
        } else {
            let segments = log.segments();
            let below = segments.iter().map(|segment| segment.end_offset).take_while(|end| *end <= start);
            if let Some(below) = below.last() {
                log.state.index.drop_below(below);
            }
        }
        self.save_for(id, Waiter::Trim(ticket), out);
    }

    /// Nothing is left of a log, which goes on at an offset past its end.
    fn empty(&mut self, now: Now, id: LogId, start: i64, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let index = &mut log.state.index;
        index.drop_below(i64::MAX);
        let verified = core::mem::replace(&mut index.end, start);
        for entry in log.tail.drain(..) {
            match entry.key.end() <= verified {
                true => self.memory.freed(entry.charge()),
                false => self.memory.dropped(entry.charge()),
            }
            if let Some(ticket) = entry.ticket {
                out.reply(ticket, Ok(StorageReply::Appended));
            }
        }
        for (ticket, append) in log.waiting.drain(..) {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(charge(&append.batches));
            out.reply(ticket, Ok(StorageReply::Appended));
        }
        log.reached(start);
        self.settle_runs(now, id);
    }

    /// Removes a log.
    pub(crate) fn delete(&mut self, now: Now, ticket: Ticket, id: LogId, out: &mut SmqOutbox) {
        if let Some(removal) = self.removals.get_mut(&id) {
            removal.tickets.push(ticket);
            return;
        }
        self.abandon_opening(id, out);
        for (number, _) in self.wal.loading.take_runs(id) {
            self.run_settled(now, number);
        }
        let (step, topic) = match self.logs.remove(&id) {
            Some(log) => {
                let topic = log.state.topic.clone();
                let step = match log.stream.stage {
                    StreamStage::Open { id: stream, .. } => Step::Stream(stream),
                    StreamStage::Closed
                    | StreamStage::Waiting(_)
                    | StreamStage::Opening(_)
                    | StreamStage::Closing(_) => Step::Quiet,
                };
                self.let_go(now, log, out);
                (step, Some(topic))
            }
            None => (Step::State, None),
        };
        let removal = Removal { tickets: alloc::vec![ticket], step, asking: false, topic, failures: 0 };
        self.removals.insert(id, removal);
        self.removal_due(id, out);
    }

    /// A log that is being removed leaves memory.
    fn let_go(&mut self, now: Now, log: PartitionLog, out: &mut SmqOutbox) {
        let verified = log.state.index.end;
        for entry in log.tail {
            match entry.key.end() <= verified {
                true => self.memory.freed(entry.charge()),
                false => self.memory.dropped(entry.charge()),
            }
            if let Some(ticket) = entry.ticket {
                out.reply(ticket, Err(StorageError::Gone));
            }
        }
        for (ticket, append) in log.waiting {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(charge(&append.batches));
            out.reply(ticket, Err(StorageError::Gone));
        }
        for waiter in log.save.into_waiters() {
            match waiter {
                Waiter::Term => {}
                Waiter::Trim(ticket) | Waiter::Rewritten(ticket) => {
                    out.reply(ticket, Err(StorageError::Gone))
                }
            }
        }
        if let Some(ticket) = log.rewriting.and_then(crate::rewrite::Rewriting::into_ticket) {
            out.reply(ticket, Err(StorageError::Gone));
        }
        for (_, number) in log.wal_runs {
            self.run_settled(now, number);
        }
    }

    /// Goes on with a removal.
    pub(crate) fn removal_due(&mut self, id: LogId, out: &mut SmqOutbox) {
        let quiet = !self.writes_to(id);
        let folder = paths::log_folder(&self.config, id);
        let Some(removal) = self.removals.get_mut(&id).filter(|removal| !removal.asking) else { return };
        let command = match removal.step {
            Step::Stream(stream) => RpcCommand::CloseStream { stream },
            Step::State => {
                RpcCommand::Get { path: format!("{folder}/{}", paths::STATE), from: 0, len: u64::MAX }
            }
            Step::Quiet if !quiet => return,
            Step::Quiet | Step::Folder => {
                removal.step = Step::Folder;
                RpcCommand::Delete { path: folder }
            }
            Step::Siblings => {
                let root = paths::logs_root(&self.config);
                RpcCommand::List { folder: root, after: format!("{}-", id.topic), limit: 1 }
            }
            Step::Topic => {
                let topic = removal.topic.clone().unwrap_or_default();
                RpcCommand::Delete { path: paths::topic_folder(&self.config, &topic) }
            }
        };
        removal.asking = true;
        self.rpc(Op::Removal(id), command, out);
    }

    pub(crate) fn removal_told(
        &mut self,
        now: Now,
        id: LogId,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(removal) = self.removals.get_mut(&id) else { return };
        removal.asking = false;
        let next = match (removal.step, outcome) {
            // A stream that cannot be closed is broken.
            (Step::Stream(_), _) => Ok(Some(Step::Quiet)),
            (Step::State, Ok(RpcReply::Content { bytes, .. })) => {
                removal.topic = LogState::decode(&bytes).map(|state| state.topic);
                Ok(Some(Step::Quiet))
            }
            (Step::State, Err(RpcError::NotFound)) => Ok(Some(Step::Quiet)),
            (Step::Quiet | Step::Folder, Ok(RpcReply::Done)) => {
                let alone = self.config.shards == 1 && removal.topic.is_some();
                Ok(alone.then_some(Step::Siblings))
            }
            (Step::Siblings, Ok(RpcReply::Listed(entries))) => {
                let name = format!("{}-", id.topic);
                let last = !entries.iter().any(|entry| entry.name.starts_with(&name));
                Ok((last && !self.has_heir(id)).then_some(Step::Topic))
            }
            (Step::Topic, Ok(RpcReply::Done)) => Ok(None),
            (_, Ok(other)) => Err(format!("{}", unexpected(&other))),
            (_, Err(error)) => Err(format!("{error}")),
        };
        match next {
            Ok(Some(step)) => {
                if let Some(removal) = self.removals.get_mut(&id) {
                    removal.step = step;
                    removal.failures = 0;
                }
                self.removal_due(id, out);
            }
            Ok(None) => self.removed(now, id, out),
            Err(text) => {
                let Some(removal) = self.removals.get_mut(&id) else { return };
                removal.failures += 1;
                let failures = removal.failures;
                Self::note_retry(failures, &format_args!("removing log {id}"), &text, out);
                let pause = self.pause(failures);
                self.timers.set(now.mono + pause, Due::Removal(id));
            }
        }
    }

    /// Whether a topic of the same name as that of a removed log is in use.
    fn has_heir(&self, id: LogId) -> bool {
        let topic = self.removals.get(&id).and_then(|removal| removal.topic.as_deref());
        let same = |log: &PartitionLog| Some(log.state.topic.as_str()) == topic;
        self.logs.values().any(same) || self.openings.values().any(|opening| opening.topic_name() == topic)
    }

    /// Whether SeaweedMQ's folder of a topic is being removed: nobody publishes to it then.
    pub(crate) fn is_being_removed(&self, topic: &str) -> bool {
        let removes =
            |removal: &Removal| removal.step == Step::Topic && removal.topic.as_deref() == Some(topic);
        self.removals.values().any(removes)
    }

    fn removed(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(removal) = self.removals.remove(&id) else { return };
        for ticket in removal.tickets {
            out.reply(ticket, Ok(StorageReply::Deleted));
        }
        if removal.step == Step::Topic
            && let Some(topic) = removal.topic
        {
            // Who leads it is of the past; whoever waited for the name may have it.
            self.topics.remove(&topic);
            let heirs: Vec<LogId> =
                self.logs.values().filter(|log| log.state.topic == topic).map(|log| log.id).collect();
            for heir in &heirs {
                let partitions = self.logs.get(heir).map_or(1, |log| log.state.partitions);
                self.know_topic(&topic, partitions, out);
            }
            self.touched.extend(heirs);
        }
        let waiting: Vec<LogId> = self.openings.keys().copied().collect();
        for opening in waiting {
            self.opening_due(now, opening, out);
        }
    }
}
