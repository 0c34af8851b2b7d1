//! Reading: partitions from a position on, with fetches, their sessions, offsets found by time, and what a client must
//! know of topics. Readers and members of groups read with it; only where a partition is begun is theirs to say.

mod fetching;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::protocol::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::record::{Codecs, Limits};
use kelpgate_core::time::Instant;

use super::line::{Line, LineNews};
use super::session::Session;
use super::topics::Topics;
use super::{Context, Happening};
use crate::history::Place;
use crate::network::LinkId;
use fetching::Fetching;

/// The end of a partition (ListOffsets).
pub const LATEST: i64 = -1;
/// The first record of a partition (ListOffsets).
pub const EARLIEST: i64 = -2;
/// How long a consumer waits after an error, or after an answer that brought nothing at once.
const REST: Duration = Duration::from_millis(50);
/// How often a consumer tries to read what its node cannot read, until somebody has it read on behind that.
const UNREAD: u32 = 20;
/// How long an answer may take that need not wait for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a consumer reads.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Of Fetch: 0 to 16.
    pub version: i16,
    /// Of ListOffsets: 1 to 11.
    pub offsets_version: i16,
    /// Of Metadata: 1 to 13; at least 10 where topics go by id.
    pub metadata_version: i16,
    /// How old what is known of the topics may get (`metadata.max.age.ms`).
    pub metadata_age: Duration,
    /// Whether fetch sessions are made use of.
    pub sessions: bool,
    /// Whether only what is committed is read.
    pub committed: bool,
    pub max_wait: Duration,
    pub min_bytes: i32,
    /// Of a whole answer and of a partition alike.
    pub max_bytes: i32,
    /// Mean time it takes to work on what a fetch brought; the next one is sent after it.
    pub work: Duration,
    /// Whether the node is told what is known of leaders and of what was read, so that it can notice that one of the two
    /// is behind (KIP-320, KIP-595).
    pub epochs: bool,
    /// Where it runs (`client.rack`).
    pub rack: Option<Str>,
}

/// What the newest consumer does if it is not told otherwise, within less memory.
impl Default for FetchOptions {
    fn default() -> FetchOptions {
        FetchOptions {
            version: 16,
            offsets_version: 10,
            metadata_version: 13,
            metadata_age: Duration::from_secs(300),
            sessions: true,
            committed: false,
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 1 << 20,
            work: Duration::ZERO,
            epochs: true,
            rack: None,
        }
    }
}

/// Where a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Somebody has yet to say.
    Awaited,
    /// At the offset that ListOffsets finds for this timestamp.
    Timestamp(i64),
    /// At any offset up to the end.
    Anywhere,
    At(i64),
}

/// Partitions that are read.
pub struct Consumption {
    options: FetchOptions,
    line: Line<What>,
    codecs: Codecs,
    topics: Topics,
    /// When the topics are to be asked for again.
    topics_due: Instant,
    /// Whether the topics were told since the world is healed.
    topics_fresh: bool,
    session: Session,
    parts: BTreeMap<Place, Part>,
    /// What was brought is worked on until then.
    busy_until: Instant,
    /// No fetch before.
    rest_until: Instant,
    healed: bool,
}

/// A partition that is read.
#[derive(Clone, Copy, Debug)]
struct Part {
    position: Position,
    high_watermark: i64,
    /// The leader epoch of the record before the position; -1 if that was not read.
    epoch: i32,
    /// Whether a fetch that was sent after healing was answered.
    confirmed: bool,
    /// How often in a row the node could not read what comes next.
    unread: u32,
}

#[derive(Debug)]
enum What {
    Topics { healed: bool },
    Offsets,
    Fetch(Fetching),
}

impl Consumption {
    /// Nothing is read yet.
    pub fn new(options: FetchOptions) -> Consumption {
        Consumption {
            session: Session::new(options.sessions && options.version >= 7),
            options,
            line: Line::new(PATIENCE),
            codecs: Codecs::new(Limits::default()),
            topics: Topics::default(),
            topics_due: Instant::default(),
            topics_fresh: false,
            parts: BTreeMap::new(),
            busy_until: Instant::default(),
            rest_until: Instant::default(),
            healed: false,
        }
    }

    /// Whether this is its connection.
    pub fn is_on(&self, link: LinkId) -> bool {
        self.line.is_on(link)
    }

    /// The topics, as far as they are known.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// From now on these are read; those that are new begin at `start`.
    pub fn assign(&mut self, places: BTreeSet<Place>, start: Position) {
        self.parts.retain(|place, _| places.contains(place));
        for place in places {
            let new = Part { position: start, high_watermark: 0, epoch: -1, confirmed: false, unread: 0 };
            self.parts.entry(place).or_insert(new);
        }
    }

    /// Reads a partition from there on, if it is read at all.
    pub fn seek(&mut self, place: &Place, position: Position) {
        if let Some(part) = self.parts.get_mut(place) {
            *part = Part { position, epoch: -1, confirmed: false, ..*part };
        }
    }

    /// What is read.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.parts.keys()
    }

    /// Where partitions are read next, of those that have a position.
    pub fn positions(&self) -> impl Iterator<Item = (&Place, i64)> {
        self.parts.iter().filter_map(|(place, part)| match part.position {
            Position::At(offset) => Some((place, offset)),
            Position::Awaited | Position::Timestamp(_) | Position::Anywhere => None,
        })
    }

    /// Partitions whose position somebody has yet to say.
    pub fn awaited(&self) -> impl Iterator<Item = &Place> {
        let awaited = self.parts.iter().filter(|(_, part)| part.position == Position::Awaited);
        awaited.map(|(place, _)| place)
    }

    /// Until when what was brought is worked on.
    pub fn busy_until(&self) -> Instant {
        self.busy_until
    }

    /// Whether, since healing, everything there is was read. What is gone need not be.
    pub fn is_read_up(&self) -> bool {
        self.healed
            && self.topics_fresh
            && self.parts.iter().all(|(place, part)| match part.position {
                Position::At(offset) if part.confirmed => offset >= part.high_watermark,
                Position::At(_) | Position::Awaited | Position::Timestamp(_) | Position::Anywhere => {
                    self.topics.partitions(&place.topic) <= place.partition
                }
            })
    }

    /// The process ends: connections are closed by its system, or forgotten with its machine.
    pub fn die(&mut self, cx: &mut Context<'_>, closing: bool) {
        if closing {
            self.line.hang_up(cx);
        } else {
            self.line.forget();
        }
        *self = Consumption { healed: self.healed, ..Consumption::new(self.options.clone()) };
    }

    /// No more faults: from now on everything is read at once.
    pub fn heal(&mut self, cx: &Context<'_>) {
        self.healed = true;
        self.busy_until = cx.now;
        // What was never told is due already.
        self.topics_due = self.topics_due.min(cx.now);
    }

    /// Whether the topics were told.
    pub fn knows_topics(&self) -> bool {
        self.topics_due != Instant::default()
    }

    /// Something of the topics is not as it was known: asks for them soon.
    pub fn doubt_topics(&mut self, cx: &Context<'_>) {
        self.topics_due = self.topics_due.min(cx.now + REST);
    }

    /// Takes part in what happens on its own connection, and when there is none.
    pub fn take(&mut self, happening: Happening, cx: &mut Context<'_>) {
        match self.line.take(happening, cx) {
            LineNews::Nothing | LineNews::Up => {}
            LineNews::Down(lost) => {
                if lost.iter().any(|what| matches!(what, What::Fetch(_))) {
                    self.session.lost();
                }
            }
            LineNews::Answer(what, response) => self.answered(cx, what, *response),
        }
    }

    /// Asks for what is to be asked.
    pub fn act(&mut self, cx: &mut Context<'_>) {
        if !self.line.is_up() {
            return;
        }
        self.ask_topics(cx);
        if !self.knows_topics() {
            return;
        }
        self.ask_offsets(cx);
        let fetches = self.line.waiting().any(|what| matches!(what, What::Fetch(_)));
        let rest_until = self.rest_until.max(self.busy_until);
        if fetches {
        } else if rest_until > cx.now {
            cx.wake_in(rest_until.saturating_since(cx.now));
        } else {
            self.fetch(cx);
        }
    }

    /// What the node is told of the leader of a partition.
    fn leader_epoch(&self, place: &Place) -> i32 {
        match self.options.epochs {
            true => self.topics.leader_epoch(&place.topic, place.partition),
            false => -1,
        }
    }

    fn ask_topics(&mut self, cx: &mut Context<'_>) {
        if self.topics_due > cx.now {
            cx.wake_in(self.topics_due.saturating_since(cx.now));
        } else if !self.line.waiting().any(|what| matches!(what, What::Topics { .. })) {
            let what = What::Topics { healed: self.healed };
            self.line.send(cx, what, self.options.metadata_version, Topics::request());
        }
    }

    /// Asks for the positions that go by time.
    fn ask_offsets(&mut self, cx: &mut Context<'_>) {
        if self.line.waiting().any(|what| matches!(what, What::Offsets)) || self.rest_until > cx.now {
            return;
        }
        let mut topics: BTreeMap<Str, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for (place, part) in &self.parts {
            let timestamp = match part.position {
                Position::Timestamp(timestamp) => timestamp,
                Position::Anywhere => LATEST,
                Position::Awaited | Position::At(_) => continue,
            };
            topics.entry(place.topic.clone()).or_default().push(ListOffsetsPartition {
                partition_index: place.partition,
                timestamp,
                current_leader_epoch: self.leader_epoch(place),
                ..Default::default()
            });
        }
        if topics.is_empty() {
            return;
        }
        let version = self.options.offsets_version;
        let topics = topics.into_iter().map(|(name, partitions)| ListOffsetsTopic {
            name,
            partitions,
            ..Default::default()
        });
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: i8::from(self.options.committed && version >= 2),
            topics: topics.collect(),
            timeout_ms: 5_000,
            ..Default::default()
        };
        self.line.send(cx, What::Offsets, version, request);
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: Response) {
        match (what, response) {
            (What::Topics { healed }, Response::Metadata(answer)) => {
                self.topics.told(answer);
                self.topics_due = cx.now + self.options.metadata_age;
                self.topics_fresh = healed;
            }
            (What::Offsets, Response::ListOffsets(answer)) => self.found(cx, answer),
            (What::Fetch(fetching), Response::Fetch(answer)) => self.fetched(cx, fetching, answer),
            (what, response) => panic!("{what:?} was answered with {response:?}"),
        }
    }

    fn found(&mut self, cx: &mut Context<'_>, answer: ListOffsetsResponse) {
        for topic in answer.topics {
            for partition in topic.partitions {
                let place =
                    Place { node: cx.node, topic: topic.name.clone(), partition: partition.partition_index };
                self.found_one(cx, &place, &partition);
            }
        }
    }

    fn found_one(&mut self, cx: &mut Context<'_>, place: &Place, found: &ListOffsetsPartitionResponse) {
        let Some(part) = self.parts.get_mut(place) else { return };
        if found.error_code != ErrorCode::NONE {
            self.rest_until = cx.now + REST;
            return self.doubt_topics(cx);
        }
        part.position = match part.position {
            // There is nothing as late as that.
            Position::Timestamp(_) if found.offset < 0 => Position::Timestamp(LATEST),
            Position::Timestamp(_) => Position::At(found.offset),
            Position::Anywhere => {
                Position::At(cx.random.within(0..=found.offset.max(0).unsigned_abs()) as i64)
            }
            position @ (Position::Awaited | Position::At(_)) => position,
        };
    }
}
