//! Fetches: what is asked for, and what came.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::record::{Batch, StoredBatches};
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;

use super::{Consumption, EARLIEST, PATIENCE, Part, Position, REST, UNREAD, What};
use crate::client::Context;
use crate::client::session::{Key, Spot};
use crate::history::{Observation, Place, Polled, Read};
use crate::payload::{self, messages};

/// The first version in which topics go by id (KIP-516).
const BY_ID: i16 = 13;
/// The first version in which the node says where a client's log departs from its own (KIP-595).
const DIVERGENCE: i16 = 12;
/// The first version with batches of format v2.
const BATCHES: i16 = 4;

/// A fetch on its way.
#[derive(Debug)]
pub(super) struct Fetching {
    /// Positions of all that is read by it, those in the session included.
    positions: BTreeMap<Place, i64>,
    /// The topics by the ids in the request.
    names: BTreeMap<Uuid, Str>,
    at: Instant,
    healed: bool,
}

impl Consumption {
    /// Asks for what comes next in all partitions that have a position.
    pub(super) fn fetch(&mut self, cx: &mut Context<'_>) {
        let by_id = self.options.version >= BY_ID;
        let (mut wanted, mut positions, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (place, offset) in self.positions() {
            let id = match by_id {
                true => self.topics.id(&place.topic),
                false => Some(Uuid::ZERO),
            };
            let Some(id) = id else { continue };
            names.insert(id, place.topic.clone());
            positions.insert(place.clone(), offset);
            let fetched_epoch =
                self.parts.get(place).filter(|_| self.options.epochs).map_or(-1, |part| part.epoch);
            let spot = Spot { offset, leader_epoch: self.leader_epoch(place), fetched_epoch };
            wanted.insert((place.topic.clone(), id, place.partition), spot);
        }
        if wanted.is_empty() {
            return;
        }
        let request = self.request(wanted);
        let what = What::Fetch(Fetching { positions, names, at: cx.now, healed: self.healed });
        let patience = self.options.max_wait + PATIENCE;
        self.line.send_for(cx, what, self.options.version, request, patience);
    }

    fn request(&mut self, wanted: BTreeMap<Key, Spot>) -> FetchRequest {
        let next = self.session.next(wanted);
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic, topic_id, partition), spot) in next.asked {
            let partition = FetchPartition {
                partition,
                fetch_offset: spot.offset,
                current_leader_epoch: spot.leader_epoch,
                last_fetched_epoch: if self.options.version >= DIVERGENCE { spot.fetched_epoch } else { -1 },
                partition_max_bytes: self.options.max_bytes,
                ..Default::default()
            };
            match topics.last_mut() {
                Some(last) if (&last.topic, last.topic_id) == (&topic, topic_id) => {
                    last.partitions.push(partition)
                }
                Some(_) | None => {
                    topics.push(FetchTopic {
                        topic,
                        topic_id,
                        partitions: vec![partition],
                        ..Default::default()
                    });
                }
            }
        }
        let forgotten = next.forgotten.into_iter().map(|(topic, topic_id, partition)| ForgottenTopic {
            topic,
            topic_id,
            partitions: vec![partition],
            ..Default::default()
        });
        FetchRequest {
            max_wait_ms: self.options.max_wait.as_millis() as i32,
            min_bytes: self.options.min_bytes,
            max_bytes: self.options.max_bytes,
            isolation_level: self.options.committed.into(),
            session_id: next.id,
            session_epoch: next.epoch,
            topics,
            forgotten_topics_data: forgotten.collect(),
            rack_id: self.options.rack.clone().unwrap_or_default(),
            ..Default::default()
        }
    }

    /// A fetch is answered.
    pub(super) fn fetched(&mut self, cx: &mut Context<'_>, fetching: Fetching, answer: FetchResponse) {
        self.session.answered(answer.error_code, answer.session_id);
        if answer.error_code != ErrorCode::NONE {
            return self.look_again(cx);
        }
        self.saw_answer(cx, &fetching, &answer);
        let mut anything = false;
        for topic in answer.responses {
            let name = match self.options.version >= BY_ID {
                true => fetching.names.get(&topic.topic_id).cloned(),
                false => Some(topic.topic),
            };
            let Some(name) = name else { continue };
            for data in topic.partitions {
                let place = Place { node: cx.node, topic: name.clone(), partition: data.partition_index };
                anything |= self.fetched_part(cx, &fetching, place, data);
            }
        }
        for (place, position) in &fetching.positions {
            if let Some(part) = self.parts.get_mut(place)
                && part.position == Position::At(*position)
            {
                part.confirmed |= fetching.healed;
            }
        }
        if anything {
            let mean = if self.healed { Duration::ZERO } else { self.options.work };
            self.busy_until = cx.now + cx.random.time(Duration::ZERO..=mean * 2);
        } else if cx.now.saturating_since(fetching.at) < REST {
            self.rest_until = self.rest_until.max(cx.now + REST);
        }
    }

    fn saw_answer(&self, cx: &mut Context<'_>, fetching: &Fetching, answer: &FetchResponse) {
        let partitions = || answer.responses.iter().flat_map(|topic| &topic.partitions);
        let bytes = partitions().filter_map(|data| data.records.as_ref()).map(|records| records.len());
        cx.saw(Observation::FetchAnswered {
            waited_nanos: cx.now.saturating_since(fetching.at).as_nanos() as u64,
            max_wait_ms: self.options.max_wait.as_millis() as i32,
            min_bytes: self.options.min_bytes,
            bytes: bytes.sum(),
            failed: partitions().any(|data| data.error_code != ErrorCode::NONE),
        });
    }

    /// Says whether there were records in it for somebody.
    fn fetched_part(
        &mut self,
        cx: &mut Context<'_>,
        fetching: &Fetching,
        place: Place,
        data: PartitionData,
    ) -> bool {
        let Some(position) = fetching.positions.get(&place).copied() else { return false };
        let Some(part) = self.parts.get_mut(&place) else { return false };
        // Meanwhile it was taken away, or is read elsewhere: nobody is shown what came.
        if part.position != Position::At(position) {
            return false;
        }
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                part.position = Position::Timestamp(EARLIEST);
                return false;
            }
            // Damaged, if it stays like that. How far that goes is not told.
            ErrorCode::KAFKA_STORAGE_ERROR if self.healed && part.unread >= UNREAD => {
                *part = Part { position: Position::At(position + 1), epoch: -1, ..*part };
                cx.saw(Observation::Sought { place });
                return true;
            }
            _ => {
                part.unread += 1;
                self.look_again(cx);
                return false;
            }
        }
        if data.diverging_epoch.end_offset >= 0 {
            // What was read from there on is not in the log any more.
            let position = Position::At(data.diverging_epoch.end_offset.min(position));
            *part = Part { position, epoch: -1, ..*part };
            return false;
        }
        part.high_watermark = data.high_watermark;
        part.confirmed |= fetching.healed;
        part.unread = 0;
        let epoch = part.epoch;
        let (records, next, epoch) = match self.options.version >= BATCHES {
            true => self.read(cx, &place, (position, epoch), data.records.unwrap_or_default()),
            false => self.read_messages(cx, &place, position, data.records.unwrap_or_default()),
        };
        if let Some(part) = self.parts.get_mut(&place) {
            part.position = Position::At(next);
            part.epoch = epoch;
        }
        let anything = next > position;
        cx.saw(Observation::Polled(Polled {
            place,
            position,
            records,
            high_watermark: data.high_watermark,
            last_stable: data.last_stable_offset,
            log_start: data.log_start_offset,
        }));
        anything
    }

    /// The records in these batches from `position` on, and where to read on after them, with the epoch of the last.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        place: &Place,
        (position, mut epoch): (i64, i32),
        batches: Pieces,
    ) -> (Vec<Read>, i64, i32) {
        let mut records = Vec::new();
        let mut next = position;
        // Limits may cut the last one.
        for batch in StoredBatches::new(batches).map_while(Result::ok) {
            next = next.max(self.read_batch(cx, place, position, &batch, &mut records));
            epoch = Batch::first(&batch).map_or(epoch, |batch| batch.partition_leader_epoch());
        }
        (records, next, epoch)
    }

    /// The same of messages in the formats of old.
    fn read_messages(
        &mut self,
        cx: &mut Context<'_>,
        place: &Place,
        position: i64,
        messages: Pieces,
    ) -> (Vec<Read>, i64, i32) {
        let (mut records, mut next) = (Vec::new(), position);
        match messages::read(&messages.concat(), position) {
            Err(what) => cx.saw(Observation::Changed { place: place.clone(), offset: position, what }),
            Ok(found) => {
                for (offset, value) in found {
                    next = next.max(offset + 1);
                    match value {
                        Ok(value) => records.push(Read { offset, value }),
                        Err(what) => cx.saw(Observation::Changed { place: place.clone(), offset, what }),
                    }
                }
            }
        }
        (records, next, -1)
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
        let next = Batch::first(batch).map_or(position, |batch| batch.next_offset());
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

    /// Something is not as it was known: the topics are asked for, and then comes another fetch.
    fn look_again(&mut self, cx: &Context<'_>) {
        self.doubt_topics(cx);
        self.rest_until = cx.now + REST;
    }
}
