//! One partition of `__consumer_offsets` at its owner: the groups that live there.
//!
//! Groups are loaded from the partition's log and change ahead of it: a step's records are appended as one batch, and
//! what a group answers leaves once every record it has put out is durable. If an append fails, all groups are given up
//! and loaded anew, so that what nobody was told of has not happened.

mod look;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::any::Group;
use super::loading::Loading;
use super::question::{GroupAnswer, GroupQuestion, Listing};
use super::record::{GroupRecord, OffsetCommitValue};
use super::step::{Effects, Step};
use crate::ids::LogId;
use crate::inquiry::CommittedOffset;
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::owner::Owner;
use crate::protocol::{ErrorCode, Str};
use crate::record::{BatchBuilder, BatchFields};
use crate::shard_message::{Answer, Asker, PartitionAnswer, PartitionQuestion, ProduceRefusal, Produced};
use crate::time::{Instant, NEXT_TURN};
use crate::timers::Timers;
use crate::topic::partitions::Partitions;
use crate::uuid::Uuid;

/// How long to wait after a failed load.
const RETRY: Duration = Duration::from_millis(500);

/// Steps of groups that one coordinator takes in a turn when it walks over all of them: many may do so at once.
const WALK_STEPS: usize = 16;

/// Produce version of our own batches: the newest, without the limits of old ones.
const PRODUCE_VERSION: i16 = 13;

/// The coordinator of the groups of one partition.
#[derive(Debug)]
pub struct Coordinator {
    log: LogId,
    /// Of the next question to the partition: never used again, so that late answers find nobody.
    next_number: u64,
    phase: Phase,
    timers: Timers<Due>,
}

#[derive(Debug)]
enum Phase {
    /// The log is read back.
    Loading(Loading),
    Active(Active),
    /// The partition could not be read; it is tried again.
    Failed,
}

/// A group of one coordinator; rising, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct GroupNo(u64);

/// What a deadline of a coordinator is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    Group(GroupNo),
    /// Groups that were loaded and have not begun yet.
    Waking,
    /// Offsets whose time is over, from this group on.
    Expiry(GroupNo),
    /// Appends that take too long.
    Writes,
    /// Another attempt to load.
    Load,
}

/// What concerns every group there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A topic is gone.
    TopicDeleted { topic: Str, id: Uuid },
    /// The node is stopping: who waits is told to look for its coordinator again, and finds its group after the restart.
    SendHome,
}

#[derive(Debug, Default)]
struct Active {
    groups: BTreeMap<GroupNo, Group>,
    by_id: BTreeMap<Str, GroupNo>,
    next_group: u64,
    /// Groups from this one on were loaded, but have not begun; nobody is answered before all have.
    asleep: Option<GroupNo>,
    /// Appends that are not durable, by number, with the answers that wait for them.
    writes: BTreeMap<u64, Write>,
}

#[derive(Debug)]
struct Write {
    durable: bool,
    answers: Vec<(Asker, GroupAnswer)>,
    /// When those who wait are told that nothing is known (`offsets.commit.timeout.ms`).
    patience: Instant,
}

impl Coordinator {
    /// A coordinator that has begun to load.
    pub fn load(owner: &mut Owner<'_>, partitions: &mut Partitions, log: LogId) -> Coordinator {
        let mut coordinator =
            Coordinator { log, next_number: 0, phase: Phase::Failed, timers: Timers::default() };
        coordinator.begin_load(owner, partitions);
        coordinator
    }

    fn begin_load(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        self.timers = Timers::default();
        self.phase = Phase::Loading(Loading::default());
        self.go_on_loading(owner, partitions);
    }

    fn ask_partition(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        question: PartitionQuestion,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        partitions.ask(owner, Asker::Coordinator { log: self.log, number }, self.log, question);
        number
    }

    /// When [`tick`](Coordinator::tick) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// Takes a question to a group.
    pub fn ask(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        asker: Asker,
        group: Str,
        question: GroupQuestion,
    ) {
        let error = match &mut self.phase {
            Phase::Active(active) if active.asleep.is_none() => {
                let number = active.enter(&group);
                self.step(owner, partitions, number, |group, step| group.ask(step, asker, question));
                return;
            }
            // A member need not know that its coordinator has been away: it would only start over.
            Phase::Loading(_) | Phase::Active(_) if matches!(question, GroupQuestion::Heartbeat { .. }) => {
                ErrorCode::NONE
            }
            Phase::Loading(_) | Phase::Active(_) => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            Phase::Failed => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        };
        owner.tell(asker, question.refusal(&group, error).into());
    }

    /// The groups of this partition.
    pub fn list(&self) -> Listing {
        Ok(self.active()?.groups.values().map(Group::listed).collect())
    }

    /// What the groups of this partition have committed.
    pub fn committed_offsets(&self) -> Result<Vec<CommittedOffset>, ErrorCode> {
        let of_group = |group: &Group| {
            let one = |(topic, partition, value): (&Str, i32, &OffsetCommitValue)| CommittedOffset {
                group: group.id().clone(),
                topic: topic.clone(),
                partition,
                offset: value.offset,
            };
            group.offsets().iter().map(one).collect::<Vec<_>>()
        };
        Ok(self.active()?.groups.values().flat_map(of_group).collect())
    }

    fn active(&self) -> Result<&Active, ErrorCode> {
        match &self.phase {
            Phase::Active(active) if active.asleep.is_none() => Ok(active),
            Phase::Loading(_) | Phase::Active(_) => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Phase::Failed => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        while let Some(due) = self.timers.pop_due(owner.now.mono) {
            match due {
                Due::Group(number) => {
                    self.step(owner, partitions, number, Group::tick);
                }
                Due::Waking => self.wake(owner, partitions),
                Due::Expiry(from) => self.expire(owner, partitions, from),
                Due::Writes => self.lose_patience(owner),
                Due::Load => self.begin_load(owner, partitions),
            }
        }
    }

    /// Appends that are not durable by now may still become so: who waits is told to ask again
    /// (`CoordinatorRuntime`'s write timeout).
    fn lose_patience(&mut self, owner: &mut Owner<'_>) {
        let Phase::Active(active) = &mut self.phase else { return };
        let now = owner.now.mono;
        for write in active.writes.values_mut().take_while(|write| write.patience <= now) {
            for (asker, answer) in core::mem::take(&mut write.answers) {
                owner.tell(asker, answer.refused(ErrorCode::COORDINATOR_NOT_AVAILABLE).into());
            }
        }
        self.watch_writes(owner);
    }

    /// Sets the deadline of the oldest append that has one to come.
    fn watch_writes(&mut self, owner: &Owner<'_>) {
        let Phase::Active(active) = &self.phase else { return };
        let next = active.writes.values().map(|write| write.patience).find(|at| *at > owner.now.mono);
        match next {
            Some(at) => self.timers.set(Due::Writes, at),
            None => self.timers.clear(Due::Writes),
        }
    }

    /// Lets the next group take its part in what concerns all of them; says which one comes after it, none when that was
    /// the last. A group that is loaded later knows what has happened from the catalogue.
    pub fn run_errand(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        errand: &Errand,
        from: GroupNo,
    ) -> Option<GroupNo> {
        let number = self.next_group(from)?;
        self.step(owner, partitions, number, |group, step| match errand {
            Errand::TopicDeleted { topic, id } => group.topic_deleted(step, topic, *id),
            Errand::SendHome => group.refuse_everyone(step, ErrorCode::NOT_COORDINATOR),
        });
        self.next_group(number.next())
    }

    /// Looks for offsets whose time is over, some at a time.
    fn expire(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, mut from: GroupNo) {
        for _ in 0..WALK_STEPS {
            let Some(number) = self.next_group(from) else {
                let interval = owner.broker.groups.offsets_retention_check_interval;
                return self.timers.set(Due::Expiry(GroupNo::default()), owner.now.mono + interval);
            };
            // A group that had something to forget may have more.
            let forgot = self.step(owner, partitions, number, Group::expire);
            from = if forgot { number } else { number.next() };
        }
        self.timers.set(Due::Expiry(from), owner.now.mono + NEXT_TURN);
    }

    /// The first group from this one on.
    fn next_group(&self, from: GroupNo) -> Option<GroupNo> {
        match &self.phase {
            Phase::Active(active) => active.groups.range(from..).next().map(|(number, _)| *number),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// Lets one group take a step, and carries out what comes of it. Says whether there was something to store.
    fn step(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        number: GroupNo,
        act: impl FnOnce(&mut Group, &mut Step<'_>),
    ) -> bool {
        let Phase::Active(active) = &mut self.phase else { return false };
        let Some(group) = active.groups.get_mut(&number) else { return false };
        let mut effects = take_step(owner, group, act);
        let batch = match encode(owner, &effects.records) {
            Ok(batch) => batch,
            Err(TooLarge) => {
                effects = refused_step(owner, group, effects);
                None
            }
        };
        match group.next_deadline() {
            Some(at) => self.timers.set(Due::Group(number), at),
            None => self.timers.clear(Due::Group(number)),
        }
        let write = batch.map(|records| {
            let question = PartitionQuestion::Produce { records, version: PRODUCE_VERSION, durable: true };
            self.ask_partition(owner, partitions, question)
        });
        let Phase::Active(active) = &mut self.phase else { return false };
        let mut answers = effects.answers;
        if is_on(Mutant::CommitAnsweredBeforeDurable) {
            let commits = answers.extract_if(.., |(_, answer)| matches!(answer, GroupAnswer::Committed(_)));
            commits.for_each(|(asker, answer)| owner.tell(asker, answer.into()));
        }
        active.hold(owner, number, write, answers);
        if active.leave(number) {
            self.timers.clear(Due::Group(number));
        }
        if write.is_some() {
            self.watch_writes(owner);
        }
        write.is_some()
    }

    /// Takes the partition's answer.
    pub fn told(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        number: u64,
        answer: PartitionAnswer,
    ) {
        match (&mut self.phase, answer) {
            (Phase::Loading(loading), answer) => {
                // Answers to what was asked before the load began concern nobody.
                if loading.expects(number) {
                    self.loaded_on(owner, partitions, answer);
                }
            }
            (Phase::Active(active), PartitionAnswer::Produced(Ok(Produced { .. }))) => {
                active.durable(owner, number);
                self.watch_writes(owner);
            }
            (Phase::Active(active), PartitionAnswer::Produced(Err(refusal))) => {
                // Appends under way when an earlier one failed are refused too: of no interest after a load.
                if active.writes.contains_key(&number) {
                    self.give_up(owner, partitions, &refusal);
                }
            }
            (Phase::Active(_), answer) => panic!("an active coordinator was told {answer:?}"),
            (Phase::Failed, _) => {}
        }
    }

    /// An append failed: everybody who waits is refused, and the groups are loaded as the log has them.
    fn give_up(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, refusal: &ProduceRefusal) {
        let error = match refusal.error {
            ErrorCode::KAFKA_STORAGE_ERROR | ErrorCode::NOT_LEADER_OR_FOLLOWER => ErrorCode::NOT_COORDINATOR,
            _ => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        };
        owner.note(
            Level::Error,
            format!("groups of {} are loaded again: an append failed with {}", self.log, refusal.error),
        );
        self.refuse_everyone(owner, error);
        self.begin_load(owner, partitions);
    }

    /// Answers everybody who waits with an error. The groups must not be used any more.
    fn refuse_everyone(&mut self, owner: &mut Owner<'_>, error: ErrorCode) {
        let Phase::Active(active) = &mut self.phase else { return };
        for write in core::mem::take(&mut active.writes).into_values() {
            for (asker, answer) in write.answers {
                owner.tell(asker, answer.refused(error).into());
            }
        }
        for group in active.groups.values_mut() {
            let effects = take_step(owner, group, |group, step| group.refuse_everyone(step, error));
            for (asker, answer) in effects.answers {
                owner.tell(asker, answer.into());
            }
        }
    }

    /// The partition is gone: nobody is coordinated here any more.
    pub fn deleted(mut self, owner: &mut Owner<'_>) {
        self.refuse_everyone(owner, ErrorCode::NOT_COORDINATOR);
    }
}

/// Loading.
impl Coordinator {
    fn go_on_loading(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        let Phase::Loading(loading) = &self.phase else { return };
        let question = loading.next_question();
        let number = self.next_number;
        if let Phase::Loading(loading) = &mut self.phase {
            loading.asked = Some(number);
        }
        self.ask_partition(owner, partitions, question);
    }

    fn loaded_on(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, answer: PartitionAnswer) {
        let Phase::Loading(loading) = &mut self.phase else { return };
        match loading.take(owner, answer) {
            Ok(false) => self.go_on_loading(owner, partitions),
            Ok(true) => {
                let groups = core::mem::take(&mut loading.groups);
                self.phase = Phase::Active(Active::asleep(groups));
                self.wake(owner, partitions);
            }
            Err(error) => {
                owner.note(Level::Error, format!("groups of {} cannot be loaded: {error}", self.log));
                self.phase = Phase::Failed;
                self.timers.set(Due::Load, owner.now.mono + RETRY);
            }
        }
    }

    /// Lets groups that were loaded begin, some at a time.
    fn wake(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        for _ in 0..WALK_STEPS {
            let Phase::Active(active) = &mut self.phase else { return };
            let Some(from) = active.asleep else { return };
            let next = active.groups.range(from..).next().map(|(number, _)| *number);
            active.asleep = next.map(GroupNo::next);
            let Some(number) = next else {
                let interval = owner.broker.groups.offsets_retention_check_interval;
                return self.timers.set(Due::Expiry(GroupNo::default()), owner.now.mono + interval);
            };
            self.step(owner, partitions, number, Group::loaded);
        }
        self.timers.set(Due::Waking, owner.now.mono + NEXT_TURN);
    }
}

impl GroupNo {
    fn next(self) -> GroupNo {
        GroupNo(self.0 + 1)
    }
}

impl Active {
    /// Groups as they were loaded.
    fn asleep(groups: BTreeMap<Str, Group>) -> Active {
        let mut active = Active { asleep: Some(GroupNo::default()), ..Active::default() };
        for (id, group) in groups {
            active.add(id, group);
        }
        active
    }

    fn add(&mut self, id: Str, group: Group) -> GroupNo {
        let number = GroupNo(self.next_group);
        self.next_group += 1;
        self.by_id.insert(id, number);
        self.groups.insert(number, group);
        number
    }

    /// The group of that id; one that is not known stays only if it becomes something.
    fn enter(&mut self, id: &Str) -> GroupNo {
        match self.by_id.get(id) {
            Some(number) => *number,
            None => {
                let id = id.detach();
                let mut group = Group::new(id.clone());
                // One of that id may have been deleted a moment ago, and nobody is told so before it is durable.
                group.last_write = self.writes.last_key_value().map(|(number, _)| *number);
                self.add(id, group)
            }
        }
    }

    /// Forgets the group if there is nothing to it; says whether that was so.
    fn leave(&mut self, number: GroupNo) -> bool {
        let is_nothing = self.groups.get(&number).is_some_and(Group::is_nothing);
        if is_nothing && let Some(group) = self.groups.remove(&number) {
            self.by_id.remove(group.id());
        }
        is_nothing
    }

    /// Keeps answers until the write of this step, or the last one of their group, is durable.
    fn hold(
        &mut self,
        owner: &mut Owner<'_>,
        number: GroupNo,
        write: Option<u64>,
        answers: Vec<(Asker, GroupAnswer)>,
    ) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        if let Some(write) = write {
            group.last_write = Some(write);
            let patience = owner.now.mono + owner.broker.groups.offsets_commit_timeout;
            self.writes.insert(write, Write { durable: false, answers, patience });
            return;
        }
        match group.last_write.and_then(|write| self.writes.get_mut(&write)) {
            Some(write) => write.answers.extend(answers),
            None => answers.into_iter().for_each(|(asker, answer)| owner.tell(asker, answer.into())),
        }
    }

    /// An append is durable: what waited for it and for all before it may leave.
    fn durable(&mut self, owner: &mut Owner<'_>, number: u64) {
        if let Some(write) = self.writes.get_mut(&number) {
            write.durable = true;
        }
        while let Some(first) = self.writes.first_entry()
            && first.get().durable
        {
            for (asker, answer) in first.remove().answers {
                owner.tell(asker, answer.into());
            }
        }
    }
}

fn take_step(
    owner: &mut Owner<'_>,
    group: &mut Group,
    act: impl FnOnce(&mut Group, &mut Step<'_>),
) -> Effects {
    let mut effects = Effects::default();
    let mut step = Step {
        now: owner.now,
        config: &owner.broker.groups,
        image: owner.image,
        random: owner.random,
        effects: &mut effects,
    };
    act(group, &mut step);
    for (level, text) in core::mem::take(&mut effects.notes) {
        owner.note(level, text);
    }
    effects
}

/// The records of a step do not fit a batch.
struct TooLarge;

/// Puts the records of one step into one batch, so that they are found together or not at all.
fn encode(owner: &Owner<'_>, records: &[GroupRecord]) -> Result<Option<bytes::Bytes>, TooLarge> {
    if records.is_empty() {
        return Ok(None);
    }
    let mut builder = BatchBuilder::new(BatchFields::default());
    for record in records {
        let (key, value) = record.encode().map_err(|_| TooLarge)?;
        builder.append(owner.now.wall.0, Some(&key), value.as_deref(), &[]);
    }
    let topic = owner.image.topic(super::place::TOPIC);
    let limit = topic.map_or(usize::MAX, |topic| topic.config.max_message_bytes);
    if builder.size_in_bytes() > limit {
        return Err(TooLarge);
    }
    builder.build().map(Some).map_err(|_| TooLarge)
}

/// What a step comes to whose records the log would refuse: its answers become errors, and a classic group starts over
/// without the assignment that was too large (`RECORD_TOO_LARGE` reaches clients as UNKNOWN_SERVER_ERROR).
fn refused_step(owner: &mut Owner<'_>, group: &mut Group, effects: Effects) -> Effects {
    let error = ErrorCode::UNKNOWN_SERVER_ERROR;
    owner.note(Level::Error, format!("the records of group {:?} do not fit a batch", group.id()));
    let mut after = take_step(owner, group, |group, step| group.write_refused(step));
    let refused = effects.answers.into_iter().map(|(asker, answer)| (asker, answer.refused(error)));
    after.answers.extend(refused);
    after.records.clear();
    after
}

impl From<GroupAnswer> for Answer {
    fn from(answer: GroupAnswer) -> Answer {
        Answer::Group(Box::new(answer))
    }
}
