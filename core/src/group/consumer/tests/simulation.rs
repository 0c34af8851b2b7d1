//! Seeded runs in virtual time: clients that behave as the Java client does join, leave, crash, revoke slowly, lose
//! answers, repeat requests and have them undone; static ones are replaced; topics come, grow and go; the coordinator restarts.
//!
//! After every step: what a client believes to own is what its member has or has yet to give up (and the group's own
//! invariants keep those apart); epochs never go back. After a quiet time the group is stable and every partition that
//! somebody subscribes to is owned once, by a subscriber.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::talk::{Talk, beat, join};
use crate::catalogue::record::CatalogueRecord;
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use crate::uuid::Uuid;

type Owned = BTreeSet<(Uuid, i32)>;

const TICK: u64 = 100;
const REGEX: &str = "t[0-2]";

struct Client {
    id: String,
    instance: Option<String>,
    topics: Vec<&'static str>,
    by_regex: bool,
    epoch: i32,
    owned: Owned,
    target: Owned,
    /// When what must be revoked has been.
    revoked_at: u64,
    next_beat: u64,
    /// It does not know what the coordinator knows: it says everything.
    says_all: bool,
    /// What it owns has changed since it said so.
    must_report: bool,
}

struct Simulation {
    talk: Talk,
    random: ChaCha12Rng,
    now: u64,
    clients: Vec<Client>,
    born: u32,
    /// Instances whose process has stopped, and when the next one starts.
    restarts: Vec<(String, u64)>,
    epochs: BTreeMap<Str, i32>,
    is_quiet: bool,
}

#[test]
fn members_come_and_go_and_nothing_is_owned_twice() {
    for seed in 0..24 {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let interval = if seed.is_multiple_of(2) { "0" } else { "1000" };
    let settings =
        [("group.consumer.assignment.interval.ms", interval), ("group.consumer.session.timeout.ms", "6000")];
    let mut simulation = Simulation {
        talk: Talk::new(&settings),
        random: ChaCha12Rng::from_seed(bytes),
        now: 0,
        clients: Vec::new(),
        born: 0,
        restarts: Vec::new(),
        epochs: BTreeMap::new(),
        is_quiet: false,
    };
    for _ in 0..400 {
        simulation.disturb();
        simulation.tick();
    }
    simulation.is_quiet = true;
    for _ in 0..600 {
        simulation.tick();
    }
    simulation.check_settled(seed);
    simulation.talk.reload();
}

impl Simulation {
    fn below(&mut self, limit: u32) -> u32 {
        self.random.next_u32() % limit
    }

    /// Maybe something happens.
    fn disturb(&mut self) {
        match self.below(60) {
            0..=2 if self.clients.len() < 9 => self.join(None),
            3 => self.leave(),
            4 => {
                // It crashes.
                if let Some(at) = self.any() {
                    self.clients.remove(at);
                }
            }
            5 => self.stop_for_a_while(),
            6 => self.resubscribe(),
            7 => self.change_topics(),
            8 => self.talk.reload(),
            _ => {}
        }
    }

    fn any(&mut self) -> Option<usize> {
        let count = u32::try_from(self.clients.len()).expect("few");
        (count > 0).then(|| self.below(count) as usize)
    }

    fn join(&mut self, instance: Option<String>) {
        self.born += 1;
        let number = self.born;
        let topics = self.some_topics();
        let instance = instance.or_else(|| (self.below(4) == 0).then(|| format!("i{number}")));
        let by_regex = self.below(5) == 0;
        self.clients.push(Client {
            id: format!("m{number}"),
            instance,
            topics,
            by_regex,
            epoch: 0,
            owned: Owned::new(),
            target: Owned::new(),
            revoked_at: 0,
            next_beat: self.now,
            says_all: true,
            must_report: false,
        });
    }

    fn some_topics(&mut self) -> Vec<&'static str> {
        match self.below(4) {
            0 => ["t0"].into(),
            1 => ["t1", "t2"].into(),
            _ => ["t0", "t1", "t2", "t3"].into(),
        }
    }

    fn leave(&mut self) {
        let Some(at) = self.any() else { return };
        let client = self.clients.remove(at);
        if client.epoch > 0 {
            self.talk.send(&client.addressed(beat(&client.id, -1)));
        }
    }

    fn stop_for_a_while(&mut self) {
        let Some(at) = self.any() else { return };
        let Some(instance) = self.clients[at].instance.clone() else { return };
        let client = self.clients.remove(at);
        if client.epoch > 0 {
            self.talk.send(&client.addressed(beat(&client.id, -2)));
        }
        let pause = u64::from(self.below(9_000));
        self.restarts.push((instance, self.now + pause));
    }

    fn resubscribe(&mut self) {
        let Some(at) = self.any() else { return };
        let topics = self.some_topics();
        let by_regex = self.below(5) == 0;
        let client = &mut self.clients[at];
        (client.topics, client.by_regex, client.says_all) = (topics, by_regex, true);
    }

    fn change_topics(&mut self) {
        let name = format!("t{}", self.below(4));
        match self.talk.world.image.topic(&name).cloned() {
            None => {
                let partitions = 1 + self.below(6).cast_signed();
                self.talk.world.topic(&name, partitions);
            }
            Some(topic) if self.below(3) == 0 => {
                self.talk.world.change(CatalogueRecord::TopicDeleted { id: topic.id });
            }
            Some(topic) => {
                let count = topic.partitions + 1;
                self.talk.world.change(CatalogueRecord::Partitions { topic: topic.id, count });
            }
        }
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.talk.pass(TICK);
        let now = self.now;
        let due = self.restarts.extract_if(.., |(_, at)| *at <= now).map(|(instance, _)| instance);
        for instance in due.collect::<Vec<_>>() {
            self.join(Some(instance));
        }
        for at in 0..self.clients.len() {
            self.clients[at].settle(now);
            if self.clients[at].next_beat <= now {
                self.beat(at);
                self.check();
            }
        }
    }

    /// One heartbeat: its answer may be lost, and the client then says everything again, perhaps at once.
    fn beat(&mut self, at: usize) {
        let spoken = self.below(2) == 0;
        let request = self.clients[at].request(spoken);
        let fate = if self.is_quiet { 9 } else { self.below(11) };
        if fate == 10 {
            // Its records do not fit the log: an error, after which the client says everything.
            self.talk.refuse(&request);
            self.clients[at].says_all = true;
            return;
        }
        let mut response = self.talk.send(&request);
        let pause = 300 + u64::from(self.below(700));
        let slowness = u64::from(self.below(if self.is_quiet { 500 } else { 2_600 }));
        self.clients[at].next_beat = self.now + pause;
        match fate {
            0 => {
                self.clients[at].says_all = true;
                return;
            }
            1 => {
                self.clients[at].says_all = true;
                response = self.talk.send(&self.clients[at].request(true));
            }
            _ => {}
        }
        self.clients[at].hear(&response, self.now, slowness);
    }

    fn check(&mut self) {
        for client in &self.clients {
            let Some(member) = self.talk.group.member(&client.id) else { continue };
            for (topic, partition) in &client.owned {
                assert!(
                    member.standing.epoch_of(*topic, *partition).is_some(),
                    "{} believes to own {topic}-{partition}",
                    client.id
                );
            }
        }
        let before = core::mem::take(&mut self.epochs);
        for member in self.talk.group.members() {
            let epoch = member.standing.epoch;
            let was = before.get(&member.id).copied().unwrap_or(0);
            assert!(epoch >= was || epoch == -2, "{} went back from {was} to {epoch}", member.id);
            self.epochs.insert(member.id.clone(), epoch);
        }
    }

    fn check_settled(&self, seed: u64) {
        let state = self.talk.group.state_name();
        let expected = if self.clients.is_empty() { "Empty" } else { "Stable" };
        assert_eq!(state, expected, "seed {seed}");
        assert_eq!(self.talk.group.members().len(), self.clients.len(), "seed {seed}");
        let image = &self.talk.world.image;
        for topic in image.topics() {
            let wanted = self.clients.iter().any(|client| client.wants(&topic.name));
            for partition in 0..topic.partitions {
                let place = (topic.id, partition);
                let owners: Vec<&Client> =
                    self.clients.iter().filter(|client| client.owned.contains(&place)).collect();
                assert_eq!(
                    owners.len(),
                    usize::from(wanted),
                    "seed {seed}: owners of {}-{partition}",
                    topic.name
                );
                assert!(owners.iter().all(|owner| owner.wants(&topic.name)), "seed {seed}: {}", topic.name);
            }
        }
    }
}

impl Client {
    fn addressed(&self, mut request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatRequest {
        request.instance_id = self.instance.as_deref().map(Str::from);
        request
    }

    fn wants(&self, topic: &str) -> bool {
        if self.by_regex { ["t0", "t1", "t2"].contains(&topic) } else { self.topics.contains(&topic) }
    }

    fn request(&self, spoken: bool) -> ConsumerGroupHeartbeatRequest {
        if self.epoch > 0 && !self.says_all {
            let request = beat(&self.id, self.epoch);
            return self.addressed(if spoken || self.must_report {
                self.reporting(request)
            } else {
                request
            });
        }
        let mut request = join(&self.id, &self.topics);
        if self.by_regex {
            request.subscribed_topic_names = Some(Vec::new());
        }
        // Members say both, so that one subscription replaces the other.
        request.subscribed_topic_regex = Some(Str::from(if self.by_regex { REGEX } else { "" }));
        request.member_epoch = self.epoch;
        self.addressed(self.reporting(request))
    }

    fn reporting(&self, mut request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatRequest {
        let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &self.owned {
            topics.entry(*topic).or_default().push(*partition);
        }
        let topic = |(topic_id, partitions)| TopicPartitions { topic_id, partitions, ..Default::default() };
        request.topic_partitions = Some(topics.into_iter().map(topic).collect());
        request
    }

    fn hear(&mut self, response: &ConsumerGroupHeartbeatResponse, now: u64, slowness: u64) {
        match response.error_code.0 {
            0 => {}
            // Its instance is not free yet: it tries again.
            111 => return,
            25 | 82 | 110 => {
                self.epoch = 0;
                self.owned.clear();
                self.target.clear();
                self.says_all = true;
                return;
            }
            other => panic!("{other}: {:?}", response.error_message),
        }
        assert!(response.member_epoch >= self.epoch, "{} went back", self.id);
        self.epoch = response.member_epoch;
        (self.says_all, self.must_report) = (false, false);
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            let places = topics.flat_map(|topic| topic.partitions.iter().map(|at| (topic.topic_id, *at)));
            self.target = places.collect();
            if !self.owned.is_subset(&self.target) {
                self.revoked_at = now + slowness;
            }
            self.settle(now);
        }
    }

    /// Gives up what it must once it has had the time to, and takes the rest after that.
    fn settle(&mut self, now: u64) {
        if self.owned != self.target && self.revoked_at <= now {
            self.owned = self.target.clone();
            // It reports as soon as it can.
            self.must_report = true;
            self.next_beat = now;
        }
    }
}
