//! A group, the world around it, and what has become of every question.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use bytes::Bytes;
use kelpgate_core::catalogue::record::{CatalogueRecord, Configured};
use kelpgate_core::config::Overrides;
use kelpgate_core::group::any::Group;
use kelpgate_core::group::question::{
    Claim, CommitOffsets, FetchOffsets, GroupAnswer, GroupQuestion, OffsetToCommit,
};
use kelpgate_core::group::record::{GroupRecord, OffsetCommitValue};
use kelpgate_core::group::step::{Effects, Step};
use kelpgate_core::group::testing::{World, client};
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::shard_message::Asker;
use kelpgate_core::uuid::Uuid;

use super::cast::{Cast, GROUP, TOPICS, instance};
use super::operations::{Epoch, Instance, Member, Operation, Place, Setting, Time, TopicChange};

/// Steps that may be due before time has passed on.
const DUE_AT_ONCE: usize = 1_000;
/// Deadlines until a group that nobody asks any more is at rest.
const DEADLINES: usize = 10_000;

/// Everything about one group.
pub struct Run {
    world: World,
    group: Group,
    cast: Cast,
    /// Questions without an answer.
    open: BTreeSet<Asker>,
    /// Every record, read back from its bytes.
    log: Vec<GroupRecord>,
    /// Ids of the topics there are, by their place among the names.
    topics: BTreeMap<usize, (Uuid, i32)>,
    /// What the group is configured by.
    overrides: Overrides,
    refuses: bool,
}

impl Run {
    pub fn new() -> Run {
        let settings = [
            ("group.initial.rebalance.delay.ms", "400"),
            ("kelpgate.group.initial.rebalance.quiet.ms", "50"),
            ("group.max.size", "8"),
            ("group.consumer.max.size", "8"),
            ("offset.metadata.max.bytes", "8"),
        ];
        let mut run = Run {
            world: World::new(&settings),
            group: Group::new(GROUP),
            cast: Cast::default(),
            open: BTreeSet::new(),
            log: Vec::new(),
            topics: BTreeMap::new(),
            overrides: Overrides::new(),
            refuses: false,
        };
        run.make_topic(0, 3);
        run.make_topic(1, 1);
        run
    }

    pub fn act(&mut self, operation: Operation<'_>) {
        match operation {
            Operation::Join(join) => {
                let (request, version) = self.cast.join(&join);
                self.ask(GroupQuestion::Join { request, version, client: client("c") });
            }
            Operation::Sync(sync) => {
                let (request, version) = self.cast.sync(&sync);
                self.ask(GroupQuestion::Sync { request, version });
            }
            Operation::Heartbeat { member, generation, instance: named } => {
                let member_id = self.cast.id(member);
                let request = HeartbeatRequest {
                    group_id: GROUP,
                    generation_id: self.cast.epoch(&member_id, generation),
                    group_instance_id: instance(named),
                    member_id,
                    ..Default::default()
                };
                self.ask(GroupQuestion::Heartbeat { request });
            }
            Operation::Leave { version, members } => self.leave(version, members),
            Operation::ConsumerHeartbeat(heartbeat) => {
                let (request, version) = self.cast.heartbeat(&heartbeat, |topic| self.topic_id(topic));
                self.ask(GroupQuestion::ConsumerHeartbeat { request, version, client: client("c") });
            }
            Operation::Commit { member, epoch, version, retained, offsets } => {
                let claim = self.claim(member, epoch);
                self.commit(claim, version, retained, offsets);
            }
            Operation::Fetch { member, epoch, places } => {
                let claim = member.map(|member| self.claim(member, epoch));
                let topics = places.map(|places| self.named(&places));
                self.ask(GroupQuestion::Fetch(FetchOffsets { claim, topics, require_stable: true }));
            }
            Operation::DeleteOffsets(places) => {
                let places = self.named(&places);
                self.ask(GroupQuestion::DeleteOffsets(places));
            }
            Operation::Describe { version } => {
                self.ask(GroupQuestion::Describe { version: i16::from(version % 7) });
            }
            Operation::ConsumerDescribe => self.ask(GroupQuestion::ConsumerDescribe),
            Operation::Delete => self.ask(GroupQuestion::Delete),
            Operation::Pass(time) => self.pass(time),
            Operation::Expire => drop(self.step(Group::expire)),
            Operation::Topic { number, change } => self.topic(usize::from(number) % TOPICS.len(), change),
            Operation::Configure(setting) => self.configure(setting),
            Operation::Refuse => self.refuses = true,
            Operation::Restart { compacted } => self.restart(compacted),
        }
    }

    fn claim(&self, member: Member, epoch: Epoch) -> Claim {
        let member_id = self.cast.id(member);
        let generation_or_epoch = self.cast.epoch(&member_id, epoch);
        Claim { member_id, instance_id: None, generation_or_epoch }
    }

    fn leave(&mut self, version: u8, members: [(Member, Option<Instance>); 2]) {
        let version = i16::from(version % 6);
        let [(first, _), _] = members;
        let identity = |(member, named): (Member, Option<Instance>)| MemberIdentity {
            member_id: self.cast.id(member),
            group_instance_id: instance(named),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: GROUP,
            member_id: if version < 3 { self.cast.id(first) } else { Str::default() },
            members: if version < 3 { Vec::new() } else { members.into_iter().map(identity).collect() },
            ..Default::default()
        };
        self.ask(GroupQuestion::Leave { request, version });
    }

    /// Only partitions that exist come here.
    fn commit(&mut self, claim: Claim, version: u8, retained: bool, offsets: [(Place, i64); 2]) {
        let one = |(place, offset): (Place, i64)| {
            let topic = usize::from(place.topic) % TOPICS.len();
            let (topic_id, count) = *self.topics.get(&topic)?;
            Some(OffsetToCommit {
                topic: TOPICS[topic].into(),
                topic_id,
                partition: i32::from(place.partition) % count,
                offset,
                leader_epoch: -1,
                metadata: "x".repeat(usize::from(place.partition) % 10).into(),
                timestamp: None,
            })
        };
        let offsets: Vec<OffsetToCommit> = offsets.into_iter().filter_map(one).collect();
        let version = i16::from(version % 11);
        let retention_ms = retained.then_some(60_000);
        self.ask(GroupQuestion::Commit(CommitOffsets { claim, version, retention_ms, offsets }));
    }

    fn named(&self, places: &[Place; 2]) -> Vec<(Str, Vec<i32>)> {
        let one = |place: &Place| {
            let topic = TOPICS[usize::from(place.topic) % TOPICS.len()];
            (topic.into(), vec![i32::from(place.partition % 4), 0])
        };
        places.iter().map(one).collect()
    }

    /// Asks; the answer may come in a later step.
    fn ask(&mut self, question: GroupQuestion) {
        let asker = self.world.asker();
        self.open.insert(asker);
        self.step(|group, step| group.ask(step, asker, question));
    }

    /// A step, and what must be true of each.
    fn step(&mut self, act: impl FnOnce(&mut Group, &mut Step<'_>)) -> bool {
        let group = &mut self.group;
        let ((), mut effects) = self.world.step(|step| act(group, step));
        let wrote = !effects.records.is_empty();
        if wrote && mem::take(&mut self.refuses) {
            effects = self.refused(effects);
        }
        self.group.check_invariants();
        self.log.extend(effects.stored());
        for (asker, answer) in effects.answers {
            assert!(self.open.remove(&asker), "{asker:?} was answered before: {answer:?}");
            match &answer {
                GroupAnswer::Join(response) => self.cast.joined(response),
                GroupAnswer::ConsumerHeartbeat(response) => self.cast.heard(response),
                GroupAnswer::Sync(_)
                | GroupAnswer::Heartbeat(_)
                | GroupAnswer::Leave(_)
                | GroupAnswer::Committed(_)
                | GroupAnswer::Fetched(_)
                | GroupAnswer::OffsetsDeleted(_)
                | GroupAnswer::Described(_)
                | GroupAnswer::ConsumerDescribed(_)
                | GroupAnswer::Deleted(_) => {}
            }
        }
        wrote
    }

    /// What the coordinator does with a step whose records do not fit a batch.
    fn refused(&mut self, effects: Effects) -> Effects {
        let group = &mut self.group;
        let ((), mut after) = self.world.step(|step| group.write_refused(step));
        let error = ErrorCode::UNKNOWN_SERVER_ERROR;
        let refused = effects.answers.into_iter().map(|(asker, answer)| (asker, answer.refused(error)));
        after.answers.extend(refused);
        after.records.clear();
        after
    }

    fn pass(&mut self, time: Time) {
        let milliseconds = match time {
            Time::Milliseconds(count) => u64::from(count),
            Time::Seconds(count) => u64::from(count) * 1_000,
            Time::Minutes(count) => u64::from(count) * 60_000,
            Time::Deadline => return self.pass_to_deadline(),
        };
        let end = self.now() + milliseconds;
        while self.deadline().is_some_and(|at| at <= end) {
            self.pass_to_deadline();
        }
        self.world.pass(end.saturating_sub(self.now()));
    }

    fn now(&self) -> u64 {
        self.world.now.mono.0 / 1_000_000
    }

    /// The next one, in milliseconds.
    fn deadline(&self) -> Option<u64> {
        self.group.next_deadline().map(|at| at.0.div_ceil(1_000_000))
    }

    /// Lets time pass until something is due, and that happen.
    fn pass_to_deadline(&mut self) {
        let Some(deadline) = self.deadline() else { return };
        self.world.pass(deadline.saturating_sub(self.now()));
        let now = self.now();
        for _ in 0..DUE_AT_ONCE {
            if self.deadline().is_none_or(|at| at > now) {
                return;
            }
            self.step(Group::tick);
        }
        panic!("something stays due: {:?} at {now}", self.deadline());
    }

    fn topic_id(&self, topic: usize) -> Uuid {
        self.topics.get(&(topic % (TOPICS.len() + 1))).map_or(Uuid([0xee; 16]), |(id, _)| *id)
    }

    fn make_topic(&mut self, number: usize, partitions: i32) {
        let id = self.world.topic(TOPICS[number], partitions);
        self.topics.insert(number, (id, partitions));
    }

    fn topic(&mut self, number: usize, change: TopicChange) {
        match (change, self.topics.get(&number).copied()) {
            (TopicChange::Made(partitions), None) => {
                self.make_topic(number, 1 + i32::from(partitions % 5));
            }
            (TopicChange::Grown(by), Some((topic, partitions))) => {
                let count = partitions + 1 + i32::from(by % 3);
                self.world.change(CatalogueRecord::Partitions { topic, count });
                self.topics.insert(number, (topic, count));
            }
            (TopicChange::Gone, Some((id, _))) => {
                self.world.change(CatalogueRecord::TopicDeleted { id });
                self.topics.remove(&number);
                let name = Str::from_static(TOPICS[number]);
                self.step(|group, step| group.topic_deleted(step, &name, id));
            }
            (TopicChange::Made(_), Some(_)) | (TopicChange::Grown(_) | TopicChange::Gone, None) => {}
        }
    }

    fn configure(&mut self, setting: Setting) {
        let (key, value) = match setting {
            Setting::Migration(choice) => {
                let policy = ["disabled", "upgrade", "downgrade", "bidirectional"][usize::from(choice % 4)];
                let overrides = [("group.consumer.migration.policy".into(), policy.into())].into();
                return self.world.change(CatalogueRecord::Configs { of: Configured::AllNodes, overrides });
            }
            Setting::AssignmentInterval(seconds) => {
                ("consumer.assignment.interval.ms", (u32::from(seconds) * 100).to_string())
            }
            Setting::Lenient(lenient) => {
                ("kelpgate.classic.member.check", if lenient { "lenient" } else { "strict" }.to_string())
            }
            Setting::SessionTimeout(seconds) => {
                ("consumer.session.timeout.ms", (1_000 + u32::from(seconds) * 1_000).to_string())
            }
        };
        self.overrides.insert(key.into(), value);
        let of = Configured::Group(GROUP);
        self.world.change(CatalogueRecord::Configs { of, overrides: self.overrides.clone() });
    }

    /// The node is gone, and with it whoever waits; the log gives the group back.
    fn restart(&mut self, compacted: bool) {
        let before = self.durable();
        let log = if compacted { self.compacted() } else { self.log.clone() };
        self.open.clear();
        self.refuses = false;
        self.group = Group::new(GROUP);
        log.iter().for_each(|record| self.group.replay(record));
        self.group.check_invariants();
        let after = self.durable();
        assert_eq!(after, before, "the log says something else");
        self.step(Group::loaded);
    }

    /// What compaction leaves: the last record of each key, but for tombstones.
    fn compacted(&self) -> Vec<GroupRecord> {
        let mut last: BTreeMap<Bytes, usize> = BTreeMap::new();
        let encoded: Vec<(Bytes, Option<Bytes>)> =
            self.log.iter().map(|record| record.encode().expect("it was stored")).collect();
        for (at, (key, _)) in encoded.iter().enumerate() {
            last.insert(key.clone(), at);
        }
        let kept = |(at, (key, value)): (usize, &(Bytes, Option<Bytes>))| {
            (last.get(key) == Some(&at) && value.is_some()).then(|| self.log[at].clone())
        };
        encoded.iter().enumerate().filter_map(kept).collect()
    }

    /// What survives a restart: offsets, and everything of a group of the new protocol.
    fn durable(&mut self) -> String {
        let durable = |(topic, partition, value): (&Str, i32, &OffsetCommitValue)| {
            let mut value = value.clone();
            if value.expire_timestamp != -1 {
                // As in Kafka, the one version that has a place for this has none for the topic's id.
                value.topic_id = Uuid::ZERO;
            }
            (topic.clone(), partition, value)
        };
        let offsets: Vec<_> = self.group.offsets().iter().map(durable).collect();
        let asker = self.world.asker();
        let group = &mut self.group;
        let ((), effects) = self.world.step(|step| group.ask(step, asker, GroupQuestion::ConsumerDescribe));
        format!("{offsets:?} {:?}", effects.answer_to(asker))
    }

    /// Nobody asks any more: everybody who waits is answered, members' sessions end, and nothing is left to do.
    pub fn end(&mut self) {
        for _ in 0..DEADLINES {
            if self.group.next_deadline().is_none() {
                break;
            }
            self.pass_to_deadline();
        }
        assert_eq!(self.group.next_deadline(), None, "the group never comes to rest");
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
        let state = self.group.listed().group_state;
        assert!(["Empty", "Dead"].contains(&&*state), "{state} although nobody is left");
        for compacted in [false, true] {
            self.restart(compacted);
        }
    }
}
