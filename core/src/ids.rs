//! Ids that cannot be mixed up. Those handed out by a counter rise and are never used again.

use core::fmt;

use crate::uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(/** One client connection of one shard; handed out by the runtime in rising order, never reused. */ ConnId(u64));
id!(/** Names one storage command of one shard until its reply comes back. */ Ticket(u64));
id!(/** One shard of this node, counted from zero. */ ShardId(u16));

/// Names one partition's log for the engine: topic ids survive renaming and tell a topic made anew from the old one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId {
    /// The topic's id; never zero.
    pub topic: Uuid,
    /// The partition's index, from zero.
    pub partition: i32,
}

impl LogId {
    /// The catalogue's own log: Kafka's reserved id of the metadata log, partition 0.
    pub const CATALOGUE: LogId = LogId { topic: Uuid::METADATA, partition: 0 };

    /// The shard that owns this log when a node has `shards` of them. Stable across restarts with the same number.
    pub fn owner(&self, shards: u16) -> ShardId {
        if *self == LogId::CATALOGUE || shards <= 1 {
            return ShardId(0);
        }
        // Topic ids are uniform already; the partition index spreads one topic's partitions evenly.
        let base =
            self.topic.0.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        let slot = base.wrapping_add(self.partition as u32) % u32::from(shards);
        ShardId(slot as u16)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
