//! What a log does when the disk does not do what it should: nothing answered is lost, errors say what is wrong, and
//! when the cause is gone it works again.

mod support;

use std::collections::BTreeMap;

use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_log::LogConfig;
use kelpgate_simulator::disk::{SimDisk, Survives};
use kelpgate_simulator::random::Random;
use support::batch::append;
use support::drive::{Node, log_id};
use support::model::{tight, tight_os};

/// Appends to a few logs, as a machine does: opens a log anew after an error and goes on from its end.
struct Writer {
    acked: BTreeMap<u32, Vec<u8>>,
    next: BTreeMap<u32, i64>,
    errors: Vec<StorageError>,
    random: Random,
}

impl Writer {
    fn new(seed: u64) -> Writer {
        Writer {
            acked: BTreeMap::new(),
            next: BTreeMap::new(),
            errors: Vec::new(),
            random: Random::new(seed),
        }
    }

    /// A few appends in one turn; false if one of them failed.
    fn turn(&mut self, node: &mut Node) -> bool {
        let mut sent = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let number = self.random.below(3) as u32;
            let next = self.next.entry(number).or_default();
            let append = append(*next, 2, self.random.below(1000) as i64, self.random.below(900));
            *next += 2;
            let bytes = append.batches.concat();
            let log = log_id(number);
            sent.push((number, node.submit(log, StorageCommand::Append { log, append }), bytes));
        }
        node.end_turn();
        let mut well = true;
        for (number, ticket, bytes) in sent {
            match node.wait(ticket) {
                Ok(_) => self.acked.entry(number).or_default().extend_from_slice(&bytes),
                Err(error) => {
                    self.errors.push(error);
                    well = false;
                }
            }
        }
        well
    }

    /// Opens all logs anew.
    fn reopen(&mut self, node: &mut Node) {
        for (number, next) in &mut self.next {
            let log = log_id(*number);
            let Ok(StorageReply::Opened(opened)) =
                node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 })
            else {
                panic!()
            };
            *next = opened.end;
        }
    }

    /// All that was answered is there, and nothing else but what may have come after it.
    fn check(&self, node: &mut Node, exactly: bool) {
        for (number, acked) in &self.acked {
            let found = node.read(log_id(*number), 0).expect("readable");
            assert!(found.starts_with(acked), "log {number}: {} of {} bytes", found.len(), acked.len());
            assert!(
                !exactly || found.len() == acked.len(),
                "log {number}: {} of {} bytes",
                found.len(),
                acked.len()
            );
        }
    }
}

fn start(adjust: fn(&mut LogConfig)) -> Node {
    Node::start(SimDisk::default(), 1, 7, adjust)
}

#[test]
fn a_full_disk_is_an_error_and_no_loss() {
    for capacity in (60_000..200_000).step_by(7_000) {
        let mut node = start(tight);
        let mut writer = Writer::new(capacity as u64);
        node.disk.faults.capacity = Some(capacity);
        let full = (0..2000).any(|_| !writer.turn(&mut node));
        assert!(full, "the disk never got full");
        assert!(writer.errors.iter().all(|error| *error == StorageError::Full), "{:?}", writer.errors);
        writer.check(&mut node, true);
        writer.reopen(&mut node);
        writer.turn(&mut node);
        writer.reopen(&mut node);
        node.disk.faults.capacity = None;
        for _ in 0..3 {
            node.pass_time();
            node.settle();
        }
        writer.reopen(&mut node);
        for _ in 0..50 {
            assert!(writer.turn(&mut node), "{:?}", writer.errors.last());
        }
        writer.check(&mut node, true);
        let mut disk = node.disk;
        disk.crash(Survives::Nothing, &mut Random::new(1));
        let mut node = Node::start(disk, 1, 8, tight);
        writer.check(&mut node, true);
    }
}

#[test]
fn a_full_disk_at_the_stop_keeps_the_journal() {
    let mut node = start(tight);
    let mut writer = Writer::new(3);
    for _ in 0..20 {
        assert!(writer.turn(&mut node));
    }
    node.disk.faults.capacity = Some(node.disk.files().values().sum());
    let mut disk = node.stop();
    disk.faults.capacity = None;
    assert!(disk.files().keys().any(|path| path.starts_with("journal/")));
    let mut node = Node::start(disk, 1, 8, tight);
    writer.check(&mut node, true);
}

#[test]
fn after_a_failed_sync_nothing_is_written_before_all_is_safe_elsewhere() {
    for (adjust, survives, most) in
        [(tight as fn(&mut LogConfig), Survives::Nothing, 60), (tight_os, Survives::All, 15)]
    {
        for after in 0..most {
            let mut node = start(adjust);
            let mut writer = Writer::new(after as u64);
            node.disk.faults.fail_sync_after = Some(after);
            for _ in 0..120 {
                if !writer.turn(&mut node) {
                    writer.reopen(&mut node);
                }
                if writer.random.chance(10) {
                    node.pass_time();
                }
            }
            assert!(node.disk.faults.fail_sync_after.is_none(), "no sync failed");
            let told = |(_, text): &(_, String)| text.contains("failed");
            assert!(node.notes.iter().any(told), "nobody was told: {:?}", node.notes);
            writer.check(&mut node, true);
            // With answers before the sync only the end of the process loses nothing.
            let mut disk = node.disk;
            disk.crash(survives, &mut Random::new(after as u64));
            let mut node = Node::start(disk, 2, 9, adjust);
            writer.check(&mut node, false);
        }
    }
}

#[test]
fn too_many_open_files_is_an_error_of_its_own() {
    let mut node = start(tight);
    let mut writer = Writer::new(5);
    for _ in 0..30 {
        assert!(writer.turn(&mut node));
    }
    let disk = node.stop();
    let mut node = Node::start(disk, 1, 8, tight);
    node.disk.faults.open_files = Some(0);
    assert_eq!(node.read(log_id(0), 0), Err(StorageError::TooManyFiles));
    writer.turn(&mut node);
    assert!(writer.errors.iter().all(|error| *error == StorageError::TooManyFiles), "{:?}", writer.errors);
    node.disk.faults.open_files = None;
    writer.reopen(&mut node);
    assert!(writer.turn(&mut node));
    writer.check(&mut node, true);
}
