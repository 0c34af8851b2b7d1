//! Why file commands are carried out by lane threads on both runtimes: the same appends by a lane and by the ring.
//!
//! `cargo bench -p kelpgate-runtime-tests --bench files`. Each append is written and synced before the next one; the file
//! is preallocated. The ring's way, glommio's `BufferedFile`, takes the bytes as a vector, so the pieces of a command are
//! copied into one, as a runtime would have to.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use glommio::io::{BufferedFile, OpenOptions};
use glommio::{LocalExecutorBuilder, Placement};
use kelpgate_runtime_tests::{Behaviour, Node, Runtime};
use kelpgate_shard::{Action, Event, FileCommand, FileHandle, FileTicket, Lane, Now, Pieces};

const HANDLE: FileHandle = FileHandle(1);
const PIECES: usize = 8;

fn main() {
    println!("append + sync: microseconds each (p50), processor microseconds of the process each");
    for (size, appends) in [(1 << 10, 2_000), (64 << 10, 2_000), (1 << 20, 200)] {
        for round in 1..=2 {
            print!("{:5} KiB, round {round}:", size >> 10);
            report("lane on mio", appends, || lane(Runtime::Mio, size, appends));
            report("lane on glommio", appends, || lane(Runtime::Glommio, size, appends));
            report("ring", appends, || ring(size, appends));
            println!();
        }
    }
}

fn report(name: &str, appends: usize, run: impl FnOnce() -> Vec<Duration>) {
    let before = processor_time();
    let mut times = run();
    let used = processor_time() - before;
    times.sort_unstable();
    print!("  {name} {} ({})", times[appends / 2].as_micros(), used.as_micros() / appends as u128);
}

fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}

fn pieces(size: usize) -> Pieces {
    let part = Bytes::from(vec![7; size / PIECES]);
    (0..PIECES).map(|_| part.clone()).collect()
}

fn room(size: usize, appends: usize) -> u64 {
    (size * appends) as u64
}

/// Appends one after the other on the journal lane.
struct Appender {
    size: usize,
    left: usize,
    appends: usize,
    begun: Instant,
    times: Sender<Duration>,
}

impl Appender {
    fn append(&mut self, actions: &mut Vec<Action<()>>) {
        self.begun = Instant::now();
        let at = room(self.size, self.appends - self.left);
        let write = FileCommand::Write { handle: HANDLE, at, pieces: pieces(self.size) };
        for (ticket, command) in [(0, write), (1, FileCommand::Sync { handle: HANDLE })] {
            actions.push(Action::File { ticket: FileTicket(ticket), lane: Lane::Journal, command });
        }
    }
}

impl Behaviour for Appender {
    type Message = ();

    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        let len = room(self.size, self.appends);
        let open = FileCommand::Open { handle: HANDLE, path: "journal".to_owned(), create: true };
        for command in
            [open, FileCommand::Allocate { handle: HANDLE, len }, FileCommand::Sync { handle: HANDLE }]
        {
            actions.push(Action::File { ticket: FileTicket(9), lane: Lane::Journal, command });
        }
        actions.push(Action::Ready);
        self.append(actions);
    }

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::File { ticket: FileTicket(1), outcome } = event {
            outcome.expect("a sync");
            let _ = self.times.send(self.begun.elapsed());
            self.left -= 1;
            if self.left > 0 {
                self.append(actions);
            }
        }
    }
}

fn lane(runtime: Runtime, size: usize, appends: usize) -> Vec<Duration> {
    let (times, told) = channel();
    let node = Node::start(runtime, 1, move |_| Appender {
        size,
        left: appends,
        appends,
        begun: Instant::now(),
        times: times.clone(),
    });
    let times = (0..appends).map(|_| told.recv().expect("an append")).collect();
    node.stop().expect("a clean end");
    times
}

fn ring(size: usize, appends: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    preallocate(&path, room(size, appends));
    let executor =
        LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().expect("an executor");
    executor.run(async {
        let file: BufferedFile =
            OpenOptions::new().read(true).write(true).buffered_open(&path).await.expect("the file");
        let mut times = Vec::new();
        for i in 0..appends {
            let begun = Instant::now();
            let pieces = pieces(size);
            let mut whole = Vec::with_capacity(size);
            pieces.iter().for_each(|part| whole.extend_from_slice(part));
            file.write_at(whole, room(size, i)).await.expect("a write");
            file.fdatasync().await.expect("a sync");
            times.push(begun.elapsed());
        }
        file.close().await.expect("a close");
        times
    })
}

/// As the lane's file is: reserved and zeroed.
fn preallocate(path: &Path, len: u64) {
    let file = std::fs::File::create(path).expect("the file");
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).expect("room");
    file.write_at(&[0], 0).expect("a write");
    file.sync_all().expect("a sync");
}
