//! IncrementalAlterConfigs (key 44): changes single configurations (KIP-339).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | flexible (KIP-482) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// What to change.
    request IncrementalAlterConfigsRequest [0..=1, flexible 1..] {
        resources: Vec<AlterConfigsResource>,
        /// Check only.
        validate_only: bool,
    }

    /// One resource.
    AlterConfigsResource {
        /// As in DescribeConfigs.
        resource_type: i8,
        resource_name: Str,
        configs: Vec<AlterableConfig>,
    }

    /// One change.
    AlterableConfig {
        name: Str,
        /// 0: set, 1: delete, 2: append, 3: subtract.
        config_operation: i8,
        value: Option<Str> [0.., null 0..],
    }
}

message! {
    /// What became of each resource.
    response IncrementalAlterConfigsResponse [0..=1, flexible 1..] {
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }

    /// The outcome for one resource.
    AlterConfigsResourceResponse {
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..],
        resource_type: i8,
        resource_name: Str,
    }
}
