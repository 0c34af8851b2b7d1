//! Keys of a node that concern groups and transactions.

use super::prelude::*;

/// Keys of a node that concern groups and transactions. By name.
pub(in crate::config) const COORDINATION: &[Definition] = &[
    Definition::new(
        "add.partitions.to.txn.retry.backoff.max.ms",
        Int,
        Some("100"),
        "The longest wait between attempts to add a partition to a transaction, in milliseconds.",
    )
    .at_least(0)
    .reported(TRANSACTIONS),
    Definition::new(
        "add.partitions.to.txn.retry.backoff.ms",
        Int,
        Some("20"),
        "The first wait between attempts to add a partition to a transaction, in milliseconds.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
    Definition::new(
        "group.consumer.assignment.interval.ms",
        Int,
        Some("1000"),
        "The shortest time between two assignments of a consumer group, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new(
        "group.consumer.assignors",
        List,
        Some("uniform,range"),
        "The assignors that consumer groups may use; the first is the default.",
    )
    .check(Items(&[])),
    Definition::new(
        "group.consumer.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "How often members of a consumer group send heartbeats, in milliseconds.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.max.assignment.interval.ms",
        Int,
        Some("15000"),
        "The largest consumer.assignment.interval.ms a group may have.",
    )
    .at_least(0),
    Definition::new(
        "group.consumer.max.heartbeat.interval.ms",
        Int,
        Some("15000"),
        "The largest consumer.heartbeat.interval.ms a group may have.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.max.session.timeout.ms",
        Int,
        Some("60000"),
        "The largest consumer.session.timeout.ms a group may have.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.max.size",
        Int,
        Some(MAX_INT),
        "How many members a consumer group may have.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.migration.policy",
        String,
        Some("bidirectional"),
        "Whether groups turn from the classic protocol to the consumer protocol and back while they \
         have members.",
    )
    .check(OneOfAnyCase(&["disabled", "downgrade", "upgrade", "bidirectional"])),
    Definition::new(
        "group.consumer.min.assignment.interval.ms",
        Int,
        Some("0"),
        "The smallest consumer.assignment.interval.ms a group may have.",
    )
    .at_least(0),
    Definition::new(
        "group.consumer.min.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "The smallest consumer.heartbeat.interval.ms a group may have.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.min.session.timeout.ms",
        Int,
        Some("45000"),
        "The smallest consumer.session.timeout.ms a group may have.",
    )
    .at_least(1),
    Definition::new(
        "group.consumer.regex.refresh.interval.ms",
        Int,
        Some("600000"),
        "How often the regular expressions of consumer groups are matched anew, in milliseconds.",
    )
    .at_least(10_000)
    .hidden(),
    Definition::new(
        "group.consumer.session.timeout.ms",
        Int,
        Some("45000"),
        "How long a member of a consumer group may be silent before it is taken for dead, in \
         milliseconds.",
    )
    .at_least(1),
    Definition::new(
        "group.coordinator.rebalance.protocols",
        List,
        Some("classic,consumer,streams"),
        "The group protocols that are served.",
    )
    .check(Items(&["consumer", "classic", "share", "streams"])),
    Definition::new(
        "group.initial.rebalance.delay.ms",
        Int,
        Some("3000"),
        "How long the first rebalance of a new classic group waits for more members, in milliseconds.",
    ),
    Definition::new(
        "group.max.session.timeout.ms",
        Int,
        Some("1800000"),
        "The largest session timeout a member of a classic group may ask for, in milliseconds.",
    ),
    Definition::new("group.max.size", Int, Some(MAX_INT), "How many members a classic group may have.")
        .at_least(1),
    Definition::new(
        "group.min.session.timeout.ms",
        Int,
        Some("6000"),
        "The smallest session timeout a member of a classic group may ask for, in milliseconds.",
    ),
    Definition::new(
        "group.share.assignment.interval.ms",
        Int,
        Some("1000"),
        "The shortest time between two assignments of a share group, in milliseconds.",
    )
    .at_least(0)
    .dynamic()
    .reported(SHARE),
    Definition::new(
        "group.share.assignors",
        List,
        Some("simple"),
        "The assignors that share groups may use.",
    )
    .check(Items(&[]))
    .reported(SHARE),
    Definition::new(
        "group.share.delivery.count.limit",
        Int,
        Some("5"),
        "How often a record is delivered to a share group before it is given up.",
    )
    .between(2, 10)
    .reported(SHARE),
    Definition::new(
        "group.share.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "How often members of a share group send heartbeats, in milliseconds.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "group.share.max.assignment.interval.ms",
        Int,
        Some("15000"),
        "The largest share.assignment.interval.ms a group may have.",
    )
    .at_least(0)
    .reported(SHARE),
    Definition::new(
        "group.share.max.delivery.count.limit",
        Int,
        Some("10"),
        "The largest share.delivery.count.limit a group may have.",
    )
    .between(5, 25)
    .reported(SHARE),
    Definition::new(
        "group.share.max.heartbeat.interval.ms",
        Int,
        Some("15000"),
        "The largest share.heartbeat.interval.ms a group may have.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "group.share.max.partition.max.record.locks",
        Int,
        Some("4000"),
        "The largest share.partition.max.record.locks a group may have.",
    )
    .between(2_000, 10_000)
    .reported(SHARE),
    Definition::new(
        "group.share.max.record.lock.duration.ms",
        Int,
        Some("60000"),
        "The largest share.record.lock.duration.ms a group may have.",
    )
    .between(30_000, 3_600_000)
    .reported(SHARE),
    Definition::new(
        "group.share.max.session.timeout.ms",
        Int,
        Some("60000"),
        "The largest share.session.timeout.ms a group may have.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "group.share.max.share.sessions",
        Int,
        Some("2000"),
        "How many share sessions are kept at a time.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new("group.share.max.size", Int, Some("200"), "How many members a share group may have.")
        .between(1, 1_000)
        .reported(SHARE),
    Definition::new(
        "group.share.min.assignment.interval.ms",
        Int,
        Some("0"),
        "The smallest share.assignment.interval.ms a group may have.",
    )
    .at_least(0)
    .reported(SHARE),
    Definition::new(
        "group.share.min.delivery.count.limit",
        Int,
        Some("2"),
        "The smallest share.delivery.count.limit a group may have.",
    )
    .between(2, 5)
    .reported(SHARE),
    Definition::new(
        "group.share.min.heartbeat.interval.ms",
        Int,
        Some("5000"),
        "The smallest share.heartbeat.interval.ms a group may have.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "group.share.min.partition.max.record.locks",
        Int,
        Some("100"),
        "The smallest share.partition.max.record.locks a group may have.",
    )
    .between(100, 2_000)
    .reported(SHARE),
    Definition::new(
        "group.share.min.record.lock.duration.ms",
        Int,
        Some("15000"),
        "The smallest share.record.lock.duration.ms a group may have.",
    )
    .between(1_000, 30_000)
    .reported(SHARE),
    Definition::new(
        "group.share.min.session.timeout.ms",
        Int,
        Some("45000"),
        "The smallest share.session.timeout.ms a group may have.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "group.share.partition.max.record.locks",
        Int,
        Some("2000"),
        "How many records of one partition a share group may hold at a time.",
    )
    .between(100, 10_000)
    .reported(SHARE),
    Definition::new(
        "group.share.record.lock.duration.ms",
        Int,
        Some("30000"),
        "How long a member of a share group may hold a record, in milliseconds.",
    )
    .between(1_000, 3_600_000)
    .reported(SHARE),
    Definition::new(
        "group.share.session.timeout.ms",
        Int,
        Some("45000"),
        "How long a member of a share group may be silent before it is taken for dead, in \
         milliseconds.",
    )
    .at_least(1)
    .reported(SHARE),
    Definition::new(
        "offset.metadata.max.bytes",
        Int,
        Some("4096"),
        "How long the metadata string of a committed offset may be, in bytes.",
    ),
    Definition::new(
        "offsets.commit.timeout.ms",
        Int,
        Some("5000"),
        "How long the commit of offsets may take, in milliseconds.",
    )
    .at_least(1),
    Definition::new(
        "offsets.retention.check.interval.ms",
        Long,
        Some("600000"),
        "How often committed offsets are looked at for expiry, in milliseconds.",
    )
    .at_least(1),
    Definition::new(
        "offsets.retention.minutes",
        Int,
        Some("10080"),
        "How long the offsets of a group without members are kept, in minutes.",
    )
    .at_least(1),
    Definition::new(
        "offsets.topic.num.partitions",
        Int,
        Some("50"),
        "How many partitions __consumer_offsets has. Not to be changed once it exists.",
    )
    .at_least(1),
    Definition::new(
        "offsets.topic.segment.bytes",
        Int,
        Some("104857600"),
        "The size of the segments of __consumer_offsets, in bytes, when it is made.",
    )
    .at_least(1),
    Definition::new(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        Int,
        Some("10000"),
        "How often transactions are looked at for timeout, in milliseconds.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
    Definition::new(
        "transaction.max.timeout.ms",
        Int,
        Some("900000"),
        "The largest timeout a transactional producer may ask for, in milliseconds.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
    Definition::new(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        Int,
        Some("3600000"),
        "How often transactional ids are looked at for expiry, in milliseconds.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
    Definition::new(
        "transaction.state.log.num.partitions",
        Int,
        Some("50"),
        "How many partitions __transaction_state has. Not to be changed once it exists.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
    Definition::new(
        "transactional.id.expiration.ms",
        Int,
        Some("604800000"),
        "How long a transactional id that is not used is kept, in milliseconds.",
    )
    .at_least(1)
    .reported(TRANSACTIONS),
];
