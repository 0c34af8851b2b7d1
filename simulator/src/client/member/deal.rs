//! The work of a classic group's leader: who reads what, by the assignors of core.

use kelpgate_core::group::assignor::client::{
    ClientAssignor, Consumer, NamedPartitions as Named, NamedTopic, assign,
};
use kelpgate_core::group::embedded::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, read_subscription,
    write_assignment,
};
use kelpgate_core::protocol::Str;
use kelpgate_core::protocol::join_group::JoinGroupResponse;
use kelpgate_core::protocol::sync_group::SyncGroupRequestAssignment;

use crate::client::topics::Topics;

/// Everybody's part. Who cannot be understood gets none.
pub(super) fn deal(
    joined: &JoinGroupResponse,
    topics: &Topics,
    version: i16,
) -> Vec<SyncGroupRequestAssignment> {
    let name = joined.protocol_name.as_deref().unwrap_or_default();
    let assignor = ClientAssignor::ALL.into_iter().find(|assignor| assignor.name() == name);
    let subscriptions: Vec<ConsumerProtocolSubscription> = joined
        .members
        .iter()
        .map(|member| read_subscription(&member.metadata).map(|(_, read)| read).unwrap_or_default())
        .collect();
    let wanted: Vec<Vec<&str>> =
        subscriptions.iter().map(|one| one.topics.iter().map(Str::as_str).collect()).collect();
    let owned: Vec<Named<'_>> = subscriptions.iter().map(owned_by).collect();
    let consumers: Vec<Consumer<'_>> = joined
        .members
        .iter()
        .zip(&subscriptions)
        .zip(wanted.iter().zip(&owned))
        .map(|((member, subscription), (topics, owned))| Consumer {
            member_id: &member.member_id,
            instance_id: member.group_instance_id.as_deref(),
            rack: None,
            topics,
            owned,
            generation: subscription.generation_id,
        })
        .collect();
    let known: Vec<NamedTopic<'_>> = topics
        .all()
        .map(|(name, partitions)| NamedTopic { name, partitions: partitions.max(0) as u32, racks: &[] })
        .collect();
    let dealt = assign(assignor.unwrap_or(ClientAssignor::Range), &consumers, &known);
    let parts = joined.members.iter().zip(dealt);
    parts.map(|(member, part)| written(member.member_id.clone(), part, version)).collect()
}

fn owned_by(subscription: &ConsumerProtocolSubscription) -> Named<'_> {
    let mut owned = Named::new();
    for topic in &subscription.owned_partitions {
        let partitions: &mut Vec<i32> = owned.entry(&topic.topic).or_default();
        partitions.extend(&topic.partitions);
        partitions.sort_unstable();
        partitions.dedup();
    }
    owned
}

fn written(member_id: Str, part: Named<'_>, version: i16) -> SyncGroupRequestAssignment {
    let topics = part.into_iter().map(|(topic, partitions)| NamedPartitions {
        topic: topic.into(),
        partitions,
        ..Default::default()
    });
    let assignment =
        ConsumerProtocolAssignment { assigned_partitions: topics.collect(), ..Default::default() };
    let assignment = write_assignment(&assignment, version).expect("an assignment of our own can be written");
    SyncGroupRequestAssignment { member_id, assignment, ..Default::default() }
}
