//! JoinGroup (key 11): enters a classic group, or enters it again for its next generation.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | rebalance timeout apart from the session's (KIP-62) |
//! | 2 | throttle time |
//! | 3 | the client throttles itself (KIP-219) |
//! | 4 | the member id is handed out before the member joins (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 6 | flexible (KIP-482) |
//! | 7 | protocol type in the answer (KIP-559) |
//! | 8 | reason (KIP-800) |
//! | 9 | the leader may be told to keep the assignment (KIP-814) |

use alloc::vec::Vec;

use bytes::Bytes;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Who joins, and which protocols it can follow.
    request JoinGroupRequest [0..=9, flexible 6..] {
        group_id: Str,
        session_timeout_ms: i32,
        /// How long the group waits for its members to join again; -1 (absent): as long as the session.
        rebalance_timeout_ms: i32 [1.., ignorable] = -1,
        /// Empty for one that has not been given an id.
        member_id: Str,
        /// Names a static member.
        group_instance_id: Option<Str> [5.., null 5..] = None,
        /// What kind of group this is: `consumer`, `connect`, ...
        protocol_type: Str,
        /// The one liked best first.
        protocols: Vec<JoinGroupRequestProtocol>,
        /// For people to read.
        reason: Option<Str> [8.., null 8.., ignorable] = None,
    }

    /// One way of sharing out the work, such as an assignor.
    JoinGroupRequestProtocol {
        name: Str,
        /// Opaque to the coordinator: for consumers a subscription.
        metadata: Bytes,
    }
}

message! {
    /// The generation that came about.
    response JoinGroupResponse [0..=9, flexible 6..] {
        throttle_time_ms: i32 [2.., ignorable],
        error_code: ErrorCode,
        generation_id: i32 = -1,
        protocol_type: Option<Str> [7.., null 7.., ignorable] = None,
        /// The protocol all members share and most like best.
        protocol_name: Option<Str> [0.., null 7..],
        leader: Str,
        /// The leader must not compute a new assignment.
        skip_assignment: bool [9..],
        member_id: Str,
        /// Everybody, for the leader; empty for the others.
        members: Vec<JoinGroupResponseMember>,
    }

    /// A member as its leader sees it.
    JoinGroupResponseMember {
        member_id: Str,
        group_instance_id: Option<Str> [5.., null 5.., ignorable] = None,
        metadata: Bytes,
    }
}
