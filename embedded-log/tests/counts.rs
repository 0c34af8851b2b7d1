//! What durability costs: counted, not timed.

mod support;

use kelpgate_core::storage::{StorageCommand, StorageReply};
use kelpgate_log::LogConfig;
use kelpgate_log::file::Lane;
use support::batch::append;
use support::disk::SimDisk;
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
