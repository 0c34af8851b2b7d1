//! What the logs of a shard were at its last checkpoint: enough to open them without looking at a single file.
//!
//! A manifest is true for the moment after journal group `group`; later groups of the same epoch are replayed on top.

use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::storage::SegmentInfo;
use kelpgate_core::uuid::Uuid;

use crate::batch::checksum;
use crate::journal::format::{decode_segment, encode_segment};
use crate::wire::{Fields, Put};

const MAGIC: [u8; 8] = *b"KGmanif1";
const NO_SNAPSHOT: i64 = -1;
const SNAPSHOT_UNKNOWN: i64 = -2;

/// Offsets whose bytes are not what was written: from the first one on, below the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedRange {
    pub from: i64,
    pub until: i64,
}

/// Where the newest snapshot of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SnapshotPlace {
    /// There is none.
    None,
    /// There is one as of this offset.
    At(i64),
    /// The folder has to be looked at.
    #[default]
    Unknown,
}

/// A log as found on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDescription {
    pub log: LogId,
    /// First offset that may be read.
    pub start: i64,
    /// The offset after the last record.
    pub end: i64,
    /// Oldest first; the last one takes appends.
    pub segments: Vec<SegmentInfo>,
    pub snapshot: SnapshotPlace,
    /// In offset order.
    pub damage: Vec<DamagedRange>,
}

/// The logs of one shard at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Counts the starts of the node.
    pub epoch: u64,
    /// Whose logs: those that `shard` of `shards` owns.
    pub shard: u16,
    pub shards: u16,
    /// The last journal group that is part of it.
    pub group: u64,
    pub logs: Vec<LogDescription>,
}

/// Builds the bytes of a manifest log by log, so that nobody needs all descriptions at once.
#[derive(Debug)]
pub(crate) struct ManifestBytes {
    bytes: Vec<u8>,
    logs: u32,
}

const COUNT_AT: usize = 8 + 8 + 2 + 2 + 8;

impl ManifestBytes {
    pub(crate) fn new(epoch: u64, shard: u16, shards: u16, group: u64) -> ManifestBytes {
        let mut bytes = Vec::new();
        bytes.put(&MAGIC);
        bytes.put_u64(epoch);
        bytes.put_u16(shard);
        bytes.put_u16(shards);
        bytes.put_u64(group);
        bytes.put_u32(0);
        ManifestBytes { bytes, logs: 0 }
    }

    pub(crate) fn add(
        &mut self,
        log: LogId,
        (start, end): (i64, i64),
        snapshot: SnapshotPlace,
        damage: &[DamagedRange],
        segments: impl ExactSizeIterator<Item = SegmentInfo>,
    ) {
        self.logs += 1;
        let bytes = &mut self.bytes;
        bytes.put(&log.topic.0);
        bytes.put_i32(log.partition);
        bytes.put_i64(start);
        bytes.put_i64(end);
        bytes.put_i64(match snapshot {
            SnapshotPlace::None => NO_SNAPSHOT,
            SnapshotPlace::At(offset) => offset,
            SnapshotPlace::Unknown => SNAPSHOT_UNKNOWN,
        });
        bytes.put_u32(damage.len() as u32);
        for range in damage {
            bytes.put_i64(range.from);
            bytes.put_i64(range.until);
        }
        bytes.put_u32(segments.len() as u32);
        segments.for_each(|segment| encode_segment(&segment, bytes));
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if let Some(count) = self.bytes.get_mut(COUNT_AT..COUNT_AT + 4) {
            count.copy_from_slice(&self.logs.to_be_bytes());
        }
        let crc = checksum([self.bytes.as_slice()]);
        self.bytes.put_u32(crc);
        self.bytes
    }
}

impl Manifest {
    /// Bytes of the whole file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = ManifestBytes::new(self.epoch, self.shard, self.shards, self.group);
        for log in &self.logs {
            bytes.add(log.log, (log.start, log.end), log.snapshot, &log.damage, log.segments.iter().copied());
        }
        bytes.finish()
    }

    /// Reads a whole file; `None` if it is not what was written.
    pub fn decode(bytes: &[u8]) -> Option<Manifest> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if checksum([body]) != u32::from_be_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(body);
        if fields.bytes::<8>()? != MAGIC {
            return None;
        }
        let (epoch, shard, shards, group) = (fields.u64()?, fields.u16()?, fields.u16()?, fields.u64()?);
        let count = fields.u32()?;
        let mut logs = Vec::new();
        for _ in 0..count {
            logs.push(decode_log(&mut fields)?);
        }
        fields.0.is_empty().then_some(Manifest { epoch, shard, shards, group, logs })
    }
}

fn decode_log(fields: &mut Fields<'_>) -> Option<LogDescription> {
    let log = LogId { topic: Uuid(fields.bytes()?), partition: fields.i32()? };
    let (start, end) = (fields.i64()?, fields.i64()?);
    let snapshot = match fields.i64()? {
        NO_SNAPSHOT => SnapshotPlace::None,
        SNAPSHOT_UNKNOWN => SnapshotPlace::Unknown,
        offset => SnapshotPlace::At(offset),
    };
    let mut damage = Vec::new();
    for _ in 0..fields.u32()? {
        damage.push(DamagedRange { from: fields.i64()?, until: fields.i64()? });
    }
    let mut segments = Vec::new();
    for _ in 0..fields.u32()? {
        segments.push(decode_segment(fields)?);
    }
    Some(LogDescription { log, start, end, segments, snapshot, damage })
}
