//! What SeaweedMQ was seen to lose (seaweedmq.md, section 7), and that nobody notices: with the gateway alive nothing is
//! lost at all; when it ends as well, what was acknowledged as durable is there.

mod support;

use std::time::Duration;

use kelpgate_core::storage::StorageReply;
use support::{QUIET, World, append, log};

/// Appends of one record each, acknowledged; all their bytes.
fn append_many(world: &mut World, from: i64, until: i64, durable: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for base in from..until {
        let append = append(base, 1, durable, 60);
        bytes.extend_from_slice(&append.batches.concat());
        assert_eq!(world.append(log(0), append), Ok(StorageReply::Appended), "{:?}", world.notes);
    }
    bytes
}

fn kill_and_start_broker(world: &mut World) {
    world.model.kill_broker();
    world.pass(Duration::from_millis(500));
    world.model.start_broker();
}

/// Everything is there, and again after a restart of the gateway, from log files.
fn all_is_there(world: &mut World, expected: &[u8], end: i64) {
    assert!(world.read_all(log(0), 0, end, 4000) == expected, "from memory");
    world.pass(Duration::from_secs(120));
    assert_eq!(world.engine.memory().0, 0, "log files hold everything; {:?}", world.notes);
    world.restart();
    assert_eq!(world.open(log(0)).end, end, "{:?}", world.notes);
    assert!(world.read_all(log(0), 0, end, 4000) == expected, "from log files");
}

#[test]
fn acked_then_broker_ends_all_lost_and_offsets_restart() {
    for durable in [false, true] {
        let mut world = World::new(1, QUIET);
        world.open(log(0));
        let expected = append_many(&mut world, 0, 300, durable);
        assert!(world.model.broker.unwritten() > 0);
        kill_and_start_broker(&mut world);
        assert_eq!(world.model.broker.unwritten(), 0, "it forgot all");
        all_is_there(&mut world, &expected, 300);
    }
}

#[test]
fn acked_then_broker_and_gateway_end_only_what_was_durable_is_left() {
    let mut world = World::new(2, QUIET);
    world.open(log(0));
    let mut expected = append_many(&mut world, 0, 50, false);
    expected.extend(append_many(&mut world, 50, 51, true));
    append_many(&mut world, 51, 100, false);
    world.model.kill_broker();
    world.restart();
    world.model.start_broker();
    assert_eq!(world.open(log(0)).end, 51, "a durable append covers what was before it");
    all_is_there(&mut world, &expected, 51);
}

#[test]
fn flushed_by_close_then_killed_offsets_are_used_twice() {
    let mut world = World::new(3, QUIET);
    world.open(log(0));
    let mut expected = Vec::new();
    for round in 0..3 {
        expected.extend(append_many(&mut world, round * 20, round * 20 + 20, true));
        world.restart_cleanly();
        kill_and_start_broker(&mut world);
        assert_eq!(world.open(log(0)).end, round * 20 + 20);
    }
    all_is_there(&mut world, &expected, 60);
}

#[test]
fn only_one_flush_then_broker_restarts() {
    let mut world = World::new(4, QUIET);
    world.open(log(0));
    let expected = append_many(&mut world, 0, 100, false);
    world.pass(Duration::from_secs(8));
    assert_eq!(world.model.broker.unwritten(), 0);
    kill_and_start_broker(&mut world);
    all_is_there(&mut world, &expected, 100);
}

#[test]
fn only_one_flush_then_new_publishes() {
    let mut world = World::new(5, QUIET);
    world.open(log(0));
    let mut expected = append_many(&mut world, 0, 100, false);
    world.pass(Duration::from_secs(8));
    kill_and_start_broker(&mut world);
    expected.extend(append_many(&mut world, 100, 200, false));
    all_is_there(&mut world, &expected, 200);
}

#[test]
fn flushed_then_acked_then_killed_leaves_a_hole() {
    let mut world = World::new(6, QUIET);
    world.open(log(0));
    let mut expected = append_many(&mut world, 0, 100, false);
    world.pass(Duration::from_secs(8));
    expected.extend(append_many(&mut world, 100, 150, false));
    kill_and_start_broker(&mut world);
    expected.extend(append_many(&mut world, 150, 200, false));
    all_is_there(&mut world, &expected, 200);
}

#[test]
fn flushed_twice_then_killed_all_readable() {
    let mut world = World::new(7, QUIET);
    world.open(log(0));
    let mut expected = append_many(&mut world, 0, 50, true);
    world.pass(Duration::from_secs(8));
    expected.extend(append_many(&mut world, 50, 100, true));
    world.pass(Duration::from_secs(8));
    kill_and_start_broker(&mut world);
    all_is_there(&mut world, &expected, 100);
}

#[test]
fn streams_that_break_are_opened_again_and_copies_are_read_once() {
    let mut world = World::new(8, QUIET);
    world.open(log(0));
    let mut expected = Vec::new();
    for round in 0..10 {
        expected.extend(append_many(&mut world, round * 10, round * 10 + 10, round % 2 == 0));
        world.model.broker.drop_streams();
    }
    all_is_there(&mut world, &expected, 100);
}

#[test]
fn a_filer_that_loses_what_was_not_synced_loses_nothing_durable() {
    let mut world = World::new(9, QUIET);
    world.open(log(0));
    let expected = append_many(&mut world, 0, 100, true);
    // Log files hold all, unsynced; the write-ahead lingers for that.
    world.pass(Duration::from_secs(10));
    assert_eq!(world.engine.memory().0, 0);
    world.restart();
    world.model.kill_filer(world.now, true);
    world.model.start_filer();
    assert_eq!(world.open(log(0)).end, 100, "{:?}", world.notes);
    all_is_there(&mut world, &expected, 100);
}

#[test]
fn without_a_broker_durable_appends_go_on_and_others_wait() {
    let mut world = World::new(10, QUIET);
    world.open(log(0));
    let mut expected = append_many(&mut world, 0, 10, false);
    world.model.kill_broker();
    expected.extend(append_many(&mut world, 10, 20, true));
    let waiting = append(20, 1, false, 60);
    expected.extend_from_slice(&waiting.batches.concat());
    let ticket =
        world.submit(kelpgate_core::storage::StorageCommand::Append { log: log(0), append: waiting });
    world.pass(Duration::from_secs(20));
    assert_eq!(world.take(ticket), None);
    world.model.start_broker();
    assert_eq!(world.wait(ticket), Ok(StorageReply::Appended));
    all_is_there(&mut world, &expected, 21);
}
