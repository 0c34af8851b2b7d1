use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use glommio::timer::Timer;
use glommio::{LocalExecutorBuilder, Placement};
use kelpgate_runtime::{Readiness, RuntimeError, Seat, ShardLoop, Turn};
use kelpgate_shard::Drive;

use crate::doorbell::Doorbell;
use crate::network::GlommioNetwork;
use crate::wakes::{Wakes, Woken};

/// Memory that each ring locks for registered buffers. Sockets here do not use them; glommio's default of 10 MiB is more
/// than the usual limit on locked memory.
const IO_MEMORY: usize = 64 * 1024;

/// Entries of each ring: how many polls go to the kernel in one call.
const RING_DEPTH: usize = 256;

/// glommio looks at its rings when no task is awake or when this time has passed. Here the only task sleeps after each
/// bounded turn, so the timer has no use, and it does harm: when it fires between waking the task and running it, glommio
/// 0.9 takes "preempted" for "nothing to run" and parks for good with the task awake (glommio/glommio#53). The same can
/// happen when another thread wakes a task, which is why [`Doorbell`] goes through the ring instead.
const NO_PREEMPTION: Duration = Duration::from_secs(24 * 3600);

/// A shard with more to do comes back after the executor has looked at its rings. A timer that is due by then does that;
/// waking itself would not, since the executor runs all tasks that are awake first.
const AFTER_THE_RINGS: Duration = Duration::from_micros(1);

/// Runs a shard on this thread until it has ended.
pub(crate) fn run_shard<D: Drive>(drive: D, seat: Seat<D::Message>) -> Result<(), RuntimeError> {
    let shard = seat.shard;
    let executor = LocalExecutorBuilder::new(Placement::Unbound)
        .io_memory(IO_MEMORY)
        .ring_depth(RING_DEPTH)
        .preempt_timer(NO_PREEMPTION)
        .make()
        .map_err(|error| RuntimeError::Start {
            what: format!("the io_uring executor of shard {shard}"),
            source: error.into(),
        })?;
    executor.run(async {
        let (button, doorbell) = Doorbell::new().map_err(|source| RuntimeError::Start {
            what: format!("the doorbell of shard {shard}"),
            source,
        })?;
        seat.on_post(move || button.ring());
        let wakes = Arc::new(Wakes::default());
        let shard_loop = ShardLoop::new(drive, seat, GlommioNetwork::new(wakes.clone()));
        let mut task = ShardTask { shard_loop, doorbell, wakes, woken: Vec::new(), alarm: None };
        poll_fn(|cx| task.poll(cx)).await;
        task.wakes.detach();
        Ok(())
    })
}

struct ShardTask<D: Drive> {
    shard_loop: ShardLoop<D, GlommioNetwork>,
    doorbell: Doorbell,
    wakes: Arc<Wakes>,
    woken: Vec<Woken>,
    alarm: Option<Alarm>,
}

struct Alarm {
    at: Instant,
    /// Rings for as long as it is kept.
    _timer: Timer,
}

impl<D: Drive> ShardTask<D> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wakes.attach(cx.waker());
        self.doorbell.silence(cx);
        self.wakes.take(&mut self.woken);
        for what in self.woken.drain(..) {
            match what {
                Woken::Listener(listener) => self.shard_loop.listener_ready(listener),
                // A socket has one waker for both directions. Trying the other one costs no system call.
                Woken::Socket(conn) => {
                    let both = Readiness { readable: true, ended: false, writable: true };
                    self.shard_loop.socket_ready(conn, both);
                }
            }
        }
        let until = match self.shard_loop.turn() {
            Turn::Over => return Poll::Ready(()),
            Turn::Again => Some(Instant::now() + AFTER_THE_RINGS),
            Turn::Wait(until) => until,
        };
        if let Some(at) = until {
            self.set_alarm(at, cx);
        }
        Poll::Pending
    }

    /// An alarm that rings too early stays: it wakes the shard once for nothing, which is cheaper than moving it with
    /// each deadline that moves.
    fn set_alarm(&mut self, at: Instant, cx: &mut Context<'_>) {
        let now = Instant::now();
        // A time that is over would wake the shard before the rings.
        let at = at.max(now + AFTER_THE_RINGS);
        if self.alarm.as_ref().is_some_and(|alarm| now < alarm.at && alarm.at <= at) {
            return;
        }
        let mut timer = Timer::new(at.saturating_duration_since(now));
        match Pin::new(&mut timer).poll(cx) {
            Poll::Pending => self.alarm = Some(Alarm { at, _timer: timer }),
            Poll::Ready(_) => {
                self.alarm = None;
                cx.waker().wake_by_ref();
            }
        }
    }
}
