//! JoinGroup of a classic member in a consumer group (`GroupMetadataManager.classicGroupJoinToConsumerGroup` of Kafka).
//! It never waits for others.

use core::time::Duration;

use super::downgrade::{Successor, replaced_by_classic};
use super::protocols;
use super::subscription::Subscription;
use crate::config::MigrationPolicy;
use crate::group::classic::{ClassicGroup, Timeouts};
use crate::group::classic_requests::{JoinRefusal, REQUIRES_KNOWN_ID, check_join};
use crate::group::consumer::heartbeat::{SubscriptionChange, new_id};
use crate::group::consumer::member::{Description, Member};
use crate::group::consumer::{ConsumerGroup, ConsumerTimer};
use crate::group::embedded::CONSUMER;
use crate::group::question::Client;
use crate::group::record::{ClassicMemberMetadata, ClassicProtocol};
use crate::group::refusal;
use crate::group::step::Step;
use crate::machine::Level;
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// One JoinGroup.
#[derive(Clone, Copy)]
pub(super) struct Joiner<'a> {
    pub request: &'a JoinGroupRequest,
    pub version: i16,
    pub client: &'a Client,
}

impl Joiner<'_> {
    fn instance_id(&self) -> Option<&Str> {
        self.request.group_instance_id.as_ref()
    }

    pub fn timeouts(&self) -> Timeouts {
        let request = self.request;
        Timeouts::of_request(request.session_timeout_ms, request.rebalance_timeout_ms, self.version)
    }
}

/// Where a joiner goes.
enum Place {
    /// It is, or becomes, the member of this id.
    Own(Str),
    /// It takes the place of the static member `old`.
    Of { old: Str, new: Str },
}

/// Answers a JoinGroup in a consumer group that has members. The group may be a classic one after that: if its last member
/// of the new protocol was a static one and the joiner takes its place.
pub fn join(
    group: &mut ConsumerGroup,
    step: &mut Step<'_>,
    group_id: &Str,
    asker: Asker,
    request: &JoinGroupRequest,
    version: i16,
    client: Client,
) -> Option<ClassicGroup> {
    let joiner = Joiner { request, version, client: &client };
    let admitted = group
        .check_classic_join(step, joiner)
        .and_then(|subscription| group.place(step, joiner).map(|place| (subscription, place)));
    let answer = match admitted {
        Err(refusal) => Err(refusal),
        Ok((subscription, place)) => {
            if let Place::Of { old, .. } = &place {
                let successor = Successor { joiner, subscription: &subscription, old };
                if let Some(mut classic) = replaced_by_classic(group, step, group_id, successor) {
                    classic.join(step, group_id, asker, request, version, client);
                    return Some(classic);
                }
            }
            group.join_classic(step, group_id, joiner, &subscription, place)
        }
    };
    step.answer(asker, answer.unwrap_or_else(|it| refusal::join(it.error, it.member_id)));
    None
}

impl ConsumerGroup {
    /// What can be checked without looking at who it is, in Kafka's order; what it subscribes to.
    fn check_classic_join(&self, step: &Step<'_>, joiner: Joiner<'_>) -> Result<Subscription, JoinRefusal> {
        let request = joiner.request;
        let refuse = |error| JoinRefusal::of(request, error);
        check_join(step.config, request)?;
        if step.config.consumer_migration_policy == MigrationPolicy::Disabled {
            return Err(refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        if !self.has_room_for(request, step.config.consumer_max_size) {
            return Err(JoinRefusal::no_room());
        }
        if request.protocol_type != CONSUMER || !self.share_one_of(&request.protocols) {
            return Err(refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        let metadata = request.protocols.first().map(|first| &first.metadata);
        let metadata = metadata.ok_or_else(|| refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL))?;
        Subscription::read(metadata, step.image).map_err(refuse)
    }

    /// Whoever is, or takes the place of, a member needs no further room.
    fn has_room_for(&self, request: &JoinGroupRequest, limit: usize) -> bool {
        let instance = request.group_instance_id.as_ref();
        self.members().len() < limit
            || self.member(&request.member_id).is_some()
            || instance.is_some_and(|instance| self.static_member(instance).is_some())
    }

    /// Whether all classic members can follow one of these.
    fn share_one_of(&self, offered: &[JoinGroupRequestProtocol]) -> bool {
        let follows = |member: &Member, name: &Str| protocols(member).iter().any(|own| own.name == *name);
        let all_follow =
            |name: &Str| self.members().filter(|member| member.is_classic()).all(|it| follows(it, name));
        offered.iter().any(|protocol| all_follow(&protocol.name))
    }

    /// Who the joiner is. Ids are handed out without remembering them: any id is accepted.
    fn place(&self, step: &mut Step<'_>, joiner: Joiner<'_>) -> Result<Place, JoinRefusal> {
        let id = &joiner.request.member_id;
        let refuse = |error| JoinRefusal::of(joiner.request, error);
        let Some(instance) = joiner.instance_id() else {
            return match (id.is_empty(), joiner.version) {
                (false, _) => Ok(Place::Own(id.detach())),
                (true, REQUIRES_KNOWN_ID..) => {
                    Err(JoinRefusal { error: ErrorCode::MEMBER_ID_REQUIRED, member_id: new_id(step) })
                }
                (true, _) => Ok(Place::Own(new_id(step))),
            };
        };
        match self.static_member(instance) {
            None if id.is_empty() => Ok(Place::Own(new_id(step))),
            None => Err(refuse(ErrorCode::UNKNOWN_MEMBER_ID)),
            Some(holder) if id.is_empty() => Ok(Place::Of { old: holder.id.clone(), new: new_id(step) }),
            Some(holder) if holder.id != *id => Err(refuse(ErrorCode::FENCED_INSTANCE_ID)),
            Some(holder) => Ok(Place::Own(holder.id.clone())),
        }
    }

    /// The joiner becomes or stays a member, as in a heartbeat of the new protocol that says everything.
    fn join_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        joiner: Joiner<'_>,
        subscription: &Subscription,
        place: Place,
    ) -> Result<JoinGroupResponse, JoinRefusal> {
        let config = step.image.group_config(group_id);
        let known = match &place {
            Place::Own(id) => self.member(id),
            Place::Of { .. } => None,
        };
        if let Err(unfit) = subscription.check(known, config.classic_member_check) {
            let member_id = joiner.request.member_id.clone();
            let client = &joiner.client.id;
            let text = alloc::format!(
                "group {group_id:?}: member {member_id:?} of client {client:?} may not join: {unfit}"
            );
            step.note(Level::Warn, text);
            return Err(JoinRefusal { error: unfit.error(), member_id });
        }
        let id = match place {
            Place::Own(id) => id,
            Place::Of { old, new } => {
                self.replace_member(step, group_id, &old, &new);
                new
            }
        };
        let description = self.describe_classic(&id, joiner, subscription);
        let change = self.store_description(step, group_id, &id, &description);
        let subscribes = change == SubscriptionChange::Known;
        if subscribes || self.must_look_at_topics(step.image) {
            self.look_at_topics(step, group_id, subscribes);
        }
        self.maybe_assign(step, group_id, config.assignment_interval);
        let changed = change != SubscriptionChange::None;
        self.reconcile(step, group_id, &id, changed, Some(&subscription.owned));
        self.await_sync(step, &id, joiner.timeouts());
        Ok(self.joined(id, joiner.request))
    }

    /// It says all that a member has to say, so nothing is left of what it said before.
    fn describe_classic(&self, id: &Str, joiner: Joiner<'_>, subscription: &Subscription) -> Description {
        let before = self.member(id).and_then(|member| member.description.instance_id.clone());
        let protocol = |protocol: &JoinGroupRequestProtocol| ClassicProtocol {
            name: protocol.name.clone(),
            metadata: protocol.metadata.clone(),
            ..Default::default()
        };
        Description {
            instance_id: joiner.instance_id().cloned().or(before),
            rack_id: subscription.rack_id.clone(),
            client: joiner.client.clone(),
            names: self.shared_names(&subscription.topics),
            rebalance_timeout_ms: joiner.timeouts().rebalance_ms,
            classic: Some(ClassicMemberMetadata {
                session_timeout_ms: joiner.request.session_timeout_ms,
                supported_protocols: joiner.request.protocols.iter().map(protocol).collect(),
                ..Default::default()
            }),
            ..Description::default()
        }
    }

    /// Its time to join is over, and its time to ask for the assignment begins.
    fn await_sync(&mut self, step: &Step<'_>, id: &Str, timeouts: Timeouts) {
        let Some(no) = self.member(id).map(|member| member.no) else { return };
        let now = step.now.mono;
        self.start_session(now, id, timeouts.session());
        self.stop_timer(ConsumerTimer::Rejoin(no));
        self.stop_timer(ConsumerTimer::Sync(no));
        self.start_timer(ConsumerTimer::Sync(no), now + timeouts.rebalance().max(LEAST_SYNC));
    }

    /// All are followers.
    fn joined(&self, id: Str, request: &JoinGroupRequest) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.member(&id).map_or(-1, |member| member.standing.epoch),
            protocol_type: Some(Str::from_static(CONSUMER)),
            protocol_name: request.protocols.first().map(|first| first.name.clone()),
            member_id: id,
            ..Default::default()
        }
    }
}

/// The least time a member has to ask for its assignment: rebalance timeouts are not bounded, and 0 would fence it before
/// it has heard of its join.
const LEAST_SYNC: Duration = Duration::from_secs(1);
