//! Looking at a partition without touching it.

use super::ready::Ready;
use super::{Partition, Phase};
use crate::inspect::{Offsets, PartitionPhase, PartitionView, ServingView, TopicPartition};
use crate::protocol::Str;

impl Partition {
    /// What it looks like; `topic` is the name of its topic.
    pub fn look(&self, topic: Str) -> PartitionView {
        let phase = match &self.phase {
            Phase::Opening { waiting, .. } => PartitionPhase::Opening { waiting: waiting.len() },
            Phase::Ready(ready) => PartitionPhase::Serving(ready.look()),
            Phase::Closed => PartitionPhase::Closed,
            Phase::Fenced => PartitionPhase::Fenced,
        };
        PartitionView { name: TopicPartition { topic, partition: self.log.partition }, log: self.log, phase }
    }

    /// Where it stands, if it serves.
    pub fn offsets(&self) -> Option<Offsets> {
        match &self.phase {
            Phase::Ready(ready) => Some(Offsets {
                log_start: ready.start,
                high_watermark: ready.high_watermark,
                log_end: ready.end,
                leader_epoch: ready.leader_epoch,
            }),
            Phase::Opening { .. } | Phase::Closed | Phase::Fenced => None,
        }
    }

    /// Questions that wait for it to open, and watches that it keeps.
    pub fn waiting(&self) -> (usize, usize) {
        match &self.phase {
            Phase::Opening { waiting, .. } => (waiting.len(), 0),
            Phase::Ready(ready) => (0, ready.watches.len()),
            Phase::Closed | Phase::Fenced => (0, 0),
        }
    }

    /// After a step of a debug build: what is cheap to check of the partition that was touched.
    pub(super) fn check_touched(&self) {
        if let Phase::Ready(ready) = &self.phase
            && cfg!(debug_assertions)
        {
            ready.check_offsets();
        }
    }

    /// Asserts what must hold after each step.
    ///
    /// # Panics
    /// Something does not hold: our own mistake.
    pub fn check_invariants(&self) {
        match &self.phase {
            Phase::Ready(ready) => {
                ready.check_offsets();
                ready.state.producers.check_invariants();
                ready.state.epochs.check_invariants();
            }
            Phase::Opening { .. } | Phase::Closed | Phase::Fenced => {}
        }
    }
}

impl Ready {
    fn look(&self) -> ServingView {
        let awaiting = self.in_flight.iter().flat_map(|append| &append.askers).map(|(asker, _)| *asker);
        ServingView {
            log_start: self.start,
            last_stable_offset: self.high_watermark,
            high_watermark: self.high_watermark,
            log_end: self.end,
            leader_epoch: self.leader_epoch,
            producers: self.active_producers(),
            appends: self.in_flight.len(),
            awaiting: awaiting.collect(),
            parked: self.watches.iter().map(|watch| watch.asker()).collect(),
            failed: self.failed,
            compacted_to: self.state.compacted_to,
        }
    }

    /// Log start <= high watermark <= log end; appends under way lie between the last two, in order; and who watches
    /// has nothing to be told. Costs the length of what is in flight and watched.
    pub(super) fn check_offsets(&self) {
        let Ready { log, start, high_watermark, end, .. } = self;
        assert!(
            (0..=*high_watermark).contains(start) && high_watermark <= end,
            "{log}: start {start}, high watermark {high_watermark}, end {end}"
        );
        let mut above = *high_watermark;
        for append in &self.in_flight {
            assert!(
                above <= append.base_offset && append.base_offset <= append.last_offset,
                "{log}: appends under way are out of order at {}",
                append.base_offset
            );
            above = append.last_offset + 1;
        }
        assert!(above <= *end, "{log}: an append under way ends at {above}, the log at {end}");
        assert!(
            self.failed || above == *end,
            "{log}: nothing under way leads from {above} to the end of the log at {end}"
        );
        for watch in &self.watches {
            assert!(!self.has_moved(watch), "{log}: {watch:?} was not told of {high_watermark}");
        }
    }
}
