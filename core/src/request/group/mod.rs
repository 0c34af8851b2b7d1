//! Requests about groups, carried to their coordinators.
//!
//! What concerns one group as a whole is here; each API that concerns several groups, or partitions of topics, has a
//! file of its own.

pub mod delete;
pub mod describe;
pub mod find_coordinator;
pub mod list;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;

use alloc::boxed::Box;

use super::home::Home;
use super::{Begun, Pending};
use crate::group::place;
use crate::group::question::{Client, GroupAnswer, GroupQuestion};
use crate::ids::LogId;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::join_group::JoinGroupRequest;
use crate::protocol::leave_group::LeaveGroupRequest;
use crate::protocol::sync_group::SyncGroupRequest;
use crate::protocol::{ErrorCode, Response, Str};
use crate::shard_message::{Question, ShardMessage};

/// The first version of JoinGroup in which there may be no protocol.
const JOIN_WITHOUT_PROTOCOL: i16 = 7;

/// What is kept of a client's name for itself: ids are made from it, and they have to fit a string.
const CLIENT_ID_MAX: usize = 1024;

/// The longest instance id; member ids are made from it.
const INSTANCE_ID_MAX: usize = 32_000;

impl Home<'_> {
    /// Where a group is kept.
    pub fn coordinator_of(&self, group: &str) -> Result<LogId, ErrorCode> {
        let topic = self.image.topic(place::TOPIC).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        Ok(LogId { topic: topic.id, partition: place::partition_of(group, topic.partitions) })
    }

    /// Asks the coordinator of a group, as part `part` of this request.
    pub fn ask_group(&mut self, part: usize, log: LogId, group: &Str, question: GroupQuestion) {
        let owner = log.owner(self.settings.shards);
        let question = Question::Group { log, group: group.clone(), question: Box::new(question) };
        let message = ShardMessage::Ask(self.ask_ref(part), question);
        self.mail.send(self.out, owner, message);
    }

    /// Who asks.
    pub fn client(&self) -> Client {
        let id = &self.client_id;
        let end = (0..=CLIENT_ID_MAX.min(id.len())).rev().find(|end| id.is_char_boundary(*end)).unwrap_or(0);
        let host = self.peer.peer.rsplit_once(':').map_or(self.peer.peer.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Client { id: id.get(..end).unwrap_or_default().into(), host: alloc::format!("/{host}").into() }
    }
}

/// Carries a JoinGroup to its group.
pub fn join(home: &mut Home<'_>, request: JoinGroupRequest) -> Begun {
    let group = request.group_id.clone();
    let too_long = request.group_instance_id.as_ref().is_some_and(|id| id.len() > INSTANCE_ID_MAX);
    let question = GroupQuestion::Join { request, version: home.version, client: home.client() };
    if too_long {
        let refusal = question.refusal(&group, ErrorCode::INVALID_REQUEST);
        return Begun::Answer(response(home.version, refusal));
    }
    ask(home, &group, question)
}

/// Carries a SyncGroup to its group.
pub fn sync(home: &mut Home<'_>, request: SyncGroupRequest) -> Begun {
    let (group, version) = (request.group_id.clone(), home.version);
    ask(home, &group, GroupQuestion::Sync { request, version })
}

/// Carries a Heartbeat to its group.
pub fn heartbeat(home: &mut Home<'_>, request: HeartbeatRequest) -> Begun {
    let group = request.group_id.clone();
    ask(home, &group, GroupQuestion::Heartbeat { request })
}

/// Carries a LeaveGroup to its group.
pub fn leave(home: &mut Home<'_>, request: LeaveGroupRequest) -> Begun {
    let (group, version) = (request.group_id.clone(), home.version);
    ask(home, &group, GroupQuestion::Leave { request, version })
}

/// Carries a ConsumerGroupHeartbeat to its group, unless `group.coordinator.rebalance.protocols` leaves the new protocol
/// out: UNSUPPORTED_VERSION.
pub fn consumer_heartbeat(home: &mut Home<'_>, request: ConsumerGroupHeartbeatRequest) -> Begun {
    let (group, version, client) = (request.group_id.clone(), home.version, home.client());
    let question = GroupQuestion::ConsumerHeartbeat { request, version, client };
    if home.broker.groups.serves_consumer {
        return ask(home, &group, question);
    }
    let refusal = question.refusal(&group, ErrorCode::UNSUPPORTED_VERSION);
    Begun::Answer(response(home.version, refusal))
}

/// Carries a question to its group; the answer is the response.
fn ask(home: &mut Home<'_>, group: &Str, question: GroupQuestion) -> Begun {
    match home.coordinator_of(group) {
        Ok(log) => {
            home.ask_group(0, log, group, question);
            Begun::Pending(Pending::Group)
        }
        Err(error) => Begun::Answer(response(home.version, question.refusal(group, error))),
    }
}

/// The response that a group's answer is.
pub fn response(version: i16, answer: GroupAnswer) -> Response {
    match answer {
        GroupAnswer::Join(mut response) => {
            if version < JOIN_WITHOUT_PROTOCOL {
                response.protocol_name.get_or_insert_default();
            }
            response.into()
        }
        GroupAnswer::Sync(response) => response.into(),
        GroupAnswer::Heartbeat(response) => response.into(),
        GroupAnswer::Leave(response) => response.into(),
        GroupAnswer::ConsumerHeartbeat(response) => response.into(),
        answer @ (GroupAnswer::Committed(_)
        | GroupAnswer::Fetched(_)
        | GroupAnswer::OffsetsDeleted(_)
        | GroupAnswer::Described(_)
        | GroupAnswer::ConsumerDescribed(_)
        | GroupAnswer::Deleted(_)) => panic!("{answer:?} is only a part of a response"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::join_group::JoinGroupResponse;

    #[test]
    fn a_join_has_no_protocol_only_where_there_may_be_none() {
        for version in 0..=9 {
            let refused = JoinGroupResponse { protocol_name: None, ..Default::default() };
            let Response::JoinGroup(joined) = response(version, refused.into()) else { panic!() };
            assert_eq!(joined.protocol_name.as_deref(), if version < 7 { Some("") } else { None });
        }
    }
}
