//! What members know, and how operations become requests.

use std::collections::BTreeMap;

use bytes::Bytes;
use kelpgate_core::group::embedded::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, write_assignment,
    write_subscription,
};
use kelpgate_core::protocol::Str;
use kelpgate_core::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use kelpgate_core::uuid::Uuid;

use super::operations::{
    ConsumerHeartbeat, Epoch, Instance, Join, Member, Metadata, Owned, Part, Regex, Session, Sync, Topics,
};

/// The group all is about.
pub const GROUP: Str = Str::from_static("g");

/// Topics that there may be.
pub const TOPICS: [&str; 4] = ["a", "b.x", "c", "d"];

/// What the group has told its members.
#[derive(Default)]
pub struct Cast {
    ids: Vec<Str>,
    told: BTreeMap<Str, Told>,
}

/// What one member was told last.
#[derive(Default)]
struct Told {
    epoch: i32,
    assignment: Vec<TopicPartitions>,
}

impl Cast {
    pub fn joined(&mut self, response: &JoinGroupResponse) {
        let told = self.member(&response.member_id);
        if let (Some(told), 0) = (told, response.error_code.0) {
            told.epoch = response.generation_id;
        }
    }

    pub fn heard(&mut self, response: &ConsumerGroupHeartbeatResponse) {
        let Some(told) = response.member_id.as_ref().and_then(|id| self.member(id)) else { return };
        if response.error_code.0 == 0 {
            told.epoch = response.member_epoch;
            if let Some(assignment) = &response.assignment {
                told.assignment = assignment.topic_partitions.clone();
            }
        }
    }

    fn member(&mut self, id: &Str) -> Option<&mut Told> {
        if id.is_empty() {
            return None;
        }
        if !self.told.contains_key(id) {
            self.ids.push(id.clone());
        }
        Some(self.told.entry(id.clone()).or_default())
    }

    pub fn id(&self, member: Member) -> Str {
        match member {
            Member::Known(number) => {
                // The latest ones are the likeliest to be members still.
                let back = usize::from(number) % self.ids.len().max(1);
                self.ids.iter().rev().nth(back).cloned().unwrap_or_default()
            }
            Member::Own(number) => format!("own-{}", number % 4).into(),
            Member::None => Str::default(),
        }
    }

    pub fn epoch(&self, id: &Str, epoch: Epoch) -> i32 {
        let told = self.told.get(id).map_or(0, |told| told.epoch);
        match epoch {
            Epoch::Told => told,
            Epoch::Near(by) => told.saturating_add(i32::from(by)),
            Epoch::Fixed(epoch) => i32::from(epoch % 4),
        }
    }

    fn owned(
        &self,
        id: &Str,
        owned: Owned,
        topic_id: impl Fn(usize) -> Uuid,
    ) -> Option<Vec<TopicPartitions>> {
        match owned {
            Owned::Unsaid => None,
            Owned::Told => Some(self.told.get(id).map(|told| told.assignment.clone()).unwrap_or_default()),
            Owned::Nothing => Some(Vec::new()),
            Owned::Some { topic, partitions } => Some(vec![TopicPartitions {
                topic_id: topic_id(usize::from(topic)),
                partitions: bits(partitions).collect(),
                ..Default::default()
            }]),
        }
    }

    pub fn join(&self, join: &Join<'_>) -> (JoinGroupRequest, i16) {
        let version = i16::from(join.version % 10);
        let member_id = self.id(join.member);
        let protocol = |(name, metadata): &(u8, Metadata<'_>)| JoinGroupRequestProtocol {
            name: ["range", "cooperative-sticky", "other"][usize::from(name % 3)].into(),
            metadata: self.metadata(&member_id, metadata),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: GROUP,
            session_timeout_ms: match join.session {
                Session::Short => 6_000,
                Session::Usual => 45_000,
                Session::Long => 1_800_000,
                Session::Refused => 1,
            },
            rebalance_timeout_ms: rebalance_timeout(join.rebalance),
            group_instance_id: if version >= 5 { instance(join.instance) } else { None },
            protocol_type: if join.is_consumer { "consumer".into() } else { "connect".into() },
            protocols: join.protocols.iter().map(protocol).collect(),
            member_id,
            ..Default::default()
        };
        (request, version)
    }

    fn metadata(&self, id: &Str, metadata: &Metadata<'_>) -> Bytes {
        match metadata {
            Metadata::Raw(bytes) => Bytes::copy_from_slice(bytes),
            Metadata::Subscription { version, topics, owned, generation } => {
                let named = |index: usize| TOPICS.get(index % TOPICS.len()).copied().unwrap_or_default();
                let owned = match owned {
                    Owned::Unsaid | Owned::Told | Owned::Nothing => Vec::new(),
                    Owned::Some { topic, partitions } => vec![NamedPartitions {
                        topic: named(usize::from(*topic)).into(),
                        partitions: bits(*partitions).collect(),
                        ..Default::default()
                    }],
                };
                let subscription = ConsumerProtocolSubscription {
                    topics: topics.names(),
                    owned_partitions: owned,
                    generation_id: self.epoch(id, *generation),
                    ..Default::default()
                };
                write_subscription(&subscription, i16::from(version % 4)).expect("it fits")
            }
        }
    }

    pub fn sync(&self, sync: &Sync<'_>) -> (SyncGroupRequest, i16) {
        let version = i16::from(sync.version % 6);
        let member_id = self.id(sync.member);
        let part = |(member, part): &(Member, Part<'_>)| SyncGroupRequestAssignment {
            member_id: self.id(*member),
            assignment: match part {
                Part::Raw(bytes) => Bytes::copy_from_slice(bytes),
                Part::Assignment { version, topics } => {
                    let named = |topic| NamedPartitions { topic, partitions: vec![0], ..Default::default() };
                    let assignment = ConsumerProtocolAssignment {
                        assigned_partitions: topics.names().into_iter().map(named).collect(),
                        ..Default::default()
                    };
                    write_assignment(&assignment, i16::from(version % 4)).expect("it fits")
                }
            },
            ..Default::default()
        };
        let request = SyncGroupRequest {
            group_id: GROUP,
            generation_id: self.epoch(&member_id, sync.generation),
            group_instance_id: if version >= 3 { instance(sync.instance) } else { None },
            assignments: sync.parts.iter().flatten().map(part).collect(),
            member_id,
            ..Default::default()
        };
        (request, version)
    }

    pub fn heartbeat(
        &self,
        heartbeat: &ConsumerHeartbeat<'_>,
        topic_id: impl Fn(usize) -> Uuid,
    ) -> (ConsumerGroupHeartbeatRequest, i16) {
        let version = i16::from(heartbeat.version % 2);
        let member_id = self.id(heartbeat.member);
        let regex = heartbeat.regex.as_ref().filter(|_| version >= 1);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP,
            member_epoch: self.epoch(&member_id, heartbeat.epoch),
            instance_id: instance(heartbeat.instance),
            rebalance_timeout_ms: rebalance_timeout(heartbeat.rebalance),
            subscribed_topic_names: heartbeat.topics.map(Topics::names),
            subscribed_topic_regex: regex.map(|regex| match regex {
                Regex::All => ".*".into(),
                Regex::Nothing => Str::default(),
                Regex::Some(number) => format!("[a-{}].*", char::from(b'a' + number % 8)).into(),
                Regex::Raw(text) => Str::from(*text),
            }),
            server_assignor: heartbeat
                .assignor
                .map(|number| ["uniform", "range", "none"][usize::from(number % 3)].into()),
            topic_partitions: self.owned(&member_id, heartbeat.owned, topic_id),
            member_id,
            ..Default::default()
        };
        (request, version)
    }
}

impl Topics {
    fn names(self) -> Vec<Str> {
        let named = |bit: i32| match TOPICS.get(bit as usize) {
            Some(name) => Str::from_static(name),
            None => "missing".into(),
        };
        bits(self.0 & 0x1f).map(named).collect()
    }
}

fn bits(of: u8) -> impl Iterator<Item = i32> {
    (0..8).filter(move |bit| of & 1 << bit != 0)
}

pub fn instance(instance: Option<Instance>) -> Option<Str> {
    instance.map(|Instance(number)| format!("s{}", number % 3).into())
}

fn rebalance_timeout(choice: u8) -> i32 {
    [-1, 0, 1_000, 60_000, 300_000, i32::MAX][usize::from(choice % 6)]
}
