//! Back-pressure, fairness between connections, and exact accounts of what was sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_runtime_tests::{Behaviour, Node, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, ConnId, Event, Instant, Now, READ_BUDGET};

on_both_runtimes!(
    a_reader_that_stops_reading_costs_bounded_memory,
    no_connection_waits_for_more_than_a_budget_of_each
);
on_both_runtimes!(flushed_adds_up_to_what_was_sent);

/// What a connection may owe before it is not read any more.
const OWED_MAX: usize = 256 * 1024;

/// An echo that stops reading whoever does not read.
struct Careful {
    owed: BTreeMap<ConnId, usize>,
    most_owed: Arc<AtomicUsize>,
    flushed: Arc<AtomicU64>,
}

impl Behaviour for Careful {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Opened { conn, .. } => {
                self.owed.insert(conn, 0);
            }
            Event::Received { conn, bytes } => {
                let owed = self.owed.get_mut(&conn).unwrap();
                let before = *owed;
                *owed += bytes.len();
                self.most_owed.fetch_max(*owed, Ordering::Relaxed);
                if before <= OWED_MAX && *owed > OWED_MAX {
                    actions.push(Action::PauseReading { conn });
                }
                actions.push(Action::Send { conn, pieces: bytes.into() });
            }
            Event::Flushed { conn, bytes } => {
                self.flushed.fetch_add(bytes as u64, Ordering::Relaxed);
                let owed = self.owed.get_mut(&conn).unwrap();
                let before = *owed;
                *owed = owed.checked_sub(bytes).expect("not more is flushed than was sent");
                if before > OWED_MAX && *owed <= OWED_MAX {
                    actions.push(Action::ResumeReading { conn });
                }
            }
            Event::Closed { conn } => {
                self.owed.remove(&conn);
            }
            Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Asked { .. }
            | Event::Tick
            | Event::Stop => {}
        }
    }
}

fn a_reader_that_stops_reading_costs_bounded_memory(runtime: Runtime, shards: u16) {
    let (most_owed, flushed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicU64>::default());
    let (most, sum) = (most_owed.clone(), flushed.clone());
    let behave = move |_| Careful { owed: BTreeMap::new(), most_owed: most.clone(), flushed: sum.clone() };
    let node = Node::start(runtime, shards, behave);
    let mut stream = node.connect();
    let total = 32 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let mut writer = stream.try_clone().unwrap();
    let count = written.clone();
    let writing = std::thread::spawn(move || {
        let chunk: Vec<u8> = (0..1 << 20).map(|i| (i % 251) as u8).collect();
        for _ in 0..total >> 20 {
            writer.write_all(&chunk).unwrap();
            count.fetch_add(chunk.len(), Ordering::Relaxed);
        }
    });
    // Not reading: the writer gets stuck when the buffers of the system and what may be owed are full.
    let mut before = usize::MAX;
    while before != written.load(Ordering::Relaxed) {
        before = written.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(before < total, "nobody stopped the writer");
    let mut back = vec![0; 1 << 20];
    for _ in 0..total >> 20 {
        stream.read_exact(&mut back).unwrap();
        assert!(back.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8));
    }
    writing.join().unwrap();
    node.stop().unwrap();
    let most = most_owed.load(Ordering::Relaxed);
    assert!(most <= OWED_MAX + READ_BUDGET, "{most} bytes were owed");
    assert_eq!(flushed.load(Ordering::Relaxed), total as u64);
}

type Reads = Arc<Mutex<Vec<Taken>>>;

/// Lets no connection be read until `go`, then takes note of each read.
struct Gate {
    go: Arc<AtomicBool>,
    waiting: Vec<ConnId>,
    look_at: Option<Instant>,
    turn: u64,
    reads: Reads,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    turn: u64,
    conn: ConnId,
    bytes: usize,
}

impl Behaviour for Gate {
    type Message = ();

    fn on(&mut self, now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Opened { conn, .. } => {
                self.waiting.push(conn);
                actions.push(Action::PauseReading { conn });
                self.look_at.get_or_insert(now.mono);
            }
            Event::Received { conn, bytes } if self.go.load(Ordering::Acquire) => {
                let taken = Taken { turn: self.turn, conn, bytes: bytes.len() };
                self.reads.lock().unwrap().push(taken);
            }
            Event::Tick if self.go.load(Ordering::Acquire) => {
                self.look_at = None;
                actions.extend(self.waiting.drain(..).map(|conn| Action::ResumeReading { conn }));
            }
            Event::Tick => self.look_at = self.look_at.map(|_| now.mono + Duration::from_millis(5)),
            Event::Received { .. }
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

    fn next_deadline(&self) -> Option<Instant> {
        self.look_at
    }
}

fn no_connection_waits_for_more_than_a_budget_of_each(runtime: Runtime, shards: u16) {
    const FLOODS: usize = 5;
    let go = Arc::new(AtomicBool::new(false));
    let logs: Arc<Mutex<Vec<Reads>>> = Arc::default();
    let (gate, all) = (go.clone(), logs.clone());
    let node = Node::start(runtime, shards, move |_| {
        let reads = Reads::default();
        all.lock().unwrap().push(reads.clone());
        Gate { go: gate.clone(), waiting: Vec::new(), look_at: None, turn: 0, reads }
    });
    let floods: Vec<_> = (0..FLOODS)
        .map(|_| {
            let mut stream = node.connect();
            std::thread::spawn(move || stream.write_all(&vec![5; 16 << 20]).unwrap())
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    go.store(true, Ordering::Release);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    node.stop().unwrap();
    let mut whole_turns = 0;
    for reads in logs.lock().unwrap().iter() {
        whole_turns += check_fairness(&reads.lock().unwrap(), FLOODS);
    }
    assert!(
        whole_turns > FLOODS * 8,
        "only {whole_turns} times a connection used its budget: nothing was tested"
    );
}

/// A connection that used its whole budget in a turn had more: until it is read again nobody else gets more than one
/// budget. Returns how often that was checked.
fn check_fairness(reads: &[Taken], connections: usize) -> usize {
    let mut by_turn: Vec<Taken> = Vec::new();
    for read in reads {
        match by_turn.last_mut() {
            Some(last) if last.turn == read.turn && last.conn == read.conn => last.bytes += read.bytes,
            Some(_) | None => by_turn.push(*read),
        }
    }
    let mut checked = 0;
    for (at, taken) in by_turn.iter().enumerate() {
        assert!(taken.bytes <= READ_BUDGET, "{taken:?}");
        let Some(next) = by_turn[at + 1..].iter().position(|later| later.conn == taken.conn) else {
            continue;
        };
        if taken.bytes == READ_BUDGET {
            let others: usize = by_turn[at + 1..at + 1 + next].iter().map(|other| other.bytes).sum();
            assert!(others <= (connections - 1) * READ_BUDGET, "{others} bytes of others after {taken:?}");
            assert!(next < connections, "{next} turns of others after {taken:?}");
            checked += 1;
        }
    }
    checked
}

/// Sends answers of all sizes and keeps an account of each connection.
struct Accountant {
    accounts: Arc<Mutex<BTreeMap<ConnId, Account>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    sent: usize,
    flushed: usize,
    closed: bool,
}

impl Behaviour for Accountant {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        let mut accounts = self.accounts.lock().unwrap();
        match event {
            Event::Received { conn, bytes } => {
                let account = accounts.entry(conn).or_default();
                for byte in bytes {
                    let len = usize::from(byte) * usize::from(byte) * 7;
                    account.sent += len;
                    actions.push(Action::Send { conn, pieces: Bytes::from(vec![byte; len]).into() });
                }
            }
            Event::Flushed { conn, bytes } => {
                let account = accounts.get_mut(&conn).unwrap();
                account.flushed += bytes;
                assert!(!account.closed && bytes > 0 && account.flushed <= account.sent, "{account:?}");
            }
            Event::Closed { conn } => accounts.entry(conn).or_default().closed = true,
            Event::Opened { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Tick
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }
}

fn flushed_adds_up_to_what_was_sent(runtime: Runtime, shards: u16) {
    let accounts = Arc::<Mutex<BTreeMap<ConnId, Account>>>::default();
    let kept = accounts.clone();
    let node = Node::start(runtime, shards, move |_| Accountant { accounts: kept.clone() });
    let sizes: Vec<u8> = (0..=255).collect();
    let expected: usize = sizes.iter().map(|size| usize::from(*size) * usize::from(*size) * 7).sum();
    let ask_and_read_all = |mut stream: TcpStream| {
        stream.write_all(&sizes).unwrap();
        let mut back = vec![0; expected];
        stream.read_exact(&mut back).unwrap();
    };
    // Sequentially: connections of different shards may have the same ids.
    if shards == 1 {
        for _ in 0..5 {
            ask_and_read_all(node.connect());
        }
        node.stop().unwrap();
        let accounts = accounts.lock().unwrap();
        assert_eq!(accounts.len(), 5);
        for account in accounts.values() {
            assert_eq!((account.sent, account.flushed, account.closed), (expected, expected, true));
        }
    } else {
        ask_and_read_all(node.connect());
        node.stop().unwrap();
        let (sent, flushed) = accounts
            .lock()
            .unwrap()
            .values()
            .fold((0, 0), |(sent, flushed), account| (sent + account.sent, flushed + account.flushed));
        assert_eq!((sent, flushed), (expected, expected));
    }
}
