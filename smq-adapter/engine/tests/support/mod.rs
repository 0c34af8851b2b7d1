//! An engine over the model of SeaweedFS, on a clock of its own.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, ShardId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::record::crc::crc32c;
use kelpgate_core::storage::{Append, Opened, StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::uuid::Uuid;
use kelpgate_smq::{SmqConfig, SmqEngine, SmqOutbox, SmqOutput};
use kelpgate_smq_model::{Faults, Model, Random};

/// Outcome of a storage command.
pub type Outcome = Result<StorageReply, StorageError>;

/// A quiet SeaweedFS: a millisecond for each way.
pub const QUIET: Faults = Faults { refused: 0, unanswered: 0, latency_us: 1000 };

/// An engine and its SeaweedFS.
pub struct World {
    pub engine: SmqEngine,
    pub config: SmqConfig,
    pub model: Model,
    pub now: Instant,
    pub notes: Vec<(Level, String)>,
    /// The name that logs are opened under.
    pub topic: String,
    pub partitions: i32,
    idle_turns: u32,
    out: SmqOutbox,
    last: u64,
    replies: BTreeMap<Ticket, Outcome>,
}

/// The log that most tests have.
pub fn log(partition: i32) -> LogId {
    LogId { topic: Uuid([7; 16]), partition }
}

/// A batch of `count` records from `base` on, with noise for records.
pub fn batch(base: i64, count: i64, time: i64, len: usize, seed: u64) -> Bytes {
    let mut random = Random::new(seed);
    let body: Vec<u8> = (0..len).map(|_| random.number() as u8).collect();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&base.to_be_bytes());
    bytes.extend_from_slice(&((49 + body.len()) as i32).to_be_bytes());
    bytes.extend_from_slice(&0i32.to_be_bytes());
    bytes.push(2);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&0i16.to_be_bytes());
    bytes.extend_from_slice(&((count - 1) as i32).to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&(-1i64).to_be_bytes());
    bytes.extend_from_slice(&(-1i16).to_be_bytes());
    bytes.extend_from_slice(&(-1i32).to_be_bytes());
    bytes.extend_from_slice(&(count as i32).to_be_bytes());
    bytes.extend_from_slice(&body);
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

/// An append of one batch, in two pieces as the machine sends them.
pub fn append(base: i64, count: i64, durable: bool, len: usize) -> Append {
    let whole = batch(base, count, 1000 + base, len, base as u64);
    let batches: Pieces = [whole.slice(..61), whole.slice(61..)].into_iter().collect();
    let max_timestamp = 1000 + base;
    Append { base_offset: base, last_offset: base + count - 1, max_timestamp, roll: false, durable, batches }
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> World {
        let mut config = SmqConfig::new(ShardId(0), 1, "kafka".into(), "gateway".into());
        config.look_pause = Duration::from_millis(200);
        World::with(seed, faults, config)
    }

    pub fn with(seed: u64, faults: Faults, config: SmqConfig) -> World {
        World {
            engine: SmqEngine::new(config.clone()),
            config,
            model: Model::new(seed, Duration::from_secs(5), faults),
            now: Instant(1_700_000_000_000_000_000),
            notes: Vec::new(),
            topic: "topic".into(),
            partitions: 3,
            idle_turns: 0,
            out: SmqOutbox::default(),
            last: 0,
            replies: BTreeMap::new(),
        }
    }

    pub fn clock(&self) -> Now {
        Now { mono: self.now, wall: WallTime((self.now.0 / 1_000_000) as i64) }
    }

    /// Gives the engine a command; its ticket.
    pub fn submit(&mut self, command: StorageCommand) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.engine.submit(self.clock(), ticket, command, &mut self.out);
        self.turn();
        ticket
    }

    /// Takes the answer to a command, if there is one.
    pub fn take(&mut self, ticket: Ticket) -> Option<Outcome> {
        self.replies.remove(&ticket)
    }

    /// One turn at the time it is.
    pub fn turn(&mut self) {
        let now = self.clock();
        for (ticket, outcome) in self.model.run(self.now) {
            self.engine.rpc_done(now, ticket, outcome, &mut self.out);
        }
        self.engine.end_turn(now, &mut self.out);
        while let Some(output) = self.out.pop() {
            match output {
                SmqOutput::Rpc(rpc) => self.model.submit(self.now, rpc),
                SmqOutput::Reply { ticket, outcome } => {
                    assert!(self.replies.insert(ticket, outcome).is_none(), "{ticket:?} is answered twice");
                }
                SmqOutput::Note { level, text } => self.notes.push((level, text)),
            }
        }
    }

    /// Moves to the next moment at which something happens, `until` at the latest.
    pub fn step(&mut self, until: Instant) {
        let next = self.model.next_deadline().into_iter().chain(self.engine.next_deadline()).min();
        let before = self.now;
        self.now = next.unwrap_or(until).clamp(self.now, until);
        self.idle_turns = if self.now == before { self.idle_turns + 1 } else { 0 };
        let (model, engine) = (self.model.next_deadline(), self.engine.next_deadline());
        assert!(
            self.idle_turns < 10_000,
            "time stands still at {before:?}: {model:?}, {engine:?}; {:?}",
            self.notes
        );
        self.turn();
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step(until);
        }
    }

    /// Lets time pass until a command is answered.
    pub fn wait(&mut self, ticket: Ticket) -> Outcome {
        let until = self.now + Duration::from_secs(600);
        loop {
            if let Some(outcome) = self.take(ticket) {
                return outcome;
            }
            assert!(self.now < until, "{ticket:?} is not answered; {:?}", self.notes);
            self.step(until);
        }
    }

    pub fn run(&mut self, command: StorageCommand) -> Outcome {
        let ticket = self.submit(command);
        self.wait(ticket)
    }

    pub fn open_command(&self, log: LogId) -> StorageCommand {
        StorageCommand::Open { log, topic: self.topic.as_str().into(), partitions: self.partitions }
    }

    pub fn open(&mut self, log: LogId) -> Opened {
        match self.run(self.open_command(log)) {
            Ok(StorageReply::Opened(opened)) => opened,
            other => panic!("{other:?}; {:?}", self.notes),
        }
    }

    pub fn append(&mut self, log: LogId, append: Append) -> Outcome {
        self.run(StorageCommand::Append { log, append })
    }

    pub fn read(&mut self, log: LogId, from: i64, until: i64, max_bytes: usize) -> Bytes {
        match self.run(StorageCommand::Read { log, from, until, max_bytes }) {
            Ok(StorageReply::Read(pieces)) => pieces.concat(),
            other => panic!("{other:?}; {:?}", self.notes),
        }
    }

    /// Everything from an offset on, in reads of so many bytes.
    pub fn read_all(&mut self, log: LogId, mut from: i64, until: i64, max_bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while from < until {
            let bytes = self.read(log, from, until, max_bytes);
            if bytes.is_empty() {
                break;
            }
            for found in kelpgate_core::record::Batches::new(bytes.clone()) {
                let found = found.expect("whole batches");
                let batch = kelpgate_core::record::Batch::checked(&found).expect("a sound batch");
                from = batch.next_offset();
            }
            all.extend_from_slice(&bytes);
        }
        all
    }

    /// The gateway ends without a word and starts again.
    pub fn restart(&mut self) {
        self.model.client_gone(self.now);
        self.engine = SmqEngine::new(self.config.clone());
        self.out = SmqOutbox::default();
        self.replies.clear();
    }

    /// The gateway stops in good order and starts again.
    pub fn restart_cleanly(&mut self) {
        self.engine.drain();
        let until = self.now + Duration::from_secs(60);
        self.turn();
        while !self.engine.is_idle() {
            assert!(self.now < until, "it does not come to rest; {:?}", self.notes);
            self.step(until);
        }
        self.restart();
    }
}
