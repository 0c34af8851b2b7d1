//! What commands cost on a real SeaweedFS:
//!
//! ```text
//! tests/harness/seaweedfs.py --work tests/.work -- cargo bench -p kelpgate-smq-client
//! ```

#[path = "../tests/stack/mod.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod stack;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_smq::rpc::{RpcCommand, StreamId};
use stack::{PATIENCE, Subject, fresh, topic};

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Bytes {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect::<Vec<_>>().into()
}

/// Gives commands, so many at a time; returns how long each took, sorted, and all together.
fn timed(
    subject: &Subject,
    window: usize,
    count: usize,
    command: impl Fn(usize) -> RpcCommand,
) -> (Vec<Duration>, Duration) {
    let began = Instant::now();
    let mut under_way = VecDeque::new();
    let mut took = Vec::with_capacity(count);
    for number in 0..count + window {
        if number >= window {
            let done = subject.outcome();
            done.outcome.unwrap();
            let at = under_way.iter().position(|(ticket, _)| *ticket == done.ticket).unwrap();
            let (_, asked): (_, Instant) = under_way.remove(at).unwrap();
            took.push(asked.elapsed());
        }
        if number < count {
            under_way.push_back((subject.submit(command(number), PATIENCE), Instant::now()));
        }
    }
    took.sort();
    (took, began.elapsed())
}

fn say(what: &str, bytes: usize, (took, all): (Vec<Duration>, Duration)) {
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1e3;
    let rate = took.len() as f64 / all.as_secs_f64();
    let megabytes = rate * bytes as f64 / 1e6;
    println!("{what:44} p50 {:8.2} ms  p99 {:8.2} ms  {rate:9.0} /s  {megabytes:7.1} MB/s", at(50), at(99));
}

fn files(subject: &Subject) {
    let folder = format!("/kelpgate/{}", fresh("bench"));
    for (len, count) in [(1 << 10, 600), (16 << 10, 400), (1 << 20, 60)] {
        let content = Pieces::from(noise(len));
        for sync in [false, true] {
            for window in [1, 4] {
                let put = |number| {
                    let path = format!("{folder}/{len}-{sync}-{window}-{number}");
                    RpcCommand::Put { path, content: content.clone(), sync }
                };
                let what = format!("put {len} bytes, sync {sync}, {window} at a time");
                say(&what, len, timed(subject, window, count, put));
            }
        }
    }
    let path = format!("{folder}/large");
    subject.put(&path, noise(64 << 20), false);
    for (len, window) in [(64 << 10, 1), (1 << 20, 1), (1 << 20, 4), (8 << 20, 1)] {
        let get = |number: usize| {
            let from = ((number * len) % (56 << 20)) as u64;
            RpcCommand::Get { path: path.clone(), from, len: len as u64 }
        };
        say(&format!("get {len} bytes, {window} at a time"), len, timed(subject, window, 80, get));
    }
    subject.ask(RpcCommand::Delete { path: folder }).unwrap();
}

fn publishes(subject: &Subject) {
    for (len, partitions, window, count) in [
        (100, 1, 1, 3000),
        (1 << 10, 1, 1, 3000),
        (16 << 10, 1, 1, 1000),
        (100, 3, 1000, 90_000),
        (1 << 10, 1, 1000, 60_000),
        (1 << 10, 3, 1000, 60_000),
        (16 << 10, 3, 200, 6000),
        (1 << 20, 3, 16, 200),
    ] {
        let topic = topic("bench");
        let to = subject.ensure(&topic, partitions);
        let streams: Vec<StreamId> = to.iter().map(|one| subject.open(&topic, one).unwrap()).collect();
        let value = Pieces::from(noise(len));
        let publish = |number: usize| RpcCommand::Publish {
            stream: streams[number % streams.len()],
            key: Bytes::from_static(b"0123456789012345678901234567890123456789"),
            value: value.clone(),
        };
        let what = format!("publish {len} bytes, {partitions} partitions, {window} at a time");
        say(&what, len, timed(subject, window, count, publish));
        for stream in streams {
            subject.ask(RpcCommand::CloseStream { stream }).unwrap();
        }
    }
}

fn main() {
    let subject = Subject::real();
    files(&subject);
    publishes(&subject);
}
