//! The thread that writes what the shards record. Shards never wait for it: what it has not written is bounded, and where
//! that bound would be passed, the recording ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_shard::ShardId;

use crate::chunk;
use crate::ending::Ending;
use crate::folder;
use crate::recorder::Buffer;

/// Chunks that may wait to be written.
const QUEUE: usize = 1024;
/// Kept free of the limit for the ends of the series.
const ROOM_FOR_ENDS: u64 = 256;
/// How long a dying process waits for its last steps to be written.
const RESCUE_WITHIN: Duration = Duration::from_secs(2);

/// How much a recording may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the folder of recordings may hold, with those of earlier starts: of these the oldest are removed until
    /// half of it is free. A recording that reaches it ends.
    pub max_bytes: u64,
    /// Bytes of one file. A single event may make one larger.
    pub part_bytes: u64,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_bytes: 1 << 30, part_bytes: 64 << 20, queue_bytes: 64 << 20 }
    }
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
#[error("cannot record into {}: {error}", folder.display())]
pub struct RecordingError {
    pub folder: PathBuf,
    pub error: io::Error,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    pen: Pen,
    folder: PathBuf,
    thread: JoinHandle<()>,
}

impl Recording {
    /// Begins the recording of a start of a node in a folder of its own below `folder`. Earlier recordings there are
    /// removed, oldest first, to make room.
    ///
    /// # Errors
    /// When the folder cannot be made, written to, or already holds a recording of this start.
    pub fn start(
        folder: &Path,
        epoch: u64,
        shards: u16,
        limits: Limits,
    ) -> Result<Recording, RecordingError> {
        let refused = |error| RecordingError { folder: folder.into(), error };
        let kept = folder::make_room(folder, limits.max_bytes / 2).map_err(refused)?;
        let start = folder::start_path(folder, epoch);
        make_private(&start).map_err(|error| RecordingError { folder: start.clone(), error })?;
        let series = (0..shards).map(|shard| Series::new(&start, ShardId(shard))).collect();
        let (sender, queue) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            ended: OnceLock::new(),
            said: AtomicBool::new(false),
            buffers: Mutex::new(Vec::new()),
            limits,
        });
        let mut writer = Writer {
            shared: shared.clone(),
            room: limits.max_bytes.saturating_sub(kept + u64::from(shards) * ROOM_FOR_ENDS),
            series,
            over: false,
        };
        let body = move || writer.run(&queue);
        let thread = Builder::new().name("recording".into()).spawn(body).map_err(refused)?;
        Ok(Recording { pen: Pen { shared, sender }, folder: start, thread })
    }

    /// What recorders write with.
    pub fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// Where this recording is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until all is written; to be called when the shards are gone.
    pub fn finish(self) {
        // Fails only if the thread is gone.
        let _ = self.pen.sender.send(Message::Finish);
        let _ = self.thread.join();
    }
}

/// What recorders write with.
#[derive(Clone, Debug)]
pub struct Pen {
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
}

#[derive(Debug)]
struct Shared {
    /// Bytes that wait to be written.
    queued: AtomicUsize,
    /// Set once, when the recording ends before the shards do.
    ended: OnceLock<Ending>,
    /// Whether somebody has logged that.
    said: AtomicBool,
    /// What the shards have not handed over, for a process that dies.
    buffers: Mutex<Vec<Arc<Mutex<Buffer>>>>,
    limits: Limits,
}

/// Contents of a chunk of a shard's series.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub shard: ShardId,
    pub contents: Vec<Bytes>,
    /// Steps of the shard up to its end.
    pub steps: u64,
}

#[derive(Debug)]
enum Message {
    Chunk(Outgoing),
    /// The shard is gone.
    End(ShardId, Ending),
    /// Say so when all before this is written.
    Ask(std::sync::mpsc::Sender<()>),
    Finish,
}

impl Pen {
    /// Why the recording has ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Ending> {
        self.shared.ended.get()
    }

    /// Whether this is the first to ask; who is has to log the end.
    pub(crate) fn is_first_to_say(&self) -> bool {
        !self.shared.said.swap(true, Ordering::Relaxed)
    }

    /// A shard's buffer, to be looked at when the process dies.
    pub(crate) fn register(&self, buffer: Arc<Mutex<Buffer>>) {
        self.shared.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }

    /// Hands a chunk over, without waiting. The recording ends if too much waits already.
    pub(crate) fn write(&self, chunk: Outgoing) {
        if self.ended().is_some() {
            return;
        }
        let bytes: usize = chunk.contents.iter().map(Bytes::len).sum();
        let queued = self.shared.queued.fetch_add(bytes, Ordering::Relaxed);
        let fits = queued == 0 || queued + bytes <= self.shared.limits.queue_bytes;
        if !fits || self.sender.try_send(Message::Chunk(chunk)).is_err() {
            let _ = self.shared.ended.set(Ending::TooSlow);
        }
    }

    /// The shard is gone. Waits for room: nobody waits for the shard any more.
    pub(crate) fn end(&self, shard: ShardId, ending: Ending) {
        let _ = self.sender.send(Message::End(shard, ending));
    }

    /// Writes what shards have not handed over, for a process that is about to die of a panic. The step that a shard did
    /// not come back from is the last of its series. Waits, but not for long.
    pub fn rescue(&self) {
        let Ok(buffers) = self.shared.buffers.try_lock() else { return };
        for buffer in buffers.iter() {
            if let Ok(mut buffer) = buffer.try_lock()
                && let Some(chunk) = buffer.take()
            {
                self.write(chunk);
            }
        }
        let (sender, written) = std::sync::mpsc::channel();
        if self.sender.try_send(Message::Ask(sender)).is_ok() {
            let _ = written.recv_timeout(RESCUE_WITHIN);
        }
    }
}

/// The state of the writing thread.
struct Writer {
    shared: Arc<Shared>,
    /// Bytes that may still be written.
    room: u64,
    series: Vec<Series>,
    /// The ends are written.
    over: bool,
}

/// The files of one shard.
struct Series {
    folder: PathBuf,
    shard: ShardId,
    file: Option<File>,
    part: u32,
    part_bytes: u64,
    steps: u64,
    ended: bool,
}

impl Writer {
    fn run(&mut self, queue: &Receiver<Message>) {
        loop {
            let message = match queue.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    self.end_if_asked();
                    // Whether another ended the recording is looked at now and then.
                    match queue.recv_timeout(Duration::from_millis(100)) {
                        Ok(message) => message,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            };
            match message {
                Message::Chunk(chunk) => self.write(&chunk),
                Message::End(shard, ending) => self.end_series(shard, &ending),
                // Nobody may wait any more.
                Message::Ask(done) => drop(done.send(())),
                Message::Finish => break,
            }
        }
        self.end_all(&Ending::Stopped);
    }

    fn write(&mut self, chunk: &Outgoing) {
        let bytes: usize = chunk.contents.iter().map(Bytes::len).sum();
        self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
        let size = (bytes + chunk::HEAD + chunk::TITLE.len()) as u64;
        if self.over {
            return;
        }
        if size > self.room {
            let max_bytes = self.shared.limits.max_bytes;
            return self.end_all(&Ending::Full { max_bytes });
        }
        self.room -= size;
        let part_bytes = self.shared.limits.part_bytes;
        let Some(series) = self.series.get_mut(usize::from(chunk.shard.0)) else { return };
        if let Err(error) = series.write(&chunk.contents, part_bytes) {
            // An end after half a chunk would look like damage.
            series.ended = true;
            return self.end_all(&Ending::Failed(error.to_string()));
        }
        series.steps = chunk.steps;
    }

    fn end_if_asked(&mut self) {
        if !self.over
            && let Some(ending) = self.shared.ended.get().cloned()
        {
            self.end_all(&ending);
        }
    }

    /// The recording is over for all shards, unless they ended before.
    fn end_all(&mut self, ending: &Ending) {
        self.over = true;
        let ending = self.shared.ended.get_or_init(|| ending.clone()).clone();
        for shard in (0..self.series.len()).map(|shard| ShardId(shard as u16)) {
            self.end_series(shard, &ending);
        }
    }

    /// The end is a courtesy to readers: without it the series counts as cut.
    fn end_series(&mut self, shard: ShardId, ending: &Ending) {
        let Some(series) = self.series.get_mut(usize::from(shard.0)) else { return };
        if !std::mem::replace(&mut series.ended, true) && series.file.is_some() {
            let contents = Bytes::from(chunk::end(series.steps, ending));
            let _ = series.write(&[contents], u64::MAX);
        }
    }
}

impl Series {
    fn new(folder: &Path, shard: ShardId) -> Series {
        Series { folder: folder.into(), shard, file: None, part: 0, part_bytes: 0, steps: 0, ended: false }
    }

    fn write(&mut self, contents: &[Bytes], part_max: u64) -> io::Result<()> {
        if self.part_bytes >= part_max {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                self.part += 1;
                let path = self.folder.join(folder::part_name(self.shard, self.part));
                let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
                file.write_all(chunk::TITLE)?;
                self.part_bytes = chunk::TITLE.len() as u64;
                self.file.insert(file)
            }
        };
        file.write_all(&chunk::head(contents))?;
        self.part_bytes += chunk::HEAD as u64;
        for piece in contents {
            file.write_all(piece)?;
            self.part_bytes += piece.len() as u64;
        }
        Ok(())
    }
}

/// For nobody but the owner.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

/// Makes a folder for nobody but the owner.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_too_slow_ends_the_recording_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { queue_bytes: 0, max_bytes: u64::MAX, ..Limits::default() };
        let recording = Recording::start(folder.path(), 1, 1, limits).unwrap();
        let pen = recording.pen();
        let chunk = Bytes::from(vec![7; 1 << 20]);
        for steps in 1..1_000 {
            pen.write(Outgoing { shard: ShardId(0), contents: vec![chunk.clone()], steps });
            if pen.ended().is_some() {
                break;
            }
        }
        assert_eq!(pen.ended(), Some(&Ending::TooSlow));
        recording.finish();
    }

    #[test]
    fn two_nodes_cannot_record_the_same_start() {
        let folder = tempfile::tempdir().unwrap();
        let first = Recording::start(folder.path(), 1, 1, Limits::default()).unwrap();
        let text = Recording::start(folder.path(), 1, 1, Limits::default()).unwrap_err().to_string();
        assert!(text.contains("start-0000000001: "), "{text}");
        first.finish();
    }
}
