//! What shards of one node say to each other. Requests reach the owner of a partition by message even when the owner
//! is the shard that read them, so that one shard and many behave alike.

use crate::ids::ConnId;

/// One message between two shards; in order for each pair.
#[derive(Debug)]
pub enum ShardMessage {
    /// The asker no longer waits for the answer to this (its client is gone, or was answered otherwise).
    Forget(AskRef),
}

/// Names one question: echoed in the answer, so that the asker finds what it belongs to without a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskRef {
    /// The connection whose request this is part of.
    pub conn: ConnId,
    /// Which request of that connection, counted from 0.
    pub request: u64,
    /// Which part of that request.
    pub part: u32,
}
