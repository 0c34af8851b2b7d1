//! DeleteRecords (21), versions 0-2: raises log starts (KIP-107).

use super::home::{Gather, Home};
use crate::protocol::ErrorCode;
use crate::protocol::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use crate::shard_message::{PartitionAnswer, PartitionQuestion};
use crate::uuid::Uuid;

/// Asks every partition's owner.
pub fn start(home: &mut Home<'_>, request: &DeleteRecordsRequest) -> Gather<DeleteRecordsResponse> {
    let mut gather = Gather::new(DeleteRecordsResponse::default());
    for (at, topic) in request.topics.iter().enumerate() {
        let mut result = DeleteRecordsTopicResult { name: topic.name.clone(), ..Default::default() };
        let internal = home.image.topic(&topic.name).is_some_and(|found| found.internal);
        for (index, partition) in topic.partitions.iter().enumerate() {
            let error_code = match home.find(&topic.name, Uuid::ZERO, false, partition.partition_index) {
                Ok(_) if internal => ErrorCode::INVALID_TOPIC_EXCEPTION,
                Ok(log) => {
                    let question = PartitionQuestion::DeleteRecords { offset: partition.offset };
                    gather.ask(home, (at, index), log, question);
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            result.partitions.push(DeleteRecordsPartitionResult {
                partition_index: partition.partition_index,
                low_watermark: -1,
                error_code,
                ..Default::default()
            });
        }
        gather.response.topics.push(result);
    }
    gather
}

/// Puts one partition's answer in its place.
pub fn fill(
    response: &mut DeleteRecordsResponse,
    (topic, partition): (usize, usize),
    answer: PartitionAnswer,
) {
    let place = response.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
    match (place, answer) {
        (Some(place), PartitionAnswer::RecordsDeleted(Ok(low_watermark))) => {
            place.low_watermark = low_watermark
        }
        (Some(place), PartitionAnswer::RecordsDeleted(Err(error))) => place.error_code = error,
        _ => {}
    }
}
