//! Fetch (1), versions 0-18: reads batches.
//!
//! v3 a bound on the whole answer and partition order (KIP-74); v4 isolation level (KIP-98); v5 log start (KIP-107); v7
//! sessions (KIP-227); v9 leader epochs (KIP-320); v10 zstd (KIP-110); v11 rack (KIP-392); v12 divergence (KIP-595);
//! v13 topic ids (KIP-516); v15 replica state (KIP-903); v16 node endpoints (KIP-951); v17 and v18 concern replicas.
//!
//! First every owner is asked how much there is; below `min_bytes` the fetch parks and is woken by appends or by its
//! deadline; then what fits is collected, in order, and answered.

use alloc::vec::Vec;
use core::time::Duration;

use alloc::sync::Arc;

use super::fetch_answer::Readable;
use super::home::{Home, Parts};
use super::{Begun, Pending, fetch_answer};
use crate::fetch::session::{PartitionName, Resolved, SessionError, SessionRequest, Target};
use crate::ids::LogId;
use crate::mutant::{Mutant, is_on};
use crate::pieces::Pieces;
use crate::protocol::ErrorCode;
use crate::protocol::Response;
use crate::protocol::Str;
use crate::protocol::fetch::{FetchRequest, FetchResponse};
use crate::shard_message::{FetchPosition, Found, PartitionAnswer, PartitionQuestion, Probed, ShardMessage};
use crate::time::Instant;

/// First version that names topics by id.
const TOPIC_IDS: i16 = 13;

/// A Fetch under way.
#[derive(Debug)]
pub struct Fetching {
    pub(super) session: Resolved,
    /// One for each target of the session, in order.
    pub(super) reads: Vec<Read>,
    min_bytes: usize,
    pub(super) max_bytes: usize,
    pub(super) read_committed: bool,
    /// When it is answered with what there is.
    pub deadline: Instant,
    stage: Stage,
    /// What is awaited: the index in `reads`.
    parts: Parts<usize>,
    /// Bytes found by the reads that were probed.
    found: usize,
    /// Reads that have something to say at once, whatever the bytes: refused or diverging.
    urgent: usize,
}

/// The read of one target.
#[derive(Debug)]
pub struct Read {
    log: Option<LogId>,
    pub(super) state: ReadState,
    /// Where collecting begins, or goes on.
    from: i64,
}

/// How far the read of one partition is.
#[derive(Debug)]
pub enum ReadState {
    Asked,
    Refused(ErrorCode),
    Probed(Probed),
    Collected(Probed, Pieces),
}

impl ReadState {
    /// What it adds to [`Fetching::found`] and [`Fetching::urgent`].
    fn weight(&self) -> (usize, usize) {
        match self {
            ReadState::Refused(_) | ReadState::Probed(Probed { found: Found::Diverging { .. }, .. }) => {
                (0, 1)
            }
            ReadState::Probed(Probed { found: Found::Bytes(bytes), .. }) => (*bytes, 0),
            ReadState::Probed(Probed { found: Found::Nothing, .. })
            | ReadState::Asked
            | ReadState::Collected(..) => (0, 0),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Owners are asked what there is.
    Probing,
    /// There is too little: watches are set and the deadline runs.
    Parked,
    /// The engine is reading.
    Collecting,
}

/// Resolves the session and asks every owner what there is.
pub fn begin(home: &mut Home<'_>, request: &FetchRequest) -> Begun {
    // Followers are not served: there is nothing to replicate.
    if request.replica_id >= 0 || request.replica_state.replica_id >= 0 {
        return refuse(ErrorCode::INVALID_REQUEST);
    }
    match home.sessions.resolve(home.now.mono, session_request(request, home.version)) {
        Ok(session) => Begun::Pending(Pending::Fetch(start(home, request, session))),
        Err(error) => refuse(session_error(error)),
    }
}

pub(super) fn session_error(error: SessionError) -> ErrorCode {
    match error {
        SessionError::NotFound(_) => ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        SessionError::WrongEpoch { .. } => ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        SessionError::MixedTopicIds(_) => ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    }
}

fn refuse(error: ErrorCode) -> Begun {
    Begun::Answer(Response::Fetch(FetchResponse { error_code: error, ..Default::default() }))
}

fn session_request(request: &FetchRequest, version: i16) -> SessionRequest {
    let name =
        |topic: &Arc<str>, topic_id, partition| PartitionName { topic_id, topic: topic.clone(), partition };
    let mut targets = Vec::new();
    for topic in &request.topics {
        let shared = shared(&topic.topic);
        targets.extend(topic.partitions.iter().map(|partition| Target {
            name: name(&shared, topic.topic_id, partition.partition),
            fetch_offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        }));
    }
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let shared = shared(&topic.topic);
        topic.partitions.iter().map(move |partition| name(&shared, topic.topic_id, *partition))
    });
    SessionRequest {
        session_id: request.session_id,
        session_epoch: request.session_epoch,
        by_id: version >= TOPIC_IDS,
        targets,
        forgotten: forgotten.collect(),
    }
}

/// Sessions outlive the frame that a name came in.
fn shared(topic: &Str) -> Arc<str> {
    Arc::from(topic.as_ref() as &str)
}

fn start(home: &mut Home<'_>, request: &FetchRequest, session: Resolved) -> Fetching {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let limit = home.broker.fetch_max_bytes;
    let mut fetching = Fetching {
        reads: Vec::with_capacity(session.targets.len()),
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).min(limit),
        read_committed: request.isolation_level == 1,
        deadline: home.now.mono + wait,
        stage: Stage::Probing,
        parts: Parts::default(),
        found: 0,
        urgent: 0,
        session,
    };
    for index in 0..fetching.session.targets.len() {
        fetching.probe(home, index);
    }
    fetching
}

impl Fetching {
    fn probe(&mut self, home: &mut Home<'_>, index: usize) {
        let target = &self.session.targets[index];
        let (log, state) = match home.find(
            &target.name.topic,
            target.name.topic_id,
            self.session.by_id,
            target.name.partition,
        ) {
            Err(error) => (None, ReadState::Refused(error)),
            Ok(log) => {
                home.ask(self.parts.expect(index), log, PartitionQuestion::Probe(position(target)));
                (Some(log), ReadState::Asked)
            }
        };
        self.reads.push(Read { log, state: ReadState::Asked, from: target.fetch_offset });
        self.set(index, state);
    }

    /// Takes one owner's answer; gives the response when the fetch is done.
    pub fn told(&mut self, home: &mut Home<'_>, part: u32, answer: PartitionAnswer) -> Option<FetchResponse> {
        let index = self.parts.take(part)?;
        let state = match (answer, &self.reads.get(index)?.state) {
            (PartitionAnswer::Probed(Ok(probed)), _) => ReadState::Probed(probed),
            (PartitionAnswer::Probed(Err(error)) | PartitionAnswer::Collected(Err(error)), _) => {
                ReadState::Refused(error)
            }
            (PartitionAnswer::Collected(Ok(pieces)), ReadState::Probed(probed)) => {
                self.collected(home, index, *probed, pieces)?
            }
            (other, state) => panic!("a fetch was answered with {other:?} in {state:?}"),
        };
        self.set(index, state);
        // The partition that has just been heard of is watched again; the others still are.
        if self.stage == Stage::Parked && !self.is_enough(home.now.mono) {
            self.parts.expect_again(part as usize, index);
            self.watch(home, part as usize, index);
            return None;
        }
        self.advance(home)
    }

    fn set(&mut self, index: usize, state: ReadState) {
        let Some(read) = self.reads.get_mut(index) else { return };
        let ((found, urgent), (more, now_urgent)) = (read.state.weight(), state.weight());
        self.found = self.found - found + more;
        self.urgent = self.urgent - urgent + now_urgent;
        read.state = state;
    }

    /// The engine has read. Batches that compaction has emptied are nothing in the formats of old readers, which would
    /// ask for the same offset for ever: for them it reads on.
    fn collected(
        &mut self,
        home: &mut Home<'_>,
        index: usize,
        probed: Probed,
        pieces: Pieces,
    ) -> Option<ReadState> {
        let (read, target) = (self.reads.get_mut(index)?, &self.session.targets[index]);
        let max_bytes = usize::try_from(target.max_bytes).unwrap_or(0).min(self.max_bytes);
        match fetch_answer::readable(home, pieces, read.from, max_bytes) {
            Err(error) => Some(ReadState::Refused(error)),
            Ok(Readable { records, next: Some(next) })
                if records.is_empty() && read.from < next && next < probed.high_watermark =>
            {
                read.from = next;
                let question =
                    PartitionQuestion::Collect { from: next, until: probed.high_watermark, max_bytes };
                home.ask(self.parts.expect(index), read.log?, question);
                None
            }
            Ok(Readable { records, .. }) => Some(ReadState::Collected(probed, records)),
        }
    }

    /// Whether it waits for records.
    pub fn is_parked(&self) -> bool {
        self.stage == Stage::Parked
    }

    /// Does what can be done now.
    pub fn advance(&mut self, home: &mut Home<'_>) -> Option<FetchResponse> {
        match self.stage {
            Stage::Probing if !self.parts.is_complete() => None,
            Stage::Collecting if !self.parts.is_complete() => None,
            Stage::Collecting => Some(fetch_answer::finish(self, home)),
            Stage::Probing | Stage::Parked if self.is_enough(home.now.mono) => self.collect(home),
            Stage::Probing => {
                self.park(home);
                None
            }
            Stage::Parked => None,
        }
    }

    /// Whether it can be answered now (`DelayedFetch.tryComplete`).
    fn is_enough(&self, now: Instant) -> bool {
        let waits = !is_on(Mutant::FetchDoesNotWait);
        !waits
            || self.urgent > 0
            || self.found >= self.min_bytes
            || now >= self.deadline
            || self.reads.is_empty()
    }

    /// Has every owner say when there is more.
    fn park(&mut self, home: &mut Home<'_>) {
        self.stage = Stage::Parked;
        for index in 0..self.reads.len() {
            let part = self.parts.expect(index);
            self.watch(home, part, index);
        }
    }

    fn watch(&mut self, home: &mut Home<'_>, part: usize, index: usize) {
        match self.reads.get(index) {
            Some(Read { log: Some(log), state: ReadState::Probed(probed), .. }) => {
                let position = position(&self.session.targets[index]);
                let known_high_watermark = probed.high_watermark;
                home.ask(part, *log, PartitionQuestion::Watch { position, known_high_watermark });
            }
            other => panic!("a fetch that has {other:?} is answered, not parked"),
        }
    }

    /// Asks for the records that fit, in the order of the request. The first that has any gives at least one batch,
    /// whatever its size (KIP-74): the engine sees to it, and `fetch_answer` drops what is over for the others.
    fn collect(&mut self, home: &mut Home<'_>) -> Option<FetchResponse> {
        self.abandon(home);
        self.stage = Stage::Collecting;
        let mut left = self.max_bytes;
        let mut first = true;
        for index in 0..self.reads.len() {
            let Some(Read { log: Some(log), state: ReadState::Probed(probed), from }) = self.reads.get(index)
            else {
                continue;
            };
            let target = &self.session.targets[index];
            let Found::Bytes(available) = probed.found else { continue };
            if left == 0 && !first {
                break;
            }
            let max_bytes = usize::try_from(target.max_bytes).unwrap_or(0).min(left);
            let (log, from, until) = (*log, *from, probed.high_watermark);
            left -= available.min(max_bytes);
            first = false;
            let part = self.parts.expect(index);
            home.ask(part, log, PartitionQuestion::Collect { from, until, max_bytes });
        }
        self.advance(home)
    }

    /// Takes back every watch: the fetch is answered, or its connection is gone.
    pub fn abandon(&mut self, home: &mut Home<'_>) {
        for (part, index) in self.parts.cancel() {
            if let Some(log) = self.reads.get(index).and_then(|read| read.log) {
                let owner = log.owner(home.settings.shards);
                let message = ShardMessage::Forget(home.ask_ref(part), log);
                home.mail.send(home.out, owner, message);
            }
        }
    }
}

fn position(target: &Target) -> FetchPosition {
    FetchPosition {
        fetch_offset: target.fetch_offset,
        max_bytes: target.max_bytes,
        current_leader_epoch: target.current_leader_epoch,
        last_fetched_epoch: target.last_fetched_epoch,
    }
}
