//! OffsetForLeaderEpoch (23), versions 2-4: where a leader epoch ends (KIP-320).

use super::home::{Gather, Home};
use crate::protocol::ErrorCode;
use crate::protocol::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use crate::shard_message::{PartitionAnswer, PartitionQuestion};
use crate::uuid::Uuid;

/// Asks every partition's owner.
pub fn start(
    home: &mut Home<'_>,
    request: &OffsetForLeaderEpochRequest,
) -> Gather<OffsetForLeaderEpochResponse> {
    let mut gather = Gather::new(OffsetForLeaderEpochResponse::default());
    for (at, topic) in request.topics.iter().enumerate() {
        let mut result = OffsetForLeaderTopicResult { topic: topic.topic.clone(), ..Default::default() };
        for (index, partition) in topic.partitions.iter().enumerate() {
            let error_code = match home.find(&topic.topic, Uuid::ZERO, false, partition.partition) {
                // This node has no followers: replicas other than consumers (-1) and tools (-2) are strangers.
                Ok(_) if request.replica_id >= 0 => ErrorCode::INVALID_REQUEST,
                Ok(log) => {
                    let question = PartitionQuestion::EpochEnd {
                        leader_epoch: partition.leader_epoch,
                        current_leader_epoch: partition.current_leader_epoch,
                    };
                    gather.ask(home, (at, index), log, question);
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            result.partitions.push(EpochEndOffset {
                error_code,
                partition: partition.partition,
                leader_epoch: -1,
                end_offset: -1,
                ..Default::default()
            });
        }
        gather.response.topics.push(result);
    }
    gather
}

/// Puts one partition's answer in its place.
pub fn fill(
    response: &mut OffsetForLeaderEpochResponse,
    (topic, partition): (usize, usize),
    answer: PartitionAnswer,
) {
    let place = response.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
    match (place, answer) {
        (Some(place), PartitionAnswer::EpochEnd(Ok((epoch, end)))) => {
            place.leader_epoch = epoch;
            place.end_offset = end;
        }
        (Some(place), PartitionAnswer::EpochEnd(Err(error))) => place.error_code = error,
        _ => {}
    }
}
