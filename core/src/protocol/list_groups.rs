//! ListGroups (key 16): the groups that a node coordinates.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | flexible (KIP-482) |
//! | 4 | states, and a filter by them (KIP-518) |
//! | 5 | types, and a filter by them (KIP-848) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which groups to list.
    request ListGroupsRequest [0..=5, flexible 3..] {
        /// Empty: all.
        states_filter: Vec<Str> [4..],
        /// Empty: all.
        types_filter: Vec<Str> [5..],
    }
}

message! {
    /// The groups.
    response ListGroupsResponse [0..=5, flexible 3..] {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
        groups: Vec<ListedGroup>,
    }

    /// One group.
    ListedGroup {
        group_id: Str,
        /// Empty for a group that only keeps offsets.
        protocol_type: Str,
        group_state: Str [4.., ignorable],
        group_type: Str [5.., ignorable],
    }
}
