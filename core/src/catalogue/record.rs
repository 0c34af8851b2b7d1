//! The records of the catalogue's log. Each says its kind and the version of its form, so that later versions of this
//! program can read it, and earlier ones refuse it with a clear reason.
//!
//! A record's key is the name of its kind, for people who read the log with ordinary tools. Its value is the kind and
//! the version of its form as varints, then the fields one after the other.

use alloc::vec::Vec;

pub use super::batch::{decode_batch, encode_batch};
use super::notation::{Fields, Malformed, put_bytes, put_overrides, put_varint};
use crate::config::Overrides;
use crate::protocol::Str;
use crate::uuid::Uuid;

/// One change of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueRecord {
    /// The cluster has got its id; the first record of all.
    Cluster { id: Uuid },
    /// The node has started for the `number`th time. The number is the leader epoch of all its partitions.
    Started { number: i32 },
    /// A topic was made.
    Topic { id: Uuid, name: Str, partitions: i32, overrides: Overrides },
    /// A topic has more partitions now.
    Partitions { topic: Uuid, count: i32 },
    /// A topic is gone, with everything in it.
    TopicDeleted { id: Uuid },
    /// Something is configured like this now; an empty map means that it has nothing of its own any more.
    Configs { of: Configured, overrides: Overrides },
    /// Producer ids below `next` may have been handed out.
    ProducerIds { next: i64 },
}

/// What can have configurations of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Configured {
    /// A topic, by id.
    Topic(Uuid),
    /// A node, while it runs.
    Node(i32),
    /// What holds for every node that has nothing of its own.
    AllNodes,
    /// A group, by its id; it need not exist.
    Group(Str),
    /// A client metrics subscription (KIP-714), by name.
    ClientMetrics(Str),
}

/// Why a stored record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Another kind of record than any we know: written by a later version.
    #[error("a catalogue record of the unknown kind {0}: a newer version of this program wrote it")]
    UnknownKind(u64),
    /// A known kind in a form we do not know: written by a later version.
    #[error(
        "a catalogue record of kind {kind} has version {version}, the newest known is {NEWEST}: a newer version of \
         this program wrote it"
    )]
    NewerVersion { kind: u64, version: u64 },
    /// The bytes do not hold what they should.
    #[error("the catalogue's log cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// A batch that is not whole, or whose checksum is wrong.
    #[error("a batch of the catalogue's log cannot be read: {0}")]
    Batch(#[from] crate::record::BatchError),
    /// A batch whose records are not as its header says.
    #[error("a batch of the catalogue's log cannot be read: {0}")]
    Structure(#[from] crate::record::RecordError),
    /// A batch that is compressed or otherwise none of ours.
    #[error("a batch of the catalogue's log has the attributes {0:#06x}, plain ones have none")]
    Attributes(i16),
    /// A batch behind the last of all offsets.
    #[error("a batch of the catalogue's log has offsets that are too large")]
    Offsets,
    /// A resource of no known kind: written by a later version.
    #[error(
        "a catalogue record configures a resource of the unknown kind {0}: a newer version of this program wrote it"
    )]
    UnknownResource(u8),
}

/// The newest version of any kind's form. Versions count from 0.
const NEWEST: u64 = 0;

impl CatalogueRecord {
    fn kind(&self) -> u64 {
        match self {
            CatalogueRecord::Cluster { .. } => 1,
            CatalogueRecord::Started { .. } => 2,
            CatalogueRecord::Topic { .. } => 3,
            CatalogueRecord::Partitions { .. } => 4,
            CatalogueRecord::TopicDeleted { .. } => 5,
            CatalogueRecord::Configs { .. } => 6,
            CatalogueRecord::ProducerIds { .. } => 7,
        }
    }

    /// The record's key in the log.
    pub fn key(&self) -> &'static str {
        match self {
            CatalogueRecord::Cluster { .. } => "cluster",
            CatalogueRecord::Started { .. } => "started",
            CatalogueRecord::Topic { .. } => "topic",
            CatalogueRecord::Partitions { .. } => "partitions",
            CatalogueRecord::TopicDeleted { .. } => "topic-deleted",
            CatalogueRecord::Configs { .. } => "configs",
            CatalogueRecord::ProducerIds { .. } => "producer-ids",
        }
    }

    /// The record's value in the log.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.kind());
        put_varint(&mut out, NEWEST);
        match self {
            CatalogueRecord::Cluster { id } | CatalogueRecord::TopicDeleted { id } => {
                out.extend_from_slice(&id.0)
            }
            CatalogueRecord::Started { number } => out.extend_from_slice(&number.to_be_bytes()),
            CatalogueRecord::Topic { id, name, partitions, overrides } => {
                out.extend_from_slice(&id.0);
                put_bytes(&mut out, name.as_bytes());
                out.extend_from_slice(&partitions.to_be_bytes());
                put_overrides(&mut out, overrides);
            }
            CatalogueRecord::Partitions { topic, count } => {
                out.extend_from_slice(&topic.0);
                out.extend_from_slice(&count.to_be_bytes());
            }
            CatalogueRecord::Configs { of, overrides } => {
                of.put(&mut out);
                put_overrides(&mut out, overrides);
            }
            CatalogueRecord::ProducerIds { next } => out.extend_from_slice(&next.to_be_bytes()),
        }
        out
    }

    /// Reads a record's value. What it holds is copied, so that it keeps no other memory alive.
    ///
    /// # Errors
    /// A kind or form of a later version; bytes that end early or are left over.
    pub fn decode(value: &[u8]) -> Result<CatalogueRecord, RecordError> {
        let mut fields = Fields(value);
        let kind = fields.varint()?;
        let version = fields.varint()?;
        if (1..=7).contains(&kind) && version > NEWEST {
            return Err(RecordError::NewerVersion { kind, version });
        }
        let record = match kind {
            1 => CatalogueRecord::Cluster { id: fields.uuid()? },
            2 => CatalogueRecord::Started { number: fields.int()? },
            3 => CatalogueRecord::Topic {
                id: fields.uuid()?,
                name: fields.text()?,
                partitions: fields.int()?,
                overrides: fields.overrides()?,
            },
            4 => CatalogueRecord::Partitions { topic: fields.uuid()?, count: fields.int()? },
            5 => CatalogueRecord::TopicDeleted { id: fields.uuid()? },
            6 => CatalogueRecord::Configs {
                of: Configured::take(&mut fields)?,
                overrides: fields.overrides()?,
            },
            7 => CatalogueRecord::ProducerIds { next: fields.long()? },
            unknown => return Err(RecordError::UnknownKind(unknown)),
        };
        fields.finish()?;
        Ok(record)
    }
}

impl Configured {
    /// Kafka's codes of resource types, and 0 for the default of all nodes, which Kafka marks with an empty name.
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Configured::AllNodes => out.push(0),
            Configured::Topic(id) => {
                out.push(2);
                out.extend_from_slice(&id.0);
            }
            Configured::Node(id) => {
                out.push(4);
                out.extend_from_slice(&id.to_be_bytes());
            }
            Configured::ClientMetrics(name) => {
                out.push(16);
                put_bytes(out, name.as_bytes());
            }
            Configured::Group(id) => {
                out.push(32);
                put_bytes(out, id.as_bytes());
            }
        }
    }

    fn take(fields: &mut Fields<'_>) -> Result<Configured, RecordError> {
        match fields.array()? {
            [0] => Ok(Configured::AllNodes),
            [2] => Ok(Configured::Topic(fields.uuid()?)),
            [4] => Ok(Configured::Node(fields.int()?)),
            [16] => Ok(Configured::ClientMetrics(fields.text()?)),
            [32] => Ok(Configured::Group(fields.text()?)),
            [unknown] => Err(RecordError::UnknownResource(unknown)),
        }
    }
}

#[cfg(test)]
mod tests;
