//! The catalogue: topics, partitions and configurations, the node's durable metadata. It is a log of records with one
//! owner, shard 0, which tells every shard of each change; what the records add up to is the image.
//!
//! Everything here is a pure function. A request that changes something is judged against the image and gives records
//! together with a response (the idea of Kafka's `ControllerResult`); the response leaves once the records are durable
//! and every shard has applied them. A request that only asks is answered from the image of any shard.

mod alter_configs;
mod api_versions;
mod assignment;
mod batch;
mod change;
mod create_partitions;
mod create_topics;
mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_topic_partitions;
pub mod image;
pub mod init_producer_id;
mod internal_topics;
pub mod limits;
pub mod list_config_resources;
pub mod metadata;
pub mod names;
mod notation;
pub(crate) mod operations;
pub mod record;
mod refusal;
mod resources;
mod snapshot;
#[cfg(test)]
mod testing;

pub use api_versions::{ApiVersions, Feature};
pub use change::{Change, change, not_done, refused, timeout_ms};
pub use create_topics::on_demand;
pub use snapshot::SnapshotError;

use image::Image;

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What there is.
    pub image: &'a Image,
    /// The request's version.
    pub version: i16,
    /// Host and port that clients of this listener are told.
    pub advertised: (&'a str, i32),
}

/// Where ids of new topics come from: 16 random bytes for each.
pub type Random<'a> = dyn FnMut() -> [u8; 16] + 'a;
