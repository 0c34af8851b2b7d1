//! SyncGroup (key 14): the leader brings the assignment of a generation, each member gets its part.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible (KIP-482) |
//! | 5 | protocol type and name on both sides (KIP-559) |

use alloc::vec::Vec;

use bytes::Bytes;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Asks for the member's part; the leader's brings all parts.
    request SyncGroupRequest [0..=5, flexible 4..] {
        group_id: Str,
        generation_id: i32,
        member_id: Str,
        group_instance_id: Option<Str> [3.., null 3..] = None,
        protocol_type: Option<Str> [5.., null 5.., ignorable] = None,
        protocol_name: Option<Str> [5.., null 5.., ignorable] = None,
        /// Empty unless the member is the leader.
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// The part of one member.
    SyncGroupRequestAssignment {
        member_id: Str,
        assignment: Bytes,
    }
}

message! {
    /// The member's part.
    response SyncGroupResponse [0..=5, flexible 4..] {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
        protocol_type: Option<Str> [5.., null 5.., ignorable] = None,
        protocol_name: Option<Str> [5.., null 5.., ignorable] = None,
        assignment: Bytes,
    }
}
