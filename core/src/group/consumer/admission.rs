//! Which heartbeats are accepted: all checks stand here, before anything changes, in the order in which Kafka makes them.

use alloc::format;
use alloc::string::String;

use super::ConsumerGroup;
use super::member::{JOIN_EPOCH, LEAVE_EPOCH, Member, STATIC_LEAVE_EPOCH};
use super::reconcile::must_be_fenced;
use crate::config::GroupCoordinatorConfig;
use crate::group::assignor::ServerAssignor;
use crate::mutant::{Mutant, is_on};
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::protocol::{ErrorCode, Str};

/// Why a heartbeat is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub error: ErrorCode,
    /// For the person who reads the client's log.
    pub message: String,
}

impl Refusal {
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { error, message: message.into() }
    }

    /// What the member hears.
    pub fn into_response(self) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse {
            error_code: self.error,
            error_message: Some(self.message.into()),
            ..Default::default()
        }
    }
}

/// How an accepted heartbeat's sender relates to the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It becomes a member.
    New,
    /// It is a member.
    Known,
    /// It takes the place of the member with this id, which held its instance id.
    Replaces(Str),
}

/// Checks what can be checked without a group.
///
/// # Errors
/// INVALID_REQUEST and UNSUPPORTED_ASSIGNOR.
pub fn check_form(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    config: &GroupCoordinatorConfig,
) -> Result<(), Refusal> {
    let epoch = request.member_epoch;
    // From version 1 on the client makes its own id (KIP-1082).
    if (version >= 1 || epoch > JOIN_EPOCH || epoch == LEAVE_EPOCH) && is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("GroupId can't be empty.");
    }
    if request.instance_id.as_ref().is_some_and(is_blank) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack_id.as_ref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    if epoch == JOIN_EPOCH {
        check_join(request)?;
    }
    if epoch == STATIC_LEAVE_EPOCH && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    }
    if epoch < STATIC_LEAVE_EPOCH {
        return invalid("MemberEpoch is invalid.");
    }
    match &request.server_assignor {
        Some(name) if !is_served(name, config) => Err(Refusal::new(
            ErrorCode::UNSUPPORTED_ASSIGNOR,
            format!(
                "The assignor {name} is not supported; there are {}.",
                config.consumer_assignors.join(", ")
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// A member that joins says everything; an empty list of names or an empty regular expression is fine.
fn check_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    if request.rebalance_timeout_ms == -1 {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        );
    }
    Ok(())
}

fn invalid(message: &'static str) -> Result<(), Refusal> {
    Err(Refusal::new(ErrorCode::INVALID_REQUEST, message))
}

fn is_blank(text: &Str) -> bool {
    text.trim().is_empty()
}

/// Whether members may ask for an assignor of that name.
pub fn is_served(name: &str, config: &GroupCoordinatorConfig) -> bool {
    config.consumer_assignors.iter().any(|served| served == name) && ServerAssignor::by_name(name).is_some()
}

impl ConsumerGroup {
    /// Checks a heartbeat that joins or stays against the group. `member_id` is that of the request, or the one made for it.
    pub(super) fn admit(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        member_id: &Str,
        config: &GroupCoordinatorConfig,
    ) -> Result<Admission, Refusal> {
        let joins = request.member_epoch == JOIN_EPOCH;
        if !joins && self.is_nothing() {
            return Err(no_group(&request.group_id));
        }
        self.check_room(request, member_id, config)?;
        let admission = match &request.instance_id {
            None => self.admit_dynamic(request, member_id)?,
            Some(instance) => self.admit_static(request, member_id, instance)?,
        };
        self.check_regex(request.subscribed_topic_regex.as_ref())?;
        let member = self.members.get(member_id);
        if member.is_some_and(|member| must_be_fenced(member.standing.state, owned(request))) {
            return Err(fenced("is in a state unknown to this version; it"));
        }
        Ok(admission)
    }

    /// Kafka refuses a static member's successor too. It takes a place that is there already, so we do not.
    fn check_room(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        member_id: &Str,
        config: &GroupCoordinatorConfig,
    ) -> Result<(), Refusal> {
        let limit = config.consumer_max_size;
        let holder = request.instance_id.as_ref().and_then(|instance| self.static_member(instance));
        let takes_place = request.member_epoch == JOIN_EPOCH && holder.is_some_and(Member::may_be_replaced);
        if self.members.len() < limit || self.members.contains_key(member_id) || takes_place {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::GROUP_MAX_SIZE_REACHED,
            format!("The consumer group has reached its maximum capacity of {limit} members."),
        ))
    }

    fn admit_dynamic(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        member_id: &Str,
    ) -> Result<Admission, Refusal> {
        match self.members.get(member_id) {
            Some(member) => check_epoch(member, request).map(|()| Admission::Known),
            None if request.member_epoch == JOIN_EPOCH => Ok(Admission::New),
            None => Err(unknown_member(member_id, &request.group_id)),
        }
    }

    fn admit_static(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        member_id: &Str,
        instance: &Str,
    ) -> Result<Admission, Refusal> {
        let joins = request.member_epoch == JOIN_EPOCH;
        match self.static_member(instance) {
            None if joins && self.members.contains_key(member_id) => Ok(Admission::Known),
            None if joins => Ok(Admission::New),
            None => Err(unknown_instance(instance)),
            // The same member, which starts over: whatever its epoch is (KAFKA-19233).
            Some(holder) if joins && holder.id == *member_id && !holder.is_away() => Ok(Admission::Known),
            Some(holder) if joins && holder.may_be_replaced() => Ok(Admission::Replaces(holder.id.clone())),
            Some(holder) if joins => Err(Refusal::new(
                ErrorCode::UNRELEASED_INSTANCE_ID,
                format!("The instance id {instance} is still owned by member {}.", holder.id),
            )),
            Some(holder) if holder.id != *member_id => Err(fenced_instance(member_id, instance)),
            Some(holder) => check_epoch(holder, request).map(|()| Admission::Known),
        }
    }
}

/// Checks the epoch a member sends against the one it has. The one before is accepted from a member that owns no more
/// than it may: the answer that told it the new one was lost.
fn check_epoch(member: &Member, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let (sent, standing) = (request.member_epoch, &member.standing);
    if sent == JOIN_EPOCH && is_on(Mutant::MemberCannotStartOver) {
        return Err(fenced("is known already; it"));
    }
    if sent == JOIN_EPOCH || sent == standing.epoch {
        return Ok(());
    }
    if sent > standing.epoch {
        return Err(fenced("has a greater epoch than the one known to the coordinator; it"));
    }
    let owns_no_more = owned(request).is_some_and(|owned| standing.assigned.covers(owned));
    if sent == standing.previous_epoch && owns_no_more {
        return Ok(());
    }
    Err(fenced("has a smaller epoch than the one known to the coordinator; it"))
}

/// What a heartbeat reports as owned.
pub(super) fn owned(request: &ConsumerGroupHeartbeatRequest) -> Option<&[TopicPartitions]> {
    request.topic_partitions.as_deref()
}

fn fenced(why: &str) -> Refusal {
    Refusal::new(
        ErrorCode::FENCED_MEMBER_EPOCH,
        format!("The consumer group member {why} must abandon all its partitions and rejoin."),
    )
}

/// There is no consumer group of that name.
pub fn no_group(group_id: &str) -> Refusal {
    Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, format!("Group {group_id} not found."))
}

pub(super) fn unknown_member(member_id: &str, group_id: &str) -> Refusal {
    Refusal::new(
        ErrorCode::UNKNOWN_MEMBER_ID,
        format!("Member {member_id} is not a member of group {group_id}."),
    )
}

pub(super) fn unknown_instance(instance: &str) -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, format!("Instance id {instance} is unknown."))
}

pub(super) fn fenced_instance(member_id: &str, instance: &str) -> Refusal {
    Refusal::new(
        ErrorCode::FENCED_INSTANCE_ID,
        format!("Static member {member_id} with instance id {instance} was fenced by a different member."),
    )
}
