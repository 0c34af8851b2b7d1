//! What a group can be asked, and what it answers. Requests about several groups are taken apart at home.

use alloc::vec::Vec;

use crate::protocol::ErrorCode;
use crate::protocol::Str;
use crate::protocol::consumer_group_describe;
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use crate::protocol::describe_groups;
use crate::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use crate::protocol::list_groups::ListedGroup;
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};
use crate::uuid::Uuid;

/// Who is at the other end of the connection that a member joins through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// As the request's header says; empty if it says nothing.
    pub id: Str,
    /// The address as Kafka shows it: with a slash before it.
    pub host: Str,
}

/// A question to one group.
#[derive(Clone, Debug)]
pub enum GroupQuestion {
    Join {
        request: JoinGroupRequest,
        version: i16,
        client: Client,
    },
    Sync {
        request: SyncGroupRequest,
        version: i16,
    },
    Heartbeat {
        request: HeartbeatRequest,
    },
    Leave {
        request: LeaveGroupRequest,
        version: i16,
    },
    ConsumerHeartbeat {
        request: ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client,
    },
    Commit(CommitOffsets),
    Fetch(FetchOffsets),
    /// The partitions whose offsets are to be forgotten; the topics exist.
    DeleteOffsets(Vec<(Str, Vec<i32>)>),
    /// As a classic group.
    Describe {
        version: i16,
    },
    /// As a consumer group.
    ConsumerDescribe,
    Delete,
}

/// Who a member says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Empty for one that is not a member.
    pub member_id: Str,
    pub instance_id: Option<Str>,
    /// -1 for one that is not a member.
    pub generation_or_epoch: i32,
}

/// Offsets to keep, of partitions that exist.
#[derive(Clone, Debug)]
pub struct CommitOffsets {
    pub claim: Claim,
    /// Of the OffsetCommit request: decides which errors its client understands.
    pub version: i16,
    /// In milliseconds; none: as the node is set.
    pub retention_ms: Option<i64>,
    pub offsets: Vec<OffsetToCommit>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    pub topic: Str,
    pub topic_id: Uuid,
    pub partition: i32,
    pub offset: i64,
    /// -1 when unknown.
    pub leader_epoch: i32,
    pub metadata: Str,
    /// Milliseconds since 1970; none: the time of arrival.
    pub timestamp: Option<i64>,
}

/// Which offsets are wanted.
#[derive(Clone, Debug)]
pub struct FetchOffsets {
    /// Checked only if a member asks as one (OffsetFetch 9 and later).
    pub claim: Option<Claim>,
    /// None: all that there are.
    pub topics: Option<Vec<(Str, Vec<i32>)>>,
    pub require_stable: bool,
}

/// An offset that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    pub topic: Str,
    /// Zero when it was not known at the commit, or there is no offset.
    pub topic_id: Uuid,
    pub partition: i32,
    /// -1 for none.
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: Str,
    pub error: ErrorCode,
}

/// A group's answer; its kind follows from the question's.
#[derive(Clone, Debug)]
pub enum GroupAnswer {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    Leave(LeaveGroupResponse),
    ConsumerHeartbeat(ConsumerGroupHeartbeatResponse),
    /// One code for each offset, in the order of the question.
    Committed(Vec<ErrorCode>),
    Fetched(Result<Vec<FetchedOffset>, ErrorCode>),
    /// One code for each partition, in the order of the question; or one for all.
    OffsetsDeleted(Result<Vec<Vec<ErrorCode>>, ErrorCode>),
    Described(describe_groups::DescribedGroup),
    ConsumerDescribed(consumer_group_describe::DescribedGroup),
    Deleted(ErrorCode),
}

impl GroupQuestion {
    /// Who asks, of those that ask as a member; empty for one that wants to become one.
    pub fn member_id(&self) -> Option<&Str> {
        match self {
            GroupQuestion::Join { request, .. } => Some(&request.member_id),
            GroupQuestion::Sync { request, .. } => Some(&request.member_id),
            GroupQuestion::Heartbeat { request } => Some(&request.member_id),
            GroupQuestion::ConsumerHeartbeat { request, .. } => Some(&request.member_id),
            GroupQuestion::Commit(request) => Some(&request.claim.member_id),
            GroupQuestion::Leave { .. }
            | GroupQuestion::Fetch(_)
            | GroupQuestion::DeleteOffsets(_)
            | GroupQuestion::Describe { .. }
            | GroupQuestion::ConsumerDescribe
            | GroupQuestion::Delete => None,
        }
    }
}

impl GroupAnswer {
    /// The error of a whole request; of commits the first.
    pub fn error(&self) -> ErrorCode {
        match self {
            GroupAnswer::Join(response) => response.error_code,
            GroupAnswer::Sync(response) => response.error_code,
            GroupAnswer::Heartbeat(response) => response.error_code,
            GroupAnswer::Leave(response) => response.error_code,
            GroupAnswer::ConsumerHeartbeat(response) => response.error_code,
            GroupAnswer::Committed(codes) => {
                codes.iter().copied().find(|code| *code != ErrorCode::NONE).unwrap_or_default()
            }
            GroupAnswer::Fetched(answer) => answer.as_ref().err().copied().unwrap_or_default(),
            GroupAnswer::OffsetsDeleted(answer) => answer.as_ref().err().copied().unwrap_or_default(),
            GroupAnswer::Described(group) => group.error_code,
            GroupAnswer::ConsumerDescribed(group) => group.error_code,
            GroupAnswer::Deleted(code) => *code,
        }
    }
}

/// What a shard answers when its groups are listed.
pub type Listing = Result<Vec<ListedGroup>, ErrorCode>;

macro_rules! answers {
    ($($variant:ident($response:ty)),* $(,)?) => {
        $(
            impl From<$response> for GroupAnswer {
                fn from(response: $response) -> GroupAnswer {
                    GroupAnswer::$variant(response)
                }
            }
        )*
    };
}

answers! {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    Leave(LeaveGroupResponse),
    ConsumerHeartbeat(ConsumerGroupHeartbeatResponse),
}
