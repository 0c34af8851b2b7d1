//! A group one can talk to: every step checks the invariants, and that the records so far rebuild the very same group.

use alloc::vec::Vec;

use crate::group::consumer::ConsumerGroup;
use crate::group::question::{Client, GroupAnswer};
use crate::group::record::GroupRecord;
use crate::group::step::Step;
use crate::group::testing::{World, client};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::uuid::Uuid;

pub const GROUP: Str = Str::from_static("g");

pub struct Talk {
    pub world: World,
    pub group: ConsumerGroup,
    /// All records so far, read back from their bytes.
    pub log: Vec<GroupRecord>,
    /// The numbers of the record types of the last step; tombstones are negative.
    pub wrote: Vec<i16>,
}

impl Talk {
    /// A new group on a node with these settings.
    pub fn new(settings: &[(&str, &str)]) -> Talk {
        Talk { world: World::new(settings), group: ConsumerGroup::new(), log: Vec::new(), wrote: Vec::new() }
    }

    /// A new group whose target follows its epoch at once, as before Kafka 4.3.
    pub fn prompt() -> Talk {
        Talk::new(&[("group.consumer.assignment.interval.ms", "0")])
    }

    /// One step of the group.
    pub fn step<R>(
        &mut self,
        act: impl FnOnce(&mut ConsumerGroup, &mut Step<'_>) -> R,
    ) -> (R, Vec<GroupAnswer>) {
        let group = &mut self.group;
        let (result, effects) = self.world.step(|step| act(group, step));
        self.wrote = effects.records.iter().map(number).collect();
        self.log.extend(effects.stored());
        self.group.check_invariants();
        (result, effects.answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Sends a heartbeat, version 1.
    pub fn send(&mut self, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        self.send_as(request, 1, &client("c"))
    }

    /// Sends a heartbeat of some version from some client.
    pub fn send_as(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        version: i16,
        client: &Client,
    ) -> ConsumerGroupHeartbeatResponse {
        let asker = self.world.asker();
        let ((), mut answers) =
            self.step(|group, step| group.heartbeat(step, &GROUP, asker, request, version, client));
        match (answers.pop(), answers.is_empty()) {
            (Some(GroupAnswer::ConsumerHeartbeat(response)), true) => response,
            (other, _) => panic!("{other:?} to a heartbeat"),
        }
    }

    /// Sends a heartbeat whose records do not fit the log: the group is as it was.
    pub fn refuse(&mut self, request: &ConsumerGroupHeartbeatRequest) {
        let written = self.log.len();
        self.send(request);
        let ((), answers) = self.step(|group, step| group.write_refused(step, &GROUP));
        assert!(answers.is_empty() && self.wrote.is_empty());
        self.log.truncate(written);
        same(&self.loaded(), &self.group);
    }

    /// Lets time pass, and everything happen that is due meanwhile.
    pub fn pass(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            self.world.pass(1);
            if self.group.next_deadline().is_some_and(|at| at <= self.world.now.mono) {
                self.step(|group, step| group.tick(step, &GROUP));
            }
        }
    }

    /// The coordinator fails and loads the group from its log, which gives the same group.
    pub fn reload(&mut self) {
        let loaded = self.loaded();
        same(&loaded, &self.group);
        self.group = loaded;
        self.step(|group, step| group.loaded(step, &GROUP));
    }

    /// What the log says.
    fn loaded(&self) -> ConsumerGroup {
        let mut loaded = ConsumerGroup::new();
        for record in &self.log {
            loaded.replay(record);
        }
        loaded.check_invariants();
        loaded
    }
}

/// Two groups have the same durable state, member by member. Numbers of members are of one run only.
pub fn same(one: &ConsumerGroup, other: &ConsumerGroup) {
    assert_eq!((one.epoch, one.assignment_epoch), (other.epoch, other.assignment_epoch));
    assert_eq!((one.metadata_hash, one.assignment_time), (other.metadata_hash, other.assignment_time));
    assert_eq!(one.targets, other.targets);
    assert_eq!(one.instances, other.instances);
    let regexes = |group: &ConsumerGroup| -> Vec<_> {
        group.subscriptions.regexes().map(|(text, state)| (text.clone(), state.clone())).collect()
    };
    assert_eq!(regexes(one), regexes(other));
    assert_eq!(one.members().len(), other.members().len());
    for (one, other) in one.members().zip(other.members()) {
        assert_eq!(
            (&one.id, &one.description, &one.standing),
            (&other.id, &other.description, &other.standing)
        );
    }
}

/// The type of a record, negative for a tombstone.
pub fn number(record: &GroupRecord) -> i16 {
    let (key, value) = record.encode().expect("it fits");
    let number = i16::from_be_bytes([key[0], key[1]]);
    if value.is_some() { number } else { -number }
}

/// A member's heartbeat that says nothing new.
pub fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP,
        member_id: member.into(),
        member_epoch: epoch,
        ..Default::default()
    }
}

/// A member's first heartbeat: it subscribes to these topics, with a rebalance timeout of 2 s.
pub fn join(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 2_000,
        subscribed_topic_names: Some(topics.iter().map(|name| Str::from(*name)).collect()),
        topic_partitions: Some(Vec::new()),
        ..beat(member, 0)
    }
}

impl ConsumerGroupHeartbeatRequest {
    /// Reports owning these partitions of one topic.
    pub fn owning(mut self, topic: Uuid, partitions: &[i32]) -> ConsumerGroupHeartbeatRequest {
        let owned = self.topic_partitions.get_or_insert_default();
        if !partitions.is_empty() {
            owned.push(TopicPartitions {
                topic_id: topic,
                partitions: partitions.to_vec(),
                ..Default::default()
            });
        }
        self
    }

    /// Of a static member.
    pub fn of_instance(mut self, instance: &str) -> ConsumerGroupHeartbeatRequest {
        self.instance_id = Some(instance.into());
        self
    }

    /// Subscribes by a regular expression.
    pub fn matching(mut self, regex: &str) -> ConsumerGroupHeartbeatRequest {
        self.subscribed_topic_names = None;
        self.subscribed_topic_regex = Some(regex.into());
        self
    }
}

/// What a heartbeat was answered: error, epoch, and the partitions of the assignment if there is one.
pub fn heard(response: &ConsumerGroupHeartbeatResponse) -> (i16, i32, Option<Vec<i32>>) {
    let partitions = response.assignment.as_ref().map(|assignment| {
        assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect()
    });
    (response.error_code.0, response.member_epoch, partitions)
}
