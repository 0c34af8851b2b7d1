//! The catalogue: topics, partitions and configurations, the node's durable metadata. It is a log of records with one
//! owner, shard 0, which tells every shard of each change; what the records add up to is the image.
//!
//! Everything here is a pure function. A request that changes something is judged against the image and gives records
//! together with a response; the response leaves once the records are durable and every shard has applied them.

mod batch;
pub mod image;
pub mod names;
mod notation;
pub mod record;
mod snapshot;

pub(crate) use bytestring::ByteString as Str;
pub use snapshot::SnapshotError;
