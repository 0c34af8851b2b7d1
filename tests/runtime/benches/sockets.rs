//! What a bare echo costs on each runtime, and how long a ping waits beside two floods.
//!
//! `cargo bench -p kelpgate-runtime-tests --bench sockets`. Processor time is that of the threads of the shard, by the
//! scheduler's own count; clients run in the same process and compete for the same processors.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kelpgate_runtime_tests::{Behaviour, Echo, Meter, Node, Runtime};
use kelpgate_shard::{Action, Event, Now};

struct Load {
    name: &'static str,
    connections: usize,
    /// Requests on their way at a time on each connection.
    deep: usize,
    size: usize,
    requests: usize,
}

const LOADS: [Load; 4] = [
    Load { name: "1 connection, 1 deep, 100 B", connections: 1, deep: 1, size: 100, requests: 30_000 },
    Load { name: "64 connections, 1 deep, 100 B", connections: 64, deep: 1, size: 100, requests: 200_000 },
    Load {
        name: "16 connections, 32 deep, 100 B",
        connections: 16,
        deep: 32,
        size: 100,
        requests: 3_000_000,
    },
    Load { name: "4 connections, 4 deep, 64 KiB", connections: 4, deep: 4, size: 65_536, requests: 20_000 },
];

fn main() {
    println!("CPU-seconds of the shard per million requests (requests per second)");
    for load in &LOADS {
        print!("{:32}", load.name);
        for runtime in [Runtime::Mio, Runtime::Glommio] {
            let runs: Vec<String> = (0..3).map(|_| echo(runtime, load)).collect();
            print!("  {runtime:?}: {}", runs.join(", "));
        }
        println!();
    }
    println!("\nPing of 100 B beside two floods of 64 KiB writes, and alone, in microseconds");
    for floods in [0, 2] {
        for runtime in [Runtime::Mio, Runtime::Glommio] {
            let (p50, p99, most) = ping_beside(runtime, floods);
            println!("{floods} floods  {runtime:?}: p50 {p50} p99 {p99} max {most}");
        }
    }
}

fn echo(runtime: Runtime, load: &Load) -> String {
    let node = Node::start(runtime, 1, |_| Echo);
    let meter = Meter::new();
    let mut streams: Vec<TcpStream> = (0..load.connections).map(|_| node.connect()).collect();
    let rounds = load.requests / load.connections / load.deep;
    let begun = Instant::now();
    let before = meter.read();
    std::thread::scope(|scope| {
        // Two clients: more would only compete with the shard.
        for group in streams.chunks_mut(load.connections.div_ceil(2)) {
            scope.spawn(|| drive(group, rounds, load.deep, load.size));
        }
    });
    let (used, took) = (meter.read().since(before), begun.elapsed());
    node.stop().expect("a clean end");
    let requests = (rounds * load.connections * load.deep) as f64;
    format!("{:.2} ({:.0})", used.cpu.as_secs_f64() * 1e6 / requests, requests / took.as_secs_f64())
}

fn drive(streams: &mut [TcpStream], rounds: usize, deep: usize, size: usize) {
    let batch = vec![1; deep * size];
    let mut back = vec![0; deep * size];
    for _ in 0..rounds {
        for stream in streams.iter_mut() {
            stream.write_all(&batch).expect("a write");
        }
        for stream in streams.iter_mut() {
            stream.read_exact(&mut back).expect("an answer");
        }
    }
}

/// Sends back what begins with a 1; lets anything else fall.
struct Sink;

impl Behaviour for Sink {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::Received { conn, bytes } = event
            && bytes.first() == Some(&1)
        {
            actions.push(Action::Send { conn, pieces: bytes.into() });
        }
    }
}

fn ping_beside(runtime: Runtime, floods: usize) -> (u128, u128, u128) {
    let node = Node::start(runtime, 1, |_| Sink);
    let stop = Arc::new(AtomicBool::new(false));
    let flooding: Vec<_> = (0..floods)
        .map(|_| {
            let (mut stream, stop) = (node.connect(), stop.clone());
            std::thread::spawn(move || {
                let bytes = vec![0; 65_536];
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&bytes).expect("a write");
                }
            })
        })
        .collect();
    let mut stream = node.connect();
    std::thread::sleep(Duration::from_millis(200));
    let mut times: Vec<u128> = (0..4_000)
        .map(|_| {
            let begun = Instant::now();
            stream.write_all(&[1; 100]).expect("a write");
            stream.read_exact(&mut [0; 100]).expect("an answer");
            begun.elapsed().as_micros()
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    flooding.into_iter().for_each(|flood| flood.join().expect("a flood"));
    node.stop().expect("a clean end");
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1])
}
