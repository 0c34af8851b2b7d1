//! A blocking connection for what is done once: making and removing the topic and the groups.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::delete_groups::DeleteGroupsRequest;
use kelpgate_core::protocol::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::{ApiKey, ErrorCode, Request, Response, decode_response};

use crate::connection::{frame, version};
use crate::failure::Failure;
use crate::member::Plan;

const BUDGET: usize = 16 << 20;
const TIMEOUT_MS: i32 = 60_000;

/// The connection of an administrator.
pub struct Control {
    stream: TcpStream,
}

impl Control {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Control, Failure> {
        Ok(Control { stream: TcpStream::connect(address)? })
    }

    fn ask(&mut self, request: Request) -> Result<Response, Failure> {
        let key = request.api_key();
        self.stream.write_all(&frame(&request, 1)?)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer)?;
        Ok(decode_response(&Bytes::from(answer), key, version(key), BUDGET)?.1)
    }

    /// Makes the topic of a plan.
    pub fn create_topic(&mut self, plan: &Plan) -> Result<(), Failure> {
        let topic = CreatableTopic {
            name: plan.topic.clone(),
            num_partitions: plan.partitions,
            replication_factor: 1,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: TIMEOUT_MS, ..Default::default() };
        match self.ask(request.into())? {
            Response::CreateTopics(answer) => {
                all_well(ApiKey::CreateTopics, answer.topics.iter().map(|one| one.error_code))
            }
            other => Err(Failure::OutOfTurn(other.api_key())),
        }
    }

    /// Asks who coordinates the group until somebody does: the first to ask makes the server create its topic of offsets.
    pub fn find_coordinator(&mut self, plan: &Plan) -> Result<(), Failure> {
        let limit = Instant::now() + Duration::from_millis(TIMEOUT_MS as u64);
        loop {
            let request =
                FindCoordinatorRequest { coordinator_keys: vec![plan.group.clone()], ..Default::default() };
            let outcome = match self.ask(request.into())? {
                Response::FindCoordinator(answer) => {
                    let codes = answer.coordinators.iter().map(|one| one.error_code);
                    all_well(ApiKey::FindCoordinator, codes)
                }
                other => return Err(Failure::OutOfTurn(other.api_key())),
            };
            match outcome {
                Err(Failure::Refused(_, error)) if error.is_retriable() && Instant::now() < limit => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                outcome => return outcome,
            }
        }
    }

    /// Removes the topic of a plan.
    pub fn delete_topic(&mut self, plan: &Plan) -> Result<(), Failure> {
        let topic = DeleteTopicState { name: Some(plan.topic.clone()), ..Default::default() };
        let request =
            DeleteTopicsRequest { topics: vec![topic], timeout_ms: TIMEOUT_MS, ..Default::default() };
        match self.ask(request.into())? {
            Response::DeleteTopics(answer) => {
                all_well(ApiKey::DeleteTopics, answer.responses.iter().map(|one| one.error_code))
            }
            other => Err(Failure::OutOfTurn(other.api_key())),
        }
    }

    /// Removes the groups of some plans, which must be empty.
    pub fn delete_groups(&mut self, plans: &[Plan]) -> Result<(), Failure> {
        let groups_names = plans.iter().map(|plan| plan.group.clone()).collect();
        let request = DeleteGroupsRequest { groups_names, ..Default::default() };
        match self.ask(request.into())? {
            Response::DeleteGroups(answer) => {
                all_well(ApiKey::DeleteGroups, answer.results.iter().map(|one| one.error_code))
            }
            other => Err(Failure::OutOfTurn(other.api_key())),
        }
    }
}

fn all_well(key: ApiKey, mut codes: impl Iterator<Item = ErrorCode>) -> Result<(), Failure> {
    match codes.find(|&code| code != ErrorCode::NONE) {
        Some(error) => Err(Failure::Refused(key, error)),
        None => Ok(()),
    }
}
