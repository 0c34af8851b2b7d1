use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kelpgate_shard::{FileError, FileReply, FileTicket, RpcError, RpcReply, RpcTicket, ShardId};

/// What other threads have for a shard.
#[derive(Debug)]
pub(crate) enum Delivery<M> {
    FromShard {
        from: ShardId,
        message: M,
    },
    File {
        ticket: FileTicket,
        outcome: Result<FileReply, FileError>,
    },
    Rpc {
        ticket: RpcTicket,
        outcome: Result<RpcReply, RpcError>,
    },
    /// Every shard is ready: accept on these.
    Listen(Vec<TcpListener>),
    /// Take no more; finish what was accepted.
    Stop,
    /// All shards are at rest: close and end the thread.
    End,
}

type Wake = Box<dyn Fn() + Send + Sync>;

/// Many writers, one shard that reads. In order for each writer, never full: what goes in is bounded by the credits of
/// the shards and by the commands in flight.
pub(crate) struct Mailbox<M> {
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    deliveries: Mutex<Vec<Delivery<M>>>,
    wake: OnceLock<Wake>,
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Mailbox<M> {
        Mailbox { shared: self.shared.clone() }
    }
}

impl<M> Mailbox<M> {
    pub(crate) fn new() -> Mailbox<M> {
        Mailbox { shared: Arc::new(Shared { deliveries: Mutex::new(Vec::new()), wake: OnceLock::new() }) }
    }

    /// Adds a delivery. Only the first one since the last [`take`](Mailbox::take) wakes the shard.
    pub(crate) fn post(&self, delivery: Delivery<M>) {
        self.post_all([delivery]);
    }

    /// Adds deliveries that are taken together.
    pub(crate) fn post_all(&self, added: impl IntoIterator<Item = Delivery<M>>) {
        let was_empty = {
            let mut deliveries = self.lock();
            let was_empty = deliveries.is_empty();
            deliveries.extend(added);
            was_empty
        };
        if was_empty && let Some(wake) = self.shared.wake.get() {
            wake();
        }
    }

    /// How to wake the shard; said once, by the shard, before it first looks into the box and then waits.
    pub(crate) fn on_post(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second call would be a second shard on this box.
        assert!(self.shared.wake.set(Box::new(wake)).is_ok(), "a mailbox has one reader");
    }

    /// Swaps the deliveries with an empty vector, so that both keep their room.
    pub(crate) fn take(&self, into: &mut Vec<Delivery<M>>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut *self.lock(), into);
    }

    /// A panic between two pushes cannot leave the vector half changed.
    fn lock(&self) -> MutexGuard<'_, Vec<Delivery<M>>> {
        self.shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
