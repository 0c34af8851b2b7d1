//! `kelpgate replay`: what a recording holds, taken again step by step.

mod subject;

use std::io::{self, Write};

use kelpgate_recording::{Replay, Stepped, Story, newest_start, transcript};

use crate::cli::ReplayArgs;
use crate::error::Failure;
pub(crate) use subject::Subject;

/// Replays, and prints what was asked for.
///
/// # Errors
/// When there is no recording, it is damaged, something else comes out than when it was recorded, or standard output does
/// not take the text.
pub(crate) fn replay(what: &ReplayArgs) -> Result<(), Failure> {
    let folder = newest_start(&what.dir)?;
    let refused = |error| Failure::Replay { folder: folder.clone(), error };
    let mut replay = Replay::open(&folder).map_err(refused)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    introduce(&replay, &folder.display().to_string(), &mut out).map_err(Failure::Output)?;
    let mut stories: Vec<Story> = what.show.iter().filter_map(Subject::story).collect();
    let mut outcome = Ok(());
    while what.until.is_none_or(|until| replay.steps() < until) {
        warn_of_death(&replay);
        match replay.step() {
            Ok(None) => break,
            Ok(Some(step)) => {
                let shard = step.shard;
                tell(what, &step, &mut out).map_err(Failure::Output)?;
                let events: Vec<String> =
                    stories.iter_mut().flat_map(|story| story.hear(&step).collect::<Vec<_>>()).collect();
                let seen = replay.players().get(usize::from(shard.0));
                let changes = stories.iter_mut().flat_map(|story| story.see(shard, seen));
                for line in events.into_iter().chain(changes.collect::<Vec<_>>()) {
                    writeln!(out, "{line}").map_err(Failure::Output)?;
                }
            }
            Err(error) => {
                outcome = Err(refused(error));
                break;
            }
        }
    }
    conclude(&replay, what, outcome.is_ok(), &mut out).map_err(Failure::Output)?;
    out.flush().map_err(Failure::Output)?;
    outcome
}

fn introduce(replay: &Replay, folder: &str, out: &mut impl Write) -> io::Result<()> {
    let shards = replay.players();
    let recorded_by = shards.first().map_or("", |player| &player.origin.program);
    writeln!(out, "{folder}: {} shard(s), recorded by kelpgate {recorded_by}", shards.len())?;
    let ours = env!("CARGO_PKG_VERSION");
    if recorded_by != ours {
        writeln!(out, "this is kelpgate {ours}, which may answer otherwise")?;
    }
    Ok(())
}

/// Whoever replays a crash sees it come.
fn warn_of_death(replay: &Replay) {
    for player in replay.players().iter().filter(|player| player.dies_next()) {
        let (shard, step) = (player.id(), player.steps());
        eprintln!("shard {shard} did not come back from its step {step} when this was recorded");
    }
}

fn tell(what: &ReplayArgs, step: &Stepped<'_>, out: &mut impl Write) -> io::Result<()> {
    match what.steps {
        true => write!(out, "{}", transcript(step)),
        false => Ok(()),
    }
}

fn conclude(replay: &Replay, what: &ReplayArgs, good: bool, out: &mut impl Write) -> io::Result<()> {
    for player in replay.players() {
        let ending = match player.ending() {
            Some(ending) if good => format!("then its recording ends: {ending}"),
            None if good && what.until.is_none() => {
                "then it waits for a message of a shard whose recording ended before".to_owned()
            }
            Some(_) | None => "with more to come".to_owned(),
        };
        writeln!(out, "shard {}: {} steps, {ending}", player.id(), player.steps())?;
    }
    if good {
        writeln!(out, "{} steps, all with the outputs that were recorded", replay.steps())?;
    }
    for subject in &what.show {
        writeln!(out, "\n{subject} after step {}", replay.steps())?;
        subject.show(replay, out)?;
    }
    Ok(())
}
