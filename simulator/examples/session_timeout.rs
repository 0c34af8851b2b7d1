//! A member of a group falls silent, and 30 s later its group is empty: in virtual time that takes a millisecond.
//!
//! `cargo run -p kelpgate-simulator --example session_timeout`

use std::error::Error;
use std::time::Duration;

use kelpgate_core::inspect::{GroupKind, GroupView};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use kelpgate_core::protocol::{ErrorCode, Response};
use kelpgate_simulator::server::{Connection, ServerOptions, TestServer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = TestServer::start(ServerOptions::default())?;
    let mut client = server.connect()?;
    // Asking for the coordinator makes the topic that groups are kept in.
    let whom = FindCoordinatorRequest { key: "g".into(), ..Default::default() };
    client.ask(&mut server, 3, whom)?;
    // Version 3 of JoinGroup gives a member its id at once.
    let joined = join(&mut server, &mut client)?;
    println!("after {:?}: {} is in generation {}", server.now(), joined.member_id, joined.generation_id);
    println!("  {}", describe(&server));
    server.advance(Duration::from_secs(31))?;
    println!("after {:?}:", server.now());
    println!("  {}", describe(&server));
    Ok(())
}

/// Joins, until the coordinator has loaded its groups.
fn join(server: &mut TestServer, client: &mut Connection) -> Result<JoinGroupResponse, Box<dyn Error>> {
    loop {
        let range = JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 30_000,
            protocol_type: "consumer".into(),
            protocols: vec![range],
            ..Default::default()
        };
        match client.ask(server, 3, request)? {
            Response::JoinGroup(answer) if answer.error_code == ErrorCode::NONE => return Ok(answer),
            Response::JoinGroup(answer) if answer.error_code.is_retriable() => {
                server.advance(Duration::from_millis(10))?;
            }
            answer => return Err(format!("{answer:?}").into()),
        }
    }
}

/// What the node holds, not what it says over the wire.
fn describe(server: &TestServer) -> String {
    let shards = server.look();
    let group = shards.iter().flat_map(|shard| shard.groups()).find(|group| &*group.id == "g");
    match group {
        Some(GroupView { kind: GroupKind::Classic(group), .. }) => {
            format!("group g is {:?} with {} members", group.phase, group.members.len())
        }
        other => format!("group g: {other:?}"),
    }
}
