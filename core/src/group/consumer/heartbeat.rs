//! One heartbeat, step by step (KIP-848; `GroupMetadataManager.consumerGroupHeartbeat` of Kafka).

use alloc::sync::Arc;

use rand_chacha::rand_core::Rng;

use super::admission::{Admission, Refusal, check_form, owned};
use super::member::{Description, JOIN_EPOCH};
use super::reconcile::Reconciliation;
use super::{ConsumerGroup, writing};
use crate::group::assignor::Partitions;
use crate::group::question::Client;
use crate::group::step::Step;
use crate::mutant::{Mutant, is_on};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::shard_message::Asker;
use crate::uuid::Uuid;

/// What a heartbeat changed of its member's subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionChange {
    /// Nothing.
    None,
    /// To a regular expression that is yet to be resolved: the group's epoch rises after that.
    Unresolved,
    /// To something that is known now: the group's epoch rises at once.
    Known,
}

impl ConsumerGroup {
    /// Answers a heartbeat: a member joins, stays, leaves, or hears why it cannot.
    pub fn heartbeat(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &ConsumerGroupHeartbeatRequest,
        version: i16,
        client: &Client,
    ) {
        self.begin();
        let outcome = match check_form(request, version, step.config) {
            Err(refusal) => Err(refusal),
            Ok(()) if request.member_epoch < JOIN_EPOCH => self.leave_by_heartbeat(step, group_id, request),
            Ok(()) => self.stay(step, group_id, request, client),
        };
        step.answer(asker, outcome.unwrap_or_else(Refusal::into_response));
    }

    /// A member joins or stays.
    fn stay(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
        client: &Client,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        // Only clients of version 0 leave it to us, when they join.
        let id = if request.member_id.is_empty() { new_id(step) } else { request.member_id.detach() };
        let admission = self.admit(request, &id, step.config)?;
        let config = step.image.group_config(group_id);
        if let Admission::Replaces(old) = &admission {
            self.replace_member(step, group_id, old, &id);
        }
        let change = self.describe_member(step, group_id, &id, request, client);
        self.maybe_resolve(step);
        if change == SubscriptionChange::Known || self.must_look_at_topics(step.image) {
            self.look_at_topics(step, group_id, change == SubscriptionChange::Known);
        }
        self.maybe_assign(step, group_id, config.assignment_interval);
        let changed = change != SubscriptionChange::None;
        let is_new = self.reconcile(step, group_id, &id, changed, owned(request));
        self.start_session(step.now.mono, &id, config.session_timeout);
        let asks = request.member_epoch == JOIN_EPOCH || is_full(request);
        let tells = (asks && !is_on(Mutant::AssignmentToldOnce)) || is_new;
        let (member_epoch, assigned) = match self.member(&id) {
            Some(member) => (member.standing.epoch, tells.then(|| member.standing.assigned.to_answer())),
            None => (JOIN_EPOCH, None),
        };
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id),
            member_epoch,
            heartbeat_interval_ms: config.heartbeat_interval_ms,
            assignment: assigned
                .map(|topic_partitions| Assignment { topic_partitions, ..Default::default() }),
            ..Default::default()
        })
    }

    /// Stores what the member says about itself, if any of it is new.
    fn describe_member(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
        client: &Client,
    ) -> SubscriptionChange {
        let known = self.member(id).map(|member| &member.description);
        let before = known.cloned().unwrap_or_default();
        let names = request.subscribed_topic_names.as_deref().map(|names| self.subscriptions.shared(names));
        let after = updated(&before, request, names, client);
        self.store_description(step, group_id, id, &after)
    }

    /// Stores a description, if any of it is new.
    pub(in crate::group) fn store_description(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        id: &Str,
        after: &Description,
    ) -> SubscriptionChange {
        let known = self.member(id).map(|member| &member.description);
        let before = known.cloned().unwrap_or_default();
        if known.is_some() && *after == before {
            return SubscriptionChange::None;
        }
        let change = self.subscription_change(&before, after);
        let last_user = before.regex.clone().filter(|_| before.regex != after.regex);
        let last_user = last_user.filter(|regex| self.subscriptions.users_of(regex) == 1);
        self.put(step, writing::description(group_id, id, Some(after)));
        if let Some(regex) = last_user {
            self.put(step, writing::regex(group_id, &regex, None));
        }
        change
    }

    /// Tells whether a new description changes the subscription, and whether the new one is known yet.
    pub(super) fn subscription_change(
        &self,
        before: &Description,
        after: &Description,
    ) -> SubscriptionChange {
        let is_known =
            |regex: &Str| self.subscriptions.regex(regex).is_some_and(|regex| regex.resolved.is_some());
        if before.names != after.names {
            SubscriptionChange::Known
        } else if before.regex == after.regex {
            SubscriptionChange::None
        } else if after.regex.as_ref().is_none_or(is_known) {
            SubscriptionChange::Known
        } else {
            SubscriptionChange::Unresolved
        }
    }

    /// Moves a member one step towards its target and lets its time to revoke begin or end. Tells whether other partitions
    /// are assigned to it now.
    pub(in crate::group) fn reconcile(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        id: &Str,
        subscription_changed: bool,
        owned: Option<&[TopicPartitions]>,
    ) -> bool {
        let Some(member) = self.members.get(id) else { return false };
        if !subscription_changed && member.standing.is_reconciled_to(self.assignment_epoch) {
            return false;
        }
        let (no, image, nothing) = (member.no, step.image, Partitions::new());
        let next = Reconciliation {
            target_epoch: self.assignment_epoch,
            target: self.targets.get(id).unwrap_or(&nothing),
            subscription_changed,
            owned,
            is_subscribed: &|topic: Uuid| {
                image
                    .topic_by_id(topic)
                    .is_some_and(|topic| self.subscriptions.wants(&member.description, &topic.name))
            },
            is_held_by_other: &|topic, partition| {
                !is_on(Mutant::GivenBeforeRevoked)
                    && self.owner(topic, partition).is_some_and(|owner| owner != no)
            },
        }
        .next(&member.standing);
        if next == member.standing {
            return false;
        }
        let is_new = !next.assigned.has_the_partitions_of(&member.standing.assigned);
        self.put(step, writing::standing(group_id, id, Some(&next)));
        self.time_revocation(step.now.mono, id);
        is_new
    }
}

/// What a member says about itself after this heartbeat: null and -1 leave things as they are.
fn updated(
    before: &Description,
    request: &ConsumerGroupHeartbeatRequest,
    names: Option<Arc<[Str]>>,
    client: &Client,
) -> Description {
    let detached = |new: &Option<Str>, old: &Option<Str>| match new {
        Some(new) => Some(new.detach()),
        None => old.clone(),
    };
    Description {
        instance_id: detached(&request.instance_id, &before.instance_id),
        rack_id: detached(&request.rack_id, &before.rack_id),
        client: Client { id: client.id.detach(), host: client.host.detach() },
        names: names.unwrap_or_else(|| before.names.clone()),
        regex: detached(&request.subscribed_topic_regex, &before.regex).filter(|regex| !regex.is_empty()),
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => before.rebalance_timeout_ms,
            timeout => timeout,
        },
        assignor: detached(&request.server_assignor, &before.assignor),
        classic: None,
    }
}

/// Whether a request says all that a member has to say: its client does not know where it stands.
fn is_full(request: &ConsumerGroupHeartbeatRequest) -> bool {
    let subscribes = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    request.rebalance_timeout_ms != -1 && subscribes && request.topic_partitions.is_some()
}

/// A member id of our own, as Kafka makes them: a version 4 UUID in base64url.
pub(in crate::group) fn new_id(step: &mut Step<'_>) -> Str {
    let mut bytes = [0; 16];
    step.random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Str::from(alloc::string::ToString::to_string(&Uuid(bytes)))
}
