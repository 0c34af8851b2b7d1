//! What durability costs: counted, not timed.

mod support;

use kelpgate_core::storage::{Append, StorageCommand, StorageReply};
use kelpgate_log::LogConfig;
use kelpgate_log::batch::batches;
use kelpgate_log::file::Lane;
use kelpgate_simulator::disk::SimDisk;
use support::batch::append;
use support::drive::{Node, log_id};

const TURNS: u64 = 20;
const PER_TURN: u32 = 100;
const BODY: usize = 4000;

fn config(config: &mut LogConfig) {
    config.journal_file_bytes = 2 << 20;
    config.cache_bytes = 1 << 20;
    config.open_files = 32;
}

/// Sends the same appends to so many partitions, and stops.
fn run(partitions: u32) -> (Node, u64) {
    let mut node = Node::start(SimDisk::default(), 1, 1, config);
    let mut next = vec![0; partitions as usize];
    let mut appended = 0;
    for turn in 0..TURNS as u32 {
        let mut tickets = Vec::new();
        for at in 0..PER_TURN {
            let number = (turn * PER_TURN + at) % partitions;
            let log = log_id(number);
            let append = append(next[number as usize], 10, 5, BODY);
            next[number as usize] += 10;
            appended += append.batches.len() as u64;
            tickets.push(node.submit(log, StorageCommand::Append { log, append }));
        }
        node.end_turn();
        for ticket in tickets {
            assert_eq!(node.wait(ticket), Ok(StorageReply::Appended));
        }
    }
    (node, appended)
}

#[test]
fn the_acknowledging_path_syncs_as_often_for_a_thousand_partitions_as_for_one() {
    let (one, _) = run(1);
    let (thousand, _) = run(1000);
    let (one, thousand) = (one.counts[&Lane::Journal], thousand.counts[&Lane::Journal]);
    println!("journal lane: one partition {one:?}, a thousand {thousand:?}");
    // Those of journal files made ready may differ by where the run ends.
    assert!(
        thousand.syncs <= one.syncs + 2,
        "{} syncs for a thousand, {} for one",
        thousand.syncs,
        one.syncs
    );
    // One for each turn and each journal file made; a turn at the end of a file takes two.
    assert!(one.syncs <= TURNS + 8, "{} syncs for {TURNS} turns", one.syncs);
}

#[test]
fn every_byte_is_written_twice_at_most() {
    for partitions in [1, 1000] {
        let (mut node, appended) = run(partitions);
        node.shards[0].drain();
        node.settle();
        while !node.shards[0].is_idle() {
            assert!(node.pass_time());
            node.settle();
        }
        let (journal, background) = (node.counts[&Lane::Journal], node.counts[&Lane::Background]);
        let written = journal.written + background.written;
        let per_mille = written * 1000 / appended;
        println!("{partitions} partitions: {per_mille} bytes written for 1000 appended; {background:?}");
        // The journal's own words are 32 bytes for each append and 64 for each write; manifests come on top.
        assert!(per_mille <= 2050, "{per_mille} bytes written for 1000 appended");
    }
}

#[test]
fn open_files_are_bounded() {
    let (mut node, _) = run(1000);
    let mut reads = Vec::new();
    for number in 0..1000 {
        let log = log_id(number);
        reads.push(node.submit(log, StorageCommand::Read { log, from: 0, until: 10, max_bytes: 1 }));
    }
    for read in reads {
        let Ok(StorageReply::Read(pieces)) = node.wait(read) else { panic!() };
        assert_eq!(pieces.len(), 61 + BODY);
    }
    println!("at most {} files were open", node.disk.counts.most_open);
    // Segments, those that lanes are about to close, journal files and the manifest.
    assert!(node.disk.counts.most_open <= 32 + 16, "{} files were open", node.disk.counts.most_open);
}

/// Budget for indexes, the number of logs, and their batches. Indexes as fine as can be would take 3 x 32 bytes for
/// each 32 KiB of 8 MiB: twelve times as much.
const INDEX_BYTES: usize = 2048;
const LOGS: u32 = 3;
const BATCHES: i64 = 2000;

fn small_indexes(config: &mut LogConfig) {
    config.cache_bytes = 256 << 10;
    config.index_bytes = INDEX_BYTES;
}

fn filled() -> Node {
    let mut node = Node::start(SimDisk::default(), 1, 1, small_indexes);
    for at in 0..BATCHES {
        let tickets = [0, 1, 2].map(|number| {
            let roll = at % 700 == 0;
            let append = Append { roll, ..append(at * 10, 10, at, BODY) };
            let log = log_id(number);
            node.submit(log, StorageCommand::Append { log, append })
        });
        node.end_turn();
        for ticket in tickets {
            assert_eq!(node.wait(ticket), Ok(StorageReply::Appended));
        }
        assert!(node.shards[0].index_memory() <= INDEX_BYTES, "{} bytes", node.shards[0].index_memory());
    }
    node
}

/// Reads a batch of each log at offsets all over it, then all of them from the beginning to the end.
fn read_all(node: &mut Node) {
    let before = node.disk.counts.read;
    let mut lookups = 0;
    for from in (0..BATCHES * 10).step_by(1237) {
        for number in 0..LOGS {
            let log = log_id(number);
            let read = StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 1 };
            let Ok(StorageReply::Read(pieces)) = node.run(log, read) else { panic!() };
            assert!(pieces.concat() == append(from / 10 * 10, 10, from / 10, BODY).batches.concat());
            assert!(node.shards[0].index_memory() <= INDEX_BYTES, "{} bytes", node.shards[0].index_memory());
            lookups += 1;
        }
    }
    let each = (node.disk.counts.read - before) / lookups;
    let before = node.disk.counts.read;
    for number in 0..LOGS {
        let (log, mut from) = (log_id(number), 0);
        while from < BATCHES * 10 {
            let read = StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 256 << 10 };
            let Ok(StorageReply::Read(pieces)) = node.run(log, read) else { panic!() };
            from = batches(&pieces).last().expect("batches").expect("a batch").1.last_offset + 1;
        }
    }
    let whole = (node.disk.counts.read - before) as usize;
    let per_mille = whole * 1000 / (LOGS as usize * BATCHES as usize * (61 + BODY));
    println!(
        "{} bytes of indexes; {each} bytes read for a lookup, {per_mille} for 1000 in order",
        node.shards[0].index_memory()
    );
    // Blocks are 16 intervals long, or 32 for a while.
    assert!(each <= 33 * 32 * 1024, "{each} bytes read for a lookup");
    // Reading goes on where it was: the index is not needed.
    assert!(per_mille <= 1250, "{per_mille} bytes read for 1000");
}

#[test]
fn memory_of_indexes_is_bounded() {
    let mut node = filled();
    read_all(&mut node);
    // Segments written before the start are indexed when they are first read.
    let mut node = Node::start(node.stop(), 1, 2, small_indexes);
    assert_eq!(node.shards[0].index_memory(), 0);
    read_all(&mut node);
}
