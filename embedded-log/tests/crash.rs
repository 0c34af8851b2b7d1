//! The power goes after every single step of a workload. Nothing answered is lost, nothing is out of order,
//! nothing is served that was not appended.

mod support;

use kelpgate_log::recovery::recover;
use kelpgate_log::{Log, LogConfig};
use kelpgate_simulator::disk::{SimDisk, Survives};
use kelpgate_simulator::random::Random;
use support::drive::Node;
use support::model::{Model, tight, tight_os};

/// Things done in one workload.
const ACTS: usize = 450;

/// A workload, looked at after every step: a file command carried out, or an answer to one handed back.
fn run(
    seed: u64,
    shards: u16,
    acts: usize,
    adjust: fn(&mut LogConfig),
    mut look: impl FnMut(&Node, &Model),
) -> (Node, Model) {
    let mut node = Node::start(SimDisk::default(), shards, seed, adjust);
    let mut model = Model::new(5, seed);
    for _ in 0..acts {
        for _ in 0..model.act(&mut node) {
            if node.step() {
                look(&node, &model);
            }
        }
    }
    (node, model)
}

/// A clean stop, looked at in the same way.
fn stop(node: &mut Node, mut look: impl FnMut(&Node)) {
    node.shards.iter_mut().for_each(Log::drain);
    while !node.shards.iter().all(Log::is_idle) {
        node.end_turn();
        match node.step() {
            true => look(node),
            false => assert!(node.pass_time(), "the log never drains"),
        }
    }
}

/// Starts on what a crash left, with one of three numbers of shards, and compares with what must be there.
fn start_and_check(
    name: &str,
    disk: SimDisk,
    number: u64,
    adjust: fn(&mut LogConfig),
    node: &Node,
    model: &Model,
) {
    let mut again = Node::start(disk, [3, 1, 2][number as usize % 3], number, adjust);
    let damage: Vec<_> = again.notes.iter().filter(|(_, text)| text.contains("damaged")).collect();
    assert!(damage.is_empty(), "{name}: {damage:?}");
    let check = std::panic::AssertUnwindSafe(|| model.check(&mut again, &node.answers));
    if let Err(panic) = std::panic::catch_unwind(check) {
        println!("{name}: notes {:?}", again.notes);
        std::panic::resume_unwind(panic);
    }
}

/// Crashes after every step of a few workloads, and starts on what is left with another number of shards.
fn crash_everywhere(seeds: std::ops::Range<u64>, survives: Survives, adjust: fn(&mut LogConfig)) {
    for seed in seeds {
        let shards = [1, 3, 2][seed as usize % 3];
        let (mut number, mut before) = (0, (0, 0));
        let mut crash = |node: &Node, model: &Model| {
            let now = (node.steps, node.answers.len());
            if now == std::mem::replace(&mut before, now) {
                return;
            }
            number += 1;
            let mut disk = node.disk.clone();
            disk.crash(survives, &mut Random::new(seed << 32 ^ number));
            start_and_check(&format!("seed {seed}, crash {number}"), disk, number, adjust, node, model);
        };
        let (mut node, model) = run(seed, shards, ACTS, adjust, &mut crash);
        stop(&mut node, |node| crash(node, &model));
        assert!(number > ACTS as u64 / 2, "{number} crashes");
    }
}

#[test]
fn all_unsynced_bytes_are_lost() {
    crash_everywhere(0..3, Survives::Nothing, tight);
}

#[test]
fn any_part_of_the_unsynced_bytes_survives() {
    crash_everywhere(10..14, Survives::Some, tight);
}

#[test]
fn the_process_dies_alone() {
    crash_everywhere(20..22, Survives::All, tight);
}

#[test]
fn the_process_dies_alone_and_answers_came_before_the_sync() {
    crash_everywhere(30..32, Survives::All, tight_os);
}

/// What recovery does can be interrupted anywhere, and is done again.
#[test]
fn the_power_goes_once_more_during_recovery() {
    for (seed, survives) in [(40, Survives::Nothing), (41, Survives::Some), (42, Survives::All)] {
        let (mut looks, mut crashes) = (0, 0);
        run(seed, 2, ACTS, tight, |node, model| {
            looks += 1;
            if looks % 100 != 0 {
                return;
            }
            let mut left = node.disk.clone();
            left.crash(survives, &mut Random::new(seed ^ looks));
            for commands in 0.. {
                let mut disk = left.clone();
                disk.faults.power_for = Some(commands);
                let whole = recover(&mut disk, 1).is_ok();
                disk.faults.power_for = None;
                disk.crash(survives, &mut Random::new(seed ^ commands as u64));
                crashes += 1;
                let name = format!("seed {seed}, look {looks}, {commands} commands of recovery");
                start_and_check(&name, disk, crashes, tight, node, model);
                if whole {
                    break;
                }
            }
        });
        assert!(crashes > 100, "{crashes} crashes");
    }
}

#[test]
fn a_workload_comes_to_its_end_and_a_clean_stop_keeps_it() {
    for seed in 100..140 {
        let (mut node, model) = run(seed, 2, 1500, tight, |_, _| {});
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
