//! Errors in the form of the answers they stand for.

use alloc::vec::Vec;

use super::question::{GroupAnswer, GroupQuestion};
use crate::protocol::consumer_group_describe;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use crate::protocol::describe_groups;
use crate::protocol::heartbeat::HeartbeatResponse;
use crate::protocol::join_group::JoinGroupResponse;
use crate::protocol::leave_group::LeaveGroupResponse;
use crate::protocol::sync_group::SyncGroupResponse;
use crate::protocol::{ErrorCode, Str};

impl GroupQuestion {
    /// The answer of that kind with an error and nothing else.
    pub fn refusal(&self, group: &Str, error: ErrorCode) -> GroupAnswer {
        match self {
            GroupQuestion::Join { request, .. } => join(error, request.member_id.clone()).into(),
            GroupQuestion::Sync { .. } => sync(error).into(),
            GroupQuestion::Heartbeat { .. } => heartbeat(error),
            GroupQuestion::Leave { .. } => leave(error),
            GroupQuestion::ConsumerHeartbeat { .. } => consumer_heartbeat(error),
            GroupQuestion::Commit(request) => {
                GroupAnswer::Committed(request.offsets.iter().map(|_| error).collect())
            }
            GroupQuestion::Fetch(_) => GroupAnswer::Fetched(Err(error)),
            GroupQuestion::DeleteOffsets(_) => GroupAnswer::OffsetsDeleted(Err(error)),
            GroupQuestion::Describe { .. } => described(group.clone(), error),
            GroupQuestion::ConsumerDescribe => consumer_described(group.clone(), error),
            GroupQuestion::Delete => GroupAnswer::Deleted(error),
        }
    }
}

impl GroupAnswer {
    /// An error in place of this answer, which must not leave.
    pub fn refused(self, error: ErrorCode) -> GroupAnswer {
        match self {
            GroupAnswer::Join(response) => join(error, response.member_id).into(),
            GroupAnswer::Sync(_) => sync(error).into(),
            GroupAnswer::Heartbeat(_) => heartbeat(error),
            GroupAnswer::Leave(_) => leave(error),
            GroupAnswer::ConsumerHeartbeat(_) => consumer_heartbeat(error),
            GroupAnswer::Committed(codes) => {
                let refused = |code| if code == ErrorCode::NONE { error } else { code };
                GroupAnswer::Committed(codes.into_iter().map(refused).collect())
            }
            GroupAnswer::Fetched(_) => GroupAnswer::Fetched(Err(error)),
            GroupAnswer::OffsetsDeleted(_) => GroupAnswer::OffsetsDeleted(Err(error)),
            GroupAnswer::Described(group) => described(group.group_id, error),
            GroupAnswer::ConsumerDescribed(group) => consumer_described(group.group_id, error),
            GroupAnswer::Deleted(_) => GroupAnswer::Deleted(error),
        }
    }
}

/// The refusal of a JoinGroup, and the id that is to be known.
pub(super) fn join(error_code: ErrorCode, member_id: Str) -> JoinGroupResponse {
    JoinGroupResponse { error_code, member_id, protocol_name: None, ..Default::default() }
}

/// The refusal of a SyncGroup.
pub(super) fn sync(error_code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code, ..Default::default() }
}

fn heartbeat(error_code: ErrorCode) -> GroupAnswer {
    HeartbeatResponse { error_code, ..Default::default() }.into()
}

fn leave(error_code: ErrorCode) -> GroupAnswer {
    LeaveGroupResponse { error_code, members: Vec::new(), ..Default::default() }.into()
}

fn consumer_heartbeat(error_code: ErrorCode) -> GroupAnswer {
    ConsumerGroupHeartbeatResponse { error_code, ..Default::default() }.into()
}

fn described(group_id: Str, error_code: ErrorCode) -> GroupAnswer {
    GroupAnswer::Described(describe_groups::DescribedGroup { error_code, group_id, ..Default::default() })
}

fn consumer_described(group_id: Str, error_code: ErrorCode) -> GroupAnswer {
    let group = consumer_group_describe::DescribedGroup { error_code, group_id, ..Default::default() };
    GroupAnswer::ConsumerDescribed(group)
}
