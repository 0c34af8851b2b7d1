//! A classic group in its world, and clients that talk to it in few words.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::group::classic::{ClassicGroup, Phase};
use crate::group::question::GroupAnswer;
use crate::group::step::{Effects, Step};
use crate::group::testing::{World, client};
use crate::protocol::Str;
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use crate::shard_message::Asker;

/// How the node of the tables is set: those of the measurements, with room for the fixture.
pub const SETTINGS: &[(&str, &str)] = &[
    ("group.initial.rebalance.delay.ms", "400"),
    ("kelpgate.group.initial.rebalance.quiet.ms", "50"),
    ("group.min.session.timeout.ms", "1000"),
];

/// The group, the clock, and every answer so far.
pub struct Lab {
    pub world: World,
    pub group: ClassicGroup,
    pub id: Str,
    /// Effects since they were last [taken](Lab::take).
    pub effects: Effects,
}

impl Lab {
    pub fn new() -> Lab {
        Lab::with(&[])
    }

    /// A group of a node with further settings.
    pub fn with(settings: &[(&str, &str)]) -> Lab {
        let settings: Vec<_> = SETTINGS.iter().chain(settings).copied().collect();
        Lab {
            world: World::new(&settings),
            group: ClassicGroup::new(),
            id: "g".into(),
            effects: Effects::default(),
        }
    }

    /// Takes a step and checks the group after it.
    pub fn act(&mut self, act: impl FnOnce(&mut ClassicGroup, &mut Step<'_>, &Str)) {
        let (group, id) = (&mut self.group, &self.id);
        let ((), mut effects) = self.world.step(|step| act(group, step, id));
        self.group.check_invariants();
        self.effects.records.append(&mut effects.records);
        self.effects.answers.append(&mut effects.answers);
        self.effects.notes.append(&mut effects.notes);
    }

    /// Lets time pass; the group acts at each of its deadlines on the way.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.world.now.mono.0 + milliseconds * 1_000_000;
        while let Some(next) = self.group.next_deadline().filter(|next| next.0 <= end) {
            let wait = next.0.saturating_sub(self.world.now.mono.0) / 1_000_000;
            self.world.pass(wait);
            self.act(|group, step, id| group.tick(step, id));
        }
        self.world.pass((end - self.world.now.mono.0) / 1_000_000);
    }

    /// Everything that came of the steps since the last call.
    pub fn take(&mut self) -> Effects {
        core::mem::take(&mut self.effects)
    }

    pub fn phase(&self) -> Phase {
        self.group.phase()
    }

    pub fn join(&mut self, mut join: Join) -> Asker {
        join.request.group_id = self.id.clone();
        let asker = self.world.asker();
        self.act(|group, step, id| {
            let from = client(join.client);
            group.join(step, id, asker, &join.request, join.version, from);
        });
        asker
    }

    pub fn sync(&mut self, mut sync: Sync) -> Asker {
        sync.request.group_id = self.id.clone();
        let asker = self.world.asker();
        self.act(|group, step, id| group.sync(step, id, asker, &sync.request, sync.version));
        asker
    }

    pub fn heartbeat(&mut self, generation_id: i32, member_id: &str, instance: Option<&str>) -> Asker {
        let asker = self.world.asker();
        let request = HeartbeatRequest {
            group_id: self.id.clone(),
            generation_id,
            member_id: member_id.into(),
            group_instance_id: instance.map(Str::from),
            ..Default::default()
        };
        self.act(|group, step, id| group.heartbeat(step, id, asker, &request));
        asker
    }

    /// Members are named by id and instance.
    pub fn leave(&mut self, leavers: &[(&str, Option<&str>)], version: i16) -> Asker {
        let asker = self.world.asker();
        let identity = |(id, instance): &(&str, Option<&str>)| MemberIdentity {
            member_id: (*id).into(),
            group_instance_id: instance.map(Str::from),
            ..Default::default()
        };
        let mut request = LeaveGroupRequest { group_id: self.id.clone(), ..Default::default() };
        match version < 3 {
            true => request.member_id = leavers[0].0.into(),
            false => request.members = leavers.iter().map(identity).collect(),
        }
        self.act(|group, step, id| group.leave(step, id, asker, &request, version));
        asker
    }

    pub fn joined(&self, asker: Asker) -> &JoinGroupResponse {
        match self.effects.answer_to(asker) {
            GroupAnswer::Join(response) => response,
            other => panic!("{other:?}"),
        }
    }

    pub fn synced(&self, asker: Asker) -> &SyncGroupResponse {
        match self.effects.answer_to(asker) {
            GroupAnswer::Sync(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The id that the last answer hands out; that answer is forgotten.
    pub fn take_id(&mut self, asker: Asker) -> Str {
        let id = self.joined(asker).member_id.clone();
        self.effects.answers.clear();
        id
    }

    pub fn heard(&self, asker: Asker) -> i16 {
        match self.effects.answer_to(asker) {
            GroupAnswer::Heartbeat(response) => response.error_code.0,
            other => panic!("{other:?}"),
        }
    }

    pub fn left(&self, asker: Asker) -> &LeaveGroupResponse {
        match self.effects.answer_to(asker) {
            GroupAnswer::Leave(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// A dynamic member of today: asks for an id, then joins with it. Gives the id and who waits.
    pub fn join_twice(&mut self, join: Join) -> (Str, Asker) {
        let first = self.join(join.clone());
        let id = self.joined(first).member_id.clone();
        let second = self.join(join.id(&id));
        (id, second)
    }

    /// Lets a first generation come about after these have joined; the assignment of each is its own id.
    pub fn form(&mut self, joins: Vec<Join>) -> Vec<Str> {
        let parked: Vec<Asker> = joins
            .into_iter()
            .map(|join| match join.request.group_instance_id {
                Some(_) => self.join(join),
                None => self.join_twice(join).1,
            })
            .collect();
        self.pass(400);
        let ids: Vec<Str> = parked.iter().map(|asker| self.joined(*asker).member_id.clone()).collect();
        self.settle(&ids);
        ids
    }

    /// All members sync; the leader, who is the first of them, gives to each its own id.
    pub fn settle(&mut self, ids: &[Str]) {
        let generation = self.group.generation();
        let parts: Vec<(&str, &[u8])> = ids.iter().map(|id| (id.as_str(), id.as_bytes().as_ref())).collect();
        self.sync(Sync::new(generation, &ids[0]).parts(&parts));
        for id in &ids[1..] {
            self.sync(Sync::new(generation, id));
        }
        assert_eq!(self.phase(), Phase::Stable);
    }
}

/// A JoinGroup in the making.
#[derive(Clone)]
pub struct Join {
    pub request: JoinGroupRequest,
    pub version: i16,
    pub client: &'static str,
}

impl Join {
    /// Of a consumer that knows range and roundrobin, without an id, version 9, session 10 s, rebalance 60 s.
    pub fn new(client: &'static str) -> Join {
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".into(),
            ..Default::default()
        };
        Join { request, version: 9, client }.protocols(&[("range", "t"), ("roundrobin", "t")])
    }

    /// Each with the topic it subscribes to.
    pub fn protocols(mut self, protocols: &[(&str, &str)]) -> Join {
        let protocol = |(name, topic): &(&str, &str)| JoinGroupRequestProtocol {
            name: (*name).into(),
            metadata: subscription(topic),
            ..Default::default()
        };
        self.request.protocols = protocols.iter().map(protocol).collect();
        self
    }

    pub fn id(mut self, id: &str) -> Join {
        self.request.member_id = id.into();
        self
    }

    pub fn instance(mut self, instance: &str) -> Join {
        self.request.group_instance_id = Some(instance.into());
        self
    }

    pub fn version(mut self, version: i16) -> Join {
        self.version = version;
        self
    }

    pub fn timeouts(mut self, session_ms: i32, rebalance_ms: i32) -> Join {
        self.request.session_timeout_ms = session_ms;
        self.request.rebalance_timeout_ms = rebalance_ms;
        self
    }

    pub fn kind(mut self, protocol_type: &str) -> Join {
        self.request.protocol_type = protocol_type.into();
        self
    }
}

/// A SyncGroup in the making.
#[derive(Clone)]
pub struct Sync {
    pub request: SyncGroupRequest,
    pub version: i16,
}

impl Sync {
    /// Version 5, for the range protocol of consumers.
    pub fn new(generation_id: i32, member_id: &str) -> Sync {
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id,
            member_id: member_id.into(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            ..Default::default()
        };
        Sync { request, version: 5 }
    }

    /// The assignments the leader brings.
    pub fn parts(mut self, parts: &[(&str, &[u8])]) -> Sync {
        let part = |(id, bytes): &(&str, &[u8])| SyncGroupRequestAssignment {
            member_id: (*id).into(),
            assignment: Bytes::copy_from_slice(bytes),
            ..Default::default()
        };
        self.request.assignments = parts.iter().map(part).collect();
        self
    }

    pub fn instance(mut self, instance: &str) -> Sync {
        self.request.group_instance_id = Some(instance.into());
        self
    }

    /// What it says of the protocol.
    pub fn names(mut self, protocol_type: Option<&str>, protocol_name: Option<&str>) -> Sync {
        self.request.protocol_type = protocol_type.map(Str::from);
        self.request.protocol_name = protocol_name.map(Str::from);
        self
    }
}

/// Version 0 of the embedded protocol, one topic.
pub fn subscription(topic: &str) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1];
    bytes.extend((topic.len() as u16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend([0xff; 4]);
    bytes.into()
}
