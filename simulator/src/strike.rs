//! How faults strike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::ids::LogId;
use kelpgate_log::file::{FileError, Lane};

use crate::check::Violation;
use crate::disk::Survives;
use crate::faults::FaultKind;
use crate::history::Place;
use crate::network::LinkId;
use crate::node::{Flipped, Node, NodeId, Phase, WALL_START};
use crate::random::Random;
use crate::world::{Due, World};

/// What is wrong with the disks of nodes.
#[derive(Debug, Default)]
pub struct Disks {
    /// File commands that are going to fail.
    failing: BTreeMap<NodeId, usize>,
    /// How many times as long everything takes.
    slow: BTreeMap<NodeId, u32>,
    /// Something was wrong with some disk, and a node may still suffer from it.
    touched: bool,
    /// Logs of which bytes were changed.
    damaged: BTreeMap<NodeId, BTreeSet<LogId>>,
}

impl Disks {
    /// Whether no disk has done anything but its duty.
    pub fn are_well(&self) -> bool {
        !self.touched
    }

    /// What the system says instead of carrying out a node's next command.
    pub fn error(&mut self, id: NodeId) -> Option<FileError> {
        let left = self.failing.get_mut(&id)?;
        *left = left.checked_sub(1)?;
        Some(FileError::Other("input/output error".into()))
    }

    /// How long a command takes.
    pub fn takes(&self, id: NodeId, lane: Lane, random: &mut Random) -> Duration {
        let longest = match lane {
            Lane::Journal => 400,
            Lane::Read => 150,
            Lane::Background => 1_000,
        };
        random.time(Duration::from_micros(20)..=Duration::from_micros(longest))
            * self.slow.get(&id).copied().unwrap_or(1)
    }

    /// So many file commands of a node are going to fail.
    pub fn fail(&mut self, id: NodeId, count: usize) {
        self.touch();
        self.failing.insert(id, count);
    }

    /// Bytes of a log were changed.
    pub fn damage(&mut self, id: NodeId, log: LogId) {
        self.damaged.entry(id).or_default().insert(log);
    }

    /// Whether a node has a reason to log this as an error.
    pub fn explain(&self, id: NodeId, text: &str) -> bool {
        let Some(damaged) = self.damaged.get(&id) else { return self.touched };
        // The second is said whenever somebody asks for what was named before.
        let names = damaged.iter().any(|log| text.contains(&log.to_string()));
        self.touched || names || text.starts_with("storage: damaged")
    }

    /// Something is wrong with a disk.
    pub fn touch(&mut self) {
        self.touched = true;
    }

    /// All disks work again.
    pub fn heal(&mut self, nodes: &mut [Node]) {
        self.failing.clear();
        self.slow.clear();
        nodes.iter_mut().for_each(|node| node.disk.faults = Default::default());
    }
}

impl World {
    /// Puts down when a kind of fault strikes next.
    pub(crate) fn plan(&mut self, kind: FaultKind) {
        if let Some(mean) = self.swarm.every.get(&kind).copied() {
            let pause = self.random.time(Duration::ZERO..=mean * 2);
            self.agenda.put(self.now + pause, Due::Fault(kind));
        }
    }

    /// A fault strikes.
    pub(crate) fn strike(&mut self, kind: FaultKind) -> Result<(), Violation> {
        if self.healed {
            return Ok(());
        }
        self.plan(kind);
        let id = self.random.below(self.nodes.len());
        self.transcript
            .note(self.now, &[20, kind as u64, id as u64], || format!("fault {kind:?} on node {id}"));
        for check in &mut self.checks {
            check.struck(self.now, kind, id);
        }
        match kind {
            FaultKind::Reset | FaultKind::Silence | FaultKind::Hold => {
                if let Some(link) = self.any_link() {
                    self.strike_link(kind, link);
                }
            }
            FaultKind::Outage => {
                let pause = self.random.time(Duration::from_millis(10)..=Duration::from_secs(8));
                self.network.go_down(self.now + pause);
            }
            FaultKind::Crash => {
                let survives = *self.random.pick(&[Survives::Nothing, Survives::Some, Survives::All]);
                self.kill(id, survives);
            }
            FaultKind::Restart => return self.stop(id),
            FaultKind::Stall => {
                let shards = usize::from(self.nodes[id].options.shards);
                let shard = self.random.below(shards);
                let pause = self.random.time(Duration::from_millis(1)..=Duration::from_secs(3));
                let mut wants = Vec::new();
                self.nodes[id].stall(shard, self.now + pause, &mut wants);
                return self.carry_out(id, wants);
            }
            FaultKind::WallJump => {
                // Less than an hour from what it should be: records of a later hour are refused
                // (`message.timestamp.after.max.ms`).
                let ms = self.random.within(0..=6_000_000) as i64 - 3_000_000;
                self.nodes[id].clock.wall = WALL_START + ms;
            }
            FaultKind::FileErrors | FaultKind::FailedSync | FaultKind::FullDisk | FaultKind::SlowDisk => {
                self.strike_disk(kind, id);
            }
            FaultKind::FlippedBits => self.flip_a_bit(id),
        }
        Ok(())
    }

    /// Changes a bit of some partition that clients use.
    fn flip_a_bit(&mut self, id: NodeId) {
        let Some(flipped) = self.nodes[id].flip_a_bit(&mut self.random) else { return };
        let Flipped { topic, partition, log, path, at } = flipped;
        self.transcript
            .note(self.now, &[23, id as u64, at as u64], || format!("a bit of {path} at {at} is flipped"));
        self.disks.damage(id, log);
        let place = Place { node: id, topic, partition };
        for check in &mut self.checks {
            check.damaged(&place, log);
        }
    }

    fn any_link(&mut self) -> Option<LinkId> {
        let links: Vec<LinkId> = self.network.alive().collect();
        (!links.is_empty()).then(|| *self.random.pick(&links))
    }

    fn strike_link(&mut self, kind: FaultKind, link: LinkId) {
        match kind {
            FaultKind::Reset => self.network.reset(&mut self.agenda, self.now, link),
            FaultKind::Silence => self.network.silence(link),
            _ => {
                let pause = self.random.time(Duration::from_millis(1)..=Duration::from_secs(10));
                self.network.hold(link, self.now + pause);
            }
        }
    }

    fn strike_disk(&mut self, kind: FaultKind, id: NodeId) {
        match kind {
            FaultKind::SlowDisk => {
                let times = self.random.within(5..=2_000) as u32;
                if self.disks.slow.remove(&id).is_none() {
                    self.disks.slow.insert(id, times);
                }
            }
            FaultKind::FileErrors => {
                let count = 1 + self.random.below(4);
                self.disks.fail(id, count);
            }
            FaultKind::FailedSync => {
                self.disks.touch();
                self.nodes[id].disk.faults.fail_sync_after = Some(self.random.below(3));
            }
            _ => {
                self.disks.touch();
                let faults = &mut self.nodes[id].disk.faults;
                faults.capacity = match faults.capacity {
                    None => Some(0),
                    Some(_) => None,
                };
            }
        }
    }

    /// A process ends at once, and is started again after a while.
    pub(crate) fn kill(&mut self, id: NodeId, survives: Survives) {
        if self.nodes[id].phase == Phase::Down {
            return;
        }
        self.transcript
            .note(self.now, &[21, id as u64], || format!("node {id} is gone; {survives:?} survives"));
        let links = self.nodes[id].crash(survives);
        self.went_down(id, links, survives);
        let pause = self.random.time(Duration::from_millis(1)..=Duration::from_secs(2));
        self.agenda.put(self.now + pause, Due::Start(id));
    }

    fn stop(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.nodes[id].phase != Phase::Serving {
            return Ok(());
        }
        let mut wants = Vec::new();
        self.nodes[id].stop(self.now, &mut wants);
        self.carry_out(id, wants)
    }

    /// A node has come to rest: it starts again, maybe with another number of shards.
    pub(crate) fn stopped(&mut self, id: NodeId) {
        self.transcript.note(self.now, &[22, id as u64], || format!("node {id} has stopped"));
        let links = self.nodes[id].crash(Survives::All);
        self.went_down(id, links, Survives::All);
        self.nodes[id].options.shards = 1 + self.random.below(3) as u16;
        let pause = self.random.time(Duration::from_millis(1)..=Duration::from_millis(500));
        self.agenda.put(self.now + pause, Due::Start(id));
    }
}
