//! Runs many seeds at the same time and sums them up.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kelpgate_simulator::run::Report;
use kelpgate_simulator::shrink::{Reduction, reduced};
use kelpgate_simulator::transcript::Transcript;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// What many runs came to.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    failed: u64,
    steps: u64,
    turns: u64,
    events: u64,
    simulated: Duration,
    /// Machine time, of all threads.
    took: Duration,
    broken: BTreeMap<&'static str, Vec<u64>>,
    told: Duration,
}

/// Runs seeds; says whether every promise was kept in each.
pub(crate) fn run(seeds: RangeInclusive<u64>, reduction: &Reduction, jobs: usize, shrink: usize) -> bool {
    let next = AtomicU64::new(*seeds.start());
    let sum = Mutex::new(Sum::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        return;
                    }
                    let started = Instant::now();
                    let report = reduced(seed, reduction).run(Transcript::default());
                    let took = started.elapsed();
                    if report.violation.is_some() {
                        println!("{}", line(seed, &report));
                        crate::tell_smaller(seed, reduction, &report, shrink);
                    }
                    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    sum.add(seed, &report, took);
                    sum.progress(began.elapsed(), &seeds);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.print(began.elapsed());
    sum.failed == 0
}

/// One run in a line. Says nothing that another run of the same seed could say differently.
pub(crate) fn line(seed: u64, report: &Report) -> String {
    let Report { violation, hash, steps, turns, events, simulated } = report;
    let verdict = violation.as_ref().map_or("ok".to_owned(), |violation| format!("FAILED: {violation}"));
    let simulated = simulated.as_secs_f64();
    format!(
        "seed {seed}: {simulated:.1} s, {steps} steps, {turns} turns, {events} events, hash {hash:016x}: {verdict}"
    )
}

impl Sum {
    fn add(&mut self, seed: u64, report: &Report, took: Duration) {
        self.runs += 1;
        self.steps += report.steps;
        self.turns += report.turns;
        self.events += report.events;
        self.simulated += report.simulated;
        self.took += took;
        if let Some(violation) = &report.violation {
            self.failed += 1;
            self.broken.entry(violation.check).or_default().push(seed);
        }
    }

    fn progress(&mut self, elapsed: Duration, seeds: &RangeInclusive<u64>) {
        if elapsed >= self.told + PROGRESS {
            self.told = elapsed;
            let all = seeds.end() - seeds.start() + 1;
            eprintln!("{} of {all} seeds, {} failed, {:.0?}", self.runs, self.failed, elapsed);
        }
    }

    fn print(&self, elapsed: Duration) {
        let each = |count: u64| count as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE);
        println!("seeds            {:>14}", self.runs);
        println!("failed           {:>14}", self.failed);
        println!("simulated        {:>13.0} s", self.simulated.as_secs_f64());
        println!("took             {:>13.1} s", elapsed.as_secs_f64());
        println!(
            "times real time  {:>14.0} per core",
            self.simulated.as_secs_f64() / self.took.as_secs_f64()
        );
        println!("steps            {:>14}  {:>10.0} per second and core", self.steps, each(self.steps));
        println!("turns of shards  {:>14}  {:>10.0}", self.turns, each(self.turns));
        println!("machine steps    {:>14}  {:>10.0}", self.events, each(self.events));
        for (check, seeds) in &self.broken {
            println!("broken in {} seeds: {check} (first {:?})", seeds.len(), seeds.first());
        }
    }
}
