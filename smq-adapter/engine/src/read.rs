//! Reads: from memory where that reaches back far enough, else from files by the index, with what was read lately kept.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{StorageError, StorageReply};
use kelpgate_core::time::Now;

use crate::batches::{self, Batches, Found};
use crate::cache::Cache;
use crate::engine::{Op, SmqEngine, storage_error};
use crate::frame::Frames;
use crate::index::Extent;
use crate::message::{MessageKey, Stored};
use crate::outbox::SmqOutbox;
use crate::partition::PartitionLog;
use crate::rpc::{RpcCommand, RpcError, RpcReply};
use crate::timers::Due;

/// Tries of one read before it fails.
const TRIES: u32 = 5;

/// A read under way.
#[derive(Debug)]
pub(crate) struct Job {
    ticket: Ticket,
    log: LogId,
    /// The first offset not looked at yet.
    next: i64,
    /// The first offset that is of no interest.
    until: i64,
    want: Want,
    failures: u32,
    /// Extents that are being read, in one piece.
    chunk: Vec<Extent>,
}

/// What a read is after.
#[derive(Debug)]
enum Want {
    /// Batches that end below `until`, up to so many bytes; the first one whatever its size.
    Batches { most: usize, found: Pieces },
    /// The first batch that is late enough and starts below `until`.
    Time { at_least: i64, found: Option<Pieces> },
    /// The first of the latest batches that start below `until`.
    MaxTime { best: Option<(i64, i64, Pieces)>, tried: BTreeSet<i64> },
}

/// Where a read goes on.
enum Source {
    /// This extent.
    Extent(usize),
    /// The tail from this place on.
    Memory(usize),
    End,
}

/// All reads, and what was read lately.
#[derive(Debug)]
pub(crate) struct Reads {
    jobs: BTreeMap<u64, Job>,
    last: u64,
    pub(crate) cache: Cache,
    /// Bytes that are being read, and how many may be.
    under_way: usize,
    limit: usize,
    /// Reads that wait for that.
    queue: VecDeque<u64>,
}

impl Reads {
    pub(crate) fn new(limit: usize, cache: usize) -> Reads {
        Reads {
            jobs: BTreeMap::new(),
            last: 0,
            cache: Cache::new(cache),
            under_way: 0,
            limit,
            queue: VecDeque::new(),
        }
    }
}

impl SmqEngine {
    pub(crate) fn read(
        &mut self,
        now: Now,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        max_bytes: usize,
        out: &mut SmqOutbox,
    ) {
        let want = Want::Batches { most: max_bytes, found: Pieces::new() };
        self.begin_read(now, ticket, log, (from, until), want, out);
    }

    pub(crate) fn find_time(
        &mut self,
        now: Now,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        at_least: i64,
        out: &mut SmqOutbox,
    ) {
        self.begin_read(now, ticket, log, (from, until), Want::Time { at_least, found: None }, out);
    }

    pub(crate) fn find_max_time(
        &mut self,
        now: Now,
        ticket: Ticket,
        log: LogId,
        (from, until): (i64, i64),
        out: &mut SmqOutbox,
    ) {
        let want = Want::MaxTime { best: None, tried: BTreeSet::new() };
        self.begin_read(now, ticket, log, (from, until), want, out);
    }

    fn begin_read(
        &mut self,
        now: Now,
        ticket: Ticket,
        id: LogId,
        (from, until): (i64, i64),
        want: Want,
        out: &mut SmqOutbox,
    ) {
        let Some(log) = self.logs.get(&id) else {
            return out.reply(ticket, Err(StorageError::Other(format!("log {id} is not open"))));
        };
        let next = from.max(log.state.start);
        self.reads.last += 1;
        let number = self.reads.last;
        let job = Job { ticket, log: id, next, until, want, failures: 0, chunk: Vec::new() };
        self.reads.jobs.insert(number, job);
        self.read_on(now, number, out);
    }

    /// Goes on with a read as far as it comes without waiting.
    fn read_on(&mut self, now: Now, number: u64, out: &mut SmqOutbox) {
        let Some(mut job) = self.reads.jobs.remove(&number) else { return };
        loop {
            let Some(log) = self.logs.get(&job.log) else {
                return out.reply(job.ticket, Err(StorageError::Gone));
            };
            match job.source(log) {
                Source::End => break,
                Source::Memory(place) => {
                    if job.take_memory(log, place) {
                        break;
                    }
                }
                Source::Extent(place) => {
                    let Some(extent) = log.state.index.extents.get(place).copied() else { break };
                    let Some(found) = self.reads.cache.get(job.log, extent.file, extent.at) else {
                        job.chunk = chunk(log, place, self.config.read_ahead as u64);
                        self.reads.jobs.insert(number, job);
                        return self.fetch(now, number, out);
                    };
                    if job.take_extent(&extent, &found) {
                        break;
                    }
                }
            }
        }
        let (ticket, reply) = job.reply();
        out.reply(ticket, Ok(reply));
    }

    /// Reads the extents that a read needs, if there is room for that.
    fn fetch(&mut self, now: Now, number: u64, out: &mut SmqOutbox) {
        let Some(job) = self.reads.jobs.get(&number) else { return };
        let len: u64 = job.chunk.iter().map(|extent| extent.len).sum();
        let bytes = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(first) = job.chunk.first() else { return };
        if self.reads.under_way > 0 && self.reads.under_way.saturating_add(bytes) > self.reads.limit {
            self.reads.queue.push_back(number);
            return;
        }
        let path = self.logs.get(&job.log).and_then(|log| log.state.index.path(first.file));
        let Some(path) = path else { return self.read_on(now, number, out) };
        let from = first.at;
        self.reads.under_way += bytes;
        self.rpc(Op::Read(number), RpcCommand::Get { path, from, len }, out);
    }

    pub(crate) fn pump_reads(&mut self, now: Now, out: &mut SmqOutbox) {
        for number in core::mem::take(&mut self.reads.queue) {
            self.fetch(now, number, out);
        }
    }

    pub(crate) fn read_due(&mut self, now: Now, number: u64, out: &mut SmqOutbox) {
        self.read_on(now, number, out);
    }

    pub(crate) fn bytes_read(
        &mut self,
        now: Now,
        number: u64,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(job) = self.reads.jobs.get_mut(&number) else { return };
        let chunk = core::mem::take(&mut job.chunk);
        let len: u64 = chunk.iter().map(|extent| extent.len).sum();
        self.reads.under_way =
            self.reads.under_way.saturating_sub(usize::try_from(len).unwrap_or(usize::MAX));
        let error = match outcome {
            Ok(RpcReply::Content { bytes, .. }) => match self.keep(number, &chunk, &bytes) {
                Ok(()) => return self.read_on(now, number, out),
                Err(detail) => {
                    let at = chunk.first().map_or(0, |extent| extent.base);
                    let until = chunk.last().map_or(at, |extent| extent.end);
                    StorageError::Damaged { at, until, detail }
                }
            },
            Ok(other) => crate::engine::unexpected(&other),
            Err(error) => storage_error(&error),
        };
        let Some(job) = self.reads.jobs.get_mut(&number) else { return };
        job.failures += 1;
        let (failures, id) = (job.failures, job.log);
        Self::note_retry(failures, &format_args!("reading log {id}"), &error, out);
        if failures >= TRIES {
            if let Some(job) = self.reads.jobs.remove(&number) {
                out.reply(job.ticket, Err(error));
            }
            return;
        }
        // A file may have been replaced meanwhile: the index is asked again then.
        let pause = self.pause(failures);
        self.timers.set(now.mono + pause, Due::Read(number));
    }

    /// Takes the batches of extents that were read into the cache.
    fn keep(&mut self, number: u64, chunk: &[Extent], bytes: &Bytes) -> Result<(), String> {
        let Some(job) = self.reads.jobs.get(&number) else { return Ok(()) };
        let (id, mut at) = (job.log, 0usize);
        let file = chunk.first().map_or(0, |extent| extent.file);
        let index = self.logs.get(&id).map(|log| &log.state.index);
        let part = index.and_then(|index| index.files.get(&file)).is_some_and(|file| file.part);
        for extent in chunk {
            let len = usize::try_from(extent.len).unwrap_or(usize::MAX);
            let end = at.saturating_add(len);
            if end > bytes.len() {
                return Err(format!("its file ends {} bytes early", end - bytes.len()));
            }
            let found = content(id, extent, part, bytes.slice(at..end))?;
            self.reads.cache.put(id, extent.file, extent.at, found);
            at = end;
        }
        Ok(())
    }
}

/// The batches of an extent.
fn content(id: LogId, extent: &Extent, part: bool, bytes: Bytes) -> Result<Pieces, String> {
    let mut found = Pieces::new();
    if part {
        found.push(bytes);
    } else {
        for frame in Frames::new(bytes) {
            let frame = frame.map_err(|error| format!("its file holds no log entry there: {error:?}"))?;
            match MessageKey::decode(&frame.key) {
                Stored::Ours(key) if key.log == id && extent.base <= key.base && key.end() <= extent.end => {
                    found.push(frame.value);
                }
                Stored::Ours(_) | Stored::Damaged | Stored::Foreign => {
                    return Err("its file holds something else there".into());
                }
            }
        }
    }
    if !batches::are_sound(&found) {
        return Err("a batch in its file is not what was written".into());
    }
    Ok(found)
}

/// Extents that lie one after the other in a file, from a place on.
fn chunk(log: &PartitionLog, place: usize, most: u64) -> Vec<Extent> {
    let mut chunk: Vec<Extent> = Vec::new();
    let mut len = 0;
    for extent in log.state.index.extents.range(place.min(log.state.index.extents.len())..) {
        let follows = chunk.last().is_none_or(|last| {
            last.file == extent.file && last.at + last.len == extent.at && len + extent.len <= most
        });
        if !follows {
            break;
        }
        len += extent.len;
        chunk.push(*extent);
    }
    chunk
}

impl Job {
    fn source(&self, log: &PartitionLog) -> Source {
        if let Want::MaxTime { best, tried } = &self.want {
            return self.latest(log, best.as_ref(), tried);
        }
        if self.next >= self.until {
            return Source::End;
        }
        let reaches_back = log.tail.front().is_some_and(|first| first.key.base <= self.next);
        let index = &log.state.index;
        let mut place = index.place(self.next);
        if let Want::Time { at_least, .. } = self.want {
            while index.extents.get(place).is_some_and(|extent| extent.max_timestamp < at_least) {
                place += 1;
            }
        }
        match index.extents.get(place) {
            Some(extent) if !reaches_back => match extent.base < self.until {
                true => Source::Extent(place),
                false => Source::End,
            },
            Some(_) | None => Source::Memory(log.tail_place(self.next)),
        }
    }

    /// The extent or entry not looked at yet that may have a later batch than the best so far, or an earlier one as late.
    fn latest(&self, log: &PartitionLog, best: Option<&(i64, i64, Pieces)>, tried: &BTreeSet<i64>) -> Source {
        let better = |time: i64, base: i64| match best {
            Some((best, at, _)) => time > *best || (time == *best && base < *at),
            None => true,
        };
        let verified = log.state.index.end;
        let extents =
            log.state.index.extents.iter().enumerate().map(|(place, extent)| {
                (extent.max_timestamp, extent.base, extent.end, Source::Extent(place))
            });
        let entries = log.tail.iter().enumerate().filter(|(_, entry)| entry.key.base >= verified);
        let entries = entries.map(|(place, entry)| {
            (entry.key.max_timestamp, entry.key.base, entry.key.end(), Source::Memory(place))
        });
        let open = extents.chain(entries).filter(|(time, base, end, _)| {
            *end > self.next && *base < self.until && better(*time, *base) && !tried.contains(base)
        });
        // Of those as late as each other the first.
        let latest = open.reduce(|best, other| if other.0 > best.0 { other } else { best });
        latest.map_or(Source::End, |(_, _, _, source)| source)
    }

    /// Takes what the tail has; whether that is all that is wanted.
    fn take_memory(&mut self, log: &PartitionLog, place: usize) -> bool {
        let single = matches!(self.want, Want::MaxTime { .. });
        for entry in log.tail.range(place.min(log.tail.len())..) {
            if let Want::MaxTime { tried, .. } = &mut self.want {
                tried.insert(entry.key.base);
            }
            for found in Batches::new(&entry.value) {
                let Ok(found) = found else { return true };
                if self.offer(found) {
                    return true;
                }
            }
            if single {
                return false;
            }
        }
        true
    }

    /// Takes what an extent has; whether that is all that is wanted.
    fn take_extent(&mut self, extent: &Extent, content: &Pieces) -> bool {
        if let Want::MaxTime { tried, .. } = &mut self.want {
            tried.insert(extent.base);
        }
        for found in Batches::new(content) {
            let Ok(found) = found else { return true };
            if self.offer(found) {
                return true;
            }
        }
        if !matches!(self.want, Want::MaxTime { .. }) {
            self.next = self.next.max(extent.end);
        }
        false
    }

    /// Looks at the next batch; whether the read is done.
    fn offer(&mut self, found: Found) -> bool {
        let Found { header, bytes } = found;
        if header.last < self.next {
            return false;
        }
        match &mut self.want {
            Want::Batches { most, found } => {
                let full = !found.is_empty() && found.len() + bytes.len() > *most;
                if full || header.last >= self.until {
                    return true;
                }
                found.append(bytes);
                self.next = header.last + 1;
                false
            }
            Want::Time { at_least, found } => {
                let late = header.max_timestamp >= *at_least;
                if late && header.base < self.until {
                    *found = Some(bytes);
                }
                late || header.base >= self.until
            }
            Want::MaxTime { best, .. } => {
                if header.base >= self.until {
                    return false;
                }
                let better = best.as_ref().is_none_or(|(time, base, _)| {
                    header.max_timestamp > *time || (header.max_timestamp == *time && header.base < *base)
                });
                if better {
                    *best = Some((header.max_timestamp, header.base, bytes));
                }
                false
            }
        }
    }

    fn reply(self) -> (Ticket, StorageReply) {
        let reply = match self.want {
            Want::Batches { found, .. } => StorageReply::Read(found),
            Want::Time { found, .. } => StorageReply::FoundTime(found.map(|bytes| bytes.concat())),
            Want::MaxTime { best, .. } => {
                StorageReply::FoundMaxTime(best.map(|(_, _, bytes)| bytes.concat()))
            }
        };
        (self.ticket, reply)
    }
}
