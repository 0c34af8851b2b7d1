//! DescribeGroups (key 15): classic groups with their members.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | authorized operations (KIP-430) |
//! | 4 | static members (KIP-345) |
//! | 5 | flexible (KIP-482) |
//! | 6 | GROUP_ID_NOT_FOUND and error messages (KIP-1043) |

use alloc::vec::Vec;

use bytes::Bytes;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which groups to describe.
    request DescribeGroupsRequest [0..=6, flexible 5..] {
        groups: Vec<Str>,
        include_authorized_operations: bool [3..],
    }
}

message! {
    /// The groups.
    response DescribeGroupsResponse [0..=6, flexible 5..] {
        throttle_time_ms: i32 [1.., ignorable],
        groups: Vec<DescribedGroup>,
    }

    /// One group.
    DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<Str> [6.., null 6..] = None,
        group_id: Str,
        /// The name of its phase; empty with an error.
        group_state: Str,
        protocol_type: Str,
        /// The protocol in use; empty unless the group is stable.
        protocol_data: Str,
        members: Vec<DescribedGroupMember>,
        /// A bit per operation, `i32::MIN` if not asked for.
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// One member.
    DescribedGroupMember {
        member_id: Str,
        group_instance_id: Option<Str> [4.., null 4.., ignorable] = None,
        client_id: Str,
        client_host: Str,
        /// What it said about the protocol in use.
        member_metadata: Bytes,
        member_assignment: Bytes,
    }
}
