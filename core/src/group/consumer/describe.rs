//! A consumer group as ConsumerGroupDescribe shows it.

use alloc::vec::Vec;

use super::ConsumerGroup;
use super::member::Member;
use crate::catalogue::image::Image;
use crate::config::GroupCoordinatorConfig;
use crate::group::assignor::Partitions;
use crate::protocol::Str;
use crate::protocol::consumer_group_describe::{self, Assignment, DescribedGroup, TopicPartitions};

/// Of a member that speaks the classic protocol, and of one that speaks the new one (KIP-1099).
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl ConsumerGroup {
    /// The group, its members in the order of their ids. Who asked for authorized operations must add them.
    pub fn describe(&self, group_id: &Str, image: &Image, config: &GroupCoordinatorConfig) -> DescribedGroup {
        DescribedGroup {
            group_id: group_id.clone(),
            group_state: Str::from_static(self.state_name()),
            group_epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            assignor_name: Str::from_static(self.preferred_assignor(config).name()),
            members: self.members.values().map(|member| self.described(member, image)).collect(),
            ..Default::default()
        }
    }

    fn described(&self, member: &Member, image: &Image) -> consumer_group_describe::Member {
        // What it has yet to give up it may still use.
        let mut given = member.standing.assigned.clone();
        given.extend(&member.standing.pending_revocation);
        let description = &member.description;
        consumer_group_describe::Member {
            member_id: member.id.clone(),
            instance_id: description.instance_id.clone(),
            rack_id: description.rack_id.clone(),
            member_epoch: member.standing.epoch,
            client_id: description.client.id.clone(),
            client_host: description.client.host.clone(),
            subscribed_topic_names: description.names.to_vec(),
            subscribed_topic_regex: Some(description.regex.clone().unwrap_or_default()),
            assignment: assignment(&given.to_partitions(), image),
            target_assignment: self
                .targets
                .get(&member.id)
                .map_or_else(Assignment::default, |target| assignment(target, image)),
            member_type: if member.is_classic() { CLASSIC } else { CONSUMER },
            ..Default::default()
        }
    }
}

/// Topics that are gone have no name to be shown by, and are left out.
fn assignment(partitions: &Partitions, image: &Image) -> Assignment {
    let topic_partitions: Vec<TopicPartitions> = partitions
        .iter()
        .filter_map(|(topic_id, partitions)| {
            let topic = image.topic_by_id(*topic_id)?;
            Some(TopicPartitions {
                topic_id: *topic_id,
                topic_name: topic.name.clone(),
                partitions: partitions.clone(),
                ..Default::default()
            })
        })
        .collect();
    Assignment { topic_partitions, ..Default::default() }
}
