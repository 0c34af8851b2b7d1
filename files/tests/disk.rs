//! On a real disk: file commands do what they do on the disk in memory that the log is tested on, and the log finds
//! there after a crash of its process what it answered.

#[path = "../../embedded-log/tests/support/batch.rs"]
#[allow(dead_code)]
mod batch;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, ShardId, Ticket};
use kelpgate_core::storage::{Append, StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::uuid::Uuid;
use kelpgate_files::{Files, Started, run_recovery};
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{FileCommand, FileError, FileHandle, FileReply};
use kelpgate_log::{Log, LogConfig, LogOutbox, LogOutput};
use kelpgate_simulator::disk::SimDisk;
use kelpgate_simulator::random::Random;

const PATHS: [&str; 6] = ["top", "one/a", "one/b", "one/deep/c", "two/d", "two/e"];
const FOLDERS: [&str; 5] = ["", "one", "one/deep", "two", "missing"];

/// A command by chance, about files that are there or not.
fn command(random: &mut Random, open: &mut Vec<FileHandle>, handles: &mut u64) -> FileCommand {
    let path = PATHS[random.below(PATHS.len())].to_owned();
    let handle = match open.get(random.below(open.len().max(1))) {
        Some(handle) => *handle,
        None => FileHandle(0),
    };
    match random.below(16) {
        0..=3 => {
            *handles += 1;
            FileCommand::Open { handle: FileHandle(*handles), path, create: random.chance(2) }
        }
        4 => {
            open.retain(|known| *known != handle);
            FileCommand::Close { handle }
        }
        5..=7 => {
            // More parts than one system call takes.
            let parts = if random.chance(8) { 2500 } else { 1 + random.below(4) };
            let at = random.below(3000) as u64;
            let pieces = (0..parts).map(|_| {
                let len = random.below(40);
                Bytes::from(vec![random.number() as u8; len])
            });
            FileCommand::Write { handle, at, pieces: pieces.collect() }
        }
        8 => FileCommand::Allocate { handle, len: 1 + random.below(5000) as u64 },
        9 => FileCommand::Sync { handle },
        10 => FileCommand::Read { handle, at: random.below(4000) as u64, len: random.below(4000) },
        11 => FileCommand::Truncate { handle, len: random.below(3000) as u64 },
        12 => {
            let (from, to) = [("one/a", "one/b"), ("two/e", "two/d"), ("one/b", "one/a")][random.below(3)];
            FileCommand::Rename { from: from.into(), to: to.into() }
        }
        13 => FileCommand::Remove { path },
        14 => match random.below(12) {
            0 => FileCommand::RemoveFolder { path: FOLDERS[1 + random.below(4)].into() },
            1..=5 => FileCommand::SyncFolder { path: FOLDERS[random.below(5)].into() },
            _ => FileCommand::List { path: FOLDERS[random.below(5)].into() },
        },
        _ => FileCommand::ReadWhole { path },
    }
}

#[test]
fn commands_do_what_they_do_in_memory() {
    let mut random = Random::new(1);
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (real, mut model) = (Files::new(folder.path()), SimDisk::default());
        let (mut open, mut handles) = (Vec::new(), 0);
        for number in 0..300 {
            let command = command(&mut random, &mut open, &mut handles);
            let (found, expected) = (real.execute(&command), model.execute(command.clone()));
            if let (FileCommand::Open { handle, .. }, Ok(_)) = (&command, &expected) {
                open.push(*handle);
            }
            // Texts of errors and a second close are each disk's own.
            let same = match (&found, &expected) {
                (Err(FileError::Other(_)), Err(FileError::Other(_))) => true,
                (Ok(FileReply::Done), Err(FileError::Other(_))) => {
                    matches!(command, FileCommand::Close { .. })
                }
                _ => found == expected,
            };
            assert!(same, "command {number}, {command:?}: {found:?}, not {expected:?}");
        }
    }
}

/// A log on a folder: each file command is carried out at once.
struct Node {
    files: Files,
    log: Log,
    last_ticket: u64,
    started: Started,
}

impl Node {
    fn start(root: &Path) -> Node {
        let started = run_recovery(root, 7).unwrap();
        let mut config = LogConfig::new(ShardId(0), 1, started.recovered.boot);
        config.journal_file_bytes = 64 << 10;
        config.cache_bytes = 32 << 10;
        config.open_files = 8;
        let log = Log::new(config, started.recovered.logs.clone());
        Node { files: Files::new(root), log, last_ticket: 0, started }
    }

    fn run(&mut self, command: StorageCommand) -> Result<StorageReply, StorageError> {
        self.last_ticket += 1;
        let (asked, mut answer, mut out) = (Ticket(self.last_ticket), None, LogOutbox::default());
        self.log.submit(now(), asked, command, &mut out);
        for _ in 0..2 {
            self.log.end_turn(now(), &mut out);
            while let Some(output) = out.pop() {
                match output {
                    LogOutput::File { ticket, lane: _, command } => {
                        let outcome = self.files.execute(&command);
                        self.log.file_done(now(), ticket, outcome, &mut out);
                        self.log.end_turn(now(), &mut out);
                    }
                    LogOutput::Reply { ticket, outcome } if ticket == asked => answer = Some(outcome),
                    LogOutput::Reply { ticket, outcome } => panic!("{ticket}: {outcome:?}"),
                    LogOutput::Note { level, text } => println!("{level:?} {text}"),
                }
            }
        }
        answer.expect("an answer")
    }

    fn read(&mut self, log: LogId) -> Vec<u8> {
        let (mut from, mut all) = (0, Vec::new());
        loop {
            let read = StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 5000 };
            let Ok(StorageReply::Read(pieces)) = self.run(read) else { panic!() };
            let Some(last) = kelpgate_log::batch::batches(&pieces).last() else { return all };
            from = last.unwrap().1.last_offset + 1;
            all.extend_from_slice(&pieces.concat());
        }
    }
}

fn now() -> Now {
    Now { mono: Instant(1), wall: WallTime(0) }
}

#[test]
fn a_log_finds_what_it_answered_after_each_crash_of_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(3);
    let mut expected: BTreeMap<i32, (i64, Vec<u8>)> = BTreeMap::new();
    for start in 0..8 {
        let mut node = Node::start(folder.path());
        for (partition, (_, bytes)) in &expected {
            let log = LogId { topic: Uuid([9; 16]), partition: *partition };
            assert!(node.read(log) == *bytes, "start {start}, partition {partition}");
        }
        for _ in 0..120 {
            let partition = random.below(12) as i32;
            let (next, bytes) = expected.entry(partition).or_default();
            let roll = random.chance(9);
            let append = Append { roll, ..batch::append(*next, 3, start, random.below(3000)) };
            *next += 3;
            bytes.extend_from_slice(&append.batches.concat());
            let log = LogId { topic: Uuid([9; 16]), partition };
            assert_eq!(node.run(StorageCommand::Append { log, append }), Ok(StorageReply::Appended));
        }
        // The process ends here. What it was writing then is torn.
        let Node { started, files, .. } = node;
        drop(started.lock);
        tear_the_journal(files.root(), &mut random);
    }
}

/// A group that was never complete, at the end of the newest journal file: zeroes so far.
fn tear_the_journal(root: &Path, random: &mut Random) {
    let files = std::fs::read_dir(root.join("journal/0")).unwrap().map(|entry| entry.unwrap().path());
    let newest = files.max().unwrap();
    let contents = std::fs::read(&newest).unwrap();
    let used = contents.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut torn = contents[..used].to_vec();
    // A later group begins like one before it did.
    torn.extend((0..random.below(900)).map(|_| random.number() as u8));
    torn.resize(contents.len().max(torn.len()), 0);
    let mut file = std::fs::File::create(&newest).unwrap();
    file.write_all(&torn).unwrap();
}
