//! A client of the old protocol as the group meets it: what it does next, given what it was answered.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::group::question::GroupAnswer;
use crate::protocol::Str;
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};

/// What a client sends.
#[derive(Clone, Debug)]
pub enum Request {
    Join(JoinGroupRequest),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveGroupRequest),
}

/// What a client does next.
#[derive(Debug)]
pub enum Next {
    Send(Box<Request>),
    /// All is well: a heartbeat in a while.
    Rest,
    /// Later, as if nothing had been.
    JoinLater,
    /// It is over for this client.
    Die,
}

/// One client. A static one may be started anew and is the same client still.
#[derive(Debug)]
pub struct Client {
    pub alive: bool,
    pub version: i16,
    pub instance: Option<Str>,
    pub id: Str,
    pub generation: i32,
    /// Whether it has its part of that generation.
    pub settled: bool,
    /// What it offers; changes now and then.
    pub offer: u64,
    /// Counts what it waits for: answers to what it waits for no longer are ignored.
    pub waits_for: u64,
    /// It takes its time before it joins again.
    pub slow: bool,
}

impl Client {
    /// What it says first, and whenever it has to start over.
    pub fn join(&mut self) -> Request {
        self.settled = false;
        let both = [("range", self.offer), ("roundrobin", self.offer)];
        let turned = [("roundrobin", self.offer), ("range", self.offer)];
        let offers = if self.offer % 3 == 2 { turned } else { both };
        let protocol = |(name, number): (&str, u64)| JoinGroupRequestProtocol {
            name: name.into(),
            metadata: super::super::fixture::subscription(&format!("t{number}")),
            ..Default::default()
        };
        Request::Join(JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: if self.version == 0 { -1 } else { 20_000 },
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".into(),
            protocols: offers.into_iter().map(protocol).collect(),
            ..Default::default()
        })
    }

    pub fn heartbeat(&self) -> Request {
        Request::Heartbeat(HeartbeatRequest {
            group_id: "g".into(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            ..Default::default()
        })
    }

    pub fn leave(&self) -> Request {
        let member = MemberIdentity {
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            ..Default::default()
        };
        Request::Leave(LeaveGroupRequest {
            group_id: "g".into(),
            member_id: self.id.clone(),
            members: [member].into(),
            ..Default::default()
        })
    }

    /// Takes an answer to what it waits for.
    pub fn hear(&mut self, answer: &GroupAnswer, life: u64) -> Next {
        match answer {
            GroupAnswer::Join(response) => match response.error_code.0 {
                0 => self.joined(response, life),
                79 => {
                    self.id = response.member_id.clone();
                    Next::Send(Box::new(self.join()))
                }
                error => self.failed(error),
            },
            GroupAnswer::Sync(response) => match response.error_code.0 {
                0 => self.assigned(response),
                error => self.failed(error),
            },
            GroupAnswer::Heartbeat(response) => match response.error_code.0 {
                0 => Next::Rest,
                error => self.failed(error),
            },
            GroupAnswer::Leave(_) => Next::Die,
            other => panic!("{other:?}"),
        }
    }

    fn failed(&mut self, error: i16) -> Next {
        match error {
            // It may keep its id, and joins again.
            22 | 27 if self.slow => Next::JoinLater,
            22 | 27 => Next::Send(Box::new(self.join())),
            25 => {
                self.id = Str::default();
                Next::Send(Box::new(self.join()))
            }
            81 => {
                self.id = Str::default();
                Next::JoinLater
            }
            82 => Next::Die,
            other => panic!("error {other} was not to be expected by {self:?}"),
        }
    }

    /// A leader hands out parts that nobody else hands out: of this life of the server, generation and member.
    fn joined(&mut self, response: &JoinGroupResponse, life: u64) -> Next {
        self.id = response.member_id.clone();
        self.generation = response.generation_id;
        let leads = response.leader == response.member_id;
        assert!(leads || response.members.is_empty(), "only the leader sees the others");
        assert!(!response.skip_assignment || leads, "only a leader can skip the assignment");
        let part = |member_id: &Str| SyncGroupRequestAssignment {
            member_id: member_id.clone(),
            assignment: Bytes::from(format!("{life}/{}/{member_id}", self.generation)),
            ..Default::default()
        };
        let assignments: Vec<_> = match leads && !response.skip_assignment {
            true => response.members.iter().map(|member| part(&member.member_id)).collect(),
            false => Vec::new(),
        };
        Next::Send(Box::new(Request::Sync(SyncGroupRequest {
            group_id: "g".into(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: response.protocol_type.clone(),
            protocol_name: response.protocol_name.clone(),
            assignments,
            ..Default::default()
        })))
    }

    fn assigned(&mut self, response: &SyncGroupResponse) -> Next {
        assert!(!response.assignment.is_empty(), "{} got an empty stand-in", self.id);
        self.settled = true;
        Next::Rest
    }
}
