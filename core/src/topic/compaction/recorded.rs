//! Real batches, compacted by Apache Kafka 4.3.1 and by us (see tests/oracle/compaction/run): the same bytes must be left.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::pieces::Pieces;
use crate::record::{Batch, Codecs};
use crate::storage::{RewriteStep, SegmentInfo};
use crate::time::WallTime;

/// As the recording's topic has it.
const DELETE_RETENTION_MS: i64 = 3000;

#[derive(Default)]
struct Log {
    segments: BTreeMap<i64, Vec<Bytes>>,
    replacement: Vec<Bytes>,
    end: i64,
    /// Last offset of each producer.
    producers: BTreeMap<i64, i64>,
}

fn parsed(bytes: &Bytes) -> Batch<'_> {
    Batch::checked(bytes).unwrap()
}

impl Log {
    fn put(&mut self, batch: Bytes) {
        self.end = parsed(&batch).next_offset();
        if parsed(&batch).producer_id() >= 0 {
            self.producers.insert(parsed(&batch).producer_id(), self.end - 1);
        }
        self.segments.values_mut().next_back().unwrap().push(batch);
    }

    fn infos(&self) -> Vec<SegmentInfo> {
        let info = |(base, batches): (&i64, &Vec<Bytes>)| SegmentInfo {
            base_offset: *base,
            end_offset: batches.last().map_or(*base, |last| parsed(last).next_offset()),
            bytes: batches.iter().map(|batch| batch.len() as u64).sum(),
            max_timestamp: 1,
            first_timestamp: 1,
        };
        self.segments.iter().map(info).collect()
    }

    /// A few hundred bytes at a time, each batch in two pieces, as an engine may give it from memory.
    fn read(&self, from: i64, until: i64) -> Pieces {
        let all = self.segments.values().flatten();
        let wanted =
            all.filter(|batch| parsed(batch).last_offset() >= from && parsed(batch).base_offset() < until);
        wanted.take(3).flat_map(|batch| [batch.slice(..61), batch.slice(61..)]).collect()
    }

    fn apply(&mut self, segment: i64, last: i64, step: RewriteStep) {
        match step {
            RewriteStep::Keep(pieces) => self.replacement.extend(pieces),
            RewriteStep::Abandon => panic!("nothing is unreadable here"),
            RewriteStep::Commit => {
                self.segments.retain(|base, _| !(segment..=last).contains(base));
                self.segments.insert(segment, core::mem::take(&mut self.replacement));
            }
        }
    }

    fn compact(&mut self, now: i64, compacted_to: i64) -> Summary {
        let limits = CompactionLimits {
            min_dirty_ppm: 0,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            segment_bytes: 1 << 30,
        };
        let plan = plan(&limits, WallTime(now), 0, self.end, compacted_to, &self.infos()).unwrap();
        let keys = KeyOffsets::new(1 << 20, plan.dirty_records(), [9; 16]);
        let settings = Settings {
            now: WallTime(now),
            delete_retention_ms: DELETE_RETENTION_MS,
            producers: self.producers.clone(),
            read_bytes: 1000,
        };
        let mut compaction = Compaction::new(plan, settings, keys);
        let (mut event, mut codecs) = (Event::Begin, Codecs::default());
        loop {
            event = match compaction.next(event, &mut codecs) {
                Step::Read { from, until, .. } => Event::Read(self.read(from, until)),
                Step::Rewrite { segment, last, step } => {
                    self.apply(segment, last, step);
                    Event::Rewritten
                }
                Step::Done(Outcome::Compacted(summary)) => return summary,
                Step::Done(other) => panic!("{other:?}"),
            };
        }
    }
}

fn bytes(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn leaves_the_bytes_that_kafka_left() {
    let recorded = include_str!("kafka-4.3.1.txt");
    let (mut log, mut left, mut compacted_to, mut rounds) = (Log::default(), Vec::new(), 0, 0);
    for line in recorded.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("segment" | "active", _) => drop(log.segments.insert(log.end, Vec::new())),
            ("put", batch) => log.put(bytes(batch)),
            ("left", batch) => left.push(bytes(batch)),
            ("round", _) => {
                // Kafka's clock at that time, from the latest horizon that it wrote.
                let horizon =
                    left.iter().filter_map(|batch| parsed(batch).delete_horizon_ms()).max().unwrap();
                let summary = log.compact(horizon - DELETE_RETENTION_MS, compacted_to);
                compacted_to = summary.compacted_to;
                let ours: Vec<Bytes> = log.segments.values().flatten().cloned().collect();
                assert_eq!(ours, left, "round {rounds}");
                left.clear();
                rounds += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rounds, 2);
    assert!(compacted_to > 200, "there was something to be done: {compacted_to}");
}
