//! Ten thousand groups: what is done to all of them at once.

use std::time::Duration;

use kelpgate_core::ids::ConnId;
use kelpgate_core::protocol::delete_topics::DeleteTopicsRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kelpgate_core::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kelpgate_core::protocol::{ErrorCode, Response, Str};

use crate::support::{Calls, World};
use crate::{Cost, TOPIC, connections, node};

const GROUPS: usize = 10_000;

/// All have committed an offset of a topic, which is deleted. All have a member that waits when the node stops.
pub fn round() -> Vec<Cost> {
    let mut world = node();
    let conns = connections(&mut world, GROUPS);
    let commit = cost("10,000 groups commit an offset", &mut world, |world| {
        conns.iter().enumerate().for_each(|(number, conn)| commit(world, *conn, number));
    });
    let delete = cost("their topic is deleted", &mut world, |world| {
        let request =
            DeleteTopicsRequest { topic_names: vec![TOPIC], timeout_ms: 1000, ..Default::default() };
        match world.ask(conns[0], 4, request) {
            Response::DeleteTopics(deleted) => assert_eq!(deleted.responses[0].error_code, ErrorCode::NONE),
            other => panic!("{other:?}"),
        }
        // Groups forget their offsets turn by turn.
        world.pass(Duration::ZERO);
    });
    let join = cost("10,000 groups get a member each", &mut world, |world| {
        conns.iter().enumerate().for_each(|(number, conn)| world.send(*conn, 3, join(number)));
    });
    let stop = cost("the node stops while they wait", &mut world, |world| {
        world.stop();
        assert!(conns.iter().all(|conn| world.receive(*conn).is_some()));
    });
    vec![commit, delete, join, stop]
}

fn cost(what: &'static str, world: &mut World, change: impl FnOnce(&mut World)) -> Cost {
    world.calls = Calls::default();
    change(world);
    (what, world.calls)
}

fn group(number: usize) -> Str {
    Str::from(format!("g-{number}"))
}

fn commit(world: &mut World, conn: ConnId, number: usize) {
    let partition = OffsetCommitRequestPartition { committed_offset: 1, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: TOPIC, partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: group(number),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    match world.ask(conn, 8, request) {
        Response::OffsetCommit(done) => {
            assert_eq!(done.topics[0].partitions[0].error_code, ErrorCode::NONE);
        }
        other => panic!("{other:?}"),
    }
}

fn join(number: usize) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
    JoinGroupRequest {
        group_id: group(number),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "test".into(),
        protocols: vec![protocol],
        ..Default::default()
    }
}
