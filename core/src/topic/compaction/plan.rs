//! Whether a log is to be compacted, and how far.

use alloc::vec::Vec;

use crate::storage::SegmentInfo;
use crate::time::WallTime;

/// The limits of a topic that compaction looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionLimits {
    /// `min.cleanable.dirty.ratio` in millionths.
    pub min_dirty_ppm: u32,
    /// `min.compaction.lag.ms`: younger records are left alone.
    pub min_lag_ms: i64,
    /// `max.compaction.lag.ms`: older ones are compacted however little is dirty.
    pub max_lag_ms: i64,
    /// `segment.bytes`: segments are joined up to this size.
    pub segment_bytes: u64,
}

/// What one run is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Records from here on have not been compacted before.
    pub first_dirty: i64,
    /// The first offset that is left alone: the base of a segment.
    pub end: i64,
    /// Nothing below this is read.
    pub log_start: i64,
    /// Bytes compacted before.
    pub clean_bytes: u64,
    /// Bytes that have not been.
    pub dirty_bytes: u64,
    /// The segments below `end`, oldest first.
    pub segments: Vec<SegmentInfo>,
    /// As in the limits.
    pub segment_bytes: u64,
}

/// Neighbours that become one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Base offset of the first.
    pub(super) first: i64,
    /// Base offset of the last.
    pub(super) last: i64,
    /// The offset after the last record.
    pub(super) end: i64,
    pub(super) bytes: u64,
}

/// Decides whether to compact now (`LogCleanerManager.cleanableOffsets`, `grabFilthiestCompactedLog`).
///
/// `segments` are all of the log, oldest first, the active one last; it is never touched, nor is anything at or above
/// `stable`, the high watermark (later the last stable offset). `compacted_to` is where the last run ended: if that is not
/// in the log any more, all is dirty.
pub fn plan(
    limits: &CompactionLimits,
    now: WallTime,
    log_start: i64,
    stable: i64,
    compacted_to: i64,
    segments: &[SegmentInfo],
) -> Option<Plan> {
    let (active, closed) = segments.split_last()?;
    let known = (log_start..=active.end_offset).contains(&compacted_to);
    let first_dirty = if known { compacted_to } else { log_start };

    let is_dirty = |segment: &SegmentInfo| segment.end_offset > first_dirty;
    let is_too_young = |segment: &SegmentInfo| {
        limits.min_lag_ms > 0 && segment.max_timestamp > now.0.saturating_sub(limits.min_lag_ms)
    };
    let blocked =
        |segment: &SegmentInfo| segment.end_offset > stable || (is_dirty(segment) && is_too_young(segment));
    let count = closed.iter().position(blocked).unwrap_or(closed.len());
    let cleanable = closed.get(..count)?;
    let end = segments.get(count)?.base_offset;

    let bytes =
        |dirty: bool| cleanable.iter().filter(|one| is_dirty(one) == dirty).map(|one| one.bytes).sum::<u64>();
    let (clean_bytes, dirty_bytes) = (bytes(false), bytes(true));
    let total = u128::from(clean_bytes) + u128::from(dirty_bytes);
    let is_dirty_enough = u128::from(dirty_bytes) * 1_000_000 > total * u128::from(limits.min_dirty_ppm);
    let oldest = closed
        .iter()
        .filter(|one| is_dirty(one) && one.first_timestamp > 0)
        .map(|one| one.first_timestamp)
        .min();
    let is_overdue = oldest.is_some_and(|oldest| oldest < now.0.saturating_sub(limits.max_lag_ms.max(0)));

    (dirty_bytes > 0 && (is_dirty_enough || is_overdue)).then(|| Plan {
        first_dirty,
        end,
        log_start,
        clean_bytes,
        dirty_bytes,
        segments: cleanable.to_vec(),
        segment_bytes: limits.segment_bytes,
    })
}

impl Plan {
    /// No run sees more records than this.
    pub fn dirty_records(&self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.first_dirty)).unwrap_or(0)
    }

    /// The segments that hold records below `mapped_end`, neighbours together as long as they fit one segment and its
    /// offsets 31 bits (`Cleaner.groupSegmentsBySize`).
    pub(super) fn groups(&self, mapped_end: i64) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.base_offset < mapped_end) {
            let bytes = segment.bytes;
            match groups.last_mut() {
                Some(group)
                    if group.bytes.saturating_add(bytes) <= self.segment_bytes
                        && segment.end_offset.saturating_sub(group.first) <= i64::from(i32::MAX) =>
                {
                    group.last = segment.base_offset;
                    group.end = segment.end_offset;
                    group.bytes += bytes;
                }
                _ => groups.push(Group {
                    first: segment.base_offset,
                    last: segment.base_offset,
                    end: segment.end_offset,
                    bytes,
                }),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CompactionLimits =
        CompactionLimits { min_dirty_ppm: 500_000, min_lag_ms: 0, max_lag_ms: i64::MAX, segment_bytes: 100 };

    /// Segments of ten offsets each: size, first and greatest timestamp. The last is the active one.
    fn segments(of: &[(u64, i64)]) -> Vec<SegmentInfo> {
        (0..)
            .zip(of)
            .map(|(at, (bytes, timestamp))| SegmentInfo {
                base_offset: at * 10,
                end_offset: at * 10 + 10,
                bytes: *bytes,
                max_timestamp: *timestamp,
                first_timestamp: *timestamp,
            })
            .collect()
    }

    fn now() -> WallTime {
        WallTime(1000)
    }

    /// First dirty offset and end.
    fn range(
        limits: CompactionLimits,
        stable: i64,
        compacted_to: i64,
        log: &[SegmentInfo],
    ) -> Option<(i64, i64)> {
        plan(&limits, now(), 0, stable, compacted_to, log).map(|plan| (plan.first_dirty, plan.end))
    }

    #[test]
    fn only_closed_and_stable_segments() {
        let log = segments(&[(50, 100), (50, 200), (50, 300), (50, 400)]);
        assert_eq!(range(LIMITS, 40, 0, &log), Some((0, 30)));
        assert_eq!(range(LIMITS, 29, 0, &log), Some((0, 20)));
        assert_eq!(range(LIMITS, 9, 0, &log), None);
        assert_eq!(range(LIMITS, 10, 0, &log[..1]), None);
        assert_eq!(range(LIMITS, 0, 0, &[]), None);
    }

    #[test]
    fn enough_must_be_dirty() {
        let log = segments(&[(50, 100), (50, 200), (50, 300), (50, 400)]);
        assert_eq!(range(LIMITS, 40, 10, &log), Some((10, 30)), "two thirds");
        assert_eq!(range(LIMITS, 40, 20, &log), None, "one third");
        assert_eq!(range(LIMITS, 40, 25, &log), None, "a part of a segment counts as the whole");
        let half = segments(&[(50, 100), (50, 200), (1, 300)]);
        assert_eq!(range(LIMITS, 30, 10, &half), None, "more than half, not half");
        let any = CompactionLimits { min_dirty_ppm: 0, ..LIMITS };
        assert_eq!(range(any, 40, 29, &log), Some((29, 30)));
        assert_eq!(range(any, 40, 30, &log), None, "nothing is dirty");
        let all = CompactionLimits { min_dirty_ppm: 1_000_000, ..LIMITS };
        assert_eq!(range(all, 40, 0, &log), None, "the ratio never exceeds one");
    }

    #[test]
    fn an_impossible_checkpoint_means_all_is_dirty() {
        let log = segments(&[(50, 100), (50, 200), (50, 300)]);
        assert_eq!(range(LIMITS, 30, 31, &log), Some((0, 20)));
        let plan = plan(&LIMITS, now(), 5, 30, 3, &log).unwrap();
        assert_eq!((plan.first_dirty, plan.log_start, plan.dirty_bytes), (5, 5, 100));
    }

    #[test]
    fn young_segments_wait() {
        let log = segments(&[(50, 100), (50, 951), (50, 200), (50, 1000)]);
        let lag = |min_lag_ms| CompactionLimits { min_lag_ms, ..LIMITS };
        assert_eq!(range(lag(50), 40, 0, &log), Some((0, 10)), "and what follows them waits too");
        assert_eq!(range(lag(49), 40, 0, &log), Some((0, 30)));
        assert_eq!(range(lag(0), 40, 0, &log), Some((0, 30)));
        // What has been compacted already may be young.
        assert_eq!(range(CompactionLimits { min_dirty_ppm: 0, ..lag(50) }, 40, 20, &log), Some((20, 30)));
    }

    #[test]
    fn old_records_do_not_wait_for_others() {
        let log = segments(&[(90, 100), (10, 500), (50, 1000)]);
        let lag = |max_lag_ms| CompactionLimits { max_lag_ms, ..LIMITS };
        assert_eq!(range(lag(500), 30, 10, &log), None);
        assert_eq!(range(lag(499), 30, 10, &log), Some((10, 20)));
        let undated = segments(&[(90, 100), (10, -1), (50, 1000)]);
        assert_eq!(range(lag(1), 30, 10, &undated), None);
    }

    #[test]
    fn neighbours_are_joined_up_to_a_full_segment() {
        let log = segments(&[(40, 1), (50, 1), (20, 1), (90, 1), (10, 1), (5, 1)]);
        let plan = plan(&LIMITS, now(), 0, 60, 0, &log).unwrap();
        let groups = |end| {
            plan.groups(end).iter().map(|group| (group.first, group.last, group.end)).collect::<Vec<_>>()
        };
        assert_eq!(groups(50), [(0, 10, 20), (20, 20, 30), (30, 40, 50)]);
        assert_eq!(groups(11), [(0, 10, 20)]);
        assert_eq!(groups(10), [(0, 0, 10)]);
        assert_eq!(groups(0), []);
    }

    #[test]
    fn a_joined_segment_spans_no_more_than_31_bits() {
        let mut log = segments(&[(1, 1), (1, 1), (1, 1)]);
        log[1].end_offset = i64::from(i32::MAX) + 1;
        log[2].base_offset = log[1].end_offset;
        log[2].end_offset = log[1].end_offset + 1;
        let plan = plan(&LIMITS, now(), 0, i64::MAX, 0, &log).unwrap();
        assert_eq!(plan.groups(plan.end).len(), 2);
    }
}
