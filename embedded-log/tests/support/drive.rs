//! Drives logs on the simulated disk: lanes run side by side, answers come back in any order that lanes allow.

use std::collections::{BTreeMap, VecDeque};

use kelpgate_core::ids::{LogId, ShardId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::uuid::Uuid;
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{FileCommand, FileError, FileReply, FileTicket, Lane};
use kelpgate_log::recovery::recover;
use kelpgate_log::{Log, LogConfig, LogOutbox, LogOutput};

use kelpgate_simulator::disk::{Counts, SimDisk};
use kelpgate_simulator::random::Random;

/// A log of a test.
pub fn log_id(number: u32) -> LogId {
    let mut topic = [0x40; 16];
    topic[..4].copy_from_slice(&(number + 1).to_be_bytes());
    LogId { topic: Uuid(topic), partition: (number % 3) as i32 }
}

type Answer = Result<StorageReply, StorageError>;

/// The logs of all shards of a node, and its disk.
pub struct Node {
    pub disk: SimDisk,
    pub shards: Vec<Log>,
    lanes: BTreeMap<(usize, usize), VecDeque<(FileTicket, FileCommand)>>,
    done: Vec<(usize, FileTicket, Result<FileReply, FileError>)>,
    outboxes: Vec<LogOutbox>,
    pub answers: BTreeMap<Ticket, Answer>,
    pub notes: Vec<(Level, String)>,
    last_ticket: u64,
    /// Commands without an answer.
    pub open: BTreeMap<Ticket, (usize, String)>,
    pub now: Now,
    pub random: Random,
    /// File commands carried out.
    pub steps: usize,
    /// For each lane.
    pub counts: BTreeMap<Lane, Counts>,
}

impl Node {
    /// Starts on that disk, after recovery.
    pub fn start(mut disk: SimDisk, shards: u16, seed: u64, adjust: impl Fn(&mut LogConfig)) -> Node {
        let recovered = recover(&mut disk, seed).expect("recovery");
        let mut logs = Vec::new();
        for shard in 0..shards {
            let mut config = LogConfig::new(ShardId(shard), shards, recovered.boot);
            config.journal_file_bytes = 64 << 10;
            adjust(&mut config);
            let ours =
                recovered.logs.iter().filter(|log| log.log.owner(shards).0 == shard).cloned().collect();
            logs.push(Log::new(config, ours));
        }
        Node {
            disk,
            outboxes: logs.iter().map(|_| LogOutbox::default()).collect(),
            shards: logs,
            lanes: BTreeMap::new(),
            done: Vec::new(),
            answers: BTreeMap::new(),
            notes: recovered.notes,
            last_ticket: 0,
            open: BTreeMap::new(),
            now: Now { mono: Instant(1), wall: WallTime(0) },
            random: Random::new(seed),
            steps: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Gives a command to the shard that owns the log.
    pub fn submit(&mut self, log: LogId, command: StorageCommand) -> Ticket {
        self.submit_to(usize::from(log.owner(self.shards.len() as u16).0), command)
    }

    pub fn submit_to(&mut self, shard: usize, command: StorageCommand) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let text: String = format!("{command:?}").chars().take(200).collect();
        self.open.insert(ticket, (shard, text));
        self.shards[shard].submit(self.now, ticket, command, &mut self.outboxes[shard]);
        self.collect(shard);
        ticket
    }

    pub fn end_turn(&mut self) {
        for shard in 0..self.shards.len() {
            self.shards[shard].end_turn(self.now, &mut self.outboxes[shard]);
            self.collect(shard);
        }
    }

    fn collect(&mut self, shard: usize) {
        while let Some(output) = self.outboxes[shard].pop() {
            match output {
                LogOutput::File { ticket, lane, command } => {
                    let lane = Lane::ALL.iter().position(|known| *known == lane).expect("a lane");
                    self.lanes.entry((shard, lane)).or_default().push_back((ticket, command));
                }
                LogOutput::Reply { ticket, outcome } => {
                    self.open.remove(&ticket);
                    let twice = self.answers.insert(ticket, outcome);
                    assert!(twice.is_none(), "{ticket} is answered twice");
                }
                LogOutput::Note { level, text } => self.notes.push((level, text)),
            }
        }
    }

    /// Carries out one command of some lane, or hands back one answer. False if there is nothing to do.
    pub fn step(&mut self) -> bool {
        let ready: Vec<(usize, usize)> =
            self.lanes.iter().filter(|(_, queue)| !queue.is_empty()).map(|(lane, _)| *lane).collect();
        let deliver = !self.done.is_empty() && (ready.is_empty() || self.random.chance(2));
        if deliver {
            let (shard, ticket, outcome) = self.done.remove(0);
            self.shards[shard].file_done(self.now, ticket, outcome, &mut self.outboxes[shard]);
            self.collect(shard);
            self.shards[shard].end_turn(self.now, &mut self.outboxes[shard]);
            self.collect(shard);
            return true;
        }
        if ready.is_empty() {
            return false;
        }
        let lane = ready[self.random.below(ready.len())];
        let (ticket, command) = self.lanes.get_mut(&lane).and_then(VecDeque::pop_front).expect("ready");
        let before = self.disk.counts;
        let outcome = self.disk.execute(command);
        let counts = self.counts.entry(Lane::ALL[lane.1]).or_default();
        counts.written += self.disk.counts.written - before.written;
        counts.syncs += self.disk.counts.syncs - before.syncs;
        self.steps += 1;
        self.done.push((lane.0, ticket, outcome));
        true
    }

    /// Goes on until nothing is under way, letting time pass for timers.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if self.step() {
                continue;
            }
            self.end_turn();
            if self.lanes.values().any(|queue| !queue.is_empty()) {
                continue;
            }
            return;
        }
        panic!("the log never comes to rest");
    }

    /// Whether every command is answered.
    pub fn settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Lets time pass to the next deadline, if there is one.
    pub fn pass_time(&mut self) -> bool {
        let next = self.shards.iter().filter_map(Log::next_deadline).min();
        if let Some(next) = next {
            self.now.mono = self.now.mono.max(next);
            self.end_turn();
            let next = self.shards.iter().filter_map(Log::next_deadline).min();
            assert!(next.is_none_or(|next| next > self.now.mono), "a deadline that is over is told again");
        }
        next.is_some()
    }

    /// Submits and waits for the answer.
    pub fn run(&mut self, log: LogId, command: StorageCommand) -> Answer {
        let ticket = self.submit(log, command);
        self.wait(ticket)
    }

    pub fn wait(&mut self, ticket: Ticket) -> Answer {
        for _ in 0..1000 {
            self.settle();
            if let Some(answer) = self.answers.get(&ticket) {
                return answer.clone();
            }
            assert!(self.pass_time(), "{ticket} is never answered");
        }
        panic!("{ticket} is never answered");
    }

    /// All bytes of a log from an offset on.
    pub fn read(&mut self, log: LogId, from: i64) -> Result<Vec<u8>, StorageError> {
        let (mut from, mut all) = (from, Vec::new());
        loop {
            let read = StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 3000 };
            let StorageReply::Read(pieces) = self.run(log, read)? else { panic!("no bytes") };
            if pieces.is_empty() {
                return Ok(all);
            }
            for header in kelpgate_log::batch::batches(&pieces) {
                from = header.expect("a batch").1.last_offset + 1;
            }
            all.extend_from_slice(&pieces.concat());
        }
    }

    /// Stops cleanly and gives the disk.
    pub fn stop(mut self) -> SimDisk {
        for log in &mut self.shards {
            log.drain();
        }
        for _ in 0..1000 {
            self.settle();
            if self.shards.iter().all(Log::is_idle) {
                assert!(self.done.is_empty());
                self.disk.close_all();
                return self.disk;
            }
            assert!(self.pass_time(), "the log never drains");
        }
        panic!("the log never drains");
    }
}
