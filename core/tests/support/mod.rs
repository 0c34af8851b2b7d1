//! A world for conversations with the machine: clients on one side, an engine in memory on the other, time by hand.

pub mod engine;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use engine::Engine;
use kelpgate_core::gateway::Gateway;
use kelpgate_core::ids::{ConnId, ShardId, Ticket};
use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::machine::{CloseReason, Input, Others, Outbox, Output, PeerInfo};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use kelpgate_core::protocol::{ApiKey, Request, RequestHeader, Response, decode_response, encode_request};
use kelpgate_core::record::{BatchBuilder, BatchFields};
use kelpgate_core::settings::Settings;
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::uuid::Uuid;

/// What a decoded answer may take.
const BUDGET: usize = 16 << 20;

pub struct World {
    shards: Vec<Shard>,
    now: Now,
    conns: BTreeMap<ConnId, Client>,
    next_conn: u64,
    told: Option<AdminAnswer>,
    /// Whether answers of the engine are let go at once.
    pub engine_answers: bool,
    /// Messages between shards.
    pub messages: usize,
    /// What the calls of the machine took on this computer.
    pub calls: Calls,
    /// Whether all invariants are looked at after each input.
    pub checks: bool,
}

/// Time spent in [`Gateway::handle`].
#[derive(Clone, Copy, Default)]
pub struct Calls {
    pub total: Duration,
    pub longest: Duration,
}

struct Shard {
    gateway: Gateway,
    outbox: Outbox,
    engine: Engine,
    drained: bool,
}

struct Client {
    shard: usize,
    asked: VecDeque<(ApiKey, i16)>,
    received: Vec<u8>,
    paused: bool,
    closed: Option<CloseReason>,
    next_correlation: i32,
}

impl World {
    /// A node of so many shards that has loaded its catalogue.
    pub fn new(shards: u16) -> World {
        World::with(shards, &[], Vec::new())
    }

    /// The same on the engines of an earlier world, with these broker properties.
    pub fn with(shards: u16, properties: &[(&str, &str)], engines: Vec<Engine>) -> World {
        let now = Now { mono: Instant(1_000_000_000), wall: WallTime(1_700_000_000_000) };
        let mut engines = engines.into_iter();
        let mut world = World {
            shards: Vec::new(),
            now,
            conns: BTreeMap::new(),
            next_conn: 0,
            told: None,
            engine_answers: true,
            messages: 0,
            calls: Calls::default(),
            checks: true,
        };
        for shard in 0..shards {
            let settings = Settings {
                shard: ShardId(shard),
                shards,
                advertised: vec![("127.0.0.1".into(), 9092)],
                log_dir: "/data".into(),
                properties: properties
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .collect(),
                seed: [shard as u8 + 1; 32],
            };
            let mut outbox = Outbox::default();
            let gateway = Gateway::new(settings, now, &mut outbox);
            let engine = engines.next().unwrap_or_default();
            world.shards.push(Shard { gateway, outbox, engine, drained: false });
        }
        world.settle();
        world.go_on();
        world
    }

    /// The engines, for a restart.
    pub fn into_engines(self) -> Vec<Engine> {
        self.shards.into_iter().map(|shard| shard.engine).collect()
    }

    pub fn engine(&mut self, shard: usize) -> &mut Engine {
        &mut self.shards[shard].engine
    }

    /// A client whose connection is read by this shard.
    pub fn connect(&mut self, shard: usize) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let client = Client {
            shard,
            asked: VecDeque::new(),
            received: Vec::new(),
            paused: false,
            closed: None,
            next_correlation: 0,
        };
        self.conns.insert(conn, client);
        let peer = PeerInfo {
            peer: format!("10.0.0.1:{}", 1000 + conn.0),
            local: "127.0.0.1:9092".into(),
            listener: 0,
            others: Others { all: self.conns.len() - 1, same_address: self.conns.len() - 1 },
        };
        self.input(shard, Input::Opened { conn, peer });
        conn
    }

    /// Sends a request; its answer comes with [`World::receive`].
    pub fn send(&mut self, conn: ConnId, version: i16, request: impl Into<Request>) {
        let frame = self.frame(conn, version, request.into());
        self.send_bytes(conn, &frame);
    }

    /// Sends requests so that they arrive together.
    pub fn send_together(&mut self, conn: ConnId, version: i16, requests: Vec<Request>) {
        let frames = requests.into_iter().map(|request| self.frame(conn, version, request));
        let bytes = frames.collect::<Vec<_>>().concat();
        self.send_bytes(conn, &bytes);
    }

    fn frame(&mut self, conn: ConnId, version: i16, request: Request) -> Bytes {
        let client = self.conns.get_mut(&conn).unwrap();
        let header = RequestHeader {
            api_key: request.api_key(),
            api_version: version,
            correlation_id: client.next_correlation,
            client_id: Some("test".into()),
            unknown_tags: Default::default(),
        };
        client.next_correlation += 1;
        let silent = matches!(&request, Request::Produce(produce) if produce.acks == 0);
        if !silent {
            client.asked.push_back((request.api_key(), version));
        }
        encode_request(&header, &request).unwrap().concat()
    }

    /// Sends bytes as they are, in a turn of their own.
    pub fn send_bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        let shard = self.conns[&conn].shard;
        self.now.mono = self.now.mono + Duration::from_nanos(1);
        self.input(shard, Input::Received { conn, bytes: Bytes::copy_from_slice(bytes) });
        self.settle();
    }

    /// The next answer, if it is there.
    pub fn receive(&mut self, conn: ConnId) -> Option<Response> {
        let client = self.conns.get_mut(&conn).unwrap();
        let length = i32::from_be_bytes(*client.received.first_chunk::<4>()?) as usize;
        let frame: Vec<u8> = client.received.drain(..4 + length).collect();
        let (key, version) = client.asked.pop_front().expect("an answer that nobody asked for");
        let (_, response) = decode_response(&Bytes::from(frame).slice(4..), key, version, BUDGET).unwrap();
        Some(response)
    }

    /// Sends and receives.
    pub fn ask(&mut self, conn: ConnId, version: i16, request: impl Into<Request>) -> Response {
        self.send(conn, version, request);
        self.receive(conn).expect("an answer at once")
    }

    /// Asks as the node's administrator.
    #[allow(dead_code, reason = "not every test that includes this asks")]
    pub fn inquire(&mut self, shard: usize, question: AdminQuestion) -> AdminAnswer {
        self.input(shard, Input::Asked { ticket: Ticket(77), question });
        self.settle();
        self.told.take().expect("an answer")
    }

    /// The id of a topic.
    pub fn topic_id(&mut self, conn: ConnId, name: &str) -> Uuid {
        let topics = vec![MetadataRequestTopic { name: Some(name.into()), ..Default::default() }];
        let request = MetadataRequest { topics: Some(topics), ..Default::default() };
        let Response::Metadata(response) = self.ask(conn, 12, request) else { panic!() };
        response.topics[0].topic_id
    }

    /// Why the connection was closed, if it was.
    pub fn closed(&self, conn: ConnId) -> Option<&CloseReason> {
        self.conns[&conn].closed.as_ref()
    }

    /// Whether the machine wants this connection read.
    pub fn is_read(&self, conn: ConnId) -> bool {
        !self.conns[&conn].paused
    }

    /// Lets time pass and everything happen that is due.
    pub fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall.0 += time.as_millis() as i64;
        for shard in 0..self.shards.len() {
            self.input(shard, Input::Tick);
        }
        self.settle();
        self.go_on();
    }

    /// Lets one turn go by: what was to go on in the next one does.
    pub fn turn(&mut self) {
        self.now.mono = self.now.mono + Duration::from_nanos(1);
        for shard in 0..self.shards.len() {
            self.input(shard, Input::Tick);
        }
        self.settle();
    }

    /// Lets turns go by until nothing is due any more.
    fn go_on(&mut self) {
        let next = |world: &World| {
            world.shards.iter().filter_map(|shard| shard.gateway.next_deadline()).map(|(at, _)| at).min()
        };
        while next(self).is_some_and(|at| at <= self.now.mono + Duration::from_nanos(1)) {
            self.turn();
        }
    }

    /// Lets everything happen that can: messages between shards, and the engine if it answers.
    pub fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for shard in 0..self.shards.len() {
                while let Some(output) = self.shards[shard].outbox.pop() {
                    quiet = false;
                    self.output(shard, output);
                }
                if self.engine_answers {
                    quiet &= !self.let_go(shard);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets go one answer of the engine.
    pub fn let_go(&mut self, shard: usize) -> bool {
        let Some((ticket, outcome)) = self.shards[shard].engine.answer() else { return false };
        self.input(shard, Input::Stored { ticket, outcome });
        true
    }

    /// Asks all shards to stop, and lets them do so.
    pub fn stop(&mut self) {
        self.stop_at_once();
        self.go_on();
    }

    /// Asks all shards to stop; no turn has gone by yet.
    pub fn stop_at_once(&mut self) {
        for shard in 0..self.shards.len() {
            self.input(shard, Input::Stop);
        }
        self.settle();
    }

    pub fn is_drained(&self) -> bool {
        self.shards.iter().all(|shard| shard.drained)
    }

    /// The machine of a shard, to be looked at.
    #[allow(dead_code, reason = "not every test that includes this looks")]
    pub fn gateway(&self, shard: usize) -> &Gateway {
        &self.shards[shard].gateway
    }

    fn input(&mut self, shard: usize, input: Input) {
        let Shard { gateway, outbox, .. } = &mut self.shards[shard];
        let began = std::time::Instant::now();
        gateway.handle(self.now, input, outbox);
        let took = began.elapsed();
        self.calls.total += took;
        self.calls.longest = self.calls.longest.max(took);
        if self.checks {
            gateway.check_invariants();
        }
    }

    fn output(&mut self, shard: usize, output: Output) {
        match output {
            Output::Send { conn, pieces } => self.sent(shard, conn, &pieces),
            Output::PauseReading { conn } => self.conns.get_mut(&conn).unwrap().paused = true,
            Output::ResumeReading { conn } => self.conns.get_mut(&conn).unwrap().paused = false,
            Output::Close { conn, reason } => {
                self.conns.get_mut(&conn).unwrap().closed = Some(reason);
                self.input(shard, Input::Closed { conn });
            }
            Output::Store { ticket, command } => self.shards[shard].engine.submit(ticket, command),
            Output::ToShard { to, message } => {
                self.messages += 1;
                self.input(usize::from(to.0), Input::FromShard { from: ShardId(shard as u16), message });
            }
            Output::Drained => self.shards[shard].drained = true,
            Output::Failed { text } => panic!("the machine cannot go on: {text}"),
            Output::Answer { ticket: Ticket(77), answer } => self.told = Some(answer),
            Output::Answer { ticket, .. } => panic!("nobody asked {ticket:?}"),
            Output::Note { .. } | Output::Ready => {}
        }
    }

    fn sent(&mut self, shard: usize, conn: ConnId, pieces: &Pieces) {
        let client = self.conns.get_mut(&conn).unwrap();
        pieces.iter().for_each(|piece| client.received.extend_from_slice(piece));
        self.input(shard, Input::Flushed { conn, bytes: pieces.len() });
    }
}

/// A batch of these values, as a producer without an id sends it.
pub fn batch(values: &[&str]) -> Bytes {
    batch_of(BatchFields::default(), values)
}

/// A batch of an idempotent producer.
pub fn batch_from(producer_id: i64, base_sequence: i32, values: &[&str]) -> Bytes {
    batch_of(BatchFields { producer_id, producer_epoch: 0, base_sequence, ..Default::default() }, values)
}

fn batch_of(fields: BatchFields, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(fields);
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap()
}
