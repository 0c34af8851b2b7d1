//! Data folders to be damaged: what seeded workloads leave behind.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use arbitrary::Arbitrary;
use bytes::Bytes;
use kelpgate_core::ids::Ticket;
use kelpgate_core::storage::{StorageError, StorageReply};

use super::support::drive::Node;
use super::support::model::{Model, tight};
use kelpgate_simulator::disk::{SimDisk, Survives};
use kelpgate_simulator::random::Random;

/// Logs of a workload.
pub const LOGS: usize = 5;
/// Workloads that there are.
const SEEDS: u8 = 12;
/// Where a batch has the leader's epoch, which is 0 in all workloads.
const EPOCH: Range<usize> = 12..16;

/// Which workload, and how it ended.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Choice {
    seed: u8,
    ending: u8,
    next_shards: u8,
}

/// What a workload has left.
pub struct Ended {
    pub disk: SimDisk,
    pub model: Model,
    pub answers: BTreeMap<Ticket, Result<StorageReply, StorageError>>,
    appended: Vec<BTreeSet<Bytes>>,
}

thread_local! {
    /// Those that were asked for: the same is damaged again and again.
    static ENDED: RefCell<BTreeMap<(u8, u8), Rc<Ended>>> = RefCell::default();
}

impl Choice {
    /// What the workload has left, made anew if it was not asked for before.
    pub fn ended(self) -> Rc<Ended> {
        let key = (self.seed % SEEDS, self.ending % 4);
        ENDED.with_borrow_mut(|ended| ended.entry(key).or_insert_with(|| Rc::new(Ended::new(key))).clone())
    }

    /// Shards to start with on what is left.
    pub fn next_shards(self) -> u16 {
        u16::from(self.next_shards % 3) + 1
    }
}

impl Ended {
    fn new((seed, ending): (u8, u8)) -> Ended {
        let number = u64::from(seed);
        let mut node = Node::start(SimDisk::default(), u16::from(seed % 3) + 1, number, tight);
        let mut model = Model::new(LOGS, number);
        for _ in 0..30 * (usize::from(seed) + 1) {
            for _ in 0..model.act(&mut node) {
                node.step();
            }
        }
        if ending == 0 {
            node.settle();
            while !node.settled() {
                assert!(node.pass_time(), "workload {seed} never ends");
                node.settle();
            }
        }
        let answers = node.answers.clone();
        let disk = match ending {
            0 => node.stop(),
            1 => crashed(node.disk, Survives::Nothing, number),
            2 => crashed(node.disk, Survives::Some, number),
            _ => crashed(node.disk, Survives::All, number),
        };
        let appended = (0..LOGS).map(|number| model.appended(number)).collect();
        Ended { disk, model, answers, appended }
    }

    /// Whether a log was ever given this batch. The leader's epoch lies outside a batch's checksum, and behind the last batch
    /// of a segment nothing tells that it was changed.
    pub fn was_appended(&self, number: usize, batch: &Bytes) -> bool {
        let mut batch = batch.to_vec();
        batch[EPOCH].fill(0);
        self.appended.get(number).is_some_and(|known| known.contains(&batch[..]))
    }
}

fn crashed(mut disk: SimDisk, survives: Survives, seed: u64) -> SimDisk {
    disk.crash(survives, &mut Random::new(seed));
    disk
}
