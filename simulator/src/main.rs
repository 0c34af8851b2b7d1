//! `kelpgate-sim`: runs seeds, shows one of them step by step, and makes failing ones smaller.
#![forbid(unsafe_code)]

mod seeds;

use std::io::BufWriter;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

use kelpgate_simulator::run::Report;
use kelpgate_simulator::shrink::{Reduction, reduced, shrink};
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
    /// Run seeds: many, with a table at the end, or one, step by step if wanted.
    Run(Run),
    /// Measure how fast the simulator is.
    Bench(kelpgate_simulator::bench::Options),
    /// Put known bugs in, one at a time, and count the seeds until a check notices.
    #[cfg(feature = "mutants")]
    Mutants(kelpgate_simulator::mutants::Options),
}

#[derive(Debug, Args)]
struct Run {
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
    /// Runs that may be spent on making a failing one smaller.
    #[arg(long, default_value_t = 100)]
    shrink: usize,
    #[command(flatten)]
    reduction: Reduction,
    /// With this bug in.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutant: Option<kelpgate_core::mutant::Mutant>,
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("two numbers with .. between them")?;
    let number = |text: &str| text.trim_start_matches('=').parse::<u64>().map_err(|error| error.to_string());
    Ok(number(first)?..=number(last)?)
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    // A panic is a violation like others, and told like others.
    std::panic::set_hook(Box::new(|_| {}));
    let good = match command {
        Command::Run(run) => run_seeds(&run),
        Command::Bench(options) => kelpgate_simulator::bench::run(&options),
        #[cfg(feature = "mutants")]
        Command::Mutants(options) => kelpgate_simulator::mutants::run(&options),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs many seeds or one; says whether every promise was kept.
fn run_seeds(run: &Run) -> bool {
    #[cfg(feature = "mutants")]
    kelpgate_core::mutant::select(run.mutant);
    match (&run.seeds, run.seed) {
        (Some(seeds), _) => seeds::run(seeds.clone(), &run.reduction, run.jobs, run.shrink),
        (None, Some(seed)) => one(seed, run),
        (None, None) => unreachable!("one of the two is required"),
    }
}

/// Runs one seed; says whether every promise was kept.
fn one(seed: u64, run: &Run) -> bool {
    let plan = reduced(seed, &run.reduction);
    let transcript = match run.log {
        true => Transcript::to(Box::new(BufWriter::new(std::io::stdout()))),
        false => Transcript::default(),
    };
    if run.log {
        println!("seed {seed}: {plan}");
    }
    let began = Instant::now();
    let report = plan.run(transcript);
    // What the clock of the machine says does not belong to the transcript.
    eprintln!("took {:.3?}", began.elapsed());
    println!("{}", seeds::line(seed, &report));
    if report.violation.is_some() && !run.log {
        tell_smaller(seed, &run.reduction, &report, run.shrink);
    }
    report.violation.is_none()
}

/// Prints the command that shows a failure in as few steps as could be found.
fn tell_smaller(seed: u64, reduction: &Reduction, failed: &Report, runs: usize) {
    let (smaller, report) = shrink(seed, reduction, failed, runs);
    println!("  reproduce: kelpgate-sim run --seed {seed}{smaller} --log   ({} steps)", report.steps);
}
