//! The committed offsets of one group, whatever kind of group it is.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::question::{CommitOffsets, FetchOffsets, FetchedOffset, OffsetToCommit};
use super::record::{GroupRecord, OffsetCommitKey, OffsetCommitValue};
use super::step::Step;
use crate::catalogue::image::Image;
use crate::mutant::{Mutant, is_on};
use crate::protocol::{ErrorCode, Str};
use crate::time::WallTime;
use crate::uuid::Uuid;

/// No offset was committed (`OffsetFetchResponse.INVALID_OFFSET`).
const NONE: i64 = -1;

/// Offsets that expire in one step: their tombstones have to fit a batch.
const EXPIRED_PER_STEP: usize = 1000;

/// Offsets by topic and partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offsets {
    topics: BTreeMap<Str, BTreeMap<i32, OffsetCommitValue>>,
    /// What the changes of this step replaced, should its records not fit the log.
    replaced: Vec<(OffsetCommitKey, Option<OffsetCommitValue>)>,
}

/// From when on the retention of an offset counts, and which offsets have one at all (KIP-211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionBase {
    /// From each offset's own commit.
    Commit,
    /// From the moment the group lost its last member.
    Emptied(WallTime),
}

impl Offsets {
    /// Whether nothing is committed.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Every committed offset, by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, i32, &OffsetCommitValue)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, value)| (topic, *partition, value))
        })
    }

    /// A step begins: what came before it stays.
    pub fn begin(&mut self) {
        self.replaced.clear();
    }

    /// The records of this step were not stored: everything is as it was before it.
    pub fn take_back(&mut self) {
        for (key, value) in core::mem::take(&mut self.replaced).into_iter().rev() {
            self.replay(&key, value.as_ref());
        }
    }

    /// Changes an offset, and stores that.
    fn put(&mut self, step: &mut Step<'_>, key: OffsetCommitKey, value: Option<OffsetCommitValue>) {
        self.replaced.push((key.clone(), self.get(&key.topic, key.partition).cloned()));
        self.replay(&key, value.as_ref());
        step.record(GroupRecord::OffsetCommit(key, value));
    }

    /// Applies a record.
    pub fn replay(&mut self, key: &OffsetCommitKey, value: Option<&OffsetCommitValue>) {
        match value {
            Some(value) => {
                let value = OffsetCommitValue { metadata: value.metadata.detach(), ..value.clone() };
                match self.topics.get_mut(&key.topic) {
                    Some(partitions) => {
                        partitions.insert(key.partition, value);
                    }
                    None => {
                        let partitions = BTreeMap::from([(key.partition, value)]);
                        self.topics.insert(key.topic.detach(), partitions);
                    }
                }
            }
            None => {
                if let Some(partitions) = self.topics.get_mut(&key.topic) {
                    partitions.remove(&key.partition);
                    if partitions.is_empty() {
                        self.topics.remove(&key.topic);
                    }
                }
            }
        }
    }

    /// Keeps offsets; one code for each (`OffsetMetadataManager.commitOffset`).
    pub fn commit(&mut self, step: &mut Step<'_>, group: &Str, request: &CommitOffsets) -> Vec<ErrorCode> {
        let limit = step.config.offset_metadata_max_bytes;
        let expires = request.retention_ms.map_or(-1, |retention| step.now.wall.0.saturating_add(retention));
        let one = |offset: &OffsetToCommit| {
            if is_longer(&offset.metadata, limit) {
                return ErrorCode::OFFSET_METADATA_TOO_LARGE;
            }
            let key = offset_key(group, &offset.topic, offset.partition);
            let value = OffsetCommitValue {
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata.clone(),
                commit_timestamp: offset.timestamp.unwrap_or(step.now.wall.0),
                expire_timestamp: expires,
                topic_id: offset.topic_id,
                ..Default::default()
            };
            self.put(step, key, Some(value));
            ErrorCode::NONE
        };
        request.offsets.iter().map(one).collect()
    }

    /// What is committed for what is asked: a partition without an offset has the offset -1, not an error. Offsets of
    /// topics that `image` does not have any more are waiting to be forgotten, and are not told.
    pub fn fetch(&self, image: &Image, request: &FetchOffsets) -> Vec<FetchedOffset> {
        match &request.topics {
            None => self
                .iter()
                .filter(|(topic, _, value)| !is_of_deleted(image, topic, value))
                .map(|(topic, partition, value)| found(topic, partition, value))
                .collect(),
            Some(topics) => topics
                .iter()
                .flat_map(|(topic, partitions)| partitions.iter().map(move |partition| (topic, *partition)))
                .map(|(topic, partition)| match self.get(topic, partition) {
                    Some(value) if !is_of_deleted(image, topic, value) => found(topic, partition, value),
                    Some(_) | None => missing(topic, partition),
                })
                .collect(),
        }
    }

    fn get(&self, topic: &str, partition: i32) -> Option<&OffsetCommitValue> {
        self.topics.get(topic)?.get(&partition)
    }

    /// Forgets one offset, if there is one.
    pub fn delete(&mut self, step: &mut Step<'_>, group: &Str, topic: &Str, partition: i32) {
        if self.get(topic, partition).is_some() {
            self.put(step, offset_key(group, topic, partition), None);
        }
    }

    /// Forgets all offsets.
    pub fn delete_all(&mut self, step: &mut Step<'_>, group: &Str) {
        let keys: Vec<OffsetCommitKey> =
            self.iter().map(|(topic, partition, _)| offset_key(group, topic, partition)).collect();
        keys.into_iter().for_each(|key| self.put(step, key, None));
    }

    /// A topic is gone, and with it the offsets that were committed for it; not those of an earlier topic of that name
    /// (`OffsetMetadataManager.onPartitionsDeleted`).
    pub fn topic_deleted(&mut self, step: &mut Step<'_>, group: &Str, topic: &Str, id: Uuid) {
        let Some(partitions) = self.topics.get(topic) else { return };
        let gone: Vec<i32> = partitions
            .iter()
            .filter(|(_, value)| value.topic_id.is_zero() || value.topic_id == id)
            .map(|(partition, _)| *partition)
            .collect();
        gone.into_iter().for_each(|partition| self.delete(step, group, topic, partition));
    }

    /// Forgets some of the offsets of topics that were deleted while nobody here could be told: the node stopped, or the
    /// group was being loaded.
    pub fn forget_deleted(&mut self, step: &mut Step<'_>, group: &Str) {
        let gone: Vec<(Str, i32)> = self
            .iter()
            .filter(|(topic, _, value)| is_of_deleted(step.image, topic, value))
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .take(EXPIRED_PER_STEP)
            .collect();
        gone.iter().for_each(|(topic, partition)| self.delete(step, group, topic, *partition));
    }

    /// Forgets some of what has been kept for long enough, but nothing of topics that are `subscribed`
    /// (`OffsetExpirationConditionImpl`).
    pub fn expire(
        &mut self,
        step: &mut Step<'_>,
        group: &Str,
        base: RetentionBase,
        subscribed: impl Fn(&str) -> bool,
    ) {
        let (now, retention) = (step.now.wall.0, step.config.offsets_retention_ms);
        let is_over = |value: &OffsetCommitValue| match (value.expire_timestamp, base) {
            (-1, RetentionBase::Commit) => now.saturating_sub(value.commit_timestamp) >= retention,
            (-1, RetentionBase::Emptied(at)) => now.saturating_sub(at.0) >= retention,
            (at, _) => now >= at,
        };
        let over: Vec<(Str, i32)> = self
            .iter()
            .filter(|(topic, _, value)| !subscribed(topic) && is_over(value))
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .take(EXPIRED_PER_STEP)
            .collect();
        over.iter().for_each(|(topic, partition)| self.delete(step, group, topic, *partition));
    }
}

/// Whether an offset was committed for a topic that is gone; one of the same name may have been made since.
fn is_of_deleted(image: &Image, topic: &str, value: &OffsetCommitValue) -> bool {
    !value.topic_id.is_zero() && image.topic(topic).is_none_or(|now| now.id != value.topic_id)
}

/// Whether a text has more than `limit` characters as Java counts them.
fn is_longer(text: &str, limit: usize) -> bool {
    text.len() > limit && text.encode_utf16().count() > limit
}

fn offset_key(group: &Str, topic: &Str, partition: i32) -> OffsetCommitKey {
    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition, ..Default::default() }
}

fn found(topic: &Str, partition: i32, value: &OffsetCommitValue) -> FetchedOffset {
    FetchedOffset {
        topic: topic.clone(),
        topic_id: value.topic_id,
        partition,
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.clone(),
        error: ErrorCode::NONE,
    }
}

fn missing(topic: &Str, partition: i32) -> FetchedOffset {
    FetchedOffset {
        topic: topic.clone(),
        topic_id: Uuid::ZERO,
        partition,
        offset: if is_on(Mutant::NoOffsetIsZero) { 0 } else { NONE },
        leader_epoch: -1,
        metadata: Str::default(),
        error: ErrorCode::NONE,
    }
}
