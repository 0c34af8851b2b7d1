//! What keeps logs short: segments, trimming, compaction, snapshots, deletion, more partitions.

mod support;

use std::time::Duration;

use kelpgate_core::ids::LogId;
use kelpgate_core::storage::{Append, RewriteStep, SegmentInfo, Snapshot, StorageCommand, StorageReply};
use kelpgate_core::uuid::Uuid;
use support::{QUIET, World, append, batch, log};

fn segments(world: &mut World) -> Vec<(i64, i64)> {
    match world.run(StorageCommand::Segments { log: log(0) }) {
        Ok(StorageReply::Segments(segments)) => segments
            .iter()
            .map(|SegmentInfo { base_offset, end_offset, .. }| (*base_offset, *end_offset))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Five segments of ten appends of one record, in log files of their own each.
fn five_segments(world: &mut World) {
    world.open(log(0));
    for base in 0..50 {
        let roll = base % 10 == 0;
        world.append(log(0), Append { roll, ..append(base, 1, true, 500) }).expect("appended");
        if base % 10 == 9 {
            world.pass(Duration::from_secs(7));
        }
    }
    assert_eq!(segments(world), [(0, 10), (10, 20), (20, 30), (30, 40), (40, 50)]);
}

fn log_files(world: &World) -> usize {
    world.model.filer.paths().filter(|path| path.starts_with("/topics/") && !path.ends_with("conf")).count()
}

#[test]
fn trimming_drops_whole_segments_and_their_log_files() {
    let mut world = World::new(1, QUIET);
    five_segments(&mut world);
    let before = log_files(&world);
    assert_eq!(world.run(StorageCommand::Trim { log: log(0), start: 25 }), Ok(StorageReply::Trimmed));
    assert_eq!(segments(&mut world), [(20, 30), (30, 40), (40, 50)]);
    world.pass(Duration::from_secs(60));
    assert!(log_files(&world) < before, "{} of {before}", log_files(&world));
    world.restart();
    let opened = world.open(log(0));
    assert_eq!((opened.start, opened.end), (25, 50));
    assert_eq!(world.read(log(0), 0, 26, 1000), batch(25, 1, 1025, 500, 25));

    assert_eq!(world.run(StorageCommand::Trim { log: log(0), start: 80 }), Ok(StorageReply::Trimmed));
    world.restart();
    let opened = world.open(log(0));
    assert_eq!((opened.start, opened.end, opened.active), (80, 80, None));
    world.append(log(0), append(80, 1, true, 10)).expect("appended");
    assert_eq!(world.read_all(log(0), 0, 81, 1000).len(), 71);
}

#[test]
fn a_replacement_takes_the_place_of_its_run() {
    let mut world = World::new(2, QUIET);
    five_segments(&mut world);
    let rewrite = |step| StorageCommand::Rewrite { log: log(0), segment: 10, last: 20, step };
    let kept = [batch(12, 1, 1012, 500, 12), batch(25, 1, 1025, 500, 25)];
    for bytes in &kept {
        let step = RewriteStep::Keep(bytes.clone().into());
        assert_eq!(world.run(rewrite(step)), Ok(StorageReply::Rewritten));
    }
    assert_eq!(world.run(rewrite(RewriteStep::Commit)), Ok(StorageReply::Rewritten));
    for _ in 0..2 {
        assert_eq!(segments(&mut world), [(0, 10), (12, 26), (30, 40), (40, 50)]);
        assert_eq!(world.read(log(0), 10, 30, 9999), [&kept[0][..], &kept[1]].concat());
        assert_eq!(world.read_all(log(0), 0, 50, 9999).len(), 32 * 561);
        world.restart();
        world.open(log(0));
    }
}

#[test]
fn an_abandoned_replacement_leaves_nothing() {
    let mut world = World::new(3, QUIET);
    five_segments(&mut world);
    let rewrite = |step| StorageCommand::Rewrite { log: log(0), segment: 10, last: 10, step };
    let large = batch(10, 1, 1010, 5 << 20, 10);
    world.run(rewrite(RewriteStep::Keep(large.into()))).expect("kept");
    assert!(world.model.filer.paths().any(|path| path.contains("/part-")));
    world.run(rewrite(RewriteStep::Abandon)).expect("abandoned");
    world.pass(Duration::from_secs(60));
    assert!(!world.model.filer.paths().any(|path| path.contains("/part-")));
    assert_eq!(world.read_all(log(0), 0, 50, 9999).len(), 50 * 561);
}

#[test]
fn the_newest_snapshot_is_found_and_older_ones_go() {
    let mut world = World::new(4, QUIET);
    five_segments(&mut world);
    for (offset, state) in [(20, "older"), (50, "newer")] {
        let snapshot = Snapshot { offset, state: state.as_bytes().into() };
        let save = StorageCommand::SaveSnapshot { log: log(0), snapshot, durable: true };
        assert_eq!(world.run(save), Ok(StorageReply::SnapshotSaved));
    }
    world.pass(Duration::from_secs(1));
    world.restart();
    let snapshot = world.open(log(0)).snapshot.expect("a snapshot");
    assert_eq!((snapshot.offset, &snapshot.state[..]), (50, &b"newer"[..]));
    assert_eq!(world.model.filer.paths().filter(|path| path.contains("/snapshot-")).count(), 1);
}

#[test]
fn a_topic_made_anew_never_shows_old_records() {
    let mut world = World::new(5, QUIET);
    five_segments(&mut world);
    match world.run(StorageCommand::List) {
        Ok(StorageReply::Listed(logs)) => assert_eq!((logs.len(), logs[0].bytes), (1, 50 * 561)),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.run(StorageCommand::Delete { log: log(0) }), Ok(StorageReply::Deleted));
    assert_eq!(world.run(StorageCommand::List), Ok(StorageReply::Listed(Vec::new())));
    assert!(!world.model.filer.paths().any(|path| path.contains("/topics/") || path.contains("/logs/")));
    let anew = LogId { topic: Uuid([8; 16]), partition: 0 };
    assert_eq!(world.open(anew).end, 0);
    world.append(anew, append(0, 1, true, 100)).expect("appended");
    world.pass(Duration::from_secs(90));
    world.restart();
    assert_eq!(world.open(anew).end, 1);
    assert_eq!(world.read_all(anew, 0, 1, 999), batch(0, 1, 1000, 100, 0));
}

#[test]
fn more_partitions_keep_old_data_readable() {
    let mut world = World::new(6, QUIET);
    five_segments(&mut world);
    world.partitions = 5;
    world.open(log(4));
    world.append(log(4), append(0, 1, true, 100)).expect("appended");
    for base in 50..60 {
        world.append(log(0), append(base, 1, base % 2 == 0, 500)).expect("appended");
    }
    world.pass(Duration::from_secs(90));
    assert_eq!(world.engine.memory().0, 0, "{:?}", world.notes);
    world.restart();
    assert_eq!((world.open(log(0)).end, world.open(log(4)).end), (60, 1));
    assert_eq!(world.read_all(log(0), 0, 60, 9999).len(), 60 * 561);
}
