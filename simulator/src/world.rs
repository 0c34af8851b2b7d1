//! Everything there is in a run: nodes, the network, clients, faults and those who watch. One agenda, one time.

mod clients;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::protocol::{ApiKey, Str};
use kelpgate_core::time::Instant;
use kelpgate_shard::{FileCommand, Lane, Level};

use crate::agenda::Agenda;
use crate::check::{Check, End, Seen, Verdict, Violation};
use crate::client::{Ask, Client, Happening, Seat};
use crate::disk::Survives;
use crate::faults::{FaultKind, Swarm};
use crate::history::ClientId;
use crate::network::{Conditions, Due as Delivery, LinkId, Network, Way};
use crate::node::{Node, NodeId, Phase, Want};
use crate::random::Random;
use crate::strike::Disks;
use crate::transcript::Transcript;

/// Tenths of seconds that a node may take to come to rest once nobody asks it anything.
const REST: usize = 200;
/// Tenths of seconds that groups may take to come to rest once all clients are done: a session, and a rebalance.
const SETTLE: usize = 1_200;

/// Something that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Deliver(Delivery),
    /// A connection that a client asked for is made or refused.
    Connect(LinkId),
    Client(ClientId),
    Turn(NodeId, usize),
    Work(NodeId, usize, Lane),
    Fault(FaultKind),
    Start(NodeId),
}

impl From<Delivery> for Due {
    fn from(delivery: Delivery) -> Due {
        Due::Deliver(delivery)
    }
}

/// A client's end of a connection.
#[derive(Clone, Copy, Debug)]
struct Joined {
    client: ClientId,
    node: NodeId,
}

/// A run.
pub struct World {
    pub(crate) now: Instant,
    pub(crate) agenda: Agenda<Due>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    seats: Vec<Seat>,
    links: BTreeMap<LinkId, Joined>,
    pub(crate) swarm: Swarm,
    pub(crate) disks: Disks,
    pub(crate) checks: Vec<Box<dyn Check>>,
    pub transcript: Transcript,
    pub(crate) random: Random,
    last_link: u64,
    last_op: u64,
    /// Things that were due and happened.
    steps: u64,
    /// Turns of shards.
    turns: u64,
    /// Events that shards handled.
    events: u64,
    pub(crate) healed: bool,
    /// Clients do nothing any more.
    over: bool,
    /// Topics that come and go. Those who watch are not told what is sent to them and read from them, since a client that
    /// goes by name cannot know which of several topics of that name it has before it.
    fleeting: BTreeSet<(NodeId, Str)>,
    /// The answers that clients got.
    answers: BTreeMap<ApiKey, u64>,
    /// What nodes told their administrator.
    told: Vec<(NodeId, AdminAnswer)>,
}

impl World {
    /// A world without nodes and clients.
    pub fn new(
        swarm: Swarm,
        checks: Vec<Box<dyn Check>>,
        transcript: Transcript,
        mut random: Random,
    ) -> World {
        let mut world = World {
            now: Instant::default(),
            agenda: Agenda::default(),
            nodes: Vec::new(),
            network: Network::new(swarm.conditions.clone(), random.fork()),
            seats: Vec::new(),
            links: BTreeMap::new(),
            disks: Disks::default(),
            checks,
            transcript,
            random,
            last_link: 0,
            last_op: 0,
            steps: 0,
            turns: 0,
            events: 0,
            healed: false,
            over: false,
            fleeting: BTreeSet::new(),
            answers: BTreeMap::new(),
            told: Vec::new(),
            swarm,
        };
        for kind in world.swarm.every.keys().copied().collect::<Vec<_>>() {
            world.plan(kind);
        }
        world
    }

    /// Adds a node, which starts at once.
    pub fn add_node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.agenda.put(self.now, Due::Start(self.nodes.len() - 1));
        self.nodes.len() - 1
    }

    /// Adds a client of a node, which begins at once.
    pub fn add_client(&mut self, client: Box<dyn Client>, node: NodeId) -> ClientId {
        let slow = self.random.chance(self.swarm.slow_readers);
        let seat = Seat::new(client, node, slow && !self.healed, self.random.fork());
        self.seats.push(seat);
        let client = self.seats.len() - 1;
        self.agenda.put(self.now, Due::Client(client));
        client
    }

    /// A client asks first of all, on each connection, what the node serves: with this version of ApiVersions, which may be
    /// one that the node is too old for.
    pub fn greets(&mut self, client: ClientId, version: i16) {
        self.seats[client].greeting = Some(version);
    }

    /// Starts a node that is down.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn start_node(&mut self, id: NodeId) -> Result<(), Violation> {
        self.start(id)
    }

    /// Has a client woken now: somebody outside has something for it.
    pub fn poke(&mut self, client: ClientId) {
        self.seats[client].alarm = Some(self.now);
        self.agenda.put(self.now, Due::Client(client));
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Things that happened so far; turns of shards; events that shards handled.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.steps, self.turns, self.events)
    }

    /// Asks a node as its administrator; the answer comes with [`World::told`].
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn ask_node(&mut self, id: NodeId, question: AdminQuestion) -> Result<(), Violation> {
        let mut wants = Vec::new();
        self.nodes[id].ask(self.now, 0, question, &mut wants);
        self.carry_out(id, wants)
    }

    /// Takes what nodes have told their administrator.
    pub fn told(&mut self) -> Vec<(NodeId, AdminAnswer)> {
        std::mem::take(&mut self.told)
    }

    /// How many answers of each kind clients got.
    pub fn answers(&self) -> &BTreeMap<ApiKey, u64> {
        &self.answers
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The clients.
    pub fn clients(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter()
    }

    /// Lets things happen until then.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn run_until(&mut self, until: Instant) -> Result<(), Violation> {
        while self.agenda.next().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    /// No more faults: what is down starts, the network is good, disks work.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn heal(&mut self) -> Result<(), Violation> {
        self.healed = true;
        self.swarm = Swarm::calm();
        self.network.conditions = Conditions::calm();
        self.network.go_down(Instant::default());
        self.disks.heal(&mut self.nodes);
        self.transcript.note(self.now, &[1], || "the world heals");
        // What a log says after some failures: no appends before the next start.
        if !self.disks.are_well() {
            (0..self.nodes.len()).for_each(|id| self.kill(id, Survives::All));
        }
        for check in &mut self.checks {
            check.healed(self.now);
        }
        for client in 0..self.seats.len() {
            if self.seats[client].begun {
                self.tell(client, Happening::Healed)?;
            }
        }
        Ok(())
    }

    /// Everything is over: what must have been seen by now?
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn end(&mut self) -> Result<(), Violation> {
        self.until(SETTLE, |check, end| check.settles(end))?;
        let end = End { now: self.now, nodes: &self.nodes, seats: &self.seats };
        for check in &mut self.checks {
            check.ended(end).map_err(|what| Violation { check: check.name(), what })?;
        }
        self.hang_up();
        self.until(REST, |check, end| check.rests(end))?;
        // What groups have committed, when nothing can change it.
        for id in 0..self.nodes.len() {
            if self.nodes[id].phase == Phase::Serving {
                self.ask_node(id, AdminQuestion::GroupLag)?;
            }
        }
        self.run_until(self.now + Duration::from_secs(1))
    }

    /// Lets time pass until all checks agree, or for so many tenths of seconds.
    fn until(
        &mut self,
        most: usize,
        mut one: impl FnMut(&mut dyn Check, End<'_>) -> Verdict,
    ) -> Result<(), Violation> {
        let mut agreed = Ok(());
        for _ in 0..most {
            let end = End { now: self.now, nodes: &self.nodes, seats: &self.seats };
            let mut checks = self.checks.iter_mut();
            agreed = checks.try_for_each(|check| {
                one(check.as_mut(), end).map_err(|what| Violation { check: check.name(), what })
            });
            if agreed.is_ok() {
                break;
            }
            self.run_until(self.now + Duration::from_millis(100))?;
        }
        agreed
    }

    /// All clients close their connections and do nothing more.
    fn hang_up(&mut self) {
        self.over = true;
        for client in 0..self.seats.len() {
            for link in self.seats[client].links() {
                self.ask(client, Ask::Close { link });
            }
        }
    }

    /// Every check looks at something.
    fn all_check(&mut self, mut one: impl FnMut(&mut dyn Check) -> Verdict) -> Result<(), Violation> {
        for check in &mut self.checks {
            one(check.as_mut()).map_err(|what| Violation { check: check.name(), what })?;
        }
        Ok(())
    }

    fn seen(&self, client: ClientId) -> Seen {
        Seen { now: self.now, client, node: self.seats[client].node, healed: self.healed }
    }

    /// The next thing that is due happens.
    fn step(&mut self) -> Result<(), Violation> {
        let Some((at, due)) = self.agenda.take() else { return Ok(()) };
        self.now = self.now.max(at);
        self.steps += 1;
        match due {
            Due::Deliver(delivery) => self.deliver(delivery),
            Due::Connect(_) | Due::Client(_) if self.over => Ok(()),
            Due::Connect(link) => self.connect(link),
            Due::Client(client) => self.wake(client),
            Due::Turn(node, shard) => self.turn(node, shard),
            Due::Work(node, shard, lane) => self.work(node, shard, lane),
            Due::Fault(kind) => self.strike(kind),
            Due::Start(node) => self.start(node),
        }
    }

    fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.nodes[id].phase != Phase::Down {
            return Ok(());
        }
        let mut wants = Vec::new();
        let started = self.nodes[id].start(self.now, &mut wants);
        self.transcript.note(self.now, &[2, id as u64], || match &started {
            Ok(()) => format!("node {id} starts"),
            Err(error) => format!("node {id} cannot start: {error}"),
        });
        match started {
            Ok(()) => self.carry_out(id, wants),
            // The process ends, and whoever runs it tries again: the disk may work by then.
            Err(_) if !self.disks.are_well() => {
                self.nodes[id].disk.close_all();
                self.agenda.put(self.now + Duration::from_secs(1), Due::Start(id));
                Ok(())
            }
            Err(error) => Err(Violation { check: "a node starts on what it left", what: error.to_string() }),
        }
    }

    /// A node's process is gone: its clients learn of it.
    pub(crate) fn went_down(&mut self, id: NodeId, links: Vec<LinkId>, survives: Survives) {
        for link in links {
            self.network.reset(&mut self.agenda, self.now, link);
        }
        for check in &mut self.checks {
            check.went_down(self.now, id, &self.nodes[id], survives);
        }
    }

    fn turn(&mut self, id: NodeId, shard: usize) -> Result<(), Violation> {
        let mut wants = Vec::new();
        let Some(events) = self.nodes[id].turn(self.now, shard, &mut wants) else { return Ok(()) };
        self.turns += 1;
        self.events += events as u64;
        let numbers = [3, id as u64, shard as u64, events as u64, wants.len() as u64];
        self.transcript.note(self.now, &numbers, || format!("{id}/{shard} turn, {events} events"));
        self.carry_out(id, wants)?;
        for check in &mut self.checks {
            check
                .turned(self.now, id, &self.nodes[id], shard)
                .map_err(|what| Violation { check: check.name(), what })?;
        }
        Ok(())
    }

    fn work(&mut self, id: NodeId, shard: usize, lane: Lane) -> Result<(), Violation> {
        let Some(command) = self.nodes[id].next_command(shard, lane) else { return Ok(()) };
        let error = self.disks.error(id);
        let line = if self.transcript.is_read() { told(command) } else { String::new() };
        let mut wants = Vec::new();
        if self.nodes[id].work(self.now, shard, lane, error.clone(), &mut wants).is_some() {
            let numbers = [4, id as u64, shard as u64, lane as u64, u64::from(error.is_some())];
            self.transcript.note(self.now, &numbers, || match error {
                None => format!("{id}/{shard} {lane:?} {line}"),
                Some(error) => format!("{id}/{shard} {lane:?} {line} fails: {error}"),
            });
        }
        self.carry_out(id, wants)
    }

    pub(crate) fn carry_out(&mut self, id: NodeId, wants: Vec<Want>) -> Result<(), Violation> {
        for want in wants {
            match want {
                Want::Write { link } => self.write(id, link)?,
                Want::Send { link, bytes } => {
                    for bytes in bytes {
                        self.transcript.bytes(&bytes);
                        let due = Delivery { link, way: Way::Down };
                        self.network.send(&mut self.agenda, self.now, due, bytes);
                    }
                }
                Want::End { link } => {
                    self.network.end(&mut self.agenda, self.now, Delivery { link, way: Way::Down });
                }
                Want::Turn { shard, at } => self.agenda.put(at, Due::Turn(id, shard)),
                Want::Work { shard, lane } => {
                    let takes = self.disks.takes(id, lane, &mut self.random);
                    self.agenda.put(self.now + takes, Due::Work(id, shard, lane));
                }
                Want::Log { shard, level, text } => {
                    self.transcript.note(self.now, &[5], || format!("{id}/{shard} {level:?}: {text}"));
                    if level == Level::Error {
                        if !self.disks.explain(id, &text) {
                            return Err(Violation { check: "a well node has no errors to log", what: text });
                        }
                        self.checks.iter_mut().for_each(|check| check.complained(id, &text));
                    }
                }
                Want::Answer { answer } => {
                    self.transcript.note(self.now, &[14], || format!("node {id} tells {answer:?}"));
                    let now = self.now;
                    self.all_check(|check| check.told(now, id, &answer))?;
                    self.told.push((id, answer));
                }
                Want::Listening => self.transcript.note(self.now, &[6], || format!("node {id} listens")),
                Want::Failed { text } => self.failed(id, text)?,
                Want::Stopped => self.stopped(id),
            }
        }
        Ok(())
    }

    /// A shard cannot go on: the process ends and is started again.
    fn failed(&mut self, id: NodeId, text: String) -> Result<(), Violation> {
        if self.disks.are_well() {
            return Err(Violation { check: "a well node goes on", what: text });
        }
        self.transcript.note(self.now, &[7], || format!("node {id} gives up: {text}"));
        self.kill(id, Survives::All);
        Ok(())
    }

    fn write(&mut self, id: NodeId, link: LinkId) -> Result<(), Violation> {
        let mut wants = Vec::new();
        self.nodes[id].write(self.now, link, self.network.room(link), &mut wants);
        self.carry_out(id, wants)
    }
}

/// A file command without the bytes it writes.
fn told(command: &FileCommand) -> String {
    match command {
        FileCommand::Write { handle, at, pieces } => {
            format!("Write {{ handle: {handle:?}, at: {at}, {} bytes }}", pieces.len())
        }
        other => format!("{other:?}"),
    }
}
