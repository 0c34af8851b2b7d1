//! From memory into segments, in the background.

use kelpgate_core::machine::Level;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::time::Now;

use alloc::format;

use crate::file::{FileCommand, FileError, FileHandle, Lane};
use crate::log::{Log, Op};
use crate::open_files::{Acquired, FileKey, Role, Waiter};
use crate::outbox::LogOutbox;
use crate::partition::{Flush, LogKey};

/// Most bytes of one write, unless a single append is larger.
const WRITE_BYTES: usize = 1 << 20;
/// Most parts of one write.
const WRITE_PARTS: usize = 1024;
/// Writes under way at a time.
const WRITES: usize = 8;

impl Log {
    /// Puts a log with batches to be written at the end of the queue.
    pub(crate) fn queue_flush(&mut self, key: LogKey) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        if log.flush == Flush::Idle && log.tail.has_dirty() {
            log.flush = Flush::Queued;
            self.flush_queue.push_back(key);
        }
    }

    /// Begins writes, if enough has come together or somebody waits for them.
    pub(crate) fn pump_flushes(&mut self, out: &mut LogOutbox) {
        while self.flushes < WRITES && self.retry_at.is_none() {
            if !self.memory.wants_flush() && !self.checkpoint.is_active() && !self.draining {
                return;
            }
            let Some(key) = self.flush_queue.pop_front() else { return };
            self.flush(key, out);
        }
    }

    /// Begins the next write of a log.
    fn flush(&mut self, key: LogKey, out: &mut LogOutbox) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        log.flush = Flush::Idle;
        let Some(first) = log.tail.dirty().next() else { return };
        let (segment, at) = (first.segment, first.position);
        let file = FileKey { log: key, segment, role: Role::Writer };
        let handle = match self.files.acquire(file, Waiter::Flush(key)) {
            Acquired::Ready(handle) => handle,
            Acquired::Opening => {
                log.flush = Flush::Opening;
                self.flushes += 1;
                return;
            }
            Acquired::ToOpen(handle) => {
                log.flush = Flush::Opening;
                self.flushes += 1;
                self.open_segment(handle, file, out);
                return;
            }
        };
        let (mut pieces, mut count) = (Pieces::new(), 0);
        for recent in log.tail.dirty().take_while(|recent| recent.segment == segment) {
            let more = pieces.len() + recent.batches.len();
            let parts = pieces.as_slice().len() + recent.batches.as_slice().len();
            if count > 0 && (more > WRITE_BYTES || parts > WRITE_PARTS) {
                break;
            }
            pieces.append(recent.batches.clone());
            count += 1;
        }
        log.tail.begin_flush(count);
        log.flush = Flush::Writing { segment, bytes: pieces.len() as u64 };
        self.flushes += 1;
        self.file(
            Op::Flush { key, handle },
            Lane::Background,
            FileCommand::Write { handle, at, pieces },
            out,
        );
    }

    /// The file that a log's flush waits for is open, or is not.
    pub(crate) fn flush_opened(
        &mut self,
        now: Now,
        key: LogKey,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        self.flushes = self.flushes.saturating_sub(1);
        if let Some(log) = self.logs.get_mut(&key) {
            log.flush = Flush::Idle;
        }
        match outcome {
            Ok(()) => self.flush(key, out),
            Err(error) => {
                self.queue_flush(key);
                self.background_failed(now, "opening a segment", &error, out);
            }
        }
    }

    /// A segment file was opened to be written: it has to be as long as it should be.
    pub(crate) fn writer_opened(&mut self, handle: FileHandle, key: FileKey, len: u64, out: &mut LogOutbox) {
        let Some(log) = self.logs.get(&key.log) else { return };
        let Some(segment) = log.segment(key.segment) else { return };
        if len > segment.written {
            // Bytes of a write before a crash, or of a log of the same name before.
            let cut = FileCommand::Truncate { handle, len: segment.written };
            let id = log.id;
            self.file(Op::Tidy { what: "cutting a segment" }, Lane::Background, cut, out);
            self.folders.insert(id);
            return;
        }
        if len < segment.written {
            let text =
                format!("{} of log {}: {len} bytes, {} expected", key.segment, log.id, segment.written);
            out.note(Level::Error, format!("segment {text}; what is missing is never served"));
        }
        if len == 0 {
            // It was just made, maybe in the place of one that was lost.
            self.folders.insert(log.id);
            self.topics_changed = true;
        }
    }

    /// A write came back.
    pub(crate) fn flushed(
        &mut self,
        now: Now,
        key: LogKey,
        handle: FileHandle,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        self.flushes = self.flushes.saturating_sub(1);
        self.files.release(handle);
        let Some(log) = self.logs.get_mut(&key) else { return };
        let written = match core::mem::take(&mut log.flush) {
            Flush::Writing { segment, bytes } => Some((segment, bytes)),
            Flush::Idle | Flush::Queued | Flush::Opening => None,
        };
        let cleaned = log.tail.end_flush(outcome.is_ok());
        if let (Some((segment, bytes)), Ok(())) = (written, &outcome)
            && let Some(segment) = log.segment_mut(segment)
        {
            segment.written += bytes;
        }
        self.memory.cleaned(cleaned);
        self.drop_unreachable(key);
        self.queue_flush(key);
        match outcome {
            Ok(()) => {
                self.background_works(out);
                self.evict();
            }
            Err(error) => self.background_failed(now, "writing a segment", &error, out),
        }
    }

    /// Lets go of batches of segments that were dropped.
    pub(crate) fn drop_unreachable(&mut self, key: LogKey) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        let below = log.segments.front().map_or(log.end, |first| first.info.base_offset);
        let freed = log.tail.drop_below(below);
        self.memory.freed_clean(freed.clean);
        self.memory.freed_dirty(freed.dirty);
    }
}
