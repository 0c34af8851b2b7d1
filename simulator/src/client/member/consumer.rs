//! The protocol of KIP-848 as consumers follow it (`ConsumerMembershipManager`): one heartbeat says everything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;

use super::base::{Base, Standing, What};
use super::{ConsumerOptions, Subscription};
use crate::client::Context;
use crate::history::Place;

/// The member epoch that leaves.
const LEAVE: i32 = -1;
/// The member epoch with which a static member leaves for a while.
const LEAVE_FOR_A_WHILE: i32 = -2;
/// How often it heartbeats until it is told.
const FIRST_INTERVAL: Duration = Duration::from_millis(500);

/// A member of a consumer group.
pub(super) struct Consumer {
    options: ConsumerOptions,
    /// Empty until the node gave one (version 0).
    id: Str,
    /// 0: joins.
    epoch: i32,
    phase: Phase,
    interval: Duration,
    heartbeat_due: Instant,
    /// What it is to read.
    target: BTreeMap<Uuid, Vec<i32>>,
    /// What the coordinator was told last that it owns; none: it must be told everything.
    told: Option<BTreeSet<Place>>,
    /// A target came since: what it owns is told even if that has not changed (`LocalAssignment`'s local epoch).
    owes_word: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Joining,
    /// It gives up what is not in its target, once that is committed, and takes what is.
    Reconciling {
        committed: bool,
    },
    /// It reads what is in its target, as far as it knows the topics.
    Stable,
    /// Goes once what was read is committed.
    Going {
        committed: bool,
    },
    /// Said goodbye.
    Gone,
}

impl Consumer {
    pub(super) fn new(options: ConsumerOptions) -> Consumer {
        Consumer {
            options,
            id: Str::default(),
            epoch: 0,
            phase: Phase::Joining,
            interval: FIRST_INTERVAL,
            heartbeat_due: Instant::default(),
            target: BTreeMap::new(),
            told: None,
            owes_word: false,
        }
    }

    /// Its id, if it is a member.
    pub(super) fn id(&self) -> Option<&Str> {
        (self.epoch > 0).then_some(&self.id)
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        (self.epoch > 0).then(|| Standing { id: self.id.clone(), epoch: self.epoch })
    }

    pub(super) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    /// These requests have no answer: the next heartbeat says everything again.
    pub(super) fn lost(&mut self, lost: &[What]) {
        if lost.iter().any(|what| matches!(what, What::Consumer { .. })) {
            self.told = None;
            self.heartbeat_due = Instant::default();
        }
    }

    /// Does what is due.
    pub(super) fn act(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        if let Phase::Reconciling { committed } = self.phase {
            self.reconcile(base, cx, committed);
        }
        if self.phase == Phase::Stable && self.target_places(base, cx) != base.owned() {
            self.phase = Phase::Reconciling { committed: false };
            self.reconcile(base, cx, false);
        }
        self.heartbeat(base, cx);
    }

    /// Says goodbye, what was read committed first; true once it has.
    pub(super) fn leave(&mut self, base: &mut Base, cx: &mut Context<'_>) -> bool {
        match self.phase {
            Phase::Gone => return !base.is_asking(|what| matches!(what, What::Leave)),
            Phase::Joining | Phase::Reconciling { .. } | Phase::Stable if self.epoch <= 0 => {
                // What it asked may have been granted: the answer is waited for.
                return !base.is_asking(|what| matches!(what, What::Consumer { .. }));
            }
            Phase::Joining
            | Phase::Reconciling { .. }
            | Phase::Stable
            | Phase::Going { committed: false } => {
                self.phase = Phase::Going { committed: true };
                self.commit(base, cx);
                return self.leave(base, cx);
            }
            Phase::Going { committed: true }
                if !base.is_asking(|what| matches!(what, What::Commit { .. })) =>
            {
                self.phase = Phase::Gone;
                let epoch = if base.options.instance.is_some() { LEAVE_FOR_A_WHILE } else { LEAVE };
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: base.options.group.clone(),
                    member_id: self.id.clone(),
                    member_epoch: epoch,
                    instance_id: base.options.instance.clone(),
                    ..Default::default()
                };
                base.coordinator.send(cx, What::Leave, self.options.version, request);
            }
            Phase::Going { committed: true } => {}
        }
        false
    }

    fn commit(&self, base: &mut Base, cx: &mut Context<'_>) {
        if let Some(standing) = self.standing() {
            base.commit(cx, &standing);
        }
    }

    /// The target in names, as far as they are known.
    fn target_places(&self, base: &Base, cx: &Context<'_>) -> BTreeSet<Place> {
        let topics = base.consumption.topics();
        let named = self.target.iter().filter_map(|(id, partitions)| Some((topics.name(*id)?, partitions)));
        let places = named.flat_map(|(name, partitions)| {
            let place = |partition: &i32| Place { node: cx.node, topic: name.clone(), partition: *partition };
            partitions.iter().map(place)
        });
        places.collect()
    }

    fn reconcile(&mut self, base: &mut Base, cx: &mut Context<'_>, committed: bool) {
        let busy_until = base.consumption.busy_until();
        if busy_until > cx.now {
            return cx.wake_in(busy_until.saturating_since(cx.now));
        }
        let target = self.target_places(base, cx);
        let owned = base.owned();
        if !committed && owned.difference(&target).next().is_some() {
            self.phase = Phase::Reconciling { committed: true };
            self.commit(base, cx);
        }
        if base.is_asking(|what| matches!(what, What::Commit { .. })) {
            return;
        }
        if let Some(standing) = self.standing() {
            base.own(cx, &standing, target);
        }
        self.phase = Phase::Stable;
        let topics = base.consumption.topics();
        if self.target.keys().any(|id| topics.name(*id).is_none()) {
            base.consumption.doubt_topics(cx);
        }
        // What it owns now is told at once.
        self.heartbeat_due = Instant::default();
    }

    fn heartbeat(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        if base.is_asking(|what| matches!(what, What::Consumer { .. })) {
            return;
        }
        if self.heartbeat_due > cx.now {
            return cx.wake_in(self.heartbeat_due.saturating_since(cx.now));
        }
        if self.id.is_empty() && self.options.version >= 1 {
            let mut id = [0; 16];
            cx.random.fill(&mut id);
            self.id = Uuid(id).to_string().into();
        }
        let owned = base.owned();
        let everything = self.told.is_none();
        let has_news = self.owes_word || self.told.as_ref() != Some(&owned);
        let tells = (has_news && self.phase == Phase::Stable) || everything;
        let (names, regex) = match &self.options.subscription {
            Subscription::Names(names) => (Some(names.clone()), None),
            Subscription::Regex(regex) => (None, Some(regex.clone())),
        };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: base.options.group.clone(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: base.options.instance.clone(),
            rack_id: base.options.fetch.rack.clone().filter(|_| everything),
            rebalance_timeout_ms: match everything {
                true => base.options.rebalance_timeout.as_millis() as i32,
                false => -1,
            },
            subscribed_topic_names: names.filter(|_| everything),
            subscribed_topic_regex: regex.filter(|_| everything),
            server_assignor: self.options.assignor.clone().filter(|_| everything),
            topic_partitions: tells.then(|| by_topic(base, &owned)),
            ..Default::default()
        };
        self.heartbeat_due = cx.now + self.interval;
        cx.wake_in(self.interval);
        let what = What::Consumer { owned: tells.then_some(owned) };
        base.coordinator.send(cx, what, self.options.version, request);
    }

    pub(super) fn answered(&mut self, base: &mut Base, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Consumer { owned }, Response::ConsumerGroupHeartbeat(answer)) => match answer.error_code {
                ErrorCode::NONE => self.heard(owned, answer),
                error => self.refused(base, cx, error),
            },
            (What::Leave, Response::ConsumerGroupHeartbeat(_)) => {}
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }

    fn heard(&mut self, owned: Option<BTreeSet<Place>>, answer: ConsumerGroupHeartbeatResponse) {
        if let Some(id) = answer.member_id {
            self.id = id;
        }
        self.epoch = answer.member_epoch;
        self.interval = Duration::from_millis(answer.heartbeat_interval_ms.max(1) as u64);
        if owned.is_some() {
            self.told = owned;
            self.owes_word = false;
        }
        let going = matches!(self.phase, Phase::Going { .. } | Phase::Gone);
        if let Some(assignment) = answer.assignment {
            self.target = assignment
                .topic_partitions
                .into_iter()
                .map(|topic| (topic.topic_id, topic.partitions))
                .collect();
            self.owes_word = true;
            if !going {
                self.phase = Phase::Reconciling { committed: false };
            }
        } else if self.phase == Phase::Joining {
            self.phase = Phase::Reconciling { committed: false };
        }
    }

    fn refused(&mut self, base: &mut Base, cx: &mut Context<'_>, error: ErrorCode) {
        self.told = None;
        match error {
            ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => self.lose(base, cx),
            // It is gone, or is one of the classic protocol: it comes again, but not at once.
            ErrorCode::GROUP_ID_NOT_FOUND => {
                self.lose(base, cx);
                base.pause(cx);
            }
            error if base.is_coordinators(cx, error) => {}
            // Another holds its instance id, or has just let go of it: it is another member from now on.
            _ => {
                self.lose(base, cx);
                self.id = Str::default();
                base.pause(cx);
            }
        }
        self.heartbeat_due = Instant::default();
    }

    fn lose(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        if self.epoch > 0 {
            base.lose(cx, &self.id);
        }
        self.epoch = 0;
        self.target.clear();
        self.phase = Phase::Joining;
    }
}

fn by_topic(base: &Base, places: &BTreeSet<Place>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for place in places {
        let Some(id) = base.consumption.topics().id(&place.topic) else { continue };
        topics.entry(id).or_default().push(place.partition);
    }
    let topics = topics.into_iter();
    topics
        .map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions, ..Default::default() })
        .collect()
}
