//! FindCoordinator (key 10): which node coordinates a group, a transactional id or a share partition.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | key type (KIP-98), throttle time, error message |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | flexible (KIP-482) |
//! | 4 | many keys at once (KIP-699) |
//! | 5 | TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 6 | share partitions (KIP-932) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// What to find the coordinators of.
    request FindCoordinatorRequest [0..=6, flexible 3..] {
        key: Str [0..=3],
        /// 0: group, 1: transactional id, 2: share partition, as `group:topic id:partition`.
        key_type: i8 [1..],
        coordinator_keys: Vec<Str> [4..],
    }
}

message! {
    /// The coordinators; up to version 3 one, without a list.
    response FindCoordinatorResponse [0..=6, flexible 3..] {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode [0..=3],
        error_message: Option<Str> [1..=3, null 1..=3, ignorable],
        node_id: i32 [0..=3],
        host: Str [0..=3],
        port: i32 [0..=3],
        coordinators: Vec<Coordinator> [4..],
    }

    /// The coordinator of one key.
    Coordinator {
        key: Str [4..],
        node_id: i32 [4..],
        host: Str [4..],
        port: i32 [4..],
        error_code: ErrorCode [4..],
        error_message: Option<Str> [4.., null 4.., ignorable],
    }
}
