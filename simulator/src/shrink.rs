//! Makes a failing run smaller: what can be left out without the promise being kept is left out.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::faults::{FaultKind, Swarm};
use crate::run::{Plan, Report};
use crate::transcript::Transcript;

/// What is left out of what a seed draws. Its text form are the flags of `kelpgate-sim run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Reduction {
    /// Kinds of faults that do not strike.
    #[arg(long, value_delimiter = ',', value_name = "KIND,...")]
    pub without_faults: Vec<FaultKind>,
    /// Clients that are not there, by their place in the plan.
    #[arg(long, value_delimiter = ',', value_name = "N,...")]
    pub without_clients: Vec<usize>,
    /// The network is good.
    #[arg(long)]
    pub calm_network: bool,
    /// The clock of each node is right.
    #[arg(long)]
    pub right_clocks: bool,
    /// One node.
    #[arg(long)]
    pub one_node: bool,
    /// One shard at the start.
    #[arg(long)]
    pub one_shard: bool,
    /// The world heals after so many milliseconds.
    #[arg(long, value_name = "MS")]
    pub heal_after_ms: Option<u64>,
}

impl Reduction {
    /// Leaves it out.
    pub fn apply(&self, plan: &mut Plan) {
        plan.swarm.every.retain(|kind, _| !self.without_faults.contains(kind));
        let mut place = 0..;
        plan.clients.retain(|_| place.next().is_some_and(|place| !self.without_clients.contains(&place)));
        if self.calm_network {
            plan.swarm.conditions = Swarm::calm().conditions;
            plan.swarm.slow_readers = 0;
        }
        if self.right_clocks {
            plan.swarm.skew = 0;
        }
        if self.one_node {
            plan.nodes = 1;
        }
        if self.one_shard {
            plan.shards = 1;
        }
        if let Some(ms) = self.heal_after_ms {
            plan.safety = Duration::from_millis(ms);
        }
    }

    /// One step smaller, in each way that might do.
    fn smaller(&self, plan: &Plan) -> Vec<Reduction> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut Reduction)| {
            let mut smaller = self.clone();
            change(&mut smaller);
            if smaller != *self {
                all.push(smaller);
            }
        };
        add(&|less| less.one_node = true);
        add(&|less| less.one_shard = true);
        add(&|less| less.calm_network = true);
        add(&|less| less.right_clocks = true);
        let left_out: BTreeSet<FaultKind> = self.without_faults.iter().copied().collect();
        for kind in plan.swarm.every.keys().filter(|kind| !left_out.contains(kind)) {
            add(&|less| less.without_faults.push(*kind));
        }
        for place in (0..plan.clients.len()).filter(|place| !self.without_clients.contains(place)) {
            add(&|less| less.without_clients.push(place));
        }
        let safety = self.heal_after_ms.unwrap_or(plan.safety.as_millis() as u64);
        for shorter in [safety / 2, safety * 3 / 4, safety * 9 / 10] {
            add(&|less| less.heal_after_ms = Some(shorter));
        }
        all
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.without_faults.is_empty() {
            let kinds: Vec<String> = self.without_faults.iter().map(FaultKind::to_string).collect();
            write!(f, " --without-faults {}", kinds.join(","))?;
        }
        if !self.without_clients.is_empty() {
            let places: Vec<String> = self.without_clients.iter().map(usize::to_string).collect();
            write!(f, " --without-clients {}", places.join(","))?;
        }
        let switches = [
            (self.calm_network, "calm-network"),
            (self.right_clocks, "right-clocks"),
            (self.one_node, "one-node"),
            (self.one_shard, "one-shard"),
        ];
        for (_, name) in switches.iter().filter(|(on, _)| *on) {
            write!(f, " --{name}")?;
        }
        self.heal_after_ms.map_or(Ok(()), |ms| write!(f, " --heal-after-ms {ms}"))
    }
}

/// What a seed draws, less what is left out.
pub fn reduced(seed: u64, reduction: &Reduction) -> Plan {
    let mut plan = Plan::draw(seed);
    reduction.apply(&mut plan);
    plan
}

/// Looks for a smaller run that breaks the same promise, with at most so many runs.
pub fn shrink(seed: u64, from: &Reduction, failed: &Report, mut runs: usize) -> (Reduction, Report) {
    let whole = Plan::draw(seed);
    let (mut best, mut report) = (from.clone(), failed.clone());
    let broken = |report: &Report| report.violation.as_ref().map(|violation| violation.check);
    loop {
        let mut improved = false;
        for smaller in best.smaller(&whole) {
            if runs == 0 {
                return (best, report);
            }
            runs -= 1;
            let tried = reduced(seed, &smaller).run(Transcript::default());
            if broken(&tried) == broken(failed) && tried.steps <= report.steps {
                (best, report, improved) = (smaller, tried, true);
                // What else can be left out is looked for from here.
                break;
            }
        }
        if !improved {
            return (best, report);
        }
    }
}
