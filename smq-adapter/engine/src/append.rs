//! Appends: taken into memory, and answered once they are as safe as they must be.
//!
//! An append that must be durable is answered when a write-ahead file holds it and everything before it; the broker's word
//! is not waited for, since what a broker lost is published again from memory, or after a crash from the write-ahead.
//! Any other append is answered on the broker's word. Answers of one log come in the order of its appends.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::storage::{Append, StorageError, StorageReply};
use kelpgate_core::time::Now;

use crate::batches;
use crate::engine::SmqEngine;
use crate::message::MessageKey;
use crate::outbox::SmqOutbox;
use crate::partition::{PartitionLog, Stage, TailEntry, Tenure, charge};
use crate::save::Waiter;

impl SmqEngine {
    pub(crate) fn submit_append(
        &mut self,
        now: Now,
        ticket: Ticket,
        log: LogId,
        append: Append,
        out: &mut SmqOutbox,
    ) {
        let Some(known) = self.logs.get_mut(&log) else {
            return out.reply(ticket, Err(StorageError::Other(format!("log {log} is not open"))));
        };
        if let Stage::Failed(error) = &known.stage {
            return out.reply(ticket, Err(error.clone()));
        }
        let next = known.waiting.back().map_or(known.end, |(_, append)| append.last_offset + 1);
        if let Err(text) = check(&append, next) {
            return out.reply(ticket, Err(StorageError::Other(text)));
        }
        known.used_at = now.mono;
        if known.is_verified() {
            known.progress_at = now.mono;
        }
        let size = charge(&append.batches);
        if known.waiting.is_empty() && self.memory.has_room(size) {
            self.memory.add(size);
            take(known, Some(ticket), append);
            self.queue_wal(log);
        } else if self.waiting_bytes + size <= self.config.waiting_bytes {
            self.waiting_bytes += size;
            known.waiting.push_back((ticket, append));
        } else {
            self.fail_log(log, &StorageError::Overloaded, out);
            return out.reply(ticket, Err(StorageError::Overloaded));
        }
        self.touched.insert(log);
    }

    /// Takes in what waited for memory, while there is some: the logs in turn.
    pub(crate) fn admit_waiting(&mut self) {
        if self.waiting_bytes == 0 {
            return;
        }
        let waiting: Vec<LogId> =
            self.logs.iter().filter(|(_, log)| !log.waiting.is_empty()).map(|(id, _)| *id).collect();
        for id in waiting {
            while let Some(log) = self.logs.get_mut(&id)
                && let Some((_, first)) = log.waiting.front()
                && self.memory.has_room(charge(&first.batches))
                && let Some((ticket, append)) = log.waiting.pop_front()
            {
                let size = charge(&append.batches);
                self.waiting_bytes = self.waiting_bytes.saturating_sub(size);
                self.memory.add(size);
                take(log, Some(ticket), append);
                self.queue_wal(id);
                self.touched.insert(id);
            }
        }
    }

    /// Before anything of a log goes out, its state file tells of the term.
    pub(crate) fn begin_term(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        if log.tenure != Tenure::None || log.sent >= log.end {
            return;
        }
        let start = log.tail.iter().find(|entry| entry.key.term == 0).map(|entry| entry.key.after);
        let number = log.state.begin_term(start.unwrap_or(log.end));
        log.state.clean = false;
        log.tail.iter_mut().filter(|entry| entry.key.term == 0).for_each(|entry| entry.key.term = number);
        log.tenure = Tenure::Beginning(number);
        self.save_for(id, Waiter::Term, out);
    }

    /// The state file tells of the term.
    pub(crate) fn term_begun(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        if let Tenure::Beginning(number) = log.tenure {
            log.tenure = Tenure::Held(number);
            self.queue_wal(id);
            self.touched.insert(id);
        }
    }

    /// Answers the appends that are as safe as they must be.
    pub(crate) fn answer(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let from = log.tail_place(log.answered);
        for entry in log.tail.range_mut(from..) {
            let end = entry.key.end();
            let safe = end <= log.wal_done || (!entry.durable && end <= log.published);
            if !safe {
                break;
            }
            log.answered = end;
            if let Some(ticket) = entry.ticket.take() {
                out.reply(ticket, Ok(StorageReply::Appended));
            }
        }
    }

    /// An append failed: it and all after it are answered so, and the log takes none until it is opened again. Those that
    /// went out may turn up in log files: the next term makes them void, unless they were found there already.
    pub(crate) fn fail_log(&mut self, id: LogId, error: &StorageError, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.stage = Stage::Failed(error.clone());
        log.end = log.answered.max(log.state.index.end);
        log.answered = log.end;
        let cut = log.tail_place(log.end);
        let gone: Vec<TailEntry> = log.tail.drain(cut..).collect();
        let waiting: Vec<(Ticket, Append)> = log.waiting.drain(..).collect();
        let kept = log.tail.iter_mut().filter_map(|entry| entry.ticket.take());
        let mut tickets: Vec<Ticket> = kept.collect();
        for reached in [&mut log.sent, &mut log.published] {
            *reached = (*reached).min(log.end);
        }
        for reached in [&mut log.wal_sent, &mut log.wal_wanted, &mut log.wal_done] {
            *reached = (*reached).min(log.end);
        }
        if !gone.is_empty() {
            log.tenure = Tenure::None;
        }
        for entry in gone {
            self.memory.dropped(entry.charge());
            tickets.extend(entry.ticket);
        }
        for (ticket, append) in waiting {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(charge(&append.batches));
            tickets.push(ticket);
        }
        for ticket in tickets {
            out.reply(ticket, Err(error.clone()));
        }
        self.break_stream(id, out);
    }

    /// Lets go of the oldest batches in memory that log files hold, while there is too much.
    pub(crate) fn evict(&mut self) {
        while let Some((id, last)) = self.memory.surplus() {
            let Some(log) = self.logs.get_mut(&id) else { continue };
            while let Some(first) = log.tail.front()
                && first.key.last <= last
                && first.key.end() <= log.state.index.end
                && first.ticket.is_none()
                && let Some(first) = log.tail.pop_front()
            {
                self.memory.freed(first.charge());
            }
        }
    }
}

/// Adds an append to its log.
fn take(log: &mut PartitionLog, ticket: Option<Ticket>, append: Append) {
    let term = match log.tenure {
        // Told when the term begins.
        Tenure::None => 0,
        Tenure::Beginning(number) | Tenure::Held(number) => number,
    };
    let Append { base_offset, last_offset, max_timestamp, roll, durable, batches } = append;
    let first_timestamp = batches::bounds(&batches).map_or(-1, |(_, _, time)| time);
    let (log_id, after) = (log.id, log.end);
    let (base, last) = (base_offset, last_offset);
    let key = MessageKey { log: log_id, term, after, base, last, max_timestamp, roll };
    log.push(TailEntry { key, value: batches, ticket, durable, first_timestamp });
}

/// Whether an append is what it says and fits the end of its log.
fn check(append: &Append, next: i64) -> Result<(), String> {
    let (base, end) = (append.base_offset, append.last_offset);
    if base < next {
        return Err(format!("append at offset {base} below the end {next}"));
    }
    match batches::bounds(&append.batches) {
        Ok((first, last, _)) if (first, last) == (base, end) => Ok(()),
        Ok((first, last, _)) => Err(format!("append of offsets {base}..={end} holds {first}..={last}")),
        Err(error) => Err(format!("append is no run of batches: {error}")),
    }
}
