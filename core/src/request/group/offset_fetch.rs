//! OffsetFetch (9), versions 0-10: committed offsets of one group or, from version 8 on, of several.

use alloc::vec;
use alloc::vec::Vec;

use crate::catalogue::image::Image;
use crate::group::question::{Claim, FetchOffsets, FetchedOffset, GroupAnswer, GroupQuestion};
use crate::protocol::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::protocol::{ErrorCode, Str};
use crate::request::home::{Home, Parts};
use crate::uuid::Uuid;

/// The first version that asks for many groups.
const MANY: i16 = 8;
/// The first version that names topics by id.
const TOPIC_IDS: i16 = 10;
/// The first version with an error for the group.
const GROUP_ERROR: i16 = 2;

/// An OffsetFetch under way.
#[derive(Debug)]
pub struct Fetching {
    /// One group for each that was asked about.
    groups: Vec<OffsetFetchResponseGroup>,
    /// What was asked, to give errors in its form.
    asked: Vec<Vec<OffsetFetchRequestTopics>>,
    parts: Parts<usize>,
}

/// Asks the coordinator of every group.
pub fn start(home: &mut Home<'_>, request: OffsetFetchRequest) -> Fetching {
    let mut fetching = Fetching { groups: Vec::new(), asked: Vec::new(), parts: Parts::default() };
    let (version, require_stable) = (home.version, request.require_stable);
    let groups = if version >= MANY { request.groups } else { vec![as_one_of_many(request)] };
    for (at, group) in groups.into_iter().enumerate() {
        fetching
            .groups
            .push(OffsetFetchResponseGroup { group_id: group.group_id.clone(), ..Default::default() });
        let question = GroupQuestion::Fetch(FetchOffsets {
            claim: claim(&group),
            topics: group.topics.as_ref().map(|topics| wanted(home.image, version, topics)),
            require_stable,
        });
        fetching.asked.push(group.topics.unwrap_or_default());
        match home.coordinator_of(&group.group_id) {
            Ok(log) => {
                let part = fetching.parts.expect(at);
                home.ask_group(part, log, &group.group_id, question);
            }
            Err(error) => fetching.fill(home, at, question.refusal(&group.group_id, error)),
        }
    }
    fetching
}

/// The request of old versions, as the new ones would put it.
fn as_one_of_many(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let one = |topic: crate::protocol::offset_fetch::OffsetFetchRequestTopic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        };
        topics.into_iter().map(one).collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

/// Who asks, if it asks as a member.
fn claim(group: &OffsetFetchRequestGroup) -> Option<Claim> {
    if group.member_id.is_none() && group.member_epoch == -1 {
        return None;
    }
    Some(Claim {
        member_id: group.member_id.clone().unwrap_or_default(),
        instance_id: None,
        generation_or_epoch: group.member_epoch,
    })
}

/// The partitions asked for, by name; ids that no topic has are left out here and get their error in the answer.
fn wanted(image: &Image, version: i16, topics: &[OffsetFetchRequestTopics]) -> Vec<(Str, Vec<i32>)> {
    let one = |topic: &OffsetFetchRequestTopics| {
        let name = match version >= TOPIC_IDS {
            true => image.topic_by_id(topic.topic_id)?.name.clone(),
            false => topic.name.clone(),
        };
        Some((name, topic.partition_indexes.clone()))
    };
    topics.iter().filter_map(one).collect()
}

impl Fetching {
    /// Takes one group's answer.
    pub fn told(&mut self, home: &Home<'_>, part: u32, answer: GroupAnswer) {
        if let Some(at) = self.parts.take(part) {
            self.fill(home, at, answer);
        }
    }

    fn fill(&mut self, home: &Home<'_>, at: usize, answer: GroupAnswer) {
        let GroupAnswer::Fetched(answer) = answer else {
            panic!("a fetch of offsets was answered with {answer:?}")
        };
        let (Some(place), Some(asked)) = (self.groups.get_mut(at), self.asked.get(at)) else { return };
        match answer {
            Ok(offsets) => {
                place.topics = by_topic(home.image, home.version, offsets);
                if home.version >= TOPIC_IDS {
                    place.topics.extend(unknown_topics(home.image, asked));
                }
            }
            // Before there was an error for the group, each partition had it.
            Err(error) if home.version < GROUP_ERROR => place.topics = with_error(asked, error),
            Err(error) => place.error_code = error,
        }
    }

    /// The response, if nothing is missing.
    pub fn finish(&mut self, version: i16) -> Option<OffsetFetchResponse> {
        if !self.parts.is_complete() {
            return None;
        }
        let mut groups = core::mem::take(&mut self.groups);
        if version >= MANY {
            return Some(OffsetFetchResponse { groups, ..Default::default() });
        }
        let only = groups.pop().unwrap_or_default();
        let topics = only.topics.into_iter().map(in_old_form).collect();
        Some(OffsetFetchResponse { topics, error_code: only.error_code, ..Default::default() })
    }
}

/// Offsets in the order they came, those of one topic together.
fn by_topic(image: &Image, version: i16, offsets: Vec<FetchedOffset>) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for offset in offsets {
        let topic_id = image.topic(&offset.topic).map_or(Uuid::ZERO, |topic| topic.id);
        // Of a topic that is gone no id is known to clients that name topics by id.
        if version >= TOPIC_IDS && topic_id.is_zero() {
            continue;
        }
        let stale = version >= TOPIC_IDS && !offset.topic_id.is_zero() && offset.topic_id != topic_id;
        let partition = partition(offset.partition, if stale { None } else { Some(&offset) });
        match topics.last_mut() {
            Some(topic) if topic.name == offset.topic => topic.partitions.push(partition),
            Some(_) | None => topics.push(OffsetFetchResponseTopics {
                name: offset.topic.clone(),
                topic_id,
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    topics
}

/// A partition with its offset, or without one.
fn partition(index: i32, offset: Option<&FetchedOffset>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: offset.map_or(-1, |offset| offset.offset),
        committed_leader_epoch: offset.map_or(-1, |offset| offset.leader_epoch),
        metadata: Some(offset.map(|offset| offset.metadata.clone()).unwrap_or_default()),
        error_code: offset.map_or(ErrorCode::NONE, |offset| offset.error),
        ..Default::default()
    }
}

fn unknown_topics(image: &Image, asked: &[OffsetFetchRequestTopics]) -> Vec<OffsetFetchResponseTopics> {
    let unknown = |topic: &&OffsetFetchRequestTopics| image.topic_by_id(topic.topic_id).is_none();
    let unknown: Vec<_> = asked.iter().filter(unknown).cloned().collect();
    with_error(&unknown, ErrorCode::UNKNOWN_TOPIC_ID)
}

/// What was asked, each partition with an error.
fn with_error(asked: &[OffsetFetchRequestTopics], error_code: ErrorCode) -> Vec<OffsetFetchResponseTopics> {
    let one = |topic: &OffsetFetchRequestTopics| OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partition_indexes
            .iter()
            .map(|index| OffsetFetchResponsePartitions { error_code, ..partition(*index, None) })
            .collect(),
        ..Default::default()
    };
    asked.iter().map(one).collect()
}

fn in_old_form(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let one = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..Default::default()
    };
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(one).collect(),
        ..Default::default()
    }
}
