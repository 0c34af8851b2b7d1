//! Stands between a runtime and a shard, and writes down what goes in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_shard::{Action, Drive, Event, FileReply, Instant, Level, Now, ShardId};

use crate::chunk;
use crate::coverage::Coverage;
use crate::ending::Ending;
use crate::hash::OutputHash;
use crate::origin::Origin;
use crate::step::{self, LARGE, Sink};
use crate::wire::Put;
use crate::writer::{Outgoing, Pen};

/// Steps are handed over when they take this much,
const CHUNK_BYTES: usize = 64 * 1024;
/// or when the oldest has waited for this long: what a killed process loses of its recording.
const CHUNK_AGE: Duration = Duration::from_millis(100);

/// A shard whose events are recorded. When the recording ends, for whatever reason, the shard goes on without.
#[derive(Debug)]
pub struct Recorder<D> {
    inner: D,
    notes: Option<Notes>,
    /// Something happened in this turn.
    turning: bool,
}

/// What is written down of one shard.
#[derive(Debug)]
struct Notes {
    shard: ShardId,
    pen: Pen,
    buffer: Arc<Mutex<Buffer>>,
    coverage: Coverage,
    hash: OutputHash,
    /// When the oldest step in the buffer has to be handed over.
    due: Option<Instant>,
    begun: bool,
}

/// Steps that were not handed over. Locked twice in each step, and by another thread only when the process dies.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    shard: ShardId,
    /// Pieces before `tail`.
    pieces: Vec<Bytes>,
    tail: Vec<u8>,
    len: usize,
    /// Number of the first step in it, and steps of the shard in all.
    first: u64,
    steps: u64,
    last: Now,
    /// Of all outputs up to the last step that the shard came back from.
    hash: u64,
    finished: bool,
}

impl<D: Drive> Recorder<D> {
    /// Records what happens to a shard that was made of `origin` and has not begun.
    pub fn new(pen: Pen, origin: &Origin, inner: D) -> Recorder<D> {
        let shard = origin.settings.shard;
        let mut contents = vec![chunk::ORIGIN];
        contents.raw(&origin.encode());
        pen.write(Outgoing { shard, contents: vec![contents.into()], steps: 0 });
        let hash = OutputHash::default();
        let buffer = Buffer { shard, hash: hash.value(), finished: true, ..Buffer::default() };
        let buffer = Arc::new(Mutex::new(buffer));
        pen.register(buffer.clone());
        let notes =
            Notes { shard, pen, buffer, coverage: Coverage::default(), hash, due: None, begun: false };
        Recorder { inner, notes: Some(notes), turning: false }
    }
}

impl<D: Drive> Drive for Recorder<D> {
    type Message = D::Message;

    fn handle(&mut self, now: Now, event: Event<D::Message>, actions: &mut Vec<Action<D::Message>>) {
        let Some(notes) = &mut self.notes else { return self.inner.handle(now, event, actions) };
        // A tick that is not due is for the buffer alone: it changes nothing in the shard.
        if matches!(event, Event::Tick)
            && notes.begun
            && self.inner.next_deadline().is_none_or(|at| at > now.mono)
        {
            return notes.hand_over_if_due(now);
        }
        self.turning = true;
        notes.event(now, &event);
        let before = actions.len();
        self.inner.handle(now, event, actions);
        notes.outputs(now, actions.get(before..).unwrap_or_default());
        self.look_for_the_end(actions);
    }

    fn end_turn(&mut self, now: Now, actions: &mut Vec<Action<D::Message>>) {
        let Some(notes) = &mut self.notes else { return self.inner.end_turn(now, actions) };
        // Where nothing happened and nothing is due, the end of a turn changes nothing.
        let due = self.inner.next_deadline().is_some_and(|at| at <= now.mono);
        if std::mem::take(&mut self.turning) || due {
            notes.end_turn(now);
            let before = actions.len();
            self.inner.end_turn(now, actions);
            notes.outputs(now, actions.get(before..).unwrap_or_default());
        }
        notes.hand_over_if_due(now);
        self.look_for_the_end(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let due = self.notes.as_ref().and_then(|notes| notes.due);
        self.inner.next_deadline().into_iter().chain(due).min()
    }
}

impl<D: Drive> Recorder<D> {
    fn look_for_the_end(&mut self, actions: &mut Vec<Action<D::Message>>) {
        let Some(notes) = &self.notes else { return };
        let Some(ending) = notes.pen.ended() else { return };
        if notes.pen.is_first_to_say() {
            let text = format!("the recording ends, the node goes on: {ending}");
            actions.push(Action::Log { level: Level::Warn, text });
        }
        self.notes = None;
    }
}

impl<D> Drop for Recorder<D> {
    /// The shard is gone. After a panic its last step is the end of the series, which then counts as cut.
    fn drop(&mut self) {
        if let Some(mut notes) = self.notes.take() {
            notes.hand_over();
            if !std::thread::panicking() {
                notes.pen.end(notes.shard, Ending::Stopped);
            }
        }
    }
}

impl Notes {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event<M>(&mut self, now: Now, event: &Event<M>) {
        self.begun = true;
        let is_known_read = match event {
            Event::File { ticket, outcome } => {
                self.coverage.answered(*ticket, outcome) && matches!(outcome, Ok(FileReply::Bytes(_)))
            }
            _ => false,
        };
        let mut buffer = self.buffer();
        buffer.begin(step::kind_of(event, is_known_read), now);
        step::encode_event(&mut *buffer, event, is_known_read);
    }

    fn end_turn(&self, now: Now) {
        self.buffer().begin(step::END_TURN, now);
    }

    /// What the step that was begun has asked for.
    fn outputs<M>(&mut self, now: Now, actions: &[Action<M>]) {
        for action in actions {
            if let Action::File { ticket, command, .. } = action {
                self.coverage.asked(*ticket, command);
            }
        }
        self.hash.add(actions);
        let value = self.hash.value();
        let mut buffer = self.buffer();
        buffer.hash = value;
        buffer.finished = true;
        let full = buffer.len + buffer.tail.len() >= CHUNK_BYTES;
        drop(buffer);
        self.due.get_or_insert(now.mono + CHUNK_AGE);
        if full {
            self.hand_over();
        }
    }

    fn hand_over_if_due(&mut self, now: Now) {
        if self.due.is_some_and(|due| due <= now.mono) {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.due = None;
        let chunk = self.buffer().take();
        if let Some(chunk) = chunk {
            self.pen.write(chunk);
        }
    }
}

impl Buffer {
    fn begin(&mut self, kind: u8, now: Now) {
        if self.steps == self.first {
            self.tail.reserve(CHUNK_BYTES + LARGE);
            // Times in a chunk count from the zero of both clocks, so that each can be read alone.
            self.last = Now::default();
        }
        let (check, last) = (self.hash as u16, self.last);
        step::encode_head(self, kind, check, last, now);
        self.last = now;
        self.steps += 1;
        self.finished = false;
    }

    /// The contents of the next chunk, if there is anything.
    pub(crate) fn take(&mut self) -> Option<Outgoing> {
        if self.steps == self.first {
            return None;
        }
        let mut head = vec![if self.finished { chunk::STEPS } else { chunk::UNFINISHED }];
        head.raw(&self.first.to_le_bytes());
        head.raw(&self.hash.to_le_bytes());
        let mut contents = vec![Bytes::from(head)];
        contents.append(&mut self.pieces);
        contents.push(Bytes::from(std::mem::take(&mut self.tail)));
        self.len = 0;
        self.first = self.steps;
        Some(Outgoing { shard: self.shard, contents, steps: self.steps })
    }
}

impl Put for Buffer {
    fn raw(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }
}

impl Sink for Buffer {
    fn shared(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE {
            return self.raw(bytes);
        }
        let tail = std::mem::take(&mut self.tail);
        self.len += tail.len() + bytes.len();
        self.pieces.push(tail.into());
        self.pieces.push(bytes.clone());
    }
}
