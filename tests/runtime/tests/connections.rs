//! Many connections, several addresses, names of peers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, ConnId, Event, Now};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

on_both_runtimes!(thousands_of_connections, who_connected_where);

const MANY: usize = 2_500;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Opened {
    peer: String,
    local: String,
    listener: u16,
}

/// What a shard knows of its connections.
#[derive(Default)]
struct Book {
    open: BTreeMap<ConnId, Opened>,
    last: ConnId,
    closed: usize,
    most_others: usize,
}

/// An echo that keeps a book and checks each event against it.
struct Registrar {
    book: Arc<Mutex<Book>>,
}

impl Behaviour for Registrar {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        let mut book = self.book.lock().unwrap();
        match event {
            Event::Opened { conn, peer, local, listener, others } => {
                assert!(others.same_address <= others.all);
                book.most_others = book.most_others.max(others.all);
                assert!(conn > book.last, "ids rise");
                book.last = conn;
                book.open.insert(conn, Opened { peer, local, listener });
            }
            Event::Received { conn, bytes } => {
                assert!(book.open.contains_key(&conn) && !bytes.is_empty());
                actions.push(Action::Send { conn, pieces: bytes.into() });
            }
            Event::Flushed { conn, bytes } => assert!(book.open.contains_key(&conn) && bytes > 0),
            Event::Closed { conn } => {
                assert!(book.open.remove(&conn).is_some(), "closed once, after it opened");
                book.closed += 1;
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

type Books = Arc<Vec<Arc<Mutex<Book>>>>;

fn books(shards: u16) -> (Books, impl Fn(kelpgate_shard::ShardId) -> Registrar + Send + Sync + 'static) {
    let books: Books = Arc::new((0..shards).map(|_| Arc::default()).collect());
    let of_shards = books.clone();
    (books, move |shard| Registrar { book: of_shards[usize::from(shard.0)].clone() })
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Both ends of every connection are in this process.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

fn thousands_of_connections(runtime: Runtime, shards: u16) {
    raise_descriptor_limit();
    let (books, behave) = books(shards);
    let node = Node::start(runtime, shards, behave);
    let mut streams: Vec<TcpStream> = (0..MANY).map(|_| node.connect()).collect();
    for round in 0..3u32 {
        for (i, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&(round + i as u32).to_be_bytes()).unwrap();
        }
        for (i, stream) in streams.iter_mut().enumerate() {
            let mut back = [0; 4];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(u32::from_be_bytes(back), round + i as u32);
        }
    }
    let open: Vec<usize> = books.iter().map(|book| book.lock().unwrap().open.len()).collect();
    assert_eq!(open.iter().sum::<usize>(), MANY);
    let most = books.iter().map(|book| book.lock().unwrap().most_others).max();
    assert_eq!(most, Some(MANY - 1), "the last one is told of those of all shards");
    // The kernel deals out by hash: each shard gets about its share.
    assert!(open.iter().all(|of_one| *of_one > MANY / usize::from(shards) / 2), "{open:?}");
    let half = streams.split_off(MANY / 2);
    drop(half);
    let closed = || books.iter().map(|book| book.lock().unwrap().closed).sum::<usize>();
    wait_until(|| closed() == MANY - MANY / 2);
    node.stop().unwrap();
    assert_eq!(closed(), MANY);
}

fn who_connected_where(runtime: Runtime, shards: u16) {
    let (books, behave) = books(shards);
    let listen: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
    let (node, listening) = Node::launch_on(listen, runtime, shards, behave);
    let addresses = listening.recv_timeout(PATIENCE).unwrap();
    assert!(
        addresses[0].is_ipv4() && addresses[1].is_ipv6() && addresses.iter().all(|real| real.port() != 0)
    );
    for (listener, address) in (0u16..).zip(&addresses) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let peer = stream.local_addr().unwrap().to_string();
        let expected = Opened { peer, local: address.to_string(), listener };
        let known = books.iter().any(|book| book.lock().unwrap().open.values().any(|open| *open == expected));
        assert!(known, "{expected:?}");
    }
    node.stop().unwrap();
}
