//! How connections end: asked for, by the peer, or by force.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kelpgate_runtime_tests::{Behaviour, Echo, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, ConnId, Event, Now};
use socket2::SockRef;

on_both_runtimes!(
    an_answer_before_close_arrives_whole,
    unread_input_does_not_destroy_the_answer,
    a_peer_that_does_not_read_is_closed_all_the_same,
    a_quiet_connection_closes_at_once,
    what_is_sent_after_close_is_not_sent,
    a_reset_is_told_once,
    a_peer_that_ended_still_gets_its_answer,
);

/// What the shard saw of the end.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened(ConnId),
    Closed(ConnId),
}

/// At the first byte of a connection sends `answer`, then closes.
struct AnswerAndClose {
    answer: usize,
    after_close: usize,
    seen: Sender<Seen>,
}

impl Behaviour for AnswerAndClose {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Opened { conn, .. } => self.seen.send(Seen::Opened(conn)).unwrap(),
            Event::Closed { conn } => self.seen.send(Seen::Closed(conn)).unwrap(),
            Event::Received { conn, .. } => {
                let send = |len, byte| Action::Send { conn, pieces: Bytes::from(vec![byte; len]).into() };
                actions.push(send(self.answer, 1));
                actions.push(Action::Close { conn });
                actions.push(send(self.after_close, 2));
            }
            Event::Flushed { .. }
            | Event::File { .. }
            | Event::Rpc { .. }
            | Event::FromShard { .. }
            | Event::Tick
            | Event::Asked { .. }
            | Event::Stop => {}
        }
    }
}

fn start(runtime: Runtime, shards: u16, answer: usize, after_close: usize) -> (Node, Receiver<Seen>) {
    let (seen, told) = channel();
    let behave = move |_| AnswerAndClose { answer, after_close, seen: seen.clone() };
    (Node::start(runtime, shards, behave), told)
}

/// The next two things seen are the opening and the end of one connection.
fn expect_one_life(told: &Receiver<Seen>) {
    let Seen::Opened(opened) = told.recv_timeout(PATIENCE).unwrap() else {
        panic!("closed before it opened")
    };
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Seen::Closed(opened));
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    back
}

fn an_answer_before_close_arrives_whole(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 8 << 20, 0);
    let mut stream = node.connect();
    stream.write_all(&[1]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(read_to_end(&mut stream).len(), 8 << 20);
    drop(stream);
    expect_one_life(&told);
    node.stop().unwrap();
}

fn unread_input_does_not_destroy_the_answer(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 100_000, 0);
    let mut stream = node.connect();
    // More than the shard reads in the turn in which it closes; the peer goes on sending meanwhile.
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        let _ = writer.write_all(&vec![7; 4 << 20]);
        let _ = writer.shutdown(Shutdown::Write);
    });
    assert_eq!(read_to_end(&mut stream).len(), 100_000);
    writing.join().unwrap();
    drop(stream);
    expect_one_life(&told);
    node.stop().unwrap();
}

fn a_peer_that_does_not_read_is_closed_all_the_same(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 64 << 20, 0);
    let mut stream = node.connect();
    stream.write_all(&[1]).unwrap();
    let asked = Instant::now();
    expect_one_life(&told);
    let took = asked.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_millis(2_500),
        "closed after {took:?}"
    );
    node.stop().unwrap();
}

fn a_quiet_connection_closes_at_once(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 0, 0);
    let mut stream = node.connect();
    stream.write_all(&[1]).unwrap();
    let asked = Instant::now();
    expect_one_life(&told);
    assert!(asked.elapsed() < Duration::from_millis(500), "closed after {:?}", asked.elapsed());
    assert_eq!(read_to_end(&mut stream).len(), 0);
    node.stop().unwrap();
}

fn what_is_sent_after_close_is_not_sent(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 1_000, 1_000);
    let mut stream = node.connect();
    stream.write_all(&[1]).unwrap();
    assert_eq!(read_to_end(&mut stream), [1; 1_000]);
    drop(stream);
    expect_one_life(&told);
    node.stop().unwrap();
}

fn a_reset_is_told_once(runtime: Runtime, shards: u16) {
    let (node, told) = start(runtime, shards, 0, 0);
    for _ in 0..20 {
        let stream = node.connect();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        let Seen::Opened(opened) = told.recv_timeout(PATIENCE).unwrap() else { panic!("nothing opened") };
        drop(stream);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Seen::Closed(opened));
    }
    node.stop().unwrap();
    assert!(told.try_recv().is_err());
}

fn a_peer_that_ended_still_gets_its_answer(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo);
    for _ in 0..50 {
        let mut stream = node.connect();
        stream.write_all(b"the last words").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut stream), b"the last words");
    }
    node.stop().unwrap();
}
