//! Whole runs over a log in memory, with a batch format of its own: what matters here is which records stay.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::pieces::Pieces;
use crate::storage::{RewriteStep, SegmentInfo};
use crate::time::WallTime;

/// One record: offset, key, value.
type Entry = (i64, Option<String>, Option<String>);

/// A batch as text, so that a failing test can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    header: BatchHeader,
    records: Vec<Entry>,
}

fn text(part: &Option<String>) -> String {
    part.clone().unwrap_or("~".into())
}

fn part(text: &str) -> Option<String> {
    (text != "~").then(|| text.into())
}

impl Batch {
    fn write(&self) -> Bytes {
        let BatchHeader { base_offset, last_offset, producer_id, is_control, delete_horizon } = self.header;
        let horizon = delete_horizon.map_or("~".into(), |at| format!("{at}"));
        let mut line =
            format!("{base_offset} {last_offset} {producer_id} {} {horizon}", u8::from(is_control));
        for (offset, key, value) in &self.records {
            line += &format!("|{offset} {} {}", text(key), text(value));
        }
        (line + "\n").into()
    }

    fn read(bytes: &[u8]) -> Batch {
        let line = core::str::from_utf8(bytes).unwrap().trim_end();
        let mut fields = line.split('|');
        let head: Vec<&str> = fields.next().unwrap().split(' ').collect();
        let records = fields.map(|record| {
            let of: Vec<&str> = record.split(' ').collect();
            (of[0].parse().unwrap(), part(of[1]), part(of[2]))
        });
        Batch {
            records: records.collect(),
            header: BatchHeader {
                base_offset: head[0].parse().unwrap(),
                last_offset: head[1].parse().unwrap(),
                producer_id: head[2].parse().unwrap(),
                is_control: head[3] == "1",
                delete_horizon: part(head[4]).map(|at| at.parse().unwrap()),
            },
        }
    }
}

struct TextFormat;

impl BatchFormat for TextFormat {
    fn cut(&self, run: &mut Bytes) -> Result<Option<Bytes>, String> {
        let end = run.iter().position(|byte| *byte == b'\n');
        Ok(end.map(|end| run.split_to(end + 1)))
    }

    fn header(&self, batch: &Bytes) -> Result<BatchHeader, String> {
        if batch.starts_with(b"bad") { Err("bad header".into()) } else { Ok(Batch::read(batch).header) }
    }

    fn visit(&mut self, batch: &Bytes, see: &mut dyn FnMut(RecordView<'_>)) -> Result<(), String> {
        for (offset, key, value) in Batch::read(batch).records {
            if value.as_deref() == Some("unreadable") {
                return Err("bad record".into());
            }
            see(RecordView { offset, key: key.as_deref().map(str::as_bytes), has_value: value.is_some() });
        }
        Ok(())
    }

    fn rewrite(
        &mut self,
        batch: &Bytes,
        delete_horizon: Option<i64>,
        keep: &mut dyn FnMut(RecordView<'_>) -> bool,
    ) -> Result<Bytes, String> {
        let mut batch = Batch::read(batch);
        batch.header.delete_horizon = delete_horizon.or(batch.header.delete_horizon);
        batch.records.retain(|(offset, key, value)| {
            let key = key.as_deref().map(str::as_bytes);
            keep(RecordView { offset: *offset, key, has_value: value.is_some() })
        });
        assert!(!batch.records.is_empty());
        Ok(batch.write())
    }

    fn emptied(&self, batch: &Bytes) -> Result<Bytes, String> {
        Ok(Batch { records: vec![], ..Batch::read(batch) }.write())
    }
}

/// Segments of batches by base offset; the last is the active one.
#[derive(Clone, Debug, Default)]
struct Log {
    segments: BTreeMap<i64, Vec<Bytes>>,
    end: i64,
    replacement: Vec<Bytes>,
    largest_step: usize,
}

impl Log {
    fn roll(&mut self) {
        self.segments.insert(self.end, vec![]);
    }

    /// Appends a batch of a producer; values of "~" are tombstones.
    fn append_as(&mut self, producer_id: i64, records: &[(&str, &str)]) {
        let base_offset = self.end;
        let records: Vec<Entry> = (base_offset..)
            .zip(records)
            .map(|(offset, (key, value))| (offset, part(key), part(value)))
            .collect();
        self.end += records.len() as i64;
        let header = BatchHeader {
            base_offset,
            last_offset: self.end - 1,
            producer_id,
            is_control: false,
            delete_horizon: None,
        };
        self.push(Batch { header, records });
    }

    fn append(&mut self, records: &[(&str, &str)]) {
        self.append_as(-1, records);
    }

    fn push(&mut self, batch: Batch) {
        let end = self.end;
        let (_, active) = self.segments.iter_mut().next_back().unwrap();
        active.push(batch.write());
        assert_eq!(batch.header.last_offset + 1, end);
    }

    fn infos(&self) -> Vec<SegmentInfo> {
        let ends = self.segments.keys().skip(1).copied().chain([self.end]);
        let infos = self.segments.iter().zip(ends).map(|((base, batches), end)| SegmentInfo {
            base_offset: *base,
            end_offset: batches.last().map_or(end, |last| Batch::read(last).header.last_offset + 1),
            bytes: batches.iter().map(|batch| batch.len() as u64).sum(),
            max_timestamp: 1,
            first_timestamp: 1,
        });
        infos.collect()
    }

    fn read(&self, from: i64, until: i64, max_bytes: usize) -> Pieces {
        let mut run = Vec::new();
        for batch in self.segments.values().flatten() {
            let header = Batch::read(batch).header;
            if header.last_offset >= from {
                if !run.is_empty() && (header.last_offset >= until || run.len() + batch.len() > max_bytes) {
                    break;
                }
                run.extend_from_slice(batch);
            }
        }
        Pieces::from(Bytes::from(run))
    }

    fn apply(&mut self, segment: i64, last: i64, step: RewriteStep) {
        match step {
            RewriteStep::Keep(pieces) => {
                self.largest_step = self.largest_step.max(pieces.len());
                self.replacement.extend(pieces);
            }
            RewriteStep::Abandon => self.replacement.clear(),
            RewriteStep::Commit => {
                let closed: Vec<i64> = self.segments.range(segment..=last).map(|(base, _)| *base).collect();
                assert!(closed.first() == Some(&segment) && closed.last() == Some(&last));
                closed.iter().for_each(|base| drop(self.segments.remove(base)));
                let batches = core::mem::take(&mut self.replacement);
                if !batches.is_empty() {
                    self.segments.insert(segment, batches);
                }
            }
        }
    }

    fn records(&self) -> Vec<Entry> {
        self.segments.values().flatten().flat_map(|batch| Batch::read(batch).records).collect()
    }

    fn shown(&self) -> String {
        let all: Vec<String> = self
            .records()
            .iter()
            .map(|(at, key, value)| format!("{at}:{}={}", text(key), text(value)))
            .collect();
        all.join(" ")
    }

    fn run(&mut self, run: &Run) -> Option<Outcome> {
        let limits = CompactionLimits {
            min_dirty_ppm: 0,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            segment_bytes: run.segment_bytes,
        };
        let plan = plan(&limits, WallTime(run.now), 0, self.end, run.compacted_to, &self.infos())?;
        let keys = KeyOffsets::new(run.memory, plan.dirty_records(), [3; 16]);
        let settings = Settings {
            now: WallTime(run.now),
            delete_retention_ms: 100,
            producers: run.producers.clone(),
            read_bytes: run.read_bytes,
        };
        let mut compaction = Compaction::new(plan, settings, keys);
        let mut event = Event::Begin;
        loop {
            event = match compaction.next(event, &mut TextFormat) {
                Step::Read { from, until, max_bytes } => {
                    let pieces = self.read(from, until, max_bytes);
                    Event::Read(pieces)
                }
                Step::Rewrite { segment, last, step } => {
                    self.apply(segment, last, step);
                    Event::Rewritten
                }
                Step::Done(outcome) => return Some(outcome),
            };
        }
    }

    fn compact(&mut self, run: &Run) -> Summary {
        match self.run(run) {
            Some(Outcome::Compacted(summary)) => summary,
            other => panic!("{other:?}"),
        }
    }
}

struct Run {
    now: i64,
    compacted_to: i64,
    memory: usize,
    read_bytes: usize,
    segment_bytes: u64,
    producers: BTreeMap<i64, i64>,
}

fn run() -> Run {
    Run {
        now: 1000,
        compacted_to: 0,
        memory: 1 << 20,
        read_bytes: 1 << 20,
        segment_bytes: 0,
        producers: BTreeMap::new(),
    }
}

/// Segments of these batches, and an empty active one.
fn log(segments: &[&[&[(&str, &str)]]]) -> Log {
    let mut log = Log::default();
    for batches in segments {
        log.roll();
        batches.iter().for_each(|records| log.append(records));
    }
    log.roll();
    log
}

#[test]
fn the_last_of_each_key_stays() {
    let mut log =
        log(&[&[&[("a", "1"), ("b", "1")], &[("a", "2")]], &[&[("c", "1"), ("a", "3"), ("b", "~")]]]);
    let summary = log.compact(&run());
    assert_eq!(log.shown(), "3:c=1 4:a=3 5:b=~");
    assert_eq!((summary.compacted_to, summary.records_dropped, summary.keys_full), (6, 3, false));
    assert_eq!((summary.segments_rewritten, summary.segments_unchanged), (2, 0));
    assert_eq!(log.infos().len(), 2, "an emptied segment is gone");
}

#[test]
fn what_is_not_dirty_gives_way_to_what_is() {
    let mut log = log(&[&[&[("a", "1"), ("b", "1")]], &[&[("a", "2")]]]);
    log.compact(&Run { compacted_to: 2, ..run() });
    assert_eq!(log.shown(), "1:b=1 2:a=2");
}

#[test]
fn segments_without_a_change_are_not_written() {
    let mut log = log(&[&[&[("a", "1")]], &[&[("b", "1")]], &[&[("c", "1"), ("c", "2")]]]);
    let summary = log.compact(&run());
    assert_eq!((summary.segments_rewritten, summary.segments_unchanged), (1, 2));
    assert!(summary.bytes_after < summary.bytes_before);
}

#[test]
fn the_active_segment_is_left_alone() {
    let mut log = log(&[&[&[("a", "1")]]]);
    log.append(&[("a", "2"), ("a", "3")]);
    assert_eq!(log.compact(&run()).records_dropped, 0);
    assert_eq!(log.shown(), "0:a=1 1:a=2 2:a=3");
}

#[test]
fn tombstones_stay_for_their_time() {
    let mut log = log(&[&[&[("a", "1"), ("b", "1")]], &[&[("a", "~")], &[("z", "1")]]]);
    log.compact(&run());
    assert_eq!(log.shown(), "1:b=1 2:a=~ 3:z=1");
    let horizon = |log: &Log| Batch::read(&log.segments[&2][0]).header.delete_horizon;
    assert_eq!(horizon(&log), Some(1100), "compaction first met it at 1000");
    // A later run before that time changes nothing, its own clock included.
    log.append(&[("q", "1"), ("q", "2")]);
    log.roll();
    log.compact(&Run { now: 1099, compacted_to: 4, ..run() });
    assert_eq!(log.shown(), "1:b=1 2:a=~ 3:z=1 5:q=2");
    assert_eq!(horizon(&log), Some(1100));
    log.append(&[("r", "1")]);
    log.roll();
    log.compact(&Run { now: 1100, compacted_to: 6, ..run() });
    assert_eq!(log.shown(), "1:b=1 3:z=1 5:q=2 6:r=1");
}

#[test]
fn the_last_batch_of_a_live_producer_stays_as_an_empty_one() {
    let mut log = Log::default();
    log.roll();
    log.append_as(7, &[("a", "1")]);
    log.append_as(7, &[("a", "2")]);
    log.append_as(8, &[("a", "3")]);
    log.append(&[("a", "4")]);
    log.append(&[("x", "1")]);
    log.roll();
    let producers = BTreeMap::from([(7, 1), (9, 2)]);
    log.compact(&Run { producers: producers.clone(), ..run() });
    let kept: Vec<_> = log.segments[&0].iter().map(|batch| Batch::read(batch)).collect();
    assert_eq!(kept.iter().map(|batch| batch.header.base_offset).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(kept[0].records.is_empty() && kept[0].header.producer_id == 7);
    // The next run leaves the empty batch alone, and drops it when the producer is no longer known.
    log.append(&[("y", "1")]);
    log.roll();
    let summary = log.compact(&Run { compacted_to: 5, producers, ..run() });
    assert_eq!(summary.segments_rewritten, 0);
    log.append(&[("z", "1")]);
    log.roll();
    log.compact(&Run { compacted_to: 6, ..run() });
    assert_eq!(Batch::read(&log.segments[&0][0]).header.base_offset, 3);
}

#[test]
fn the_end_of_what_is_compacted_stays_known() {
    let mut log = log(&[&[&[("~", "no key")], &[("~", "no key")]]]);
    let summary = log.compact(&run());
    assert_eq!((log.shown().as_str(), summary.records_without_key), ("", 2));
    let kept = Batch::read(&log.segments[&0][0]);
    assert_eq!((kept.header.base_offset, kept.records.len(), log.segments[&0].len()), (1, 0, 1));
}

#[test]
fn control_batches_stay() {
    let mut log = log(&[&[&[("a", "1")]]]);
    let header = BatchHeader {
        base_offset: 1,
        last_offset: 1,
        producer_id: 5,
        is_control: true,
        delete_horizon: None,
    };
    log.end = 2;
    log.push(Batch { header, records: vec![(1, Some("a".into()), None)] });
    log.roll();
    log.append(&[("b", "1"), ("b", "2")]);
    log.roll();
    log.compact(&run());
    assert_eq!(log.shown(), "0:a=1 1:a=~ 3:b=2", "the marker is neither a key nor a tombstone");
}

#[test]
fn small_neighbours_become_one_segment() {
    let mut log = log(&[&[&[("a", "1")]], &[&[("b", "1")]], &[&[("c", "1")]], &[&[("a", "2")]]]);
    let size = log.infos()[0].bytes;
    let summary = log.compact(&Run { segment_bytes: 3 * size, ..run() });
    assert_eq!(log.shown(), "1:b=1 2:c=1 3:a=2");
    assert_eq!(log.segments.keys().copied().collect::<Vec<_>>(), [0, 3, 4]);
    assert_eq!((summary.segments_rewritten, summary.segments_unchanged), (1, 1));
}

#[test]
fn little_memory_takes_more_runs() {
    let names: Vec<String> = (0..40).map(|at| format!("k{}", at % 20)).collect();
    let records: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut log = log(&[&[&records[..25], &records[25..]]]);
    let mut compacted_to = 0;
    let mut ends = vec![];
    while let Some(outcome) = log.run(&Run { memory: 8 * 25, compacted_to, ..run() }) {
        let Outcome::Compacted(summary) = outcome else { panic!("{outcome:?}") };
        assert!(summary.compacted_to > compacted_to, "every run gets further");
        compacted_to = summary.compacted_to;
        ends.push(compacted_to);
    }
    assert_eq!(ends, [7, 14, 21, 28, 35, 40], "room for seven keys, runs that end within a batch");
    assert_eq!(log.records().len(), 20);
}

#[test]
fn unreadable_batches_end_the_run_and_change_nothing() {
    for bad in ["bad\n", "4 4 -1 0 ~|4 a unreadable\n"] {
        let mut log = log(&[&[&[("a", "1"), ("b", "1")]], &[&[("a", "2")], &[("b", "2")]]]);
        log.segments.get_mut(&2).unwrap().push(Bytes::copy_from_slice(bad.as_bytes()));
        log.end = 5;
        log.segments.remove(&4);
        log.roll();
        let before = log.shown_until(4);
        match log.run_raw() {
            Outcome::Unreadable { offset: 4, .. } => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(log.shown_until(4), before);
        assert!(log.replacement.is_empty());
    }
}

#[test]
fn a_run_can_be_abandoned_at_any_step() {
    let full = log(&[&[&[("a", "1"), ("b", "1")], &[("a", "2")]], &[&[("c", "1"), ("b", "2")]]]);
    for steps in 1.. {
        let mut log = full.clone();
        let limits = CompactionLimits { min_dirty_ppm: 0, min_lag_ms: 0, max_lag_ms: 9, segment_bytes: 0 };
        let plan = plan(&limits, WallTime(0), 0, log.end, 0, &log.infos()).unwrap();
        let settings =
            Settings { now: WallTime(0), delete_retention_ms: 0, producers: BTreeMap::new(), read_bytes: 1 };
        let mut compaction = Compaction::new(plan, settings, KeyOffsets::new(1000, 9, [0; 16]));
        let mut event = Event::Begin;
        for _ in 0..steps {
            event = match compaction.next(event, &mut TextFormat) {
                Step::Read { from, until, max_bytes } => Event::Read(log.read(from, until, max_bytes)),
                Step::Rewrite { segment, last, step } => {
                    log.apply(segment, last, step);
                    Event::Rewritten
                }
                Step::Done(_) => return assert!(steps > 8, "several steps were tried: {steps}"),
            };
        }
        if let Some(Step::Rewrite { segment, last, step }) = compaction.abandon() {
            log.apply(segment, last, step);
        }
        assert!(log.replacement.is_empty(), "nothing is left half done after {steps} steps");
    }
}

impl Log {
    /// What can be read of the records below an offset.
    fn shown_until(&self, end: i64) -> Vec<Bytes> {
        self.segments.range(..end).flat_map(|(_, batches)| batches.iter().take(2).cloned()).collect()
    }

    /// A run over a log whose last closed batch cannot be looked into.
    fn run_raw(&mut self) -> Outcome {
        let segment = |base_offset, end_offset| SegmentInfo {
            base_offset,
            end_offset,
            bytes: 10,
            max_timestamp: 1,
            first_timestamp: 1,
        };
        let segments = vec![segment(0, 2), segment(2, 5)];
        let plan = Plan {
            first_dirty: 0,
            end: 5,
            log_start: 0,
            clean_bytes: 0,
            dirty_bytes: 20,
            segments,
            segment_bytes: 0,
        };
        let settings = Settings {
            now: WallTime(0),
            delete_retention_ms: 0,
            producers: BTreeMap::new(),
            read_bytes: 1 << 20,
        };
        let mut compaction = Compaction::new(plan, settings, KeyOffsets::new(1000, 9, [0; 16]));
        let mut event = Event::Begin;
        loop {
            event = match compaction.next(event, &mut TextFormat) {
                Step::Read { .. } => Event::Read(self.segments.values().flatten().cloned().collect()),
                Step::Rewrite { segment, last, step } => {
                    self.apply(segment, last, step);
                    Event::Rewritten
                }
                Step::Done(outcome) => return outcome,
            };
        }
    }
}

/// The last record of each key, and every record from `from` on.
fn expected(before: &[Entry], mapped_end: i64) -> Vec<Entry> {
    let mut last: BTreeMap<&String, i64> = BTreeMap::new();
    for (offset, key, _) in before.iter().filter(|(offset, ..)| *offset < mapped_end) {
        if let Some(key) = key {
            last.insert(key, *offset);
        }
    }
    let stays = |(offset, key, _): &&Entry| {
        *offset >= mapped_end || key.as_ref().is_some_and(|key| last[key] == *offset)
    };
    before.iter().filter(stays).cloned().collect()
}

proptest! {
    #[test]
    fn any_log_keeps_the_last_of_each_key(
        segments in prop::collection::vec(
            prop::collection::vec(prop::collection::vec((0usize..7, 0usize..4), 1..5), 0..6),
            1..6,
        ),
        memory in prop_oneof![Just(0usize), Just(200), Just(1 << 16)],
        read_bytes in prop_oneof![Just(1usize), Just(60), Just(1 << 16)],
        segment_bytes in prop_oneof![Just(0u64), Just(150), Just(1 << 16)],
    ) {
        let keys = ["a", "b", "c", "d", "e", "f", "~"];
        let values = ["~", "1", "2", "3"];
        let mut log = Log::default();
        for batches in &segments {
            log.roll();
            for records in batches {
                let records: Vec<_> = records.iter().map(|(key, value)| (keys[*key], values[*value])).collect();
                log.append(&records);
            }
        }
        let before = log.records();
        let largest_batch = log.segments.values().flatten().map(Bytes::len).max().unwrap_or(0);
        let mut compacted_to = 0;
        while let Some(outcome) = log.run(&Run { memory, read_bytes, segment_bytes, compacted_to, ..run() }) {
            let Outcome::Compacted(summary) = outcome else { panic!("{outcome:?}") };
            prop_assert!(summary.compacted_to > compacted_to);
            compacted_to = summary.compacted_to;
            prop_assert_eq!(log.records(), expected(&before, compacted_to));
        }
        // A horizon may be written into a batch: five characters more.
        prop_assert!(log.largest_step <= read_bytes.max(largest_batch) + 40);
        let bases: Vec<i64> = log.segments.values().flatten().map(|batch| Batch::read(batch).header.base_offset).collect();
        prop_assert!(bases.windows(2).all(|pair| pair[0] < pair[1]));
        // Long after, a run over everything drops the tombstones too.
        log.roll();
        log.append(&[("g", "1")]);
        log.roll();
        log.run(&Run { now: 5000, compacted_to, ..run() });
        log.append(&[("h", "1")]);
        log.roll();
        let end = log.end - 1;
        log.run(&Run { now: 10_000, compacted_to: end, ..run() });
        prop_assert!(log.records().iter().all(|(.., value)| value.is_some()));
    }
}
