//! A producer: batches to random partitions of its topics, several on their way at once, tried again until they are
//! acknowledged or refused; plain, or idempotent as KIP-98 has it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kelpgate_core::protocol::init_producer_id::InitProducerIdRequest;
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::record::{BatchFields, Codec, Codecs, Limits};
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;

use super::line::{Line, LineNews};
use super::topics::Topics;
use super::{Client, Context, Happening};
use crate::history::{Observation, Op, Outcome, Place};
use crate::payload::{self, Value, messages};

/// How a producer works.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Topics with their partitions.
    pub topics: Vec<(Str, i32)>,
    pub acks: i16,
    pub idempotent: bool,
    /// Mean time between two batches.
    pub pause: Duration,
    /// Batches on their way at once (`max.in.flight.requests.per.connection`).
    pub in_flight: usize,
    /// Most records of a batch.
    pub most_records: usize,
    pub codec: Codec,
    /// How long a batch waits before it is sent (`linger.ms`).
    pub linger: Duration,
    /// Whether a request has a batch of each partition that has one, or a single one.
    pub together: bool,
    /// Each record has a key, as compacted topics demand; not before version 3.
    pub keyed: bool,
    /// Its clock goes in steps of so many milliseconds, so that some timestamps are met exactly.
    pub clock_step: u64,
    /// Of Produce: 0 to 13; at least 3 for idempotent ones, and 7 with zstd.
    pub version: i16,
    /// Of InitProducerId: 0 to 5.
    pub identity_version: i16,
    /// Topics that come and go, with their partitions: what is sent to one that is not there is given up.
    pub fleeting: Vec<(Str, i32)>,
}

/// The first version of Produce in which topics go by id (KIP-516).
const BY_ID: i16 = 13;
/// The first version of Produce with batches of format v2.
const BATCHES: i16 = 3;
/// The time of records that are sent at the beginning of the world.
pub const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
/// How long after an error something is tried again (`retry.backoff.ms`).
const BACKOFF: Duration = Duration::from_millis(100);

/// A program that produces.
pub struct Producer {
    options: ProducerOptions,
    line: Line<What>,
    codecs: Codecs,
    identity: Identity,
    /// By partition, oldest first: handed over and not settled. None is empty.
    batches: BTreeMap<Place, VecDeque<Batch>>,
    next_sequence: BTreeMap<Place, i32>,
    last_number: u32,
    /// Asked for where topics go by id.
    topics: Topics,
    topics_known: bool,
    healed: bool,
    /// When there is something new to send.
    due: Instant,
}

/// What a request was for.
#[derive(Debug)]
enum What {
    Identity,
    Topics,
    /// A batch of each of these partitions, with the topic's id if they go by id.
    Batches(Vec<(Place, Uuid, Op)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// A plain producer.
    None,
    Wanted,
    Asked,
    Has {
        id: i64,
        epoch: i16,
    },
}

#[derive(Debug)]
struct Batch {
    op: Op,
    values: Vec<Value>,
    timestamp: i64,
    /// With the identity it was given under; a batch is never sent under another.
    sequence: i32,
    on_its_way: bool,
    not_before: Instant,
    /// Whether an attempt may have succeeded of which nobody knows.
    doubtful: bool,
}

impl Producer {
    pub fn new(options: ProducerOptions) -> Producer {
        let needs_no_ids = options.version < BY_ID;
        Producer {
            identity: if options.idempotent { Identity::Wanted } else { Identity::None },
            options,
            line: Line::new(Duration::from_secs(5)),
            codecs: Codecs::new(Limits::default()),
            batches: BTreeMap::new(),
            next_sequence: BTreeMap::new(),
            last_number: 0,
            topics: Topics::default(),
            topics_known: needs_no_ids,
            healed: false,
            due: Instant::default(),
        }
    }

    /// Something new to send, now and then.
    fn hand_over(&mut self, cx: &mut Context<'_>) {
        if self.healed || matches!(self.identity, Identity::Wanted | Identity::Asked) {
            return;
        }
        if self.due > cx.now {
            return cx.wake_in(self.due.saturating_since(cx.now));
        }
        let pause = cx.random.time(Duration::ZERO..=self.options.pause * 2);
        self.due = cx.now + pause;
        cx.wake_in(pause);
        let waiting: usize = self.batches.values().map(VecDeque::len).sum();
        if waiting >= 4 * self.options.in_flight {
            return;
        }
        let lasting = self.options.topics.len();
        let (topic, partitions) = match cx.random.below(lasting + self.options.fleeting.len()) {
            at if at < lasting => self.options.topics[at].clone(),
            at => self.options.fleeting[at - lasting].clone(),
        };
        let partition = cx.random.below(partitions as usize) as i32;
        let place = Place { node: cx.node, topic, partition };
        let count = 1 + cx.random.below(self.options.most_records) as u32;
        let client = cx.client as u32;
        let numbers = self.last_number..self.last_number + count;
        let values: Vec<Value> = match self.options.version >= BATCHES {
            true => numbers.map(|number| Value { client, number }).collect(),
            false => numbers.map(|number| Value::old(client, number)).collect(),
        };
        let values = if self.options.keyed { self.all_keyed(values) } else { values };
        self.last_number += count;
        let sequence = match self.identity {
            Identity::Has { .. } => {
                let next = self.next_sequence.entry(place.clone()).or_default();
                std::mem::replace(next, *next + count as i32)
            }
            Identity::None | Identity::Wanted | Identity::Asked => -1,
        };
        let op = cx.op();
        cx.saw(Observation::Sent {
            op,
            place: place.clone(),
            values: values.clone(),
            acks: self.options.acks,
            idempotent: self.options.idempotent,
        });
        let ms = cx.now.0 / 1_000_000;
        let timestamp = FIRST_TIMESTAMP + (ms - ms % self.options.clock_step.max(1)) as i64;
        let not_before = cx.now + self.options.linger;
        cx.wake_in(self.options.linger);
        let batch = Batch { op, values, timestamp, sequence, on_its_way: false, not_before, doubtful: false };
        self.batches.entry(place).or_default().push_back(batch);
    }

    /// As many values, with the next numbers that have keys.
    fn all_keyed(&mut self, values: Vec<Value>) -> Vec<Value> {
        let (Some(first), count) = (values.first().copied(), values.len()) else { return values };
        let all = (first.number..).map(|number| Value { number, ..first });
        let keyed: Vec<Value> = all.filter(|value| value.key().is_some()).take(count).collect();
        self.last_number = keyed.last().map_or(self.last_number, |last| last.number + 1);
        keyed
    }

    /// Sends what is not on its way and may be.
    fn send(&mut self, cx: &mut Context<'_>) {
        if !self.line.is_up() {
            return;
        }
        match self.identity {
            Identity::Wanted => {
                self.identity = Identity::Asked;
                let request = InitProducerIdRequest {
                    transactional_id: None,
                    transaction_timeout_ms: 60_000,
                    ..Default::default()
                };
                return self.line.send(cx, What::Identity, self.options.identity_version, request);
            }
            Identity::Asked => return,
            Identity::None | Identity::Has { .. } => {}
        }
        if !self.topics_known {
            if !self.line.waiting().any(|what| matches!(what, What::Topics)) {
                self.line.send(cx, What::Topics, 12, Topics::request());
            }
            return;
        }
        while self.line.waiting().len() < self.options.in_flight && self.send_next(cx) {}
    }

    /// The first batch of each partition that is not on its way, or of one of them.
    fn send_next(&mut self, cx: &mut Context<'_>) -> bool {
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut sent: Vec<(Place, Uuid, Op)> = Vec::new();
        let places: Vec<Place> = self.batches.keys().cloned().collect();
        for place in places {
            let id = match self.options.version >= BY_ID {
                true => self.topics.id(&place.topic),
                false => Some(Uuid::ZERO),
            };
            let Some(id) = id else {
                if self.is_fleeting(&place) {
                    self.give_up(cx, &place);
                } else {
                    self.topics_known = false;
                }
                continue;
            };
            let Some((op, data)) = self.next_batch(cx, &place) else { continue };
            match topics.last_mut() {
                Some(last) if last.name == place.topic => last.partition_data.push(data),
                Some(_) | None => topics.push(TopicProduceData {
                    name: place.topic.clone(),
                    topic_id: id,
                    partition_data: vec![data],
                    ..TopicProduceData::default()
                }),
            }
            sent.push((place, id, op));
            if !self.options.together {
                break;
            }
        }
        if sent.is_empty() {
            return false;
        }
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.options.acks,
            timeout_ms: 5_000,
            topic_data: topics,
            ..ProduceRequest::default()
        };
        if self.options.acks == 0 {
            self.line.send_unanswered(cx, self.options.version, request);
            sent.iter().for_each(|(place, _, op)| self.settle(cx, place, *op, Outcome::Done(-1)));
        } else {
            self.line.send(cx, What::Batches(sent), self.options.version, request);
        }
        true
    }

    /// The first batch of a partition that is not on its way, if it has waited long enough; it is on its way now.
    fn next_batch(&mut self, cx: &mut Context<'_>, place: &Place) -> Option<(Op, PartitionProduceData)> {
        let queue = self.batches.get_mut(place)?;
        let batch = queue.iter_mut().find(|batch| !batch.on_its_way)?;
        if batch.not_before > cx.now {
            cx.wake_in(batch.not_before.saturating_since(cx.now));
            return None;
        }
        batch.on_its_way = true;
        let (producer_id, producer_epoch) = match self.identity {
            Identity::Has { id, epoch } => (id, epoch),
            Identity::None | Identity::Wanted | Identity::Asked => (-1, -1),
        };
        let fields = BatchFields {
            producer_id,
            producer_epoch,
            base_sequence: batch.sequence,
            ..BatchFields::default()
        };
        let ProducerOptions { codec, version, .. } = self.options;
        let bytes = match version >= BATCHES {
            true => payload::batch(fields, &batch.values, batch.timestamp, codec, &mut self.codecs),
            false => messages::write(&batch.values, messages::magic_of(version), batch.timestamp, codec),
        };
        let records = Some(Records(bytes));
        Some((batch.op, PartitionProduceData { index: place.partition, records, ..Default::default() }))
    }

    fn settle(&mut self, cx: &mut Context<'_>, place: &Place, op: Op, outcome: Outcome<i64>) {
        let Some(queue) = self.batches.get_mut(place) else { return };
        let Some(at) = queue.iter().position(|batch| batch.op == op) else { return };
        queue.remove(at);
        if queue.is_empty() {
            self.batches.remove(place);
        }
        cx.saw(Observation::SendEnded { op, outcome });
    }

    /// Requests whose answers are lost are sent again, batches in their order: those after them too. What they asked
    /// for may have been done.
    fn lost(&mut self, lost: Vec<What>) {
        for what in lost {
            match what {
                What::Identity => self.identity = Identity::Wanted,
                What::Topics => {}
                What::Batches(sent) => {
                    sent.iter().for_each(|(place, _, op)| self.again(place, *op, Instant::default(), true));
                }
            }
        }
    }

    /// Sends a batch again, not before then.
    fn again(&mut self, place: &Place, op: Op, not_before: Instant, doubtful: bool) {
        let Some(queue) = self.batches.get_mut(place) else { return };
        if let Some(batch) = queue.iter_mut().find(|batch| batch.op == op) {
            batch.on_its_way = false;
            batch.not_before = not_before;
            batch.doubtful |= doubtful;
        }
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Identity, Response::InitProducerId(answer)) => {
                self.identity = match answer.error_code {
                    ErrorCode::NONE => Identity::Has { id: answer.producer_id, epoch: answer.producer_epoch },
                    _ => {
                        cx.wake_in(BACKOFF);
                        Identity::Wanted
                    }
                };
            }
            (What::Topics, Response::Metadata(answer)) => {
                self.topics.told(answer);
                self.topics_known = true;
            }
            (What::Batches(sent), Response::Produce(answer)) => {
                for (place, id, op) in sent {
                    let found = answer.responses.iter().find(|topic| match id.is_zero() {
                        true => topic.name == place.topic,
                        false => topic.topic_id == id,
                    });
                    let found = found.and_then(|topic| {
                        topic.partition_responses.iter().find(|found| found.index == place.partition)
                    });
                    match found {
                        Some(found) => {
                            self.answered_batch(cx, &place, op, found.error_code, found.base_offset)
                        }
                        None => self.settle(cx, &place, op, Outcome::Unknown),
                    }
                }
            }
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }

    fn answered_batch(&mut self, cx: &mut Context<'_>, place: &Place, op: Op, error: ErrorCode, base: i64) {
        match error {
            ErrorCode::NONE => self.settle(cx, place, op, Outcome::Done(base)),
            // It was there already, so long ago that its offset is forgotten.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.settle(cx, place, op, Outcome::Done(-1)),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID
                if self.is_fleeting(place) =>
            {
                self.topics_known &= self.options.version < BY_ID;
                self.give_up(cx, place);
            }
            error if error.is_retriable() || self.follows_another(place, op, error) => {
                self.topics_known &= self.options.version < BY_ID;
                cx.wake_in(BACKOFF);
                self.again(place, op, cx.now + BACKOFF, error == ErrorCode::REQUEST_TIMED_OUT);
            }
            error if self.options.idempotent => self.begin_anew(cx, op, error),
            error => {
                let outcome = self.outcome(place, op, error);
                self.settle(cx, place, op, outcome);
            }
        }
    }

    fn is_fleeting(&self, place: &Place) -> bool {
        self.options.fleeting.iter().any(|(topic, _)| *topic == place.topic)
    }

    /// A topic is not there: what waits for it and is not on its way is forgotten. If it comes back it is another, in which
    /// sequences begin anew.
    fn give_up(&mut self, cx: &mut Context<'_>, place: &Place) {
        let queue = self.batches.get(place).into_iter().flatten();
        let all: Vec<Op> = queue.map(|batch| batch.op).collect();
        all.into_iter().for_each(|op| self.settle(cx, place, op, Outcome::Unknown));
        self.next_sequence.remove(place);
    }

    /// How a batch ended that was answered with an error: an earlier attempt may have done it.
    fn outcome(&self, place: &Place, op: Op, error: ErrorCode) -> Outcome<i64> {
        let batch = self.batches.get(place).and_then(|queue| queue.iter().find(|batch| batch.op == op));
        let doubtful = batch.is_none_or(|batch| batch.doubtful);
        match doubtful || error == ErrorCode::UNKNOWN_SERVER_ERROR {
            true => Outcome::Unknown,
            false => Outcome::Refused(error),
        }
    }

    /// Whether a batch is only refused because one before it is not there yet.
    fn follows_another(&self, place: &Place, op: Op, error: ErrorCode) -> bool {
        let oldest = self.batches.get(place).and_then(VecDeque::front);
        error == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER && oldest.is_some_and(|batch| batch.op != op)
    }

    /// A sequence is broken: what is not settled will never be known, and another identity is needed.
    fn begin_anew(&mut self, cx: &mut Context<'_>, refused: Op, error: ErrorCode) {
        self.identity = Identity::Wanted;
        self.next_sequence.clear();
        let places = self.batches.iter();
        let all = places.flat_map(|(place, queue)| queue.iter().map(|batch| (batch.op, place.clone())));
        for (op, place) in all.collect::<Vec<(Op, Place)>>() {
            let outcome = match op == refused && error != ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER {
                true => self.outcome(&place, op, error),
                false => Outcome::Unknown,
            };
            self.settle(cx, &place, op, outcome);
        }
    }
}

impl Client for Producer {
    fn name(&self) -> String {
        let kind = if self.options.idempotent { "idempotent producer" } else { "producer" };
        format!("{kind} with acks={}", self.options.acks)
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        self.healed |= matches!(happening, Happening::Healed);
        match self.line.take(happening, cx) {
            LineNews::Nothing | LineNews::Up => {}
            LineNews::Down(lost) => self.lost(lost),
            LineNews::Answer(what, response) => self.answered(cx, what, *response),
        }
        self.hand_over(cx);
        self.send(cx);
    }

    fn is_done(&self) -> bool {
        self.batches.is_empty()
    }
}
