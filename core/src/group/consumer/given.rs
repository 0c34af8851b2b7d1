//! Partitions that a member has, each with the member epoch at which it was given.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::group::assignor::Partitions;
use crate::group::record;
use crate::mutant::{Mutant, is_on};
use crate::protocol::consumer_group_heartbeat::TopicPartitions;
use crate::uuid::Uuid;

/// Partitions by topic id, each with the member epoch at which it was given. No topic stands there without partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(BTreeMap<Uuid, BTreeMap<i32, i32>>);

impl Given {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The epoch at which a partition was given, if it is here.
    pub fn epoch_of(&self, topic: Uuid, partition: i32) -> Option<i32> {
        self.0.get(&topic)?.get(&partition).copied()
    }

    pub fn contains(&self, topic: Uuid, partition: i32) -> bool {
        self.epoch_of(topic, partition).is_some()
    }

    /// Puts a partition here as given at `epoch`.
    pub fn insert(&mut self, topic: Uuid, partition: i32, epoch: i32) {
        self.0.entry(topic).or_default().insert(partition, epoch);
    }

    /// All partitions as (topic, partition, epoch), in order.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, i32, i32)> {
        self.0.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(partition, epoch)| (*topic, *partition, *epoch))
        })
    }

    /// Splits by what `stays` says of each (topic, partition): what stays, and what does not.
    pub fn partition(&self, mut stays: impl FnMut(Uuid, i32) -> bool) -> (Given, Given) {
        let (mut kept, mut dropped) = (Given::default(), Given::default());
        for (topic, partition, epoch) in self.iter() {
            let side = if stays(topic, partition) { &mut kept } else { &mut dropped };
            side.insert(topic, partition, epoch);
        }
        (kept, dropped)
    }

    /// Puts the partitions of `others` here too.
    pub fn extend(&mut self, others: &Given) {
        for (topic, partition, epoch) in others.iter() {
            self.insert(topic, partition, epoch);
        }
    }

    /// The same partitions, all given at `epoch`.
    pub fn given_at(&self, epoch: i32) -> Given {
        self.iter().map(|(topic, partition, _)| (topic, partition, epoch)).collect()
    }

    /// Whether a member reports any of these as its own. One that reports nothing (none) may still have them all.
    pub fn is_met_by(&self, owned: Option<&[TopicPartitions]>) -> bool {
        match owned {
            None => !self.is_empty() && !is_on(Mutant::NothingReportedIsNothingOwned),
            Some(owned) => reported(owned).any(|(topic, partition)| self.contains(topic, partition)),
        }
    }

    /// Whether all that a member reports is among these.
    pub fn covers(&self, owned: &[TopicPartitions]) -> bool {
        reported(owned).all(|(topic, partition)| self.contains(topic, partition))
    }

    /// Whether both have the same partitions, whenever they were given.
    pub fn has_the_partitions_of(&self, other: &Given) -> bool {
        let places =
            |given: &Given| given.iter().map(|(topic, partition, _)| (topic, partition)).collect::<Vec<_>>();
        places(self) == places(other)
    }

    /// Without the epochs.
    pub fn to_partitions(&self) -> Partitions {
        self.0.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect()
    }

    /// As a heartbeat's answer tells it to the member.
    pub fn to_answer(&self) -> Vec<TopicPartitions> {
        let topic = |(topic_id, partitions): (&Uuid, &BTreeMap<i32, i32>)| TopicPartitions {
            topic_id: *topic_id,
            partitions: partitions.keys().copied().collect(),
            ..Default::default()
        };
        self.0.iter().map(topic).collect()
    }

    /// As a record holds it.
    pub fn to_record(&self) -> Vec<record::TopicPartitions> {
        let topic = |(topic_id, partitions): (&Uuid, &BTreeMap<i32, i32>)| record::TopicPartitions {
            topic_id: *topic_id,
            partitions: partitions.keys().copied().collect(),
            assignment_epochs: Some(partitions.values().copied().collect()),
            ..Default::default()
        };
        self.0.iter().map(topic).collect()
    }

    /// From a record. A partition without an epoch (records older than Kafka 4.3) was given at `member_epoch`.
    pub fn from_record(topics: &[record::TopicPartitions], member_epoch: i32) -> Given {
        let topic = |topic: &record::TopicPartitions| {
            let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
            let epoch = |at: usize| epochs.get(at).copied().unwrap_or(member_epoch);
            let id = topic.topic_id;
            let given: Vec<_> = topic
                .partitions
                .iter()
                .enumerate()
                .map(|(at, partition)| (id, *partition, epoch(at)))
                .collect();
            given
        };
        topics.iter().flat_map(topic).collect()
    }
}

impl FromIterator<(Uuid, i32, i32)> for Given {
    fn from_iter<T: IntoIterator<Item = (Uuid, i32, i32)>>(partitions: T) -> Given {
        let mut given = Given::default();
        for (topic, partition, epoch) in partitions {
            given.insert(topic, partition, epoch);
        }
        given
    }
}

/// What a member reports, one by one.
fn reported(owned: &[TopicPartitions]) -> impl Iterator<Item = (Uuid, i32)> {
    owned.iter().flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition)))
}
