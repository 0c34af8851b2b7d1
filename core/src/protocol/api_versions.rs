//! ApiVersions (key 18): which keys and versions a node serves; the first request of a connection.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | flexible (KIP-482); the client's name and version (KIP-511), features (KIP-584) |
//! | 4 | features whose lowest version is 0 may be answered |
//! | 5 | the cluster and node the client believes it talks to (KIP-1242) |
//!
//! The response's header is version 0 in every version, since the client cannot know yet what the node speaks.

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Who asks.
    request ApiVersionsRequest [0..=5, flexible 3..] {
        client_software_name: Str [3.., ignorable],
        client_software_version: Str [3.., ignorable],
        /// The cluster the client means; given together with `node_id` or not at all.
        cluster_id: Option<Str> [5.., null 5.., ignorable] = None,
        /// The node the client means, -1 if it does not know.
        node_id: i32 [5.., ignorable] = -1,
    }
}

message! {
    /// What is served.
    response ApiVersionsResponse [0..=5, flexible 3..] {
        error_code: ErrorCode,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 [1.., ignorable],
        /// Up to version 3 without those whose lowest version is 0.
        supported_features: Vec<SupportedFeatureKey> [tag 0, 3.., ignorable],
        /// Rises with each change of `finalized_features`; -1 if unknown.
        finalized_features_epoch: i64 [tag 1, 3.., ignorable] = -1,
        finalized_features: Vec<FinalizedFeatureKey> [tag 2, 3.., ignorable],
        zk_migration_ready: bool [tag 3, 3.., ignorable],
    }

    /// The versions served of one API, both ends included.
    ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    /// The versions a node can do of one feature.
    SupportedFeatureKey {
        name: Str [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    /// The version the cluster agreed on for one feature.
    FinalizedFeatureKey {
        name: Str [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}
