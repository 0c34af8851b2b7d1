//! A consumer group whose last member of the new protocol has gone becomes a classic group of the members that are left
//! (`GroupMetadataManager.convertToClassicGroup` of Kafka).

use alloc::format;
use alloc::vec::Vec;

use super::join::Joiner;
use super::subscription::Subscription;
use super::{embedded, protocols};
use crate::group::classic::{self, ClassicGroup};
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::Member;
use crate::group::embedded::read_subscription;
use crate::group::record::MemberMetadata;
use crate::group::step::Step;
use crate::machine::Level;
use crate::protocol::Str;
use crate::protocol::join_group::JoinGroupRequestProtocol;

/// A classic JoinGroup that takes the place of the static member `old`.
#[derive(Clone, Copy)]
pub(super) struct Successor<'a> {
    pub joiner: Joiner<'a>,
    pub subscription: &'a Subscription,
    pub old: &'a Str,
}

/// The classic group that a consumer group becomes whose members are all classic: they all have to join again. None if it
/// has others, has none, or may not.
pub fn downgrade(step: &mut Step<'_>, group_id: &Str, group: &ConsumerGroup) -> Option<ClassicGroup> {
    let is_due = group.has_members() && group.members().all(Member::is_classic);
    if !is_due || !may_downgrade(step, group_id, group) {
        return None;
    }
    let members = group.members().map(|member| (member.no, inherited(step, group, member))).collect();
    let mut classic = converted(step, group_id, group, members)?;
    classic.begin_anew(step, group_id, "the last member of the new protocol has gone");
    Some(classic)
}

/// The classic group that a consumer group becomes when a classic member takes the place of its last member of the new
/// protocol. That one is still in it, so that the JoinGroup is an ordinary static replacement; where all have what they
/// are to have, and nothing is to change, nobody else needs to notice.
pub(super) fn replaced_by_classic(
    group: &ConsumerGroup,
    step: &mut Step<'_>,
    group_id: &Str,
    successor: Successor<'_>,
) -> Option<ClassicGroup> {
    let old = group.member(successor.old)?;
    let is_last = !old.is_classic() && group.members().all(|it| it.is_classic() || it.no == old.no);
    if !is_last || !may_downgrade(step, group_id, group) {
        return None;
    }
    let member = |step: &Step<'_>, member: &Member| match member.no == old.no {
        true => succeeded(step, group, member, successor),
        false => inherited(step, group, member),
    };
    let members = group.members().map(|one| (one.no, member(step, one))).collect();
    let is_settled = is_settled(step, group, old) && subscribes_alike(old, successor.subscription);
    let mut classic = converted(step, group_id, group, members)?;
    match is_settled {
        true => classic.store(step, group_id),
        false => classic.begin_anew(step, group_id, "the last member of the new protocol was replaced"),
    }
    Some(classic)
}

fn may_downgrade(step: &mut Step<'_>, group_id: &Str, group: &ConsumerGroup) -> bool {
    let (members, limit) = (group.members().len(), step.config.max_size);
    if members > limit {
        let text = format!(
            "group {group_id:?} stays a consumer group: it has {members} members, and group.max.size is {limit}"
        );
        step.note(Level::Warn, text);
    }
    members <= limit && step.config.consumer_migration_policy.downgrades()
}

/// Undoes the one group and makes the other, with members in the order in which they came. None if they could not agree on
/// a protocol.
fn converted(
    step: &mut Step<'_>,
    group_id: &Str,
    group: &ConsumerGroup,
    mut members: Vec<(impl Ord, classic::Member)>,
) -> Option<ClassicGroup> {
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    let members = members.into_iter().map(|(_, member)| member).collect();
    let classic = ClassicGroup::of_consumers(step, group.epoch(), members)?;
    group.tombstones(group_id).into_iter().for_each(|record| step.record(record));
    step.note(
        Level::Info,
        format!("group {group_id:?} becomes a classic group at generation {}", group.epoch()),
    );
    Some(classic)
}

/// A classic member goes on with its target as its assignment.
fn inherited(step: &Step<'_>, group: &ConsumerGroup, member: &Member) -> classic::Member {
    let own = |protocol: &crate::group::record::ClassicProtocol| classic::Protocol {
        name: protocol.name.clone(),
        metadata: protocol.metadata.clone(),
    };
    let protocols: Vec<classic::Protocol> = protocols(member).iter().map(own).collect();
    let version = protocols.first().and_then(|first| read_subscription(&first.metadata).ok());
    let session_timeout = member.description.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
    let version = version.map_or(0, |(version, _)| version);
    classic::Member::settled(&record(step, group, member, version, session_timeout), protocols)
}

/// A member of the new protocol as the classic member that takes its place.
fn succeeded(
    step: &Step<'_>,
    group: &ConsumerGroup,
    member: &Member,
    successor: Successor<'_>,
) -> classic::Member {
    let own = |protocol: &JoinGroupRequestProtocol| classic::Protocol {
        name: protocol.name.detach(),
        metadata: bytes::Bytes::copy_from_slice(&protocol.metadata),
    };
    let request = successor.joiner.request;
    let version = successor.subscription.version;
    classic::Member::settled(
        &record(step, group, member, version, request.session_timeout_ms),
        request.protocols.iter().map(own).collect(),
    )
}

fn record(
    step: &Step<'_>,
    group: &ConsumerGroup,
    member: &Member,
    version: i16,
    session_timeout: i32,
) -> MemberMetadata {
    let target = group.target(&member.id).cloned().unwrap_or_default();
    MemberMetadata {
        member_id: member.id.clone(),
        group_instance_id: member.description.instance_id.clone(),
        client_id: member.description.client.id.clone(),
        client_host: member.description.client.host.clone(),
        rebalance_timeout: member.description.rebalance_timeout_ms,
        session_timeout,
        // One that cannot be written says nothing: the member has to join again to get anything.
        assignment: embedded(&target, version, step.image).unwrap_or_default(),
        ..Default::default()
    }
}

/// Whether every member has its target of the newest epoch. Kafka looks at the epochs alone; then a partition that one
/// member has yet to give up would be given to another.
fn is_settled(step: &Step<'_>, group: &ConsumerGroup, old: &Member) -> bool {
    let has_target = |member: &Member| {
        let reconciled = member.no == old.no || member.standing.is_reconciled_to(group.assignment_epoch());
        let target = group.target(&member.id).cloned().unwrap_or_default();
        reconciled && without_empty(target) == member.standing.assigned.to_partitions()
    };
    group.epoch() == group.assignment_epoch()
        && !group.must_look_at_topics(step.image)
        && group.members().all(has_target)
}

fn without_empty(mut target: crate::group::assignor::Partitions) -> crate::group::assignor::Partitions {
    target.retain(|_, partitions| !partitions.is_empty());
    target
}

/// Whether a classic member subscribes to what the member of the new protocol subscribes to whose place it takes.
fn subscribes_alike(old: &Member, subscription: &Subscription) -> bool {
    let mut topics: Vec<&Str> = subscription.topics.iter().collect();
    topics.sort_unstable();
    topics.dedup();
    old.description.regex.is_none() && topics.into_iter().eq(old.description.names.iter())
}
