//! The broker: topics, partitions in memory, what it writes out and what it forgets.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use kelpgate_core::time::Instant;
use kelpgate_smq::frame::write_frame;
use kelpgate_smq::paths::{generation_name, time_name};
use kelpgate_smq::rpc::{Assignment, RpcError, RpcReply, SmqPartition, SmqTopic, StreamId};

use crate::filer::Filer;

/// The only broker there is.
const ADDRESS: &str = "broker:17777";
const RING: i32 = 2520;

/// What a broker has of a partition in memory.
#[derive(Debug, Default)]
struct Partition {
    /// Log entries that are not written out.
    window: Vec<u8>,
    /// Its offset for the next message.
    next_offset: i64,
    publishers: usize,
}

/// The broker.
#[derive(Debug)]
pub struct Broker {
    /// It is there.
    pub running: bool,
    /// It leads nothing yet, and says so.
    pub leaderless: bool,
    /// How often it writes out.
    pub flush_interval: Duration,
    next_flush: Instant,
    /// When the partitions of a topic were laid out, and how many there are. Kept in the filer's `topic.conf`.
    layouts: BTreeMap<SmqTopic, (i64, i32)>,
    partitions: BTreeMap<(SmqTopic, SmqPartition), Partition>,
    streams: BTreeMap<StreamId, (SmqTopic, SmqPartition)>,
}

impl Broker {
    pub(crate) fn new(flush_interval: Duration) -> Broker {
        Broker {
            running: true,
            leaderless: false,
            flush_interval,
            next_flush: Instant::default() + flush_interval,
            layouts: BTreeMap::new(),
            partitions: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Lays a topic out, unless it is so already.
    pub(crate) fn ensure(
        &mut self,
        now: Instant,
        filer: &mut Filer,
        topic: &SmqTopic,
        count: i32,
    ) -> Result<RpcReply, RpcError> {
        if !(1..=RING).contains(&count) {
            return Err(RpcError::Refused(format!("{count} partitions")));
        }
        if self.layout(filer, topic).is_none_or(|(_, known)| known != count) {
            let created = i64::try_from(now.0).unwrap_or(i64::MAX);
            self.layouts.insert(topic.clone(), (created, count));
            let conf = format!("/topics/{}/{}/topic.conf", topic.namespace, topic.name);
            filer.append(now, &conf, b"conf");
        }
        self.lookup(filer, topic)
    }

    /// The layout that the filer has; none once its folder was removed.
    fn layout(&self, filer: &mut Filer, topic: &SmqTopic) -> Option<(i64, i32)> {
        let conf = format!("/topics/{}/{}/topic.conf", topic.namespace, topic.name);
        filer.content(&conf)?;
        self.layouts.get(topic).copied()
    }

    pub(crate) fn lookup(&mut self, filer: &mut Filer, topic: &SmqTopic) -> Result<RpcReply, RpcError> {
        let (unix_time_ns, count) = self.layout(filer, topic).ok_or(RpcError::NotFound)?;
        let part = RING / count;
        let leader = if self.leaderless { "" } else { ADDRESS };
        let assignments = (0..count).map(|index| Assignment {
            partition: SmqPartition {
                ring_size: RING,
                range_start: index * part,
                range_stop: if index + 1 == count { RING } else { (index + 1) * part },
                unix_time_ns,
            },
            leader: leader.to_string(),
        });
        Ok(RpcReply::Assignments(assignments.collect()))
    }

    pub(crate) fn open_stream(
        &mut self,
        stream: StreamId,
        broker: &str,
        topic: SmqTopic,
        partition: SmqPartition,
    ) -> Result<RpcReply, RpcError> {
        if self.leaderless || broker != ADDRESS {
            return Err(RpcError::NotLeader(broker.to_string()));
        }
        self.partitions.entry((topic.clone(), partition)).or_default().publishers += 1;
        self.streams.insert(stream, (topic, partition));
        Ok(RpcReply::Done)
    }

    pub(crate) fn publish(
        &mut self,
        now: Instant,
        stream: StreamId,
        key: &[u8],
        value: &[u8],
    ) -> Result<RpcReply, RpcError> {
        let place = self.streams.get(&stream).ok_or_else(|| RpcError::Broken("no such stream".into()))?;
        let partition = self.partitions.entry(place.clone()).or_default();
        let ts_ns = i64::try_from(now.0).unwrap_or(i64::MAX);
        write_frame(&mut partition.window, ts_ns, key, value, partition.next_offset);
        partition.next_offset += 1;
        Ok(RpcReply::Done)
    }

    /// Ends a stream: with the last one the partition is written out and unloaded.
    pub(crate) fn close_stream(&mut self, now: Instant, filer: &mut Filer, stream: StreamId) {
        let Some(place) = self.streams.remove(&stream) else { return };
        let Some(partition) = self.partitions.get_mut(&place) else { return };
        partition.publishers = partition.publishers.saturating_sub(1);
        if partition.publishers == 0 && !place.0.name.starts_with('_') {
            write_out(now, filer, &place, partition);
            // Its offsets restart at what the checkpoint of two seconds ago says: anything.
            self.partitions.remove(&place);
        }
    }

    /// Whether that stream is open.
    pub(crate) fn has(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// All clients are gone, without a word.
    pub(crate) fn abandon_streams(&mut self, now: Instant, filer: &mut Filer) {
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        for stream in streams {
            self.close_stream(now, filer, stream);
        }
    }

    /// The network between clients and broker fails: streams end, memory stays.
    pub fn drop_streams(&mut self) {
        let streams = core::mem::take(&mut self.streams);
        for place in streams.into_values() {
            if let Some(partition) = self.partitions.get_mut(&place) {
                partition.publishers = partition.publishers.saturating_sub(1);
            }
        }
    }

    /// One stream ends without the broker writing anything out.
    pub(crate) fn drop_stream(&mut self, stream: StreamId) {
        if let Some(place) = self.streams.remove(&stream)
            && let Some(partition) = self.partitions.get_mut(&place)
        {
            partition.publishers = partition.publishers.saturating_sub(1);
        }
    }

    /// It ends, by whatever signal: its memory is lost.
    pub(crate) fn kill(&mut self) {
        self.running = false;
        self.partitions.clear();
        self.streams.clear();
    }

    /// Messages that are in its memory only, as bytes of log entries.
    pub fn unwritten(&self) -> usize {
        self.partitions.values().map(|partition| partition.window.len()).sum()
    }

    pub(crate) fn next_flush(&self) -> Option<Instant> {
        (self.running && self.unwritten() > 0).then_some(self.next_flush)
    }

    /// Writes out what is in memory, if the time has come.
    pub(crate) fn tick(&mut self, now: Instant, filer: &mut Filer) {
        if now < self.next_flush {
            return;
        }
        self.next_flush = now + self.flush_interval;
        for (place, partition) in &mut self.partitions {
            write_out(now, filer, place, partition);
        }
    }
}

fn write_out(now: Instant, filer: &mut Filer, place: &(SmqTopic, SmqPartition), partition: &mut Partition) {
    if partition.window.is_empty() {
        return;
    }
    filer.append(now, &log_file(place, now), &partition.window);
    partition.window.clear();
}

fn log_file((topic, partition): &(SmqTopic, SmqPartition), now: Instant) -> String {
    let SmqTopic { namespace, name } = topic;
    let generation = generation_name(partition.unix_time_ns);
    let (start, stop) = (partition.range_start, partition.range_stop);
    let second = time_name(i64::try_from(now.0).unwrap_or(i64::MAX));
    format!("/topics/{namespace}/{name}/{generation}/{start:04}-{stop:04}/{second}")
}
