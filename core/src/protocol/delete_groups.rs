//! DeleteGroups (key 42): removes groups without members, and their offsets (KIP-229).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219) |
//! | 2 | flexible (KIP-482) |
//! | 3 | error messages (KIP-1043) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which groups to remove.
    request DeleteGroupsRequest [0..=3, flexible 2..] {
        groups_names: Vec<Str>,
    }
}

message! {
    /// What became of each.
    response DeleteGroupsResponse [0..=3, flexible 2..] {
        throttle_time_ms: i32,
        results: Vec<DeletableGroupResult>,
    }

    /// One group.
    DeletableGroupResult {
        group_id: Str,
        error_code: ErrorCode,
        error_message: Option<Str> [3.., null 3.., ignorable] = None,
    }
}
