//! Chance: appends of two logs while brokers, filers and the gateway end and start again. What was acknowledged as durable
//! is there once and in order, and what is read is what was appended.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::ids::Ticket;
use kelpgate_core::storage::{StorageCommand, StorageReply};
use kelpgate_smq_model::{Faults, Random};
use support::{World, append, log};

/// What the test knows of a log.
#[derive(Default)]
struct Known {
    /// Appends by base offset: last offset, bytes, and whether they were acknowledged as durable.
    appends: BTreeMap<i64, (i64, Vec<u8>, bool)>,
    end: i64,
    /// Below this everything was acknowledged as durable.
    durable: i64,
    under_way: Vec<(Ticket, i64, bool)>,
    closed: bool,
}

impl Known {
    fn bytes(&self) -> Vec<u8> {
        self.appends.values().flat_map(|(_, bytes, _)| bytes.clone()).collect()
    }
}

struct Chaos {
    world: World,
    random: Random,
    logs: [Known; 2],
    seed: u64,
    power_lost: bool,
}

impl Chaos {
    fn new(seed: u64) -> Chaos {
        let faults = Faults { refused: 10, unanswered: 10, latency_us: 20_000 };
        let mut chaos = Chaos {
            world: World::new(seed, faults),
            random: Random::new(seed ^ 0x5eed),
            logs: Default::default(),
            seed,
            power_lost: false,
        };
        if seed.is_multiple_of(3) {
            chaos.world.topic = "_internal".into();
        }
        chaos
    }

    fn open(&mut self, number: usize) {
        let opened = self.world.open(log(number as i32));
        let known = &mut self.logs[number];
        let seed = self.seed;
        assert!(opened.end >= known.durable, "seed {seed}: {} of {} are left", opened.end, known.durable);
        assert!(opened.end <= known.end, "seed {seed}: {} is more than {}", opened.end, known.end);
        known.appends.retain(|base, _| *base < opened.end);
        let last = known.appends.values().last().map_or(0, |(last, _, _)| last + 1);
        assert_eq!(last, opened.end, "seed {seed}: it ends within an append");
        known.end = opened.end;
        known.closed = false;
        let end = known.end;
        let most = 1 + self.random.below(3000) as usize;
        let read = self.world.read_all(log(number as i32), 0, end, most);
        if self.power_lost {
            // What was not durable, and in log files nobody had synced, may be gone from the middle.
            let left = offsets(&read);
            self.logs[number].appends.retain(|base, (_, _, durable)| *durable || left.contains(base));
        }
        if read != self.logs[number].bytes() {
            let (read, appended) = (offsets(&read), offsets(&self.logs[number].bytes()));
            panic!(
                "seed {seed}: log {number} has {read:?}, appended was {appended:?}; {:?}",
                self.world.notes
            );
        }
    }

    fn append(&mut self) {
        let number = self.random.below(2) as usize;
        if self.logs[number].closed {
            self.collect();
            if self.logs[number].under_way.is_empty() {
                self.open(number);
            }
            return;
        }
        let known = &mut self.logs[number];
        let (count, len) = (1 + self.random.below(5) as i64, self.random.below(900) as usize);
        let durable = self.random.chance(500);
        let append = append(known.end, count, durable, len);
        known.appends.insert(known.end, (append.last_offset, append.batches.concat().to_vec(), false));
        known.end = append.last_offset + 1;
        let end = known.end;
        let ticket = self.world.submit(StorageCommand::Append { log: log(number as i32), append });
        self.logs[number].under_way.push((ticket, end, durable));
    }

    /// Takes answers.
    fn collect(&mut self) {
        for known in &mut self.logs {
            for (ticket, end, durable) in core::mem::take(&mut known.under_way) {
                match self.world.take(ticket) {
                    None => known.under_way.push((ticket, end, durable)),
                    Some(Ok(StorageReply::Appended)) if durable => {
                        known.durable = known.durable.max(end);
                        let append = known.appends.values_mut().find(|(last, _, _)| last + 1 == end);
                        append.expect("it was appended").2 = true;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) => known.closed = true,
                }
            }
        }
    }

    fn restart_gateway(&mut self) {
        self.collect();
        self.world.restart();
        for known in &mut self.logs {
            known.under_way.clear();
        }
        for number in 0..2 {
            self.open(number);
        }
    }

    fn heal(&mut self) {
        self.world.model.start_broker();
        self.world.model.start_filer();
        self.world.model.filer.full = false;
        self.world.model.broker.leaderless = false;
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..60 => self.append(),
            60..80 => {
                let millis = self.random.below(400);
                self.world.pass(Duration::from_millis(millis));
            }
            80..84 => self.world.pass(Duration::from_secs(6)),
            84..86 => self.world.pass(Duration::from_secs(70)),
            86..89 => self.world.model.kill_broker(),
            89 => self.world.model.kill_filer(self.world.now, false),
            90 => self.world.model.broker.leaderless = true,
            91 => self.world.model.broker.drop_streams(),
            92 => {
                // Everything ends at once.
                self.collect();
                self.world.model.kill_broker();
                let power = self.random.chance(500);
                self.power_lost |= power;
                self.world.model.kill_filer(self.world.now, power);
                self.heal();
                self.restart_gateway();
            }
            93..95 => {
                self.heal();
                self.restart_gateway();
            }
            _ => self.heal(),
        }
        self.collect();
    }

    fn run(&mut self, steps: usize) {
        for number in 0..2 {
            self.open(number);
        }
        for _ in 0..steps {
            self.step();
        }
        self.heal();
        self.world.pass(Duration::from_secs(30));
        self.collect();
        for number in 0..2 {
            let seed = self.seed;
            assert!(
                self.logs[number].under_way.is_empty(),
                "seed {seed}: unanswered; {:?}",
                self.world.notes
            );
            if self.logs[number].closed {
                self.open(number);
            }
        }
        self.world.pass(Duration::from_secs(200));
        assert_eq!(
            self.world.engine.memory().0,
            0,
            "seed {}: not in log files; {:?}",
            self.seed,
            self.world.notes
        );
        let left = self.world.model.filer.paths().filter(|path| path.contains("/wal/")).count();
        assert_eq!(left, 0, "seed {}: write-ahead files are left", self.seed);
        self.restart_gateway();
    }
}

/// Base offsets of batches.
fn offsets(bytes: &[u8]) -> Vec<i64> {
    let batches = kelpgate_core::record::Batches::new(bytes.to_vec().into());
    batches
        .map(|bytes| i64::from_be_bytes(*bytes.expect("a batch").first_chunk().expect("an offset")))
        .collect()
}

#[test]
fn nothing_durable_is_lost_whatever_ends() {
    let seeds = std::env::var("SMQ_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let first = std::env::var("SMQ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in first..first + seeds {
        Chaos::new(seed).run(250);
    }
}
