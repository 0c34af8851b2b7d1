//! What can be seen of a machine from outside, and in which words.

#[allow(dead_code, reason = "not every suite needs all of it")]
mod support;

use std::time::Duration;

use kelpgate_core::group::classic::{MemberState, Phase};
use kelpgate_core::ids::ConnId;
use kelpgate_core::inspect::{GroupKind, RequestState, Stage};
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ApiKey, Response, Str};
use support::{World, batch_from};

fn world() -> (World, ConnId) {
    let mut world = World::new(1);
    let conn = world.connect(0);
    let topic =
        CreatableTopic { name: "t".into(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    world.ask(conn, 7, CreateTopicsRequest { topics: vec![topic], ..Default::default() });
    (world, conn)
}

fn produce(first_sequence: i32) -> ProduceRequest {
    let records = Some(Records(batch_from(7, first_sequence, &["a", "b"])));
    let data = PartitionProduceData { index: 0, records, ..Default::default() };
    let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn fetch_at(fetch_offset: i64) -> FetchRequest {
    let partition = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    FetchRequest {
        min_bytes: 1,
        max_wait_ms: 500,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

#[test]
fn an_append_under_way_lies_between_high_watermark_and_end() {
    let (mut world, conn) = world();
    world.ask(conn, 9, produce(0));
    world.engine_answers = false;
    world.send(conn, 9, produce(2));
    let seen = world.gateway(0).look_partition("t", 0).expect("it is open");
    let serving = seen.serving().expect("it serves");
    assert_eq!((serving.log_start, serving.high_watermark, serving.log_end), (0, 2, 4));
    assert_eq!((serving.last_stable_offset, serving.appends, serving.awaiting.len()), (2, 1, 1));
    assert_eq!((serving.producers[0].producer_id, serving.producers[0].last_sequence), (7, 3));
    let text = seen.to_string();
    let expected = "epoch 1 start 0 stable 2 high-watermark 2 end 4 appends 1 parked 0 compacted-to 0\n  \
                    producer 7 epoch 0 sequence 3";
    assert!(text.starts_with("partition t-0 (") && text.ends_with(expected), "{text}");
    let requests = world.gateway(0).look_connection(conn).expect("it is open").requests;
    assert_eq!(requests.len(), 1);
    assert!(matches!(requests[0].state, RequestState::Asked { key: ApiKey::Produce, version: 9, .. }));
}

#[test]
fn a_parked_fetch_is_seen_at_home_and_at_the_owner() {
    let (mut world, conn) = world();
    world.send(conn, 12, fetch_at(0));
    let seen = world.gateway(0).look();
    assert_eq!((seen.stage, seen.counts.parked_fetches, seen.counts.watches), (Stage::Serving, 1, 1));
    assert_eq!(seen.counts.held.total(), seen.connections[0].held.in_flight);
    let text = seen.connections[0].to_string();
    assert!(text.contains("requests [1 Fetch v12 parked until 1.500000"), "{text}");
    world.pass(Duration::from_millis(500));
    let seen = world.gateway(0).look();
    assert_eq!((seen.counts.parked_fetches, seen.counts.watches, seen.counts.requests), (0, 0, 0));
}

#[test]
fn a_group_is_seen_with_who_waits_in_it() {
    let (mut world, conn) = world();
    world.ask(conn, 3, FindCoordinatorRequest { key: "g".into(), ..Default::default() });
    assert_eq!(world.gateway(0).look_group("g"), None);
    let protocols =
        vec![JoinGroupRequestProtocol { name: "range".into(), ..JoinGroupRequestProtocol::default() }];
    let request = |member_id: Str| JoinGroupRequest {
        group_id: "g".into(),
        member_id,
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: protocols.clone(),
        ..Default::default()
    };
    let Response::JoinGroup(answer) = world.ask(conn, 5, request(Str::default())) else { panic!() };
    world.send(conn, 5, request(answer.member_id.clone()));
    let seen = world.gateway(0).look_group("g").expect("it has a member");
    let GroupKind::Classic(classic) = &seen.kind else { panic!("{seen:?}") };
    assert!(matches!(classic.phase, Phase::PreparingRebalance(_)), "{seen}");
    let member = &classic.members[0];
    assert_eq!((&member.id, &classic.leader), (&answer.member_id, &Some(answer.member_id.clone())));
    assert!(matches!(member.state, MemberState::Joining { .. }));
    assert_eq!(world.gateway(0).counts().parked_joins, 1);
    let text = format!("  member {} (client \"test\") joining []", answer.member_id);
    assert_eq!(seen.to_string().lines().nth(1), Some(&*text));
    world.pass(Duration::from_secs(3));
    assert_eq!((world.gateway(0).counts().parked_joins, world.receive(conn).is_some()), (0, true));
}
