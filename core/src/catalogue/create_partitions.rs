//! CreatePartitions (37): more partitions for topics that exist (`ReplicationControlManager.createPartitions`, KIP-195).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::change::Change;
use super::record::CatalogueRecord;
use super::refusal::{Refusal, outcome};
use super::{Context, assignment, limits};
use crate::protocol::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use crate::protocol::{ErrorCode, Str};

/// Judges a request for more partitions. A topic that is refused does not keep the others from growing; but a request
/// for too many is refused as a whole, where Kafka would carry out a part of it.
pub(super) fn change(
    context: &Context<'_>,
    request: &CreatePartitionsRequest,
) -> Change<CreatePartitionsResponse> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    let (mut records, mut results, mut added) = (Vec::new(), Vec::new(), 0i64);
    for topic in &request.topics {
        let judged = match times.get_mut(&*topic.name) {
            Some(1) => judge(context, topic),
            // All of them are answered by one result.
            Some(0) | None => continue,
            Some(times) => {
                *times = 0;
                Err(Refusal::invalid_request("Duplicate topic name."))
            }
        };
        let judged = judged.map(|(record, more)| {
            records.push(record);
            added += more;
        });
        results.push(result(topic, judged));
    }
    if let Some(message) = too_many(context, added) {
        let response = refuse(request, ErrorCode::POLICY_VIOLATION, Some(message));
        return Change { records: Vec::new(), response };
    }
    if request.validate_only {
        records.clear();
    }
    Change { records, response: CreatePartitionsResponse { results, ..Default::default() } }
}

/// The answer when the request is refused as a whole.
pub(super) fn refuse(
    request: &CreatePartitionsRequest,
    error_code: ErrorCode,
    error_message: Option<Str>,
) -> CreatePartitionsResponse {
    let refuse = |topic: &CreatePartitionsTopic| CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code,
        error_message: error_message.clone(),
        ..Default::default()
    };
    CreatePartitionsResponse { results: request.topics.iter().map(refuse).collect(), ..Default::default() }
}

fn too_many(context: &Context<'_>, added: i64) -> Option<Str> {
    if added > limits::PARTITIONS_PER_REQUEST {
        return Some(Str::from_static("Excessively large number of partitions per request."));
    }
    let all = context.image.partition_count().saturating_add(added.unsigned_abs());
    let message = || format!("All topics together cannot have more than {} partitions.", limits::PARTITIONS);
    (all > limits::PARTITIONS).then(|| Str::from(message()))
}

/// The record that makes a topic grow, and by how many partitions.
fn judge(context: &Context<'_>, asked: &CreatePartitionsTopic) -> Result<(CatalogueRecord, i64), Refusal> {
    let topic =
        context.image.topic(&asked.name).ok_or(Refusal::silent(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let (now, count) = (topic.partitions, asked.count);
    let invalid = |message| Err(Refusal::new(ErrorCode::INVALID_PARTITIONS, message));
    if count == now {
        return invalid(format!("Topic already has {now} partition(s)."));
    }
    if count < now {
        return invalid(format!(
            "The topic {} currently has {now} partition(s); {count} would not be an increase.",
            asked.name
        ));
    }
    let more = i64::from(count) - i64::from(now);
    if let Some(assignments) = &asked.assignments {
        let placed = assignments.len();
        if placed as i64 != more {
            return Err(Refusal::new(
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                format!(
                    "Attempted to add {more} additional partition(s), but only {placed} assignment(s) were specified."
                ),
            ));
        }
        let node = context.image.broker().node_id;
        assignments.iter().try_for_each(|one| assignment::check_replicas(&one.broker_ids, node))?;
    }
    Ok((CatalogueRecord::Partitions { topic: topic.id, count }, more))
}

fn result(topic: &CreatePartitionsTopic, judged: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = outcome(judged);
    CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message, ..Default::default() }
}

#[cfg(test)]
mod tests;
