//! A node whose shards are recorded, in one thread: files are real, the clock and the clients are ours, so that the same
//! test gives the same recording.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{
    ApiKey, ErrorCode, Request, RequestHeader, Response, decode_response, encode_request,
};
use kelpgate_core::record::{BatchBuilder, BatchFields};
use kelpgate_core::settings::Settings;
use kelpgate_core::shard_message::ShardMessage;
use kelpgate_files::Files;
use kelpgate_log::LogConfig;
use kelpgate_recording::{Limits, Origin, Recorder, Recording};
use kelpgate_shard::{Action, ConnId, Drive, Event, Instant, Now, Others, Shard, ShardId, WallTime};
use tempfile::TempDir;

/// A recorded shard, however it is wrapped.
pub type Driven = Box<dyn Drive<Message = ShardMessage>>;

/// A client's connection: the shard that reads it, and its number there.
pub type Conn = (usize, ConnId);

pub struct Node {
    shards: Vec<Driven>,
    files: Files,
    pub now: Now,
    inbox: Vec<VecDeque<Event<ShardMessage>>>,
    asked: BTreeMap<Conn, VecDeque<(ApiKey, i16)>>,
    received: BTreeMap<Conn, Vec<u8>>,
    pub log: Vec<String>,
    last_conn: u64,
    recording: Option<Recording>,
    pub folder: TempDir,
}

impl Node {
    pub fn start(shards: u16, limits: Limits) -> Node {
        Node::start_with(shards, limits, |_| {}, |shard| Box::new(shard))
    }

    /// A node of shards that are made of what `tune` leaves of the usual, and wrapped.
    pub fn start_with(
        shards: u16,
        limits: Limits,
        tune: impl Fn(&mut Origin),
        wrap: impl Fn(Recorder<Shard>) -> Driven,
    ) -> Node {
        Node::record(shards, limits, tune, |recording, origin| {
            wrap(Recorder::new(recording.pen(), origin, origin.shard()))
        })
    }

    pub fn record(
        shards: u16,
        limits: Limits,
        tune: impl Fn(&mut Origin),
        make: impl Fn(&Recording, &Origin) -> Driven,
    ) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let started = kelpgate_files::run_recovery(&data, 5).unwrap();
        let epoch = started.recovered.boot.epoch;
        let recording = Recording::start(&folder.path().join("recordings"), epoch, shards, limits).unwrap();
        let one = |shard| {
            let mut origin = Origin {
                program: "test".into(),
                settings: Settings {
                    shard: ShardId(shard),
                    shards,
                    advertised: vec![("localhost".into(), 9092)],
                    log_dir: "/data".into(),
                    properties: [("offsets.topic.num.partitions".to_owned(), "3".to_owned())].into(),
                    seed: [shard as u8 + 1; 32],
                },
                log: LogConfig::new(ShardId(shard), shards, started.recovered.boot),
                recovered: Vec::new(),
            };
            tune(&mut origin);
            make(&recording, &origin)
        };
        let shards: Vec<Driven> = (0..shards).map(one).collect();
        let mut node = Node {
            inbox: shards.iter().map(|_| VecDeque::from([Event::Tick])).collect(),
            shards,
            files: Files::new(data),
            now: Now { mono: Instant(1_000_000_000), wall: WallTime(1_700_000_000_000) },
            asked: BTreeMap::new(),
            received: BTreeMap::new(),
            log: Vec::new(),
            last_conn: 0,
            recording: Some(recording),
            folder,
        };
        node.settle();
        node
    }

    /// Where recordings are.
    #[allow(dead_code, reason = "not every suite asks")]
    pub fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// The shards go, and the recording is finished; the node's folder is given back.
    pub fn end(mut self) -> TempDir {
        self.shards.clear();
        if let Some(recording) = self.recording.take() {
            recording.finish();
        }
        self.folder
    }

    /// As [`Node::end`] for a process that is killed: nobody says that it ends.
    #[allow(dead_code, reason = "not every suite kills it")]
    pub fn kill(mut self) -> TempDir {
        for shard in &mut self.shards {
            // The buffer is old enough to be handed over.
            self.now.mono = self.now.mono + Duration::from_secs(1);
            shard.end_turn(self.now, &mut Vec::new());
        }
        self.die()
    }

    /// Everything stops where it is.
    #[allow(dead_code, reason = "not every suite lets it die")]
    pub fn die(mut self) -> TempDir {
        std::mem::forget(std::mem::take(&mut self.shards));
        std::thread::sleep(Duration::from_millis(300));
        std::mem::forget(self.recording.take());
        self.folder
    }

    /// What a dying process does last.
    #[allow(dead_code, reason = "not every suite lets it die")]
    pub fn rescue(&self) {
        if let Some(recording) = &self.recording {
            recording.pen().rescue();
        }
    }

    pub fn connect(&mut self, shard: usize) -> Conn {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.inbox[shard].push_back(Event::Opened {
            conn,
            peer: format!("10.0.0.1:{}", 1000 + conn.0),
            local: "10.0.0.2:9092".into(),
            listener: 0,
            others: Others { all: self.last_conn as usize - 1, same_address: 0 },
        });
        self.settle();
        (shard, conn)
    }

    pub fn send(&mut self, to: Conn, version: i16, request: impl Into<Request>) {
        let request = request.into();
        let asked = self.asked.entry(to).or_default();
        let header = RequestHeader {
            api_key: request.api_key(),
            api_version: version,
            correlation_id: 7,
            client_id: Some("test".into()),
            unknown_tags: Default::default(),
        };
        asked.push_back((request.api_key(), version));
        let bytes = encode_request(&header, &request).unwrap().concat();
        self.inbox[to.0].push_back(Event::Received { conn: to.1, bytes });
        self.settle();
    }

    pub fn receive(&mut self, from: Conn) -> Option<Response> {
        let received = self.received.get_mut(&from)?;
        let length = i32::from_be_bytes(*received.first_chunk::<4>()?) as usize;
        let frame: Vec<u8> = received.drain(..4 + length).collect();
        let (key, version) = self.asked.get_mut(&from)?.pop_front()?;
        let (_, response) = decode_response(&Bytes::from(frame).slice(4..), key, version, 64 << 20).unwrap();
        Some(response)
    }

    pub fn ask(&mut self, to: Conn, version: i16, request: impl Into<Request>) -> Response {
        self.send(to, version, request);
        self.receive(to).expect("an answer at once")
    }

    #[allow(dead_code, reason = "not every suite closes any")]
    pub fn close(&mut self, conn: Conn) {
        self.inbox[conn.0].push_back(Event::Closed { conn: conn.1 });
        self.settle();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall.0 += time.as_millis() as i64;
        self.settle();
    }

    /// Turns until nothing is left to do at this time.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for shard in 0..self.shards.len() {
                quiet &= !self.turn(shard);
            }
            if quiet {
                return;
            }
        }
    }

    fn turn(&mut self, shard: usize) -> bool {
        self.now.mono = self.now.mono + Duration::from_micros(10);
        let mut actions = Vec::new();
        let drive = &mut self.shards[shard];
        let events: Vec<_> = self.inbox[shard].drain(..).collect();
        let mut busy = !events.is_empty();
        events.into_iter().for_each(|event| drive.handle(self.now, event, &mut actions));
        if drive.next_deadline().is_some_and(|at| at <= self.now.mono) {
            drive.handle(self.now, Event::Tick, &mut actions);
        }
        drive.end_turn(self.now, &mut actions);
        busy |= !actions.is_empty();
        actions.into_iter().for_each(|action| self.carry_out(shard, action));
        busy
    }

    fn carry_out(&mut self, shard: usize, action: Action<ShardMessage>) {
        match action {
            Action::Send { conn, pieces } => {
                let bytes = pieces.len();
                let received = self.received.entry((shard, conn)).or_default();
                pieces.iter().for_each(|piece| received.extend_from_slice(piece));
                self.inbox[shard].push_back(Event::Flushed { conn, bytes });
            }
            Action::Close { conn } => self.inbox[shard].push_back(Event::Closed { conn }),
            Action::File { ticket, command, .. } => {
                let outcome = self.files.execute(&command);
                self.inbox[shard].push_back(Event::File { ticket, outcome });
            }
            Action::ToShard { to, message } => {
                let from = ShardId(shard as u16);
                self.inbox[usize::from(to.0)].push_back(Event::FromShard { from, message });
            }
            Action::Log { text, .. } => self.log.push(text),
            Action::PauseReading { .. } | Action::ResumeReading { .. } | Action::Ready => {}
            Action::Rpc(_) | Action::Answer { .. } | Action::Stopped { .. } => {
                panic!("nobody asked for that")
            }
        }
    }
}

pub fn create_topic(node: &mut Node, conn: Conn, name: &str, partitions: i32) {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    node.ask(conn, 7, CreateTopicsRequest { topics: vec![topic], ..Default::default() });
}

pub fn produce(node: &mut Node, conn: Conn, topic: &str, index: i32, value: &[u8]) {
    let mut builder = BatchBuilder::new(BatchFields::default());
    builder.append(node.now.wall.0, None, Some(value), &[]);
    let records = Some(Records(builder.build().unwrap()));
    let data = PartitionProduceData { index, records, ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    match node.ask(conn, 9, request) {
        Response::Produce(response) => {
            assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
        }
        other => panic!("{other:?}"),
    }
}

/// Bytes of all files of all recordings in a folder.
#[allow(dead_code, reason = "not every suite measures")]
pub fn size(recordings: &Path) -> u64 {
    let starts = kelpgate_recording::starts(recordings).unwrap();
    let files = starts.iter().flat_map(|(_, start)| std::fs::read_dir(start).unwrap());
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}
