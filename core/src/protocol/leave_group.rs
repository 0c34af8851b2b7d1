//! LeaveGroup (key 13): members leave a group, or are taken out of it.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | many members at once, by id or instance id (KIP-345) |
//! | 4 | flexible (KIP-482) |
//! | 5 | reasons (KIP-800) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Who leaves.
    request LeaveGroupRequest [0..=5, flexible 4..] {
        group_id: Str,
        member_id: Str [0..=2],
        members: Vec<MemberIdentity> [3..],
    }

    /// One that leaves: by member id, by instance id, or by both, which must then agree.
    MemberIdentity {
        member_id: Str [3..],
        group_instance_id: Option<Str> [3.., null 3..] = None,
        /// For people to read.
        reason: Option<Str> [5.., null 5.., ignorable] = None,
    }
}

message! {
    /// What became of each.
    response LeaveGroupResponse [0..=5, flexible 4..] {
        throttle_time_ms: i32 [1.., ignorable],
        /// Up to version 2 also the one member's own.
        error_code: ErrorCode,
        members: Vec<MemberResponse> [3..],
    }

    /// One that was to leave.
    MemberResponse {
        member_id: Str [3..],
        group_instance_id: Option<Str> [3.., null 3..],
        error_code: ErrorCode [3..],
    }
}
