//! Keys of a node that concern topics and their logs.

use super::prelude::*;

/// Keys of a node that concern topics and their logs. By name.
pub(in crate::config) const LOG: &[Definition] = &[
    Definition::new(
        "auto.create.topics.enable",
        Bool,
        Some("true"),
        "Whether a topic that does not exist is made when a client that allows it asks for its \
         metadata.",
    ),
    Definition::new(
        "compression.gzip.level",
        Int,
        Some("-1"),
        "Default of compression.gzip.level of topics.",
    )
    .check(GzipLevel)
    .dynamic(),
    Definition::new("compression.lz4.level", Int, Some("9"), "Default of compression.lz4.level of topics.")
        .between(1, 17)
        .dynamic()
        .reported(LZ4),
    Definition::new("compression.type", String, Some("producer"), "Default of compression.type of topics.")
        .check(OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .dynamic(),
    Definition::new("compression.zstd.level", Int, Some("3"), "Default of compression.zstd.level of topics.")
        .between(-131_072, 22)
        .dynamic(),
    Definition::new(
        "default.replication.factor",
        Int,
        Some("1"),
        "How many replicas a topic has whose maker does not say.",
    ),
    Definition::new("delete.topic.enable", Bool, Some("true"), "Whether topics may be deleted."),
    Definition::new(
        "log.cleaner.backoff.ms",
        Long,
        Some("15000"),
        "How long compaction rests when it has found nothing to do, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new(
        "log.cleaner.delete.retention.ms",
        Long,
        Some("86400000"),
        "Default of delete.retention.ms of topics, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new("log.cleaner.enable", Bool, Some("true"), "Whether compaction runs."),
    Definition::new(
        "log.cleaner.max.compaction.lag.ms",
        Long,
        Some(MAX_LONG),
        "Default of max.compaction.lag.ms of topics, in milliseconds.",
    )
    .at_least(1)
    .dynamic(),
    Definition::new(
        "log.cleaner.min.cleanable.ratio",
        Double,
        Some("0.5"),
        "Default of min.cleanable.dirty.ratio of topics.",
    )
    .between(0, 1)
    .dynamic(),
    Definition::new(
        "log.cleaner.min.compaction.lag.ms",
        Long,
        Some("0"),
        "Default of min.compaction.lag.ms of topics, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new("log.cleanup.policy", List, Some("delete"), "Default of cleanup.policy of topics.")
        .check(Items(&["compact", "delete"]))
        .dynamic(),
    Definition::new("log.dirs", List, Some("./data"), "The folder with all data of this node.")
        .check(Items(&[])),
    Definition::new(
        "log.flush.interval.messages",
        Long,
        Some(MAX_LONG),
        "Default of flush.messages of topics.",
    )
    .at_least(1)
    .dynamic()
    .reported(SYNC),
    Definition::new("log.flush.interval.ms", Long, None, "Default of flush.ms of topics, in milliseconds.")
        .dynamic()
        .reported(SYNC),
    Definition::new(
        "log.index.interval.bytes",
        Int,
        Some("4096"),
        "Default of index.interval.bytes of topics.",
    )
    .at_least(0)
    .dynamic()
    .reported(FILES),
    Definition::new(
        "log.index.size.max.bytes",
        Int,
        Some("10485760"),
        "Default of segment.index.bytes of topics.",
    )
    .at_least(4)
    .dynamic()
    .reported(FILES),
    Definition::new(
        "log.local.retention.bytes",
        Long,
        Some("-2"),
        "Default of local.retention.bytes of topics.",
    )
    .at_least(-2)
    .dynamic()
    .reported(TIERING),
    Definition::new(
        "log.local.retention.ms",
        Long,
        Some("-2"),
        "Default of local.retention.ms of topics, in milliseconds.",
    )
    .at_least(-2)
    .dynamic()
    .reported(TIERING),
    Definition::new(
        "log.message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        "Default of message.timestamp.after.max.ms of topics, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new(
        "log.message.timestamp.before.max.ms",
        Long,
        Some(MAX_LONG),
        "Default of message.timestamp.before.max.ms of topics, in milliseconds.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new(
        "log.message.timestamp.type",
        String,
        Some("CreateTime"),
        "Default of message.timestamp.type of topics.",
    )
    .check(OneOf(&["CreateTime", "LogAppendTime"]))
    .dynamic(),
    Definition::new("log.preallocate", Bool, Some("false"), "Default of preallocate of topics.")
        .dynamic()
        .reported(FILES),
    Definition::new("log.retention.bytes", Long, Some("-1"), "Default of retention.bytes of topics.")
        .dynamic(),
    Definition::new(
        "log.retention.check.interval.ms",
        Long,
        Some("300000"),
        "How often segments are looked at for retention, in milliseconds.",
    )
    .at_least(1),
    Definition::new(
        "log.retention.hours",
        Int,
        Some("168"),
        "Default of retention.ms of topics in hours, if neither log.retention.ms nor \
         log.retention.minutes is set.",
    ),
    Definition::new(
        "log.retention.minutes",
        Int,
        None,
        "Default of retention.ms of topics in minutes, if log.retention.ms is not set.",
    ),
    Definition::new("log.retention.ms", Long, None, "Default of retention.ms of topics, in milliseconds.")
        .dynamic(),
    Definition::new(
        "log.roll.hours",
        Int,
        Some("168"),
        "Default of segment.ms of topics in hours, if log.roll.ms is not set.",
    )
    .at_least(1),
    Definition::new(
        "log.roll.jitter.hours",
        Int,
        Some("0"),
        "Default of segment.jitter.ms of topics in hours, if log.roll.jitter.ms is not set.",
    )
    .at_least(0),
    Definition::new(
        "log.roll.jitter.ms",
        Long,
        None,
        "Default of segment.jitter.ms of topics, in milliseconds.",
    )
    .dynamic(),
    Definition::new("log.roll.ms", Long, None, "Default of segment.ms of topics, in milliseconds.").dynamic(),
    Definition::new("log.segment.bytes", Int, Some("1073741824"), "Default of segment.bytes of topics.")
        .at_least(1_048_576)
        .dynamic(),
    Definition::new(
        "log.segment.delete.delay.ms",
        Long,
        Some("60000"),
        "Default of file.delete.delay.ms of topics, in milliseconds.",
    )
    .at_least(0)
    .dynamic()
    .reported(FILES),
    Definition::new("message.max.bytes", Int, Some("1048588"), "Default of max.message.bytes of topics.")
        .at_least(0)
        .dynamic(),
    Definition::new("min.insync.replicas", Int, Some("1"), "Default of min.insync.replicas of topics.")
        .at_least(1)
        .dynamic()
        .reported(ONE_REPLICA),
    Definition::new(
        "num.partitions",
        Int,
        Some("1"),
        "How many partitions a topic has whose maker does not say.",
    )
    .at_least(1),
    Definition::new(
        "producer.id.expiration.ms",
        Int,
        Some("86400000"),
        "How long an idempotent producer that sends nothing is remembered, in milliseconds.",
    )
    .at_least(1)
    .dynamic(),
    Definition::new(
        "unclean.leader.election.enable",
        Bool,
        Some("false"),
        "Default of unclean.leader.election.enable of topics.",
    )
    .dynamic()
    .reported(ONE_REPLICA),
];
