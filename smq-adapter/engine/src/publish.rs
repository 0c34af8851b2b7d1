//! Publishing: one stream for each log that is written to. When a stream breaks, everything that no log file holds is
//! published again on the next one, in order: copies do no harm, and holes would.

use alloc::format;
use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::time::{Instant, Now};

use crate::engine::{Draining, Op, SmqEngine};
use crate::outbox::SmqOutbox;
use crate::partition::{PartitionLog, Tenure, describe};
use crate::paths;
use crate::rpc::{RpcCommand, RpcError, SmqPartition, StreamId};
use crate::timers::Due;

/// The publish stream of a log.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) stage: StreamStage,
    /// Where it goes; kept when it is closed, since that is where log files turn up.
    pub(crate) partition: Option<SmqPartition>,
    failures: u32,
    /// A timer is set that looks whether it is idle, or ends the waiting.
    timed: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum StreamStage {
    #[default]
    Closed,
    /// It broke and is opened again at that time.
    Waiting(Instant),
    Opening(StreamId),
    Open {
        id: StreamId,
        /// Bytes of messages that the broker has not acknowledged.
        under_way: usize,
        /// No more is sent: it is closed when everything is acknowledged, so that the broker writes out what it has.
        closing: bool,
    },
    Closing(StreamId),
}

impl Stream {
    fn is(&self, stream: StreamId) -> bool {
        match &self.stage {
            StreamStage::Closed | StreamStage::Waiting(_) => false,
            StreamStage::Opening(id) | StreamStage::Closing(id) | StreamStage::Open { id, .. } => {
                *id == stream
            }
        }
    }
}

impl SmqEngine {
    /// Sends what may be sent, and opens or closes the stream for that.
    pub(crate) fn publish(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let pending = log.sent < log.end && matches!(log.tenure, Tenure::Held(_));
        match &log.stream.stage {
            StreamStage::Closed if pending => self.open_stream(id, out),
            StreamStage::Waiting(at) if pending && *at <= now.mono => self.open_stream(id, out),
            StreamStage::Open { closing: true, under_way: 0, id: stream } => {
                let stream = *stream;
                log.stream.stage = StreamStage::Closing(stream);
                self.rpc(Op::StreamClosed(id, stream), RpcCommand::CloseStream { stream }, out);
            }
            StreamStage::Open { closing: false, .. } if pending => self.send_messages(id, out),
            StreamStage::Closed
            | StreamStage::Waiting(_)
            | StreamStage::Opening(_)
            | StreamStage::Open { .. }
            | StreamStage::Closing(_) => {}
        }
    }

    fn open_stream(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(name) = self.logs.get(&id).map(|log| log.state.topic.clone()) else { return };
        if self.is_being_removed(&name) {
            return;
        }
        let Some(leader) = self.leader(&name, id, out) else { return };
        let stream = self.new_stream();
        let topic = crate::rpc::SmqTopic { namespace: self.config.namespace.clone(), name };
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.stream.stage = StreamStage::Opening(stream);
        log.stream.partition = Some(leader.partition);
        let path = paths::partition_folder(&self.config, &log.state.topic, &leader.partition);
        log.state.index.folder(&path);
        // Nothing is taken for granted about what came before: whatever no log file holds is sent.
        log.sent = log.state.index.end;
        let command =
            RpcCommand::OpenStream { stream, broker: leader.leader, topic, partition: leader.partition };
        self.rpc(Op::StreamOpened(id, stream), command, out);
    }

    pub(crate) fn stream_opened(
        &mut self,
        now: Now,
        id: LogId,
        stream: StreamId,
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let idle = self.config.stream_idle;
        let Some(log) = self.logs.get_mut(&id).filter(|log| log.stream.is(stream)) else {
            // Nobody needs it any more.
            if outcome.is_ok() {
                let what = "closing a stream";
                self.rpc(Op::Tidy { what }, RpcCommand::CloseStream { stream }, out);
            }
            return;
        };
        if let Err(error) = outcome {
            return self.stream_broke(now, id, &error, out);
        }
        log.stream.stage = StreamStage::Open { id: stream, under_way: 0, closing: false };
        log.progress_at = now.mono;
        if !log.stream.timed {
            log.stream.timed = true;
            self.timers.set(now.mono + idle, Due::Stream(id));
        }
        self.touched.insert(id);
    }

    fn send_messages(&mut self, id: LogId, out: &mut SmqOutbox) {
        let most = self.config.publish_bytes;
        let Some(log) = self.logs.get_mut(&id) else { return };
        let StreamStage::Open { id: stream, under_way, .. } = &mut log.stream.stage else { return };
        let stream = *stream;
        let mut messages = Vec::new();
        let from = log.tail.partition_point(|entry| entry.key.last < log.sent);
        for entry in log.tail.range(from..) {
            let bytes = entry.charge();
            if *under_way > 0 && *under_way + bytes > most {
                break;
            }
            *under_way += bytes;
            log.sent = entry.key.end();
            messages.push((entry.key, entry.value.clone(), bytes));
        }
        for (key, value, bytes) in messages {
            let op = Op::Published { log: id, stream, end: key.end(), bytes };
            self.rpc(op, RpcCommand::Publish { stream, key: key.encode(), value }, out);
        }
    }

    pub(crate) fn message_published(
        &mut self,
        now: Now,
        id: LogId,
        stream: StreamId,
        (end, bytes): (i64, usize),
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(log) = self.logs.get_mut(&id).filter(|log| log.stream.is(stream)) else { return };
        if let Err(error) = outcome {
            return self.stream_broke(now, id, &error, out);
        }
        if let StreamStage::Open { under_way, .. } = &mut log.stream.stage {
            *under_way = under_way.saturating_sub(bytes);
        }
        log.stream.failures = 0;
        log.published = log.published.max(end.min(log.end));
        self.touched.insert(id);
    }

    /// The stream is gone, and maybe what the broker had in memory.
    fn stream_broke(&mut self, now: Now, id: LogId, error: &RpcError, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.stream.failures += 1;
        log.sent = log.state.index.end.min(log.end);
        let failures = log.stream.failures;
        let topic = log.state.topic.clone();
        let what = format!("publishing to {}", describe(&topic, id));
        Self::note_retry(failures, &what, error, out);
        let at = now.mono + self.pause(failures);
        if let Some(log) = self.logs.get_mut(&id) {
            log.stream.stage = StreamStage::Waiting(at);
        }
        self.timers.set(at, Due::Stream(id));
        self.forget_leaders(&topic);
    }

    /// The stream is given up, whatever is under way on it; it may be opened again at once.
    pub(crate) fn break_stream(&mut self, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.sent = log.state.index.end.min(log.end);
        match core::mem::take(&mut log.stream.stage) {
            StreamStage::Open { id: stream, .. } => {
                let what = "closing a stream";
                self.rpc(Op::Tidy { what }, RpcCommand::CloseStream { stream }, out);
            }
            // Whoever answers for these finds out that they are not needed.
            StreamStage::Opening(_) | StreamStage::Closing(_) | StreamStage::Closed => {}
            StreamStage::Waiting(at) => log.stream.stage = StreamStage::Waiting(at),
        }
        self.touched.insert(id);
    }

    pub(crate) fn stream_closed(&mut self, id: LogId, stream: StreamId) {
        let Some(log) = self.logs.get_mut(&id).filter(|log| log.stream.is(stream)) else { return };
        log.stream.stage = StreamStage::Closed;
        // The broker has written out what it had: no need to wait.
        self.look_soon(id);
        self.touched.insert(id);
    }

    /// Closes the stream once everything on it is acknowledged.
    pub(crate) fn close_stream(&mut self, id: LogId) {
        if let Some(log) = self.logs.get_mut(&id)
            && let StreamStage::Open { closing, .. } = &mut log.stream.stage
        {
            *closing = true;
            self.touched.insert(id);
        }
    }

    /// A stream waits to be opened again, may have lost something, or may be idle.
    pub(crate) fn stream_due(&mut self, now: Now, id: LogId) {
        let (idle, stale) = (self.config.stream_idle, self.config.stale);
        let Some(log) = self.logs.get_mut(&id) else { return };
        match &log.stream.stage {
            StreamStage::Open { .. } => {
                let used = now.mono.saturating_since(log.used_at);
                if used >= idle && log.is_verified() {
                    log.stream.timed = false;
                    self.close_stream(id);
                } else {
                    self.timers.set(now.mono + idle.min(stale), Due::Stream(id));
                }
            }
            StreamStage::Closed
            | StreamStage::Waiting(_)
            | StreamStage::Opening(_)
            | StreamStage::Closing(_) => {
                log.stream.timed = false;
            }
        }
        self.touched.insert(id);
    }

    /// Whether a broker has lost what it acknowledged: it should have been in log files long since.
    pub(crate) fn republish_stale(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        let Some(log) = self.logs.get(&id) else { return };
        let waits = now.mono.saturating_since(log.progress_at) >= self.config.stale;
        if !waits || log.published <= log.state.index.end || log.sent <= log.state.index.end {
            return;
        }
        let topic = describe(&log.state.topic, id);
        let text =
            format!("{topic}: what a broker acknowledged is in no log file yet, it is published again");
        out.note(Level::Warn, text);
        if let Some(log) = self.logs.get_mut(&id) {
            log.progress_at = now.mono;
        }
        self.break_stream(id, out);
    }

    /// Streams of a topic that has got more partitions go to the new generation; what is in no log file goes there again.
    pub(crate) fn follow_generation(&mut self, name: &str, out: &mut SmqOutbox) {
        let open: Vec<(LogId, Option<SmqPartition>)> = self
            .logs
            .iter()
            .filter(|(_, log)| {
                log.state.topic == name && matches!(log.stream.stage, StreamStage::Open { .. })
            })
            .map(|(id, log)| (*id, log.stream.partition))
            .collect();
        for (id, partition) in open {
            let leads = self.leader(name, id, out).map(|leader| leader.partition);
            if leads.is_some() && leads != partition {
                self.break_stream(id, out);
            }
        }
    }

    /// Sets the timer that relieves memory, when it is short.
    pub(crate) fn relieve(&mut self, now: Now) {
        self.admit_waiting();
        if self.memory.is_short() && !self.pressed {
            self.pressed = true;
            self.timers.set(now.mono + self.config.look_pause, Due::Pressure);
        }
    }

    /// Memory is short: the log that has most in it, and whose broker writes out when the stream is closed, has it closed.
    pub(crate) fn press(&mut self, now: Now) {
        self.pressed = false;
        if !self.memory.is_short() {
            return;
        }
        let open = self.logs.values().filter(can_be_pressed);
        let most = open.max_by_key(|log| log.unverified()).map(|log| log.id);
        if let Some(id) = most {
            self.close_stream(id);
        }
        self.pressed = true;
        self.timers.set(now.mono + self.config.look_pause, Due::Pressure);
    }

    /// Stopping: the stream is closed, the broker writes out, that is read back and written down.
    pub(crate) fn drain_log(&mut self, now: Now, id: LogId, out: &mut SmqOutbox) {
        if self.draining != Draining::Asked {
            return;
        }
        let Some(log) = self.logs.get(&id) else { return };
        let sent = log.sent >= log.end && log.published >= log.end;
        if sent && matches!(log.stream.stage, StreamStage::Open { closing: false, .. }) {
            self.close_stream(id);
            return self.publish(now, id, out);
        }
        if !matches!(log.stream.stage, StreamStage::Closed | StreamStage::Waiting(_)) {
            return;
        }
        let clean = log.is_verified() && !log.state.clean && !log.state.terms.is_empty();
        if clean && let Some(log) = self.logs.get_mut(&id) {
            log.state.clean = true;
            log.save.want();
        }
        self.save_state(id, out);
    }

    /// Whether nothing is left to do for a log before the engine stops.
    pub(crate) fn is_drained(&self, log: &PartitionLog) -> bool {
        let flushed = log.is_verified() || !log.flushes_on_close();
        let streamless = matches!(log.stream.stage, StreamStage::Closed | StreamStage::Waiting(_));
        log.waiting.is_empty() && flushed && streamless && log.save.is_done()
    }
}

fn can_be_pressed(log: &&PartitionLog) -> bool {
    let open = matches!(log.stream.stage, StreamStage::Open { closing: false, .. });
    open && log.flushes_on_close() && log.unverified() > 0
}
