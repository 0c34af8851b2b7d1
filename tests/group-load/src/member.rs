//! A member of a classic group: what it asks next, given what it was answered.

use kelpgate_core::group::embedded::{
    CONSUMER, ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, read_assignment,
    write_assignment, write_subscription,
};
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use kelpgate_core::protocol::{ApiKey, ErrorCode, Request, Response, Str};

use crate::failure::Failure;

/// The one protocol that all members offer. Their leader deals the partitions in turn.
const PROTOCOL: Str = Str::from_static("roundrobin");
/// The version in which subscriptions and assignments are written.
const EMBEDDED_VERSION: i16 = 1;

/// What all members of the group have in common.
#[derive(Clone)]
pub struct Plan {
    /// The group's id.
    pub group: Str,
    /// The topic that they read.
    pub topic: Str,
    /// How many partitions it has.
    pub partitions: i32,
    /// Session timeout in milliseconds.
    pub session_timeout_ms: i32,
    /// Rebalance timeout in milliseconds.
    pub rebalance_timeout_ms: i32,
}

/// Where a member stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It asked to join, or is about to.
    Joining,
    /// It asked for its part of this generation.
    Syncing(i32),
    /// It owns these partitions in this generation.
    Stable {
        /// The generation.
        generation: i32,
        /// Numbers of partitions.
        owned: Vec<i32>,
    },
    /// It said goodbye.
    Leaving,
    /// It is no member any more.
    Left,
}

/// What a member does upon an answer.
#[derive(Debug)]
pub enum Next {
    /// Ask this at once.
    Ask(Request),
    /// Ask this a little later, since the server asks for patience.
    AskLater(Request),
    /// Nothing; a heartbeat when it is time.
    Rest,
}

/// One member.
pub struct Member {
    id: Str,
    /// Where it stands.
    pub phase: Phase,
}

impl Member {
    /// A member without an id.
    pub fn new() -> Member {
        Member { id: Str::default(), phase: Phase::Joining }
    }

    /// Whether the server has given it an id.
    pub fn is_known(&self) -> bool {
        !self.id.is_empty()
    }

    /// Its request to join.
    pub fn join(&mut self, plan: &Plan) -> Result<Request, Failure> {
        self.phase = Phase::Joining;
        let subscription =
            ConsumerProtocolSubscription { topics: vec![plan.topic.clone()], ..Default::default() };
        let metadata = write_subscription(&subscription, EMBEDDED_VERSION)?;
        Ok(Request::JoinGroup(JoinGroupRequest {
            group_id: plan.group.clone(),
            session_timeout_ms: plan.session_timeout_ms,
            rebalance_timeout_ms: plan.rebalance_timeout_ms,
            member_id: self.id.clone(),
            protocol_type: Str::from_static(CONSUMER),
            protocols: vec![JoinGroupRequestProtocol { name: PROTOCOL, metadata, ..Default::default() }],
            ..Default::default()
        }))
    }

    /// Its heartbeat, if it is in a generation.
    pub fn heartbeat(&self, plan: &Plan) -> Option<Request> {
        let Phase::Stable { generation, .. } = self.phase else { return None };
        Some(Request::Heartbeat(HeartbeatRequest {
            group_id: plan.group.clone(),
            generation_id: generation,
            member_id: self.id.clone(),
            ..Default::default()
        }))
    }

    /// Its goodbye.
    pub fn leave(&mut self, plan: &Plan) -> Request {
        self.phase = Phase::Leaving;
        let identity = MemberIdentity { member_id: self.id.clone(), ..Default::default() };
        Request::LeaveGroup(LeaveGroupRequest {
            group_id: plan.group.clone(),
            members: vec![identity],
            ..Default::default()
        })
    }

    /// Takes in an answer.
    pub fn answered(&mut self, plan: &Plan, response: Response) -> Result<Next, Failure> {
        let key = response.api_key();
        match (response, &self.phase) {
            (Response::JoinGroup(joined), Phase::Joining) => self.joined(plan, joined),
            (Response::SyncGroup(synced), Phase::Syncing(generation)) => {
                let generation = *generation;
                self.synced(plan, generation, synced)
            }
            (Response::Heartbeat(beat), Phase::Stable { .. }) => match beat.error_code {
                ErrorCode::NONE => Ok(Next::Rest),
                error => self.again(plan, key, error),
            },
            (Response::LeaveGroup(left), Phase::Leaving) => {
                let codes = left.members.iter().map(|member| member.error_code);
                match std::iter::once(left.error_code).chain(codes).find(|&code| code != ErrorCode::NONE) {
                    Some(error) => Err(Failure::Refused(key, error)),
                    None => {
                        self.phase = Phase::Left;
                        Ok(Next::Rest)
                    }
                }
            }
            _ => Err(Failure::OutOfTurn(key)),
        }
    }

    fn joined(&mut self, plan: &Plan, joined: JoinGroupResponse) -> Result<Next, Failure> {
        if joined.error_code == ErrorCode::MEMBER_ID_REQUIRED {
            self.id = joined.member_id;
            return Ok(Next::Ask(self.join(plan)?));
        }
        if joined.error_code != ErrorCode::NONE {
            return self.again(plan, ApiKey::JoinGroup, joined.error_code);
        }
        self.id = joined.member_id.clone();
        self.phase = Phase::Syncing(joined.generation_id);
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads { deal(plan, &joined)? } else { Vec::new() };
        Ok(Next::Ask(Request::SyncGroup(SyncGroupRequest {
            group_id: plan.group.clone(),
            generation_id: joined.generation_id,
            member_id: self.id.clone(),
            protocol_type: Some(Str::from_static(CONSUMER)),
            protocol_name: Some(PROTOCOL),
            assignments,
            ..Default::default()
        })))
    }

    fn synced(&mut self, plan: &Plan, generation: i32, synced: SyncGroupResponse) -> Result<Next, Failure> {
        if synced.error_code != ErrorCode::NONE {
            return self.again(plan, ApiKey::SyncGroup, synced.error_code);
        }
        let (_, assignment) = read_assignment(&synced.assignment)?;
        let owned = assignment.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect();
        self.phase = Phase::Stable { generation, owned };
        Ok(Next::Rest)
    }

    /// Joins again after an error that says so.
    fn again(&mut self, plan: &Plan, key: ApiKey, error: ErrorCode) -> Result<Next, Failure> {
        match error {
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::ILLEGAL_GENERATION => {
                Ok(Next::Ask(self.join(plan)?))
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.id = Str::default();
                Ok(Next::Ask(self.join(plan)?))
            }
            error if error.is_retriable() => Ok(Next::AskLater(self.join(plan)?)),
            error => Err(Failure::Refused(key, error)),
        }
    }
}

/// The leader's work: the partitions dealt in turn to the members in the order of their ids.
fn deal(plan: &Plan, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>, Failure> {
    let mut ids: Vec<&Str> = joined.members.iter().map(|member| &member.member_id).collect();
    ids.sort();
    let step = ids.len().max(1);
    let one = |(place, id): (usize, &&Str)| {
        let partitions = (0..plan.partitions).skip(place).step_by(step).collect();
        let topic = NamedPartitions { topic: plan.topic.clone(), partitions, ..Default::default() };
        let assignment =
            ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() };
        let assignment = write_assignment(&assignment, EMBEDDED_VERSION)?;
        Ok(SyncGroupRequestAssignment { member_id: (*id).clone(), assignment, ..Default::default() })
    };
    ids.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelpgate_core::protocol::heartbeat::HeartbeatResponse;
    use kelpgate_core::protocol::join_group::JoinGroupResponseMember;

    fn plan() -> Plan {
        let (group, topic) = ("g".into(), "t".into());
        Plan { group, topic, partitions: 5, session_timeout_ms: 6000, rebalance_timeout_ms: 60_000 }
    }

    fn joined(leader: &str, ids: &[&str]) -> JoinGroupResponse {
        let members =
            ids.iter().map(|&id| JoinGroupResponseMember { member_id: id.into(), ..Default::default() });
        let members = if leader == "b" { members.collect() } else { Vec::new() };
        let (leader, member_id) = (leader.into(), "b".into());
        JoinGroupResponse { generation_id: 3, leader, member_id, members, ..Default::default() }
    }

    fn sync(next: Next) -> SyncGroupRequest {
        match next {
            Next::Ask(Request::SyncGroup(sync)) => sync,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_leader_deals_each_partition_once() {
        let mut member = Member::new();
        let next = member.answered(&plan(), joined("b", &["b", "c", "a"]).into()).expect("a next request");
        let owned: Vec<(Str, Vec<i32>)> = sync(next)
            .assignments
            .into_iter()
            .map(|one| {
                let (_, read) = read_assignment(&one.assignment).expect("it is whole");
                (one.member_id, read.assigned_partitions[0].partitions.clone())
            })
            .collect();
        assert_eq!(owned, [("a".into(), vec![0, 3]), ("b".into(), vec![1, 4]), ("c".into(), vec![2])]);
    }

    #[test]
    fn a_follower_takes_what_it_is_given() {
        let mut member = Member::new();
        let next = member.answered(&plan(), joined("a", &[]).into()).expect("a next request");
        assert!(sync(next).assignments.is_empty());
        let topic = NamedPartitions { topic: "t".into(), partitions: vec![4], ..Default::default() };
        let given = ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() };
        let assignment = write_assignment(&given, EMBEDDED_VERSION).expect("it fits");
        let synced = SyncGroupResponse { assignment, ..Default::default() };
        assert!(matches!(member.answered(&plan(), synced.into()), Ok(Next::Rest)));
        assert_eq!(member.phase, Phase::Stable { generation: 3, owned: vec![4] });
    }

    #[test]
    fn an_id_that_is_unknown_is_dropped_and_other_errors_end_the_run() {
        let stable = Phase::Stable { generation: 3, owned: Vec::new() };
        let beat = |error_code| Response::from(HeartbeatResponse { error_code, ..Default::default() });
        let mut member = Member { id: "b".into(), phase: stable.clone() };
        let next = member.answered(&plan(), beat(ErrorCode::UNKNOWN_MEMBER_ID)).expect("a next request");
        let Next::Ask(Request::JoinGroup(join)) = next else { panic!("{next:?}") };
        assert_eq!(join.member_id, Str::default());
        let mut member = Member { id: "b".into(), phase: stable };
        let refused = member.answered(&plan(), beat(ErrorCode::GROUP_AUTHORIZATION_FAILED));
        assert!(matches!(refused, Err(Failure::Refused(ApiKey::Heartbeat, _))));
    }
}
