//! The keys of a group.

use super::prelude::*;

/// All keys of a group, by name.
pub(in crate::config) const GROUP: &[Definition] = &[
    Definition::new(
        "consumer.assignment.interval.ms",
        Int,
        Some("1000"),
        "The shortest time between two assignments of a consumer group, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("group.consumer.assignment.interval.ms")]),
    Definition::new(
        "consumer.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "How often members of a consumer group send heartbeats, in milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.consumer.heartbeat.interval.ms")]),
    Definition::new(
        "consumer.session.timeout.ms",
        Int,
        Some("45000"),
        "How long a member of a consumer group may be silent before it is taken for dead, in \
         milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.consumer.session.timeout.ms")]),
    Definition::new(
        "share.assignment.interval.ms",
        Int,
        Some("1000"),
        "The shortest time between two assignments of a share group, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("group.share.assignment.interval.ms")])
    .reported(SHARE),
    Definition::new(
        "share.auto.offset.reset",
        String,
        Some("latest"),
        "Where a share group starts in a partition it meets for the first time.",
    )
    .check(OffsetReset)
    .reported(SHARE),
    Definition::new(
        "share.delivery.count.limit",
        Int,
        Some("5"),
        "How often a record is delivered to a share group before it is given up.",
    )
    .at_least(2)
    .follows(&[same("group.share.delivery.count.limit")])
    .reported(SHARE),
    Definition::new(
        "share.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "How often members of a share group send heartbeats, in milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.share.heartbeat.interval.ms")])
    .reported(SHARE),
    Definition::new(
        "share.isolation.level",
        String,
        Some("read_uncommitted"),
        "Whether a share group sees records of transactions that are open or aborted.",
    )
    .check(OneOf(&["read_committed", "read_uncommitted"]))
    .reported(SHARE),
    Definition::new(
        "share.partition.max.record.locks",
        Int,
        Some("2000"),
        "How many records of one partition a share group may hold at a time.",
    )
    .at_least(100)
    .follows(&[same("group.share.partition.max.record.locks")])
    .reported(SHARE),
    Definition::new(
        "share.record.lock.duration.ms",
        Int,
        Some("30000"),
        "How long a member of a share group may hold a record, in milliseconds.",
    )
    .at_least(1_000)
    .follows(&[same("group.share.record.lock.duration.ms")])
    .reported(SHARE),
    Definition::new(
        "share.renew.acknowledge.enable",
        Bool,
        Some("true"),
        "Whether a member of a share group may prolong its hold on a record.",
    )
    .reported(SHARE),
    Definition::new(
        "share.session.timeout.ms",
        Int,
        Some("45000"),
        "How long a member of a share group may be silent before it is taken for dead, in \
         milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.share.session.timeout.ms")])
    .reported(SHARE),
    Definition::new(
        "streams.assignment.interval.ms",
        Int,
        Some("1000"),
        "The shortest time between two assignments of a streams group, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("group.streams.assignment.interval.ms")])
    .reported(STREAMS),
    Definition::new(
        "streams.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "How often members of a streams group send heartbeats, in milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.streams.heartbeat.interval.ms")])
    .reported(STREAMS),
    Definition::new(
        "streams.initial.rebalance.delay.ms",
        Int,
        Some("3000"),
        "How long the first assignment of a streams group waits for more members, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("group.streams.initial.rebalance.delay.ms")])
    .reported(STREAMS),
    Definition::new(
        "streams.num.standby.replicas",
        Int,
        Some("0"),
        "How many standby copies of each task a streams group keeps.",
    )
    .at_least(0)
    .follows(&[same("group.streams.num.standby.replicas")])
    .reported(STREAMS),
    Definition::new(
        "streams.session.timeout.ms",
        Int,
        Some("45000"),
        "How long a member of a streams group may be silent before it is taken for dead, in \
         milliseconds.",
    )
    .at_least(1)
    .follows(&[same("group.streams.session.timeout.ms")])
    .reported(STREAMS),
];
