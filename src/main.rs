//! `kelpgate`: the command line, the configuration, start-up and shutdown.
#![forbid(unsafe_code)]

mod address;
mod cli;
mod error;
mod inspect;
mod logging;
mod node;
#[cfg(test)]
mod reference;
mod serve;
mod settings;
mod show;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use error::Failure;
use settings::Settings;

/// Bugs that the simulator switches on have no place in the program.
const _: () = assert!(!kelpgate_core::mutant::BUILT_IN, "the program is built without the feature `mutants`");

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not by way of the log: whoever typed the command wants to read this, whatever the level and format.
            eprintln!("kelpgate: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let flags = cli.serve.flags()?;
    let settings = Settings::load(cli.serve.config.as_deref(), std::env::vars(), flags)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(settings),
        Command::Log(what) => inspect::inspect(&settings, &what),
        Command::Config { all } => show::show(&settings, all),
    }
}
