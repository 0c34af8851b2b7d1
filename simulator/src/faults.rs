//! What goes wrong. Each seed draws which kinds of faults there are and how often: a swarm finds more than all at once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::network::Conditions;
use crate::random::Random;

/// A kind of fault that strikes now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A connection breaks; both sides are told.
    Reset,
    /// A connection breaks; nobody is told.
    Silence,
    /// Nothing arrives on one connection for a while.
    Hold,
    /// Nothing arrives on any connection for a while.
    Outage,
    /// A process is killed, or its machine loses power.
    Crash,
    /// A node is stopped cleanly and started again, maybe with another number of shards.
    Restart,
    /// A shard does nothing for a while.
    Stall,
    /// The wall clock of a node jumps.
    WallJump,
    /// Some file commands in a row fail.
    FileErrors,
    /// A sync fails, and what it was to save is gone.
    FailedSync,
    /// The disk is full for a while.
    FullDisk,
    /// Everything a disk does takes long for a while.
    SlowDisk,
    /// A bit of a segment is not what it was.
    FlippedBits,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 13] = [
        FaultKind::Reset,
        FaultKind::Silence,
        FaultKind::Hold,
        FaultKind::Outage,
        FaultKind::Crash,
        FaultKind::Restart,
        FaultKind::Stall,
        FaultKind::WallJump,
        FaultKind::FileErrors,
        FaultKind::FailedSync,
        FaultKind::FullDisk,
        FaultKind::SlowDisk,
        FaultKind::FlippedBits,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultKind, String> {
        let found = FaultKind::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("no kind of fault; there are {:?}", FaultKind::ALL))
    }
}

/// The faults of one run.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// The mean time between two of a kind; kinds that are not here do not strike.
    pub every: BTreeMap<FaultKind, Duration>,
    pub conditions: Conditions,
    /// One client in so many reads slowly; 0: none.
    pub slow_readers: usize,
    /// Most parts per million by which a node's clock is wrong.
    pub skew: u64,
}

impl Swarm {
    /// Nothing goes wrong.
    pub fn calm() -> Swarm {
        Swarm { every: BTreeMap::new(), conditions: Conditions::calm(), slow_readers: 0, skew: 0 }
    }

    /// What a seed draws: each kind is there or not, and rare or frequent.
    pub fn draw(random: &mut Random) -> Swarm {
        let mut swarm = Swarm::calm();
        // Bits are flipped where the plan says so: see `enrich`.
        for kind in FaultKind::ALL.into_iter().filter(|kind| *kind != FaultKind::FlippedBits) {
            if random.chance(3) {
                let mean = Duration::from_millis(random.within(300..=20_000));
                swarm.every.insert(kind, mean);
            }
        }
        if random.chance(2) {
            let longest = Duration::from_micros(random.within(300..=30_000));
            swarm.conditions.delay = Duration::from_micros(30)..=longest;
        }
        if random.chance(3) {
            swarm.conditions.late = 20 + random.below(200);
        }
        if random.chance(2) {
            swarm.conditions.cut = 1 + random.below(20);
        }
        if random.chance(4) {
            swarm.conditions.window = 512 + random.below(64 << 10);
        }
        if random.chance(3) {
            swarm.slow_readers = 2 + random.below(6);
        }
        if random.chance(2) {
            swarm.skew = random.within(1..=500);
        }
        swarm
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conditions { delay, late, cut, merge, window } = &self.conditions;
        write!(f, "delay {:?}..{:?} late 1/{late} cut 1/{cut} ", delay.start(), delay.end())?;
        write!(f, "merge 1/{merge} window {window}")?;
        write!(f, " slow 1/{} skew {} ppm", self.slow_readers, self.skew)?;
        self.every.iter().try_for_each(|(kind, mean)| write!(f, " {kind:?} every {mean:?}"))
    }
}
