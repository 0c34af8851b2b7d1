//! Looking at a machine without touching it.

use super::{Gateway, Stage};
use crate::ids::{ConnId, LogId};
use crate::inspect::{self, ConnectionView, Counts, GroupView, HeldBytes, Offsets, PartitionView, ShardView};
use crate::protocol::Str;
use crate::topic::partition::Partition;

impl Gateway {
    /// Everything that it holds. Costs as much as there is.
    pub fn look(&self) -> ShardView {
        let partitions = self.partitions.iter();
        ShardView {
            shard: self.around.settings.shard,
            stage: match self.stage {
                Stage::Loading => inspect::Stage::Loading,
                Stage::Serving => inspect::Stage::Serving,
                Stage::Stopping(_) => inspect::Stage::Stopping,
                Stage::Drained => inspect::Stage::Drained,
            },
            partitions: partitions.map(|(log, partition)| self.look_at(*log, partition)).collect(),
            coordinators: self.coordinators.look(&self.around.image),
            connections: self.look_connections().collect(),
            counts: self.counts(),
        }
    }

    /// One partition; none if this shard does not own it or has not opened it yet.
    pub fn look_partition(&self, topic: &str, partition: i32) -> Option<PartitionView> {
        let log = LogId { topic: self.around.image.topic(topic)?.id, partition };
        self.partitions.get(log).map(|found| self.look_at(log, found))
    }

    /// One group; none if this shard does not coordinate it, or it is nothing, or not loaded yet.
    pub fn look_group(&self, id: &str) -> Option<GroupView> {
        self.coordinators.look_group(&self.around.image, id)
    }

    /// One connection of this shard.
    pub fn look_connection(&self, conn: ConnId) -> Option<ConnectionView> {
        self.connections.get(&conn).map(|connection| connection.look(conn))
    }

    /// All connections of this shard, in the order in which they were accepted.
    pub fn look_connections(&self) -> impl Iterator<Item = ConnectionView> + '_ {
        self.connections.iter().map(|(conn, connection)| connection.look(*conn))
    }

    /// How many partitions were asked anything since the start.
    pub fn partitions(&self) -> usize {
        self.partitions.iter().count()
    }

    /// What waits and what is held.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            tickets: self.around.stores.len(),
            connections: self.connections.len(),
            catalogue_waiting: self.catalogue.as_ref().map_or(0, |catalogue| catalogue.waiting()),
            inquiries: self.inquiries.len(),
            timers: self.timers.keys().count(),
            fetch_sessions: self.around.sessions.len(),
            session_partitions: self.around.sessions.partitions(),
            held: HeldBytes::default(),
            ..Counts::default()
        };
        for connection in self.connections.values() {
            counts.requests += connection.responses.len();
            counts.parked_fetches += connection.parked_fetches();
            counts.held += connection.held();
        }
        for (_, partition) in self.partitions.iter() {
            let (opening, watches) = partition.waiting();
            counts.opening += opening;
            counts.watches += watches;
        }
        self.coordinators.count(&mut counts);
        counts
    }

    /// Where each partition stands that serves, by topic id and index. Makes no copy of anything, so that it can be asked
    /// after every step.
    pub fn offsets(&self) -> impl Iterator<Item = (LogId, Offsets)> + '_ {
        self.partitions
            .iter()
            .filter_map(|(log, partition)| partition.offsets().map(|offsets| (*log, offsets)))
    }

    fn look_at(&self, log: LogId, partition: &Partition) -> PartitionView {
        let topic = self.around.image.topic_by_id(log.topic);
        partition.look(
            topic.map_or_else(|| Str::from(alloc::format!("{}", log.topic)), |topic| topic.name.clone()),
        )
    }
}
