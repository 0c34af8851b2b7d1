//! What histories that are made up for tests consist of: partitions of a topic `t` on node 0, and records of one producer.

use std::collections::BTreeMap;

use kelpgate_core::protocol::ApiKey;
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::{End, Seen};
use crate::client::Sent;
use crate::history::{ClientId, Membership, Observation, Op, Outcome, Place, Polled, Read};
use crate::node::{Clock, Node, NodeOptions, WALL_START};
use crate::payload::Value;
use crate::random::Random;

/// A partition.
pub(super) fn place(partition: i32) -> Place {
    Place { node: 0, topic: "t".into(), partition }
}

/// A client at the beginning of time.
pub(super) fn seen(client: ClientId) -> Seen {
    Seen { now: Instant::default(), client, node: 0, healed: false }
}

/// The same when nothing goes wrong any more.
pub(super) fn healed(client: ClientId) -> Seen {
    Seen { healed: true, ..seen(client) }
}

/// A moment.
pub(super) fn seconds(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000_000)
}

/// A request of the newest version, at the beginning of time.
pub(super) fn sent(key: ApiKey, correlation_id: i32) -> Sent {
    Sent { correlation_id, key, version: key.versions().last, at: Instant::default() }
}

/// A record.
pub(super) fn value(number: u32) -> Value {
    Value { client: 1, number }
}

/// A batch of records with these numbers is handed over, for partition 0.
pub(super) fn hands_over(op: u64, numbers: &[u32], acks: i16, idempotent: bool) -> Observation {
    let values = numbers.iter().map(|number| value(*number)).collect();
    Observation::Sent { op: Op(op), place: place(0), values, acks, idempotent }
}

/// It is acknowledged.
pub(super) fn lies_at(op: u64, base: i64) -> Observation {
    Observation::SendEnded { op: Op(op), outcome: Outcome::Done(base) }
}

/// Records with these offsets and numbers are read from partition 0, from a position on; the log begins at 0.
pub(super) fn reads(position: i64, records: &[(i64, u32)]) -> Observation {
    let end = records.last().map_or(position, |(offset, _)| offset + 1);
    let records = records.iter().map(|(offset, number)| Read { offset: *offset, value: value(*number) });
    Observation::Polled(Polled {
        place: place(0),
        position,
        records: records.collect(),
        high_watermark: end,
        last_stable: end,
        log_start: 0,
    })
}

/// A member of group `g`.
pub(super) fn member(name: &'static str) -> Membership {
    Membership { node: 0, group: "g".into(), member: name.into() }
}

/// It owns these partitions.
pub(super) fn owns(name: &'static str, epoch: i32, partitions: &[i32]) -> Observation {
    let partitions = partitions.iter().map(|partition| place(*partition)).collect();
    Observation::Owns { who: member(name), epoch, partitions }
}

/// A node that was never started, and syncs.
pub(super) fn node() -> Node {
    let options = NodeOptions { shards: 1, properties: BTreeMap::new(), sync: Sync::Disk };
    Node::new(options, Clock { skew: 0, wall: WALL_START }, Random::new(1))
}

/// Everything is over, and nobody is there.
pub(super) fn nobody() -> End<'static> {
    End { now: seconds(100), nodes: &[], seats: &[] }
}
