//! One group: its offsets, and what kind of group it is. Which requests suit which kind, and how one becomes another, is
//! decided here; what happens inside a kind is its own affair.

mod look;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::bridge;
use super::classic::{ClassicGroup, OffsetsExpire};
use super::consumer::admission::no_group;
use super::consumer::{Committer, ConsumerGroup};
use super::embedded::CONSUMER;
use super::offsets::{Offsets, RetentionBase};
use super::question::{Claim, Client, CommitOffsets, FetchOffsets, GroupAnswer, GroupQuestion};
use super::record::{GroupKey, GroupRecord};
use super::step::Step;
use crate::machine::Level;
use crate::mutant::{Mutant, is_on};
use crate::protocol::consumer_group_describe;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::protocol::describe_groups::DescribedGroup;
use crate::protocol::join_group::JoinGroupRequest;
use crate::protocol::leave_group::LeaveGroupRequest;
use crate::protocol::list_groups::ListedGroup;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;
use crate::time::Instant;
use crate::uuid::Uuid;

/// The first version of OffsetCommit whose clients know the errors of KIP-848.
const COMMIT_WITH_NEW_ERRORS: i16 = 9;

/// The first version of DescribeGroups that can say that there is no such group (KIP-1043).
const DESCRIBE_WITH_NOT_FOUND: i16 = 6;

/// A group as its coordinator keeps it.
#[derive(Debug)]
pub struct Group {
    id: Str,
    offsets: Offsets,
    kind: Kind,
    /// The kind it was before the last step, if that changed it.
    before: Option<Kind>,
    /// The last append with records of this group; answers wait for it.
    pub last_write: Option<u64>,
}

/// What a group is besides its offsets.
#[derive(Debug)]
enum Kind {
    /// Offsets alone, as consumers leave them that assign partitions to themselves; or nothing at all.
    Simple,
    Classic(Box<ClassicGroup>),
    Consumer(Box<ConsumerGroup>),
}

impl Kind {
    fn is_subscribed(&self, topic: &str) -> bool {
        match self {
            Kind::Simple => false,
            Kind::Classic(classic) => classic.is_subscribed(topic),
            Kind::Consumer(consumer) => consumer.is_subscribed(topic),
        }
    }
}

impl Group {
    /// A group of which nothing is known.
    pub fn new(id: Str) -> Group {
        Group { id, offsets: Offsets::default(), kind: Kind::Simple, before: None, last_write: None }
    }

    pub fn id(&self) -> &Str {
        &self.id
    }

    /// What is committed.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Whether it need not be kept.
    pub fn is_nothing(&self) -> bool {
        let kind_is_nothing = match &self.kind {
            Kind::Simple => true,
            Kind::Classic(classic) => classic.is_nothing(),
            Kind::Consumer(consumer) => consumer.is_nothing(),
        };
        kind_is_nothing && self.offsets.is_empty()
    }

    /// When [`tick`](Group::tick) is to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Simple => None,
            Kind::Classic(classic) => classic.next_deadline(),
            Kind::Consumer(consumer) => consumer.next_deadline(),
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, step: &mut Step<'_>) {
        self.begin();
        match &mut self.kind {
            Kind::Simple => {}
            Kind::Classic(classic) => classic.tick(step, &self.id),
            Kind::Consumer(consumer) => {
                let members = consumer.members().len();
                consumer.tick(step, &self.id);
                self.maybe_downgrade(step, members);
            }
        }
    }

    /// A step begins: what came before it stays.
    fn begin(&mut self) {
        self.before = None;
        self.offsets.begin();
        if let Kind::Consumer(consumer) = &mut self.kind {
            consumer.begin();
        }
    }

    /// The group goes on as one of another kind.
    fn become_kind(&mut self, kind: Kind) {
        self.before = Some(core::mem::replace(&mut self.kind, kind));
    }

    /// Takes a question.
    pub fn ask(&mut self, step: &mut Step<'_>, asker: Asker, question: GroupQuestion) {
        self.begin();
        let (claimed, first) = (question.member_id().cloned(), step.effects.answers.len());
        self.take(step, asker, question);
        if let Some(member) = claimed {
            self.note_refusal(step, first, asker, &member);
        }
        self.forget_untouched();
    }

    /// Says who was refused for not being what it took itself for, for the story of the group.
    fn note_refusal(&self, step: &mut Step<'_>, first: usize, asker: Asker, member: &Str) {
        let answers = step.effects.answers.iter().skip(first);
        let refused: Vec<(ErrorCode, bool)> = answers
            .map(|(to, answer)| (answer.error(), *to == asker))
            .filter(|(error, _)| tells_a_story(*error))
            .collect();
        for (error, is_asker) in refused {
            let who = if is_asker { "is refused" } else { "has another refused" };
            step.note(Level::Debug, format!("group {:?}: member {member:?} {who}: {error}", self.id));
        }
    }

    fn take(&mut self, step: &mut Step<'_>, asker: Asker, question: GroupQuestion) {
        match question {
            GroupQuestion::Join { request, version, client } => {
                self.join(step, asker, &request, version, client);
            }
            GroupQuestion::Sync { request, version } => match self.classic_or_consumer() {
                Ok((classic, id)) => classic.sync(step, id, asker, &request, version),
                Err((consumer, _)) => consumer.sync_classic(step, asker, &request, version),
            },
            GroupQuestion::Heartbeat { request } => match self.classic_or_consumer() {
                Ok((classic, id)) => classic.heartbeat(step, id, asker, &request),
                Err((consumer, id)) => consumer.heartbeat_classic(step, id, asker, &request),
            },
            GroupQuestion::Leave { request, version } => self.leave(step, asker, &request, version),
            GroupQuestion::ConsumerHeartbeat { request, version, client } => {
                self.consumer_heartbeat(step, asker, &request, version, &client);
            }
            GroupQuestion::Commit(request) => self.commit(step, asker, &request),
            GroupQuestion::Fetch(request) => self.fetch(step, asker, &request),
            GroupQuestion::DeleteOffsets(partitions) => self.delete_offsets(step, asker, &partitions),
            GroupQuestion::Describe { version } => {
                let described = self.describe(version);
                step.answer(asker, GroupAnswer::Described(described));
            }
            GroupQuestion::ConsumerDescribe => {
                let described = self.describe_consumer(step);
                step.answer(asker, GroupAnswer::ConsumerDescribed(described));
            }
            GroupQuestion::Delete => self.delete(step, asker),
        }
    }

    fn join(
        &mut self,
        step: &mut Step<'_>,
        asker: Asker,
        request: &JoinGroupRequest,
        version: i16,
        client: Client,
    ) {
        let joined = match self.classic_or_consumer() {
            Ok((classic, id)) => {
                classic.join(step, id, asker, request, version, client);
                None
            }
            Err((consumer, id)) if consumer.has_members() => {
                bridge::join(consumer, step, id, asker, request, version, client)
            }
            // A group without members may become one of the other kind; its offsets stay.
            Err((consumer, id)) => {
                let first = step.effects.records.len();
                consumer.tombstones(id).into_iter().for_each(|record| step.record(record));
                let mut classic = ClassicGroup::new();
                classic.join(step, id, asker, request, version, client);
                if classic.is_nothing() {
                    step.effects.records.truncate(first);
                }
                Some(classic).filter(|classic| !classic.is_nothing())
            }
        };
        if let Some(classic) = joined {
            self.become_kind(Kind::Classic(Box::new(classic)));
        }
    }

    fn leave(&mut self, step: &mut Step<'_>, asker: Asker, request: &LeaveGroupRequest, version: i16) {
        match self.classic_or_consumer() {
            Ok((classic, id)) => classic.leave(step, id, asker, request, version),
            Err((consumer, id)) => {
                let members = consumer.members().len();
                consumer.leave_classic(step, id, asker, request, version);
                self.maybe_downgrade(step, members);
            }
        }
    }

    fn consumer_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        asker: Asker,
        request: &ConsumerGroupHeartbeatRequest,
        version: i16,
        client: &Client,
    ) {
        match &mut self.kind {
            Kind::Consumer(consumer) => {
                let members = consumer.members().len();
                consumer.heartbeat(step, &self.id, asker, request, version, client);
                self.maybe_downgrade(step, members);
            }
            Kind::Classic(classic) if classic.has_members() => {
                let upgraded = bridge::upgrade(step, &self.id, classic, asker, request, version, client);
                if let Some(consumer) = upgraded {
                    self.become_kind(Kind::Consumer(Box::new(consumer)));
                }
            }
            Kind::Simple | Kind::Classic(_) => {
                let mut consumer = ConsumerGroup::new();
                let first = step.effects.records.len();
                consumer.heartbeat(step, &self.id, asker, request, version, client);
                if !consumer.is_nothing() {
                    // In the same batch, and before what takes its place.
                    if let Kind::Classic(_) = self.kind {
                        let tombstone = GroupRecord::GroupMetadata(group_key(&self.id), None);
                        step.effects.records.insert(first, tombstone);
                    }
                    self.become_kind(Kind::Consumer(Box::new(consumer)));
                }
            }
        }
    }

    /// A consumer group that has fewer `members` than before may have only classic ones left.
    fn maybe_downgrade(&mut self, step: &mut Step<'_>, members: usize) {
        if let Kind::Consumer(consumer) = &self.kind
            && consumer.members().len() < members
            && let Some(classic) = bridge::downgrade(step, &self.id, consumer)
        {
            self.become_kind(Kind::Classic(Box::new(classic)));
        }
    }

    /// The classic group, a new one where there is none, or the consumer group; and the id that they do not know.
    fn classic_or_consumer(&mut self) -> Result<(&mut ClassicGroup, &Str), (&mut ConsumerGroup, &Str)> {
        if let Kind::Simple = self.kind {
            self.kind = Kind::Classic(Box::default());
        }
        match &mut self.kind {
            Kind::Simple => unreachable!("it was made a classic group above"),
            Kind::Classic(classic) => Ok((classic, &self.id)),
            Kind::Consumer(consumer) => Err((consumer, &self.id)),
        }
    }

    /// Walks the whole group.
    ///
    /// # Panics
    /// Something does not hold: our own mistake.
    pub fn check_invariants(&self) {
        match &self.kind {
            Kind::Simple => {}
            Kind::Classic(classic) => classic.check_invariants(),
            Kind::Consumer(consumer) => consumer.check_invariants(),
        }
    }

    /// A group that was made to look at a request, and refused it, has never been.
    fn forget_untouched(&mut self) {
        let untouched = match &self.kind {
            Kind::Simple => false,
            Kind::Classic(classic) => classic.is_nothing(),
            Kind::Consumer(consumer) => consumer.is_nothing(),
        };
        if untouched {
            self.kind = Kind::Simple;
        }
    }

    /// Answers everybody who waits with an error.
    pub fn refuse_everyone(&mut self, step: &mut Step<'_>, error: ErrorCode) {
        match &mut self.kind {
            // Heartbeats of consumer groups never wait.
            Kind::Simple | Kind::Consumer(_) => {}
            Kind::Classic(classic) => classic.answer_everyone_with(step, error),
        }
    }

    /// The records of the last step were too large to be stored.
    pub fn write_refused(&mut self, step: &mut Step<'_>) {
        self.offsets.take_back();
        if let Some(before) = self.before.take() {
            return self.take_back(step, before);
        }
        match &mut self.kind {
            Kind::Simple => {}
            Kind::Classic(classic) => classic.assignment_refused(step, &self.id),
            Kind::Consumer(consumer) => consumer.write_refused(step, &self.id),
        }
        self.forget_untouched();
    }

    /// The group does not become one of another kind after all. Who waited in a classic group has been told to join again,
    /// so that its members are now as after a restart.
    fn take_back(&mut self, step: &mut Step<'_>, before: Kind) {
        self.kind = before;
        match &mut self.kind {
            Kind::Simple => {}
            Kind::Classic(classic) => {
                if let GroupRecord::GroupMetadata(_, Some(value)) = classic.record(&self.id) {
                    **classic = ClassicGroup::restore(&value);
                }
                classic.loaded(step, &self.id);
            }
            Kind::Consumer(consumer) => consumer.write_refused(step, &self.id),
        }
    }
}

/// Offsets.
impl Group {
    fn commit(&mut self, step: &mut Step<'_>, asker: Asker, request: &CommitOffsets) {
        let codes = match self.check_commit(step, request) {
            Ok(()) => self.offsets.commit(step, &self.id, request),
            Err(error) => request.offsets.iter().map(|_| error).collect(),
        };
        step.answer(asker, GroupAnswer::Committed(codes));
    }

    fn check_commit(&mut self, step: &mut Step<'_>, request: &CommitOffsets) -> Result<(), ErrorCode> {
        let Claim { member_id, instance_id, generation_or_epoch } = &request.claim;
        let generation_or_epoch = *generation_or_epoch;
        match &mut self.kind {
            // Who manages its partitions alone claims to be nobody.
            Kind::Simple if generation_or_epoch < 0 => Ok(()),
            Kind::Simple if !self.offsets.is_empty() => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Kind::Simple if request.version >= COMMIT_WITH_NEW_ERRORS => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Kind::Simple => Err(ErrorCode::ILLEGAL_GENERATION),
            Kind::Classic(classic) => {
                classic.check_commit(step, generation_or_epoch, member_id, instance_id.as_ref(), false)
            }
            Kind::Consumer(consumer) => {
                let partitions = request.offsets.iter().map(|offset| (offset.topic_id, offset.partition));
                consumer.check_commit(
                    &request.claim,
                    Committer::Plain { version: request.version },
                    partitions,
                )
            }
        }
    }

    fn fetch(&mut self, step: &mut Step<'_>, asker: Asker, request: &FetchOffsets) {
        let checked = match &self.kind {
            // Classic groups let everybody look.
            Kind::Simple | Kind::Classic(_) => Ok(()),
            Kind::Consumer(consumer) => consumer.check_fetch(request.claim.as_ref()),
        };
        step.answer(asker, GroupAnswer::Fetched(checked.map(|()| self.offsets.fetch(step.image, request))));
    }

    /// Forgets offsets, but for topics that the group reads (`OffsetDelete`).
    fn delete_offsets(&mut self, step: &mut Step<'_>, asker: Asker, topics: &[(Str, Vec<i32>)]) {
        let may = match &self.kind {
            Kind::Simple if self.offsets.is_empty() => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Kind::Simple => Ok(()),
            Kind::Classic(classic) => classic.check_delete_offsets(),
            Kind::Consumer(_) => Ok(()),
        };
        let answer = may.map(|()| {
            let one = |(topic, partitions): &(Str, Vec<i32>)| {
                let subscribed = self.is_subscribed(topic);
                for partition in partitions.iter().filter(|_| !subscribed) {
                    self.offsets.delete(step, &self.id, topic, *partition);
                }
                let code = if subscribed { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
                partitions.iter().map(|_| code).collect()
            };
            topics.iter().map(one).collect()
        });
        step.answer(asker, GroupAnswer::OffsetsDeleted(answer));
    }

    fn is_subscribed(&self, topic: &str) -> bool {
        self.kind.is_subscribed(topic)
    }

    /// A topic is gone, with what was committed for it.
    pub fn topic_deleted(&mut self, step: &mut Step<'_>, topic: &Str, id: Uuid) {
        self.begin();
        self.offsets.topic_deleted(step, &self.id, topic, id);
    }

    /// Forgets offsets whose time is over or whose topic is gone, and the whole group if it is empty and nothing is left.
    pub fn expire(&mut self, step: &mut Step<'_>) {
        self.begin();
        self.offsets.forget_deleted(step, &self.id);
        let base = match &self.kind {
            Kind::Simple => Some(RetentionBase::Commit),
            Kind::Classic(classic) => match classic.offsets_expire() {
                OffsetsExpire::Never => None,
                OffsetsExpire::SinceEmpty(at) => Some(RetentionBase::Emptied(at)),
                OffsetsExpire::SinceCommit | OffsetsExpire::UnsubscribedSinceCommit => {
                    Some(RetentionBase::Commit)
                }
            },
            Kind::Consumer(_) => Some(RetentionBase::Commit),
        };
        if let Some(base) = base {
            let kind = &self.kind;
            self.offsets.expire(step, &self.id, base, |topic| kind.is_subscribed(topic));
        }
        if is_on(Mutant::OffsetsOfLiveGroupExpire) {
            self.offsets.expire(step, &self.id, RetentionBase::Commit, |_| false);
        }
        if self.offsets.is_empty() && !self.has_members() {
            self.become_nothing(step);
        }
    }
}

/// What administrators see and do.
impl Group {
    fn has_members(&self) -> bool {
        match &self.kind {
            Kind::Simple => false,
            Kind::Classic(classic) => classic.has_members(),
            Kind::Consumer(consumer) => consumer.has_members(),
        }
    }

    fn describe(&self, version: i16) -> DescribedGroup {
        match &self.kind {
            Kind::Simple if self.offsets.is_empty() => not_found(&self.id, version),
            Kind::Simple => DescribedGroup {
                group_id: self.id.clone(),
                group_state: Str::from_static("Empty"),
                ..Default::default()
            },
            Kind::Classic(classic) => classic.describe(&self.id),
            Kind::Consumer(_) => not_found(&self.id, version),
        }
    }

    fn describe_consumer(&self, step: &Step<'_>) -> consumer_group_describe::DescribedGroup {
        match &self.kind {
            Kind::Consumer(consumer) => consumer.describe(&self.id, step.image, step.config),
            // There may be a group of that name, but not of this kind (GroupCoordinatorService.consumerGroupDescribe).
            Kind::Simple | Kind::Classic(_) if self.id.is_empty() => {
                consumer_group_describe::DescribedGroup {
                    error_code: ErrorCode::INVALID_GROUP_ID,
                    ..Default::default()
                }
            }
            Kind::Simple | Kind::Classic(_) => {
                let refusal = no_group(&self.id);
                consumer_group_describe::DescribedGroup {
                    error_code: refusal.error,
                    error_message: Some(refusal.message.into()),
                    group_id: self.id.clone(),
                    ..Default::default()
                }
            }
        }
    }

    /// Its line in ListGroups.
    pub fn listed(&self) -> ListedGroup {
        let (protocol_type, state, group_type) = match &self.kind {
            Kind::Simple => (Str::default(), "Empty", "classic"),
            Kind::Classic(classic) => {
                (classic.protocol_type().cloned().unwrap_or_default(), classic.state_name(), "classic")
            }
            Kind::Consumer(consumer) => (Str::from_static(CONSUMER), consumer.state_name(), "consumer"),
        };
        ListedGroup {
            group_id: self.id.clone(),
            protocol_type,
            group_state: Str::from_static(state),
            group_type: Str::from_static(group_type),
            ..Default::default()
        }
    }

    fn delete(&mut self, step: &mut Step<'_>, asker: Asker) {
        let code = if self.is_nothing() {
            ErrorCode::GROUP_ID_NOT_FOUND
        } else if self.has_members() {
            ErrorCode::NON_EMPTY_GROUP
        } else {
            self.offsets.delete_all(step, &self.id);
            self.become_nothing(step);
            ErrorCode::NONE
        };
        step.answer(asker, GroupAnswer::Deleted(code));
    }

    /// What is recorded of the group is taken back.
    fn become_nothing(&mut self, step: &mut Step<'_>) {
        match &self.kind {
            Kind::Simple => return,
            Kind::Classic(classic) => {
                if !classic.is_nothing() {
                    step.record(GroupRecord::GroupMetadata(group_key(&self.id), None));
                }
            }
            Kind::Consumer(consumer) => {
                consumer.tombstones(&self.id).into_iter().for_each(|record| step.record(record));
            }
        }
        self.become_kind(Kind::Simple);
    }
}

/// Loading.
impl Group {
    /// Applies a record of the log.
    pub fn replay(&mut self, record: &GroupRecord) {
        match record {
            GroupRecord::OffsetCommit(key, value) => self.offsets.replay(key, value.as_ref()),
            GroupRecord::GroupMetadata(_, Some(value)) => {
                self.kind = Kind::Classic(Box::new(ClassicGroup::restore(value)));
            }
            GroupRecord::GroupMetadata(_, None) => {
                if let Kind::Classic(_) = self.kind {
                    self.kind = Kind::Simple;
                }
            }
            GroupRecord::ConsumerGroupMetadata(..)
            | GroupRecord::ConsumerGroupPartitionMetadata(..)
            | GroupRecord::ConsumerGroupMemberMetadata(..)
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata(..)
            | GroupRecord::ConsumerGroupTargetAssignmentMember(..)
            | GroupRecord::ConsumerGroupCurrentMemberAssignment(..)
            | GroupRecord::ConsumerGroupRegularExpression(..) => self.replay_consumer(record),
        }
    }

    /// Records of a consumer group may come before the one that says that it exists.
    fn replay_consumer(&mut self, record: &GroupRecord) {
        if !matches!(self.kind, Kind::Consumer(_)) {
            self.kind = Kind::Consumer(Box::default());
        }
        if let Kind::Consumer(consumer) = &mut self.kind {
            consumer.replay(record);
        }
        self.forget_untouched();
    }

    /// All records are applied: members' sessions begin anew, and offsets of topics that are gone by now are forgotten.
    pub fn loaded(&mut self, step: &mut Step<'_>) {
        self.begin();
        self.offsets.forget_deleted(step, &self.id);
        match &mut self.kind {
            Kind::Simple => {}
            Kind::Classic(classic) => classic.loaded(step, &self.id),
            Kind::Consumer(consumer) => consumer.loaded(step, &self.id),
        }
    }
}

/// Whether an error means that a member is not, or no longer, what it takes itself for.
fn tells_a_story(error: ErrorCode) -> bool {
    [
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::FENCED_MEMBER_EPOCH,
        ErrorCode::STALE_MEMBER_EPOCH,
        ErrorCode::UNRELEASED_INSTANCE_ID,
        ErrorCode::GROUP_MAX_SIZE_REACHED,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
    ]
    .contains(&error)
}

/// How DescribeGroups says that there is no such group.
fn not_found(id: &Str, version: i16) -> DescribedGroup {
    let knows = version >= DESCRIBE_WITH_NOT_FOUND;
    DescribedGroup {
        error_code: if knows { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE },
        error_message: knows.then(|| alloc::format!("Group {id} not found.").into()),
        group_id: id.clone(),
        group_state: Str::from_static("Dead"),
        ..Default::default()
    }
}

fn group_key(id: &Str) -> GroupKey {
    GroupKey { group: id.clone(), ..Default::default() }
}
