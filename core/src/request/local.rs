//! What a node answers from what every shard knows, and how it refuses what it does not serve.

use alloc::format;

use super::home::Home;
use crate::catalogue::{
    ApiVersions, Feature, describe_cluster, describe_configs, describe_topic_partitions,
    list_config_resources,
};
use crate::config::BrokerConfig;
use crate::machine::{CloseReason, PeerInfo};
use crate::protocol::wire::VersionRange;
use crate::protocol::{ApiKey, Request, RequestError, Response};

/// The APIs that this node serves, all in every version that is declared: what ApiVersions tells, and nothing else is
/// taken. Those of transactions come with them.
const SERVED: &[(ApiKey, VersionRange)] = &[
    served(ApiKey::Produce),
    served(ApiKey::Fetch),
    served(ApiKey::ListOffsets),
    served(ApiKey::Metadata),
    served(ApiKey::OffsetCommit),
    served(ApiKey::OffsetFetch),
    served(ApiKey::FindCoordinator),
    served(ApiKey::JoinGroup),
    served(ApiKey::Heartbeat),
    served(ApiKey::LeaveGroup),
    served(ApiKey::SyncGroup),
    served(ApiKey::DescribeGroups),
    served(ApiKey::ListGroups),
    served(ApiKey::ApiVersions),
    served(ApiKey::CreateTopics),
    served(ApiKey::DeleteTopics),
    served(ApiKey::DeleteRecords),
    served(ApiKey::InitProducerId),
    served(ApiKey::OffsetForLeaderEpoch),
    served(ApiKey::DescribeConfigs),
    served(ApiKey::AlterConfigs),
    served(ApiKey::DescribeLogDirs),
    served(ApiKey::CreatePartitions),
    served(ApiKey::DeleteGroups),
    served(ApiKey::IncrementalAlterConfigs),
    served(ApiKey::OffsetDelete),
    served(ApiKey::DescribeCluster),
    served(ApiKey::DescribeProducers),
    served(ApiKey::ConsumerGroupHeartbeat),
    served(ApiKey::ConsumerGroupDescribe),
    served(ApiKey::ListConfigResources),
    served(ApiKey::DescribeTopicPartitions),
];

/// Groups of the new protocol are served (KIP-848): what the level 1 of `group.version` says. No other feature is on.
const API_VERSIONS: ApiVersions<'static> = ApiVersions {
    served: SERVED,
    features: &[Feature { name: "group.version", lowest: 0, highest: 1, level: 1 }],
};

const fn served(key: ApiKey) -> (ApiKey, VersionRange) {
    (key, key.versions())
}

/// Whether requests of this key are taken.
pub fn is_served(key: ApiKey) -> bool {
    SERVED.iter().any(|(known, _)| *known == key)
}

/// Answers what needs no owner; none for a request that does.
pub fn answer(home: &Home<'_>, request: &Request) -> Option<Response> {
    let context = &home.catalogue_context();
    Some(match request {
        Request::ApiVersions(request) => API_VERSIONS.answer(context, request).into(),
        Request::DescribeConfigs(request) => describe_configs::answer(context, request).into(),
        Request::DescribeCluster(request) => describe_cluster::answer(context, request).into(),
        Request::DescribeTopicPartitions(request) => {
            describe_topic_partitions::answer(context, request).into()
        }
        Request::ListConfigResources(request) => list_config_resources::answer(context, request).into(),
        Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::FindCoordinator(_)
        | Request::OffsetCommit(_)
        | Request::OffsetFetch(_)
        | Request::JoinGroup(_)
        | Request::Heartbeat(_)
        | Request::LeaveGroup(_)
        | Request::SyncGroup(_)
        | Request::DescribeGroups(_)
        | Request::ListGroups(_)
        | Request::DeleteGroups(_)
        | Request::OffsetDelete(_)
        | Request::ConsumerGroupHeartbeat(_)
        | Request::ConsumerGroupDescribe(_)
        | Request::CreateTopics(_)
        | Request::DeleteTopics(_)
        | Request::DeleteRecords(_)
        | Request::InitProducerId(_)
        | Request::OffsetForLeaderEpoch(_)
        | Request::AlterConfigs(_)
        | Request::DescribeLogDirs(_)
        | Request::CreatePartitions(_)
        | Request::IncrementalAlterConfigs(_)
        | Request::DescribeProducers(_) => return None,
    })
}

/// The answer to an ApiVersions request that is newer than any we know (KIP-511).
pub fn api_versions_too_new() -> Response {
    API_VERSIONS.unsupported().into()
}

/// Why a frame that is no request ends its connection.
pub fn close_reason(error: &RequestError) -> CloseReason {
    match error {
        RequestError::UnknownKey(prefix) | RequestError::UnsupportedVersion(_, prefix) => {
            CloseReason::NotServed { key: prefix.api_key, version: prefix.api_version }
        }
        RequestError::Header(_) | RequestError::Malformed(..) => CloseReason::Unreadable(format!("{error}")),
    }
}

/// Which limit of the node this connection breaks (`max.connections`, `max.connections.per.ip`), if any.
pub fn over_connection_limits(broker: &BrokerConfig, peer: &PeerInfo) -> Option<CloseReason> {
    if peer.others.all >= broker.max_connections {
        return Some(CloseReason::TooMany("max.connections"));
    }
    let address = address_of(peer);
    let own = broker.max_connections_per_ip_overrides.iter().find(|(known, _)| known == address);
    let limit = own.map_or(broker.max_connections_per_ip, |(_, limit)| *limit);
    (peer.others.same_address >= limit).then_some(CloseReason::TooMany("max.connections.per.ip"))
}

fn address_of(peer: &PeerInfo) -> &str {
    peer.peer.rsplit_once(':').map_or(peer.peer.as_str(), |(address, _)| address)
}
