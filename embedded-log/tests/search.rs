//! Searches by time, against a walk over all batches.

mod support;

use kelpgate_core::ids::LogId;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, StorageCommand, StorageReply};
use kelpgate_log::LogConfig;
use kelpgate_log::batch::{BatchHeader, batches};
use kelpgate_simulator::disk::SimDisk;
use kelpgate_simulator::random::Random;
use support::batch::append;
use support::drive::{Node, log_id};

fn small_cache(config: &mut LogConfig) {
    config.journal_file_bytes = 256 << 10;
    config.cache_bytes = 100 << 10;
}

/// A log of many batches in several segments, partly in files, partly in memory; times go up and down.
fn fill(node: &mut Node, log: LogId, random: &mut Random, from: i64) -> Vec<BatchHeader> {
    let (mut next, mut all) = (from, Vec::new());
    for turn in 0..250 {
        let mut pieces = Pieces::new();
        let base = next;
        for _ in 0..1 + random.below(3) {
            let time = random.below(300) as i64 + turn;
            let (count, len) = (1 + random.below(4) as i64, random.below(3000));
            pieces.append(append(next, count, time, len).batches);
            next += count;
        }
        all.extend(batches(&pieces).map(|header| header.unwrap().1));
        let append = Append {
            base_offset: base,
            last_offset: next - 1,
            max_timestamp: batches(&pieces).map(|header| header.unwrap().1.max_timestamp).max().unwrap(),
            roll: random.chance(60),
            durable: true,
            batches: pieces,
        };
        assert_eq!(node.run(log, StorageCommand::Append { log, append }), Ok(StorageReply::Appended));
    }
    all
}

fn base_of(found: Option<bytes::Bytes>) -> Option<i64> {
    found.map(|batch| BatchHeader::verify(&batch).expect("a good batch").base_offset)
}

fn compare(node: &mut Node, log: LogId, all: &[BatchHeader], random: &mut Random) {
    let end = all.last().unwrap().last_offset + 1;
    for _ in 0..150 {
        let from = random.below(end as usize) as i64;
        let until = match random.below(3) {
            0 => i64::MAX,
            1 => from + random.below(40) as i64,
            _ => random.below(end as usize + 5) as i64,
        };
        let at_least = random.below(600) as i64;
        let within =
            |header: &&BatchHeader| from < until && header.last_offset >= from && header.base_offset < until;
        let expected = all.iter().filter(within).find(|header| header.max_timestamp >= at_least);
        let answer = node.run(log, StorageCommand::FindTime { log, from, until, at_least });
        let Ok(StorageReply::FoundTime(found)) = answer else { panic!("{answer:?}") };
        assert_eq!(
            base_of(found),
            expected.map(|header| header.base_offset),
            "{from}..{until} at {at_least}"
        );

        let most = all.iter().filter(within).map(|header| header.max_timestamp).max();
        let expected = all.iter().filter(within).find(|header| Some(header.max_timestamp) == most);
        let answer = node.run(log, StorageCommand::FindMaxTime { log, from, until });
        let Ok(StorageReply::FoundMaxTime(found)) = answer else { panic!("{answer:?}") };
        assert_eq!(base_of(found), expected.map(|header| header.base_offset), "{from}..{until}");

        let max_bytes = random.below(20_000);
        let answer = node.run(log, StorageCommand::Read { log, from, until, max_bytes });
        let Ok(StorageReply::Read(pieces)) = answer else { panic!("{answer:?}") };
        let mut room = max_bytes;
        let mut expected = Vec::new();
        for header in all.iter().filter(|header| header.last_offset >= from && header.last_offset < until) {
            if !expected.is_empty() && header.size > room {
                break;
            }
            room = room.saturating_sub(header.size);
            expected.push(*header);
        }
        let found: Vec<BatchHeader> = batches(&pieces).map(|header| header.unwrap().1).collect();
        assert!(found == expected, "{from}..{until}: {} batches, {} expected", found.len(), expected.len());
    }
}

#[test]
fn searches_find_what_a_walk_finds() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let mut node = Node::start(SimDisk::default(), 1, seed, small_cache);
        let log = log_id(seed as u32);
        let mut all = fill(&mut node, log, &mut random, 0);
        compare(&mut node, log, &all, &mut random);
        let mut node = Node::start(node.stop(), 1, seed, small_cache);
        compare(&mut node, log, &all, &mut random);
        let next = all.last().unwrap().last_offset + 1;
        all.extend(fill(&mut node, log, &mut random, next));
        compare(&mut node, log, &all, &mut random);
    }
}
