//! Which records have had their time, and when a segment is full: decisions only (`UnifiedLog.deleteOldSegments`,
//! `LogSegment.shouldRoll`). The engine trims and rolls as it is told.

use crate::mutant::{Mutant, is_on};
use crate::storage::SegmentInfo;
use crate::time::WallTime;

/// What `cleanup.policy` says. With neither, records are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    pub delete: bool,
    pub compact: bool,
}

/// The limits of a topic that retention looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionLimits {
    pub policy: CleanupPolicy,
    /// `retention.ms`; below 0: no limit.
    pub retention_ms: i64,
    /// `retention.bytes` of the partition; below 0: no limit.
    pub retention_bytes: i64,
}

/// Segments to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Where the log starts from now on.
    pub log_start: i64,
    /// How many segments go because the partition is too large.
    pub by_size: usize,
    /// How many because they are too old.
    pub by_age: usize,
    /// The bytes they hold.
    pub bytes: u64,
    /// The active segment is among them: the next append begins a new one.
    pub with_active: bool,
}

/// Decides what goes. `segments` are all of the log, oldest first, the active one last; `high_watermark` is never passed.
///
/// Whole segments only, oldest first: by size while what remains is not below `retention.bytes`, then by age those whose
/// newest record is older than `retention.ms`. Records in the future keep their segment, and all after it, until they
/// are past. A segment without any timestamp is as old as the next one that has some; without such a one it stays.
pub fn expired(
    limits: &RetentionLimits,
    now: WallTime,
    high_watermark: i64,
    segments: &[SegmentInfo],
) -> Option<Expired> {
    if !limits.policy.delete {
        return None;
    }
    let stored = segments.iter().take_while(|segment| segment.end_offset <= high_watermark).count();
    // An empty active segment holds nothing that could expire.
    let closed = segments.len() - usize::from(segments.last().is_some_and(|active| active.bytes == 0));
    let droppable = segments.get(..stored.min(closed))?;
    let by_size = too_large(limits, segments).min(droppable.len());
    let by_age = too_old(limits, now, droppable.get(by_size..)?);
    let dropped = droppable.get(..by_size + by_age)?;
    let log_start = match segments.get(dropped.len()) {
        Some(next) => next.base_offset.min(high_watermark),
        None => high_watermark.min(dropped.last()?.end_offset),
    };
    (!dropped.is_empty()).then(|| Expired {
        log_start,
        by_size,
        by_age,
        bytes: dropped.iter().map(|segment| segment.bytes).sum(),
        with_active: dropped.len() == segments.len(),
    })
}

/// How many of the oldest segments can go with the rest still at or above the limit.
fn too_large(limits: &RetentionLimits, segments: &[SegmentInfo]) -> usize {
    let Ok(limit) = u64::try_from(limits.retention_bytes) else { return 0 };
    let total: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let Some(mut surplus) = total.checked_sub(limit) else { return 0 };
    segments
        .iter()
        .take_while(|segment| match surplus.checked_sub(segment.bytes) {
            Some(left) => {
                surplus = left;
                true
            }
            None => false,
        })
        .count()
}

/// How many of the oldest segments have no record younger than the limit.
fn too_old(limits: &RetentionLimits, now: WallTime, segments: &[SegmentInfo]) -> usize {
    if limits.retention_ms < 0 {
        return 0;
    }
    let newest_expired = now.0.saturating_sub(limits.retention_ms).saturating_sub(1);
    let mut count = 0;
    for (at, segment) in segments.iter().enumerate() {
        let oldest = is_on(Mutant::RetentionGoesByOldestRecord);
        match if oldest { segment.first_timestamp } else { segment.max_timestamp } {
            undated if undated < 0 => {}
            dated if dated <= newest_expired => count = at + 1,
            _ => break,
        }
    }
    count
}

/// The limits of a topic that rolling looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollLimits {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// From [`effective_segment_ms`].
    pub segment_ms: i64,
    /// Taken off `segment_ms`: drawn for each segment below `segment.jitter.ms`, so that not all roll at once.
    pub jitter_ms: i64,
}

/// `segment.ms`, or `max.compaction.lag.ms` where that is less: only closed segments are compacted
/// (`LogConfig.maxSegmentMs`).
pub fn effective_segment_ms(policy: CleanupPolicy, segment_ms: i64, max_compaction_lag_ms: i64) -> i64 {
    if policy.compact && max_compaction_lag_ms > 0 {
        segment_ms.min(max_compaction_lag_ms)
    } else {
        segment_ms
    }
}

/// The segment that appends go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveSegment {
    pub base_offset: i64,
    pub bytes: u64,
    /// Max timestamp of its first batch, -1 for none.
    pub first_timestamp: i64,
    /// When it was begun or found at start-up: counts where the first batch has no timestamp.
    pub begun: WallTime,
}

/// Batches about to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextAppend {
    pub bytes: u64,
    pub max_timestamp: i64,
    pub last_offset: i64,
}

/// Whether an append begins a new segment: it would not fit, the segment has been open too long, or an offset in it could
/// not be told from its base by 31 bits, as Kafka's indexes need. Age is the append's timestamp against that of
/// the first batch, so that replaying old data makes segments as it did when the data was new.
pub fn rolls(limits: &RollLimits, now: WallTime, active: &ActiveSegment, append: &NextAppend) -> bool {
    if active.bytes == 0 {
        return false;
    }
    let waited = if active.first_timestamp >= 0 {
        append.max_timestamp.saturating_sub(active.first_timestamp)
    } else {
        now.0.saturating_sub(active.begun.0)
    };
    active.bytes.saturating_add(append.bytes) > limits.segment_bytes
        || waited > limits.segment_ms.saturating_sub(limits.jitter_ms)
        || append.last_offset.saturating_sub(active.base_offset) > i64::from(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const DELETE: CleanupPolicy = CleanupPolicy { delete: true, compact: false };

    fn limits(retention_ms: i64, retention_bytes: i64) -> RetentionLimits {
        RetentionLimits { policy: DELETE, retention_ms, retention_bytes }
    }

    /// Segments of ten offsets each, with these sizes and greatest timestamps.
    fn segments(of: &[(u64, i64)]) -> Vec<SegmentInfo> {
        (0..)
            .zip(of)
            .map(|(at, (bytes, max_timestamp))| SegmentInfo {
                base_offset: at * 10,
                end_offset: at * 10 + if *bytes == 0 { 0 } else { 10 },
                bytes: *bytes,
                max_timestamp: *max_timestamp,
                first_timestamp: *max_timestamp,
            })
            .collect()
    }

    /// Log start and whether the active segment goes.
    fn start(limits: RetentionLimits, high_watermark: i64, of: &[(u64, i64)]) -> Option<(i64, bool)> {
        expired(&limits, WallTime(1000), high_watermark, &segments(of))
            .map(|gone| (gone.log_start, gone.with_active))
    }

    #[test]
    fn by_age() {
        let log = [(5, 100), (5, 200), (5, 300), (5, 400)];
        let cells = [
            // retention, high watermark, log start
            (-1, 40, None),
            (900, 40, None),
            (899, 40, Some((10, false))),
            (700, 40, Some((20, false))),
            (699, 40, Some((30, false))),
            (0, 40, Some((40, true))),
            (0, 39, Some((30, false))),
            (0, 0, None),
        ];
        for (retention_ms, high_watermark, left) in cells {
            assert_eq!(
                start(limits(retention_ms, -1), high_watermark, &log),
                left,
                "{retention_ms} {high_watermark}"
            );
        }
    }

    #[test]
    fn a_record_of_the_future_keeps_what_follows_it() {
        assert_eq!(start(limits(10, -1), 30, &[(5, 100), (5, 5000), (5, 100)]), Some((10, false)));
    }

    #[test]
    fn undated_segments_are_as_old_as_the_next_dated_one() {
        assert_eq!(start(limits(10, -1), 30, &[(5, -1), (5, 100), (5, 1000)]), Some((20, false)));
        assert_eq!(start(limits(10, -1), 30, &[(5, -1), (5, 1000), (5, 1000)]), None);
        assert_eq!(start(limits(10, -1), 30, &[(5, 100), (5, -1), (5, -1)]), Some((10, false)));
    }

    #[test]
    fn by_size() {
        let log = [(10, 100), (20, 200), (30, 300), (40, 400)];
        let cells = [
            (-1, None),
            (-5, None),
            (101, None),
            (100, None),
            (91, None),
            (90, Some((10, false))),
            (71, Some((10, false))),
            (70, Some((20, false))),
            (40, Some((30, false))),
            (0, Some((40, true))),
        ];
        for (retention_bytes, left) in cells {
            assert_eq!(start(limits(-1, retention_bytes), 40, &log), left, "{retention_bytes}");
        }
    }

    #[test]
    fn what_size_has_taken_does_not_stop_age() {
        // The first segment is of the future, but goes by size; the second goes by age.
        let log = segments(&[(10, 9999), (10, 100), (10, 1000)]);
        let gone = expired(&limits(500, 20), WallTime(1000), 30, &log).unwrap();
        assert_eq!((gone.log_start, gone.by_size, gone.by_age, gone.bytes), (20, 1, 1, 20));
    }

    #[test]
    fn an_empty_active_segment_stays() {
        assert_eq!(start(limits(0, 0), 10, &[(10, 100), (0, -1)]), Some((10, false)));
        assert_eq!(start(limits(0, 0), 0, &[(0, -1)]), None);
        assert_eq!(start(limits(0, 0), 0, &[]), None);
    }

    #[test]
    fn policies() {
        let log = segments(&[(5, 100), (5, 1000)]);
        for (delete, compact, goes) in
            [(true, false, true), (true, true, true), (false, true, false), (false, false, false)]
        {
            let limits = RetentionLimits { policy: CleanupPolicy { delete, compact }, ..limits(10, -1) };
            assert_eq!(
                expired(&limits, WallTime(1000), 20, &log).is_some(),
                goes,
                "delete {delete} compact {compact}"
            );
        }
    }

    #[test]
    fn a_gap_after_compaction_is_skipped() {
        let mut log = segments(&[(5, 100), (5, 1000)]);
        log[0].end_offset = 7;
        assert_eq!(expired(&limits(10, -1), WallTime(1000), 20, &log).unwrap().log_start, 10);
    }

    #[test]
    fn rolling() {
        let limits = RollLimits { segment_bytes: 100, segment_ms: 50, jitter_ms: 5 };
        let active = ActiveSegment { base_offset: 0, bytes: 60, first_timestamp: 500, begun: WallTime(900) };
        let append = NextAppend { bytes: 40, max_timestamp: 545, last_offset: 9 };
        let now = WallTime(1000);
        assert!(!rolls(&limits, now, &active, &append));
        assert!(rolls(&limits, now, &active, &NextAppend { bytes: 41, ..append }));
        assert!(rolls(&limits, now, &active, &NextAppend { max_timestamp: 546, ..append }));
        assert!(
            !rolls(&limits, now, &active, &NextAppend { max_timestamp: -1, ..append }),
            "age is the batch's"
        );
        let far = i64::from(i32::MAX);
        assert!(!rolls(&limits, now, &active, &NextAppend { last_offset: far, ..append }));
        assert!(rolls(&limits, now, &active, &NextAppend { last_offset: far + 1, ..append }));
        let undated = ActiveSegment { first_timestamp: -1, ..active };
        assert!(rolls(&limits, now, &undated, &append), "open for 100 ms of ours");
        assert!(!rolls(&limits, WallTime(945), &undated, &append));
        let empty = ActiveSegment { bytes: 0, ..active };
        assert!(
            !rolls(&limits, now, &empty, &NextAppend { bytes: 1000, ..append }),
            "nothing would be closed"
        );
    }

    #[test]
    fn compaction_lag_closes_segments_sooner() {
        let compact = CleanupPolicy { delete: false, compact: true };
        assert_eq!(effective_segment_ms(compact, 100, 30), 30);
        assert_eq!(effective_segment_ms(compact, 100, i64::MAX), 100);
        assert_eq!(effective_segment_ms(DELETE, 100, 30), 100);
    }

    proptest! {
        #[test]
        fn never_past_the_high_watermark_and_never_twice(
            of in prop::collection::vec((1u64..50, -1i64..2000), 0..12),
            retention_ms in -1i64..1500,
            retention_bytes in -1i64..300,
            high_watermark in 0i64..130,
        ) {
            let log = segments(&of);
            let limits = limits(retention_ms, retention_bytes);
            if let Some(gone) = expired(&limits, WallTime(1000), high_watermark, &log) {
                prop_assert!(gone.log_start <= high_watermark);
                let left: Vec<_> = log.iter().copied().filter(|segment| segment.base_offset >= gone.log_start).collect();
                prop_assert_eq!(left.len(), log.len() - gone.by_size - gone.by_age);
                prop_assert_eq!(expired(&limits, WallTime(1000), high_watermark, &left), None);
            }
            prop_assert_eq!(expired(&limits, WallTime(1000), 0, &log), None);
        }
    }
}
