//! Drives shards on io_uring by way of glommio: an executor and its rings per shard, threads for its files. Linux only.
//!
//! One task per shard turns it. Sockets are polled through the ring; what became possible is put on a list and wakes that
//! task, so a shard's turn is the same code as on mio, with the same bounds (glommio by itself has none: a task that
//! always finds bytes keeps the executor, and a busy executor looks at its rings and at other threads every 100 ms).

use kelpgate_runtime::Seat;
use kelpgate_shard::Drive;

pub use kelpgate_runtime::{Options, Runtime, RuntimeError, StopSignal};

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

/// io_uring: Linux, where it is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Glommio;

#[cfg(target_os = "linux")]
impl Runtime for Glommio {
    /// Makes a small ring and lets it go.
    fn probe() -> Result<(), RuntimeError> {
        probe::probe()
    }

    fn run_shard<D: Drive>(drive: D, seat: Seat<D::Message>) -> Result<(), RuntimeError> {
        executor::run_shard(drive, seat)
    }
}

#[cfg(not(target_os = "linux"))]
impl Runtime for Glommio {
    fn probe() -> Result<(), RuntimeError> {
        Err(RuntimeError::Unavailable {
            cause: "io_uring is a part of Linux and this is another system".to_owned(),
            remedy: "use the mio runtime".to_owned(),
        })
    }

    fn run_shard<D: Drive>(_drive: D, _seat: Seat<D::Message>) -> Result<(), RuntimeError> {
        Self::probe()
    }
}
