//! The way back: outcomes of commands, on their way to the shards that gave them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kelpgate_core::ids::ShardId;
use kelpgate_smq::rpc::{RpcError, RpcReply, RpcTicket};
use tokio::sync::Notify;

/// The outcome of a command.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// The command's.
    pub ticket: RpcTicket,
    /// What came of it.
    pub outcome: Result<RpcReply, RpcError>,
}

/// Where outcomes go. A runtime puts them into the shard's mailbox, as it does with those of file commands.
pub trait Completions: Send + Sync + 'static {
    /// Hands outcomes over to a shard, in this order, and wakes it once. Called from the client's thread, and from
    /// [`submit`](crate::SmqClient::submit) for a command that is not taken. Must not block.
    fn deliver(&self, shard: ShardId, done: Vec<Completion>);
}

/// Collects outcomes, so that those of one turn of the client's thread are handed over together.
#[derive(Default)]
pub(crate) struct Collector {
    waiting: RefCell<BTreeMap<ShardId, Vec<Completion>>>,
    some: Notify,
}

impl Collector {
    pub(crate) fn done(&self, shard: ShardId, ticket: RpcTicket, outcome: Result<RpcReply, RpcError>) {
        self.waiting.borrow_mut().entry(shard).or_default().push(Completion { ticket, outcome });
        self.some.notify_one();
    }

    /// Waits until there are outcomes and takes them all. Other tasks that can run do so first.
    pub(crate) async fn take(&self) -> BTreeMap<ShardId, Vec<Completion>> {
        self.some.notified().await;
        tokio::task::yield_now().await;
        self.waiting.take()
    }
}
