//! DescribeConfigs (key 32): configurations of topics, brokers, groups and client metrics (KIP-133).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | sources and synonyms (KIP-226); the lowest Kafka 4 knows (KIP-896) |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | type and documentation (KIP-569) |
//! | 4 | flexible (KIP-482) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// What to describe.
    request DescribeConfigsRequest [1..=4, flexible 4..] {
        resources: Vec<DescribeConfigsResource>,
        include_synonyms: bool [1..],
        include_documentation: bool [3..],
    }

    /// One resource.
    DescribeConfigsResource {
        /// 2: topic, 4: broker, 8: broker logger, 16: client metrics, 32: group.
        resource_type: i8,
        resource_name: Str,
        /// Null for all.
        configuration_keys: Option<Vec<Str>> [0.., null 0..],
    }
}

message! {
    /// The configurations.
    response DescribeConfigsResponse [1..=4, flexible 4..] {
        throttle_time_ms: i32,
        results: Vec<DescribeConfigsResult>,
    }

    /// One resource.
    DescribeConfigsResult {
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..],
        resource_type: i8,
        resource_name: Str,
        configs: Vec<DescribeConfigsResourceResult>,
    }

    /// One configuration.
    DescribeConfigsResourceResult {
        name: Str,
        /// Null if sensitive.
        value: Option<Str> [0.., null 0..],
        read_only: bool,
        /// 1: topic, 2: this broker (dynamic), 3: all brokers (dynamic), 4: static, 5: default, 6: broker logger,
        /// 7: client metrics, 8: group.
        config_source: i8 [1.., ignorable] = -1,
        is_sensitive: bool,
        /// Where the value would come from, the nearest first.
        synonyms: Vec<DescribeConfigsSynonym> [1.., ignorable],
        /// 1: boolean, 2: string, 3: int, 4: short, 5: long, 6: double, 7: list, 8: class, 9: password.
        config_type: i8 [3.., ignorable],
        documentation: Option<Str> [3.., null 0.., ignorable],
    }

    /// A configuration that gives this one its value.
    DescribeConfigsSynonym {
        name: Str [1..],
        value: Option<Str> [1.., null 0..],
        /// As `config_source`.
        source: i8 [1..],
    }
}
