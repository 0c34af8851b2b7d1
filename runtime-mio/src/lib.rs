//! Drives shards on mio: a thread and a poller (epoll, kqueue) per shard, threads for its files.
//!
//! ```text
//! loop { poll -> what became possible -> ShardLoop::turn -> how long to wait }
//! ```
//!
//! Everything but sockets and waiting is in `kelpgate-runtime`.
#![forbid(unsafe_code)]

mod network;

use std::io;
use std::time::{Duration, Instant};

use kelpgate_runtime::{Seat, ShardLoop, Turn};
use kelpgate_shard::Drive;
use mio::event::Event;
use mio::{Events, Poll, Waker};

pub use kelpgate_runtime::{Answers, Options, Remote, Runtime, RuntimeError, StopSignal, Store};

use network::{MioNetwork, Ready, WAKE};

/// Events taken from the poller at a time.
const EVENTS: usize = 1024;

/// epoll, kqueue: works everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Mio;

impl Runtime for Mio {
    fn run_shard<D: Drive>(drive: D, seat: Seat<D::Message>) -> Result<(), RuntimeError> {
        let shard = seat.shard;
        let start = |source| RuntimeError::Start { what: format!("the poller of shard {shard}"), source };
        let mut poll = Poll::new().map_err(start)?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(start)?;
        seat.on_post(move || wake(&waker));
        let network = MioNetwork::new(poll.registry().try_clone().map_err(start)?);
        let mut shard_loop = ShardLoop::new(drive, seat, network);
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = match shard_loop.turn() {
                Turn::Again => Some(Duration::ZERO),
                Turn::Wait(until) => until.map(|until| until.saturating_duration_since(Instant::now())),
                Turn::Over => return Ok(()),
            };
            match poll.poll(&mut events, timeout) {
                Ok(()) => events.iter().for_each(|event| note(&mut shard_loop, event)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(RuntimeError::Wait { shard, source }),
            }
        }
    }
}

/// Fails only when the descriptor is gone, and with it the shard.
fn wake(waker: &Waker) {
    let _ = waker.wake();
}

fn note<D: Drive>(shard_loop: &mut ShardLoop<D, MioNetwork>, event: &Event) {
    match network::ready(event) {
        Ready::Delivery => {}
        Ready::Listener(listener) => shard_loop.listener_ready(listener),
        Ready::Socket(conn, readiness) => shard_loop.socket_ready(conn, readiness),
    }
}
