//! The classic protocol as consumers follow it (`AbstractCoordinator`, `ConsumerCoordinator`; KIP-345, KIP-394, KIP-429).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::group::assignor::client::ClientAssignor;
use kelpgate_core::group::embedded::{
    CONSUMER, ConsumerProtocolSubscription, NamedPartitions, read_assignment, write_subscription,
};
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::time::Instant;

use super::ClassicOptions;
use super::base::{BACKOFF, Base, Standing, What};
use super::deal::deal;
use crate::client::Context;
use crate::history::Place;

/// How long JoinGroup may take longer than the group waits for its members.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

/// A member of a classic group.
pub(super) struct Classic {
    options: ClassicOptions,
    /// Empty for one that has not been given an id.
    id: Str,
    /// -1 for none.
    generation: i32,
    phase: Phase,
    heartbeat_due: Instant,
    /// The session is over then by its own clock, unless a heartbeat is answered.
    session_until: Instant,
    /// Set if it leads: the partitions of the topics as it dealt them.
    dealt: Option<BTreeMap<Str, i32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// About to join: what is to be committed before is.
    Preparing {
        committed: bool,
    },
    Joining,
    Syncing,
    Stable,
    /// Said goodbye.
    Gone,
}

impl Classic {
    pub(super) fn new(options: ClassicOptions) -> Classic {
        Classic {
            options,
            id: Str::default(),
            generation: -1,
            phase: Phase::Preparing { committed: false },
            heartbeat_due: Instant::default(),
            session_until: Instant::default(),
            dealt: None,
        }
    }

    /// Its id, if it is a member.
    pub(super) fn id(&self) -> Option<&Str> {
        (self.generation >= 0).then_some(&self.id)
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        (self.generation >= 0 && self.phase == Phase::Stable)
            .then(|| Standing { id: self.id.clone(), epoch: self.generation })
    }

    pub(super) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    fn is_cooperative(&self) -> bool {
        self.options.assignors.iter().all(|assignor| *assignor == ClientAssignor::CooperativeSticky)
    }

    /// These requests have no answer.
    pub(super) fn lost(&mut self, lost: &[What]) {
        if lost.iter().any(|what| matches!(what, What::Join | What::Sync)) {
            self.phase = Phase::Preparing { committed: true };
        }
    }

    /// Gives up everything if the session is over by its own clock. While it waits for others it has no session to keep.
    pub(super) fn expire(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        let keeps = matches!(self.phase, Phase::Stable | Phase::Preparing { .. });
        if keeps && self.generation >= 0 && self.session_until <= cx.now {
            self.lose(base, cx);
        }
    }

    /// Does what is due.
    pub(super) fn act(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Preparing { committed } => self.prepare(base, cx, committed),
            Phase::Stable => {
                self.watch_topics(base);
                self.heartbeat(base, cx);
            }
            Phase::Joining | Phase::Syncing | Phase::Gone => {}
        }
    }

    /// Says goodbye, what was read committed first; true once it has.
    pub(super) fn leave(&mut self, base: &mut Base, cx: &mut Context<'_>) -> bool {
        match self.phase {
            Phase::Gone => !base.is_asking(|what| matches!(what, What::Leave | What::Heartbeat { .. })),
            // Static members stay away without a word (KIP-345).
            Phase::Preparing { .. } | Phase::Stable
                if self.generation < 0 || base.options.instance.is_some() =>
            {
                true
            }
            Phase::Preparing { committed: false } => {
                self.phase = Phase::Preparing { committed: true };
                self.commit(base, cx);
                self.leave(base, cx)
            }
            Phase::Preparing { committed: true }
                if base.is_asking(|what| matches!(what, What::Commit { .. })) =>
            {
                false
            }
            Phase::Preparing { committed: true } => {
                self.phase = Phase::Gone;
                self.say_goodbye(base, cx);
                false
            }
            Phase::Stable => {
                self.phase = Phase::Preparing { committed: false };
                self.leave(base, cx)
            }
            Phase::Joining | Phase::Syncing => false,
        }
    }

    fn say_goodbye(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        let group_id = base.options.group.clone();
        let member_id = self.id.clone();
        let request = match self.options.leave {
            0..=2 => LeaveGroupRequest { group_id, member_id, ..Default::default() },
            _ => {
                let mut members = vec![MemberIdentity { member_id, ..Default::default() }];
                if base.options.falls_behind {
                    // Somebody is put out with it who is not there: that is said of that one alone.
                    let stranger = MemberIdentity { member_id: "stranger".into(), ..Default::default() };
                    members.insert(cx.random.below(2), stranger);
                }
                LeaveGroupRequest { group_id, members, ..Default::default() }
            }
        };
        base.coordinator.send(cx, What::Leave, self.options.leave, request);
    }

    fn commit(&self, base: &mut Base, cx: &mut Context<'_>) {
        if self.generation >= 0 {
            base.commit(cx, &Standing { id: self.id.clone(), epoch: self.generation });
        }
    }

    /// What is worked on is finished and committed; eager members give up everything; then it joins.
    fn prepare(&mut self, base: &mut Base, cx: &mut Context<'_>, committed: bool) {
        let busy_until = base.consumption.busy_until();
        if busy_until > cx.now {
            cx.wake_in(busy_until.saturating_since(cx.now));
            return self.heartbeat(base, cx);
        }
        if !committed {
            self.phase = Phase::Preparing { committed: true };
            self.commit(base, cx);
        }
        if base.is_asking(|what| matches!(what, What::Commit { .. })) {
            return self.heartbeat(base, cx);
        }
        if !base.consumption.knows_topics() {
            return;
        }
        if !self.is_cooperative() && self.generation >= 0 && base.consumption.places().next().is_some() {
            let standing = Standing { id: self.id.clone(), epoch: self.generation };
            base.own(cx, &standing, BTreeSet::new());
        }
        self.join(base, cx);
    }

    fn join(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        let subscription = ConsumerProtocolSubscription {
            topics: self.options.topics.clone(),
            owned_partitions: by_topic(base.owned()),
            generation_id: self.generation,
            rack_id: base.options.fetch.rack.clone(),
            ..Default::default()
        };
        let metadata = write_subscription(&subscription, self.options.embedded);
        let metadata = metadata.expect("a subscription of our own can be written");
        let protocol = |assignor: &ClientAssignor| JoinGroupRequestProtocol {
            name: Str::from_static(assignor.name()),
            metadata: metadata.clone(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: base.options.group.clone(),
            session_timeout_ms: self.options.session_timeout.as_millis() as i32,
            rebalance_timeout_ms: base.options.rebalance_timeout.as_millis() as i32,
            member_id: self.id.clone(),
            group_instance_id: base.options.instance.clone(),
            protocol_type: Str::from_static(CONSUMER),
            protocols: self.options.assignors.iter().map(protocol).collect(),
            ..Default::default()
        };
        self.phase = Phase::Joining;
        let patience = base.options.rebalance_timeout.max(self.options.session_timeout) + JOIN_LAPSE;
        base.coordinator.send_for(cx, What::Join, self.options.join, request, patience);
    }

    pub(super) fn answered(&mut self, base: &mut Base, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Join, Response::JoinGroup(answer)) => self.joined(base, cx, answer),
            (What::Sync, Response::SyncGroup(answer)) => self.synced(base, cx, answer),
            (What::Heartbeat { generation, at }, Response::Heartbeat(answer)) => {
                if generation == self.generation
                    && matches!(self.phase, Phase::Stable | Phase::Preparing { .. })
                {
                    self.heard(base, cx, at, answer.error_code);
                }
            }
            (What::Leave, Response::LeaveGroup(_)) if base.options.falls_behind => {
                // The thread that heartbeats has not heard of it.
                let request = self.heartbeat_request(base);
                let what = What::Heartbeat { generation: -1, at: cx.now };
                base.coordinator.send(cx, what, self.options.heartbeat, request);
            }
            (What::Leave, Response::LeaveGroup(_)) => {}
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }

    fn joined(&mut self, base: &mut Base, cx: &mut Context<'_>, answer: JoinGroupResponse) {
        if answer.error_code == ErrorCode::MEMBER_ID_REQUIRED {
            self.id = answer.member_id;
            return self.join(base, cx);
        }
        if answer.error_code != ErrorCode::NONE {
            return self.refused(base, cx, answer.error_code);
        }
        self.id = answer.member_id.clone();
        self.generation = answer.generation_id;
        self.session_until = cx.now + self.options.session_timeout;
        self.phase = Phase::Syncing;
        let leads = answer.leader == answer.member_id;
        self.dealt = leads.then(|| self.known_topics(base));
        let assignments = match leads && !answer.skip_assignment {
            true => deal(&answer, base.consumption.topics(), self.options.embedded),
            false => Vec::new(),
        };
        let request = SyncGroupRequest {
            group_id: base.options.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: base.options.instance.clone(),
            protocol_type: Some(Str::from_static(CONSUMER)),
            protocol_name: answer.protocol_name,
            assignments,
            ..Default::default()
        };
        let patience = base.options.rebalance_timeout + JOIN_LAPSE;
        base.coordinator.send_for(cx, What::Sync, self.options.sync, request, patience);
    }

    fn synced(&mut self, base: &mut Base, cx: &mut Context<'_>, answer: SyncGroupResponse) {
        if answer.error_code != ErrorCode::NONE {
            return self.refused(base, cx, answer.error_code);
        }
        let assignment = read_assignment(&answer.assignment).map(|(_, read)| read).unwrap_or_default();
        let given: BTreeSet<Place> = assignment
            .assigned_partitions
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic.clone(), *partition)))
            .map(|(topic, partition)| Place { node: cx.node, topic, partition })
            .collect();
        let gives_up = base.owned().difference(&given).next().is_some();
        base.own(cx, &Standing { id: self.id.clone(), epoch: self.generation }, given);
        self.phase = Phase::Stable;
        self.session_until = cx.now + self.options.session_timeout;
        self.heartbeat_due = cx.now + self.options.heartbeat_every;
        cx.wake_in(self.options.heartbeat_every);
        if gives_up {
            // Cooperative: what it gave up can only be given to others in another round.
            self.phase = Phase::Preparing { committed: false };
        }
    }

    /// The answer to a heartbeat that was sent then.
    fn heard(&mut self, base: &mut Base, cx: &mut Context<'_>, at: Instant, error: ErrorCode) {
        match error {
            ErrorCode::NONE => self.session_until = at + self.options.session_timeout,
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.session_until = at + self.options.session_timeout;
                if self.phase == Phase::Stable {
                    self.phase = Phase::Preparing { committed: false };
                }
            }
            error if base.is_coordinators(cx, error) => {}
            error => self.refused(base, cx, error),
        }
    }

    /// An answer that makes the member join again.
    fn refused(&mut self, base: &mut Base, cx: &mut Context<'_>, error: ErrorCode) {
        match error {
            ErrorCode::REBALANCE_IN_PROGRESS => {}
            ErrorCode::ILLEGAL_GENERATION => self.lose(base, cx),
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.lose(base, cx);
                self.id = Str::default();
            }
            // Its own earlier request took its place, or another that is its fellow.
            ErrorCode::FENCED_INSTANCE_ID => {
                self.lose(base, cx);
                self.id = Str::default();
                base.pause(cx);
            }
            error => {
                if !base.is_coordinators(cx, error) {
                    self.lose(base, cx);
                    base.pause(cx);
                }
            }
        }
        self.phase = Phase::Preparing { committed: true };
    }

    fn lose(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        if self.generation >= 0 {
            base.lose(cx, &self.id);
        }
        self.generation = -1;
        self.phase = Phase::Preparing { committed: true };
    }

    fn heartbeat(&mut self, base: &mut Base, cx: &mut Context<'_>) {
        if self.generation < 0 {
            return;
        }
        cx.wake_in(self.session_until.saturating_since(cx.now));
        if base.is_asking(|what| matches!(what, What::Heartbeat { .. })) {
            return;
        }
        if self.heartbeat_due > cx.now {
            return cx.wake_in(self.heartbeat_due.saturating_since(cx.now));
        }
        let request = self.heartbeat_request(base);
        self.heartbeat_due = cx.now + self.options.heartbeat_every;
        cx.wake_in(self.options.heartbeat_every.max(BACKOFF));
        let what = What::Heartbeat { generation: self.generation, at: cx.now };
        base.coordinator.send(cx, what, self.options.heartbeat, request);
    }

    fn heartbeat_request(&self, base: &Base) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: base.options.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: base.options.instance.clone(),
            ..Default::default()
        }
    }

    fn known_topics(&self, base: &Base) -> BTreeMap<Str, i32> {
        let topics = base.consumption.topics();
        self.options.topics.iter().map(|name| (name.clone(), topics.partitions(name))).collect()
    }

    /// A leader that sees other partitions than it dealt calls everybody together again.
    fn watch_topics(&mut self, base: &Base) {
        if self.dealt.as_ref().is_some_and(|dealt| *dealt != self.known_topics(base)) {
            self.phase = Phase::Preparing { committed: false };
        }
    }
}

fn by_topic(places: BTreeSet<Place>) -> Vec<NamedPartitions> {
    let mut topics: BTreeMap<Str, Vec<i32>> = BTreeMap::new();
    for place in places {
        topics.entry(place.topic).or_default().push(place.partition);
    }
    let topics = topics.into_iter();
    topics.map(|(topic, partitions)| NamedPartitions { topic, partitions, ..Default::default() }).collect()
}
