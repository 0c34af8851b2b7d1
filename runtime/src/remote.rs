use std::fmt::Debug;
use std::io;

use kelpgate_shard::{Rpc, RpcError, RpcReply, RpcTicket, ShardId};

/// Carries out RPC commands of shards, on threads of its own.
pub trait Remote: Debug + Send + Sync {
    /// Begins; called once, before any command. Outcomes go to `answers`.
    ///
    /// # Errors
    /// When the system does not give what it needs.
    fn start(&self, answers: Answers) -> io::Result<()>;

    /// Takes a command. Never blocks; its outcome is told once, within the command's time.
    fn submit(&self, shard: ShardId, rpc: Rpc);

    /// Ends: nothing is told any more, and its threads are gone when this returns.
    fn stop(&self);
}

/// Takes outcomes of commands of a shard, in order, and wakes the shard once.
pub type Answers = Box<dyn Fn(ShardId, Vec<(RpcTicket, Result<RpcReply, RpcError>)>) + Send + Sync>;
