//! Conversations about groups with the whole machine: where they live, what is durable when, and what outlives what.

#[allow(dead_code, reason = "not every suite needs all of it")]
mod support;

use std::time::Duration;

use kelpgate_core::ids::ConnId;
use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::delete_groups::DeleteGroupsRequest;
use kelpgate_core::protocol::delete_topics::DeleteTopicsRequest;
use kelpgate_core::protocol::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use kelpgate_core::protocol::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use kelpgate_core::protocol::list_groups::ListGroupsRequest;
use kelpgate_core::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kelpgate_core::protocol::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, Response, Str};
use kelpgate_core::storage::StorageError;
use support::{World, batch};

const TOPIC: &str = "__consumer_offsets";

/// A node with a topic `t` of three partitions, on which somebody has asked for a coordinator.
fn world(shards: u16) -> (World, ConnId) {
    let mut world = World::new(shards);
    let conn = world.connect(0);
    create_topic(&mut world, conn);
    let found = find(&mut world, conn, "g");
    assert_eq!((found.error_code, found.node_id, found.port), (ErrorCode::NONE, 1, 9092));
    (world, conn)
}

fn create_topic(world: &mut World, conn: ConnId) {
    let topic =
        CreatableTopic { name: "t".into(), num_partitions: 3, replication_factor: 1, ..Default::default() };
    world.ask(conn, 7, CreateTopicsRequest { topics: vec![topic], ..Default::default() });
}

fn find(world: &mut World, conn: ConnId, group: &str) -> FindCoordinatorResponse {
    let request = FindCoordinatorRequest { key: group.into(), ..Default::default() };
    match world.ask(conn, 3, request) {
        Response::FindCoordinator(response) => response,
        other => panic!("{other:?}"),
    }
}

fn commit_request(group: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: offset,
        committed_metadata: Some("m".into()),
        ..Default::default()
    };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest { group_id: group.into(), topics: vec![topic], ..Default::default() }
}

fn produce(world: &mut World, conn: ConnId, topic: &str, index: i32, values: &[&str]) -> ErrorCode {
    let data = PartitionProduceData { index, records: Some(Records(batch(values))), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    match world.ask(conn, 9, request) {
        Response::Produce(response) => response.responses[0].partition_responses[0].error_code,
        other => panic!("{other:?}"),
    }
}

fn committed(response: Option<Response>) -> ErrorCode {
    match response {
        Some(Response::OffsetCommit(response)) => response.topics[0].partitions[0].error_code,
        other => panic!("{other:?}"),
    }
}

fn commit(world: &mut World, conn: ConnId, group: &str, partition: i32, offset: i64) -> ErrorCode {
    let response = world.ask(conn, 8, commit_request(group, partition, offset));
    committed(Some(response))
}

fn fetch_request(groups: &[&str]) -> OffsetFetchRequest {
    let one = |group: &&str| OffsetFetchRequestGroup {
        group_id: (*group).into(),
        topics: Some(vec![OffsetFetchRequestTopics {
            name: "t".into(),
            partition_indexes: vec![0, 1, 2],
            ..Default::default()
        }]),
        ..Default::default()
    };
    OffsetFetchRequest { groups: groups.iter().map(one).collect(), ..Default::default() }
}

/// The offsets of partitions 0 to 2 of each group.
fn fetched(response: Option<Response>) -> Vec<(ErrorCode, Vec<i64>)> {
    let Some(Response::OffsetFetch(response)) = response else { panic!("{response:?}") };
    let offsets = |group: &kelpgate_core::protocol::offset_fetch::OffsetFetchResponseGroup| {
        let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.committed_offset).collect()
    };
    response.groups.iter().map(|group| (group.error_code, offsets(group))).collect()
}

fn fetch(world: &mut World, conn: ConnId, group: &str) -> Vec<i64> {
    let response = world.ask(conn, 8, fetch_request(&[group]));
    let [(ErrorCode::NONE, offsets)] = &fetched(Some(response))[..] else { panic!("an error") };
    offsets.clone()
}

fn join_request(group: &str, member: &Str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: bytes::Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
        ..Default::default()
    };
    JoinGroupRequest {
        group_id: group.into(),
        member_id: member.clone(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    }
}

fn joined(response: Option<Response>) -> JoinGroupResponse {
    match response {
        Some(Response::JoinGroup(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// Sends the JoinGroup of a member with the id it is given first.
fn begin_join(world: &mut World, conn: ConnId, group: &str) -> Str {
    let response = world.ask(conn, 5, join_request(group, &Str::default()));
    let response = joined(Some(response));
    assert_eq!(response.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    world.send(conn, 5, join_request(group, &response.member_id));
    response.member_id
}

fn sync_request(group: &str, generation_id: i32, member: &Str, parts: &[(&Str, &str)]) -> SyncGroupRequest {
    let part = |(member, part): &(&Str, &str)| SyncGroupRequestAssignment {
        member_id: (*member).clone(),
        assignment: bytes::Bytes::copy_from_slice(part.as_bytes()),
        ..Default::default()
    };
    SyncGroupRequest {
        group_id: group.into(),
        generation_id,
        member_id: member.clone(),
        assignments: parts.iter().map(part).collect(),
        ..Default::default()
    }
}

fn synced(response: Option<Response>) -> SyncGroupResponse {
    match response {
        Some(Response::SyncGroup(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// A group of one member, stable, with this assignment.
fn form(world: &mut World, conn: ConnId, group: &str, part: &str) -> (Str, i32) {
    let member = begin_join(world, conn, group);
    world.pass(Duration::from_secs(3));
    let response = joined(world.receive(conn));
    assert_eq!((response.error_code, &response.leader), (ErrorCode::NONE, &member));
    let request = sync_request(group, response.generation_id, &member, &[(&member, part)]);
    let answer = world.ask(conn, 3, request);
    assert_eq!(synced(Some(answer)).assignment, part);
    (member, response.generation_id)
}

fn heartbeat(world: &mut World, conn: ConnId, group: &str, generation_id: i32, member: &Str) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: group.into(),
        generation_id,
        member_id: member.clone(),
        ..Default::default()
    };
    match world.ask(conn, 3, request) {
        Response::Heartbeat(response) => response.error_code,
        other => panic!("{other:?}"),
    }
}

fn describe(world: &mut World, conn: ConnId, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    match world.ask(conn, 6, request) {
        Response::DescribeGroups(mut response) => response.groups.remove(0),
        other => panic!("{other:?}"),
    }
}

fn list(world: &mut World, conn: ConnId, states: &[&str]) -> Vec<(String, String)> {
    let states_filter = states.iter().map(|state| Str::from(*state)).collect();
    let Response::ListGroups(response) =
        world.ask(conn, 5, ListGroupsRequest { states_filter, ..Default::default() })
    else {
        panic!()
    };
    assert_eq!(response.error_code, ErrorCode::NONE);
    let line = |group: kelpgate_core::protocol::list_groups::ListedGroup| {
        (group.group_id.to_string(), group.group_state.to_string())
    };
    response.groups.into_iter().map(line).collect()
}

#[test]
fn a_coordinator_is_found_for_one_key_and_for_many() {
    let (mut world, conn) = world(2);
    let request =
        FindCoordinatorRequest { coordinator_keys: vec!["a".into(), "b".into()], ..Default::default() };
    let Response::FindCoordinator(response) = world.ask(conn, 4, request) else { panic!() };
    let found: Vec<_> =
        response.coordinators.iter().map(|one| (one.key.as_str(), one.node_id, one.error_code)).collect();
    assert_eq!(found, [("a", 1, ErrorCode::NONE), ("b", 1, ErrorCode::NONE)]);
    let share = FindCoordinatorRequest { key: "a".into(), key_type: 2, ..Default::default() };
    let Response::FindCoordinator(response) = world.ask(conn, 3, share) else { panic!() };
    assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST);
}

#[test]
fn an_offset_is_answered_once_it_is_durable_and_not_seen_before() {
    let (mut world, conn) = world(1);
    let reader = world.connect(0);
    world.engine_answers = false;
    world.send(conn, 8, commit_request("g", 1, 7));
    world.send(reader, 8, fetch_request(&["g"]));
    assert!(world.receive(conn).is_none());
    assert!(world.receive(reader).is_none(), "what is not durable was told");
    world.engine_answers = true;
    world.settle();
    assert_eq!(committed(world.receive(conn)), ErrorCode::NONE);
    assert_eq!(fetched(world.receive(reader)), [(ErrorCode::NONE, vec![-1, 7, -1])]);
}

#[test]
fn offsets_and_groups_survive_a_restart_with_any_number_of_shards() {
    for shards in [1, 3] {
        let (mut world, conn) = world(shards);
        assert_eq!(commit(&mut world, conn, "simple", 0, 5), ErrorCode::NONE);
        assert_eq!(commit(&mut world, conn, "simple", 0, 6), ErrorCode::NONE);
        let (member, generation) = form(&mut world, conn, "g", "part");
        let mut world = World::with(shards, &[], world.into_engines());
        let conn = world.connect(usize::from(shards) - 1);
        assert_eq!(fetch(&mut world, conn, "simple"), [6, -1, -1]);
        assert_eq!(heartbeat(&mut world, conn, "g", generation, &member), ErrorCode::NONE);
        let described = describe(&mut world, conn, "g");
        assert_eq!((described.group_state.as_str(), described.members.len()), ("Stable", 1));
        assert_eq!(described.members[0].member_assignment, "part");
        let answer = world.ask(conn, 3, sync_request("g", generation, &member, &[]));
        assert_eq!(synced(Some(answer)).assignment, "part");
    }
}

#[test]
fn who_waits_for_a_slow_disk_is_told_to_ask_again() {
    let (mut world, conn) = world(1);
    world.engine_answers = false;
    world.send(conn, 8, commit_request("g", 1, 7));
    world.pass(Duration::from_millis(4999));
    assert!(world.receive(conn).is_none());
    world.pass(Duration::from_millis(1));
    assert_eq!(committed(world.receive(conn)), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    world.engine_answers = true;
    world.settle();
    assert_eq!(fetch(&mut world, conn, "g"), [-1, 7, -1]);
}

#[test]
fn a_failed_append_undoes_what_nobody_was_told() {
    let (mut world, conn) = world(1);
    assert_eq!(commit(&mut world, conn, "g", 0, 5), ErrorCode::NONE);
    let (member, generation) = form(&mut world, conn, "members", "part");
    world.engine(0).fail_appends = Some(StorageError::Full);
    assert_eq!(commit(&mut world, conn, "g", 0, 9), ErrorCode::NOT_COORDINATOR);
    world.engine(0).fail_appends = None;
    world.pass(Duration::from_secs(1));
    assert_eq!(fetch(&mut world, conn, "g"), [5, -1, -1]);
    assert_eq!(heartbeat(&mut world, conn, "members", generation, &member), ErrorCode::NONE);
    assert_eq!(commit(&mut world, conn, "g", 0, 10), ErrorCode::NONE);
    assert_eq!(fetch(&mut world, conn, "g"), [10, -1, -1]);
}

#[test]
fn a_deleted_group_is_not_missed_before_that_is_durable() {
    let (mut world, conn) = world(1);
    let reader = world.connect(0);
    assert_eq!(commit(&mut world, conn, "g", 0, 5), ErrorCode::NONE);
    world.engine_answers = false;
    world.send(conn, 2, DeleteGroupsRequest { groups_names: vec!["g".into()], ..Default::default() });
    world.send(reader, 8, fetch_request(&["g"]));
    assert!(world.receive(reader).is_none());
    world.engine_answers = true;
    world.settle();
    assert_eq!(fetched(world.receive(reader)), [(ErrorCode::NONE, vec![-1, -1, -1])]);
}

#[test]
fn offsets_that_do_not_fit_the_log_are_not_kept() {
    let (mut world, conn) = world(1);
    assert_eq!(commit(&mut world, conn, "g", 0, 5), ErrorCode::NONE);
    limit_records(&mut world, conn, "100");
    let mut request = commit_request("g", 0, 6);
    request.topics[0].partitions[0].committed_metadata = Some("m".repeat(200).as_str().into());
    let response = world.ask(conn, 8, request);
    assert_eq!(committed(Some(response)), ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(fetch(&mut world, conn, "g"), [5, -1, -1]);
}

#[test]
fn while_groups_are_loaded_clients_are_asked_for_patience() {
    let (mut world, conn) = world(1);
    let (member, generation) = form(&mut world, conn, "g", "part");
    world.engine_answers = false;
    world.engine(0).fail_appends = Some(StorageError::Full);
    let as_member = OffsetCommitRequest {
        member_id: member.clone(),
        generation_id_or_member_epoch: generation,
        ..commit_request("g", 0, 9)
    };
    world.send(conn, 8, as_member);
    assert!(world.let_go(0), "the append is answered");
    world.settle();
    assert_eq!(committed(world.receive(conn)), ErrorCode::NOT_COORDINATOR);
    world.send(conn, 8, fetch_request(&["g"]));
    assert_eq!(fetched(world.receive(conn)), [(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, vec![])]);
    // A member that only says it is alive need not know.
    assert_eq!(heartbeat(&mut world, conn, "g", generation, &member), ErrorCode::NONE);
    world.engine(0).fail_appends = None;
    world.engine_answers = true;
    world.settle();
    assert_eq!(fetch(&mut world, conn, "g"), [-1, -1, -1]);
    assert_eq!(heartbeat(&mut world, conn, "g", generation, &member), ErrorCode::NONE);
}

#[test]
fn two_members_share_and_one_leaves() {
    for shards in [1, 3] {
        let (mut world, one) = world(shards);
        let two = world.connect(usize::from(shards) - 1);
        let first = begin_join(&mut world, one, "g");
        let second = begin_join(&mut world, two, "g");
        world.pass(Duration::from_secs(3));
        let (leader, follower) = (joined(world.receive(one)), joined(world.receive(two)));
        assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
        assert_eq!(follower.leader, first);
        // The follower waits for the leader: it never gets an empty stand-in.
        world.send(two, 3, sync_request("g", follower.generation_id, &second, &[]));
        assert!(world.receive(two).is_none());
        let parts = [(&first, "a"), (&second, "b")];
        let answer = world.ask(one, 3, sync_request("g", leader.generation_id, &first, &parts));
        assert_eq!(synced(Some(answer)).assignment, "a");
        assert_eq!(synced(world.receive(two)).assignment, "b");
        let leaver = MemberIdentity { member_id: second.clone(), ..Default::default() };
        let request = LeaveGroupRequest { group_id: "g".into(), members: vec![leaver], ..Default::default() };
        let Response::LeaveGroup(response) = world.ask(two, 3, request) else { panic!() };
        assert_eq!(response.members[0].error_code, ErrorCode::NONE);
        let rebalance = heartbeat(&mut world, one, "g", leader.generation_id, &first);
        assert_eq!(rebalance, ErrorCode::REBALANCE_IN_PROGRESS);
    }
}

#[test]
fn groups_of_all_shards_are_listed_and_deleted() {
    let (mut world, conn) = world(3);
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        assert_eq!(commit(&mut world, conn, name, 0, 1), ErrorCode::NONE);
    }
    form(&mut world, conn, "live", "part");
    assert_eq!(list(&mut world, conn, &[]).len(), 6);
    assert_eq!(list(&mut world, conn, &[" stable "]), [("live".to_string(), "Stable".to_string())]);
    let groups_names = vec!["a".into(), "live".into(), "never".into()];
    let Response::DeleteGroups(response) =
        world.ask(conn, 2, DeleteGroupsRequest { groups_names, ..Default::default() })
    else {
        panic!()
    };
    let codes: Vec<_> = response.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::NON_EMPTY_GROUP, ErrorCode::GROUP_ID_NOT_FOUND]);
    assert_eq!(fetch(&mut world, conn, "a"), [-1, -1, -1]);
    let mut world = World::with(3, &[], world.into_engines());
    let conn = world.connect(0);
    assert_eq!(list(&mut world, conn, &["empty"]).len(), 4);
}

#[test]
fn offsets_go_with_their_topic_and_with_time() {
    let (mut world, conn) = world(1);
    assert_eq!(commit(&mut world, conn, "g", 0, 5), ErrorCode::NONE);
    let request =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    world.ask(conn, 3, request);
    create_topic(&mut world, conn);
    assert_eq!(fetch(&mut world, conn, "g"), [-1, -1, -1], "offsets of a topic that is gone");
    assert_eq!(commit(&mut world, conn, "g", 0, 6), ErrorCode::NONE);
    // Just short of a week, looked at every ten minutes.
    world.pass(Duration::from_secs(7 * 24 * 3600 - 1));
    let conn = world.connect(0);
    assert_eq!(fetch(&mut world, conn, "g"), [6, -1, -1]);
    world.pass(Duration::from_secs(700));
    let conn = world.connect(0);
    assert_eq!(fetch(&mut world, conn, "g"), [-1, -1, -1]);
    assert_eq!(list(&mut world, conn, &[]), []);
}

/// More groups than take part in anything in one turn.
const MANY: usize = 700;

/// So many groups that have committed an offset, and the topic they did it for is gone.
fn many_groups_lose_their_topic() -> (World, ConnId) {
    let (mut world, conn) = world(1);
    for number in 0..MANY {
        assert_eq!(commit(&mut world, conn, &format!("g-{number}"), 0, 5), ErrorCode::NONE);
    }
    let request =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    world.ask(conn, 3, request);
    (world, conn)
}

#[test]
fn many_groups_forget_a_topic_in_many_turns_and_nobody_sees_it_meanwhile() {
    let (mut world, conn) = many_groups_lose_their_topic();
    create_topic(&mut world, conn);
    let known = |world: &World| {
        world.gateway(0).look().coordinators.iter().map(|coordinator| coordinator.groups.len()).sum::<usize>()
    };
    let mut before = known(&world);
    assert!(before > MANY / 2, "{before} are left: too many were forgotten in one turn");
    assert_eq!(commit(&mut world, conn, "g-1", 1, 7), ErrorCode::NONE);
    for number in [0, 1, MANY - 1] {
        let expected = [-1, if number == 1 { 7 } else { -1 }, -1];
        assert_eq!(fetch(&mut world, conn, &format!("g-{number}")), expected);
    }
    while before > 1 {
        world.turn();
        let now = known(&world);
        assert!(now < before && before - now <= 256, "{before} became {now}");
        before = now;
    }
    assert_eq!(fetch(&mut world, conn, "g-1"), [-1, 7, -1]);
    assert_eq!(list(&mut world, conn, &[]).len(), 1);
}

#[test]
fn what_was_to_be_forgotten_at_a_crash_is_not_there_after_it() {
    let (world, _) = many_groups_lose_their_topic();
    let mut world = World::with(2, &[], world.into_engines());
    let conn = world.connect(1);
    create_topic(&mut world, conn);
    for number in [0, MANY - 1] {
        assert_eq!(fetch(&mut world, conn, &format!("g-{number}")), [-1, -1, -1]);
    }
    assert_eq!(list(&mut world, conn, &[]), []);
}

#[test]
fn many_who_wait_are_sent_away_in_many_turns() {
    let (mut world, conn) = world(1);
    let conns: Vec<ConnId> = (0..MANY).map(|_| world.connect(0)).collect();
    for (number, conn) in conns.iter().enumerate() {
        let request = join_request(&format!("g-{number}"), &Str::default());
        world.send(*conn, 3, request);
    }
    assert_eq!(commit(&mut world, conn, "h", 0, 5), ErrorCode::NONE);
    world.stop_at_once();
    assert!(!world.is_drained());
    let mut answered = 0;
    while !world.is_drained() {
        let now = conns.iter().filter(|conn| world.receive(**conn).is_some()).count();
        assert!(now <= 256, "{now} were sent away in one turn");
        answered += now;
        world.turn();
    }
    answered += conns.iter().filter(|conn| world.receive(**conn).is_some()).count();
    assert_eq!(answered, MANY);
}

#[test]
fn a_stop_sends_who_waits_away() {
    let (mut world, conn) = world(2);
    let other = world.connect(1);
    begin_join(&mut world, conn, "g");
    begin_join(&mut world, other, "g");
    world.stop();
    assert_eq!(joined(world.receive(conn)).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(joined(world.receive(other)).error_code, ErrorCode::NOT_COORDINATOR);
    assert!(world.is_drained());
}

#[test]
fn lag_is_known_at_any_moment_and_never_negative() {
    for shards in [1, 3] {
        let (mut world, conn) = world(shards);
        assert_eq!(produce(&mut world, conn, "t", 1, &["a", "b", "c"]), ErrorCode::NONE);
        for (group, partition, offset) in [("g", 1, 1), ("g", 2, 9), ("h", 1, 3)] {
            assert_eq!(commit(&mut world, conn, group, partition, offset), ErrorCode::NONE);
        }
        let AdminAnswer::GroupLag(lags) = world.inquire(usize::from(shards) - 1, AdminQuestion::GroupLag);
        let lags = lags.expect("groups are loaded");
        let lags: Vec<_> =
            lags.iter().map(|lag| (lag.group.as_str(), lag.partition, lag.end, lag.lag)).collect();
        assert_eq!(lags, [("g", 1, 3, 2), ("g", 2, 0, 0), ("h", 1, 3, 0)]);
    }
}

#[test]
fn clients_cannot_write_what_coordinators_keep() {
    let (mut world, conn) = world(1);
    let code = produce(&mut world, conn, TOPIC, 0, &["v"]);
    assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn an_assignment_that_the_log_refuses_starts_the_group_over() {
    let (mut world, conn) = world(1);
    limit_records(&mut world, conn, "400");
    let member = begin_join(&mut world, conn, "g");
    world.pass(Duration::from_secs(3));
    let generation = joined(world.receive(conn)).generation_id;
    let large = "x".repeat(500);
    let answer = world.ask(conn, 3, sync_request("g", generation, &member, &[(&member, &large)]));
    assert_eq!(synced(Some(answer)).error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(heartbeat(&mut world, conn, "g", generation, &member), ErrorCode::REBALANCE_IN_PROGRESS);
    limit_records(&mut world, conn, "100000");
    world.send(conn, 5, join_request("g", &member));
    let response = joined(world.receive(conn));
    assert_eq!(response.generation_id, generation + 1);
    let answer = world.ask(conn, 3, sync_request("g", generation + 1, &member, &[(&member, &large)]));
    assert_eq!(synced(Some(answer)).assignment, large);
}

fn limit_records(world: &mut World, conn: ConnId, bytes: &str) {
    let config =
        AlterableConfig { name: "max.message.bytes".into(), value: Some(bytes.into()), ..Default::default() };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: TOPIC.into(),
        configs: vec![config],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let Response::IncrementalAlterConfigs(response) = world.ask(conn, 1, request) else { panic!() };
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
}
