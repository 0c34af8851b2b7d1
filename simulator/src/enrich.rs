//! What was added to what a seed draws. Each addition has a stream of its own, so that a new one changes nothing about the
//! others, and a seed goes on to show what it has shown before.

use std::time::Duration;

use kelpgate_core::protocol::{ApiKey, Str};
use kelpgate_core::record::Codec;

use crate::client::consumption::FetchOptions;
use crate::client::member::{MemberOptions, ProtocolOptions};
use crate::client::producer::ProducerOptions;
use crate::client::reader::CLOCK_STEP;
use crate::faults::FaultKind;
use crate::random::Random;
use crate::run::{ClientPlan, Guest, Plan};

/// The first version of Fetch with leader epochs (KIP-320).
const EPOCHS: i16 = 9;
/// The first version of Fetch with batches.
const FETCHED_BATCHES: i16 = 4;
/// The first version of Produce with batches, which say by themselves what was sent.
const BATCHES: i16 = 3;
/// The racks there are.
const RACKS: [&str; 3] = ["a", "b", "c"];

/// Adds to a plan what its seed draws beside.
pub(crate) fn enrich(plan: &mut Plan) {
    let seed = plan.seed;
    let stream = |number: u64| Random::new(seed.wrapping_mul(64).wrapping_add(number) ^ 0x0e17_1c4e);
    greet(plan, &mut stream(0));
    tell_epochs(plan, &mut stream(1));
    read_old_formats(plan, &mut stream(2));
    write_old_formats(plan, &mut stream(3));
    live_in_racks(plan, &mut stream(4));
    send_to_fleeting_topics(plan, &mut stream(5));
    flip_bits(plan, &mut stream(6));
    share_connections(plan, &mut stream(7));
    merge_pieces(plan, &mut stream(8));
    meet_timestamps(plan, &mut stream(9));
    fall_behind(plan, &mut stream(10));
    overshoot(plan, &mut stream(11));
    compact(plan, &mut stream(12));
    keep_for_a_while(plan, &mut stream(13));
    let_offsets_expire(plan, &mut stream(14));
    restart_static_members(plan, &mut stream(15));
    send_in_bursts(plan, &mut stream(16));
}

/// Most clients ask first what the node serves; some are newer than it is.
fn greet(plan: &mut Plan, random: &mut Random) {
    let newest = ApiKey::ApiVersions.versions().last;
    for guest in &mut plan.clients {
        let version = random.within(0..=newest as u64 + 2) as i16;
        let hostile = matches!(guest.plan, ClientPlan::Hostile(_));
        guest.greeting = (!random.chance(3) && !hostile).then_some(version);
    }
}

fn tell_epochs(plan: &mut Plan, random: &mut Random) {
    fetches(plan).for_each(|fetch| fetch.epochs = fetch.version >= EPOCHS && random.chance(2));
}

/// Clients from before batches, which the node converts for. They know no zstd.
fn read_old_formats(plan: &mut Plan, random: &mut Random) {
    let zstd = producers(plan).any(|producer| producer.codec == Codec::Zstd);
    for fetch in fetches(plan) {
        let version = random.within(0..=3) as i16;
        if random.chance(8) && !zstd {
            fetch.version = version;
            fetch.sessions = false;
        }
    }
}

/// The same for producers. What they send is not stored as it was sent, so that less can be compared: they are rare.
fn write_old_formats(plan: &mut Plan, random: &mut Random) {
    let rare = random.chance(6);
    for producer in producers(plan) {
        let version = random.within(0..=2) as i16;
        if rare && random.chance(2) && !producer.idempotent && producer.codec != Codec::Zstd {
            producer.version = version;
        }
    }
}

/// The node is in a rack and clients are in racks, or some of them.
fn live_in_racks(plan: &mut Plan, random: &mut Random) {
    if !random.chance(3) {
        return;
    }
    plan.properties.insert("broker.rack".into(), (*random.pick(&RACKS)).into());
    for fetch in fetches(plan) {
        let rack = *random.pick(&RACKS);
        fetch.rack = (!random.chance(4)).then_some(Str::from_static(rack));
    }
}

/// Producers send to topics that an administrator makes and deletes.
fn send_to_fleeting_topics(plan: &mut Plan, random: &mut Random) {
    let administered = plan.clients.iter().find_map(|guest| match &guest.plan {
        ClientPlan::Administrator(options) => Some(options.own.clone()),
        _ => None,
    });
    let Some(own) = administered else { return };
    for producer in producers(plan).filter(|_| random.chance(2)) {
        producer.fleeting = own.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect();
    }
}

fn flip_bits(plan: &mut Plan, random: &mut Random) {
    if random.chance(6) {
        let mean = Duration::from_millis(random.within(1_000..=20_000));
        plan.swarm.every.insert(FaultKind::FlippedBits, mean);
    }
}

/// Some members of KIP-848 share a connection with the next.
fn share_connections(plan: &mut Plan, random: &mut Random) {
    if !random.chance(4) {
        return;
    }
    let mut shared: Vec<Guest> = Vec::new();
    for guest in std::mem::take(&mut plan.clients) {
        let alone = random.chance(4);
        let joins = match &guest.plan {
            ClientPlan::Member(options) if !alone && is_new(options) => Some(options.clone()),
            _ => None,
        };
        let joins = joins
            .and_then(|options| Some((together(&mut shared.last_mut()?.plan, &options.group)?, options)));
        match joins {
            Some((members, options)) => members.push(options),
            None => shared.push(guest),
        }
    }
    plan.clients = shared;
}

/// The members of a client that others of that group can join. Those of several groups would read partitions that are
/// the same to who looks at their client.
fn together<'p>(plan: &'p mut ClientPlan, group: &Str) -> Option<&'p mut Vec<MemberOptions>> {
    if let ClientPlan::Member(options) = plan
        && is_new(options)
        && options.group == *group
    {
        *plan = ClientPlan::Together(vec![options.clone()]);
    }
    match plan {
        ClientPlan::Together(members) if members.iter().all(|one| one.group == *group) => Some(members),
        _ => None,
    }
}

fn is_new(options: &MemberOptions) -> bool {
    matches!(options.protocol, ProtocolOptions::Consumer(_))
}

fn merge_pieces(plan: &mut Plan, random: &mut Random) {
    if random.chance(2) {
        plan.swarm.conditions.merge = 1 + random.below(4);
    }
}

/// Some clocks are coarse, and some readers ask for the times that they show.
fn meet_timestamps(plan: &mut Plan, random: &mut Random) {
    for producer in producers(plan).filter(|_| random.chance(2)) {
        producer.clock_step = CLOCK_STEP;
    }
    for guest in &mut plan.clients {
        if let ClientPlan::Reader(options) = &mut guest.plan {
            options.by_time = random.chance(2);
        }
    }
}

fn fall_behind(plan: &mut Plan, random: &mut Random) {
    members(plan).for_each(|member| member.falls_behind = random.chance(3));
}

fn overshoot(plan: &mut Plan, random: &mut Random) {
    for guest in &mut plan.clients {
        if let ClientPlan::Administrator(options) = &mut guest.plan {
            options.overshoots = random.chance(2);
        }
    }
}

/// Some topics are compacted, often enough that it happens within the run. Records in them need keys. Nobody reads them in
/// an old format: such a reader does not come past a batch whose remaining records lie below its position.
fn compact(plan: &mut Plan, random: &mut Random) {
    let old = producers(plan).any(|producer| producer.version < BATCHES)
        || fetches(plan).any(|fetch| fetch.version < FETCHED_BATCHES);
    if !random.chance(5) || old {
        return;
    }
    let topics: Vec<usize> = (0..plan.topics.len()).filter(|_| random.chance(2)).collect();
    if topics.is_empty() {
        return;
    }
    for topic in topics {
        plan.topics[topic].configs = configs(&[
            ("cleanup.policy", "compact".into()),
            ("segment.ms", random.within(300..=3_000).to_string()),
            ("min.cleanable.dirty.ratio", "0.01".into()),
        ]);
    }
    producers(plan).for_each(|producer| producer.keyed = true);
    set(plan, "log.cleaner.backoff.ms", random.within(100..=1_000));
}

/// Records of some topics are kept for a few seconds only.
fn keep_for_a_while(plan: &mut Plan, random: &mut Random) {
    if !random.chance(5) {
        return;
    }
    for topic in plan.topics.iter_mut().filter(|topic| topic.configs.is_empty()) {
        if random.chance(2) {
            topic.configs = configs(&[
                ("retention.ms", random.within(2_000..=20_000).to_string()),
                ("segment.ms", random.within(500..=5_000).to_string()),
            ]);
        }
    }
    set(plan, "log.retention.check.interval.ms", random.within(200..=2_000));
}

/// Offsets of groups without members are kept for a minute, and the clock jumps by many.
fn let_offsets_expire(plan: &mut Plan, random: &mut Random) {
    if random.chance(6) {
        set(plan, "offsets.retention.minutes", 1);
        set(plan, "offsets.retention.check.interval.ms", random.within(100..=2_000));
        let mean = Duration::from_millis(random.within(500..=8_000));
        plan.swarm.every.insert(FaultKind::WallJump, mean);
    }
}

/// All members of a group are static, and start anew again and again.
fn restart_static_members(plan: &mut Plan, random: &mut Random) {
    if !random.chance(5) {
        return;
    }
    let life = Duration::from_millis(random.within(300..=5_000));
    for (at, member) in members(plan).enumerate().filter(|(_, member)| &*member.group == "g0") {
        member.instance = Some(format!("r{at}").into());
        member.life = (!random.chance(4)).then_some(life);
        member.versions.commit = member.versions.commit.max(7);
        if let ProtocolOptions::Classic(classic) = &mut member.protocol {
            classic.join = classic.join.max(5);
            classic.sync = classic.sync.max(3);
            classic.heartbeat = classic.heartbeat.max(3);
        }
    }
}

/// Producers that send many batches to one partition without waiting for answers.
fn send_in_bursts(plan: &mut Plan, random: &mut Random) {
    if !random.chance(6) {
        return;
    }
    for producer in producers(plan) {
        producer.topics.truncate(1);
        producer.pause = Duration::from_millis(random.within(2..=20));
        producer.in_flight = 5;
        producer.linger = Duration::ZERO;
        producer.most_records = 3;
    }
}

fn set(plan: &mut Plan, property: &str, value: u64) {
    plan.properties.insert(property.to_owned(), value.to_string());
}

fn configs(all: &[(&'static str, String)]) -> Vec<(Str, Str)> {
    all.iter().map(|(name, value)| (Str::from_static(name), value.as_str().into())).collect()
}

fn members(plan: &mut Plan) -> impl Iterator<Item = &mut MemberOptions> {
    plan.clients.iter_mut().flat_map(|guest| match &mut guest.plan {
        ClientPlan::Member(options) => std::slice::from_mut(options),
        ClientPlan::Together(members) => members.as_mut_slice(),
        _ => &mut [],
    })
}

fn producers(plan: &mut Plan) -> impl Iterator<Item = &mut ProducerOptions> {
    plan.clients.iter_mut().filter_map(|guest| match &mut guest.plan {
        ClientPlan::Producer(options) => Some(options),
        _ => None,
    })
}

/// How each consumer reads.
fn fetches(plan: &mut Plan) -> impl Iterator<Item = &mut FetchOptions> {
    plan.clients.iter_mut().filter_map(|guest| match &mut guest.plan {
        ClientPlan::Reader(options) => Some(&mut options.fetch),
        ClientPlan::Member(options) => Some(&mut options.fetch),
        _ => None,
    })
}
