//! Produce (0), versions 0-13: appends batches to partitions.
//!
//! v0-2 carry message sets of the old formats, which the owner converts; v3 batches v2 and transactional ids (KIP-98);
//! v7 zstd (KIP-110); v8 per-record errors (KIP-467); v10 leader hints (KIP-951); v12 implicit enrolment in transactions
//! (KIP-890); v13 topic ids (KIP-516).

use alloc::collections::BTreeSet;
use core::time::Duration;

use super::Progress;
use super::home::{Gather, Home};
use crate::ids::LogId;
use crate::machine::CloseReason;
use crate::mutant::{Mutant, is_on};
use crate::protocol::ErrorCode;
use crate::protocol::Response;
use crate::protocol::Str;
use crate::protocol::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use crate::shard_message::{PartitionAnswer, PartitionQuestion, ProduceRefusal};
use crate::time::Instant;

/// First version that names topics by id.
const TOPIC_IDS: i16 = 13;

/// A Produce under way.
#[derive(Debug)]
pub struct Producing {
    gather: Gather<ProduceResponse>,
    /// With acks=0 there is no response, whatever happens.
    silent: bool,
    /// With acks=all, when those that are not stored yet are answered with REQUEST_TIMED_OUT.
    pub deadline: Option<Instant>,
}

/// Asks every partition's owner to append.
pub fn start(home: &mut Home<'_>, request: ProduceRequest) -> Producing {
    let silent = request.acks == 0;
    let refusal = refuse_whole(&request);
    let mut gather = Gather::new(ProduceResponse::default());
    let durable = request.acks == -1;
    let mut seen = BTreeSet::new();
    for (at, topic) in request.topic_data.into_iter().enumerate() {
        let mut answer =
            TopicProduceResponse { name: topic.name.clone(), topic_id: topic.topic_id, ..Default::default() };
        for (index, partition) in topic.partition_data.into_iter().enumerate() {
            let place = blank(partition.index);
            answer.partition_responses.push(place);
            let asked = match refusal {
                Some(error) => Err(ProduceRefusal::from(error)),
                None if !seen.insert((topic.name.clone(), topic.topic_id, partition.index)) => {
                    Err(ProduceRefusal::from(ErrorCode::INVALID_REQUEST))
                }
                None => home
                    .find(&topic.name, topic.topic_id, home.version >= TOPIC_IDS, partition.index)
                    .and_then(|log| writable(home, log))
                    .map_err(ProduceRefusal::from)
                    .and_then(|log| Ok((log, question(home.version, durable, partition)?))),
            };
            match asked {
                Ok((log, question)) => gather.ask(home, (at, index), log, question),
                Err(refusal) => {
                    if let Some(place) = answer.partition_responses.last_mut() {
                        refuse(place, refusal);
                    }
                }
            }
        }
        gather.response.responses.push(answer);
    }
    let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    Producing { gather, silent, deadline: durable.then(|| home.now.mono + wait) }
}

/// What coordinators keep in internal topics is theirs to write; administrators may, under a name that Kafka reserves
/// (`AdminUtils.ADMIN_CLIENT_ID`).
fn writable(home: &Home<'_>, log: LogId) -> Result<LogId, ErrorCode> {
    let internal = home.image.topic_by_id(log.topic).is_some_and(|topic| topic.internal);
    match internal && home.client_id != "__admin_client" {
        true => Err(ErrorCode::INVALID_TOPIC_EXCEPTION),
        false => Ok(log),
    }
}

impl Producing {
    /// Takes one partition's answer and gives the response once every part has come.
    pub fn told(&mut self, part: u32, answer: PartitionAnswer) -> Option<ProduceResponse> {
        self.gather.told(part, answer, fill)
    }

    /// The response, if nothing is missing.
    pub fn finish(&mut self) -> Option<ProduceResponse> {
        self.gather.finish()
    }

    /// The time is up: what is missing may still be stored, and the client is told so.
    pub fn expire(&mut self) -> ProduceResponse {
        self.gather.expire(|response, place| {
            fill(response, place, PartitionAnswer::Produced(Err(ErrorCode::REQUEST_TIMED_OUT.into())));
        })
    }

    /// Sends the response, or says nothing with acks=0, unless something failed: then closing the connection is the
    /// only way to make the client look again (`KafkaApis.handleProduceRequest`).
    pub fn conclude(&self, response: ProduceResponse) -> Progress {
        match first_error(&response) {
            _ if !self.silent || is_on(Mutant::FireAndForgetAnswered) => {
                Progress::Done(Response::Produce(response))
            }
            None => Progress::Silent,
            Some(error) => Progress::Close(CloseReason::UnacknowledgedProduce(error)),
        }
    }
}

fn first_error(response: &ProduceResponse) -> Option<ErrorCode> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| partition.error_code).find(|error| *error != ErrorCode::NONE)
}

/// What is refused for every partition alike. Transactions are not served yet: said so with the code a client without
/// the right to that id would get, which no client retries.
fn refuse_whole(request: &ProduceRequest) -> Option<ErrorCode> {
    if request.transactional_id.is_some() {
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    } else if !(-1..=1).contains(&request.acks) {
        Some(ErrorCode::INVALID_REQUIRED_ACKS)
    } else {
        None
    }
}

fn question(
    version: i16,
    durable: bool,
    partition: PartitionProduceData,
) -> Result<PartitionQuestion, ProduceRefusal> {
    let records = partition.records.ok_or(ErrorCode::INVALID_RECORD)?.0;
    Ok(PartitionQuestion::Produce { records, version, durable })
}

fn blank(index: i32) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        ..Default::default()
    }
}

fn refuse(place: &mut PartitionProduceResponse, refusal: ProduceRefusal) {
    place.error_code = refusal.error;
    place.log_start_offset = refusal.log_start;
    place.error_message = refusal.message.map(Str::from);
    place.record_errors = refusal
        .record_errors
        .into_iter()
        .map(|(batch_index, message)| BatchIndexAndErrorMessage {
            batch_index,
            batch_index_error_message: Some(Str::from(message)),
            ..Default::default()
        })
        .collect();
}

fn fill(response: &mut ProduceResponse, (topic, partition): (usize, usize), answer: PartitionAnswer) {
    let place =
        response.responses.get_mut(topic).and_then(|topic| topic.partition_responses.get_mut(partition));
    match (place, answer) {
        (Some(place), PartitionAnswer::Produced(Ok(produced))) => {
            place.base_offset = produced.base_offset;
            place.log_append_time_ms = produced.log_append_time;
            place.log_start_offset = produced.log_start;
        }
        (Some(place), PartitionAnswer::Produced(Err(refusal))) => refuse(place, refusal),
        _ => {}
    }
}
