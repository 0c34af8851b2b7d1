//! The classic protocol: the leader deals the partitions in turn.

use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::group::embedded::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, write_assignment,
    write_subscription,
};
use kelpgate_core::ids::ConnId;
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use kelpgate_core::protocol::{ErrorCode, Response, Str};

use crate::support::{Calls, World};
use crate::{COUNT, Cost, GROUP, TOPIC, connections, node};

const PROTOCOL: Str = Str::from_static("roundrobin");
const CONSUMER: Str = Str::from_static("consumer");
const EMBEDDED_VERSION: i16 = 1;
const TIMEOUT_MS: i32 = 60_000;
/// More than the quiet after which the members of a new group are complete.
const QUIET: Duration = Duration::from_secs(3);

struct Crowd {
    world: World,
    members: Vec<(ConnId, Str)>,
    generation: i32,
}

/// A thousand form the group, one more joins, and leaves.
pub fn round() -> Vec<Cost> {
    let mut world = node();
    let conns = connections(&mut world, COUNT + 1);
    let mut crowd = Crowd { world, members: Vec::new(), generation: 0 };
    vec![
        crowd.cost("1,000 members form the group", |crowd| {
            conns[..COUNT].iter().for_each(|conn| crowd.come(*conn));
            crowd.world.pass(QUIET);
        }),
        crowd.cost("one more joins", |crowd| {
            let old = crowd.members.clone();
            crowd.come(conns[COUNT]);
            crowd.notice(&old);
        }),
        crowd.cost("one leaves", |crowd| {
            crowd.leave();
            let rest = crowd.members.clone();
            crowd.notice(&rest);
        }),
    ]
}

impl Crowd {
    /// A change, after which everybody joins in one generation and gets its part.
    fn cost(&mut self, what: &'static str, change: impl FnOnce(&mut Crowd)) -> Cost {
        self.world.calls = Calls::default();
        change(self);
        self.sync();
        (what, self.world.calls)
    }

    /// Somebody without an id is given one and joins with it.
    fn come(&mut self, conn: ConnId) {
        self.world.send(conn, 9, join(&Str::default()));
        let refused = joined(&mut self.world, conn);
        assert_eq!(refused.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        self.world.send(conn, 9, join(&refused.member_id));
        self.members.push((conn, refused.member_id));
    }

    /// Members that were there hear of the rebalance and join again.
    fn notice(&mut self, members: &[(ConnId, Str)]) {
        for (conn, id) in members {
            let beat = HeartbeatRequest {
                group_id: GROUP,
                generation_id: self.generation,
                member_id: id.clone(),
                ..Default::default()
            };
            match self.world.ask(*conn, 4, beat) {
                Response::Heartbeat(beat) => assert_eq!(beat.error_code, ErrorCode::REBALANCE_IN_PROGRESS),
                other => panic!("{other:?}"),
            }
            self.world.send(*conn, 9, join(id));
        }
    }

    /// The last member says goodbye.
    fn leave(&mut self) {
        let (conn, id) = self.members.pop().expect("a member");
        let identity = MemberIdentity { member_id: id, ..Default::default() };
        let request = LeaveGroupRequest { group_id: GROUP, members: vec![identity], ..Default::default() };
        match self.world.ask(conn, 5, request) {
            Response::LeaveGroup(left) => assert_eq!(left.members[0].error_code, ErrorCode::NONE),
            other => panic!("{other:?}"),
        }
    }

    /// All have joined: the followers ask for their parts, then the leader brings them.
    fn sync(&mut self) {
        let mut leader = None;
        for (conn, id) in self.members.clone() {
            let joined = joined(&mut self.world, conn);
            assert_eq!(joined.error_code, ErrorCode::NONE);
            self.generation = joined.generation_id;
            match joined.leader == id {
                true => leader = Some((conn, id, joined.members.into_iter().map(|member| member.member_id))),
                false => self.world.send(conn, 5, sync(self.generation, &id, Vec::new())),
            }
        }
        let (conn, id, ids) = leader.expect("a leader");
        let parts = deal(&ids.collect::<Vec<_>>());
        self.world.send(conn, 5, sync(self.generation, &id, parts));
        for (conn, _) in &self.members {
            match self.world.receive(*conn) {
                Some(Response::SyncGroup(synced)) => assert_eq!(synced.error_code, ErrorCode::NONE),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn join(member_id: &Str) -> JoinGroupRequest {
    let subscription = ConsumerProtocolSubscription { topics: vec![TOPIC], ..Default::default() };
    let metadata = write_subscription(&subscription, EMBEDDED_VERSION).expect("it fits");
    JoinGroupRequest {
        group_id: GROUP,
        session_timeout_ms: TIMEOUT_MS,
        rebalance_timeout_ms: TIMEOUT_MS,
        member_id: member_id.clone(),
        protocol_type: CONSUMER,
        protocols: vec![JoinGroupRequestProtocol { name: PROTOCOL, metadata, ..Default::default() }],
        ..Default::default()
    }
}

fn joined(world: &mut World, conn: ConnId) -> JoinGroupResponse {
    match world.receive(conn) {
        Some(Response::JoinGroup(joined)) => joined,
        other => panic!("{other:?}"),
    }
}

fn sync(
    generation_id: i32,
    member_id: &Str,
    assignments: Vec<SyncGroupRequestAssignment>,
) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: GROUP,
        generation_id,
        member_id: member_id.clone(),
        protocol_type: Some(CONSUMER),
        protocol_name: Some(PROTOCOL),
        assignments,
        ..Default::default()
    }
}

/// The partitions dealt in turn.
fn deal(ids: &[Str]) -> Vec<SyncGroupRequestAssignment> {
    let part = |place: usize| -> Bytes {
        let partitions = (place as i32..COUNT as i32).step_by(ids.len()).collect();
        let topic = NamedPartitions { topic: TOPIC, partitions, ..Default::default() };
        let assignment =
            ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() };
        write_assignment(&assignment, EMBEDDED_VERSION).expect("it fits")
    };
    let one = |(place, id): (usize, &Str)| SyncGroupRequestAssignment {
        member_id: id.clone(),
        assignment: part(place),
        ..Default::default()
    };
    ids.iter().enumerate().map(one).collect()
}
