//! What the gateway is measured against: the least that anything on these runtimes costs.

use std::net::SocketAddr;

use bytes::Bytes;
use kelpgate_runtime_glommio::Glommio;
use kelpgate_runtime_mio::{Mio, Options, Runtime as _, StopSignal};
use kelpgate_shard::{
    Action, ConnId, Drive, Event, FileCommand, FileHandle, FileTicket, Instant, Lane, Now, Pieces, StopReason,
};

/// Runs one of them in this process until it is killed. Says where it listens.
pub fn serve(runtime: &str, contender: &str, data: &str) {
    let echo = match contender {
        "echo" => Echo::new(Kept::Nothing),
        "written" => Echo::new(Kept::Written),
        "synced" => Echo::new(Kept::Synced),
        other => panic!("{other} is not served here"),
    };
    let options = Options::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))], data);
    let stop = StopSignal::new().expect("a pipe");
    let make = move |_, _: &[SocketAddr]| echo.clone();
    let say = |addresses: &[SocketAddr]| println!("listening on {}", addresses[0]);
    let outcome = match runtime {
        "mio" => Mio::run(&options, make, say, &stop, |_, text| eprintln!("{text}")),
        "glommio" => Glommio::run(&options, make, say, &stop, |_, text| eprintln!("{text}")),
        other => panic!("there is no runtime {other}"),
    };
    outcome.expect("a clean end");
}

/// What is done with what was received, before it is sent back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Written,
    Synced,
}

const HANDLE: FileHandle = FileHandle(1);
/// The file is written round and round.
const FILE_BYTES: u64 = 64 << 20;
const PREPARED: FileTicket = FileTicket(0);
const WRITTEN: FileTicket = FileTicket(1);
const SYNCED: FileTicket = FileTicket(2);

/// Sends back what it receives; if it keeps it first, all that came while the last write was under way is one write.
#[derive(Clone)]
struct Echo {
    kept: Kept,
    begun: bool,
    at: u64,
    waiting: Vec<(ConnId, Bytes)>,
    under_way: Vec<(ConnId, Bytes)>,
}

impl Echo {
    fn new(kept: Kept) -> Echo {
        Echo { kept, begun: false, at: 0, waiting: Vec::new(), under_way: Vec::new() }
    }

    fn begin(&mut self, actions: &mut Vec<Action<()>>) {
        self.begun = true;
        if self.kept == Kept::Nothing {
            actions.push(Action::Ready);
            return;
        }
        let prepare = [
            FileCommand::Open { handle: HANDLE, path: "kept".to_owned(), create: true },
            FileCommand::Allocate { handle: HANDLE, len: FILE_BYTES },
            FileCommand::Sync { handle: HANDLE },
        ];
        let count = prepare.len();
        for (command, left) in prepare.into_iter().zip((0..count).rev()) {
            let ticket = if left == 0 { PREPARED } else { FileTicket(100) };
            actions.push(Action::File { ticket, lane: Lane::Journal, command });
        }
    }

    fn write(&mut self, actions: &mut Vec<Action<()>>) {
        if self.waiting.is_empty() || !self.under_way.is_empty() {
            return;
        }
        std::mem::swap(&mut self.waiting, &mut self.under_way);
        let pieces: Pieces = self.under_way.iter().map(|(_, bytes)| bytes.clone()).collect();
        let len = pieces.len() as u64;
        self.at = if self.at + len > FILE_BYTES { 0 } else { self.at };
        let write = FileCommand::Write { handle: HANDLE, at: self.at, pieces };
        self.at += len;
        actions.push(Action::File { ticket: WRITTEN, lane: Lane::Journal, command: write });
        if self.kept == Kept::Synced {
            let command = FileCommand::Sync { handle: HANDLE };
            actions.push(Action::File { ticket: SYNCED, lane: Lane::Journal, command });
        }
    }
}

impl Drive for Echo {
    type Message = ();

    fn handle(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Tick if !self.begun => self.begin(actions),
            Event::Received { conn, bytes } => match self.kept {
                Kept::Nothing => actions.push(Action::Send { conn, pieces: bytes.into() }),
                Kept::Written | Kept::Synced => self.waiting.push((conn, bytes)),
            },
            Event::File { ticket, outcome } => {
                outcome.expect("the file can be written");
                let last = if self.kept == Kept::Synced { SYNCED } else { WRITTEN };
                if ticket == PREPARED {
                    actions.push(Action::Ready);
                } else if ticket == last {
                    let answers = self.under_way.drain(..);
                    actions.extend(answers.map(|(conn, bytes)| Action::Send { conn, pieces: bytes.into() }));
                }
            }
            Event::Stop => actions.push(Action::Stopped { reason: StopReason::Asked }),
            Event::Opened { .. }
            | Event::Asked { .. }
            | Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::FromShard { .. }
            | Event::Tick => {}
        }
    }

    fn end_turn(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        self.write(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        (!self.begun).then(Instant::default)
    }
}
