//! File commands: in the order of their lane, each answered once, with its error if it failed; lanes do not wait for each
//! other.

use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{
    Action, Event, FileCommand, FileError, FileHandle, FileReply, FileTicket, Lane, Now, ShardId,
};

on_both_runtimes!(
    commands_of_a_lane_are_carried_out_in_order,
    errors_are_reported,
    a_lane_that_is_stuck_does_not_hold_the_others,
);

type Answer = (FileTicket, Result<FileReply, FileError>);

/// Gives all its commands in its first step and passes on the answers.
struct Clerk {
    commands: VecDeque<(Lane, FileCommand)>,
    answers: Sender<Answer>,
}

impl Behaviour for Clerk {
    type Message = ();

    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        let commands = (0..).zip(self.commands.drain(..));
        actions.extend(commands.map(|(number, (lane, command))| Action::File {
            ticket: FileTicket(number),
            lane,
            command,
        }));
        actions.push(Action::Ready);
    }

    fn on(&mut self, _now: Now, event: Event<()>, _actions: &mut Vec<Action<()>>) {
        if let Event::File { ticket, outcome } = event {
            self.answers.send((ticket, outcome)).unwrap();
        }
    }
}

fn start(
    runtime: Runtime,
    shards: u16,
    commands: impl Fn(ShardId) -> VecDeque<(Lane, FileCommand)> + Send + Sync + 'static,
) -> (Node, Vec<Receiver<Answer>>) {
    let (senders, receivers): (Vec<Sender<Answer>>, _) = (0..shards).map(|_| channel()).unzip();
    let senders = std::sync::Mutex::new(senders);
    let behave = move |shard: ShardId| {
        let answers = senders.lock().unwrap()[usize::from(shard.0)].clone();
        Clerk { commands: commands(shard), answers }
    };
    (Node::start(runtime, shards, behave), receivers)
}

const WRITES: usize = 300;

/// Each write overwrites the end of the one before: only the right order gives the right file.
fn overlapping_writes(shard: ShardId) -> VecDeque<(Lane, FileCommand)> {
    let handle = FileHandle(1);
    let path = format!("shard-{shard}/overlapping");
    let mut commands = VecDeque::from([FileCommand::Open { handle, path: path.clone(), create: true }]);
    for i in 0..WRITES {
        let parts = (0..4).map(|part| Bytes::from(vec![(i + part) as u8; 50]));
        commands.push_back(FileCommand::Write { handle, at: i as u64 * 100, pieces: parts.collect() });
        if i % 50 == 0 {
            commands.push_back(FileCommand::Sync { handle });
        }
    }
    commands.push_back(FileCommand::Read { handle, at: 0, len: usize::MAX >> 40 });
    commands.push_back(FileCommand::Truncate { handle, len: 10 });
    commands.push_back(FileCommand::Close { handle });
    commands.push_back(FileCommand::ReadWhole { path });
    commands.into_iter().map(|command| (Lane::Journal, command)).collect()
}

fn commands_of_a_lane_are_carried_out_in_order(runtime: Runtime, shards: u16) {
    let (node, answers) = start(runtime, shards, overlapping_writes);
    let mut expected = vec![0; WRITES * 100 + 100];
    for i in 0..WRITES {
        (0..4).for_each(|part| expected[i * 100 + part * 50..][..50].fill((i + part) as u8));
    }
    for answers in &answers {
        let mut bytes = Vec::new();
        for number in 0..overlapping_writes(ShardId(0)).len() as u64 {
            let (ticket, outcome) = answers.recv_timeout(PATIENCE).unwrap();
            assert_eq!(ticket, FileTicket(number));
            if let FileReply::Bytes(read) = outcome.unwrap() {
                bytes.push(read);
            }
        }
        assert!(bytes[0] == expected && bytes[1] == expected[..10]);
    }
    node.stop().unwrap();
}

fn errors_are_reported(runtime: Runtime, shards: u16) {
    let commands = |_| {
        VecDeque::from([
            (Lane::Read, FileCommand::ReadWhole { path: "missing".to_owned() }),
            (Lane::Read, FileCommand::Read { handle: FileHandle(9), at: 0, len: 1 }),
            (
                Lane::Read,
                FileCommand::Open { handle: FileHandle(9), path: "missing".to_owned(), create: false },
            ),
            (Lane::Read, FileCommand::Remove { path: "missing".to_owned() }),
            (Lane::Read, FileCommand::List { path: "missing".to_owned() }),
        ])
    };
    let (node, answers) = start(runtime, shards, commands);
    for answers in &answers {
        let next = || answers.recv_timeout(PATIENCE).unwrap().1;
        assert_eq!(next(), Err(FileError::NotFound));
        assert!(matches!(next(), Err(FileError::Other(_))));
        assert_eq!(next(), Err(FileError::NotFound));
        assert_eq!(next(), Ok(FileReply::Done));
        assert_eq!(next(), Ok(FileReply::Listed(Vec::new())));
    }
    node.stop().unwrap();
}

fn a_lane_that_is_stuck_does_not_hold_the_others(runtime: Runtime, shards: u16) {
    // Reading a pipe that nobody writes is as stuck as a disk can be.
    let commands = |shard| {
        let handle = FileHandle(1);
        let path = |name: &str| format!("{name}-{shard}");
        VecDeque::from([
            (Lane::Background, FileCommand::ReadWhole { path: path("pipe") }),
            (Lane::Journal, FileCommand::Open { handle, path: path("file"), create: true }),
            (Lane::Journal, FileCommand::Sync { handle }),
            (Lane::Read, FileCommand::Volume),
        ])
    };
    let (told, folder) = channel::<PathBuf>();
    let (senders, receivers): (Vec<Sender<Answer>>, Vec<Receiver<Answer>>) =
        (0..shards).map(|_| channel()).unzip();
    let (senders, folder) = (std::sync::Mutex::new(senders), std::sync::Mutex::new(folder));
    let behave = move |shard: ShardId| {
        // The shard begins when its pipe is there.
        let data = folder.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        let pipe = data.join(format!("pipe-{shard}"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        Clerk { commands: commands(shard), answers: senders.lock().unwrap()[usize::from(shard.0)].clone() }
    };
    let (mut node, listening) = Node::launch(runtime, shards, behave);
    (0..shards).for_each(|_| told.send(node.data.path().to_owned()).unwrap());
    listening.recv_timeout(PATIENCE).unwrap();
    for (shard, answers) in receivers.iter().enumerate() {
        let mut first: Vec<u64> = (0..3).map(|_| answers.recv_timeout(PATIENCE).unwrap().0.0).collect();
        first.sort_unstable();
        assert_eq!(first, [1, 2, 3]);
        let pipe = node.data.path().join(format!("pipe-{shard}"));
        std::fs::OpenOptions::new().write(true).open(pipe).unwrap().write_all(b"unstuck").unwrap();
        let (ticket, outcome) = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!((ticket.0, outcome), (0, Ok(FileReply::Bytes(Bytes::from_static(b"unstuck")))));
    }
    node.ask_to_stop();
    node.wait().unwrap();
}
