//! Deadlines: never missed, never early, moved at will.

use std::collections::BTreeSet;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, Event, Instant, Now};

on_both_runtimes!(deadlines_are_met_and_not_early, a_deadline_can_move_both_ways);

/// How late a busy machine may be.
const LATE: Duration = Duration::from_millis(250);

struct Alarms {
    due: BTreeSet<Instant>,
    ticks: u32,
    rang: Sender<(Duration, u32)>,
}

impl Behaviour for Alarms {
    type Message = ();

    fn begin(&mut self, now: Now, actions: &mut Vec<Action<()>>) {
        actions.push(Action::Ready);
        let micros = [0, 1, 300, 5_000, 20_000, 20_001, 100_000, 400_000];
        self.due = micros.map(|micros| now.mono + Duration::from_micros(micros)).into();
    }

    fn on(&mut self, now: Now, event: Event<()>, _actions: &mut Vec<Action<()>>) {
        let Event::Tick = event else { return };
        self.ticks += 1;
        while let Some(first) = self.due.first().copied()
            && first <= now.mono
        {
            self.due.pop_first();
            self.rang.send((now.mono.saturating_since(first), self.ticks)).unwrap();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.due.first().copied()
    }
}

fn deadlines_are_met_and_not_early(runtime: Runtime, shards: u16) {
    let (rang, told) = channel();
    let node =
        Node::start(runtime, shards, move |_| Alarms { due: BTreeSet::new(), ticks: 0, rang: rang.clone() });
    for _ in 0..8 * shards {
        let (late, ticks) = told.recv_timeout(PATIENCE).unwrap();
        assert!(late < LATE, "{late:?} late");
        assert!(ticks <= 8, "{ticks} ticks for 8 deadlines");
    }
    node.stop().unwrap();
}

/// A far deadline is moved near by a byte of a client, a near one far.
struct Moving {
    due: Option<Instant>,
    rang: Sender<()>,
}

impl Behaviour for Moving {
    type Message = ();

    fn on(&mut self, now: Now, event: Event<()>, _actions: &mut Vec<Action<()>>) {
        match event {
            Event::Opened { .. } => self.due = Some(now.mono + Duration::from_secs(3_600)),
            Event::Received { bytes, .. } => {
                let millis = if bytes.first() == Some(&0) { 30 } else { 3_600_000 };
                self.due = Some(now.mono + Duration::from_millis(millis));
            }
            Event::Tick if self.due.is_some_and(|due| due <= now.mono) => {
                self.due = None;
                self.rang.send(()).unwrap();
            }
            Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Tick
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.due
    }
}

fn a_deadline_can_move_both_ways(runtime: Runtime, shards: u16) {
    use std::io::Write;
    let (rang, told) = channel();
    let node = Node::start(runtime, shards, move |_| Moving { due: None, rang: rang.clone() });
    let mut stream = node.connect();
    let asked = std::time::Instant::now();
    stream.write_all(&[0]).unwrap();
    told.recv_timeout(PATIENCE).unwrap();
    assert!(
        asked.elapsed() >= Duration::from_millis(30) && asked.elapsed() < Duration::from_millis(30) + LATE
    );
    stream.write_all(&[0]).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    stream.write_all(&[1]).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(400)).is_err(), "it was moved away");
    node.stop().unwrap();
}
