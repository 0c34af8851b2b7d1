//! Members of groups: they join by the classic protocol or by that of KIP-848, read what they are given from where the
//! group had read to, commit, and come and go.

mod base;
mod classic;
mod consumer;
mod deal;
mod offsets;

use std::time::Duration;

use kelpgate_core::group::assignor::client::ClientAssignor;
use kelpgate_core::protocol::{Response, Str};
use kelpgate_core::time::Instant;

use super::consumption::FetchOptions;
use super::line::LineNews;
use super::{Client, Context, Happening};
use crate::network::LinkId;
use base::{Base, What};
use classic::Classic;
use consumer::Consumer;

/// How a member works.
#[derive(Clone, Debug)]
pub struct MemberOptions {
    pub group: Str,
    pub protocol: ProtocolOptions,
    /// Set for a static member, and no other's (`group.instance.id`).
    pub instance: Option<Str>,
    /// How long the group waits for it (`max.poll.interval.ms`).
    pub rebalance_timeout: Duration,
    pub fetch: FetchOptions,
    /// `auto.commit.interval.ms`.
    pub commit_every: Duration,
    /// Now and then it commits once more as it was before the last rebalance, as a thread does that has fallen behind.
    pub falls_behind: bool,
    /// Mean length of a life; none: it is there to the end.
    pub life: Option<Duration>,
    pub versions: Versions,
}

/// Versions that both protocols need.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Of FindCoordinator: 0 to 6.
    pub find: i16,
    /// Of OffsetCommit: 1 to 10; at least 7 for static members, and 9 for those of KIP-848.
    pub commit: i16,
    /// Of OffsetFetch: 0 to 10; at least 9 for members of KIP-848.
    pub fetch: i16,
}

/// What differs between the protocols.
#[derive(Clone, Debug)]
pub enum ProtocolOptions {
    Classic(ClassicOptions),
    Consumer(ConsumerOptions),
}

/// How a member of the classic protocol works.
#[derive(Clone, Debug)]
pub struct ClassicOptions {
    pub topics: Vec<Str>,
    pub session_timeout: Duration,
    pub heartbeat_every: Duration,
    /// The one liked best first. If all of them are cooperative, so is the member (KIP-429).
    pub assignors: Vec<ClientAssignor>,
    /// Of JoinGroup: 0 to 9; at least 5 for static members.
    pub join: i16,
    /// Of SyncGroup: 0 to 5; at least 3 for static members.
    pub sync: i16,
    /// Of Heartbeat: 0 to 4; at least 3 for static members.
    pub heartbeat: i16,
    /// Of LeaveGroup: 0 to 5.
    pub leave: i16,
    /// Of subscriptions and assignments: 0 to 3; at least 1 for cooperative members.
    pub embedded: i16,
}

/// How a member of KIP-848 works.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    pub subscription: Subscription,
    /// What it asks the group to be assigned by.
    pub assignor: Option<Str>,
    /// Of ConsumerGroupHeartbeat: 0 or 1.
    pub version: i16,
}

/// What a member of KIP-848 wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    Names(Vec<Str>),
    /// In the syntax of RE2; not before version 1.
    Regex(Str),
}

/// A member through all its lives.
pub struct Member {
    base: Base,
    protocol: Protocol,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It ends then, if ever.
    Alive { until: Option<Instant> },
    /// It gives back what it has and says goodbye.
    Leaving,
    /// The next one begins then.
    Dead { until: Instant },
}

enum Protocol {
    Classic(Classic),
    Consumer(Consumer),
}

impl Protocol {
    fn new(options: &MemberOptions) -> Protocol {
        match &options.protocol {
            ProtocolOptions::Classic(options) => Protocol::Classic(Classic::new(options.clone())),
            ProtocolOptions::Consumer(options) => Protocol::Consumer(Consumer::new(options.clone())),
        }
    }
}

impl Member {
    pub fn new(options: MemberOptions) -> Member {
        let protocol = Protocol::new(&options);
        Member { base: Base::new(options), protocol, life: Life::Dead { until: Instant::default() } }
    }

    /// Whether this is its connection to its coordinator.
    pub(super) fn is_coordinator(&self, link: LinkId) -> bool {
        self.base.coordinator.is_on(link)
    }

    /// Lives end when it is time, and begin.
    fn live(&mut self, cx: &mut Context<'_>) {
        match self.life {
            Life::Dead { until } if until > cx.now => cx.wake_in(until.saturating_since(cx.now)),
            Life::Dead { .. } => {
                self.protocol = Protocol::new(&self.base.options);
                let length = self.base.options.life.filter(|_| !self.base.healed);
                let until = length.map(|length| cx.now + cx.random.time(Duration::ZERO..=length * 2));
                self.life = Life::Alive { until };
                self.live(cx);
            }
            // Once the world is healed, nobody dies any more.
            Life::Alive { until: Some(_) } if self.base.healed => self.life = Life::Alive { until: None },
            Life::Alive { until: Some(until) } if until > cx.now => {
                cx.wake_in(until.saturating_since(cx.now));
            }
            Life::Alive { until: Some(_) } if cx.random.chance(2) => self.life = Life::Leaving,
            Life::Alive { until: Some(_) } => self.die(cx),
            Life::Alive { until: None } | Life::Leaving => {}
        }
    }

    fn die(&mut self, cx: &mut Context<'_>) {
        if let Some(who) = self.who(cx) {
            cx.saw(crate::history::Observation::Lost { who });
        }
        let closing = !cx.random.chance(3);
        self.base.die(cx, closing);
        let pause = cx.random.time(Duration::from_millis(10)..=Duration::from_secs(8));
        self.life = Life::Dead { until: cx.now + pause };
        cx.wake_in(pause);
    }

    fn who(&self, cx: &Context<'_>) -> Option<crate::history::Membership> {
        let id = match &self.protocol {
            Protocol::Classic(classic) => classic.id(),
            Protocol::Consumer(consumer) => consumer.id(),
        };
        id.map(|id| self.base.who(cx, id))
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Coordinator, Response::FindCoordinator(answer)) => self.base.found(cx, answer),
            (What::Offsets, Response::OffsetFetch(answer)) => self.base.told_offsets(cx, answer),
            (What::Commit { op, offsets }, Response::OffsetCommit(answer)) => {
                self.base.committed(cx, op, offsets, answer);
            }
            // It is refused, or was allowed (KIP-1251); what follows from a rebalance is heard by heartbeats.
            (What::LateCommit, Response::OffsetCommit(_)) => {}
            (what, response) => match &mut self.protocol {
                Protocol::Classic(classic) => classic.answered(&mut self.base, cx, what, response),
                Protocol::Consumer(consumer) => consumer.answered(&mut self.base, cx, what, response),
            },
        }
    }

    fn act(&mut self, cx: &mut Context<'_>) {
        if let Protocol::Classic(classic) = &mut self.protocol {
            classic.expire(&mut self.base, cx);
        }
        if !self.base.is_ready(cx) {
            return;
        }
        if self.life == Life::Leaving {
            let left = match &mut self.protocol {
                Protocol::Classic(classic) => classic.leave(&mut self.base, cx),
                Protocol::Consumer(consumer) => consumer.leave(&mut self.base, cx),
            };
            if left {
                self.die(cx);
            }
            return;
        }
        match &mut self.protocol {
            Protocol::Classic(classic) => classic.act(&mut self.base, cx),
            Protocol::Consumer(consumer) => consumer.act(&mut self.base, cx),
        }
        let standing = match &self.protocol {
            Protocol::Classic(classic) => classic.standing(),
            Protocol::Consumer(consumer) => consumer.standing(),
        };
        if let Some(standing) = standing {
            self.base.ask_offsets(cx, &standing);
            self.base.commit_now_and_then(cx, &standing);
            self.base.commit_late(cx, &standing);
        }
    }
}

impl Client for Member {
    fn name(&self) -> String {
        let kind = match &self.protocol {
            Protocol::Classic(_) => "classic member",
            Protocol::Consumer(_) => "member",
        };
        format!("{kind} of {}", self.base.options.group)
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        if matches!(happening, Happening::Healed) {
            self.base.heal(cx);
        }
        self.live(cx);
        if matches!(self.life, Life::Dead { .. }) {
            return;
        }
        match self.base.take(happening, cx) {
            LineNews::Nothing | LineNews::Up => {}
            LineNews::Down(lost) => {
                self.base.lost(cx, &lost);
                match &mut self.protocol {
                    Protocol::Classic(classic) => classic.lost(&lost),
                    Protocol::Consumer(consumer) => consumer.lost(&lost),
                }
            }
            LineNews::Answer(what, response) => self.answered(cx, what, *response),
        }
        self.act(cx);
        if !matches!(self.life, Life::Dead { .. }) {
            self.base.consumption.act(cx);
        }
    }

    fn is_done(&self) -> bool {
        let stable = match &self.protocol {
            Protocol::Classic(classic) => classic.is_stable(),
            Protocol::Consumer(consumer) => consumer.is_stable(),
        };
        matches!(self.life, Life::Alive { .. }) && stable && self.base.is_done()
    }
}
