//! One session: the partitions that its reader follows, in the order in which they are read.

use alloc::collections::BTreeMap;

use super::{Answered, PartitionName, Target};
use crate::time::Instant;

/// A session as the cache keeps it. Its number of partitions changes only while the cache has taken it out.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) by_id: bool,
    /// Of the request that comes next.
    pub(super) epoch: i32,
    pub(super) created: Instant,
    pub(super) last_used: Instant,
    places: BTreeMap<PartitionName, u64>,
    /// By place: lower ones are read first.
    partitions: BTreeMap<u64, Cached>,
    next_place: u64,
}

/// A partition of a session.
#[derive(Debug)]
struct Cached {
    target: Target,
    /// As the reader was told last; -1 before that, and after an error, so that the next good answer is sent.
    high_watermark: i64,
    /// As the reader was told last.
    log_start: i64,
}

impl Session {
    /// A session whose first, full answer is on its way.
    pub(super) fn new(now: Instant, by_id: bool, epoch: i32, answered: &[Answered<'_>]) -> Session {
        let mut session = Session {
            by_id,
            epoch,
            created: now,
            last_used: now,
            places: BTreeMap::new(),
            partitions: BTreeMap::new(),
            next_place: 0,
        };
        for answer in answered {
            session.add(Cached {
                target: answer.target.clone(),
                high_watermark: answer.high_watermark,
                log_start: answer.log_start,
            });
        }
        session
    }

    fn add(&mut self, cached: Cached) {
        self.places.insert(cached.target.name.clone(), self.next_place);
        self.partitions.insert(self.next_place, cached);
        self.next_place += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.partitions.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// All partitions in reading order.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.partitions.values().map(|cached| &cached.target)
    }

    fn find(&mut self, name: &PartitionName) -> Option<&mut Cached> {
        self.places.get(name).and_then(|place| self.partitions.get_mut(place))
    }

    /// Adds a partition at the end, or changes what is wanted of it where it is.
    pub(super) fn update(&mut self, target: &Target) {
        match self.find(&target.name) {
            Some(cached) => cached.target = target.clone(),
            None => self.add(Cached { target: target.clone(), high_watermark: -1, log_start: -1 }),
        }
    }

    pub(super) fn forget(&mut self, name: &PartitionName) {
        if let Some(place) = self.places.remove(name) {
            self.partitions.remove(&place);
        }
    }

    /// Whether the reader must be told of this partition, which is noted (`CachedPartition.maybeUpdateResponseData`). One
    /// that gave records goes to the end, so that all get their turn when an answer has no room for all.
    pub(super) fn answer(&mut self, answer: &Answered<'_>) -> bool {
        let Some(cached) = self.find(&answer.target.name) else { return false };
        let moved = cached.high_watermark != answer.high_watermark || cached.log_start != answer.log_start;
        cached.high_watermark = if answer.has_error { -1 } else { answer.high_watermark };
        cached.log_start = answer.log_start;
        if answer.has_records {
            self.move_to_end(&answer.target.name);
        }
        answer.has_records || moved || answer.has_error || answer.is_diverging
    }

    fn move_to_end(&mut self, name: &PartitionName) {
        if let Some(place) = self.places.get_mut(name)
            && let Some(cached) = self.partitions.remove(place)
        {
            *place = self.next_place;
            self.partitions.insert(self.next_place, cached);
            self.next_place += 1;
        }
    }
}
