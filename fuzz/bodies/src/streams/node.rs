//! A node: machines, engines, clients, time.

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::gateway::Gateway;
use kelpgate_core::ids::{ConnId, ShardId};
use kelpgate_core::machine::{Input, Others, Outbox, Output, PeerInfo};
use kelpgate_core::protocol::wire::{Source, UnknownTags};
use kelpgate_core::protocol::{ApiKey, Request, RequestHeader, encode_request};
use kelpgate_core::settings::Settings;
use kelpgate_core::storage::StorageError;
use kelpgate_core::time::{Instant, Now, WallTime};

use super::client::{Client, Due, FRAME_MAX};
use super::engine::Engine;
use super::operations::{Operation, Time};

/// The clock at the start.
const START: u64 = 1_000_000_000;
/// Ticks until time has passed on.
const DUE_AT_ONCE: usize = 10_000;
/// Longer than anything but a fetch or a group lets a client wait.
const QUIET: Duration = Duration::from_secs(300);
/// Connections at a time.
const CLIENTS: usize = 6;

/// A node and everything around it.
pub struct Node {
    shards: Vec<Shard>,
    /// Whether the engine answers at once.
    prompt: bool,
    now: Now,
    clients: BTreeMap<ConnId, Client>,
    next_conn: u64,
    correlation_id: i32,
}

struct Shard {
    gateway: Gateway,
    outbox: Outbox,
    engine: Engine,
    drained: bool,
}

impl Node {
    /// A node that has loaded its catalogue.
    pub fn new(shards: u16, prompt: bool) -> Node {
        let mut node = Node {
            shards: Vec::new(),
            prompt,
            now: Now { mono: Instant(START), wall: WallTime(1_700_000_000_000) },
            clients: BTreeMap::new(),
            next_conn: 0,
            correlation_id: 0,
        };
        node.start((0..shards).map(|_| Engine::default()).collect());
        node
    }

    fn start(&mut self, engines: Vec<Engine>) {
        let shards = engines.len() as u16;
        for (shard, engine) in (0..shards).zip(engines) {
            let mut outbox = Outbox::default();
            let gateway = Gateway::new(settings(shard, shards), self.now, &mut outbox);
            self.shards.push(Shard { gateway, outbox, engine, drained: false });
        }
        self.answer_all();
    }

    pub fn act(&mut self, operation: Operation<'_>) {
        self.advance(Duration::from_nanos(1));
        match operation {
            Operation::Connect { shard } => self.connect(usize::from(shard) % self.shards.len()),
            Operation::Raw { conn, bytes } => self.send(conn, bytes),
            Operation::Frame { conn, key, version, body } => self.send_body(conn, key, version, body),
            Operation::Random { conn, key, version, seed } => {
                let (key, version) = api(key, version);
                let request = Request::generate(key, version, &mut Source::new(u64::from(seed)));
                self.send_request(conn, version, &request);
            }
            Operation::Likely { conn, version, request } => {
                let request = request.request();
                let versions: Vec<i16> = request.api_key().versions().iter().collect();
                self.send_request(conn, versions[usize::from(version) % versions.len()], &request);
            }
            Operation::Arrive { conn, bytes } => self.arrive(conn, usize::from(bytes)),
            Operation::ArriveAll { conn, pieces } => {
                let pieces = usize::from(pieces).max(1);
                let sent = self.client(conn).map_or(0, |(_, client)| client.sent.len());
                // Requests of one connection begin in turns.
                for _ in 0..sent.div_ceil(pieces).min(1000) {
                    self.arrive(conn, pieces);
                    self.advance(Duration::from_nanos(1));
                    self.tick_due();
                }
            }
            Operation::Take { conn, bytes } => self.take(conn, usize::from(bytes)),
            Operation::HangUp { conn } => {
                if let Some((conn, _)) = self.client(conn) {
                    self.gone(conn);
                }
            }
            Operation::Engine { shard, answers } => {
                let shard = usize::from(shard) % self.shards.len();
                (0..answers).take_while(|_| self.let_go(shard)).for_each(drop);
                self.settle();
            }
            Operation::Appends { fail, full } => {
                let error = if full { StorageError::Full } else { StorageError::Other("broken".into()) };
                let error = fail.then_some(error);
                self.shards.iter_mut().for_each(|shard| shard.engine.fail_appends.clone_from(&error));
            }
            Operation::Pass(time) => self.pass(match time {
                Time::Milliseconds(count) => Duration::from_millis(count.into()),
                Time::Seconds(count) => Duration::from_secs(count.into()),
                Time::Minutes(count) => Duration::from_secs(60 * u64::from(count)),
            }),
            Operation::Crash => self.crash(),
        }
    }

    fn connect(&mut self, shard: usize) {
        if self.clients.len() >= CLIENTS {
            return;
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let others = self.clients.len();
        self.clients.insert(conn, Client::new(shard));
        let peer = PeerInfo {
            peer: format!("10.0.0.1:{}", 1000 + conn.0),
            local: "127.0.0.1:9092".into(),
            listener: 0,
            others: Others { all: others, same_address: others },
        };
        self.input(shard, Input::Opened { conn, peer });
    }

    fn client(&mut self, place: u8) -> Option<(ConnId, &mut Client)> {
        let count = self.clients.len().max(1);
        self.clients.iter_mut().nth(usize::from(place) % count).map(|(conn, client)| (*conn, client))
    }

    fn send(&mut self, conn: u8, bytes: &[u8]) {
        if self.clients.is_empty() {
            self.connect(0);
        }
        if let Some((_, client)) = self.client(conn) {
            client.sent.extend(bytes);
        }
    }

    fn header(&mut self, api_key: ApiKey, api_version: i16) -> RequestHeader {
        self.correlation_id += 1;
        RequestHeader {
            api_key,
            api_version,
            correlation_id: self.correlation_id,
            client_id: Some("c".into()),
            unknown_tags: UnknownTags::NONE,
        }
    }

    /// Sends a request if the version can carry it.
    fn send_request(&mut self, conn: u8, version: i16, request: &Request) {
        let header = self.header(request.api_key(), version);
        if let Ok(frame) = encode_request(&header, request) {
            self.send(conn, &frame.concat());
        }
    }

    fn send_body(&mut self, conn: u8, key: u8, version: u8, body: &[u8]) {
        let (key, version) = api(key, version);
        self.correlation_id += 1;
        let mut frame = [key.number().to_be_bytes(), version.to_be_bytes()].concat();
        frame.extend_from_slice(&self.correlation_id.to_be_bytes());
        frame.extend_from_slice(&[0, 1, b'c']);
        if key.is_flexible(version) {
            frame.push(0);
        }
        frame.extend_from_slice(body);
        self.send(conn, &(frame.len() as u32).to_be_bytes());
        self.send(conn, &frame);
    }

    fn arrive(&mut self, conn: u8, most: usize) {
        let Some((conn, client)) = self.client(conn) else { return };
        let shard = client.shard;
        if let Some(bytes) = client.arrive(most) {
            self.input(shard, Input::Received { conn, bytes });
        }
    }

    fn take(&mut self, conn: u8, most: usize) {
        let Some((conn, client)) = self.client(conn) else { return };
        let bytes = most.min(client.untaken);
        client.untaken -= bytes;
        let (shard, over) = (client.shard, client.closing && client.untaken == 0);
        if bytes > 0 {
            self.input(shard, Input::Flushed { conn, bytes });
        }
        if over {
            self.gone(conn);
        }
    }

    fn gone(&mut self, conn: ConnId) {
        if let Some(client) = self.clients.remove(&conn) {
            self.input(client.shard, Input::Closed { conn });
        }
    }

    fn crash(&mut self) {
        self.clients.clear();
        let shards = std::mem::take(&mut self.shards);
        let engines = shards.into_iter().map(|shard| {
            let mut engine = shard.engine;
            engine.fail_appends = None;
            while engine.answer().is_some() {}
            engine
        });
        self.start(engines.collect());
    }

    fn advance(&mut self, by: Duration) {
        self.now.mono = self.now.mono + by;
        self.now.wall.0 = 1_700_000_000_000 + ((self.now.mono.0 - START) / 1_000_000) as i64;
    }

    fn deadline(&self) -> Option<Instant> {
        self.shards.iter().filter_map(|shard| shard.gateway.next_deadline()).map(|(at, _)| at).min()
    }

    /// Lets time pass to each deadline in turn.
    fn pass(&mut self, by: Duration) {
        let end = self.now.mono + by;
        while let Some(next) = self.deadline().filter(|at| *at <= end) {
            self.advance(Duration::from_nanos(next.0.saturating_sub(self.now.mono.0)));
            self.tick_due();
        }
        self.advance(Duration::from_nanos(end.0.saturating_sub(self.now.mono.0)));
    }

    /// Does what is due now.
    fn tick_due(&mut self) {
        for _ in 0..DUE_AT_ONCE {
            let now = self.now.mono;
            let due = |shard: &Shard| shard.gateway.next_deadline().is_some_and(|(at, _)| at <= now);
            let Some(shard) = self.shards.iter().position(due) else { return };
            self.input(shard, Input::Tick);
        }
        panic!("something stays due");
    }

    fn input(&mut self, shard: usize, input: Input) {
        let Shard { gateway, outbox, .. } = &mut self.shards[shard];
        gateway.handle(self.now, input, outbox);
        self.settle();
        self.shards.iter().for_each(|shard| shard.gateway.check_invariants());
    }

    /// Carries out everything but what the engine and the clients take their time for.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for shard in 0..self.shards.len() {
                while let Some(output) = self.shards[shard].outbox.pop() {
                    quiet = false;
                    self.output(shard, output);
                }
                if self.prompt {
                    quiet &= !self.let_go(shard);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets go one answer of a shard's engine.
    fn let_go(&mut self, shard: usize) -> bool {
        let Shard { gateway, outbox, engine, .. } = &mut self.shards[shard];
        let Some((ticket, outcome)) = engine.answer() else { return false };
        gateway.handle(self.now, Input::Stored { ticket, outcome }, outbox);
        true
    }

    /// Lets the engines answer all that they are asked.
    fn answer_all(&mut self) {
        self.settle();
        while (0..self.shards.len()).any(|shard| self.let_go(shard)) {
            self.settle();
        }
    }

    fn output(&mut self, shard: usize, output: Output) {
        match output {
            Output::Send { conn, pieces } => self.known(conn, |client| client.receive(&pieces)),
            Output::PauseReading { conn } => self.known(conn, |client| client.paused = true),
            Output::ResumeReading { conn } => self.known(conn, |client| client.paused = false),
            Output::Close { conn, reason } => {
                self.known(conn, |client| client.closed_by(&reason));
                if self.clients.get(&conn).is_some_and(|client| client.untaken == 0) {
                    self.clients.remove(&conn);
                    let Shard { gateway, outbox, .. } = &mut self.shards[shard];
                    gateway.handle(self.now, Input::Closed { conn }, outbox);
                }
            }
            Output::Store { ticket, command } => self.shards[shard].engine.submit(ticket, command),
            Output::ToShard { to, message } => {
                let from = ShardId(shard as u16);
                let Shard { gateway, outbox, .. } = &mut self.shards[usize::from(to.0)];
                gateway.handle(self.now, Input::FromShard { from, message }, outbox);
            }
            Output::Drained => self.shards[shard].drained = true,
            Output::Failed { text } => panic!("the machine cannot go on: {text}"),
            Output::Answer { ticket, .. } => panic!("nobody asked {ticket:?}"),
            Output::Note { .. } | Output::Ready => {}
        }
    }

    /// A client may have hung up a moment ago, which the machine has not been told when it said this.
    fn known(&mut self, conn: ConnId, tell: impl FnOnce(&mut Client)) {
        if let Some(client) = self.clients.get_mut(&conn) {
            tell(client);
        }
    }

    /// Everything heals and arrives, and the node is asked to stop.
    pub fn end(&mut self) {
        self.prompt = true;
        self.shards.iter_mut().for_each(|shard| shard.engine.fail_appends = None);
        self.settle();
        self.deliver();
        self.pass(QUIET);
        self.deliver();
        self.clients.values().for_each(Client::check_quiet);
        // Whoever waits at the head of a connection has been accepted and is owed an answer; what is behind may not be.
        let waiting: Vec<(ConnId, Due)> =
            self.clients.iter().filter_map(|(conn, client)| Some((*conn, *client.due.front()?))).collect();
        for shard in 0..self.shards.len() {
            self.input(shard, Input::Stop);
        }
        self.deliver();
        self.pass(QUIET);
        for (conn, due) in waiting {
            let client = self.clients.get(&conn).filter(|client| !client.closing);
            let first = client.and_then(|client| client.due.front());
            assert!(first != Some(&due), "{due:?} is not answered by a node that stops");
        }
        assert!(self.shards.iter().all(|shard| shard.drained), "the node never stops");
    }

    /// What was sent arrives, and what was answered is taken.
    fn deliver(&mut self) {
        loop {
            let busy: Vec<ConnId> = (self.clients.iter())
                .filter(|(_, client)| {
                    client.untaken > 0 || !(client.sent.is_empty() || client.paused || client.closing)
                })
                .map(|(conn, _)| *conn)
                .collect();
            if busy.is_empty() {
                return;
            }
            for conn in busy {
                let Some(place) = self.clients.keys().position(|known| *known == conn) else { continue };
                self.take(place as u8, usize::MAX);
                if self.clients.contains_key(&conn) {
                    self.arrive(place as u8, usize::MAX);
                }
                self.advance(Duration::from_nanos(1));
                self.tick_due();
            }
        }
    }
}

/// A key and one of its versions, or the one after its last.
fn api(key: u8, version: u8) -> (ApiKey, i16) {
    let key = ApiKey::ALL[usize::from(key) % ApiKey::ALL.len()];
    let versions = key.versions();
    let count = versions.iter().count() + 1;
    (key, versions.first + (usize::from(version) % count) as i16)
}

fn settings(shard: u16, shards: u16) -> Settings {
    let properties = [
        ("socket.request.max.bytes", FRAME_MAX.to_string()),
        ("offsets.topic.num.partitions", "2".to_string()),
        ("group.initial.rebalance.delay.ms", "10".to_string()),
        ("kelpgate.group.initial.rebalance.quiet.ms", "5".to_string()),
        ("connections.max.idle.ms", "900000".to_string()),
    ];
    Settings {
        shard: ShardId(shard),
        shards,
        advertised: vec![("127.0.0.1".into(), 9092)],
        log_dir: "/data".into(),
        properties: properties.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
        seed: [shard as u8 + 1; 32],
    }
}
