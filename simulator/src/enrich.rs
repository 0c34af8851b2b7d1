//! What was added to what a seed draws. Each addition has a stream of its own, so that a new one changes nothing about the
//! others, and a seed goes on to show what it has shown before.

use std::time::Duration;

use kelpgate_core::protocol::{ApiKey, Str};
use kelpgate_core::record::Codec;

use crate::client::consumption::FetchOptions;
use crate::client::member::{MemberOptions, ProtocolOptions};
use crate::client::producer::ProducerOptions;
use crate::faults::FaultKind;
use crate::random::Random;
use crate::run::{ClientPlan, Guest, Plan};

/// The first version of Fetch with leader epochs (KIP-320).
const EPOCHS: i16 = 9;
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
        match joins.and_then(|options| Some((together(&mut shared.last_mut()?.plan)?, options))) {
            Some((members, options)) => members.push(options),
            None => shared.push(guest),
        }
    }
    plan.clients = shared;
}

/// The members of a client that others can join.
fn together(plan: &mut ClientPlan) -> Option<&mut Vec<MemberOptions>> {
    if let ClientPlan::Member(options) = plan
        && is_new(options)
    {
        *plan = ClientPlan::Together(vec![options.clone()]);
    }
    match plan {
        ClientPlan::Together(members) => Some(members),
        _ => None,
    }
}

fn is_new(options: &MemberOptions) -> bool {
    matches!(options.protocol, ProtocolOptions::Consumer(_))
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
