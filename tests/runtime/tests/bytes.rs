//! Bytes in, bytes out, however they are cut.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_runtime_tests::{Behaviour, Echo, Node, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, Event, Now, Pieces};

on_both_runtimes!(
    a_byte_at_a_time,
    writes_cut_at_any_byte,
    a_client_that_reads_slowly,
    more_pieces_than_one_write_takes,
);

/// Bytes that tell where they belong.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

fn read_exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut back = vec![0; len];
    stream.read_exact(&mut back).unwrap();
    back
}

fn a_byte_at_a_time(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo);
    let mut stream = node.connect();
    for byte in 0..=255u8 {
        stream.write_all(&[byte]).unwrap();
        assert_eq!(read_exactly(&mut stream, 1), [byte]);
    }
    node.stop().unwrap();
}

fn writes_cut_at_any_byte(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo);
    let whole = pattern(211);
    for cut in 0..whole.len() {
        let mut stream = node.connect();
        stream.write_all(&whole[..cut]).unwrap();
        assert_eq!(read_exactly(&mut stream, cut), whole[..cut]);
        stream.write_all(&whole[cut..]).unwrap();
        assert_eq!(read_exactly(&mut stream, whole.len() - cut), whole[cut..]);
    }
    node.stop().unwrap();
}

fn a_client_that_reads_slowly(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo);
    let whole = pattern(24 << 20);
    let mut stream = node.connect();
    let mut writer = stream.try_clone().unwrap();
    let sent = whole.clone();
    let writing = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    let mut back = Vec::new();
    // A few small reads with pauses first, so that what is sent back fills every buffer on its way.
    for len in [1, 2, 3, 1000, 4097] {
        std::thread::sleep(Duration::from_millis(20));
        back.extend(read_exactly(&mut stream, len));
    }
    back.extend(read_exactly(&mut stream, whole.len() - back.len()));
    writing.join().unwrap();
    assert!(back == whole);
    node.stop().unwrap();
}

/// Answers each byte with thousands of pieces of one to three bytes.
struct Shatter;

const SHARDS_OF_GLASS: usize = 5_000;

fn shattered() -> Pieces {
    let whole = Bytes::from(pattern(SHARDS_OF_GLASS * 3));
    (0..SHARDS_OF_GLASS).map(|i| whole.slice(i * 3..i * 3 + 1 + i % 3)).collect()
}

impl Behaviour for Shatter {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::Received { conn, bytes } = event {
            bytes.iter().for_each(|_| actions.push(Action::Send { conn, pieces: shattered() }));
        }
    }
}

fn more_pieces_than_one_write_takes(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Shatter);
    let mut stream = node.connect();
    stream.write_all(&[0; 100]).unwrap();
    let one = shattered().concat();
    for _ in 0..100 {
        assert_eq!(read_exactly(&mut stream, one.len()), one);
    }
    node.stop().unwrap();
}
