//! DescribeTopicPartitions (75): topics and their partitions, page by page (KIP-966,
//! `DescribeTopicPartitionsRequestHandler`).

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::image::{Image, Topic};
use super::{Context, names, operations};
use crate::protocol::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use crate::protocol::{ErrorCode, Str};

/// Answers from the image: the topics asked for, or all when none is, in the order of their names from the cursor on,
/// until the page is full. The cursor of the answer says where the next page begins.
pub fn answer(
    context: &Context<'_>,
    request: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (&*cursor.topic_name, cursor.partition_index),
        None => ("", 0),
    };
    let asked: BTreeSet<&str> = request.topics.iter().map(|topic| &*topic.name).collect();
    let cursor_left_out = request.cursor.is_some() && !asked.is_empty() && !asked.contains(from_topic);
    if cursor_left_out || from_partition < 0 {
        return refusal(request);
    }
    let mut page = Page::new(context.image, request, (from_topic, from_partition));
    if asked.is_empty() {
        page.fill(context.image.topics_from(from_topic).map(|topic| (&*topic.name, Some(&**topic))));
    } else {
        page.fill(
            asked.range(from_topic..).map(|name| (*name, context.image.topic(name).map(|topic| &**topic))),
        );
    }
    page.response
}

/// What makes no sense is answered with an error for each topic; there is no other place for it.
fn refusal(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(topic.name.clone()),
        topic_authorized_operations: operations::NOT_ASKED,
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() }
}

/// A page that fills up.
struct Page<'a> {
    node: i32,
    leader_epoch: i32,
    /// Partitions that still fit.
    room: i32,
    from: (&'a str, i32),
    response: DescribeTopicPartitionsResponse,
}

impl<'a> Page<'a> {
    fn new(image: &Image, request: &DescribeTopicPartitionsRequest, from: (&'a str, i32)) -> Page<'a> {
        let broker = image.broker();
        let limit = i32::try_from(broker.max_request_partition_size_limit).unwrap_or(i32::MAX);
        Page {
            node: broker.node_id,
            leader_epoch: image.leader_epoch(),
            room: limit.min(request.response_partition_limit).max(1),
            from,
            response: DescribeTopicPartitionsResponse::default(),
        }
    }

    fn fill<'t>(&mut self, topics: impl Iterator<Item = (&'t str, Option<&'t Topic>)>) {
        for (name, topic) in topics {
            if self.room == 0 {
                // A topic may stand here although it does not exist.
                return self.go_on_at(name, 0);
            }
            let Some(topic) = topic else {
                self.response.topics.push(unknown(name));
                continue;
            };
            let from = if name == self.from.0 { self.from.1 } else { 0 };
            let until = topic.partitions.min(from.saturating_add(self.room));
            self.add(topic, from, until);
            if until < topic.partitions {
                return self.go_on_at(name, until);
            }
            self.room -= (until - from).max(0);
        }
    }

    fn go_on_at(&mut self, name: &str, partition_index: i32) {
        let topic_name = Str::from(name);
        self.response.next_cursor = Some(Cursor { topic_name, partition_index, ..Default::default() });
    }

    fn add(&mut self, topic: &Topic, from: i32, until: i32) {
        let partitions: Vec<_> = (from..until).map(|index| self.partition(index)).collect();
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: topic.internal,
            partitions,
            topic_authorized_operations: operations::TOPIC,
            ..Default::default()
        });
    }

    fn partition(&self, partition_index: i32) -> DescribeTopicPartitionsResponsePartition {
        DescribeTopicPartitionsResponsePartition {
            partition_index,
            leader_id: self.node,
            leader_epoch: self.leader_epoch,
            replica_nodes: vec![self.node],
            isr_nodes: vec![self.node],
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..Default::default()
        }
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: match names::check(name) {
            Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
        },
        name: Some(Str::from(name)),
        is_internal: names::is_internal(name),
        topic_authorized_operations: operations::TOPIC,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
