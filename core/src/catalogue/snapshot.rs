//! The whole catalogue in one piece: kept by the engine so that the log before it can be dropped, and sent to the other
//! shards when the node starts. A snapshot is the records that lead to the same image, each with its length.

use alloc::vec::Vec;

use bytes::Bytes;

use super::image::{ApplyError, Image};
use super::notation::{Fields, Malformed, put_bytes, put_varint};
use super::record::{CatalogueRecord, Configured, RecordError};
use crate::config::Overrides;

/// The version of the snapshot's own form.
const VERSION: u64 = 0;

/// Why a snapshot cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Its form is one we do not know.
    #[error("the catalogue's snapshot has version {0}: a newer version of this program wrote it")]
    NewerVersion(u64),
    /// The bytes do not hold what they should.
    #[error("the catalogue's snapshot cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// A record in it cannot be read.
    #[error("the catalogue's snapshot cannot be read: {0}")]
    Record(#[from] RecordError),
    /// Records in it contradict each other.
    #[error("the catalogue's snapshot makes no sense: {0}")]
    Apply(#[from] ApplyError),
}

impl Image {
    /// The whole image in one piece.
    pub fn snapshot(&self) -> Bytes {
        let mut out = Vec::new();
        put_varint(&mut out, VERSION);
        put_varint(&mut out, self.change_number());
        for record in self.records() {
            put_bytes(&mut out, &record.encode());
        }
        out.into()
    }

    /// The image of a snapshot, for a node with these static configurations.
    ///
    /// # Errors
    /// A later version wrote it, or it is damaged.
    pub fn restore(snapshot: &[u8], fixed: Overrides) -> Result<Image, SnapshotError> {
        let mut fields = Fields(snapshot);
        match fields.varint()? {
            VERSION => {}
            newer => return Err(SnapshotError::NewerVersion(newer)),
        }
        let changes = fields.varint()?;
        let mut image = Image::new(fixed);
        while !fields.0.is_empty() {
            image.apply(&CatalogueRecord::decode(fields.bytes()?)?)?;
        }
        image.set_change_number(changes);
        Ok(image)
    }

    /// The fewest records that lead here. Configurations of nodes come first, so that each topic's are read once.
    fn records(&self) -> impl Iterator<Item = CatalogueRecord> {
        let configs =
            |of, overrides: &Overrides| CatalogueRecord::Configs { of, overrides: overrides.clone() };
        let mut node = Vec::new();
        if !self.cluster_id().is_zero() {
            node.push(CatalogueRecord::Cluster { id: self.cluster_id() });
        }
        if self.leader_epoch() > 0 {
            node.push(CatalogueRecord::Started { number: self.leader_epoch() });
        }
        if self.next_producer_id() > 0 {
            node.push(CatalogueRecord::ProducerIds { next: self.next_producer_id() });
        }
        if !self.broker_layers().all_nodes.is_empty() {
            node.push(configs(Configured::AllNodes, &self.broker_layers().all_nodes));
        }
        let nodes = self.configured_nodes().map(move |(id, own)| configs(Configured::Node(*id), own));
        let topics = self.topics().map(|topic| CatalogueRecord::Topic {
            id: topic.id,
            name: topic.name.clone(),
            partitions: topic.partitions,
            overrides: topic.overrides.clone(),
        });
        let groups =
            self.configured_groups().map(move |(id, own)| configs(Configured::Group(id.clone()), own));
        let metrics = self
            .client_metrics()
            .map(move |(name, own)| configs(Configured::ClientMetrics(name.clone()), own));
        node.into_iter().chain(nodes).chain(topics).chain(groups).chain(metrics)
    }
}
