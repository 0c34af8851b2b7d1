//! DescribeProducers (61), version 0: who has been producing to a partition (KIP-664).

use super::home::{Gather, Home};
use crate::catalogue::names;
use crate::protocol::ErrorCode;
use crate::protocol::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use crate::shard_message::{PartitionAnswer, PartitionQuestion};
use crate::uuid::Uuid;

/// Asks every partition's owner.
pub fn start(home: &mut Home<'_>, request: &DescribeProducersRequest) -> Gather<DescribeProducersResponse> {
    let mut gather = Gather::new(DescribeProducersResponse::default());
    for (at, topic) in request.topics.iter().enumerate() {
        let mut result = TopicResponse { name: topic.name.clone(), ..Default::default() };
        let valid = names::check(&topic.name).is_ok();
        for (index, partition) in topic.partition_indexes.iter().enumerate() {
            let error_code = match home.find(&topic.name, Uuid::ZERO, false, *partition) {
                Ok(log) => {
                    gather.ask(home, (at, index), log, PartitionQuestion::Producers);
                    ErrorCode::NONE
                }
                Err(_) if !valid => ErrorCode::INVALID_TOPIC_EXCEPTION,
                Err(error) => error,
            };
            result.partitions.push(PartitionResponse {
                partition_index: *partition,
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
    response: &mut DescribeProducersResponse,
    (topic, partition): (usize, usize),
    answer: PartitionAnswer,
) {
    let place = response.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
    match (place, answer) {
        (Some(place), PartitionAnswer::Producers(Ok(producers))) => {
            place.active_producers = producers
                .into_iter()
                .map(|producer| ProducerState {
                    producer_id: producer.producer_id,
                    producer_epoch: i32::from(producer.producer_epoch),
                    last_sequence: producer.last_sequence,
                    last_timestamp: producer.last_timestamp,
                    coordinator_epoch: -1,
                    current_txn_start_offset: -1,
                    ..Default::default()
                })
                .collect();
        }
        (Some(place), PartitionAnswer::Producers(Err(error))) => place.error_code = error,
        _ => {}
    }
}
