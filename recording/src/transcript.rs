//! Steps as text: one line for what happened, one for each thing that was asked for.

use std::fmt::Write;

use kelpgate_core::inspect::Seconds;
use kelpgate_shard::{Action, FileCommand, StopReason};

use crate::replay::{Stepped, What};

/// A step of a replay as lines of text.
pub fn transcript<'a>(step: &Stepped<'a>) -> String {
    let Stepped { number, shard, now, .. } = step;
    let mut text = String::new();
    // A String takes all that is written to it.
    let _ = writeln!(text, "{number} shard {shard} {} {}", Seconds(now.mono), happened(&step.what));
    for action in step.actions {
        let _ = writeln!(text, "    {}", asked(action));
    }
    text
}

fn happened(what: &What) -> String {
    match what {
        What::Opened { conn, peer } => format!("connection {conn} from {peer}"),
        What::Received { conn, bytes } => format!("connection {conn} received {bytes} bytes"),
        What::Flushed { conn, bytes } => format!("connection {conn} took {bytes} bytes"),
        What::Closed { conn } => format!("connection {conn} is gone"),
        What::File { ticket, error: None } => format!("file command {} done", ticket.0),
        What::File { ticket, error: Some(error) } => format!("file command {} failed: {error}", ticket.0),
        What::FromShard(from) => format!("message from shard {from}"),
        What::Asked => "the administrator asks".to_owned(),
        What::Tick => "time".to_owned(),
        What::Stop => "stop".to_owned(),
        What::EndTurn => "end of the turn".to_owned(),
    }
}

fn asked<M>(action: &Action<M>) -> String {
    match action {
        Action::Send { conn, pieces } => format!("send {} bytes to connection {conn}", pieces.len()),
        Action::PauseReading { conn } => format!("do not read connection {conn}"),
        Action::ResumeReading { conn } => format!("read connection {conn}"),
        Action::Close { conn } => format!("close connection {conn}"),
        Action::File { ticket, lane, command } => {
            format!("file command {} ({lane:?}): {}", ticket.0, file(command))
        }
        Action::Rpc(rpc) => format!("RPC command {}: {:?}", rpc.ticket.0, rpc.command),
        Action::ToShard { to, .. } => format!("message to shard {to}"),
        Action::Answer { answer, .. } => format!("answer {answer:?}"),
        Action::Log { level, text } => format!("{level:?}: {text}"),
        Action::Ready => "ready".to_owned(),
        Action::Stopped { reason: StopReason::Asked } => "stopped".to_owned(),
        Action::Stopped { reason: StopReason::Failed(text) } => format!("failed: {text}"),
    }
}

fn file(command: &FileCommand) -> String {
    match command {
        FileCommand::Open { handle, path, create } => {
            let how = if *create { "make or open" } else { "open" };
            format!("{how} {path} as {}", handle.0)
        }
        FileCommand::Close { handle } => format!("close {}", handle.0),
        FileCommand::Write { handle, at, pieces } => {
            format!("write {} bytes to {} at {at}", pieces.len(), handle.0)
        }
        FileCommand::Allocate { handle, len } => format!("make {} {len} bytes long", handle.0),
        FileCommand::Sync { handle } => format!("sync {}", handle.0),
        FileCommand::Read { handle, at, len } => format!("read {len} bytes of {} at {at}", handle.0),
        FileCommand::Truncate { handle, len } => format!("cut {} to {len} bytes", handle.0),
        FileCommand::Rename { from, to } => format!("rename {from} to {to}"),
        FileCommand::Remove { path } => format!("remove {path}"),
        FileCommand::RemoveFolder { path } => format!("remove folder {path}"),
        FileCommand::List { path } => format!("list {path}"),
        FileCommand::SyncFolder { path } => format!("sync folder {path}"),
        FileCommand::ReadWhole { path } => format!("read {path}"),
        FileCommand::Volume => "room on the volume".to_owned(),
    }
}
