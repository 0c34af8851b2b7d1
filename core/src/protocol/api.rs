//! The list of APIs: keys, versions, and which structs go with them.

use super::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
use super::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use super::consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use super::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use super::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse};
use super::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
use super::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use super::delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};
use super::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use super::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use super::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
use super::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use super::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use super::describe_producers::{DescribeProducersRequest, DescribeProducersResponse};
use super::describe_topic_partitions::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use super::fetch::{FetchRequest, FetchResponse};
use super::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use super::frame::RequestError;
use super::header::RequestHeader;
use super::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use super::incremental_alter_configs::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use super::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use super::join_group::{JoinGroupRequest, JoinGroupResponse};
use super::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use super::list_config_resources::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use super::list_groups::{ListGroupsRequest, ListGroupsResponse};
use super::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use super::metadata::{MetadataRequest, MetadataResponse};
use super::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
use super::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use super::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
use super::offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use super::produce::{ProduceRequest, ProduceResponse};
use super::sync_group::{SyncGroupRequest, SyncGroupResponse};
use super::wire::{
    EncodeError, Message, MessageInfo, Read, Reader, Room, Version, VersionRange, Write, Writer,
};

macro_rules! apis {
    ($($key:literal $name:ident($request:ident, $response:ident),)*) => {
        /// An API of Kafka that we have declared; its number is Kafka's.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(i16)]
        pub enum ApiKey {
            $(#[doc = concat!("Key ", $key, ".")] $name = $key,)*
        }

        impl ApiKey {
            /// Every declared API, by rising number.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$name),*];

            /// The API with this number.
            pub const fn from_number(number: i16) -> Option<ApiKey> {
                match number {
                    $($key => Some(ApiKey::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ApiKey::$name => stringify!($name),)*
                }
            }

            /// How the request was declared.
            pub const fn request(self) -> &'static MessageInfo {
                match self {
                    $(ApiKey::$name => &<$request as Message>::INFO,)*
                }
            }

            /// How the response was declared; versions are the request's.
            pub const fn response(self) -> &'static MessageInfo {
                match self {
                    $(ApiKey::$name => &<$response as Message>::INFO,)*
                }
            }
        }

        /// A request of any API.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each variant holds the struct of its name")]
        pub enum Request {
            $($name($request),)*
        }

        /// A response of any API.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each variant holds the struct of its name")]
        pub enum Response {
            $($name($response),)*
        }

        impl Request {
            /// Which API this is a request of.
            pub fn api_key(&self) -> ApiKey {
                match self {
                    $(Request::$name(_) => ApiKey::$name,)*
                }
            }

            /// Reads the body that follows `header`.
            ///
            /// Bytes left over are not looked at, as in Kafka: librdkafka asks for all topics with an array length of
            /// four bytes where a compact one is due, so its Metadata 9 and later are three bytes longer than what
            /// they say. The result is put together here, where its final place is known: a request is large enough
            /// for each move on the way out to be felt.
            pub(crate) fn read(
                reader: &mut Reader<'_>,
                version: Version,
                header: RequestHeader,
            ) -> Result<(RequestHeader, Request), RequestError> {
                match header.api_key {
                    $(ApiKey::$name => {
                        let body = <$request>::read(reader, version).map_err(|error| {
                            RequestError::Malformed(header.prefix(), error.within(stringify!($request)))
                        })?;
                        Ok((header, Request::$name(body)))
                    })*
                }
            }
        }

        impl Response {
            /// Which API this is a response of.
            pub fn api_key(&self) -> ApiKey {
                match self {
                    $(Response::$name(_) => ApiKey::$name,)*
                }
            }

            /// How many bytes the body takes at most, see [`Write::at_most`].
            pub(crate) fn at_most(&self) -> usize {
                match self {
                    $(Response::$name(body) => body.at_most(),)*
                }
            }

            /// Puts the body; gives the room behind it.
            pub(crate) fn write<'r>(
                &self,
                writer: &mut Writer,
                room: Room<'r>,
                version: Version,
            ) -> Result<Room<'r>, EncodeError> {
                match self {
                    $(Response::$name(body) => body
                        .write(writer, room, version)
                        .map_err(|error| error.within(stringify!($response))),)*
                }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(body: $request) -> Request {
                    Request::$name(body)
                }
            }

            impl From<$response> for Response {
                fn from(body: $response) -> Response {
                    Response::$name(body)
                }
            }

            // Both sides of an API have the same versions.
            const _: () = {
                let (request, response) = (<$request as Message>::INFO, <$response as Message>::INFO);
                assert!(request.versions.first == response.versions.first);
                assert!(request.versions.last == response.versions.last);
                assert!(request.flexible.first == response.flexible.first);
                assert!(request.flexible.last == response.flexible.last);
            };
        )*

        #[cfg(any(test, feature = "client"))]
        mod client {
            use super::*;
            use crate::protocol::wire::{DecodeError, Generate, Source};

            impl Request {
                /// How many bytes the body takes at most, see [`Write::at_most`].
                pub(crate) fn at_most(&self) -> usize {
                    match self {
                        $(Request::$name(body) => body.at_most(),)*
                    }
                }

                /// Puts the body; gives the room behind it.
                pub(crate) fn write<'r>(
                &self,
                writer: &mut Writer,
                room: Room<'r>,
                version: Version,
            ) -> Result<Room<'r>, EncodeError> {
                    match self {
                        $(Request::$name(body) => body
                            .write(writer, room, version)
                            .map_err(|error| error.within(stringify!($request))),)*
                    }
                }

                /// A random body that `version` of the API can carry.
                pub fn generate(key: ApiKey, version: i16, source: &mut Source) -> Request {
                    let version = key.version(version);
                    match key {
                        $(ApiKey::$name => Request::$name(Generate::generate(source, version, false)),)*
                    }
                }
            }

            impl Response {
                /// Reads a body.
                pub(crate) fn read(
                    key: ApiKey,
                    reader: &mut Reader<'_>,
                    version: Version,
                ) -> Result<Response, DecodeError> {
                    match key {
                        $(ApiKey::$name => <$response>::read(reader, version)
                            .map(Response::$name)
                            .map_err(|error| error.within(stringify!($response))),)*
                    }
                }

                /// A random body that `version` of the API can carry.
                pub fn generate(key: ApiKey, version: i16, source: &mut Source) -> Response {
                    let version = key.version(version);
                    match key {
                        $(ApiKey::$name => Response::$name(Generate::generate(source, version, false)),)*
                    }
                }
            }
        }
    };
}

apis! {
    0 Produce(ProduceRequest, ProduceResponse),
    1 Fetch(FetchRequest, FetchResponse),
    2 ListOffsets(ListOffsetsRequest, ListOffsetsResponse),
    3 Metadata(MetadataRequest, MetadataResponse),
    8 OffsetCommit(OffsetCommitRequest, OffsetCommitResponse),
    9 OffsetFetch(OffsetFetchRequest, OffsetFetchResponse),
    10 FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse),
    11 JoinGroup(JoinGroupRequest, JoinGroupResponse),
    12 Heartbeat(HeartbeatRequest, HeartbeatResponse),
    13 LeaveGroup(LeaveGroupRequest, LeaveGroupResponse),
    14 SyncGroup(SyncGroupRequest, SyncGroupResponse),
    15 DescribeGroups(DescribeGroupsRequest, DescribeGroupsResponse),
    16 ListGroups(ListGroupsRequest, ListGroupsResponse),
    18 ApiVersions(ApiVersionsRequest, ApiVersionsResponse),
    19 CreateTopics(CreateTopicsRequest, CreateTopicsResponse),
    20 DeleteTopics(DeleteTopicsRequest, DeleteTopicsResponse),
    21 DeleteRecords(DeleteRecordsRequest, DeleteRecordsResponse),
    22 InitProducerId(InitProducerIdRequest, InitProducerIdResponse),
    23 OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
    32 DescribeConfigs(DescribeConfigsRequest, DescribeConfigsResponse),
    33 AlterConfigs(AlterConfigsRequest, AlterConfigsResponse),
    35 DescribeLogDirs(DescribeLogDirsRequest, DescribeLogDirsResponse),
    37 CreatePartitions(CreatePartitionsRequest, CreatePartitionsResponse),
    42 DeleteGroups(DeleteGroupsRequest, DeleteGroupsResponse),
    44 IncrementalAlterConfigs(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse),
    47 OffsetDelete(OffsetDeleteRequest, OffsetDeleteResponse),
    60 DescribeCluster(DescribeClusterRequest, DescribeClusterResponse),
    61 DescribeProducers(DescribeProducersRequest, DescribeProducersResponse),
    68 ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
    69 ConsumerGroupDescribe(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
    74 ListConfigResources(ListConfigResourcesRequest, ListConfigResourcesResponse),
    75 DescribeTopicPartitions(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse),
}

impl ApiKey {
    /// Kafka's number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The versions we read and write; which of them a node serves is its own decision.
    pub const fn versions(self) -> VersionRange {
        self.request().versions
    }

    /// Whether `version` has compact lengths and tagged sections (KIP-482).
    pub const fn is_flexible(self, version: i16) -> bool {
        self.request().flexible.contains(version)
    }

    /// `version` with what follows from it.
    pub(crate) const fn version(self, version: i16) -> Version {
        Version { number: version, flexible: self.is_flexible(version) }
    }

    /// Whether the response's header has a tagged section. ApiVersions never has: its asker cannot know yet what the
    /// node speaks.
    pub const fn has_tagged_response_header(self, version: i16) -> bool {
        self.is_flexible(version) && !matches!(self, ApiKey::ApiVersions)
    }
}
