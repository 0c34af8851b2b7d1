//! Bytes that are not those that were written: named, fenced, never served; everything else is.

mod support;

use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_log::LogConfig;
use kelpgate_log::batch::batches;
use kelpgate_log::recovery::{RecoveryError, recover};
use kelpgate_simulator::disk::{SimDisk, Survives};
use kelpgate_simulator::random::Random;
use support::batch::{append, rolling};
use support::drive::{Node, log_id};
use support::model::tight;

const BATCHES: i64 = 60;
const BODY: usize = 900;
const SIZE: usize = 61 + BODY;

fn config(config: &mut LogConfig) {
    config.cache_bytes = 16 << 10;
}

/// Two logs of 60 batches of ten records, four segments each.
fn filled() -> Node {
    let mut node = Node::start(SimDisk::default(), 1, 5, config);
    for at in 0..BATCHES {
        for number in 0..2 {
            let next =
                if at % 15 == 0 { rolling(at * 10, 10, at, BODY) } else { append(at * 10, 10, at, BODY) };
            let log = log_id(number);
            assert_eq!(
                node.run(log, StorageCommand::Append { log, append: next }),
                Ok(StorageReply::Appended)
            );
        }
    }
    node
}

fn segment(number: u32, base: i64) -> String {
    format!("topics/{}/{base:020}.log", log_id(number))
}

/// Reads batch by batch; gives the base offsets served and the offsets said to be damaged.
fn walk(node: &mut Node, number: u32) -> (Vec<i64>, Vec<i64>) {
    let log = log_id(number);
    let (mut served, mut damaged) = (Vec::new(), Vec::new());
    let mut from = 0;
    while from < BATCHES * 10 {
        match node.run(log, StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 5000 }) {
            Ok(StorageReply::Read(pieces)) => {
                for header in batches(&pieces) {
                    let (at, header) = header.expect("a batch");
                    let base = header.base_offset;
                    let whole = pieces.concat();
                    assert!(
                        whole[at..at + header.size] == append(base, 10, base / 10, BODY).batches.concat()
                    );
                    served.push(base);
                    from = header.last_offset + 1;
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(StorageError::Damaged { at, until, .. }) => {
                assert!(at == from && until >= from / 10 * 10 + 10, "{at} to {until} at {from}");
                damaged.push(from);
                from = from / 10 * 10 + 10;
            }
            Err(error) => panic!("{error}"),
        }
    }
    (served, damaged)
}

fn told(node: &Node, what: &str) -> bool {
    node.notes.iter().any(|(level, text)| *level == Level::Error && text.contains(what))
}

#[test]
fn a_flipped_bit_in_a_segment_costs_its_batch_alone() {
    // In the records, the checksum, the times; in the length and the format, the offset and the leader epoch, which no
    // checksum covers: the offset moves forward by 1, 8 and 64, back by 4, and far away.
    let covered = [(200, 0x10u8), (17, 1), (45, 0x80)];
    let others = [(8, 0x70), (10, 3), (16, 7), (0, 0x80), (7, 1), (7, 8), (7, 64), (7, 4), (6, 1), (15, 1)];
    for (at, with) in covered.into_iter().chain(others) {
        let mut disk = filled().stop();
        disk.damage(&segment(0, 150), 3 * SIZE + at, &[with]);
        let mut node = Node::start(disk, 2, 6, config);
        let (served, damaged) = walk(&mut node, 0);
        assert_eq!(damaged, [180], "byte {at} by {with}");
        assert_eq!(served.len(), BATCHES as usize - 1);
        assert!(told(&node, "offsets 180 to 189 are not served"), "{:?}", node.notes);
        assert_eq!(walk(&mut node, 1).1, []);
        // It is remembered.
        let mut node = Node::start(node.stop(), 1, 7, config);
        assert_eq!(walk(&mut node, 0).1, [180]);
    }
}

/// The index was made by what was written, not by what is there.
#[test]
fn a_flipped_bit_under_a_running_log_costs_its_batch_alone() {
    for batch in [0, 3, 14] {
        for (at, with) in [(7, 1), (7, 8), (7, 64), (6, 1), (15, 1), (15, 0x40)] {
            // Behind the last batch of a segment nothing tells its epoch.
            if (batch, at) == (14, 15) {
                continue;
            }
            let mut node = filled();
            node.settle();
            node.disk.damage(&segment(0, 150), batch * SIZE + at, &[with]);
            let (served, damaged) = walk(&mut node, 0);
            assert_eq!(damaged, [150 + batch as i64 * 10], "batch {batch}, byte {at} by {with}");
            assert_eq!(served.len(), BATCHES as usize - 1);
        }
    }
}

#[test]
fn a_lost_segment_is_damage_too() {
    let mut disk = filled().stop();
    disk.lose(&segment(0, 150));
    let mut node = Node::start(disk, 1, 6, config);
    let (served, damaged) = walk(&mut node, 0);
    assert_eq!(damaged.len(), 15);
    assert_eq!(served.len(), 45);
    assert!(told(&node, "offsets 150 to 299 are not served"), "{:?}", node.notes);
}

/// The file that is made in its place has a name that must survive, too: what is appended to it is acknowledged.
#[test]
fn what_is_appended_to_a_lost_segment_outlives_a_loss_of_power() {
    let mut disk = filled().stop();
    disk.lose(&segment(0, 450));
    let mut node = Node::start(disk, 1, 6, config);
    let log = log_id(0);
    let mut end = BATCHES * 10;
    // So much that what was written first has left the journal.
    for _ in 0..2 * BATCHES {
        let next = append(end, 10, end / 10, BODY);
        assert_eq!(node.run(log, StorageCommand::Append { log, append: next }), Ok(StorageReply::Appended));
        end += 10;
    }
    node.pass_time();
    node.settle();
    let mut disk = node.disk;
    disk.crash(Survives::Nothing, &mut Random::new(1));
    let mut node = Node::start(disk, 1, 7, config);
    let whole = (BATCHES..3 * BATCHES).flat_map(|at| append(at * 10, 10, at, BODY).batches.concat());
    assert_eq!(node.read(log, BATCHES * 10), Ok(whole.collect()));
}

#[test]
fn without_manifests_segments_are_read() {
    let mut disk = filled().stop();
    let manifests: Vec<String> =
        disk.files().into_keys().filter(|path| path.starts_with("manifest/")).collect();
    for (at, path) in manifests.iter().enumerate() {
        if at % 2 == 0 { disk.lose(path) } else { disk.damage(path, 40, &[1]) }
    }
    // In the length, in the offset, in the leader epoch.
    for (at, with) in [(8, 0x70), (7, 8), (15, 1)] {
        let mut disk = disk.clone();
        disk.damage(&segment(1, 150), 3 * SIZE + at, &[with]);
        let mut node = Node::start(disk, 3, 6, config);
        assert_eq!(walk(&mut node, 0), ((0..BATCHES).map(|at| at * 10).collect(), Vec::new()));
        let (served, damaged) = walk(&mut node, 1);
        assert_eq!((served.len(), damaged), (BATCHES as usize - 1, vec![180]));
    }
}

/// A gap behind a batch hides that its offset was changed, but not that it came to lie in the next segment. Taken for true,
/// that offset kept everything behind it from being found.
#[test]
fn without_manifests_a_segment_ends_where_the_next_begins() {
    let mut node = Node::start(SimDisk::default(), 1, 5, config);
    let log = log_id(0);
    for next in [append(0, 3, 1, BODY), append(6, 3, 2, BODY), rolling(9, 3, 3, BODY)] {
        let appended = node.run(log, StorageCommand::Append { log, append: next });
        assert_eq!(appended, Ok(StorageReply::Appended));
    }
    let mut disk = node.stop();
    let files = disk.files();
    files.keys().filter(|path| path.starts_with("manifest/")).for_each(|path| disk.lose(path));
    disk.damage(&segment(0, 0), 4, &[3]);
    let mut node = Node::start(disk, 1, 6, config);
    let next = append(12, 3, 4, BODY);
    assert_eq!(node.run(log, StorageCommand::Append { log, append: next }), Ok(StorageReply::Appended));
    let mut node = Node::start(node.stop(), 1, 7, config);
    let whole = |base: i64, time| append(base, 3, time, BODY).batches.concat();
    assert_eq!(node.read(log, 6), Ok([whole(6, 2), whole(9, 3), whole(12, 4)].concat()));
}

/// Nothing follows the last batch of a log that would tell that its offset was changed, but appends leave no gaps.
#[test]
fn without_manifests_the_last_batch_of_a_log_leaves_no_gap() {
    for (at, with) in [(7, 1), (7, 16), (6, 1), (0, 1)] {
        let mut disk = filled().stop();
        let files = disk.files();
        files.keys().filter(|path| path.starts_with("manifest/")).for_each(|path| disk.lose(path));
        disk.damage(&segment(0, 450), 14 * SIZE + at, &[with]);
        let mut node = Node::start(disk, 1, 6, config);
        assert_eq!(node.read(log_id(0), 580), Ok(append(580, 10, 58, BODY).batches.concat().to_vec()));
        assert!(told(&node, "segment 450 is cut"), "{:?}", node.notes);
        assert_eq!(walk(&mut node, 1).0.len(), BATCHES as usize);
    }
}

/// What is lost before it explains a gap.
#[test]
fn without_manifests_the_last_batch_is_kept_behind_a_damaged_one() {
    let mut disk = filled().stop();
    let files = disk.files();
    files.keys().filter(|path| path.starts_with("manifest/")).for_each(|path| disk.lose(path));
    disk.damage(&segment(0, 450), 13 * SIZE + 500, &[1]);
    let mut node = Node::start(disk, 1, 6, config);
    let (served, damaged) = walk(&mut node, 0);
    assert_eq!((served.last(), damaged), (Some(&590), vec![580]));
}

#[test]
fn a_torn_tail_is_cut_when_there_is_no_manifest() {
    let mut disk = filled().stop();
    let manifests: Vec<String> =
        disk.files().into_keys().filter(|path| path.starts_with("manifest/")).collect();
    manifests.iter().for_each(|path| disk.lose(path));
    disk.damage(&segment(0, 450), 14 * SIZE + 500, &[1, 2, 3]);
    let mut node = Node::start(disk, 1, 6, config);
    let log = log_id(0);
    let Ok(StorageReply::Opened(opened)) =
        node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 })
    else {
        panic!()
    };
    assert_eq!(opened.end, 590);
    let append = append(590, 10, 59, BODY);
    assert_eq!(node.run(log, StorageCommand::Append { log, append }), Ok(StorageReply::Appended));
    let mut node = Node::start(node.stop(), 1, 6, config);
    assert_eq!(walk(&mut node, 0), ((0..BATCHES).map(|at| at * 10).collect(), Vec::new()));
}

#[test]
fn damage_in_the_middle_of_the_journal_is_named_and_the_rest_is_kept() {
    for seed in 0..40 {
        let mut node = filled();
        node.settle();
        let mut disk = node.disk;
        disk.crash(Survives::Nothing, &mut Random::new(1));
        let journals: Vec<(String, usize)> =
            disk.files().into_iter().filter(|(path, _)| path.starts_with("journal/")).collect();
        let mut random = Random::new(seed);
        let (path, _) = &journals[random.below(journals.len())];
        // Somewhere among the first groups, never in the last.
        disk.damage(path, 64 + random.below(20_000), &[1 << random.below(8)]);
        let mut node = Node::start(disk, 2, 6, tight);
        let lost: usize = (0..2).map(|number| walk(&mut node, number).1.len()).sum();
        assert!(lost <= 2, "seed {seed}: {lost} batches are lost: {:?}", node.notes);
        let named = told(&node, "lost") || told(&node, "damaged");
        assert!(
            lost == 0 || named,
            "seed {seed}: {lost} batches are lost and nobody says so: {:?}",
            node.notes
        );
    }
}

#[test]
fn data_of_a_newer_version_is_refused() {
    let disk = filled().stop();
    let mut newer = disk.clone();
    newer.damage("meta", "kelpgate-log ".len(), &[b'1' ^ b'2']);
    assert_eq!(recover(&mut newer, 0).err(), Some(RecoveryError::Newer { found: 2, known: 1 }));
    let mut foreign = disk;
    foreign.damage("meta", 0, &[1]);
    assert!(matches!(recover(&mut foreign, 0), Err(RecoveryError::Foreign { .. })));
}
