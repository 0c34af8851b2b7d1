//! DeleteTopics (20): by name, from version 6 on also by id (`ControllerApis.deleteTopics`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::change::Change;
use super::image::Topic;
use super::record::CatalogueRecord;
use super::refusal::{Refusal, outcome};
use super::{Context, limits};
use crate::protocol::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use crate::protocol::{ErrorCode, Str};
use crate::uuid::Uuid;

/// Judges a request to delete topics. One that is refused does not keep the others.
pub(super) fn change(context: &Context<'_>, request: &DeleteTopicsRequest) -> Change<DeleteTopicsResponse> {
    let topics = asked_for(context.version, request);
    if let Some(error) = refused_as_a_whole(context, topics.len()) {
        return Change { records: Vec::new(), response: refuse(request, context.version, error) };
    }
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    judge(context, &topics, &mut records, &mut responses);
    Change { records, response: DeleteTopicsResponse { responses, ..Default::default() } }
}

/// The answer when the request is refused as a whole.
pub(super) fn refuse(
    request: &DeleteTopicsRequest,
    version: i16,
    error_code: ErrorCode,
) -> DeleteTopicsResponse {
    let refuse = |topic: DeleteTopicState| DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code,
        ..Default::default()
    };
    let responses = asked_for(version, request).into_iter().map(refuse).collect();
    DeleteTopicsResponse { responses, ..Default::default() }
}

fn asked_for(version: i16, request: &DeleteTopicsRequest) -> Vec<DeleteTopicState> {
    if version >= 6 {
        return request.topics.clone();
    }
    let by_name = |name: &Str| DeleteTopicState { name: Some(name.clone()), ..Default::default() };
    request.topic_names.iter().map(by_name).collect()
}

fn refused_as_a_whole(context: &Context<'_>, topics: usize) -> Option<ErrorCode> {
    if !context.image.broker().delete_topic_enable {
        return Some(match context.version {
            ..=2 => ErrorCode::INVALID_REQUEST,
            _ => ErrorCode::TOPIC_DELETION_DISABLED,
        });
    }
    (topics > limits::RESOURCES_PER_REQUEST).then_some(ErrorCode::POLICY_VIOLATION)
}

/// How a topic was named, and how often.
#[derive(Default)]
struct Named {
    names: BTreeMap<Str, u32>,
    ids: BTreeMap<Uuid, u32>,
}

fn judge(
    context: &Context<'_>,
    topics: &[DeleteTopicState],
    records: &mut Vec<CatalogueRecord>,
    responses: &mut Vec<DeletableTopicResult>,
) {
    let mut named = Named::default();
    for topic in topics {
        match (&topic.name, topic.topic_id) {
            (Some(name), Uuid::ZERO) => *named.names.entry(name.clone()).or_default() += 1,
            (None, id) if !id.is_zero() => *named.ids.entry(id).or_default() += 1,
            (Some(_), _) | (None, _) => {}
        }
    }
    for topic in topics {
        let judged = match (&topic.name, topic.topic_id) {
            (None, Uuid::ZERO) => refused(topic, "Neither topic name nor id were specified."),
            (None, id) => match take(&mut named.ids, &id) {
                Times::Answered => continue,
                Times::Repeated => refused(topic, "Duplicate topic id."),
                Times::Once => match context.image.topic_by_id(id) {
                    // The name's result is for both.
                    Some(known) if named.names.get(&known.name) == Some(&1) => continue,
                    Some(known) => deleted(known, records),
                    None => result(None, id, Err(unknown_id())),
                },
            },
            (Some(name), Uuid::ZERO) => match take(&mut named.names, name) {
                Times::Answered => continue,
                Times::Repeated => refused(topic, "Duplicate topic name."),
                Times::Once => match context.image.topic(name) {
                    Some(known) if named.ids.contains_key(&known.id) => {
                        let message = "The provided topic name maps to an ID that was already supplied.";
                        result(Some(name.clone()), known.id, Err(Refusal::invalid_request(message)))
                    }
                    Some(known) => deleted(known, records),
                    None => result(Some(name.clone()), Uuid::ZERO, Err(unknown_name())),
                },
            },
            (Some(_), _) => refused(topic, "You may not specify both topic name and topic id."),
        };
        responses.push(judged);
    }
}

enum Times {
    Once,
    Repeated,
    /// The first of several has answered for all.
    Answered,
}

fn take<K: Ord>(times: &mut BTreeMap<K, u32>, key: &K) -> Times {
    match times.get_mut(key) {
        Some(1) => Times::Once,
        Some(0) | None => Times::Answered,
        Some(times) => {
            *times = 0;
            Times::Repeated
        }
    }
}

fn deleted(topic: &Topic, records: &mut Vec<CatalogueRecord>) -> DeletableTopicResult {
    records.push(CatalogueRecord::TopicDeleted { id: topic.id });
    result(Some(topic.name.clone()), topic.id, Ok(()))
}

fn refused(topic: &DeleteTopicState, message: &str) -> DeletableTopicResult {
    result(topic.name.clone(), topic.topic_id, Err(Refusal::invalid_request(message)))
}

fn unknown_id() -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_TOPIC_ID, "This server does not host this topic ID.")
}

fn unknown_name() -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.")
}

fn result(name: Option<Str>, topic_id: Uuid, result: Result<(), Refusal>) -> DeletableTopicResult {
    let (error_code, error_message) = outcome(result);
    DeletableTopicResult { name, topic_id, error_code, error_message, ..Default::default() }
}

#[cfg(test)]
mod tests;
