//! The power goes after every single file command of a workload. Nothing answered is lost, nothing is out of order,
//! nothing is served that was not appended.

mod support;

use kelpgate_log::LogConfig;
use support::disk::{SimDisk, Survives};
use support::drive::Node;
use support::model::{Model, tight, tight_os};
use support::random::Random;

/// Runs a workload until so many file commands were carried out.
fn run(seed: u64, shards: u16, acts: usize, limit: usize, adjust: fn(&mut LogConfig)) -> (Node, Model) {
    let mut node = Node::start(SimDisk::default(), shards, seed, adjust);
    let mut model = Model::new(5, seed);
    for _ in 0..acts {
        if node.steps >= limit {
            break;
        }
        model.act(&mut node);
    }
    (node, model)
}

fn crash_everywhere(seeds: std::ops::Range<u64>, survives: Survives, adjust: fn(&mut LogConfig)) {
    for seed in seeds {
        let shards = [1, 3, 2][seed as usize % 3];
        let acts = 500;
        let (node, _) = run(seed, shards, acts, usize::MAX, adjust);
        let all = node.steps;
        for limit in (0..all).step_by(3) {
            let limit = limit + seed as usize % 3;
            let (node, model) = run(seed, shards, acts, limit, adjust);
            let mut disk = node.disk;
            disk.crash(survives, &mut Random(seed ^ limit as u64));
            let shards = [3, 1, 2][limit % 3];
            let mut again = Node::start(disk, shards, seed + 1, adjust);
            let damage: Vec<_> = again.notes.iter().filter(|(_, text)| text.contains("damaged")).collect();
            assert!(damage.is_empty(), "seed {seed}, step {limit}: {damage:?}");
            let context = format!("seed {seed}, step {limit} of {all}");
            let check = std::panic::AssertUnwindSafe(|| model.check(&mut again, &node.answers));
            if let Err(panic) = std::panic::catch_unwind(check) {
                println!("{context}: notes {:?}", again.notes);
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[test]
fn all_unsynced_bytes_are_lost() {
    crash_everywhere(0..3, Survives::Nothing, tight);
}

#[test]
fn any_part_of_the_unsynced_bytes_survives() {
    crash_everywhere(10..13, Survives::Some, tight);
}

#[test]
fn the_process_dies_alone() {
    crash_everywhere(20..22, Survives::All, tight);
}

#[test]
fn the_process_dies_alone_and_answers_came_before_the_sync() {
    crash_everywhere(30..32, Survives::All, tight_os);
}

#[test]
fn a_workload_comes_to_its_end_and_a_clean_stop_keeps_it() {
    for seed in 100..140 {
        let (mut node, model) = run(seed, 2, 1500, usize::MAX, tight);
        node.settle();
        while !node.settled() {
            assert!(node.pass_time(), "seed {seed}: no answer to {:?}", node.open);
            node.settle();
        }
        model.all_well(&node);
        let answers = node.answers.clone();
        model.check(&mut node, &answers);
        let mut node = Node::start(node.stop(), 3, seed, tight);
        model.check(&mut node, &answers);
        let mut node = Node::start(node.stop(), 1, seed, tight);
        model.check(&mut node, &answers);
    }
}
