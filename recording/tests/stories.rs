//! Golden transcripts: recordings of small conversations, in the text that `kelpgate replay` prints.
//!
//! A difference means that the machine does something else than it did, or tells it in other words. If that is meant, run
//! the test with `GOLDEN=write` and look at what changed in `golden/`.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::group::embedded::{ConsumerProtocolAssignment, NamedPartitions, write_assignment};
use kelpgate_core::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_recording::{Limits, Replay, Story, newest_start, transcript};
use support::{Conn, Node, create_topic, produce};

/// Compares with a file in `golden/`, or writes it.
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("GOLDEN").is_ok_and(|wish| wish == "write") {
        return std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of {}", number + 1, path.display());
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "lines of {}", path.display());
}

/// What `kelpgate replay` prints of a recorded node, without numbers of steps, times and files, which are the engine's
/// affair: what concerns connections if `steps`, the story of group `g`, and the group at last.
fn told(node: Node, steps: bool) -> String {
    let folder = node.end();
    let mut replay = Replay::open(&newest_start(&folder.path().join("recordings")).unwrap()).unwrap();
    let mut story = Story::new("g");
    let mut text = String::new();
    while let Some(step) = replay.step().unwrap() {
        if steps {
            let lines = transcript(&step);
            let of_connections = lines.lines().filter_map(|line| match line.strip_prefix("    ") {
                Some(asked) => asked.contains("connection").then_some(asked),
                None => line.find("connection").and_then(|at| line.get(at..)),
            });
            of_connections.for_each(|line| text += &format!("{line}\n"));
        }
        let shard = step.shard;
        let heard: Vec<String> = story.hear(&step).collect();
        let seen = story.see(shard, replay.players().get(usize::from(shard.0)));
        for line in heard.into_iter().chain(seen) {
            let said = line.split_once(" group g: ").map_or(&*line, |(_, said)| said);
            text += &format!("{said}\n");
        }
    }
    let gateways = replay.players().iter().filter_map(|player| player.shard.gateway());
    for group in gateways.filter_map(|gateway| gateway.look_group("g")) {
        text += &format!("{group}\n");
    }
    text
}

fn find_coordinator(node: &mut Node, conn: Conn) {
    node.ask(conn, 3, FindCoordinatorRequest { key: "g".into(), ..Default::default() });
}

fn join_request(member_id: &Str) -> JoinGroupRequest {
    let metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    let range = JoinGroupRequestProtocol { name: "range".into(), metadata, ..Default::default() };
    JoinGroupRequest {
        group_id: "g".into(),
        member_id: member_id.clone(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![range],
        ..Default::default()
    }
}

/// Sends the JoinGroup of a new member, with the id that it is given first.
fn begin_join(node: &mut Node, conn: Conn) -> Str {
    let Response::JoinGroup(given) = node.ask(conn, 5, join_request(&Str::default())) else { panic!() };
    assert_eq!(given.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    node.send(conn, 5, join_request(&given.member_id));
    given.member_id
}

fn joined(node: &mut Node, conn: Conn) -> i32 {
    let Some(Response::JoinGroup(joined)) = node.receive(conn) else { panic!("it has not joined") };
    assert_eq!(joined.error_code, ErrorCode::NONE);
    joined.generation_id
}

/// Partitions of topic `t` as a leader gives them.
fn part(partitions: &[i32]) -> Bytes {
    let topic = NamedPartitions { topic: "t".into(), partitions: partitions.to_vec(), ..Default::default() };
    let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() };
    write_assignment(&assignment, 0).unwrap()
}

fn sync(node: &mut Node, conn: Conn, generation_id: i32, member_id: &Str, parts: &[(&Str, &[i32])]) {
    let one = |(member, partitions): &(&Str, &[i32])| SyncGroupRequestAssignment {
        member_id: (*member).clone(),
        assignment: part(partitions),
        ..Default::default()
    };
    let request = SyncGroupRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.clone(),
        assignments: parts.iter().map(one).collect(),
        ..Default::default()
    };
    node.send(conn, 3, request);
}

fn heartbeat(node: &mut Node, conn: Conn, generation_id: i32, member_id: &Str) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.clone(),
        ..Default::default()
    };
    match node.ask(conn, 3, request) {
        Response::Heartbeat(response) => response.error_code,
        other => panic!("{other:?}"),
    }
}

/// Two members share a topic; one falls silent and comes back too late.
fn classic(shards: u16) -> Node {
    let mut node = Node::start(shards, Limits::default());
    let (first, second) = (node.connect(0), node.connect(usize::from(shards) - 1));
    create_topic(&mut node, first, "t", 2);
    find_coordinator(&mut node, first);
    let (one, other) = (begin_join(&mut node, first), begin_join(&mut node, second));
    node.pass(Duration::from_secs(3));
    let generation = joined(&mut node, first);
    assert_eq!(joined(&mut node, second), generation);
    sync(&mut node, second, generation, &other, &[]);
    sync(&mut node, first, generation, &one, &[(&one, &[0]), (&other, &[1])]);
    assert!(node.receive(first).is_some() && node.receive(second).is_some());
    node.pass(Duration::from_secs(6));
    assert_eq!(heartbeat(&mut node, first, generation, &one), ErrorCode::NONE);
    node.pass(Duration::from_secs(6));
    assert_eq!(heartbeat(&mut node, first, generation, &one), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(heartbeat(&mut node, second, generation, &other), ErrorCode::UNKNOWN_MEMBER_ID);
    node.send(first, 5, join_request(&one));
    let generation = joined(&mut node, first);
    sync(&mut node, first, generation, &one, &[(&one, &[0, 1])]);
    assert!(node.receive(first).is_some());
    node
}

#[test]
fn a_classic_group_and_a_member_that_fell_silent() {
    golden("classic-group.txt", &told(classic(1), false));
}

#[test]
fn the_same_group_on_three_shards() {
    golden("classic-group-3-shards.txt", &told(classic(3), false));
}

fn consume(node: &mut Node, conn: Conn, id: &str, epoch: i32) -> ConsumerGroupHeartbeatResponse {
    let joins = epoch == 0;
    let request = ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: id.into(),
        member_epoch: epoch,
        rebalance_timeout_ms: if joins { 5000 } else { -1 },
        subscribed_topic_names: joins.then(|| vec!["t".into()]),
        topic_partitions: joins.then(Vec::new),
        ..Default::default()
    };
    match node.ask(conn, 1, request) {
        Response::ConsumerGroupHeartbeat(response) => response,
        other => panic!("{other:?}"),
    }
}

/// A member of the new protocol joins another, and claims an epoch that it does not have.
#[test]
fn a_consumer_group_and_a_member_that_is_fenced() {
    let mut node = Node::start(1, Limits::default());
    let conn = node.connect(0);
    create_topic(&mut node, conn, "t", 2);
    find_coordinator(&mut node, conn);
    let epoch = consume(&mut node, conn, "one", 0).member_epoch;
    node.pass(Duration::from_secs(1));
    consume(&mut node, conn, "other", 0);
    node.pass(Duration::from_secs(1));
    consume(&mut node, conn, "one", epoch);
    let fenced = consume(&mut node, conn, "other", 77);
    assert_eq!(fenced.error_code, ErrorCode::FENCED_MEMBER_EPOCH);
    // Nobody speaks any more.
    node.pass(Duration::from_secs(60));
    golden("consumer-group.txt", &told(node, false));
}

/// What a client sees of a node that makes a topic and takes a record.
#[test]
fn the_steps_of_one_record() {
    let mut node = Node::start(1, Limits::default());
    let conn = node.connect(0);
    create_topic(&mut node, conn, "t", 1);
    produce(&mut node, conn, "t", 0, b"hello");
    node.close(conn);
    golden("one-record.txt", &told(node, true));
}
