//! Turns: what a shard can rely on that shares out its work over them.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, ConnId, Event, Instant, Now};

on_both_runtimes!(a_shard_that_always_has_more_to_do_reads_whoever_is_ready, a_turn_is_a_moment);

const CONNECTIONS: usize = 24;

/// Turns without end. Connections are opened and not read; when all have sent something they are read again, in one turn,
/// and it is told how many turns later each was read.
struct Busy {
    go: Arc<AtomicBool>,
    now: Instant,
    turn: u64,
    waiting: BTreeSet<ConnId>,
    resumed: Option<u64>,
    told: Sender<u64>,
}

impl Behaviour for Busy {
    type Message = ();

    fn on(&mut self, now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        self.now = now.mono;
        match event {
            Event::Opened { conn, .. } => {
                self.waiting.insert(conn);
                if self.resumed.is_none() {
                    actions.push(Action::PauseReading { conn });
                }
            }
            Event::Received { conn, .. } => {
                let resumed = self.resumed.expect("nobody is read before");
                if self.waiting.remove(&conn) {
                    self.told.send(self.turn - resumed).unwrap();
                }
            }
            Event::Tick if self.resumed.is_none() && self.go.load(Ordering::Acquire) => {
                self.resumed = Some(self.turn);
                actions.extend(self.waiting.iter().map(|conn| Action::ResumeReading { conn: *conn }));
            }
            Event::Tick
            | Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }

    fn end_turn(&mut self, _now: Now, _actions: &mut Vec<Action<()>>) {
        self.turn += 1;
    }

    /// Over already, always.
    fn next_deadline(&self) -> Option<Instant> {
        Some(self.now + Duration::from_nanos(1))
    }
}

fn a_shard_that_always_has_more_to_do_reads_whoever_is_ready(runtime: Runtime, shards: u16) {
    let (go, (told, turns)) = (Arc::<AtomicBool>::default(), channel());
    let gate = go.clone();
    let node = Node::start(runtime, shards, move |_| Busy {
        go: gate.clone(),
        now: Instant::default(),
        turn: 0,
        waiting: BTreeSet::new(),
        resumed: None,
        told: told.clone(),
    });
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| node.connect()).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(&[7; 100]).unwrap());
    std::thread::sleep(Duration::from_millis(300));
    go.store(true, Ordering::Release);
    let later: Vec<u64> = streams.iter().map(|_| turns.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(later.iter().all(|turns| *turns == 1), "read so many turns later: {later:?}");
    // Those whose bytes arrive from now on are read, too, though the shard never rests.
    let mut late = node.connect();
    late.write_all(&[7]).unwrap();
    turns.recv_timeout(PATIENCE).unwrap();
    drop(streams);
    node.stop().unwrap();
}

/// Takes note of the times of its events, turn by turn.
struct Clerk {
    events: Vec<(Instant, bool)>,
    last: Instant,
    turns: u32,
    told: Sender<u32>,
}

impl Behaviour for Clerk {
    type Message = ();

    fn on(&mut self, now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        self.events.push((now.mono, matches!(event, Event::Tick)));
        if let Event::Received { conn, bytes } = event {
            actions.push(Action::Send { conn, pieces: bytes.into() });
        }
    }

    fn end_turn(&mut self, now: Now, _actions: &mut Vec<Action<()>>) {
        // A turn may end twice, when something was told late.
        assert!(self.events.iter().all(|(at, _)| *at == now.mono), "{:?} in one turn", self.events);
        assert!(self.events.iter().filter(|(_, tick)| *tick).count() <= 1);
        if now.mono != self.last {
            assert!(now.mono > self.last);
            self.turns += 1;
            self.told.send(self.turns).unwrap();
        }
        self.last = now.mono;
        self.events.clear();
    }

    fn next_deadline(&self) -> Option<Instant> {
        (self.turns < 2000).then(|| self.last + Duration::from_nanos(1))
    }
}

fn a_turn_is_a_moment(runtime: Runtime, shards: u16) {
    let (told, turns) = channel();
    let node = Node::start(runtime, shards, move |_| Clerk {
        events: Vec::new(),
        last: Instant::default(),
        turns: 0,
        told: told.clone(),
    });
    let mut streams: Vec<_> = (0..8).map(|_| node.connect()).collect();
    let mut most = 0;
    while most < 2000 {
        streams.iter_mut().for_each(|stream| stream.write_all(&[7; 10]).unwrap());
        most = most.max(turns.recv_timeout(PATIENCE).unwrap());
    }
    drop(streams);
    node.stop().unwrap();
}
