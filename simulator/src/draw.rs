//! What a seed draws: topics, clients and faults, few or many of each kind, so that every kind of run comes up.

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::group::assignor::client::ClientAssignor;
use kelpgate_core::protocol::Str;
use kelpgate_core::record::Codec;

use crate::client::administrator::{AdministratorOptions, Errand};
use crate::client::consumption::{EARLIEST, FetchOptions, LATEST, Position};
use crate::client::creator::NewTopic;
use crate::client::hostile::{HostileOptions, Trick};
use crate::client::member::{
    ClassicOptions, ConsumerOptions, MemberOptions, ProtocolOptions, Subscription, Versions,
};
use crate::client::producer::ProducerOptions;
use crate::client::reader::ReaderOptions;
use crate::enrich::enrich;
use crate::faults::Swarm;
use crate::random::Random;
use crate::run::{ClientPlan, Guest, Plan};

/// What clients must agree on.
struct Scene {
    topics: Vec<(Str, i32)>,
    /// Whether zstd is used, which nobody may fetch before version 10 (KIP-110).
    zstd: bool,
}

impl Plan {
    /// What a seed draws.
    pub fn draw(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let topics = draw_topics(&mut random);
        let scene = Scene {
            topics: topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect(),
            zstd: random.chance(2),
        };
        let mut clients = Vec::new();
        for _ in 0..1 + random.below(4) {
            clients.push(ClientPlan::Producer(draw_producer(&mut random, &scene)));
        }
        for _ in 0..1 + random.below(3) {
            clients.push(ClientPlan::Reader(draw_reader(&mut random, &scene)));
        }
        for group in 0..random.below(3) {
            clients.extend(draw_group(&mut random, group, &scene).into_iter().map(ClientPlan::Member));
        }
        if random.chance(3) {
            clients.push(ClientPlan::Administrator(draw_administrator(&mut random, &scene)));
        }
        if random.chance(4) {
            clients.push(ClientPlan::Hostile(draw_hostile(&mut random)));
        }
        let mut plan = Plan {
            seed,
            safety: Duration::from_secs(random.within(5..=40)),
            liveness: Duration::from_secs(120),
            nodes: if random.chance(8) { 2 } else { 1 },
            shards: 1 + random.below(3) as u16,
            properties: draw_properties(&mut random),
            swarm: Swarm::draw(&mut random),
            topics,
            clients: clients.into_iter().map(Guest::from).collect(),
        };
        enrich(&mut plan);
        plan
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

fn draw_producer(random: &mut Random, scene: &Scene) -> ProducerOptions {
    let idempotent = random.chance(2);
    let codec = match random.pick(&[Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]) {
        Codec::Zstd if !scene.zstd => Codec::None,
        codec => *codec,
    };
    ProducerOptions {
        topics: scene.topics.clone(),
        acks: if idempotent { -1 } else { *random.pick(&[-1, -1, 1, 0]) },
        idempotent,
        pause: Duration::from_millis(random.within(5..=500)),
        in_flight: 1 + random.below(5),
        most_records: 1 + random.below(20),
        codec,
        linger: Duration::from_millis(*random.pick(&[0, 0, 5, 100])),
        together: random.chance(2),
        keyed: false,
        clock_step: 1,
        version: random.within(if codec == Codec::Zstd { 7..=13 } else { 3..=13 }) as i16,
        identity_version: random.within(0..=5) as i16,
        fleeting: Vec::new(),
    }
}

fn draw_reader(random: &mut Random, scene: &Scene) -> ReaderOptions {
    ReaderOptions {
        topics: scene.topics.clone(),
        fetch: draw_fetch(random, scene),
        start: *random.pick(&[
            Position::Timestamp(EARLIEST),
            Position::Timestamp(LATEST),
            Position::Timestamp(1_700_000_005_000),
            Position::Anywhere,
        ]),
        jumps: random.chance(3).then(|| Duration::from_millis(random.within(200..=5_000))),
        by_time: false,
        endless: true,
    }
}

fn draw_fetch(random: &mut Random, scene: &Scene) -> FetchOptions {
    let max_bytes = *random.pick(&[1_000, 50_000, 1 << 20]);
    FetchOptions {
        version: *random.pick(if scene.zstd { &[10, 11, 12, 13, 16] } else { &[4, 5, 7, 12, 15] }),
        offsets_version: random.within(1..=11) as i16,
        metadata_version: random.within(10..=13) as i16,
        metadata_age: Duration::from_millis(random.within(500..=30_000)),
        sessions: !random.chance(4),
        committed: random.chance(3),
        max_wait: Duration::from_millis(random.within(0..=2_000)),
        // Who waits for more than it takes reads little in a long time.
        min_bytes: (*random.pick(&[1, 1, 100, 10_000])).min(max_bytes / 10),
        max_bytes,
        work: Duration::from_millis(*random.pick(&[0, 0, 5, 50, 2_000])),
        epochs: false,
        rack: None,
    }
}

/// Timeouts of groups so short that they pass many times in a run.
fn draw_properties(random: &mut Random) -> BTreeMap<String, String> {
    let session = random.within(1_500..=10_000);
    let properties = [
        ("offsets.topic.num.partitions", random.within(1..=6)),
        ("group.initial.rebalance.delay.ms", random.within(0..=1_500)),
        ("group.min.session.timeout.ms", 500),
        ("group.consumer.min.session.timeout.ms", 500),
        ("group.consumer.session.timeout.ms", session),
        ("group.consumer.min.heartbeat.interval.ms", 100),
        ("group.consumer.heartbeat.interval.ms", random.within(200..=session / 3)),
        ("group.consumer.assignment.interval.ms", random.within(0..=1_000)),
    ];
    properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect()
}

/// Which protocols the members of a group follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mix {
    Eager,
    Cooperative,
    Consumer,
    /// Some this and some that, as when a group is migrated.
    Both,
}

fn draw_group(random: &mut Random, number: usize, scene: &Scene) -> Vec<MemberOptions> {
    let group: Str = format!("g{number}").into();
    let mix = *random.pick(&[Mix::Eager, Mix::Cooperative, Mix::Consumer, Mix::Consumer, Mix::Both]);
    let lives = random.chance(2).then(|| Duration::from_millis(random.within(1_000..=15_000)));
    let count = 1 + random.below(5);
    let one = |member: usize| {
        let instance: Option<Str> = random.chance(4).then(|| format!("i{number}-{member}").into());
        draw_member(random, group.clone(), mix, instance, lives, scene)
    };
    (0..count).map(one).collect()
}

fn draw_member(
    random: &mut Random,
    group: Str,
    mix: Mix,
    instance: Option<Str>,
    life: Option<Duration>,
    scene: &Scene,
) -> MemberOptions {
    let mut topics: Vec<Str> = scene.topics.iter().map(|(name, _)| name.clone()).collect();
    if random.chance(4) {
        topics.truncate(1);
    }
    let is_static = instance.is_some();
    let classic = match mix {
        Mix::Eager | Mix::Cooperative => true,
        Mix::Consumer => false,
        Mix::Both => random.chance(2),
    };
    let protocol = match classic {
        true => ProtocolOptions::Classic(draw_classic(random, mix, is_static, topics)),
        false => ProtocolOptions::Consumer(draw_consumer(random, topics)),
    };
    let oldest = match (classic, is_static) {
        (true, false) => 1,
        (true, true) => 7,
        (false, _) => 9,
    };
    MemberOptions {
        group,
        protocol,
        instance,
        rebalance_timeout: Duration::from_millis(random.within(1_000..=8_000)),
        fetch: draw_fetch(random, scene),
        commit_every: Duration::from_millis(random.within(50..=3_000)),
        falls_behind: false,
        life,
        versions: Versions {
            find: random.within(0..=6) as i16,
            commit: random.within(oldest..=10) as i16,
            fetch: random.within(if classic { 0..=10 } else { 9..=10 }) as i16,
        },
    }
}

fn draw_classic(random: &mut Random, mix: Mix, is_static: bool, topics: Vec<Str>) -> ClassicOptions {
    let session = random.within(1_000..=10_000);
    let mut assignors = match mix {
        Mix::Cooperative | Mix::Both => vec![ClientAssignor::CooperativeSticky],
        Mix::Eager | Mix::Consumer => vec![ClientAssignor::Range, ClientAssignor::RoundRobin],
    };
    random.shuffle(&mut assignors);
    let oldest = |first: u64| if is_static { first } else { 0 };
    ClassicOptions {
        topics,
        session_timeout: Duration::from_millis(session),
        heartbeat_every: Duration::from_millis(random.within(100..=session / 3)),
        assignors,
        join: random.within(oldest(5)..=9) as i16,
        sync: random.within(oldest(3)..=5) as i16,
        heartbeat: random.within(oldest(3)..=4) as i16,
        leave: random.within(0..=5) as i16,
        // Below version 3 a member cannot be in a group with those of KIP-848.
        embedded: if mix == Mix::Both { 3 } else { random.within(1..=3) as i16 },
    }
}

fn draw_consumer(random: &mut Random, topics: Vec<Str>) -> ConsumerOptions {
    let regex = random.chance(4);
    ConsumerOptions {
        subscription: match regex {
            true => Subscription::Regex("t[0-9]+".into()),
            false => Subscription::Names(topics),
        },
        assignor: random.pick(&[None, Some("uniform"), Some("range")]).map(Str::from_static),
        version: if regex { 1 } else { random.within(0..=1) as i16 },
    }
}

fn draw_hostile(random: &mut Random) -> HostileOptions {
    let mut tricks = Trick::ALL;
    random.shuffle(&mut tricks);
    let count = 1 + random.below(tricks.len());
    HostileOptions {
        tricks: tricks[..count].to_vec(),
        pause: Duration::from_millis(random.within(20..=2_000)),
    }
}

fn draw_administrator(random: &mut Random, scene: &Scene) -> AdministratorOptions {
    let mut errands = Errand::ALL;
    random.shuffle(&mut errands);
    let count = 1 + random.below(errands.len());
    let own = |number: usize| NewTopic {
        name: format!("t9{number}").into(),
        partitions: 1 + random.below(3) as i32,
        configs: Vec::new(),
    };
    AdministratorOptions {
        own: (0..2).map(own).collect(),
        errands: errands[..count].to_vec(),
        pause: Duration::from_millis(random.within(50..=3_000)),
        used: scene.topics.clone(),
        overshoots: false,
        groups: vec!["g0".into(), "g1".into()],
    }
}
