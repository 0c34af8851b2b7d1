//! The Kafka protocol: frames to structs and back.
//!
//! Each API has a file in which its request and response are declared in the notation of [`wire`]; [`api`] lists them,
//! [`decode_request`] and [`encode_response`] turn frames into requests and responses into frames. Nothing is copied:
//! text, bytes and records stay slices of the frame they came in, and large ones go out as parts of their own.

pub mod alter_configs;
pub mod api;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod error_code;
pub mod fetch;
pub mod find_coordinator;
mod frame;
mod header;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sync_group;
pub mod wire;

pub use api::{ApiKey, Request, Response};
pub use error_code::ErrorCode;
pub use frame::{RequestError, decode_request, encode_response};
#[cfg(any(test, feature = "client"))]
pub use frame::{decode_response, encode_request};
pub use header::{HeaderPrefix, RequestHeader};
pub use wire::{DecodeError, EncodeError, Str};

#[cfg(test)]
mod tests;
