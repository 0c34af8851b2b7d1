//! A classic group becomes a consumer group under its members' feet (`ConsumerGroup.fromClassicGroup` of Kafka).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::subscription::{Subscription, by_id};
use crate::config::ClassicMemberCheck;
use crate::group::assignor::Partitions;
use crate::group::classic::{self, ClassicGroup};
use crate::group::consumer::admission::{Refusal, check_form, no_group};
use crate::group::consumer::given::Given;
use crate::group::consumer::member::{Description, JOIN_EPOCH, MemberState, Standing};
use crate::group::consumer::{ConsumerGroup, writing};
use crate::group::embedded::{CONSUMER, read_assignment};
use crate::group::question::{Client, GroupAnswer};
use crate::group::record::{ClassicMemberMetadata, ClassicProtocol, GroupKey, GroupRecord};
use crate::group::step::Step;
use crate::machine::Level;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;
use crate::time::WallTime;
use crate::uuid::Uuid;

/// The first version of JoinGroup that gives a member its id before it waits.
const KNOWS_ITS_ID: i16 = 4;

/// A member on its way.
struct Convert {
    id: Str,
    description: Description,
    assigned: Given,
}

/// Answers a heartbeat in a classic group that has members. If it joins, the group goes on as a consumer group: those who
/// wait in the classic one are told to join again.
pub fn upgrade(
    step: &mut Step<'_>,
    group_id: &Str,
    classic: &mut ClassicGroup,
    asker: Asker,
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    client: &Client,
) -> Option<ConsumerGroup> {
    let first = step.effects.records.len();
    let converted = check_form(request, version, step.config).and_then(|()| match request.member_epoch {
        JOIN_EPOCH => converted(step, group_id, classic),
        _ => Err(no_group(group_id)),
    });
    let mut group = match converted {
        Ok(group) => group,
        Err(refusal) => {
            step.answer(asker, refusal.into_response());
            return None;
        }
    };
    group.heartbeat(step, group_id, asker, request, version, client);
    if let Some((_, GroupAnswer::ConsumerHeartbeat(answer))) = step.effects.answers.last()
        && answer.error_code != ErrorCode::NONE
    {
        // Whoever may not join changes nothing.
        step.effects.records.truncate(first);
        return None;
    }
    let epoch = classic.generation();
    step.note(Level::Info, format!("group {group_id:?} becomes a consumer group after generation {epoch}"));
    classic.answer_everyone_with(step, ErrorCode::REBALANCE_IN_PROGRESS);
    Some(group)
}

/// A consumer group with the members of a classic one: each has what its leader last gave it, at an epoch that is the
/// generation. The records undo the one and make the other.
///
/// # Errors
/// GROUP_ID_NOT_FOUND, with the reason in its text; then nothing was recorded.
fn converted(step: &mut Step<'_>, group_id: &Str, classic: &ClassicGroup) -> Result<ConsumerGroup, Refusal> {
    let converts = check_group(step, classic).and_then(|()| converts(step, group_id, classic));
    let converts = converts.map_err(|why| {
        step.note(Level::Warn, format!("group {group_id:?} cannot become a consumer group: {why}"));
        Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, format!("Group {group_id} is a classic group: {why}."))
    })?;
    let epoch = classic.generation();
    step.record(GroupRecord::GroupMetadata(GroupKey { group: group_id.clone(), ..Default::default() }, None));
    let mut group = ConsumerGroup::new();
    for convert in &converts {
        group.put(step, writing::description(group_id, &convert.id, Some(&convert.description)));
    }
    let hash = group.topics_hash(step.image);
    group.put(step, writing::epoch(group_id, Some((epoch, hash))));
    for convert in &converts {
        let target: Partitions = convert.assigned.to_partitions();
        group.put(step, writing::target(group_id, &convert.id, Some(&target)));
    }
    // When it was computed is not known, so the next request may compute another at once.
    group.put(step, writing::assignment(group_id, Some((epoch, WallTime(0)))));
    for convert in converts {
        let standing = Standing {
            epoch,
            previous_epoch: epoch,
            state: MemberState::Stable,
            assigned: convert.assigned,
            pending_revocation: Given::default(),
        };
        group.put(step, writing::standing(group_id, &convert.id, Some(&standing)));
        group.renew_classic_session(step.now.mono, &convert.id);
    }
    Ok(group)
}

fn check_group(step: &Step<'_>, classic: &ClassicGroup) -> Result<(), String> {
    if !step.config.consumer_migration_policy.upgrades() {
        return Err("group.consumer.migration.policy does not let it become a consumer group".into());
    }
    if classic.protocol_type().is_none_or(|kind| kind != CONSUMER) {
        return Err("its members are not consumers".into());
    }
    let (members, limit) = (classic.members().count(), step.config.consumer_max_size);
    if members > limit {
        return Err(format!("it has {members} members, and group.consumer.max.size is {limit}"));
    }
    Ok(())
}

/// All members, or why one of them cannot be in a consumer group.
fn converts(step: &Step<'_>, group_id: &Str, classic: &ClassicGroup) -> Result<Vec<Convert>, String> {
    let check = step.image.group_config(group_id).classic_member_check;
    let mut given: BTreeSet<(Uuid, i32)> = BTreeSet::new();
    let known = classic.members().map(|(_, member)| member).filter(|member| knows_its_id(member));
    known
        .map(|member| {
            let convert = convert(step, classic.generation(), member, check)?;
            for (topic, partition, _) in convert.assigned.iter() {
                if !given.insert((topic, partition)) {
                    return Err(format!(
                        "member {} has partition {partition} of a topic, and another has it too",
                        member.id
                    ));
                }
            }
            Ok(convert)
        })
        .collect()
}

/// One whose first JoinGroup still waits without it knowing its id will come back as another.
fn knows_its_id(member: &classic::Member) -> bool {
    match member.state() {
        classic::MemberState::Joining { parked, first } => !first || parked.version >= KNOWS_ITS_ID,
        classic::MemberState::Settled
        | classic::MemberState::AwaitingSync
        | classic::MemberState::Syncing { .. } => true,
    }
}

fn convert(
    step: &Step<'_>,
    epoch: i32,
    member: &classic::Member,
    check: ClassicMemberCheck,
) -> Result<Convert, String> {
    let id = &member.id;
    let metadata = member.protocols.first().map(|first| first.metadata.clone()).unwrap_or_default();
    let subscription = Subscription::read(&metadata, step.image)
        .map_err(|_| format!("the subscription of member {id} cannot be read"))?;
    // It would be refused when it joins again, and its consumer would stop.
    subscription.check_version(check).map_err(|unfit| format!("member {id} cannot stay: {unfit}"))?;
    let (_, assignment) = read_assignment(&member.assignment)
        .map_err(|_| format!("the assignment of member {id} cannot be read"))?;
    if assignment.user_data.is_some_and(|data| !data.is_empty()) {
        return Err(format!("the assignment of member {id} has user data: its assignor is a custom one"));
    }
    let exists = |topic: &Uuid, partition: &i32| {
        step.image.topic_by_id(*topic).is_some_and(|topic| (0..topic.partitions).contains(partition))
    };
    let mut assigned = Given::default();
    for topic in by_id(&assignment.assigned_partitions, step.image) {
        for partition in topic.partitions.iter().filter(|partition| exists(&topic.topic_id, partition)) {
            assigned.insert(topic.topic_id, *partition, epoch);
        }
    }
    Ok(Convert { id: id.clone(), description: description(member, subscription), assigned })
}

fn description(member: &classic::Member, subscription: Subscription) -> Description {
    let protocol = |protocol: &classic::Protocol| ClassicProtocol {
        name: protocol.name.clone(),
        metadata: protocol.metadata.clone(),
        ..Default::default()
    };
    Description {
        instance_id: member.instance_id.clone(),
        rack_id: subscription.rack_id,
        client: member.client.clone(),
        names: subscription.topics.into(),
        rebalance_timeout_ms: member.timeouts.rebalance_ms,
        classic: Some(ClassicMemberMetadata {
            session_timeout_ms: member.timeouts.session_ms,
            supported_protocols: member.protocols.iter().map(protocol).collect(),
            ..Default::default()
        }),
        ..Description::default()
    }
}
