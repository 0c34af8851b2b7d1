//! Metadata (3): nodes, topics, partitions and who leads them (`KafkaApis.handleTopicMetadataRequest`). There is one
//! node, which leads every partition and is its only replica.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::image::{Image, Topic};
use super::{Context, names, operations};
use crate::protocol::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::protocol::{ErrorCode, Str};
use crate::uuid::Uuid;

/// Topics that a request asks for, that do not exist, and that may be made because it asks
/// (`auto.create.topics.enable`). They keep nothing of the request alive.
pub fn to_create(context: &Context<'_>, request: &MetadataRequest) -> Vec<Str> {
    if !request.allow_auto_topic_creation || !context.image.broker().auto_create_topics_enable {
        return Vec::new();
    }
    let Asked::Some(topics) = asked(context.version, request) else {
        return Vec::new();
    };
    if refused(context.version, topics) {
        return Vec::new();
    }
    let missing = |topic: &MetadataRequestTopic| match (&topic.name, topic.topic_id) {
        (Some(name), Uuid::ZERO) if context.image.topic(name).is_none() => names::check(name).is_ok(),
        (Some(_) | None, _) => false,
    };
    let mut seen = BTreeSet::new();
    topics
        .iter()
        .filter(|topic| missing(topic))
        .filter_map(|topic| topic.name.as_ref())
        .filter(|name| seen.insert(*name))
        .map(Str::detach)
        .collect()
}

/// Answers from the image.
pub fn answer(context: &Context<'_>, request: &MetadataRequest) -> MetadataResponse {
    let view = View::new(context, request);
    let topics = match asked(context.version, request) {
        Asked::All => context.image.topics().map(|topic| view.known(topic)).collect(),
        Asked::Some(topics) if refused(context.version, topics) => return refusal(topics),
        Asked::Some(topics) => view.named(topics),
    };
    let node = context.image.broker();
    let (host, port) = context.advertised;
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: node.node_id,
            host: Str::from(host),
            port,
            rack: node.broker_rack.as_deref().map(Str::from),
            ..Default::default()
        }],
        cluster_id: Some(Str::from(context.image.cluster_id().to_string())),
        controller_id: node.node_id,
        topics,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => operations::CLUSTER,
            false => operations::NOT_ASKED,
        },
        ..Default::default()
    }
}

/// Which topics a request asks for.
enum Asked<'a> {
    All,
    Some(&'a [MetadataRequestTopic]),
}

/// Version 0 has no null, and asks for all topics with an empty list.
fn asked(version: i16, request: &MetadataRequest) -> Asked<'_> {
    match &request.topics {
        None => Asked::All,
        Some(topics) if topics.is_empty() && version == 0 => Asked::All,
        Some(topics) => Asked::Some(topics),
    }
}

/// Versions 10 and 11 have a field for topic ids, but asking by id came with version 12 (KIP-516).
fn refused(version: i16, topics: &[MetadataRequestTopic]) -> bool {
    version < 12 && topics.iter().any(|topic| topic.name.is_none() || !topic.topic_id.is_zero())
}

fn refusal(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let refuse = |topic: &MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..Default::default()
    };
    MetadataResponse {
        topics: topics.iter().map(refuse).collect(),
        error_code: ErrorCode::INVALID_REQUEST,
        ..Default::default()
    }
}

/// How topics look to one request.
struct View<'a> {
    image: &'a Image,
    node: i32,
    authorized_operations: i32,
}

impl<'a> View<'a> {
    fn new(context: &Context<'a>, request: &MetadataRequest) -> View<'a> {
        View {
            image: context.image,
            node: context.image.broker().node_id,
            authorized_operations: match request.include_topic_authorized_operations {
                true => operations::TOPIC,
                false => operations::NOT_ASKED,
            },
        }
    }

    /// Each topic once, however often and in whichever way it was asked for.
    fn named(&self, topics: &[MetadataRequestTopic]) -> Vec<MetadataResponseTopic> {
        let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
        let mut found = Vec::with_capacity(topics.len());
        for topic in topics {
            let by_name = topic.name.as_ref().filter(|_| topic.topic_id.is_zero());
            let known = match by_name {
                Some(name) => self.image.topic(name),
                None => self.image.topic_by_id(topic.topic_id),
            };
            match (known, by_name) {
                (Some(topic), _) if names.insert(&*topic.name) => found.push(self.known(topic)),
                (None, Some(name)) if names.insert(name) => found.push(self.unknown_name(name)),
                (None, None) if ids.insert(topic.topic_id) => found.push(unknown_id(topic.topic_id)),
                // Answered already.
                (Some(_) | None, _) => {}
            }
        }
        found
    }

    fn known(&self, topic: &Topic) -> MetadataResponseTopic {
        MetadataResponseTopic {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: topic.internal,
            partitions: (0..topic.partitions).map(|index| self.partition(index)).collect(),
            topic_authorized_operations: self.authorized_operations,
            ..Default::default()
        }
    }

    fn partition(&self, partition_index: i32) -> MetadataResponsePartition {
        MetadataResponsePartition {
            partition_index,
            leader_id: self.node,
            leader_epoch: self.image.leader_epoch(),
            replica_nodes: vec![self.node],
            isr_nodes: vec![self.node],
            ..Default::default()
        }
    }

    fn unknown_name(&self, name: &Str) -> MetadataResponseTopic {
        MetadataResponseTopic {
            error_code: match names::check(name) {
                Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
            },
            name: Some(name.clone()),
            is_internal: names::is_internal(name),
            topic_authorized_operations: self.authorized_operations,
            ..Default::default()
        }
    }
}

/// Nobody can say what is allowed on a topic that has no name. An entry with neither name nor id means nothing.
fn unknown_id(topic_id: Uuid) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: match topic_id {
            Uuid::ZERO => ErrorCode::INVALID_REQUEST,
            _ => ErrorCode::UNKNOWN_TOPIC_ID,
        },
        name: None,
        topic_id,
        topic_authorized_operations: operations::NOT_ASKED,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
