//! One group of any kind in its world. After every step the invariants of its kind are checked, and every so often that its
//! records bring it back.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::catalogue::record::{CatalogueRecord, Configured};
use crate::group::any::Group;
use crate::group::embedded::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, read_assignment,
};
use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::group::record::GroupRecord;
use crate::group::step::{Effects, Step};
use crate::group::testing::{World, client};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use crate::protocol::wire::encode_versioned;
use crate::shard_message::Asker;
use crate::uuid::Uuid;

pub const GROUP: Str = Str::from_static("g");

/// Short sessions, and targets that follow at once.
pub const SETTINGS: &[(&str, &str)] = &[
    ("group.min.session.timeout.ms", "1000"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.consumer.assignment.interval.ms", "0"),
];

pub struct Field {
    pub world: World,
    pub group: Group,
    /// All records so far, read back from their bytes.
    pub log: Vec<GroupRecord>,
    /// The numbers of the record types of the last step; tombstones are negative.
    pub wrote: Vec<i16>,
    /// What was said to the log in the last step.
    pub notes: Vec<alloc::string::String>,
    /// Answers that came later than their questions.
    pub late: Vec<(Asker, GroupAnswer)>,
    pub topic: Uuid,
}

impl Field {
    /// A group without members, and topic `t` with this many partitions.
    pub fn new(partitions: i32, settings: &[(&str, &str)]) -> Field {
        let settings: Vec<_> = SETTINGS.iter().chain(settings).copied().collect();
        let mut world = World::new(&settings);
        let topic = world.topic("t", partitions);
        Field {
            world,
            group: Group::new(GROUP),
            log: Vec::new(),
            wrote: Vec::new(),
            notes: Vec::new(),
            late: Vec::new(),
            topic,
        }
    }

    pub fn step(&mut self, act: impl FnOnce(&mut Group, &mut Step<'_>)) -> Effects {
        let group = &mut self.group;
        let ((), effects) = self.world.step(|step| act(group, step));
        self.group.check_invariants();
        self.wrote = effects.records.iter().map(number).collect();
        self.notes = effects.notes.iter().map(|(_, text)| text.clone()).collect();
        self.log.extend(effects.stored());
        effects
    }

    /// Asks; the answer, unless it is to come later.
    pub fn ask(&mut self, question: GroupQuestion) -> (Asker, Option<GroupAnswer>) {
        let asker = self.world.asker();
        let effects = self.step(|group, step| group.ask(step, asker, question));
        let (mine, others): (Vec<_>, Vec<_>) = effects.answers.into_iter().partition(|(to, _)| *to == asker);
        assert!(mine.len() <= 1, "answered more than once");
        self.late.extend(others);
        (asker, mine.into_iter().next().map(|(_, answer)| answer))
    }

    /// The records of the last step did not fit the log.
    pub fn refuse(&mut self) {
        let last = self.log.len() - self.wrote.len();
        self.log.truncate(last);
        self.step(|group, step| {
            group.write_refused(step);
        });
        self.log.truncate(last);
    }

    /// Lets time pass, and everything happen that is due meanwhile.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.world.now.mono.0 + milliseconds * 1_000_000;
        while let Some(at) = self.group.next_deadline().filter(|at| at.0 <= end) {
            let wait = at.0.saturating_sub(self.world.now.mono.0).div_ceil(1_000_000);
            self.world.pass(wait);
            let effects = self.step(|group, step| group.tick(step));
            self.late.extend(effects.answers);
        }
        self.world.pass(end.saturating_sub(self.world.now.mono.0) / 1_000_000);
    }

    /// The coordinator fails and loads the group from its log.
    pub fn reload(&mut self) {
        // It is of no use after that.
        let group = &mut self.group;
        let ((), effects) =
            self.world.step(|step| group.refuse_everyone(step, crate::protocol::ErrorCode::NOT_COORDINATOR));
        self.late.extend(effects.answers);
        let mut loaded = Group::new(GROUP);
        self.log.iter().for_each(|record| loaded.replay(record));
        assert_eq!(loaded.listed().group_type, self.group.listed().group_type);
        self.group = loaded;
        let effects = self.step(|group, step| group.loaded(step));
        self.late.extend(effects.answers);
    }

    pub fn join(&mut self, join: Join) -> JoinGroupResponse {
        match self.try_join(join) {
            (_, Some(answer)) => answer,
            (asker, None) => panic!("{asker:?} has to wait"),
        }
    }

    pub fn try_join(&mut self, join: Join) -> (Asker, Option<JoinGroupResponse>) {
        let (request, version) = join.request();
        let (asker, answer) =
            self.ask(GroupQuestion::Join { request, version, client: client(&join.member) });
        let answer = answer.map(|answer| match answer {
            GroupAnswer::Join(response) => response,
            other => panic!("{other:?} to a join"),
        });
        (asker, answer)
    }

    pub fn try_sync(&mut self, request: SyncGroupRequest) -> (Asker, Option<SyncGroupResponse>) {
        let (asker, answer) = self.ask(GroupQuestion::Sync { request, version: 5 });
        let answer = answer.map(|answer| match answer {
            GroupAnswer::Sync(response) => response,
            other => panic!("{other:?} to a sync"),
        });
        (asker, answer)
    }

    /// The error, and the partitions of `t` if there is none.
    pub fn sync(&mut self, member: &str, generation: i32) -> (i16, Vec<i32>) {
        let (_, answer) = self.try_sync(sync(member, generation));
        let answer = answer.expect("members of consumer groups need not wait");
        (answer.error_code.0, partitions(&answer.assignment))
    }

    pub fn beat(&mut self, member: &str, generation: i32) -> i16 {
        self.beat_with(beat(member, generation))
    }

    pub fn beat_with(&mut self, request: HeartbeatRequest) -> i16 {
        match self.ask(GroupQuestion::Heartbeat { request }) {
            (_, Some(GroupAnswer::Heartbeat(response))) => response.error_code.0,
            (_, other) => panic!("{other:?} to a heartbeat"),
        }
    }

    pub fn leave(&mut self, members: &[(&str, Option<&str>)]) -> LeaveGroupResponse {
        let one = |(member, instance): &(&str, Option<&str>)| MemberIdentity {
            member_id: (*member).into(),
            group_instance_id: instance.map(Str::from),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: GROUP,
            members: members.iter().map(one).collect(),
            ..Default::default()
        };
        match self.ask(GroupQuestion::Leave { request, version: 5 }) {
            (_, Some(GroupAnswer::Leave(response))) => response,
            (_, other) => panic!("{other:?} to a leave"),
        }
    }

    pub fn consumer(&mut self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        let question = GroupQuestion::ConsumerHeartbeat { request, version: 1, client: client("new") };
        match self.ask(question) {
            (_, Some(GroupAnswer::ConsumerHeartbeat(response))) => response,
            (_, other) => panic!("{other:?} to a heartbeat"),
        }
    }

    /// The error, the epoch, and the partitions of `t` if it was told.
    pub fn heard(&mut self, request: ConsumerGroupHeartbeatRequest) -> (i16, i32, Option<Vec<i32>>) {
        let response = self.consumer(request);
        let partitions = response.assignment.map(|assignment| {
            assignment.topic_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
        });
        (response.error_code.0, response.member_epoch, partitions)
    }

    /// `Stable`, `PreparingRebalance`, ... and `classic` or `consumer`.
    pub fn is(&self) -> (Str, Str) {
        let listed = self.group.listed();
        (listed.group_type, listed.group_state)
    }

    /// A classic group in Stable, of members with these ids (as they are given out) and partitions.
    pub fn classic_group(&mut self, parts: &[&[i32]]) -> Vec<Str> {
        let mut ids: Vec<Str> = Vec::new();
        for number in 0..parts.len() {
            let handed_out = self.join(Join::of(""));
            assert_eq!(handed_out.error_code.0, 79, "member {number}");
            ids.push(handed_out.member_id);
        }
        let mut leader = None;
        // The first forms a generation alone, the second makes it join again, and so on.
        for _ in 0..2 {
            for id in &ids {
                let (_, answer) = self.try_join(Join::of(id));
                leader = answer.filter(|answer| !answer.members.is_empty()).or(leader);
            }
        }
        for (_, answer) in core::mem::take(&mut self.late) {
            if let GroupAnswer::Join(answer) = answer {
                leader = Some(answer).filter(|answer| !answer.members.is_empty()).or(leader);
            }
        }
        let leader = leader.expect("one of them leads");
        let mut request = sync(&leader.leader, leader.generation_id);
        request.assignments = ids.iter().zip(parts).map(|(id, part)| assignment(id, part)).collect();
        let (_, answer) = self.try_sync(request);
        assert_eq!(answer.map(|answer| answer.error_code.0), Some(0));
        for id in &ids {
            self.try_sync(sync(id, leader.generation_id));
        }
        assert_eq!(self.is(), ("classic".into(), "Stable".into()));
        ids
    }
}

fn number(record: &GroupRecord) -> i16 {
    let (key, value) = record.encode().expect("it fits");
    let number = i16::from_be_bytes([key[0], key[1]]);
    if value.is_some() { number } else { -number }
}

/// A JoinGroup to be.
#[derive(Clone, Debug)]
pub struct Join {
    pub member: Str,
    pub instance: Option<Str>,
    pub version: i16,
    pub protocol_type: Str,
    /// Each with the same metadata.
    pub protocols: Vec<&'static str>,
    pub embedded: i16,
    pub subscription: ConsumerProtocolSubscription,
    pub session_ms: i32,
    pub rebalance_ms: i32,
}

impl Join {
    /// The newest version; topic `t`; nothing owned.
    pub fn of(member: &str) -> Join {
        Join {
            member: member.into(),
            instance: None,
            version: 9,
            protocol_type: "consumer".into(),
            protocols: vec!["range"],
            embedded: 3,
            subscription: ConsumerProtocolSubscription { topics: vec!["t".into()], ..Default::default() },
            session_ms: 10_000,
            rebalance_ms: 5_000,
        }
    }

    pub fn instance(mut self, instance: &str) -> Join {
        self.instance = Some(instance.into());
        self
    }

    /// Says that it owns these partitions of `t` since a generation.
    pub fn owning(mut self, generation: i32, partitions: &[i32]) -> Join {
        self.subscription.generation_id = generation;
        self.subscription.owned_partitions = vec![NamedPartitions {
            topic: "t".into(),
            partitions: partitions.to_vec(),
            ..Default::default()
        }];
        self
    }

    /// With a subscription of that version.
    pub fn embedded(mut self, version: i16) -> Join {
        self.embedded = version;
        self
    }

    pub fn timeouts(mut self, session_ms: i32, rebalance_ms: i32) -> Join {
        (self.session_ms, self.rebalance_ms) = (session_ms, rebalance_ms);
        self
    }

    fn request(&self) -> (JoinGroupRequest, i16) {
        let metadata = encode_versioned(&self.subscription, self.embedded).expect("it fits");
        let protocol = |name: &&str| JoinGroupRequestProtocol {
            name: (*name).into(),
            metadata: metadata.clone(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: GROUP,
            session_timeout_ms: self.session_ms,
            rebalance_timeout_ms: self.rebalance_ms,
            member_id: self.member.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: self.protocol_type.clone(),
            protocols: self.protocols.iter().map(protocol).collect(),
            ..Default::default()
        };
        (request, self.version)
    }
}

pub fn sync(member: &str, generation: i32) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: GROUP,
        generation_id: generation,
        member_id: member.into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        ..Default::default()
    }
}

pub fn beat(member: &str, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: GROUP,
        generation_id: generation,
        member_id: member.into(),
        ..Default::default()
    }
}

pub fn assignment(member: &Str, partitions: &[i32]) -> SyncGroupRequestAssignment {
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: vec![NamedPartitions {
            topic: "t".into(),
            partitions: partitions.to_vec(),
            ..Default::default()
        }],
        ..Default::default()
    };
    SyncGroupRequestAssignment {
        member_id: member.clone(),
        assignment: encode_versioned(&assignment, 3).expect("it fits"),
        ..Default::default()
    }
}

/// The partitions of an embedded assignment.
pub fn partitions(assignment: &Bytes) -> Vec<i32> {
    let (_, read) = read_assignment(assignment).expect("it is whole");
    read.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
}

/// The group lets older clients in.
pub fn lenient() -> CatalogueRecord {
    CatalogueRecord::Configs {
        of: Configured::Group(GROUP),
        overrides: [("kelpgate.classic.member.check".into(), "lenient".into())].into_iter().collect(),
    }
}

/// A heartbeat of the new protocol.
pub fn consumer(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP,
        member_id: member.into(),
        member_epoch: epoch,
        ..Default::default()
    }
}

/// The first heartbeat of a member that subscribes to `t`.
pub fn joining(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 5_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..consumer(member, 0)
    }
}

/// A heartbeat that reports these partitions of `topic`.
pub fn owning(member: &str, epoch: i32, topic: Uuid, partitions: &[i32]) -> ConsumerGroupHeartbeatRequest {
    let owned = TopicPartitions { topic_id: topic, partitions: partitions.to_vec(), ..Default::default() };
    let owned = if partitions.is_empty() { Vec::new() } else { vec![owned] };
    ConsumerGroupHeartbeatRequest { topic_partitions: Some(owned), ..consumer(member, epoch) }
}
