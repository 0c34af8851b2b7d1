//! Nothing happens: nobody wakes. One test of its own, since the sleeps of all shard threads of the process are counted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kelpgate_runtime_tests::{Behaviour, Echo, Meter, Node, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, Event, Now};

on_both_runtimes!(open_connections_cost_nothing, paused_and_stuck_connections_cost_nothing);

/// Tests of this file take turns.
static ALONE: Mutex<()> = Mutex::new(());

const WATCHED: Duration = Duration::from_millis(800);

fn expect_rest(shards: u16) {
    // What was under way comes to rest.
    std::thread::sleep(Duration::from_millis(200));
    let meter = Meter::new();
    assert!(meter.threads() >= usize::from(shards));
    let before = meter.read();
    std::thread::sleep(WATCHED);
    let used = meter.read().since(before);
    assert!(used.sleeps == 0 && used.cpu == Duration::ZERO, "{used:?} in {WATCHED:?}");
}

fn open_connections_cost_nothing(runtime: Runtime, shards: u16) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let node = Node::start(runtime, shards, |_| Echo);
    let mut streams: Vec<TcpStream> = (0..300).map(|_| node.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    expect_rest(shards);
    node.stop().unwrap();
}

/// Pauses whoever sends a zero; answers anything else with more than the system's buffers hold.
struct Stuck;

impl Behaviour for Stuck {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::Received { conn, bytes } = event {
            actions.push(match bytes.first() {
                Some(0) => Action::PauseReading { conn },
                Some(_) | None => Action::Send { conn, pieces: bytes::Bytes::from(vec![1; 32 << 20]).into() },
            });
        }
    }
}

fn paused_and_stuck_connections_cost_nothing(runtime: Runtime, shards: u16) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let node = Node::start(runtime, shards, |_| Stuck);
    let mut kept = Vec::new();
    for byte in [0, 0, 0, 1, 1, 1] {
        let mut stream = node.connect();
        stream.write_all(&[byte]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        // Unread input on a paused connection, on one that is stuck in writing, and the end of a peer.
        if byte == 0 {
            stream.write_all(&[0; 1000]).unwrap();
        }
        if kept.len() % 3 == 0 {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        kept.push(stream);
    }
    // A peer that ended and does not read is given up after a second.
    std::thread::sleep(Duration::from_millis(1_200));
    expect_rest(shards);
    node.stop().unwrap();
}
