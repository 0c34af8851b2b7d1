//! What a thousand members of one group on a thousand partitions cost the machine, and what ten thousand groups do:
//! `cargo run --release --bin groups`.
//!
//! The whole machine of one shard is driven in memory, each member over a connection of its own; only the time inside
//! `Gateway::handle` counts. Each figure is the best of some rounds, of which each is a world of its own.

mod classic;
mod consumer;
mod many;
#[allow(dead_code, reason = "the tests of the machine need more of it")]
#[path = "../../../core/tests/support/mod.rs"]
mod support;

use std::time::Duration;

use kelpgate_core::ids::ConnId;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::{ErrorCode, Response, Str};

use crate::support::{Calls, World};

const ROUNDS: usize = 5;
/// Members at first, and partitions.
const COUNT: usize = 1_000;
const GROUP: Str = Str::from_static("g");
const TOPIC: Str = Str::from_static("t");

/// A change of a group and what it cost, from the first request to the last answer.
type Cost = (&'static str, Calls);

fn main() {
    let kinds: [(&str, fn() -> Vec<Cost>); 3] =
        [("classic", classic::round), ("consumer", consumer::round), ("many", many::round)];
    for (kind, round) in kinds {
        let rounds: Vec<Vec<Cost>> = (0..ROUNDS).map(|_| round()).collect();
        for (step, (what, _)) in rounds[0].iter().enumerate() {
            let least = |of: fn(&Calls) -> Duration| rounds.iter().map(|costs| of(&costs[step].1)).min();
            let millis = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1000.0;
            let (total, longest) = (least(|calls| calls.total), least(|calls| calls.longest));
            println!("{kind}, {what}: {:.1} ms, the longest call {:.2} ms", millis(total), millis(longest));
        }
    }
}

/// A node with the topic, and somebody who coordinates groups.
fn node() -> World {
    let mut world = World::new(1);
    world.checks = false;
    let conn = world.connect(0);
    let topic = CreatableTopic {
        name: TOPIC,
        num_partitions: COUNT as i32,
        replication_factor: 1,
        ..Default::default()
    };
    world.ask(conn, 7, CreateTopicsRequest { topics: vec![topic], ..Default::default() });
    let request = FindCoordinatorRequest { key: GROUP, ..Default::default() };
    match world.ask(conn, 3, request) {
        Response::FindCoordinator(found) => assert_eq!(found.error_code, ErrorCode::NONE),
        other => panic!("{other:?}"),
    }
    world
}

/// Connections of members to be.
fn connections(world: &mut World, count: usize) -> Vec<ConnId> {
    (0..count).map(|_| world.connect(0)).collect()
}
