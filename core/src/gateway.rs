//! The machine of one shard: routing only. Connections, requests, partitions and the catalogue have rooms of their own.

mod invariants;
mod look;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::catalogue::image::Image;
use crate::catalogue::record::CatalogueRecord;
use crate::catalogue_owner::CatalogueOwner;
use crate::config::BrokerConfig;
use crate::connection::{Answered, Connection, Next, Reading, Slot};
use crate::group::coordinators::Coordinators;
use crate::ids::{ConnId, ShardId, Ticket};
use crate::inquiry::Inquiries;
use crate::machine::{CloseReason, Input, Level, Outbox, Output, PeerInfo};
use crate::mutant::{Mutant, is_on};
use crate::owner::{Around, Waiting};
use crate::pieces::Pieces;
use crate::protocol::{ApiKey, RequestError, Response, decode_request, encode_response};
use crate::request::home::Home;
use crate::request::{self, Begun, Progress, describe_log_dirs, local};
use crate::settings::Settings;
use crate::shard_message::{Answer, AskRef, Asker, Question, ShardMessage};
use crate::storage::{StorageCommand, StorageError, StorageReply};
use crate::time::{Instant, NEXT_TURN, Now};
use crate::timers::Timers;
use crate::topic::partitions::Partitions;
use crate::upkeep::Upkeep;
use crate::upkeep::retention::Round;

/// Between two steps of one round of upkeep.
const UPKEEP_PAUSE: Duration = Duration::from_millis(20);

/// One shard's machine.
pub struct Gateway {
    stage: Stage,
    /// Shards that were quiet before this one was asked to stop.
    quiet_early: u16,
    around: Around,
    /// Only where the catalogue lives: on shard 0.
    catalogue: Option<CatalogueOwner>,
    connections: BTreeMap<ConnId, Connection>,
    partitions: Partitions,
    coordinators: Coordinators,
    inquiries: Inquiries,
    upkeep: Upkeep,
    timers: Timers<Timer>,
    /// Taken so far, for the walk over everything now and then.
    #[cfg(debug_assertions)]
    steps: u64,
}

/// What a deadline is for; equal times fire in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A request must be answered with what there is.
    Request(ConnId, u64),
    /// A connection has more requests than it may begin in one turn.
    Turn(ConnId),
    /// A connection may have been idle for too long.
    Idle(ConnId),
    /// A change of the catalogue has waited for as long as its client does.
    Catalogue,
    /// Segments and producers whose time is over.
    Retention,
    /// Compaction.
    Cleaner,
    /// What is due in groups.
    Groups,
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stopping {
    /// This shard has answered all its clients and told the others.
    said_quiet: bool,
    /// Shards that ask nothing any more.
    quiet: u16,
    /// Partitions have saved their state.
    saved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The catalogue is being read.
    Loading,
    Serving,
    /// No new requests; those accepted are answered. Shards ask each other until all have said that they are quiet.
    Stopping(Stopping),
    Drained,
}

impl Gateway {
    /// A machine that begins to load its catalogue at the first input.
    pub fn new(settings: Settings, now: Now, out: &mut Outbox) -> Gateway {
        let mut gateway = Gateway {
            stage: Stage::Loading,
            quiet_early: 0,
            catalogue: (settings.shard == ShardId(0)).then(CatalogueOwner::default),
            connections: BTreeMap::new(),
            partitions: Partitions::default(),
            coordinators: Coordinators::default(),
            inquiries: Inquiries::default(),
            upkeep: Upkeep::default(),
            timers: Timers::default(),
            #[cfg(debug_assertions)]
            steps: 0,
            around: Around::new(settings),
        };
        if let Some(catalogue) = &mut gateway.catalogue {
            catalogue.load(&mut gateway.around.owner(now, out));
        }
        gateway
    }

    /// One step.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Outbox) {
        match input {
            Input::Opened { conn, peer } => self.opened(now, conn, peer, out),
            Input::Received { conn, bytes } => self.received(now, conn, bytes, out),
            Input::Flushed { conn, bytes } => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.flushed(bytes);
                    connection.last_active = now.mono;
                    self.advance(now, conn, out);
                }
            }
            Input::Closed { conn } => self.closed(now, conn, out),
            Input::Stored { ticket, outcome } => self.stored(now, ticket, outcome, out),
            Input::FromShard { from, message } => self.message(now, from, message, out),
            Input::Asked { ticket, question } => {
                let Around { settings, mail, .. } = &mut self.around;
                self.inquiries.ask(mail, out, ticket, settings.shards, question);
            }
            Input::Tick => self.tick(now, out),
            Input::Stop => self.stop(now, out),
        }
        while let Some(message) = self.around.mail.pop() {
            self.message(now, self.around.settings.shard, message, out);
        }
        self.finish_stopping(now, out);
        #[cfg(debug_assertions)]
        self.check_now_and_then();
    }

    /// When the next `Tick` is due, and what for.
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }
}

/// Connections and their requests.
impl Gateway {
    fn opened(&mut self, now: Now, conn: ConnId, peer: PeerInfo, out: &mut Outbox) {
        let broker = self.around.image.broker();
        let refused = match self.stage {
            Stage::Loading | Stage::Serving => local::over_connection_limits(broker, &peer),
            Stage::Stopping(_) | Stage::Drained => Some(CloseReason::Stopping),
        };
        self.connections.insert(conn, Connection::new(peer, broker.socket_request_max_bytes, now.mono));
        match refused {
            Some(reason) => self.close(conn, reason, out),
            None => self.watch_idle(conn, now.mono),
        }
    }

    fn watch_idle(&mut self, conn: ConnId, since: Instant) {
        if let Some(limit) = idle_limit(self.around.image.broker()) {
            self.timers.set(Timer::Idle(conn), since + limit);
        }
    }

    fn received(&mut self, now: Now, conn: ConnId, bytes: Bytes, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.closing {
            return;
        }
        connection.last_active = now.mono;
        if let Err(bad) = connection.received(bytes) {
            let limit = self.around.image.broker().socket_request_max_bytes;
            return self.close(conn, CloseReason::FrameLength { length: bad.0, limit }, out);
        }
        self.advance(now, conn, out);
    }

    fn closed(&mut self, now: Now, conn: ConnId, out: &mut Outbox) {
        let Some(mut connection) = self.connections.remove(&conn) else { return };
        self.timers.clear(Timer::Idle(conn));
        self.timers.clear(Timer::Turn(conn));
        let waiting: Vec<u64> = connection.responses.waiting().map(|(request, _)| request).collect();
        for request in waiting {
            self.timers.clear(Timer::Request(conn, request));
            if let Some(slot) = connection.responses.pending(request) {
                let ask = AskRef { conn, request, part: 0 };
                slot.pending.abandon(&mut self.around.home(now, &connection.peer, ask, slot.version, out));
            }
        }
    }

    /// Sends what may be sent, begins what may begin: an answer that leaves makes room for the next request.
    fn advance(&mut self, now: Now, conn: ConnId, out: &mut Outbox) {
        loop {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            while let Some(pieces) = connection.pop_ready() {
                out.push(Output::Send { conn, pieces });
            }
            if self.stage != Stage::Serving {
                break;
            }
            match connection.next_frame(now.mono) {
                Next::Frame(frame) => self.begin(now, conn, &frame, out),
                Next::Later => {
                    self.timers.set(Timer::Turn(conn), now.mono + NEXT_TURN);
                    break;
                }
                Next::Nothing => break,
            }
        }
        match self.connections.get_mut(&conn).and_then(Connection::reading) {
            Some(Reading::Pause) => out.push(Output::PauseReading { conn }),
            Some(Reading::Resume) => out.push(Output::ResumeReading { conn }),
            None => {}
        }
    }

    fn begin(&mut self, now: Now, conn: ConnId, frame: &Bytes, out: &mut Outbox) {
        let (header, request) = match decode_request(frame, decode_budget(frame.len())) {
            Ok(decoded) if local::is_served(decoded.0.api_key) => decoded,
            Ok((header, _)) => {
                let reason =
                    CloseReason::NotServed { key: header.api_key.number(), version: header.api_version };
                return self.close(conn, reason, out);
            }
            Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, prefix)) => {
                return self.answer_too_new(conn, frame, prefix.correlation_id, out);
            }
            Err(error) => return self.close(conn, local::close_reason(&error), out),
        };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let request_number = connection.responses.next();
        let ask = AskRef { conn, request: request_number, part: 0 };
        let mut home = self.around.home(now, &connection.peer, ask, header.api_version, out);
        home.client_id = header.client_id.unwrap_or_default();
        let (pending, answer) = match request::begin(&mut home, request) {
            Begun::Answer(response) => (request::Pending::Nothing, Some(response)),
            Begun::Pending(pending) => (pending, None),
        };
        connection.begin(Slot {
            key: header.api_key,
            version: header.api_version,
            correlation_id: header.correlation_id,
            frame_bytes: frame.len(),
            pending,
        });
        match answer {
            Some(response) => self.answer(conn, request_number, Progress::Done(response), out),
            None => self.begun(now, conn, request_number, out),
        }
    }

    /// ApiVersions in a version that nobody here knows: only its header could be read.
    fn answer_too_new(&mut self, conn: ConnId, frame: &Bytes, correlation_id: i32, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let request = connection.begin(Slot {
            key: ApiKey::ApiVersions,
            version: 0,
            correlation_id,
            frame_bytes: frame.len(),
            pending: request::Pending::Nothing,
        });
        self.answer(conn, request, Progress::Done(local::api_versions_too_new()), out);
    }

    /// A pending request has its place: it may be complete already, or need a deadline.
    fn begun(&mut self, now: Now, conn: ConnId, request: u64, out: &mut Outbox) {
        self.with_pending(now, conn, request, out, request::Pending::settle);
        let slot =
            self.connections.get_mut(&conn).and_then(|connection| connection.responses.pending(request));
        if let Some(deadline) = slot.and_then(|slot| slot.pending.deadline()) {
            self.timers.set(Timer::Request(conn, request), deadline);
        }
    }

    /// Lets a pending request take a step, and answers it when that was the last.
    fn with_pending(
        &mut self,
        now: Now,
        conn: ConnId,
        request: u64,
        out: &mut Outbox,
        step: impl FnOnce(&mut request::Pending, &mut Home<'_>) -> Progress,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(slot) = connection.responses.pending(request) else { return };
        let ask = AskRef { conn, request, part: 0 };
        let mut home = self.around.home(now, &connection.peer, ask, slot.version, out);
        let progress = step(&mut slot.pending, &mut home);
        self.answer(conn, request, progress, out);
    }

    fn answer(&mut self, conn: ConnId, request: u64, progress: Progress, out: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let answered = match progress {
            Progress::Waits => return,
            Progress::Close(reason) => return self.close(conn, reason, out),
            Progress::Silent => Answered::Silence,
            Progress::Done(response) => {
                let Some(slot) = connection.responses.pending(request) else { return };
                match encode(&response, slot) {
                    Ok(pieces) => Answered::Frame(pieces),
                    Err(reason) => return self.close(conn, reason, out),
                }
            }
        };
        let answered = match answered {
            Answered::Frame(pieces) if is_on(Mutant::AnswersOutOfOrder) => {
                out.push(Output::Send { conn, pieces });
                Answered::Silence
            }
            Answered::Frame(_) | Answered::Silence => answered,
        };
        connection.answer(request, answered);
        self.timers.clear(Timer::Request(conn, request));
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason, out: &mut Outbox) {
        if let Some(connection) = self.connections.get_mut(&conn)
            && !connection.closing
        {
            connection.closing = true;
            self.timers.clear(Timer::Idle(conn));
            out.push(Output::Close { conn, reason });
        }
    }
}

/// Messages, storage, time.
impl Gateway {
    fn message(&mut self, now: Now, from: ShardId, message: ShardMessage, out: &mut Outbox) {
        match message {
            ShardMessage::Ask(ask, question) => {
                self.asked(now, Asker::Client { shard: from, ask }, question, out)
            }
            ShardMessage::Told(ask, answer) => {
                let told = |pending: &mut request::Pending, home: &mut Home<'_>| {
                    pending.told(home, ask.part, answer)
                };
                self.with_pending(now, ask.conn, ask.request, out, told);
                self.advance(now, ask.conn, out);
            }
            ShardMessage::Inquire { ticket, part, question } => {
                self.asked(now, Asker::Inquiry { shard: from, ticket, part }, question, out);
            }
            ShardMessage::Found { ticket, part, answer } => {
                let Around { settings, mail, image, .. } = &mut self.around;
                self.inquiries.told(mail, out, image, settings.shards, (ticket, part), answer);
            }
            ShardMessage::Forget(ask, log) => self.partitions.forget(Asker::Client { shard: from, ask }, log),
            ShardMessage::Loaded { number, image } => self.loaded(now, number, &image, out),
            ShardMessage::Changed { number, records } => self.changed(now, number, &records, out),
            ShardMessage::CoordinatorTold { log, number, answer } => {
                let mut owner = self.around.owner(now, out);
                self.coordinators.told(&mut owner, &mut self.partitions, log, number, answer);
                self.watch_groups();
            }
            ShardMessage::Quiet => self.quiet_elsewhere(),
            ShardMessage::Applied { number } => {
                if let Some(catalogue) = &mut self.catalogue {
                    catalogue.applied(&mut self.around.owner(now, out), number);
                }
            }
        }
    }

    fn asked(&mut self, now: Now, asker: Asker, question: Question, out: &mut Outbox) {
        let mut owner = self.around.owner(now, out);
        match question {
            Question::Partition(log, question) => self.partitions.ask(&mut owner, asker, log, question),
            Question::LogDirs => {
                owner.stores.submit(owner.out, Waiting::LogList(asker), StorageCommand::List)
            }
            Question::Group { log, group, question } => {
                self.coordinators.ask(&mut owner, &mut self.partitions, asker, log, group, *question);
                self.watch_groups();
            }
            Question::CommittedOffsets => {
                owner.tell(asker, Answer::CommittedOffsets(self.coordinators.committed_offsets()));
            }
            Question::Groups => owner.tell(asker, Answer::Groups(self.coordinators.list())),
            Question::Catalogue(question) => match &mut self.catalogue {
                Some(catalogue) => {
                    catalogue.ask(&mut owner, asker, question);
                    self.watch_catalogue();
                }
                None => panic!("shard {} does not own the catalogue", self.around.settings.shard),
            },
        }
    }

    fn stored(
        &mut self,
        now: Now,
        ticket: Ticket,
        outcome: Result<StorageReply, StorageError>,
        out: &mut Outbox,
    ) {
        let Some(waiting) = self.around.stores.take(ticket) else {
            panic!("{ticket:?} was answered twice or never asked");
        };
        let mut owner = self.around.owner(now, out);
        match waiting {
            Waiting::Partition(log, wait) => self.partitions.stored(&mut owner, log, wait, outcome),
            Waiting::Catalogue(wait) => {
                if let Some(catalogue) = &mut self.catalogue {
                    catalogue.stored(&mut owner, wait, outcome);
                }
            }
            Waiting::Upkeep(wait) => self.upkeep.stored(&mut owner, &mut self.partitions, wait, outcome),
            Waiting::LogList(asker) => describe_log_dirs::listed(&mut owner, asker, outcome),
            Waiting::LogVolume(asker, logs) => describe_log_dirs::measured(&mut owner, asker, logs, outcome),
            Waiting::Deletion(log) => {
                if let Err(error) = outcome {
                    owner.note(Level::Warn, format!("log {log} could not be deleted: {error}"));
                }
            }
        }
    }

    /// The whole catalogue, once, at the start.
    fn loaded(&mut self, now: Now, number: u64, image: &Bytes, out: &mut Outbox) {
        match Image::restore(image, self.around.settings.properties.clone()) {
            Ok(image) => self.around.image = image,
            Err(error) => {
                return out.push(Output::Failed { text: format!("the catalogue cannot be read: {error}") });
            }
        }
        if self.stage == Stage::Loading {
            self.stage = Stage::Serving;
        }
        self.timers.set(Timer::Retention, now.mono + retention_interval(self.around.image.broker()));
        self.timers.set(Timer::Cleaner, now.mono + cleaner_backoff(self.around.image.broker()));
        out.push(Output::Ready);
        self.applied(now, number, out);
        self.load_groups(now, out);
        let waiting: Vec<ConnId> = self.connections.keys().copied().collect();
        waiting.into_iter().for_each(|conn| self.advance(now, conn, out));
    }

    fn changed(&mut self, now: Now, number: u64, records: &[CatalogueRecord], out: &mut Outbox) {
        for record in records {
            let deleted = self.around.image.deleted_by(record);
            match self.around.image.apply(record) {
                Ok(gone) => {
                    let mut owner = self.around.owner(now, out);
                    if let Some(topic) = deleted {
                        let (name, id) = (&topic.name, topic.id);
                        self.coordinators.topic_deleted(&mut owner, &mut self.partitions, name, id);
                    }
                    gone.into_iter().for_each(|log| self.partitions.deleted(&mut owner, log));
                }
                Err(error) => {
                    let text = format!("a change of the catalogue cannot be applied: {error}");
                    return out.push(Output::Failed { text });
                }
            }
        }
        self.applied(now, number, out);
        self.load_groups(now, out);
    }

    /// Partitions of the topic of groups may be new here.
    fn load_groups(&mut self, now: Now, out: &mut Outbox) {
        self.coordinators.load(&mut self.around.owner(now, out), &mut self.partitions);
        self.watch_groups();
    }

    fn watch_groups(&mut self) {
        match self.coordinators.next_deadline() {
            Some(at) => self.timers.set(Timer::Groups, at),
            None => self.timers.clear(Timer::Groups),
        }
    }

    fn applied(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let owner = self.around.owner(now, out);
        owner.mail.send(owner.out, ShardId(0), ShardMessage::Applied { number });
    }

    fn tick(&mut self, now: Now, out: &mut Outbox) {
        while let Some(timer) = self.timers.pop_due(now.mono) {
            match timer {
                Timer::Request(conn, request) => {
                    self.with_pending(now, conn, request, out, request::Pending::expire);
                    self.advance(now, conn, out);
                }
                Timer::Turn(conn) => self.advance(now, conn, out),
                Timer::Idle(conn) => self.idle(now, conn, out),
                Timer::Cleaner => {
                    self.upkeep.cleaner.look(&mut self.around.owner(now, out), &mut self.partitions);
                    self.timers.set(Timer::Cleaner, now.mono + cleaner_backoff(self.around.image.broker()));
                }
                Timer::Catalogue => {
                    if let Some(catalogue) = &mut self.catalogue {
                        catalogue.expire(&mut self.around.owner(now, out));
                        self.watch_catalogue();
                    }
                }
                Timer::Groups => {
                    self.coordinators.tick(&mut self.around.owner(now, out), &mut self.partitions);
                    self.watch_groups();
                }
                Timer::Retention => {
                    let round =
                        self.upkeep.retention.step(&mut self.around.owner(now, out), &mut self.partitions);
                    let pause = match round {
                        Round::Goes => UPKEEP_PAUSE,
                        Round::Over => retention_interval(self.around.image.broker()),
                    };
                    self.timers.set(Timer::Retention, now.mono + pause);
                }
            }
        }
    }

    fn watch_catalogue(&mut self) {
        if let Some(at) = self.catalogue.as_ref().and_then(CatalogueOwner::next_deadline) {
            self.timers.set(Timer::Catalogue, at);
        }
    }

    fn idle(&mut self, now: Now, conn: ConnId, out: &mut Outbox) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let Some(limit) = idle_limit(self.around.image.broker()) else { return };
        let until = connection.last_active + limit;
        if until > now.mono || connection.is_busy() {
            self.timers.set(Timer::Idle(conn), until.max(now.mono + Duration::from_secs(1)));
        } else {
            self.close(conn, CloseReason::Idle, out);
        }
    }

    /// What is accepted is answered; the rest is not begun.
    fn stop(&mut self, now: Now, out: &mut Outbox) {
        if matches!(self.stage, Stage::Stopping(_) | Stage::Drained) {
            return;
        }
        self.stage = Stage::Stopping(Stopping { quiet: self.quiet_early, ..Stopping::default() });
        // Parked fetches would keep the node for as long as their clients like.
        let parked = self.timers.keys().filter_map(|timer| match timer {
            Timer::Request(conn, request) => Some((conn, request)),
            Timer::Turn(_)
            | Timer::Idle(_)
            | Timer::Catalogue
            | Timer::Retention
            | Timer::Cleaner
            | Timer::Groups => None,
        });
        for (conn, request) in parked.collect::<Vec<_>>() {
            self.with_pending(now, conn, request, out, request::Pending::hurry);
            self.advance(now, conn, out);
        }
        self.coordinators.stop(&mut self.around.owner(now, out), &mut self.partitions);
        self.watch_groups();
        self.timers.clear(Timer::Retention);
        self.timers.clear(Timer::Cleaner);
    }

    /// Another shard has answered all its clients; it may have been asked to stop before this one.
    fn quiet_elsewhere(&mut self) {
        match &mut self.stage {
            Stage::Stopping(stopping) => stopping.quiet += 1,
            Stage::Loading | Stage::Serving => self.quiet_early += 1,
            Stage::Drained => panic!("a shard became quiet after all were"),
        }
    }

    /// Goes the steps of a stop as they become possible: own clients answered; no shard asks any more; partitions saved;
    /// the engine has answered everything.
    fn finish_stopping(&mut self, now: Now, out: &mut Outbox) {
        let Stage::Stopping(mut stopping) = self.stage else { return };
        let shards = self.around.settings.shards;
        let answered = self.connections.values().all(|connection| connection.responses.is_empty());
        let unchanging = self.catalogue.as_ref().is_none_or(CatalogueOwner::is_at_rest);
        if !stopping.said_quiet && answered && unchanging {
            stopping.said_quiet = true;
            stopping.quiet += 1;
            let own = self.around.settings.shard;
            for shard in (0..shards).map(ShardId).filter(|shard| *shard != own) {
                self.around.mail.send(out, shard, ShardMessage::Quiet);
            }
        }
        let asked_no_more = stopping.quiet == shards && self.around.stores.is_empty();
        self.stage = Stage::Stopping(stopping);
        if asked_no_more && stopping.saved {
            self.stage = Stage::Drained;
            out.push(Output::Drained);
        } else if asked_no_more {
            self.stage = Stage::Stopping(Stopping { saved: true, ..stopping });
            self.partitions.snapshot_all(&mut self.around.owner(now, out));
            self.finish_stopping(now, out);
        }
    }
}

/// `connections.max.idle.ms`; none when it is negative.
fn idle_limit(broker: &BrokerConfig) -> Option<Duration> {
    u64::try_from(broker.connections_max_idle_ms).ok().map(Duration::from_millis)
}

/// `log.retention.check.interval.ms`.
fn retention_interval(broker: &BrokerConfig) -> Duration {
    Duration::from_millis(u64::try_from(broker.log_retention_check_interval_ms).unwrap_or(u64::MAX))
}

/// `log.cleaner.backoff.ms`.
fn cleaner_backoff(broker: &BrokerConfig) -> Duration {
    Duration::from_millis(u64::try_from(broker.log_cleaner_backoff_ms).unwrap_or(u64::MAX))
}

/// What the arrays of a request may take in memory: tiny elements grow by about this much.
fn decode_budget(frame: usize) -> usize {
    frame.saturating_mul(64).saturating_add(4096).min(frame.saturating_add(256 << 20))
}

fn encode(response: &Response, slot: &Slot) -> Result<Pieces, CloseReason> {
    encode_response(response, slot.correlation_id, slot.version)
        .map_err(|error| CloseReason::Unencodable(format!("{error}")))
}
