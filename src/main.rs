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
mod replay;
mod seaweedmq;
mod serve;
mod settings;
mod show;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ServeArgs};
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
    let load = |serve: &ServeArgs| Settings::load(serve.config.as_deref(), std::env::vars(), serve.flags()?);
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(load(&cli.serve)?, cli.serve.recording()),
        Command::Log(what) => inspect::inspect(&load(&cli.serve)?, &what),
        // What held when it was recorded is in the recording.
        Command::Replay(what) => replay::replay(&what),
        Command::Config { all } => show::show(&load(&cli.serve)?, all),
    }
}
