//! What a log does on a disk where nothing goes wrong.

mod support;

use bytes::Bytes;
use kelpgate_core::storage::{Snapshot, StorageCommand, StorageError, StorageReply};
use kelpgate_simulator::disk::{SimDisk, Survives};
use kelpgate_simulator::random::Random;
use support::batch::{append, rolling};
use support::drive::{Node, log_id};

fn start() -> Node {
    Node::start(SimDisk::default(), 1, 1, |_| {})
}

fn append_ok(node: &mut Node, number: u32, append: kelpgate_core::storage::Append) {
    let log = log_id(number);
    let answer = node.run(log, StorageCommand::Append { log, append });
    assert_eq!(answer, Ok(StorageReply::Appended));
}

#[test]
fn a_log_never_heard_of_is_empty() {
    let mut node = start();
    let log = log_id(0);
    let StorageReply::Opened(opened) =
        node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 }).unwrap()
    else {
        panic!()
    };
    assert_eq!((opened.start, opened.end, opened.active, opened.snapshot), (0, 0, None, None));
    assert_eq!(node.read(log, 0), Ok(Vec::new()));
    assert_eq!(node.run(log, StorageCommand::List), Ok(StorageReply::Listed(Vec::new())));
}

#[test]
fn what_was_appended_is_read_from_memory_and_after_a_restart_from_segments() {
    let mut node = start();
    let mut expected = Vec::new();
    for at in 0..50 {
        let next = if at % 10 == 0 { rolling(at * 3, 3, at, 500) } else { append(at * 3, 3, at, 500) };
        expected.extend_from_slice(&next.batches.concat());
        append_ok(&mut node, 1, next);
    }
    let log = log_id(1);
    assert!(node.read(log, 0).unwrap() == expected);
    let disk = node.stop();
    assert!(!disk.files().keys().any(|path| path.starts_with("journal/")), "{:?}", disk.files());
    let mut node = Node::start(disk, 3, 2, |_| {});
    assert!(node.read(log, 0).unwrap() == expected);
    let StorageReply::Opened(opened) =
        node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 }).unwrap()
    else {
        panic!()
    };
    assert_eq!((opened.start, opened.end), (0, 150));
    let StorageReply::Segments(segments) = node.run(log, StorageCommand::Segments { log }).unwrap() else {
        panic!()
    };
    assert_eq!(segments.iter().map(|segment| segment.base_offset).collect::<Vec<_>>(), [0, 30, 60, 90, 120]);
    assert_eq!(opened.active, segments.last().copied());
}

#[test]
fn an_offset_inside_a_batch_finds_that_batch() {
    let mut node = start();
    let log = log_id(2);
    for at in 0..200 {
        append_ok(&mut node, 2, append(at * 10, 10, at, 900));
    }
    let expect = |from: i64| append(from / 10 * 10, 10, from / 10, 900).batches.concat();
    let check = |node: &mut Node| {
        for from in [0, 7, 999, 1000, 1004, 1999] {
            let read = StorageCommand::Read { log, from, until: 2000, max_bytes: 1 };
            let Ok(StorageReply::Read(pieces)) = node.run(log, read) else { panic!() };
            assert!(pieces.concat() == expect(from), "from {from}");
        }
    };
    check(&mut node);
    let mut node = Node::start(node.stop(), 1, 3, |_| {});
    check(&mut node);
}

#[test]
fn appends_must_follow_the_end() {
    let mut node = start();
    append_ok(&mut node, 0, append(0, 5, 0, 10));
    let log = log_id(0);
    let answer = node.run(log, StorageCommand::Append { log, append: append(4, 1, 0, 10) });
    assert!(matches!(answer, Err(StorageError::Other(_))), "{answer:?}");
    append_ok(&mut node, 0, append(7, 1, 0, 10));
    assert!(node.read(log, 5).unwrap() == append(7, 1, 0, 10).batches.concat());
}

/// The log below a durable snapshot may be trimmed: when the power goes then, one of the two must be there.
#[test]
fn a_durable_snapshot_outlives_the_log_that_it_stands_for() {
    let mut node = start();
    let log = log_id(0);
    append_ok(&mut node, 0, append(0, 5, 0, 100));
    for (offset, next) in [(5, 5), (10, 10)] {
        append_ok(&mut node, 0, append(next, 5, next, 100));
        let snapshot = Snapshot { offset, state: Bytes::from(vec![offset as u8; 40]) };
        let save = StorageCommand::SaveSnapshot { log, snapshot, durable: true };
        assert_eq!(node.run(log, save), Ok(StorageReply::SnapshotSaved));
        assert_eq!(node.run(log, StorageCommand::Trim { log, start: offset }), Ok(StorageReply::Trimmed));
    }
    let mut disk = node.disk.clone();
    disk.crash(Survives::Nothing, &mut Random::new(1));
    let mut node = Node::start(disk, 1, 2, |_| {});
    let StorageReply::Opened(opened) =
        node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 }).unwrap()
    else {
        panic!()
    };
    assert_eq!((opened.start, opened.end), (10, 15));
    assert_eq!(opened.snapshot.map(|snapshot| snapshot.offset), Some(10));
}
