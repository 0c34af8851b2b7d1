//! ListConfigResources (key 74): what there is to configure; flexible from the start.
//!
//! | version | change |
//! | --- | --- |
//! | 0 | client metrics only (KIP-1000) |
//! | 1 | all types (KIP-1142) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which types to list.
    request ListConfigResourcesRequest [0..=1, flexible 0..] {
        /// As in DescribeConfigs; empty for all that can be listed.
        resource_types: Vec<i8> [1..],
    }
}

message! {
    /// What there is.
    response ListConfigResourcesResponse [0..=1, flexible 0..] {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        config_resources: Vec<ConfigResource>,
    }

    /// One resource.
    ConfigResource {
        resource_name: Str,
        resource_type: i8 [1.., ignorable] = 16,
    }
}
