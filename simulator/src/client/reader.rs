//! A consumer whose partitions are given to it: reads each from its earliest record on, again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::protocol::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use kelpgate_core::protocol::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::record::{Codecs, Limits, StoredBatches};
use kelpgate_core::time::Instant;

use super::line::{Line, LineNews};
use super::{Client, Context, Happening};
use crate::history::{Observation, Place, Polled, Read};
use crate::payload;

/// How a consumer reads.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Topics with their partitions.
    pub topics: Vec<(Str, i32)>,
    pub max_wait: Duration,
    pub min_bytes: i32,
    pub max_bytes: i32,
    /// Whether it goes on for ever; if not, it is done when it has read all that there was when it was told to finish.
    pub endless: bool,
}

/// A program that reads.
pub struct Reader {
    options: ReaderOptions,
    line: Line<What>,
    codecs: Codecs,
    /// Where to read on.
    positions: BTreeMap<Place, i64>,
    /// Partitions read up to their high watermark.
    read_up: BTreeMap<Place, bool>,
    healed: bool,
}

#[derive(Debug)]
enum What {
    Earliest,
    Fetch { positions: BTreeMap<Place, i64>, at: Instant },
}

impl Reader {
    pub fn new(options: ReaderOptions) -> Reader {
        Reader {
            options,
            line: Line::new(Duration::from_secs(10)),
            codecs: Codecs::new(Limits::default()),
            positions: BTreeMap::new(),
            read_up: BTreeMap::new(),
            healed: false,
        }
    }

    fn places(&self, node: usize) -> Vec<Place> {
        let all = self.options.topics.iter().flat_map(|(topic, partitions)| {
            (0..*partitions).map(move |partition| Place { node, topic: topic.clone(), partition })
        });
        all.collect()
    }

    fn send(&mut self, cx: &mut Context<'_>) {
        if !self.line.is_up() || self.line.waiting().len() > 0 {
            return;
        }
        let without: Vec<Place> =
            self.places(cx.node).into_iter().filter(|place| !self.positions.contains_key(place)).collect();
        if !without.is_empty() {
            let topics = by_topic(without).map(|(name, partitions)| ListOffsetsTopic {
                name,
                partitions: partitions
                    .into_iter()
                    .map(|partition_index| ListOffsetsPartition {
                        partition_index,
                        timestamp: -2,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            });
            let request =
                ListOffsetsRequest { replica_id: -1, topics: topics.collect(), ..Default::default() };
            return self.line.send(cx, What::Earliest, 6, request);
        }
        if self.is_done() && !self.options.endless {
            return;
        }
        let request = self.fetch();
        let what = What::Fetch { positions: self.positions.clone(), at: cx.now };
        self.line.send(cx, what, 12, request);
    }

    fn fetch(&self) -> FetchRequest {
        let topics = self.options.topics.iter().map(|(topic, _)| {
            let partitions = self.positions.iter().filter(|(place, _)| place.topic == *topic);
            let partitions = partitions.map(|(place, position)| FetchPartition {
                partition: place.partition,
                fetch_offset: *position,
                partition_max_bytes: self.options.max_bytes,
                ..Default::default()
            });
            FetchTopic { topic: topic.clone(), partitions: partitions.collect(), ..Default::default() }
        });
        FetchRequest {
            max_wait_ms: self.options.max_wait.as_millis() as i32,
            min_bytes: self.options.min_bytes,
            max_bytes: self.options.max_bytes,
            topics: topics.collect(),
            ..Default::default()
        }
    }

    fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        positions: &BTreeMap<Place, i64>,
        at: Instant,
        answer: FetchResponse,
    ) {
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let bytes =
            partitions.filter_map(|partition| partition.records.as_ref()).map(|records| records.len());
        cx.saw(Observation::FetchAnswered {
            waited_nanos: cx.now.saturating_since(at).as_nanos() as u64,
            max_wait_ms: self.options.max_wait.as_millis() as i32,
            min_bytes: self.options.min_bytes,
            bytes: bytes.sum(),
        });
        for topic in answer.responses {
            for data in topic.partitions {
                let place =
                    Place { node: cx.node, topic: topic.topic.clone(), partition: data.partition_index };
                let Some(position) = positions.get(&place).copied() else { continue };
                self.fetched_partition(cx, place, position, data);
            }
        }
    }

    fn fetched_partition(&mut self, cx: &mut Context<'_>, place: Place, position: i64, data: PartitionData) {
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                self.positions.remove(&place);
                return;
            }
            _ => {
                cx.wake_in(Duration::from_millis(50));
                return;
            }
        }
        let mut records = Vec::new();
        let mut next = position;
        for batch in StoredBatches::new(data.records.unwrap_or_default()) {
            match batch {
                Ok(batch) => next = next.max(self.read_batch(cx, &place, position, &batch, &mut records)),
                // Limits may cut the last one.
                Err(_) => break,
            }
        }
        self.positions.insert(place.clone(), next);
        self.read_up.insert(place.clone(), self.healed && next >= data.high_watermark);
        cx.saw(Observation::Polled(Polled {
            place,
            position,
            records,
            high_watermark: data.high_watermark,
            last_stable: data.last_stable_offset,
            log_start: data.log_start_offset,
        }));
    }

    /// Says where to read on after the batch.
    fn read_batch(
        &mut self,
        cx: &mut Context<'_>,
        place: &Place,
        position: i64,
        batch: &Bytes,
        records: &mut Vec<Read>,
    ) -> i64 {
        let next = kelpgate_core::record::Batch::first(batch).map_or(position, |batch| batch.next_offset());
        match payload::read(batch, position, &mut self.codecs) {
            Err(what) => cx.saw(Observation::Changed { place: place.clone(), offset: position, what }),
            Ok(found) => {
                for (offset, value) in found {
                    match value {
                        Ok(value) => records.push(Read { offset, value }),
                        Err(what) => cx.saw(Observation::Changed { place: place.clone(), offset, what }),
                    }
                }
            }
        }
        next
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Earliest, Response::ListOffsets(answer)) => {
                for topic in answer.topics {
                    for partition in topic.partitions {
                        let place = Place {
                            node: cx.node,
                            topic: topic.name.clone(),
                            partition: partition.partition_index,
                        };
                        if partition.error_code == ErrorCode::NONE {
                            self.positions.insert(place, partition.offset);
                        } else {
                            cx.wake_in(Duration::from_millis(100));
                        }
                    }
                }
            }
            (What::Fetch { positions, at }, Response::Fetch(answer)) => {
                self.fetched(cx, &positions, at, answer);
            }
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }
}

impl Client for Reader {
    fn name(&self) -> String {
        format!("reader of {} topics", self.options.topics.len())
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        if matches!(happening, Happening::Healed) {
            self.healed = true;
        }
        match self.line.take(happening, cx) {
            LineNews::Nothing | LineNews::Up | LineNews::Down(_) => {}
            LineNews::Answer(what, response) => self.answered(cx, what, *response),
        }
        self.send(cx);
    }

    fn is_done(&self) -> bool {
        let places = self.options.topics.iter().map(|(_, partitions)| *partitions as usize).sum();
        self.healed && self.read_up.values().filter(|up| **up).count() == places
    }
}

fn by_topic(places: Vec<Place>) -> impl Iterator<Item = (Str, Vec<i32>)> {
    let mut topics: BTreeMap<Str, Vec<i32>> = BTreeMap::new();
    for place in places {
        topics.entry(place.topic).or_default().push(place.partition);
    }
    topics.into_iter()
}
