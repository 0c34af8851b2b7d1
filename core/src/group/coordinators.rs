//! The coordinators of one shard: those of the partitions of `__consumer_offsets` that it owns.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::coordinator::Coordinator;
use super::place;
use super::question::{GroupQuestion, Listing};
use crate::catalogue::image::Image;
use crate::ids::LogId;
use crate::inquiry::CommittedOffset;
use crate::inspect::{CoordinatorView, Counts, GroupView};
use crate::owner::Owner;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::{Asker, PartitionAnswer};
use crate::time::Instant;
use crate::timers::Timers;
use crate::topic::partitions::Partitions;
use crate::uuid::Uuid;

/// Coordinators by the log of their partition.
#[derive(Debug, Default)]
pub struct Coordinators {
    coordinators: BTreeMap<LogId, Coordinator>,
    deadlines: Timers<LogId>,
    /// The node is stopping: nobody may begin to wait.
    stopping: bool,
}

impl Coordinators {
    /// Begins to load the groups of partitions that are new here. Called whenever the catalogue has changed.
    pub fn load(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        let Some(topic) = owner.image.topic(place::TOPIC) else { return };
        let logs = (0..topic.partitions).map(|partition| LogId { topic: topic.id, partition });
        let is_new = |log: &LogId| {
            log.owner(owner.settings.shards) == owner.settings.shard && !self.coordinators.contains_key(log)
        };
        for log in logs.filter(is_new).collect::<Vec<LogId>>() {
            let coordinator = Coordinator::load(owner, partitions, log);
            self.coordinators.insert(log, coordinator);
            self.watch(log);
        }
    }

    /// When [`tick`](Coordinators::tick) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next().map(|(at, _)| at)
    }

    /// Does what is due.
    pub fn tick(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        while let Some(log) = self.deadlines.pop_due(owner.now.mono) {
            self.with(log, |coordinator| coordinator.tick(owner, partitions));
        }
    }

    /// Takes a question to a group.
    pub fn ask(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        asker: Asker,
        log: LogId,
        group: Str,
        question: GroupQuestion,
    ) {
        let would_wait =
            matches!(question, GroupQuestion::Join { .. } | GroupQuestion::Sync { .. }) && self.stopping;
        if self.coordinators.contains_key(&log) && !would_wait {
            self.with(log, |coordinator| coordinator.ask(owner, partitions, asker, group, question));
        } else {
            owner.tell(asker, question.refusal(&group, ErrorCode::NOT_COORDINATOR).into());
        }
    }

    /// Every group of this shard; an error if some are not known yet.
    pub fn list(&self) -> Listing {
        let mut groups = Vec::new();
        for coordinator in self.coordinators.values() {
            groups.extend(coordinator.list()?);
        }
        Ok(groups)
    }

    /// What all of them look like.
    pub fn look(&self, image: &Image) -> Vec<CoordinatorView> {
        self.coordinators.values().map(|coordinator| coordinator.look(image)).collect()
    }

    /// One group, if it is here and loaded.
    pub fn look_group(&self, image: &Image, id: &str) -> Option<GroupView> {
        self.coordinators.values().find_map(|coordinator| coordinator.look_group(image, id))
    }

    /// Adds what waits here.
    pub fn count(&self, counts: &mut Counts) {
        self.coordinators.values().for_each(|coordinator| coordinator.count(counts));
    }

    /// Walks all groups.
    ///
    /// # Panics
    /// Something does not hold: our own mistake.
    pub fn check_invariants(&self) {
        // Whoever waited in a group was sent home at the stop, without a change of the group.
        if self.stopping {
            return assert!(self.deadlines.next().is_none(), "groups have deadlines after the stop");
        }
        for (log, coordinator) in &self.coordinators {
            coordinator.check_invariants();
            let due = coordinator.next_deadline().is_some();
            assert!(self.deadlines.has(*log) == due, "the deadline of the coordinator of {log}");
        }
    }

    /// Every offset that groups of this shard have committed; an error if some are not known yet.
    pub fn committed_offsets(&self) -> Result<Vec<CommittedOffset>, ErrorCode> {
        let mut offsets = Vec::new();
        for coordinator in self.coordinators.values() {
            offsets.extend(coordinator.committed_offsets()?);
        }
        Ok(offsets)
    }

    /// Takes the answer of a partition to its coordinator.
    pub fn told(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        log: LogId,
        number: u64,
        answer: PartitionAnswer,
    ) {
        self.with(log, |coordinator| coordinator.told(owner, partitions, number, answer));
    }

    /// A topic is gone.
    pub fn topic_deleted(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        topic: &Str,
        id: Uuid,
    ) {
        let logs: Vec<LogId> = self.coordinators.keys().copied().collect();
        for log in logs {
            if log.topic != id {
                self.with(log, |coordinator| coordinator.topic_deleted(owner, partitions, topic, id));
            } else if let Some(coordinator) = self.coordinators.remove(&log) {
                self.deadlines.clear(log);
                coordinator.deleted(owner);
            }
        }
    }

    /// The node is stopping: who waits is told to look for its coordinator again.
    pub fn stop(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        self.stopping = true;
        self.deadlines = Timers::default();
        for coordinator in self.coordinators.values_mut() {
            coordinator.stop(owner, partitions);
        }
    }

    fn with(&mut self, log: LogId, act: impl FnOnce(&mut Coordinator)) {
        if let Some(coordinator) = self.coordinators.get_mut(&log) {
            act(coordinator);
            self.watch(log);
        }
    }

    fn watch(&mut self, log: LogId) {
        if self.stopping {
            return;
        }
        match self.coordinators.get(&log).and_then(Coordinator::next_deadline) {
            Some(at) => self.deadlines.set(log, at),
            None => self.deadlines.clear(log),
        }
    }
}
