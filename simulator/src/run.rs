//! One run from one seed: a world is drawn; for a while everything may go wrong; then it heals, and everything that was
//! promised is demanded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kelpgate_core::protocol::Str;
use kelpgate_log::Sync;

use crate::check::{self, Violation};
use crate::client::Client;
use crate::client::administrator::{Administrator, AdministratorOptions};
use crate::client::consumption::{EARLIEST, FetchOptions, Position};
use crate::client::creator::{Creator, NewTopic};
use crate::client::describer::Describer;
use crate::client::hostile::{Hostile, HostileOptions};
use crate::client::member::{Member, MemberOptions};
use crate::client::producer::{Producer, ProducerOptions};
use crate::client::reader::{Reader, ReaderOptions};
use crate::client::together::Together;
use crate::faults::Swarm;
use crate::node::{Clock, Node, NodeOptions, WALL_START};
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
    /// Kafka's broker properties.
    pub properties: BTreeMap<String, String>,
    pub swarm: Swarm,
    pub topics: Vec<NewTopic>,
    /// Those of each node.
    pub clients: Vec<Guest>,
}

/// A client and how it begins.
#[derive(Clone, Debug)]
pub struct Guest {
    pub plan: ClientPlan,
    /// The version of ApiVersions with which it begins each connection; none for those older than that request.
    pub greeting: Option<i16>,
}

impl From<ClientPlan> for Guest {
    fn from(plan: ClientPlan) -> Guest {
        Guest { plan, greeting: None }
    }
}

/// A client to be made.
#[derive(Clone, Debug)]
pub enum ClientPlan {
    Producer(ProducerOptions),
    Reader(ReaderOptions),
    Member(MemberOptions),
    /// Members of KIP-848 that share a connection to their coordinator.
    Together(Vec<MemberOptions>),
    Administrator(AdministratorOptions),
    Hostile(HostileOptions),
}

impl ClientPlan {
    fn make(&self) -> Box<dyn Client> {
        match self {
            ClientPlan::Producer(options) => Box::new(Producer::new(options.clone())),
            ClientPlan::Reader(options) => Box::new(Reader::new(options.clone())),
            ClientPlan::Member(options) => Box::new(Member::new(options.clone())),
            ClientPlan::Together(options) => Box::new(Together::new(options.clone())),
            ClientPlan::Administrator(options) => Box::new(Administrator::new(options.clone())),
            ClientPlan::Hostile(options) => Box::new(Hostile::new(options.clone())),
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
            for Guest { plan, greeting } in &self.clients {
                let client = world.add_client(plan.make(), node);
                greeting.iter().for_each(|version| world.greets(client, *version));
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
        let groups = self.groups();
        for node in (0..self.nodes).filter(|_| !groups.is_empty()) {
            world.add_client(Box::new(Describer::new(groups.clone())), node);
        }
        world.end()
    }

    /// The groups that clients are members of.
    fn groups(&self) -> Vec<Str> {
        let members = self.clients.iter().flat_map(|guest| match &guest.plan {
            ClientPlan::Member(options) => std::slice::from_ref(options),
            ClientPlan::Together(options) => options,
            ClientPlan::Producer(_)
            | ClientPlan::Reader(_)
            | ClientPlan::Administrator(_)
            | ClientPlan::Hostile(_) => &[],
        });
        let groups: BTreeSet<Str> = members.map(|member| member.group.clone()).collect();
        groups.into_iter().collect()
    }

    fn node(&self, random: &mut Random) -> Node {
        let options =
            NodeOptions { shards: self.shards, properties: self.properties.clone(), sync: Sync::Disk };
        let skew = random.within(0..=2 * self.swarm.skew) as i64 - self.swarm.skew as i64;
        Node::new(options, Clock { skew, wall: WALL_START }, random.fork())
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
        let topics = self.topics.iter().map(|topic| (topic.name.clone(), topic.partitions));
        ReaderOptions {
            topics: topics.collect(),
            fetch: FetchOptions {
                version: 12,
                sessions: false,
                max_wait: Duration::from_millis(100),
                epochs: false,
                ..FetchOptions::default()
            },
            start: Position::Timestamp(EARLIEST),
            jumps: None,
            by_time: false,
            endless: false,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { nodes, shards, safety, swarm, topics, clients, properties, .. } = self;
        write!(f, "{nodes} nodes of {shards} shards, faults for {safety:?}: {swarm}\n  {properties:?}")?;
        topics.iter().try_for_each(|topic| {
            write!(f, "\n  topic {} of {} partitions {:?}", topic.name, topic.partitions, topic.configs)
        })?;
        let clients = clients.iter().enumerate();
        clients.into_iter().try_for_each(|(place, Guest { plan, greeting })| {
            let greeting = greeting.map_or(String::new(), |version| format!(" (ApiVersions v{version})"));
            write!(f, "\n  client {place}{greeting}: {plan:?}")
        })
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    }
}
