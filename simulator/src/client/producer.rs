//! A producer: batches to random partitions of its topics, several on their way at once, tried again until they are
//! acknowledged or refused; plain, or idempotent as KIP-98 has it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kelpgate_core::protocol::init_producer_id::InitProducerIdRequest;
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::record::{BatchFields, Codec, Codecs, Limits};

use super::line::{Line, LineNews};
use super::{Client, Context, Happening};
use crate::history::{Observation, Op, Outcome, Place};
use crate::payload::{self, Value};

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
}

/// A program that produces.
pub struct Producer {
    options: ProducerOptions,
    line: Line<What>,
    codecs: Codecs,
    identity: Identity,
    /// By partition, oldest first: handed over and not settled.
    batches: BTreeMap<Place, VecDeque<Batch>>,
    next_sequence: BTreeMap<Place, i32>,
    last_number: u32,
    healed: bool,
    due: bool,
}

/// What a request was for.
#[derive(Debug)]
enum What {
    Identity,
    Batch(Place, Op),
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
}

impl Producer {
    pub fn new(options: ProducerOptions) -> Producer {
        Producer {
            identity: if options.idempotent { Identity::Wanted } else { Identity::None },
            options,
            line: Line::new(Duration::from_secs(5)),
            codecs: Codecs::new(Limits::default()),
            batches: BTreeMap::new(),
            next_sequence: BTreeMap::new(),
            last_number: 0,
            healed: false,
            due: false,
        }
    }

    /// Something new to send, now and then.
    fn hand_over(&mut self, cx: &mut Context<'_>) {
        if self.healed || !self.due || matches!(self.identity, Identity::Wanted | Identity::Asked) {
            return;
        }
        self.due = false;
        let waiting: usize = self.batches.values().map(VecDeque::len).sum();
        if waiting >= 4 * self.options.in_flight {
            return;
        }
        let (topic, partitions) = cx.random.pick(&self.options.topics).clone();
        let partition = cx.random.below(partitions as usize) as i32;
        let place = Place { node: cx.node, topic, partition };
        let count = 1 + cx.random.below(self.options.most_records) as u32;
        let client = cx.client as u32;
        let values: Vec<Value> =
            (0..count).map(|at| Value { client, number: self.last_number + at }).collect();
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
        let timestamp = 1_700_000_000_000 + (cx.now.0 / 1_000_000) as i64;
        let batch = Batch { op, values, timestamp, sequence, on_its_way: false };
        self.batches.entry(place).or_default().push_back(batch);
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
                return self.line.send(cx, What::Identity, 4, request);
            }
            Identity::Asked => return,
            Identity::None | Identity::Has { .. } => {}
        }
        let places: Vec<Place> = self.batches.keys().cloned().collect();
        for place in places {
            while self.line.waiting().len() < self.options.in_flight && self.send_next(cx, &place) {}
        }
    }

    /// The first batch of a partition that is not on its way, and only after those before it.
    fn send_next(&mut self, cx: &mut Context<'_>, place: &Place) -> bool {
        let Some(queue) = self.batches.get_mut(place) else { return false };
        let Some(batch) = queue.iter_mut().find(|batch| !batch.on_its_way) else { return false };
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
        let bytes =
            payload::batch(fields, &batch.values, batch.timestamp, self.options.codec, &mut self.codecs);
        let records = Some(Records(bytes));
        let data = PartitionProduceData { index: place.partition, records, ..Default::default() };
        let topic = TopicProduceData {
            name: place.topic.clone(),
            partition_data: vec![data],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks: self.options.acks,
            timeout_ms: 5_000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        batch.on_its_way = true;
        if self.options.acks == 0 {
            let op = batch.op;
            self.line.send_unanswered(cx, 9, request);
            self.settle(cx, place, op, Outcome::Done(-1));
        } else {
            self.line.send(cx, What::Batch(place.clone(), batch.op), 9, request);
        }
        true
    }

    fn settle(&mut self, cx: &mut Context<'_>, place: &Place, op: Op, outcome: Outcome<i64>) {
        let Some(queue) = self.batches.get_mut(place) else { return };
        let Some(at) = queue.iter().position(|batch| batch.op == op) else { return };
        queue.remove(at);
        cx.saw(Observation::SendEnded { op, outcome });
    }

    /// Batches whose answers are lost are sent again, in their order: those after them too.
    fn again(&mut self, lost: Vec<What>) {
        for what in lost {
            match what {
                What::Identity => self.identity = Identity::Wanted,
                What::Batch(place, op) => {
                    let queue = self.batches.entry(place).or_default();
                    queue
                        .iter_mut()
                        .filter(|batch| batch.op == op)
                        .for_each(|batch| batch.on_its_way = false);
                }
            }
        }
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Identity, Response::InitProducerId(answer)) => {
                self.identity = match answer.error_code {
                    ErrorCode::NONE => Identity::Has { id: answer.producer_id, epoch: answer.producer_epoch },
                    _ => {
                        cx.wake_in(Duration::from_millis(100));
                        Identity::Wanted
                    }
                };
            }
            (What::Batch(place, op), Response::Produce(answer)) => {
                let Some(found) =
                    answer.responses.first().and_then(|topic| topic.partition_responses.first())
                else {
                    return self.settle(cx, &place, op, Outcome::Unknown);
                };
                let (error, base) = (found.error_code, found.base_offset);
                self.answered_batch(cx, &place, op, error, base);
            }
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }

    fn answered_batch(&mut self, cx: &mut Context<'_>, place: &Place, op: Op, error: ErrorCode, base: i64) {
        match error {
            ErrorCode::NONE => self.settle(cx, place, op, Outcome::Done(base)),
            // It was there already, so long ago that its offset is forgotten.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.settle(cx, place, op, Outcome::Done(-1)),
            error if error.is_retriable() || self.follows_another(place, op, error) => {
                cx.wake_in(Duration::from_millis(20));
                self.again(vec![What::Batch(place.clone(), op)]);
            }
            error if self.options.idempotent => self.begin_anew(cx, op, error),
            error => self.settle(cx, place, op, Outcome::Refused(error)),
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
        let ops: Vec<Op> = self.batches.values().flatten().map(|batch| batch.op).collect();
        self.batches.clear();
        for op in ops {
            let certain = op == refused && error != ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
            let outcome = if certain { Outcome::Refused(error) } else { Outcome::Unknown };
            cx.saw(Observation::SendEnded { op, outcome });
        }
    }
}

impl Client for Producer {
    fn name(&self) -> String {
        let kind = if self.options.idempotent { "idempotent producer" } else { "producer" };
        format!("{kind} with acks={}", self.options.acks)
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        match &happening {
            Happening::Healed => self.healed = true,
            Happening::Started | Happening::Woken => {
                self.due = true;
                if !self.healed {
                    let pause = cx.random.time(Duration::ZERO..=self.options.pause * 2);
                    cx.wake_in(pause);
                }
            }
            Happening::Connected { .. }
            | Happening::Answered { .. }
            | Happening::Bytes { .. }
            | Happening::Closed { .. } => {}
        }
        match self.line.take(happening, cx) {
            LineNews::Nothing | LineNews::Up => {}
            LineNews::Down(lost) => self.again(lost),
            LineNews::Answer(what, response) => self.answered(cx, what, *response),
        }
        self.hand_over(cx);
        self.send(cx);
    }

    fn is_done(&self) -> bool {
        self.batches.values().all(VecDeque::is_empty)
    }
}
