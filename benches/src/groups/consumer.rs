//! The new protocol (KIP-848): the group deals the partitions, members own what they are given and give up what they are
//! not.

use std::collections::BTreeSet;
use std::time::Duration;

use kelpgate_core::ids::ConnId;
use kelpgate_core::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::uuid::Uuid;

use crate::support::{Calls, World};
use crate::{COUNT, Cost, GROUP, TOPIC, connections, node};

/// Between the heartbeats of a member; longer than the interval between two assignments.
const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// Rounds of heartbeats in which a group settles at the latest.
const PATIENCE: usize = 10;
const LEAVES: i32 = -1;

#[derive(Clone)]
struct Member {
    conn: ConnId,
    id: Str,
    epoch: i32,
    owned: Vec<i32>,
}

struct Crowd {
    world: World,
    topic: Uuid,
    members: Vec<Member>,
}

/// A thousand form the group, one more joins, and leaves. The heartbeats by which members learn of it count too.
pub fn round() -> Vec<Cost> {
    let mut world = node();
    let conns = connections(&mut world, COUNT + 1);
    let topic = world.topic_id(conns[0], &TOPIC);
    let mut crowd = Crowd { world, topic, members: Vec::new() };
    vec![
        crowd.cost("1,000 members form the group", |crowd| {
            conns[..COUNT].iter().for_each(|conn| crowd.come(*conn));
        }),
        crowd.cost("one more joins", |crowd| crowd.come(conns[COUNT])),
        crowd.cost("one leaves", |crowd| {
            let last = crowd.members.pop().expect("a member");
            crowd.ask(&Member { epoch: LEAVES, ..last }, false);
        }),
    ]
}

impl Crowd {
    /// A change, after which all partitions are owned, each by one member.
    fn cost(&mut self, what: &'static str, change: impl FnOnce(&mut Crowd)) -> Cost {
        self.world.calls = Calls::default();
        change(self);
        for _ in 0..PATIENCE {
            self.world.pass(HEARTBEAT);
            let changed = self.beat();
            if !changed && self.owns_everything() {
                return (what, self.world.calls);
            }
        }
        panic!("not settled after {PATIENCE} heartbeats of each");
    }

    fn come(&mut self, conn: ConnId) {
        let id = Str::from(format!("member-{}", self.members.len()));
        let mut member = Member { conn, id, epoch: 0, owned: Vec::new() };
        let answer = self.ask(&member, true);
        take(&mut member, answer);
        self.members.push(member);
    }

    /// A heartbeat of each, and another at once if it was given something else; says whether anybody was.
    fn beat(&mut self) -> bool {
        let mut changed = false;
        for place in 0..self.members.len() {
            let mut member = self.members[place].clone();
            let mut says_all = false;
            loop {
                let answer = self.ask(&member, says_all);
                says_all = take(&mut member, answer);
                if !says_all {
                    break;
                }
                changed = true;
            }
            self.members[place] = member;
        }
        changed
    }

    /// A heartbeat; one that says all says what the member owns too.
    fn ask(&mut self, member: &Member, says_all: bool) -> ConsumerGroupHeartbeatResponse {
        let owned = || TopicPartitions {
            topic_id: self.topic,
            partitions: member.owned.clone(),
            ..Default::default()
        };
        let owned = match (says_all, member.owned.is_empty()) {
            (false, _) => None,
            (true, true) => Some(Vec::new()),
            (true, false) => Some(vec![owned()]),
        };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP,
            member_id: member.id.clone(),
            member_epoch: member.epoch,
            rebalance_timeout_ms: if says_all { 60_000 } else { -1 },
            subscribed_topic_names: says_all.then(|| vec![TOPIC]),
            topic_partitions: owned,
            ..Default::default()
        };
        match self.world.ask(member.conn, 1, request) {
            Response::ConsumerGroupHeartbeat(answer) => {
                assert_eq!(answer.error_code, ErrorCode::NONE, "{:?}", answer.error_message);
                answer
            }
            other => panic!("{other:?}"),
        }
    }

    fn owns_everything(&self) -> bool {
        let owned = || self.members.iter().flat_map(|member| &member.owned);
        owned().count() == COUNT && owned().collect::<BTreeSet<_>>().len() == COUNT
    }
}

/// Takes in an answer; says whether the member was given other partitions.
fn take(member: &mut Member, answer: ConsumerGroupHeartbeatResponse) -> bool {
    member.epoch = answer.member_epoch;
    let Some(assignment) = answer.assignment else { return false };
    let mut owned: Vec<i32> =
        assignment.topic_partitions.into_iter().flat_map(|topic| topic.partitions).collect();
    owned.sort_unstable();
    let is_other = owned != member.owned;
    member.owned = owned;
    is_other
}
