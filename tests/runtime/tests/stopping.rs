//! How a node ends: cleanly when asked, with an error when a shard fails or a thread panics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_runtime_mio::RuntimeError;
use kelpgate_runtime_tests::{Behaviour, Echo, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, ConnId, Event, Instant, Level, Now, ShardId, StopReason};

on_both_runtimes!(
    what_was_accepted_is_answered_before_the_end,
    idle_connections_do_not_delay_the_end,
    it_stops_before_it_was_ready,
    nobody_connects_before_all_shards_are_ready,
    a_shard_at_rest_still_serves_the_others,
    a_failed_shard_stops_the_node_with_its_words,
    a_panic_stops_the_node,
    a_panic_while_starting_stops_the_node,
    the_log_is_written,
);

/// Answers each byte half a second after it came, also when it is asked to stop meanwhile.
#[derive(Default)]
struct Slow {
    due: Vec<(Instant, ConnId, Bytes)>,
    stopping: bool,
}

impl Slow {
    fn rest_if_done(&self, actions: &mut Vec<Action<()>>) {
        if self.stopping && self.due.is_empty() {
            actions.push(Action::Stopped { reason: StopReason::Asked });
        }
    }
}

impl Behaviour for Slow {
    type Message = ();

    fn on(&mut self, now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Received { conn, bytes } if !self.stopping => {
                self.due.push((now.mono + Duration::from_millis(500), conn, bytes));
            }
            Event::Tick => {
                while self.due.first().is_some_and(|(at, ..)| *at <= now.mono) {
                    let (_, conn, bytes) = self.due.remove(0);
                    actions.push(Action::Send { conn, pieces: bytes.into() });
                }
                self.rest_if_done(actions);
            }
            Event::Received { .. }
            | Event::Opened { .. }
            | Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }

    fn stop(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        self.stopping = true;
        self.rest_if_done(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }
}

fn what_was_accepted_is_answered_before_the_end(runtime: Runtime, shards: u16) {
    let mut node = Node::start(runtime, shards, |_| Slow::default());
    let mut streams: Vec<TcpStream> = (0..20).map(|_| node.connect()).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(b"accepted").unwrap());
    std::thread::sleep(Duration::from_millis(100));
    node.ask_to_stop();
    std::thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(node.addresses[0]).is_err(), "a stopping node takes no more connections");
    for mut stream in streams {
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"accepted");
    }
    node.wait().unwrap();
}

fn idle_connections_do_not_delay_the_end(runtime: Runtime, shards: u16) {
    let mut node = Node::start(runtime, shards, |_| Echo);
    let mut streams: Vec<TcpStream> = (0..20).map(|_| node.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    let asked = std::time::Instant::now();
    node.ask_to_stop();
    node.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_millis(700), "stopped after {:?}", asked.elapsed());
}

/// Never ready.
struct Loading;

impl Behaviour for Loading {
    type Message = ();

    fn begin(&mut self, _now: Now, _actions: &mut Vec<Action<()>>) {}

    fn on(&mut self, _now: Now, _event: Event<()>, _actions: &mut Vec<Action<()>>) {}
}

fn it_stops_before_it_was_ready(runtime: Runtime, shards: u16) {
    let (mut node, listening) = Node::launch(runtime, shards, |_| Loading);
    node.ask_to_stop();
    node.wait().unwrap();
    assert!(listening.try_recv().is_err());
}

/// Ready only when a file command was answered, and the last shard half a second later than the others.
struct Late {
    ready_at: Option<Instant>,
    delay: Duration,
}

impl Behaviour for Late {
    type Message = ();

    fn begin(&mut self, now: Now, _actions: &mut Vec<Action<()>>) {
        self.ready_at = Some(now.mono + self.delay);
    }

    fn on(&mut self, now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::Tick = event
            && self.ready_at.is_some_and(|at| at <= now.mono)
        {
            self.ready_at = None;
            actions.push(Action::Ready);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.ready_at
    }
}

fn nobody_connects_before_all_shards_are_ready(runtime: Runtime, shards: u16) {
    // The port is ours before it listens, so that it can be tried meanwhile.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let behave = move |shard: ShardId| {
        let delay = if shard.0 + 1 == shards { Duration::from_millis(500) } else { Duration::ZERO };
        Late { ready_at: None, delay }
    };
    let begun = std::time::Instant::now();
    let (mut node, listening) = Node::launch_on(vec![port], runtime, shards, behave);
    std::thread::sleep(Duration::from_millis(150));
    assert!(TcpStream::connect(port).is_err());
    assert_eq!(listening.recv_timeout(PATIENCE).unwrap(), [port]);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(TcpStream::connect(port).is_ok());
    node.ask_to_stop();
    node.wait().unwrap();
}

/// When asked to stop, the last shard first wants an answer from each of the others, which are at rest already.
struct Inquirer {
    shard: ShardId,
    shards: u16,
    answers: Arc<AtomicUsize>,
    missing: u16,
    ask_at: Option<Instant>,
}

impl Inquirer {
    fn is_last(&self) -> bool {
        self.shard.0 + 1 == self.shards
    }

    fn rest_if_done(&self, actions: &mut Vec<Action<&'static str>>) {
        if self.missing == 0 {
            actions.push(Action::Stopped { reason: StopReason::Asked });
        }
    }
}

impl Behaviour for Inquirer {
    type Message = &'static str;

    fn on(&mut self, now: Now, event: Event<&'static str>, actions: &mut Vec<Action<&'static str>>) {
        match event {
            Event::FromShard { from, message: "question" } => {
                actions.push(Action::ToShard { to: from, message: "answer" });
            }
            Event::FromShard { .. } => {
                self.answers.fetch_add(1, Ordering::Relaxed);
                self.missing -= 1;
                self.rest_if_done(actions);
            }
            Event::Tick if self.ask_at.is_some_and(|at| at <= now.mono) => {
                self.ask_at = None;
                let others = (0..self.shards - 1).map(ShardId);
                actions.extend(others.map(|to| Action::ToShard { to, message: "question" }));
            }
            Event::Tick
            | Event::Opened { .. }
            | Event::Received { .. }
            | Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }

    fn stop(&mut self, now: Now, actions: &mut Vec<Action<&'static str>>) {
        if self.is_last() {
            self.missing = self.shards - 1;
            self.ask_at = Some(now.mono + Duration::from_millis(200));
        }
        self.rest_if_done(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

fn a_shard_at_rest_still_serves_the_others(runtime: Runtime, shards: u16) {
    let answers = Arc::<AtomicUsize>::default();
    let count = answers.clone();
    let behave = move |shard| Inquirer { shard, shards, answers: count.clone(), missing: 0, ask_at: None };
    let node = Node::start(runtime, shards, behave);
    node.stop().unwrap();
    assert_eq!(answers.load(Ordering::Relaxed), usize::from(shards) - 1);
}

/// What the last shard does at the first byte it receives.
#[derive(Clone, Copy)]
enum Trouble {
    Fail,
    Panic,
}

/// Every shard passes the byte on to the last one.
struct Troubled {
    shards: u16,
    trouble: Trouble,
    stopped: mpsc::Sender<()>,
}

impl Behaviour for Troubled {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match (event, self.trouble) {
            (Event::Received { .. }, _) => {
                actions.push(Action::ToShard { to: ShardId(self.shards - 1), message: () });
            }
            (Event::FromShard { .. }, Trouble::Panic) => panic!("a mistake of ours"),
            (Event::FromShard { .. }, Trouble::Fail) => {
                let reason = StopReason::Failed("the disk is gone".to_owned());
                actions.push(Action::Stopped { reason });
            }
            _ => {}
        }
    }

    fn stop(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        let _ = self.stopped.send(());
        actions.push(Action::Stopped { reason: StopReason::Asked });
    }
}

fn bring_trouble(runtime: Runtime, shards: u16, trouble: Trouble) -> (RuntimeError, usize) {
    let (stopped, told) = mpsc::channel();
    let mut node =
        Node::start(runtime, shards, move |_| Troubled { shards, trouble, stopped: stopped.clone() });
    node.connect().write_all(&[1]).unwrap();
    let error = node.wait().unwrap_err();
    (error, told.try_iter().count())
}

fn a_failed_shard_stops_the_node_with_its_words(runtime: Runtime, shards: u16) {
    let (error, stopped) = bring_trouble(runtime, shards, Trouble::Fail);
    let text = error.to_string();
    assert!(text.contains("the disk is gone") && text.contains(&format!("shard {}", shards - 1)), "{text}");
    assert!(matches!(error, RuntimeError::Failed { .. }));
    assert!(stopped >= usize::from(shards) - 1, "the others stop cleanly");
}

fn a_panic_stops_the_node(runtime: Runtime, shards: u16) {
    let (error, stopped) = bring_trouble(runtime, shards, Trouble::Panic);
    assert!(error.to_string().contains("a mistake of ours"), "{error}");
    assert!(matches!(error, RuntimeError::Panicked { .. }));
    assert_eq!(stopped, usize::from(shards) - 1, "the others stop cleanly");
}

fn a_panic_while_starting_stops_the_node(runtime: Runtime, shards: u16) {
    let (mut node, _listening) = Node::launch(runtime, shards, move |shard: ShardId| {
        assert_ne!(shard.0 + 1, shards, "cannot be made");
        Echo
    });
    let error = node.wait().unwrap_err();
    assert!(error.to_string().contains("cannot be made"), "{error}");
}

struct Talkative;

impl Behaviour for Talkative {
    type Message = ();

    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        actions.push(Action::Log { level: Level::Info, text: "loaded".to_owned() });
        actions.push(Action::Ready);
    }

    fn on(&mut self, _now: Now, _event: Event<()>, _actions: &mut Vec<Action<()>>) {}
}

fn the_log_is_written(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Talkative);
    let log = node.log.clone();
    node.stop().unwrap();
    assert_eq!(*log.lock().unwrap(), vec![(Level::Info, "loaded".to_owned()); usize::from(shards)]);
}
