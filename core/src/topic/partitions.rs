//! The partitions of this shard that have been asked for something.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use super::partition::{Partition, Wait, refuse};
use crate::ids::LogId;
use crate::mutant::{Mutant, is_on};
use crate::owner::{Owner, Waiting};
use crate::protocol::ErrorCode;
use crate::shard_message::{Asker, PartitionQuestion};
use crate::storage::{StorageCommand, StorageError, StorageReply};

/// Partitions by their log.
#[derive(Debug, Default)]
pub struct Partitions {
    open: BTreeMap<LogId, Partition>,
}

impl Partitions {
    /// Takes a question for a partition, opening it first if need be.
    pub fn ask(&mut self, owner: &mut Owner<'_>, asker: Asker, log: LogId, question: PartitionQuestion) {
        match self.open(owner, log) {
            Some(partition) => partition.ask(owner, asker, question),
            None => refuse(owner, asker, &question, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    /// A partition that the catalogue knows; it may be opening.
    pub fn open(&mut self, owner: &mut Owner<'_>, log: LogId) -> Option<&mut Partition> {
        match self.open.entry(log) {
            Entry::Occupied(open) => Some(open.into_mut()),
            Entry::Vacant(place) => {
                let topic = owner.image.topic_by_id(log.topic)?;
                let known = (0..topic.partitions).contains(&log.partition);
                known.then(|| place.insert(Partition::open(log, topic.name.clone(), owner)))
            }
        }
    }

    /// All that have been opened, by their log.
    pub fn iter(&self) -> impl Iterator<Item = (&LogId, &Partition)> {
        self.open.iter()
    }

    /// One that has been opened.
    pub fn get(&self, log: LogId) -> Option<&Partition> {
        self.open.get(&log)
    }

    /// A partition that has been opened before.
    pub fn get_open(&mut self, log: LogId) -> Option<&mut Partition> {
        self.open.get_mut(&log)
    }

    /// Takes the engine's answer.
    pub fn stored(
        &mut self,
        owner: &mut Owner<'_>,
        log: LogId,
        wait: Wait,
        outcome: Result<StorageReply, StorageError>,
    ) {
        match self.open.get_mut(&log) {
            Some(partition) => partition.stored(owner, wait, outcome),
            None => super::partition::answer_without_state(owner, wait, outcome),
        }
    }

    /// The asker no longer waits.
    pub fn forget(&mut self, asker: Asker, log: LogId) {
        if let Some(partition) = self.open.get_mut(&log) {
            partition.forget(asker);
        }
    }

    /// The catalogue no longer has this log: who waits is told, and the engine removes it.
    pub fn deleted(&mut self, owner: &mut Owner<'_>, log: LogId) {
        if log.owner(owner.settings.shards) != owner.settings.shard {
            return;
        }
        if let Some(partition) = self.open.remove(&log) {
            partition.deleted(owner);
        }
        if !is_on(Mutant::RecreatedTopicShowsOldRecords) {
            owner.stores.submit(owner.out, Waiting::Deletion(log), StorageCommand::Delete { log });
        }
    }

    /// Saves the state of every partition, so that the next start reads nothing back.
    pub fn snapshot_all(&mut self, owner: &mut Owner<'_>) {
        for partition in self.open.values_mut() {
            if let Some(ready) = partition.ready() {
                ready.snapshot(owner, true);
            }
        }
    }

    /// The logs of all partitions that this shard owns, from `after` on: at most `limit`.
    pub fn owned_after(owner: &Owner<'_>, after: Option<LogId>, limit: usize) -> Vec<LogId> {
        let mine = |log: &LogId| log.owner(owner.settings.shards) == owner.settings.shard;
        owner.image.logs_after(after).filter(mine).take(limit).collect()
    }
}
