//! One log over a SeaweedFS without faults.

mod support;

use std::time::Duration;

use kelpgate_core::storage::{StorageCommand, StorageReply};
use support::{QUIET, World, append, batch, log};

#[test]
fn a_log_never_written_to_is_empty_and_leaves_nothing() {
    let mut world = World::new(1, QUIET);
    let opened = world.open(log(0));
    assert_eq!((opened.start, opened.end, opened.active, opened.snapshot), (0, 0, None, None));
    assert_eq!(world.model.filer.paths().count(), 0);
}

#[test]
fn what_is_appended_is_read_from_memory_and_from_log_files() {
    let mut world = World::new(2, QUIET);
    world.open(log(1));
    let mut expected = Vec::new();
    for number in 0..50 {
        let append = append(number * 10, 10, number % 2 == 0, 700);
        expected.extend_from_slice(&append.batches.concat());
        assert_eq!(world.append(log(1), append), Ok(StorageReply::Appended));
    }
    assert_eq!(world.read_all(log(1), 0, 500, 2000), expected);
    // Brokers write out, that is read back, the write-ahead goes.
    world.pass(Duration::from_secs(90));
    assert_eq!(world.engine.memory().0, 0, "{:?}", world.notes);
    let left: Vec<String> =
        world.model.filer.paths().filter(|path| path.contains("/wal/")).map(String::from).collect();
    assert!(left.is_empty(), "{left:?}");

    world.restart();
    let opened = world.open(log(1));
    assert_eq!((opened.start, opened.end), (0, 500));
    assert_eq!(world.read_all(log(1), 0, 500, 5000), expected);
    assert_eq!(world.read(log(1), 125, 129, 1).len(), 0, "the batch ends past what may be read");
    assert_eq!(world.read(log(1), 125, 140, 1), batch(120, 10, 1120, 700, 120));
}

#[test]
fn a_clean_stop_leaves_all_in_log_files() {
    let mut world = World::new(3, QUIET);
    world.open(log(0));
    for number in 0..20 {
        world.append(log(0), append(number, 1, false, 100)).expect("appended");
    }
    world.restart_cleanly();
    assert_eq!(world.model.broker.unwritten(), 0);
    let before = world.model.carried_out;
    assert_eq!(world.open(log(0)).end, 20);
    assert!(world.model.carried_out - before < 10, "nothing is flushed or read again");
    assert_eq!(world.read_all(log(0), 0, 20, 300).len(), 20 * 161);
}

#[test]
fn times_are_found_in_memory_and_in_files() {
    let mut world = World::new(4, QUIET);
    world.open(log(0));
    for number in 0..100 {
        world.append(log(0), append(number * 2, 2, true, 5000)).expect("appended");
    }
    for _ in 0..2 {
        let find = |from, until, at_least| StorageCommand::FindTime { log: log(0), from, until, at_least };
        let expect = |base: i64| Some(batch(base, 2, 1000 + base, 5000, base as u64));
        assert_eq!(world.run(find(0, 200, 1051)), Ok(StorageReply::FoundTime(expect(52))));
        assert_eq!(world.run(find(100, 200, 0)), Ok(StorageReply::FoundTime(expect(100))));
        assert_eq!(world.run(find(0, 52, 1051)), Ok(StorageReply::FoundTime(None)));
        assert_eq!(world.run(find(0, 200, 5000)), Ok(StorageReply::FoundTime(None)));
        let max = |from, until| StorageCommand::FindMaxTime { log: log(0), from, until };
        assert_eq!(world.run(max(0, 200)), Ok(StorageReply::FoundMaxTime(expect(198))));
        assert_eq!(world.run(max(0, 101)), Ok(StorageReply::FoundMaxTime(expect(100))));
        assert_eq!(world.run(max(200, 200)), Ok(StorageReply::FoundMaxTime(None)));
        world.restart_cleanly();
        world.open(log(0));
    }
}
