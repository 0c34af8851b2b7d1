//! Clients do their work in a world in which nothing goes wrong, and are done once they are told to finish.

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::group::assignor::client::ClientAssignor;
use kelpgate_core::protocol::{ApiKey, Str};
use kelpgate_core::record::Codec;
use kelpgate_log::Sync;
use kelpgate_simulator::check;
use kelpgate_simulator::client::Client;
use kelpgate_simulator::client::administrator::{Administrator, AdministratorOptions, Errand};
use kelpgate_simulator::client::consumption::{EARLIEST, FetchOptions, Position};
use kelpgate_simulator::client::creator::{Creator, NewTopic};
use kelpgate_simulator::client::hostile::{Hostile, HostileOptions, Trick};
use kelpgate_simulator::client::member::{
    ClassicOptions, ConsumerOptions, Member, MemberOptions, ProtocolOptions, Subscription, Versions,
};
use kelpgate_simulator::client::producer::{Producer, ProducerOptions};
use kelpgate_simulator::client::reader::{Reader, ReaderOptions};
use kelpgate_simulator::faults::Swarm;
use kelpgate_simulator::node::{Clock, Node, NodeOptions};
use kelpgate_simulator::random::Random;
use kelpgate_simulator::transcript::Transcript;
use kelpgate_simulator::world::World;

const TOPIC: Str = Str::from_static("t0");

/// Lets the clients work for some seconds, then tells them to finish; says how many answers of each kind there were.
fn work(clients: Vec<Box<dyn Client>>, seconds: u64) -> BTreeMap<ApiKey, u64> {
    let mut random = Random::new(7);
    let mut world =
        World::new(Swarm::calm(), check::all(&Swarm::calm()), Transcript::default(), random.fork());
    let properties = [
        ("group.initial.rebalance.delay.ms", "100"),
        ("group.min.session.timeout.ms", "500"),
        ("group.consumer.min.session.timeout.ms", "500"),
        ("group.consumer.session.timeout.ms", "2000"),
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        ("group.consumer.heartbeat.interval.ms", "300"),
    ];
    let properties = properties.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let options = NodeOptions { shards: 2, properties: properties.collect(), sync: Sync::Disk };
    let clock = Clock { skew: 0, wall: 1_700_000_000_000 };
    let node = world.add_node(Node::new(options, clock, random.fork()));
    let topic = NewTopic { name: TOPIC, partitions: 3, configs: Vec::new() };
    world.add_client(Box::new(Creator::new(vec![topic])), node);
    for client in clients {
        world.add_client(client, node);
    }
    let until = world.now() + Duration::from_secs(seconds);
    world.run_until(until).expect("every promise is kept");
    world.heal().expect("every promise is kept");
    let done = |world: &World| world.clients().all(|seat| seat.client.is_done());
    for _ in 0..200 {
        if done(&world) {
            break;
        }
        let until = world.now() + Duration::from_millis(100);
        world.run_until(until).expect("every promise is kept");
    }
    let late: Vec<String> =
        world.clients().filter(|seat| !seat.client.is_done()).map(|seat| seat.client.name()).collect();
    assert_eq!(late, Vec::<String>::new(), "not done");
    world.answers().clone()
}

fn fetch(version: i16) -> FetchOptions {
    FetchOptions {
        version,
        offsets_version: 7,
        metadata_version: 12,
        metadata_age: Duration::from_secs(1),
        sessions: true,
        committed: false,
        max_wait: Duration::from_millis(200),
        min_bytes: 1,
        max_bytes: 1 << 20,
        work: Duration::from_millis(10),
        ..FetchOptions::default()
    }
}

fn producer(version: i16, idempotent: bool) -> Box<dyn Client> {
    Box::new(Producer::new(ProducerOptions {
        topics: vec![(TOPIC, 3)],
        acks: -1,
        idempotent,
        pause: Duration::from_millis(20),
        in_flight: 3,
        most_records: 5,
        codec: Codec::Lz4,
        linger: Duration::from_millis(5),
        together: true,
        keyed: false,
        clock_step: 1,
        version,
        identity_version: 4,
        fleeting: Vec::new(),
    }))
}

fn member(number: usize, protocol: ProtocolOptions, life: Option<Duration>) -> Box<dyn Client> {
    Box::new(Member::new(MemberOptions {
        group: "g".into(),
        protocol,
        instance: (number == 0).then(|| "i0".into()),
        rebalance_timeout: Duration::from_secs(2),
        fetch: fetch(12),
        commit_every: Duration::from_millis(300),
        falls_behind: false,
        life,
        versions: Versions { find: 4, commit: 9, fetch: 9 },
    }))
}

fn classic(assignors: Vec<ClientAssignor>) -> ProtocolOptions {
    ProtocolOptions::Classic(ClassicOptions {
        topics: vec![TOPIC],
        session_timeout: Duration::from_secs(2),
        heartbeat_every: Duration::from_millis(300),
        assignors,
        join: 9,
        sync: 5,
        heartbeat: 4,
        leave: 5,
        embedded: 3,
    })
}

fn consumer(subscription: Subscription) -> ProtocolOptions {
    ProtocolOptions::Consumer(ConsumerOptions { subscription, assignor: None, version: 1 })
}

#[test]
fn readers_of_every_version_read_what_producers_of_every_version_send() {
    let mut clients: Vec<Box<dyn Client>> = Vec::new();
    for (place, version) in [3, 9, 12, 13].into_iter().enumerate() {
        clients.push(producer(version, place % 2 == 0));
    }
    for version in [4, 7, 11, 12, 13, 16] {
        clients.push(Box::new(Reader::new(ReaderOptions {
            topics: vec![(TOPIC, 3)],
            fetch: fetch(version),
            start: Position::Timestamp(EARLIEST),
            jumps: (version == 16).then(|| Duration::from_millis(500)),
            by_time: false,
            endless: true,
        })));
    }
    let answers = work(clients, 5);
    assert!(answers[&ApiKey::Produce] > 100 && answers[&ApiKey::Fetch] > 100, "{answers:?}");
}

#[test]
fn classic_members_share_and_commit_eager_or_not() {
    for assignors in
        [vec![ClientAssignor::Range, ClientAssignor::RoundRobin], vec![ClientAssignor::CooperativeSticky]]
    {
        let mut clients = vec![producer(9, true)];
        clients.extend((0..4).map(|number| {
            member(number, classic(assignors.clone()), (number > 1).then(|| Duration::from_secs(3)))
        }));
        let answers = work(clients, 20);
        for key in [ApiKey::OffsetCommit, ApiKey::OffsetFetch, ApiKey::Heartbeat, ApiKey::LeaveGroup] {
            assert!(answers.contains_key(&key), "{key:?} in {answers:?}");
        }
    }
}

#[test]
fn members_of_consumer_groups_share_and_commit() {
    for subscription in [Subscription::Names(vec![TOPIC]), Subscription::Regex("t.*".into())] {
        let mut clients = vec![producer(9, true)];
        clients.extend((0..4).map(|number| {
            member(number, consumer(subscription.clone()), (number > 1).then(|| Duration::from_secs(3)))
        }));
        let answers = work(clients, 20);
        assert!(answers[&ApiKey::OffsetCommit] > 10, "{answers:?}");
    }
}

#[test]
fn members_of_both_protocols_share_a_group() {
    let mut clients = vec![producer(9, true)];
    clients.extend((0..4).map(|number| {
        let protocol = match number % 2 {
            0 => classic(vec![ClientAssignor::CooperativeSticky]),
            _ => consumer(Subscription::Names(vec![TOPIC])),
        };
        member(number, protocol, (number > 1).then(|| Duration::from_secs(4)))
    }));
    work(clients, 20);
}

#[test]
fn administrators_and_those_who_mean_no_good_disturb_nobody() {
    let own = NewTopic { name: "own".into(), partitions: 2, configs: Vec::new() };
    let answers = work(
        vec![
            producer(9, true),
            member(0, consumer(Subscription::Names(vec![TOPIC])), None),
            Box::new(Administrator::new(AdministratorOptions {
                errands: Errand::ALL.to_vec(),
                pause: Duration::from_millis(20),
                used: vec![(TOPIC, 3)],
                own: vec![own],
                overshoots: false,
                groups: vec!["g".into()],
            })),
            Box::new(Hostile::new(HostileOptions {
                tricks: Trick::ALL.to_vec(),
                pause: Duration::from_millis(100),
            })),
        ],
        15,
    );
    for key in [
        ApiKey::CreateTopics,
        ApiKey::DeleteTopics,
        ApiKey::CreatePartitions,
        ApiKey::IncrementalAlterConfigs,
        ApiKey::DescribeConfigs,
        ApiKey::DeleteRecords,
        ApiKey::ListGroups,
        ApiKey::DescribeGroups,
        ApiKey::ConsumerGroupDescribe,
        ApiKey::OffsetDelete,
        ApiKey::DeleteGroups,
    ] {
        assert!(answers.contains_key(&key), "{key:?} in {answers:?}");
    }
}
