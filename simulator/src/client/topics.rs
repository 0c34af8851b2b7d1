//! What a client knows of the topics: what the last Metadata answer told.

use std::collections::BTreeMap;

use kelpgate_core::protocol::metadata::{MetadataRequest, MetadataResponse};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::uuid::Uuid;

/// The topics of a node.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Str, Topic>,
    names: BTreeMap<Uuid, Str>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Topic {
    id: Uuid,
    partitions: i32,
    internal: bool,
    /// Of the leader of each partition, by index; -1 before version 7 of Metadata.
    epochs: BTreeMap<i32, i32>,
}

impl Topics {
    /// Asks for all topics; creates none.
    pub fn request() -> MetadataRequest {
        MetadataRequest { topics: None, ..MetadataRequest::default() }
    }

    /// Takes what was told in the place of what was known.
    pub fn told(&mut self, answer: MetadataResponse) {
        self.by_name.clear();
        self.names.clear();
        for topic in answer.topics {
            let (ErrorCode::NONE, Some(name)) = (topic.error_code, topic.name) else { continue };
            if !topic.topic_id.is_zero() {
                self.names.insert(topic.topic_id, name.clone());
            }
            let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            let epochs = topic.partitions.iter().map(|one| (one.partition_index, one.leader_epoch)).collect();
            let known = Topic { id: topic.topic_id, partitions, internal: topic.is_internal, epochs };
            self.by_name.insert(name, known);
        }
    }

    /// The id of a topic; none if there is no such topic, or the answer's version was too old for ids.
    pub fn id(&self, name: &Str) -> Option<Uuid> {
        self.by_name.get(name).map(|topic| topic.id).filter(|id| !id.is_zero())
    }

    /// The name that goes with an id.
    pub fn name(&self, id: Uuid) -> Option<&Str> {
        self.names.get(&id)
    }

    /// How many partitions a topic has; 0 if there is no such topic.
    pub fn partitions(&self, name: &Str) -> i32 {
        self.by_name.get(name).map_or(0, |topic| topic.partitions)
    }

    /// The epoch of a partition's leader; -1 if it was not told.
    pub fn leader_epoch(&self, name: &Str, partition: i32) -> i32 {
        self.by_name.get(name).and_then(|topic| topic.epochs.get(&partition)).copied().unwrap_or(-1)
    }

    /// The topics that are no node's own, with their partitions.
    pub fn all(&self) -> impl Iterator<Item = (&Str, i32)> {
        let shown = self.by_name.iter().filter(|(_, topic)| !topic.internal);
        shown.map(|(name, topic)| (name, topic.partitions))
    }
}
