//! What a machine looks like at a moment: plain data, taken by reading alone. The simulator's checkers compare it, a
//! replay prints it; nothing in the machine depends on it.
//!
//! Each view has a text form for people (`Display`). [`Gateway::look`](crate::gateway::Gateway::look) takes all of a
//! shard, `look_partition`, `look_group` and `look_connection` one thing.

mod connection;
mod counts;
mod group;
mod partition;

use alloc::vec::Vec;
use core::fmt;

pub use connection::{ConnectionView, RequestState, RequestView};
pub use counts::{Counts, HeldBytes};
pub use group::{
    ClassicMemberView, ClassicView, ConsumerMemberView, ConsumerView, CoordinatorPhase, CoordinatorView,
    GroupKind, GroupView, OffsetView,
};
pub use partition::{Offsets, PartitionPhase, PartitionView, ServingView};

use crate::ids::ShardId;
use crate::protocol::Str;
use crate::time::Instant;

/// All that one shard holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardView {
    pub shard: ShardId,
    pub stage: Stage,
    /// Those that have been opened since the start, by topic id and index.
    pub partitions: Vec<PartitionView>,
    /// Those of the partitions of `__consumer_offsets` that this shard owns.
    pub coordinators: Vec<CoordinatorView>,
    /// In the order in which they were accepted.
    pub connections: Vec<ConnectionView>,
    pub counts: Counts,
}

/// How far a shard's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The catalogue is being read.
    Loading,
    Serving,
    /// What was accepted is being answered.
    Stopping,
    Drained,
}

/// A partition by the name of its topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Str,
    pub partition: i32,
}

impl ShardView {
    /// The groups of all coordinators.
    pub fn groups(&self) -> impl Iterator<Item = &GroupView> {
        self.coordinators.iter().flat_map(|coordinator| &coordinator.groups)
    }
}

impl fmt::Display for ShardView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "shard {} {:?}", self.shard, self.stage)?;
        writeln!(f, "{}", self.counts)?;
        self.connections.iter().try_for_each(|connection| writeln!(f, "{connection}"))?;
        self.partitions.iter().try_for_each(|partition| writeln!(f, "{partition}"))?;
        self.coordinators.iter().try_for_each(|coordinator| writeln!(f, "{coordinator}"))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A moment of the monotonic clock in seconds, to the microsecond.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Instant);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.0 / 1000;
        write!(f, "{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}

/// A list in brackets.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, item) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        f.write_str("]")
    }
}
