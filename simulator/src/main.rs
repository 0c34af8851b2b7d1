//! `kelpgate-sim`: runs seeds, and shows one of them step by step.
#![forbid(unsafe_code)]

use std::io::BufWriter;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Parser, Subcommand};

use kelpgate_simulator::run::{Plan, Report};
use kelpgate_simulator::transcript::Transcript;

/// Runs Kelpgate in virtual time, with everything going wrong.
#[derive(Debug, Parser)]
#[command(name = "kelpgate-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run seeds.
    Run {
        /// From the first to the last, both included: `1..1000`.
        #[arg(long, value_parser = parse_seeds, conflicts_with = "seed", required_unless_present = "seed")]
        seeds: Option<RangeInclusive<u64>>,
        /// Only this one.
        #[arg(long)]
        seed: Option<u64>,
        /// Print a line for each step.
        #[arg(long, requires = "seed")]
        log: bool,
        /// Seeds at the same time.
        #[arg(long, default_value_t = 1)]
        jobs: usize,
    },
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("two numbers with .. between them")?;
    let number = |text: &str| text.trim_start_matches('=').parse::<u64>().map_err(|error| error.to_string());
    Ok(number(first)?..=number(last)?)
}

fn main() -> ExitCode {
    let Cli { command: Command::Run { seeds, seed, log, jobs } } = Cli::parse();
    std::panic::set_hook(Box::new(|_| {}));
    let seeds = seeds.or_else(|| seed.map(|seed| seed..=seed)).unwrap_or(1..=0);
    if run(seeds, log, jobs) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(seeds: RangeInclusive<u64>, log: bool, jobs: usize) -> bool {
    let next = AtomicU64::new(*seeds.start());
    let failures = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        return;
                    }
                    if !run_one(seed, log) {
                        failures.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failures.into_inner() == 0
}

fn run_one(seed: u64, log: bool) -> bool {
    let transcript = match log {
        true => Transcript::to(Box::new(BufWriter::new(std::io::stdout()))),
        false => Transcript::default(),
    };
    let plan = Plan::draw(seed);
    let began = Instant::now();
    let report = plan.run(transcript);
    let took = began.elapsed();
    let Report { violation, hash, steps, turns, events, simulated } = &report;
    let times = simulated.as_secs_f64() / took.as_secs_f64();
    println!(
        "seed {seed}: {simulated:.1?} in {took:.3?} ({times:.0}x), {steps} steps, {turns} turns, {events} events, \
         hash {hash:016x}"
    );
    if let Some(violation) = violation {
        println!("seed {seed} FAILED: {violation}\n  reproduce: kelpgate-sim run --seed {seed} --log");
    }
    violation.is_none()
}
