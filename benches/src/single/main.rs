//! What a produced record costs beside a bare echo, in processor time of the server:
//! `cargo run --release --bin single -- PROGRAM [CONNECTIONS [SECONDS]]`, with the `kelpgate` program to be measured.
//!
//! Every server is a process of its own with one shard. All get the same requests from the same client: one record of 100
//! bytes each, one request at a time on each of 64 connections. Three are no gateway: an echo; an echo that answers only
//! after what it received was written and synced, all that came meanwhile together (what durability costs on that
//! runtime, whatever is made durable); and one that writes without a sync. They take turns, so that a busy machine
//! disturbs all alike.

mod client;
mod drives;
mod servers;

use std::time::Duration;

use servers::{Contender, Runtime, Server};

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_millis(500);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // This program itself, started by `servers`.
        ["serve", runtime, contender, data] => drives::serve(runtime, contender, data),
        [program] => compare(program, 64, 3.0),
        [program, connections] => compare(program, number(connections), 3.0),
        [program, connections, seconds] => compare(program, number(connections), number(seconds)),
        _ => panic!("single PROGRAM [CONNECTIONS [SECONDS]]"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn compare(program: &str, connections: usize, seconds: f64) {
    println!(
        "{connections} connections, 1 request deep: CPU-seconds for a million requests (requests a second)"
    );
    for runtime in [Runtime::Mio, Runtime::Glommio] {
        let mut cells = [const { Vec::new() }; Contender::ALL.len()];
        for _ in 0..ROUNDS {
            for (contender, cell) in Contender::ALL.into_iter().zip(&mut cells) {
                cell.push(measure(
                    program,
                    runtime,
                    contender,
                    connections,
                    Duration::from_secs_f64(seconds),
                ));
            }
        }
        let echo = least(&cells[0]);
        for (contender, cell) in Contender::ALL.into_iter().zip(&cells) {
            let told: Vec<String> =
                cell.iter().map(|(cpu, rate)| format!("{cpu:5.1} ({rate:6.0})")).collect();
            let times = least(cell) / echo;
            println!("{runtime:?} {:28} {}   {times:.2} times the echo", contender.title(), told.join("  "));
        }
    }
}

fn least(cell: &[(f64, f64)]) -> f64 {
    cell.iter().map(|(cpu, _)| *cpu).fold(f64::INFINITY, f64::min)
}

/// CPU-seconds for a million requests, and requests a second.
fn measure(
    program: &str,
    runtime: Runtime,
    contender: Contender,
    connections: usize,
    time: Duration,
) -> (f64, f64) {
    let server = Server::start(program, runtime, contender);
    client::prepare(server.address, contender);
    client::load(server.address, connections, WARM_UP);
    let before = server.processor_time();
    let requests = client::load(server.address, connections, time) as f64;
    let used = server.processor_time() - before;
    (used.as_secs_f64() * 1e6 / requests, requests / time.as_secs_f64())
}
