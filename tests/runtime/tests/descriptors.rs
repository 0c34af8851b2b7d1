//! Out of descriptors: what is open is served, nothing spins, and when descriptors are free again others get in. A process
//! of its own, since the limit is the process's.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use kelpgate_runtime_tests::{Echo, Meter, Node, Runtime};
use kelpgate_shard::Level;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

const CLIENTS: usize = 60;

/// Descriptors left to the node for connections.
const ROOM: u64 = 20;

#[test]
fn it_rests_and_goes_on() {
    for runtime in [Runtime::Mio, Runtime::Glommio] {
        for shards in [1, 3] {
            out_of_descriptors(runtime, shards);
        }
    }
}

fn out_of_descriptors(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo);
    let log = node.log.clone();
    // The clients' own descriptors exist before the limit comes down.
    let mut clients: Vec<Socket> =
        (0..CLIENTS).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect();
    let meter = Meter::new();
    let fillers = fill_holes();
    let before = getrlimit(Resource::Nofile);
    let limit = fillers.last().unwrap().as_raw_fd() as u64 + 1 + ROOM;
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: Some(limit), ..before }).unwrap();

    let others = clients.split_off(1);
    let mut streams = connect_all(clients, node.addresses[0]);
    // Whichever shard it belongs to, it is in before the crowd takes the last descriptor.
    ping(&mut streams[0]);
    streams.extend(connect_all(others, node.addresses[0]));
    std::thread::sleep(Duration::from_millis(300));
    let before_rest = meter.read();
    std::thread::sleep(Duration::from_millis(500));
    let used = meter.read().since(before_rest);
    ping(&mut streams[0]);
    setrlimit(Resource::Nofile, before).unwrap();

    // Each shard tries ten times a second, each try a few sleeps at the most.
    assert!(used.sleeps <= 60 * u64::from(shards) && used.cpu < Duration::from_millis(200), "{used:?}");
    streams.iter_mut().for_each(ping);
    node.stop().unwrap();
    let log = log.lock().unwrap();
    assert!(!log.is_empty() && log.len() <= usize::from(shards), "{log:?}");
    assert!(log.iter().all(|(level, text)| *level == Level::Warn && text.contains("ulimit -n")), "{log:?}");
}

fn ping(stream: &mut TcpStream) {
    stream.write_all(b"still there?").unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
}

/// Takes every number below the highest descriptor, so that the limit, which is on numbers, counts.
fn fill_holes() -> Vec<File> {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let number =
        |name: std::io::Result<std::fs::DirEntry>| name.ok()?.file_name().to_str()?.parse::<i32>().ok();
    let highest = numbers.filter_map(number).max().unwrap();
    let mut fillers = Vec::new();
    while fillers.last().is_none_or(|last: &File| last.as_raw_fd() <= highest) {
        fillers.push(File::open("/dev/null").unwrap());
    }
    fillers
}

fn connect_all(clients: Vec<Socket>, address: SocketAddr) -> Vec<TcpStream> {
    let connect = |client: Socket| {
        client.connect(&address.into()).unwrap();
        let stream = TcpStream::from(client);
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    clients.into_iter().map(connect).collect()
}
