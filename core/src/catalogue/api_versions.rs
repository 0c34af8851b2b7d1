//! ApiVersions (18): what this node serves (`ApiVersionsRequest.isValid`, `ApiVersionsResponse`, KIP-511, KIP-584,
//! KIP-1242).

use alloc::string::ToString;

use super::Context;
use crate::protocol::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::protocol::wire::VersionRange;
use crate::protocol::{ApiKey, ErrorCode, Str};

/// A feature that clients look at, with the levels this node could run at and the one it runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Kafka's name, such as `group.version`.
    pub name: &'static str,
    /// The lowest level; 0 means that it can be off.
    pub lowest: i16,
    /// The highest level.
    pub highest: i16,
    /// The level in use; 0 means that it is off.
    pub level: i16,
}

/// What a node serves. Anything not in here must not be answered otherwise than by closing the connection.
#[derive(Clone, Copy, Debug)]
pub struct ApiVersions<'a> {
    /// By rising number.
    pub served: &'a [(ApiKey, VersionRange)],
    /// By name.
    pub features: &'a [Feature],
}

impl ApiVersions<'_> {
    /// Answers a request of a version that is served.
    pub fn answer(&self, context: &Context<'_>, request: &ApiVersionsRequest) -> ApiVersionsResponse {
        let version = context.version;
        let named =
            is_software(&request.client_software_name) && is_software(&request.client_software_version);
        if version >= 3 && !named {
            return ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..Default::default() };
        }
        if means_another(context, request) {
            return ApiVersionsResponse { error_code: ErrorCode::REBOOTSTRAP_REQUIRED, ..Default::default() };
        }
        // Before version 4 clients fail on a feature whose lowest level is 0 (KAFKA-17011).
        let shown = |feature: &&Feature| version >= 4 || feature.lowest > 0;
        ApiVersionsResponse {
            api_keys: self.served.iter().map(entry).collect(),
            supported_features: self.features.iter().filter(shown).map(supported).collect(),
            finalized_features_epoch: i64::try_from(context.image.change_number()).unwrap_or(i64::MAX),
            finalized_features: self
                .features
                .iter()
                .filter(|feature| feature.level > 0)
                .map(finalized)
                .collect(),
            ..Default::default()
        }
    }

    /// Answers a request of a version that is not served, of which only the header was read. Goes out as version 0: the
    /// client reads what this node serves of ApiVersions and asks again (KIP-511).
    pub fn unsupported(&self) -> ApiVersionsResponse {
        let own = self.served.iter().filter(|(key, _)| *key == ApiKey::ApiVersions);
        ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: own.map(entry).collect(),
            ..Default::default()
        }
    }
}

fn entry((key, versions): &(ApiKey, VersionRange)) -> ApiVersion {
    ApiVersion {
        api_key: key.number(),
        min_version: versions.first,
        max_version: versions.last,
        ..Default::default()
    }
}

fn supported(feature: &Feature) -> SupportedFeatureKey {
    SupportedFeatureKey {
        name: Str::from_static(feature.name),
        min_version: feature.lowest,
        max_version: feature.highest,
        ..Default::default()
    }
}

fn finalized(feature: &Feature) -> FinalizedFeatureKey {
    FinalizedFeatureKey {
        name: Str::from_static(feature.name),
        max_version_level: feature.level,
        min_version_level: feature.level,
        ..Default::default()
    }
}

/// Letters, digits, dashes and dots; the first and the last are letters or digits.
fn is_software(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.bytes().all(inner) && edge(text.bytes().next()) && edge(text.bytes().next_back())
}

/// Whether a client came to another cluster or node than it means: its bootstrap addresses lead elsewhere by now.
fn means_another(context: &Context<'_>, request: &ApiVersionsRequest) -> bool {
    let cluster = context.image.cluster_id().to_string();
    let other_cluster = request.cluster_id.as_ref().is_some_and(|meant| *meant != *cluster);
    let other_node = request.node_id != -1 && request.node_id != context.image.broker().node_id;
    other_cluster || other_node
}

#[cfg(test)]
mod tests;
