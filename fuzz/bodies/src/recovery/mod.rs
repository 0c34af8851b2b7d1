//! A data folder that a disk has not kept well. The input chooses a workload and how it ended, and then says what is to
//! be done to the files it left.

mod damage;
mod workload;

// The driver and the model are those of the log's own tests.
#[path = "../../../../embedded-log/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use arbitrary::Unstructured;
use bytes::Bytes;
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_log::batch::batches;
use kelpgate_log::recovery::{RecoveryError, recover};

use self::damage::Damage;
use self::support::batch::append;
use self::support::drive::{Node, log_id};
use self::support::model::tight;
use self::workload::{Choice, Ended, LOGS};
use crate::memory;

/// Most damages; one is enough to be found, several to be found together.
const DAMAGES: usize = 12;

/// What starting and reading may take: a folder holds less than a megabyte, and tests keep all of it more than once.
const BOUND: usize = 64 << 20;

/// Recovery ends, and whatever it ends in, nothing is served that was not appended, what is missing is named, and the
/// logs take appends again.
pub fn run(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let Ok(choice) = source.arbitrary::<Choice>() else { return };
    let mut damages = Vec::new();
    while let Ok(damage) = source.arbitrary::<Damage<'_>>()
        && damages.len() < DAMAGES
        && !source.is_empty()
    {
        damages.push(damage);
    }
    let workload = choice.ended();
    memory::within(BOUND, || check(&workload, choice.next_shards(), &damages));
}

fn check(workload: &Ended, shards: u16, damages: &[Damage<'_>]) {
    let mut disk = workload.disk.clone();
    let touched: BTreeSet<String> = damages.iter().filter_map(|damage| damage.inflict(&mut disk)).collect();
    match recover(&mut disk.clone(), 1) {
        Ok(_) => {}
        Err(RecoveryError::Foreign { .. } | RecoveryError::Newer { .. }) if touched.contains("meta") => {
            return;
        }
        Err(error) => panic!("recovery failed after damage to {touched:?}: {error}"),
    }
    let mut node = Node::start(disk, shards, 7, tight);
    if touched.is_empty() {
        workload.model.check(&mut node, &workload.answers);
    }
    let ends: Vec<i64> = (0..LOGS).map(|number| walk(&mut node, workload, number)).collect();
    for (number, end) in ends.iter().enumerate() {
        goes_on(&mut node, number, *end);
    }
    let mut again = Node::start(node.stop(), 1, 8, tight);
    for (number, end) in ends.iter().enumerate() {
        let opened = again.run(
            log_id(number as u32),
            StorageCommand::Open { log: log_id(number as u32), topic: "topic".into(), partitions: 1 },
        );
        assert!(
            matches!(opened, Ok(StorageReply::Opened(_))),
            "log {number} after another start: {opened:?}"
        );
        assert_eq!(tail(&mut again, number, *end), fresh(*end), "log {number} after another start");
    }
}

/// Reads all that can be read; gives the end.
fn walk(node: &mut Node, workload: &Ended, number: usize) -> i64 {
    let log = log_id(number as u32);
    let Ok(StorageReply::Opened(opened)) =
        node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 })
    else {
        panic!("log {number} cannot be opened: {:?}", node.notes)
    };
    let mut from = opened.start;
    while from < opened.end {
        match node.run(log, StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 3000 }) {
            Ok(StorageReply::Read(pieces)) if pieces.is_empty() => break,
            Ok(StorageReply::Read(pieces)) => {
                let whole = pieces.concat();
                for header in batches(&pieces) {
                    let (at, header) = header.expect("whole batches");
                    let served = whole.slice(at..at + header.size);
                    assert!(
                        workload.was_appended(number, &served),
                        "log {number} serves {header:?}: {:?}",
                        node.notes
                    );
                    assert!(header.last_offset >= from, "log {number} goes back to {header:?} from {from}");
                    from = header.last_offset + 1;
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(StorageError::Damaged { .. }) => {
                let named = node.notes.iter().any(|(level, _)| *level == Level::Error);
                assert!(named, "log {number} is damaged at {from} and nobody says so: {:?}", node.notes);
                from += 1;
            }
            Err(error) => panic!("log {number} at {from}: {error}"),
        }
    }
    opened.end
}

/// A batch that is appended after the damage.
fn fresh(end: i64) -> Bytes {
    append(end, 3, 1_000, 50).batches.concat()
}

/// What a log holds from an offset on.
fn tail(node: &mut Node, number: usize, from: i64) -> Bytes {
    match node.read(log_id(number as u32), from) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("log {number} from {from}: {error}: {:?}", node.notes),
    }
}

/// The log takes an append at its end and serves it.
fn goes_on(node: &mut Node, number: usize, end: i64) {
    let log = log_id(number as u32);
    let appended = node.run(log, StorageCommand::Append { log, append: append(end, 3, 1_000, 50) });
    assert_eq!(appended, Ok(StorageReply::Appended), "log {number}: {:?}", node.notes);
    assert_eq!(tail(node, number, end), fresh(end), "log {number} after an append");
}
