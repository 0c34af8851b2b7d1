//! What is recorded can be replayed, and what cannot says so.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kelpgate_core::protocol::Response;
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kelpgate_core::shard_message::ShardMessage;
use kelpgate_recording::{DivergenceKind, Ending, Limits, Recorder, Replay, ReplayError, newest_start};
use kelpgate_shard::{Action, Drive, Event, Instant, Now, Shard};
use support::{Conn, Driven, Node, create_topic, produce, size};

/// Replays all; gives the steps of each shard and how their series end.
fn replay(recordings: &Path) -> Result<Vec<(u64, Option<Ending>)>, ReplayError> {
    let mut replay = Replay::open(&newest_start(recordings).unwrap())?;
    while replay.step()?.is_some() {}
    Ok(replay.players().iter().map(|player| (player.steps(), player.ending().cloned())).collect())
}

/// The first file of a shard of the newest recording.
fn file(recordings: &Path, shard: u16) -> std::path::PathBuf {
    newest_start(recordings).unwrap().join(format!("shard-{shard}-000001.kgr"))
}

fn busy(shards: u16) -> (Node, Conn) {
    let mut node = Node::start(shards, Limits::default());
    let conn = node.connect(0);
    create_topic(&mut node, conn, "t", 4);
    for round in 0..20u8 {
        for partition in 0..4 {
            produce(&mut node, conn, "t", partition, &[round; 100]);
        }
    }
    (node, conn)
}

fn fetch(node: &mut Node, conn: Conn, topic: &str, fetch_offset: i64) -> usize {
    let partition = FetchPartition { fetch_offset, partition_max_bytes: 8 << 20, ..Default::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 8 << 20, topics: vec![topic], ..Default::default() };
    match node.ask(conn, 11, request) {
        Response::Fetch(response) => {
            let records = response.responses[0].partitions[0].records.as_ref();
            records.map_or(0, |records| records.concat().len())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_of_any_size_does_the_same_again() {
    for shards in [1, 3] {
        let (node, _) = busy(shards);
        let folder = node.end();
        let ends = replay(&folder.path().join("recordings")).unwrap();
        assert_eq!(ends.len(), usize::from(shards));
        assert!(ends.iter().all(|(steps, ending)| *steps > 20 && *ending == Some(Ending::Stopped)));
    }
}

#[test]
fn a_killed_node_leaves_what_it_did() {
    let (node, _) = busy(3);
    let folder = node.kill();
    let ends = replay(&folder.path().join("recordings")).unwrap();
    assert!(ends.iter().all(|(steps, ending)| *steps > 20 && *ending == Some(Ending::Cut)), "{ends:?}");
}

#[test]
fn a_recording_is_for_its_owner_and_says_that_it_is_secret() {
    use std::os::unix::fs::PermissionsExt;
    let (node, _) = busy(1);
    let folder = node.end();
    let recordings = folder.path().join("recordings");
    let file = file(&recordings, 0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let bytes = std::fs::read(&file).unwrap();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    assert!(String::from_utf8_lossy(line).contains("SECRET"));
}

#[test]
fn what_was_written_is_not_stored_again_when_it_is_read() {
    let few = |origin: &mut kelpgate_recording::Origin| origin.log.cache_bytes = 256 << 10;
    let mut node = Node::start_with(1, Limits::default(), few, |shard| Box::new(shard));
    let conn = node.connect(0);
    create_topic(&mut node, conn, "t", 1);
    // Bytes that repeat nowhere, as no recording is compressed.
    let value = |round: u32| (0..25_000u32).flat_map(|at| (at ^ round).to_le_bytes()).collect::<Vec<u8>>();
    for round in 0..20 {
        produce(&mut node, conn, "t", 0, &value(round));
    }
    let mut read = 0;
    for offset in 0..20 {
        read += fetch(&mut node, conn, "t", offset);
    }
    assert!(read > 10_000_000, "{read} bytes were read");
    let folder = node.end();
    let recordings = folder.path().join("recordings");
    let size = size(&recordings);
    assert!((2_000_000..2_200_000).contains(&size), "{size} bytes");
    replay(&recordings).unwrap();
}

#[test]
fn damage_and_cuts_are_told_apart() {
    let (node, _) = busy(3);
    let folder = node.end();
    let recordings = folder.path().join("recordings");
    let path = file(&recordings, 1);
    let whole = std::fs::read(&path).unwrap();

    std::fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    let ends = replay(&recordings).unwrap();
    assert_eq!(ends[1].1, Some(Ending::Cut));

    let mut damaged = whole.clone();
    let place = whole.len() / 2;
    damaged[place] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let text = replay(&recordings).unwrap_err().to_string();
    assert!(text.contains("shard-1-000001.kgr is damaged at byte"), "{text}");
    assert!(text.contains("of shard 1: its checksum is another"), "{text}");

    std::fs::write(&path, b"something else, long enough to be a title but with other words than a recording's begins with; it goes on").unwrap();
    let text = replay(&recordings).unwrap_err().to_string();
    assert!(text.ends_with("is no part of a recording"), "{text}");

    std::fs::remove_file(&path).unwrap();
    let text = replay(&recordings).unwrap_err().to_string();
    assert!(text.contains("cannot read") && text.contains("shard-1-000001.kgr"), "{text}");
}

#[test]
fn any_cut_of_a_recording_is_a_shorter_one() {
    let (node, _) = busy(1);
    let folder = node.end();
    let recordings = folder.path().join("recordings");
    let path = file(&recordings, 0);
    let whole = std::fs::read(&path).unwrap();
    for length in (400..whole.len()).step_by(whole.len() / 7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        match replay(&recordings) {
            Ok(ends) => assert_eq!(ends[0].1, Some(Ending::Cut)),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("before it says what the shard was made of"), "{text}");
            }
        }
    }
}

#[test]
fn a_recording_ends_at_its_limit_and_the_node_goes_on() {
    let limits = Limits { max_bytes: 300_000, part_bytes: 50_000, ..Limits::default() };
    let mut node = Node::start(1, limits);
    let conn = node.connect(0);
    create_topic(&mut node, conn, "t", 1);
    for _ in 0..60 {
        produce(&mut node, conn, "t", 0, &[7; 20_000]);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(fetch(&mut node, conn, "t", 0) > 60 * 20_000);
    let said = node.log.iter().filter(|text| text.contains("the recording ends, the node goes on"));
    assert_eq!(said.count(), 1, "{:?}", node.log);
    let folder = node.end();
    let recordings = folder.path().join("recordings");
    let size = size(&recordings);
    assert!((150_000..=300_000).contains(&size), "{size}");
    let parts = std::fs::read_dir(newest_start(&recordings).unwrap()).unwrap().count();
    assert!(parts > 2, "{parts} parts");
    let ends = replay(&recordings).unwrap();
    assert_eq!(ends[0].1, Some(Ending::Full { max_bytes: 300_000 }));
}

/// A shard that does not do what its machine says, or nothing more, from an event on.
struct Faulty {
    shard: Shard,
    left: u32,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    DropsAnAction,
    Panics,
}

impl Drive for Faulty {
    type Message = ShardMessage;

    fn handle(&mut self, now: Now, event: Event<ShardMessage>, actions: &mut Vec<Action<ShardMessage>>) {
        let sent = matches!(event, Event::Received { .. });
        let before = actions.len();
        if sent {
            self.left = self.left.wrapping_sub(1);
        }
        assert!(!(sent && self.left == 0 && self.fault == Fault::Panics), "a bug of ours");
        self.shard.handle(now, event, actions);
        if sent && self.left == 0 {
            actions.truncate(before);
        }
    }

    fn end_turn(&mut self, now: Now, actions: &mut Vec<Action<ShardMessage>>) {
        self.shard.end_turn(now, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.shard.next_deadline()
    }
}

fn faulty(fault: Fault) -> Node {
    let make = |recording: &kelpgate_recording::Recording, origin: &kelpgate_recording::Origin| -> Driven {
        let shard = Faulty { shard: origin.shard(), left: 2, fault };
        Box::new(Recorder::new(recording.pen(), origin, shard))
    };
    Node::record(1, Limits::default(), |_| {}, make)
}

/// Asks for versions, which is answered within the step.
fn ask_versions(node: &mut Node, conn: Conn) {
    node.send(conn, 0, kelpgate_core::protocol::api_versions::ApiVersionsRequest::default());
}

#[test]
fn another_outcome_is_noticed_at_its_step() {
    let mut node = faulty(Fault::DropsAnAction);
    let conn = node.connect(0);
    ask_versions(&mut node, conn);
    ask_versions(&mut node, conn);
    node.pass(std::time::Duration::from_secs(1));
    let folder = node.end();
    let mut replay = Replay::open(&newest_start(&folder.path().join("recordings")).unwrap()).unwrap();
    let mut received = Vec::new();
    let error = loop {
        match replay.step() {
            Ok(Some(step)) => {
                if matches!(step.what, kelpgate_recording::What::Received { .. }) {
                    received.push(step.step);
                }
            }
            Ok(None) => panic!("it was not noticed"),
            Err(error) => break error,
        }
    };
    let ReplayError::Divergence(divergence) = error else { panic!("{error}") };
    assert_eq!(divergence.kind, DivergenceKind::Outputs);
    // The second request is the first step after those of the first.
    assert!(received.len() == 1 && divergence.step > received[0], "{received:?} {divergence:?}");
}

#[test]
fn the_step_that_kills_a_node_is_the_last_of_its_recording() {
    let mut node = faulty(Fault::Panics);
    let recordings = node.recordings();
    let conn = node.connect(0);
    ask_versions(&mut node, conn);
    let died = catch_unwind(AssertUnwindSafe(|| ask_versions(&mut node, conn)));
    assert!(died.is_err());
    node.rescue();
    let folder = node.die();
    let mut replay = Replay::open(&newest_start(&recordings).unwrap()).unwrap();
    let mut dying = false;
    while !dying && replay.step().unwrap().is_some() {
        dying = replay.players()[0].dies_next();
    }
    assert!(dying, "nobody is warned of the last step");
    // The machine itself survives it: it was the wrapper that panicked.
    assert!(replay.step().unwrap().is_some() && replay.step().unwrap().is_none());
    drop(folder);
}
