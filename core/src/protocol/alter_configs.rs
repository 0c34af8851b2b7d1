//! AlterConfigs (key 33): replaces all configurations of a resource (KIP-133); IncrementalAlterConfigs is its successor.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219) |
//! | 2 | flexible (KIP-482) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// What to configure.
    request AlterConfigsRequest [0..=2, flexible 2..] {
        resources: Vec<AlterConfigsResource>,
        /// Check only.
        validate_only: bool,
    }

    /// One resource; configurations that are not listed go back to their defaults.
    AlterConfigsResource {
        /// As in DescribeConfigs.
        resource_type: i8,
        resource_name: Str,
        configs: Vec<AlterableConfig>,
    }

    /// One configuration.
    AlterableConfig {
        name: Str,
        value: Option<Str> [0.., null 0..],
    }
}

message! {
    /// What became of each resource.
    response AlterConfigsResponse [0..=2, flexible 2..] {
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
