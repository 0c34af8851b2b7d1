//! One run from one seed: a world is drawn; for a while everything may go wrong; then it heals, and everything that was
//! promised is demanded.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kelpgate_core::protocol::Str;
use kelpgate_core::record::Codec;
use kelpgate_log::Sync;

use crate::check::{self, Violation};
use crate::client::Client;
use crate::client::creator::{Creator, NewTopic};
use crate::client::producer::{Producer, ProducerOptions};
use crate::client::reader::{Reader, ReaderOptions};
use crate::faults::Swarm;
use crate::node::{Clock, Node, NodeOptions};
use crate::random::Random;
use crate::transcript::Transcript;
use crate::world::World;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// How long things may go wrong.
    pub safety: Duration,
    /// How long what was begun may take once nothing goes wrong any more.
    pub liveness: Duration,
    pub nodes: usize,
    pub shards: u16,
    pub swarm: Swarm,
    pub topics: Vec<NewTopic>,
    /// Those of each node.
    pub clients: Vec<ClientPlan>,
}

/// A client to be made.
#[derive(Clone, Debug)]
pub enum ClientPlan {
    Producer(ProducerOptions),
    Reader(ReaderOptions),
}

impl ClientPlan {
    fn make(&self) -> Box<dyn Client> {
        match self {
            ClientPlan::Producer(options) => Box::new(Producer::new(options.clone())),
            ClientPlan::Reader(options) => Box::new(Reader::new(options.clone())),
        }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    pub violation: Option<Violation>,
    /// Of everything that happened.
    pub hash: u64,
    pub steps: u64,
    pub turns: u64,
    pub events: u64,
    /// How much time went by in the world.
    pub simulated: Duration,
}

impl Plan {
    /// What a seed draws.
    pub fn draw(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let topics = draw_topics(&mut random);
        let names: Vec<(Str, i32)> =
            topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
        let mut clients = Vec::new();
        for _ in 0..1 + random.below(4) {
            clients.push(ClientPlan::Producer(draw_producer(&mut random, &names)));
        }
        for _ in 0..1 + random.below(3) {
            clients.push(ClientPlan::Reader(draw_reader(&mut random, &names)));
        }
        Plan {
            seed,
            safety: Duration::from_secs(random.within(5..=40)),
            liveness: Duration::from_secs(120),
            nodes: if random.chance(8) { 2 } else { 1 },
            shards: 1 + random.below(3) as u16,
            swarm: Swarm::draw(&mut random),
            topics,
            clients,
        }
    }

    /// Lets it happen.
    pub fn run(&self, transcript: Transcript) -> Report {
        let mut random = Random::new(self.seed ^ 0x5eed);
        let mut world = World::new(self.swarm.clone(), check::all(&self.swarm), transcript, random.fork());
        let outcome = catch_unwind(AssertUnwindSafe(|| self.happen(&mut world, &mut random)));
        let violation = match outcome {
            Ok(outcome) => outcome.err(),
            Err(panic) => Some(Violation { check: "nothing panics", what: text_of(panic.as_ref()) }),
        };
        let (steps, turns, events) = world.counts();
        let simulated = Duration::from_nanos(world.now().0);
        Report { violation, hash: world.transcript.hash(), steps, turns, events, simulated }
    }

    fn happen(&self, world: &mut World, random: &mut Random) -> Result<(), Violation> {
        for _ in 0..self.nodes {
            let node = world.add_node(self.node(random));
            world.add_client(Box::new(Creator::new(self.topics.clone())), node);
            for client in &self.clients {
                world.add_client(client.make(), node);
            }
        }
        let healing = world.now() + self.safety;
        world.run_until(healing)?;
        world.heal()?;
        self.until_done(world)?;
        // Whatever was acknowledged is read back by those who know nothing yet.
        for node in 0..self.nodes {
            world.add_client(Box::new(Reader::new(self.audit())), node);
        }
        self.until_done(world)?;
        world.end()
    }

    fn node(&self, random: &mut Random) -> Node {
        let options = NodeOptions { shards: self.shards, properties: Default::default(), sync: Sync::Disk };
        let skew = random.within(0..=2 * self.swarm.skew) as i64 - self.swarm.skew as i64;
        Node::new(options, Clock { skew, wall: 1_700_000_000_000 }, random.fork())
    }

    fn until_done(&self, world: &mut World) -> Result<(), Violation> {
        let until = world.now() + self.liveness;
        while world.now() < until {
            let next = world.now() + Duration::from_millis(100);
            world.run_until(next)?;
            if world.clients().all(|seat| seat.client.is_done()) {
                return Ok(());
            }
        }
        let late = world.clients().enumerate().filter(|(_, seat)| !seat.client.is_done());
        let late: Vec<String> = late.map(|(id, seat)| format!("c{id} {}", seat.client.name())).collect();
        Err(Violation { check: "after healing everything is answered", what: late.join(", ") })
    }

    fn audit(&self) -> ReaderOptions {
        ReaderOptions {
            topics: self.topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect(),
            max_wait: Duration::from_millis(100),
            min_bytes: 1,
            max_bytes: 1 << 20,
            endless: false,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { nodes, shards, safety, swarm, topics, clients, .. } = self;
        write!(f, "{nodes} nodes of {shards} shards, faults for {safety:?}: {swarm}")?;
        topics.iter().try_for_each(|topic| {
            write!(f, "\n  topic {} of {} partitions {:?}", topic.name, topic.partitions, topic.configs)
        })?;
        let clients = clients.iter().enumerate();
        clients.into_iter().try_for_each(|(place, client)| write!(f, "\n  client {place}: {client:?}"))
    }
}

fn draw_topics(random: &mut Random) -> Vec<NewTopic> {
    let count = 1 + random.below(3);
    let one = |number: usize| NewTopic {
        name: format!("t{number}").into(),
        partitions: 1 + random.below(4) as i32,
        configs: Vec::new(),
    };
    (0..count).map(one).collect()
}

fn draw_producer(random: &mut Random, topics: &[(Str, i32)]) -> ProducerOptions {
    let idempotent = random.chance(2);
    ProducerOptions {
        topics: topics.to_vec(),
        acks: if idempotent { -1 } else { *random.pick(&[-1, -1, 1, 0]) },
        idempotent,
        pause: Duration::from_millis(random.within(5..=500)),
        in_flight: 1 + random.below(5),
        most_records: 1 + random.below(20),
        codec: *random.pick(&[Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]),
    }
}

fn draw_reader(random: &mut Random, topics: &[(Str, i32)]) -> ReaderOptions {
    let max_bytes = *random.pick(&[1_000, 50_000, 1 << 20]);
    ReaderOptions {
        topics: topics.to_vec(),
        max_wait: Duration::from_millis(random.within(0..=2_000)),
        // Who waits for more than it takes reads little in a long time.
        min_bytes: (*random.pick(&[1, 1, 100, 10_000])).min(max_bytes / 10),
        max_bytes,
        endless: true,
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    }
}
