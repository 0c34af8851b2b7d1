//! What JoinGroup, SyncGroup and LeaveGroup have alike in a classic group and in a consumer group with classic members.

use core::slice;

use crate::config::GroupCoordinatorConfig;
use crate::protocol::join_group::JoinGroupRequest;
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};
use crate::protocol::sync_group::SyncGroupRequest;
use crate::protocol::{ErrorCode, Str};

/// The first version of JoinGroup in which a member that has no id is given one and must join again with it (KIP-394).
pub const REQUIRES_KNOWN_ID: i16 = 4;
/// The first version of SyncGroup that says which protocol it means (KIP-559).
const NAMES_PROTOCOL: i16 = 5;
/// The first version of LeaveGroup that names many members and has a result for each (KIP-345).
const NAMES_MANY: i16 = 3;

/// Why somebody may not join, and the id it is to know.
#[derive(Debug, PartialEq, Eq)]
pub struct JoinRefusal {
    pub error: ErrorCode,
    pub member_id: Str,
}

impl JoinRefusal {
    /// A refusal that says the id again under which somebody came.
    pub fn of(request: &JoinGroupRequest, error: ErrorCode) -> JoinRefusal {
        JoinRefusal { error, member_id: request.member_id.clone() }
    }

    /// The refusal of somebody for whom there is no room: it is no member under any id.
    pub fn no_room() -> JoinRefusal {
        JoinRefusal { error: ErrorCode::GROUP_MAX_SIZE_REACHED, member_id: Str::default() }
    }
}

/// What a JoinGroup must hold whatever the group is: INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT.
pub fn check_join(config: &GroupCoordinatorConfig, request: &JoinGroupRequest) -> Result<(), JoinRefusal> {
    if request.group_id.is_empty() {
        return Err(JoinRefusal::of(request, ErrorCode::INVALID_GROUP_ID));
    }
    let sessions = config.min_session_timeout_ms..=config.max_session_timeout_ms;
    match sessions.contains(&request.session_timeout_ms) {
        true => Ok(()),
        false => Err(JoinRefusal::of(request, ErrorCode::INVALID_SESSION_TIMEOUT)),
    }
}

/// What a SyncGroup must hold whatever the group is: INCONSISTENT_GROUP_PROTOCOL if it must name a protocol and does not
/// (`KafkaApis.handleSyncGroupRequest` looks at nothing before that), INVALID_GROUP_ID.
pub fn check_sync(request: &SyncGroupRequest, version: i16) -> Result<(), ErrorCode> {
    let is_named = request.protocol_type.is_some() && request.protocol_name.is_some();
    if version >= NAMES_PROTOCOL && !is_named {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    if request.group_id.is_empty() { Err(ErrorCode::INVALID_GROUP_ID) } else { Ok(()) }
}

/// INCONSISTENT_GROUP_PROTOCOL if a SyncGroup means another protocol than its group has; what either does not name fits.
pub fn check_sync_protocol(
    request: &SyncGroupRequest,
    protocol_type: Option<&str>,
    protocol_name: Option<&str>,
) -> Result<(), ErrorCode> {
    let differs = |asked: Option<&Str>, ours: Option<&str>| {
        asked.zip(ours).is_some_and(|(asked, ours)| asked.as_str() != ours)
    };
    let is_other = differs(request.protocol_type.as_ref(), protocol_type)
        || differs(request.protocol_name.as_ref(), protocol_name);
    if is_other { Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) } else { Ok(()) }
}

/// Takes out one after the other whom a LeaveGroup names; returns its answer. INVALID_GROUP_ID takes out nobody.
pub fn leave(
    request: &LeaveGroupRequest,
    version: i16,
    mut take_out: impl FnMut(&MemberIdentity) -> Result<(), ErrorCode>,
) -> LeaveGroupResponse {
    if request.group_id.is_empty() {
        return LeaveGroupResponse { error_code: ErrorCode::INVALID_GROUP_ID, ..Default::default() };
    }
    let single = MemberIdentity { member_id: request.member_id.clone(), ..Default::default() };
    let names_many = version >= NAMES_MANY;
    let leavers = if names_many { &request.members[..] } else { slice::from_ref(&single) };
    let mut one = |leaver: &MemberIdentity| MemberResponse {
        member_id: leaver.member_id.clone(),
        group_instance_id: leaver.group_instance_id.clone(),
        error_code: take_out(leaver).err().unwrap_or(ErrorCode::NONE),
        ..Default::default()
    };
    let mut response =
        LeaveGroupResponse { members: leavers.iter().map(&mut one).collect(), ..Default::default() };
    if !names_many {
        response.error_code = response.members.pop().map(|one| one.error_code).unwrap_or_default();
    }
    response
}
