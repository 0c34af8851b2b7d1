//! Drives shards on io_uring by way of glommio: an executor and its rings per shard, threads for its files. Linux only.
//!
//! One task per shard turns it. Sockets are polled through the ring; what became possible is put on a list and wakes that
//! task, so a shard's turn is the same code as on mio, with the same bounds (glommio by itself has none: a task that
//! always finds bytes keeps the executor, and a busy executor looks at its rings and at other threads every 100 ms).

use std::fmt;
use std::net::SocketAddr;

use kelpgate_shard::{Drive, Level, ShardId};

pub use kelpgate_runtime::{Options, RuntimeError, StopSignal};

#[cfg(target_os = "linux")]
mod doorbell;
#[cfg(target_os = "linux")]
mod executor;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod wakes;

/// Why io_uring cannot be used on this machine, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// What is missing.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause, self.remedy)
    }
}

impl std::error::Error for Unavailable {}

impl From<Unavailable> for RuntimeError {
    fn from(unavailable: Unavailable) -> RuntimeError {
        RuntimeError::Unavailable { cause: unavailable.cause, remedy: unavailable.remedy }
    }
}

/// Asks the kernel, by making a small ring and letting it go, whether this runtime works here.
///
/// # Errors
/// When it does not.
#[cfg(target_os = "linux")]
pub fn probe() -> Result<(), Unavailable> {
    probe::probe()
}

/// Asks the kernel whether this runtime works here.
///
/// # Errors
/// Always, on this system.
#[cfg(not(target_os = "linux"))]
pub fn probe() -> Result<(), Unavailable> {
    Err(Unavailable {
        cause: "io_uring is a part of Linux and this is another system".to_owned(),
        remedy: "use the mio runtime".to_owned(),
    })
}

/// Runs a node until it is asked to stop. `make_shard` is called once on the thread of each shard, so shards need not
/// be `Send`; `on_listening` is called once, when every shard said `Action::Ready` and connections are accepted. Both
/// are told the real addresses in the order of `options.listen`. `log` is called from the threads of the shards.
///
/// # Errors
/// When io_uring cannot be used (see [`probe`]), when the node cannot start, when a shard says that it cannot go on, and
/// when a thread panics. All shards are stopped then, cleanly if they can within seconds.
pub fn run<D, F>(
    options: &Options,
    make_shard: F,
    on_listening: impl FnOnce(&[SocketAddr]),
    stop: &StopSignal,
    log: impl Fn(Level, &str) + Send + Sync + 'static,
) -> Result<(), RuntimeError>
where
    D: Drive,
    F: Fn(ShardId, &[SocketAddr]) -> D + Send + Sync + 'static,
{
    probe()?;
    #[cfg(target_os = "linux")]
    kelpgate_runtime::run_node(
        options,
        move |seat: kelpgate_runtime::Seat<D::Message>| {
            let (shard, addresses) = (seat.shard, seat.addresses.clone());
            executor::run_shard(seat, || make_shard(shard, &addresses))
        },
        on_listening,
        stop,
        log,
    )?;
    Ok(())
}
