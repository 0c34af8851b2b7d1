//! Who tests the tester: bugs of this field are put in one at a time, and seeds are run until a check notices.
//!
//! The bugs are in [`kelpgate_core::mutant`]. Which one is in is a matter of the whole process, so they are hunted one
//! after the other; the seeds of one run side by side.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use kelpgate_core::mutant::{self, Mutant};

use crate::check::Violation;
use crate::run::Plan;
use crate::transcript::Transcript;

/// What is hunted for, and for how long.
#[derive(Debug, Args)]
pub struct Options {
    /// Seeds for each bug at most.
    #[arg(long, default_value_t = 5_000)]
    seeds: u64,
    /// Only this bug; may be given several times.
    #[arg(long)]
    only: Vec<Mutant>,
    /// Seeds at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Print what the check said, too.
    #[arg(long)]
    details: bool,
}

/// Hunts for bugs and prints the table, which is also that of the docs. Says whether each was found, and whether the same
/// seeds are clean without any.
pub fn run(options: &Options) -> bool {
    let Options { seeds, only, jobs, details } = options;
    println!("{HEADING}");
    let mut hunts = Vec::new();
    for mutant in if only.is_empty() { Mutant::ALL } else { only } {
        let hunt = hunt(*mutant, 1..=*seeds, *jobs);
        println!("{hunt}");
        if let Some(found) = hunt.found.as_ref().filter(|_| *details) {
            println!("  seed {}: {}", found.seed, found.violation);
        }
        hunts.push(hunt);
    }
    let needed =
        hunts.iter().filter_map(|hunt| hunt.found.as_ref()).map(|found| found.seed).max().unwrap_or(0);
    let found = hunts.iter().filter(|hunt| hunt.found.is_some()).count();
    let median =
        median(&hunts).map_or("more seeds than there were".to_owned(), |seeds| format!("{seeds} seeds"));
    println!("\n{found} of {} bugs are found; the median takes {median}.", hunts.len());
    let false_alarm = first_failure(1..=needed, *jobs);
    match &false_alarm {
        None => println!("Without a bug, seeds 1 to {needed} are clean."),
        Some(Found { seed, violation }) => println!("Without a bug, seed {seed} FAILED: {violation}"),
    }
    found == hunts.len() && false_alarm.is_none()
}

/// The first seed that fails, and how.
#[derive(Clone, Debug)]
struct Found {
    seed: u64,
    violation: Violation,
}

/// How the search for one bug went.
#[derive(Clone, Debug)]
struct Hunt {
    mutant: Mutant,
    found: Option<Found>,
    /// How long it took on this machine.
    took: Duration,
}

/// Puts a bug in and looks for the first of these seeds that fails.
fn hunt(mutant: Mutant, seeds: RangeInclusive<u64>, jobs: usize) -> Hunt {
    let began = Instant::now();
    mutant::select(Some(mutant));
    let found = first_failure(seeds, jobs);
    mutant::select(None);
    Hunt { mutant, found, took: began.elapsed() }
}

/// The first of these seeds that fails, whatever the order in which they end: seeds are handed out in order, and those
/// below one that has failed are run to their end.
fn first_failure(seeds: RangeInclusive<u64>, jobs: usize) -> Option<Found> {
    let next = AtomicU64::new(*seeds.start());
    let last = AtomicU64::new(*seeds.end());
    let first: Mutex<Option<Found>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last.load(Ordering::Relaxed) {
                        return;
                    }
                    let Some(violation) = Plan::draw(seed).run(Transcript::default()).violation else {
                        continue;
                    };
                    last.fetch_min(seed, Ordering::Relaxed);
                    let mut first = first.lock().expect("no thread panics while it holds this");
                    if first.as_ref().is_none_or(|known| seed < known.seed) {
                        *first = Some(Found { seed, violation });
                    }
                }
            });
        }
    });
    first.into_inner().expect("no thread panics while it holds this")
}

/// How many seeds the median bug takes, if at least half of them were found.
fn median(hunts: &[Hunt]) -> Option<u64> {
    let mut seeds: Vec<u64> =
        hunts.iter().map(|hunt| hunt.found.as_ref().map_or(u64::MAX, |found| found.seed)).collect();
    seeds.sort_unstable();
    seeds.get(seeds.len() / 2).copied().filter(|seeds| *seeds < u64::MAX)
}

/// A line of the table in `docs/reference/simulator-mutants.md`.
impl fmt::Display for Hunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hunt { mutant, found, took } = self;
        let (seed, check) = match found {
            Some(Found { seed, violation }) => (seed.to_string(), violation.check),
            None => ("not found".to_owned(), "-"),
        };
        let seconds = took.as_secs_f64();
        write!(f, "| `{}` | {} | {seed} | {check} | {seconds:.1} |", mutant.name(), mutant.about())
    }
}

/// What stands above those lines.
const HEADING: &str =
    "| bug | what is broken | seeds | found by | seconds |\n| --- | --- | ---: | --- | ---: |";

#[cfg(test)]
mod tests {
    use super::*;

    fn hunts(seeds: &[Option<u64>]) -> Vec<Hunt> {
        let violation = Violation { check: "", what: String::new() };
        let one = |seed: &Option<u64>| Hunt {
            mutant: Mutant::ALL[0],
            found: seed.map(|seed| Found { seed, violation: violation.clone() }),
            took: Duration::ZERO,
        };
        seeds.iter().map(one).collect()
    }

    #[test]
    fn what_is_not_found_counts_as_more_than_any_number_of_seeds() {
        assert_eq!(median(&hunts(&[Some(9), None, Some(1)])), Some(9));
        assert_eq!(median(&hunts(&[Some(9), None, None])), None);
        assert_eq!(median(&[]), None);
    }
}
