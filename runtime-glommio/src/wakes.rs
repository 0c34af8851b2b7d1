use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use kelpgate_shard::ConnId;

/// What may have become possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Listener(u16),
    Socket(ConnId),
}

/// Collects what the ring completed until the shard's task, woken by the first, looks. Used on the shard's thread only;
/// the locks, never contended, are what wakers must have.
///
/// The task has one waker, here: glommio counts wakers of a task in 16 bits, too few for one per connection.
#[derive(Default)]
pub(crate) struct Wakes {
    woken: Mutex<Vec<Woken>>,
    task: Mutex<Option<Waker>>,
}

impl Wakes {
    /// Names the task to be woken.
    pub(crate) fn attach(&self, task: &Waker) {
        let mut attached = lock(&self.task);
        if !attached.as_ref().is_some_and(|attached| attached.will_wake(task)) {
            *attached = Some(task.clone());
        }
    }

    /// Forgets the task: its waker must be dropped while its executor lives.
    pub(crate) fn detach(&self) {
        *lock(&self.task) = None;
    }

    /// Swaps the list with an empty one, so that both keep their room.
    pub(crate) fn take(&self, into: &mut Vec<Woken>) {
        debug_assert!(into.is_empty());
        mem::swap(&mut *lock(&self.woken), into);
    }

    /// A waker that puts `what` on the list.
    pub(crate) fn waker(self: &Arc<Self>, what: Woken) -> Waker {
        Arc::new(WakeOne { what, wakes: self.clone() }).into()
    }

    fn add(&self, what: Woken) {
        let first = {
            let mut woken = lock(&self.woken);
            woken.push(what);
            woken.len() == 1
        };
        if first && let Some(task) = &*lock(&self.task) {
            task.wake_by_ref();
        }
    }
}

/// Neither list nor waker can be left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct WakeOne {
    what: Woken,
    wakes: Arc<Wakes>,
}

impl Wake for WakeOne {
    fn wake(self: Arc<Self>) {
        self.wakes.add(self.what);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.add(self.what);
    }
}
