//! Heartbeat (key 12): a member of a classic group says that it is alive.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible (KIP-482) |

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Who is alive, and in which generation.
    request HeartbeatRequest [0..=4, flexible 4..] {
        group_id: Str,
        generation_id: i32,
        member_id: Str,
        group_instance_id: Option<Str> [3.., null 3..] = None,
    }
}

message! {
    /// Whether all is well, or the member has to join again.
    response HeartbeatResponse [0..=4, flexible 4..] {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
    }
}
