//! OffsetCommit (8), versions 0-10: what is known of topics is checked here, what is known of groups by the coordinator.

use alloc::vec::Vec;

use crate::group::question::{Claim, CommitOffsets, GroupAnswer, GroupQuestion, OffsetToCommit};
use crate::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::protocol::{ErrorCode, Str};
use crate::request::home::Home;
use crate::uuid::Uuid;

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 10;

/// An OffsetCommit under way.
#[derive(Debug)]
pub struct Committing {
    response: OffsetCommitResponse,
    /// Where the codes belong that the coordinator gives.
    places: Vec<(usize, usize)>,
}

/// Asks the coordinator to keep the offsets of partitions that exist.
pub fn start(home: &mut Home<'_>, request: OffsetCommitRequest) -> Committing {
    let mut committing = Committing { response: OffsetCommitResponse::default(), places: Vec::new() };
    let mut offsets = Vec::new();
    for topic in &request.topics {
        committing.add_topic(home, topic, &mut offsets);
    }
    // Without anything to keep no group is asked, and none is made.
    if !offsets.is_empty() {
        let question = GroupQuestion::Commit(CommitOffsets {
            claim: Claim {
                member_id: request.member_id,
                instance_id: request.group_instance_id,
                generation_or_epoch: request.generation_id_or_member_epoch,
            },
            version: home.version,
            retention_ms: (request.retention_time_ms != -1).then_some(request.retention_time_ms),
            offsets,
        });
        match home.coordinator_of(&request.group_id) {
            Ok(log) => home.ask_group(0, log, &request.group_id, question),
            Err(error) => committing.told(question.refusal(&request.group_id, error)),
        }
    }
    committing
}

impl Committing {
    fn add_topic(
        &mut self,
        home: &Home<'_>,
        topic: &OffsetCommitRequestTopic,
        offsets: &mut Vec<OffsetToCommit>,
    ) {
        let by_id = home.version >= TOPIC_IDS;
        let at = self.response.topics.len();
        let mut answer = OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            ..Default::default()
        };
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let found = home.find(&topic.name, topic.topic_id, by_id, index).and_then(|log| {
                let name = home.image.topic_by_id(log.topic).map(|topic| topic.name.clone());
                Ok((log.topic, name.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?))
            });
            let error_code = match found {
                Ok((id, name)) => {
                    self.places.push((at, answer.partitions.len()));
                    offsets.push(offset_to_commit(name, id, partition));
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            answer.partitions.push(OffsetCommitResponsePartition {
                partition_index: index,
                error_code,
                ..Default::default()
            });
        }
        self.response.topics.push(answer);
    }

    /// Takes the coordinator's answer.
    pub fn told(&mut self, answer: GroupAnswer) {
        let GroupAnswer::Committed(codes) = answer else { panic!("a commit was answered with {answer:?}") };
        for ((topic, partition), code) in core::mem::take(&mut self.places).into_iter().zip(codes) {
            let topic = self.response.topics.get_mut(topic);
            if let Some(place) = topic.and_then(|topic| topic.partitions.get_mut(partition)) {
                place.error_code = code;
            }
        }
    }

    /// The response, if nothing is missing.
    pub fn finish(&mut self) -> Option<OffsetCommitResponse> {
        self.places.is_empty().then(|| core::mem::take(&mut self.response))
    }
}

fn offset_to_commit(topic: Str, topic_id: Uuid, partition: &OffsetCommitRequestPartition) -> OffsetToCommit {
    OffsetToCommit {
        topic,
        topic_id,
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        // Null is kept as nothing.
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
        timestamp: (partition.commit_timestamp != -1).then_some(partition.commit_timestamp),
    }
}
