//! The coordinators of one shard: those of the partitions of `__consumer_offsets` that it owns.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::ops::Bound;

use super::coordinator::{Coordinator, Errand, GroupNo};
use super::place;
use super::question::{GroupQuestion, Listing};
use crate::catalogue::image::Image;
use crate::ids::LogId;
use crate::inquiry::CommittedOffset;
use crate::inspect::{CoordinatorView, Counts, GroupView};
use crate::owner::Owner;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::{Asker, PartitionAnswer};
use crate::time::{Instant, NEXT_TURN};
use crate::timers::Timers;
use crate::topic::partitions::Partitions;
use crate::uuid::Uuid;

/// Groups that take their part in an errand in one turn.
const ERRAND_STEPS: usize = 256;

/// Coordinators by the log of their partition.
#[derive(Debug, Default)]
pub struct Coordinators {
    coordinators: BTreeMap<LogId, Coordinator>,
    deadlines: Timers<LogId>,
    /// What all groups have to be told, and who is next to be told the first of it; the others wait.
    errands: VecDeque<(Errand, Option<(LogId, GroupNo)>)>,
    /// When the errands go on.
    errands_at: Option<Instant>,
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
        self.deadlines.next().map(|(at, _)| at).into_iter().chain(self.errands_at).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        while let Some(log) = self.deadlines.pop_due(owner.now.mono) {
            self.with(log, |coordinator| coordinator.tick(owner, partitions));
        }
        if self.errands_at.is_some_and(|at| at <= owner.now.mono) {
            self.run_errands(owner, partitions);
        }
    }

    /// Tells some groups more of what all have to be told.
    fn run_errands(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        for _ in 0..ERRAND_STEPS {
            let Some((errand, at)) = self.errands.pop_front() else { break };
            let Some((log, from)) = at else { continue };
            let mut next = None;
            self.with(log, |coordinator| next = coordinator.run_errand(owner, partitions, &errand, from));
            let at = match next {
                Some(number) => Some((log, number)),
                None => self.coordinator_after(log).map(|log| (log, GroupNo::default())),
            };
            self.errands.push_front((errand, at));
        }
        self.errands_at = (!self.errands.is_empty()).then(|| owner.now.mono + NEXT_TURN);
    }

    fn coordinator_after(&self, log: LogId) -> Option<LogId> {
        self.coordinators.range((Bound::Excluded(log), Bound::Unbounded)).next().map(|(log, _)| *log)
    }

    fn begin_errand(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, errand: Errand) {
        let first = self.coordinators.keys().next();
        self.errands.push_back((errand, first.map(|log| (*log, GroupNo::default()))));
        if self.errands.len() == 1 {
            self.run_errands(owner, partitions);
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
        assert!(self.errands.is_empty() == self.errands_at.is_none(), "when the errands go on");
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
        let here: Vec<LogId> = self.coordinators.keys().filter(|log| log.topic == id).copied().collect();
        for log in here {
            if let Some(coordinator) = self.coordinators.remove(&log) {
                self.deadlines.clear(log);
                coordinator.deleted(owner);
            }
        }
        self.begin_errand(owner, partitions, Errand::TopicDeleted { topic: topic.clone(), id });
    }

    /// The node is stopping: who waits is sent home. Offsets of topics that were deleted a moment ago are forgotten when
    /// they are loaded again.
    pub fn stop(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        self.stopping = true;
        self.deadlines = Timers::default();
        self.errands.clear();
        self.begin_errand(owner, partitions, Errand::SendHome);
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
