//! The keys of a topic.

use super::prelude::*;

/// All keys of a topic, by name.
pub(in crate::config) const TOPIC: &[Definition] = &[
    Definition::new(
        "cleanup.policy",
        List,
        Some("delete"),
        "What happens to old segments: \"delete\" drops them by time and size, \"compact\" keeps the \
         last record of each key, both do both, and an empty list keeps everything.",
    )
    .check(Items(&["compact", "delete"]))
    .follows(&[same("log.cleanup.policy")]),
    Definition::new(
        "compression.gzip.level",
        Int,
        Some("-1"),
        "The level at which batches are compressed again when compression.type is gzip.",
    )
    .check(GzipLevel)
    .follows(&[same("compression.gzip.level")]),
    Definition::new(
        "compression.lz4.level",
        Int,
        Some("9"),
        "The level at which batches are compressed again when compression.type is lz4.",
    )
    .between(1, 17)
    .follows(&[same("compression.lz4.level")])
    .reported(LZ4),
    Definition::new(
        "compression.type",
        String,
        Some("producer"),
        "The compression of stored batches. \"producer\" keeps each batch as it was sent; any other \
         value compresses batches of another kind again.",
    )
    .check(OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
    .follows(&[same("compression.type")]),
    Definition::new(
        "compression.zstd.level",
        Int,
        Some("3"),
        "The level at which batches are compressed again when compression.type is zstd.",
    )
    .between(-131_072, 22)
    .follows(&[same("compression.zstd.level")]),
    Definition::new(
        "delete.retention.ms",
        Long,
        Some("86400000"),
        "How long compaction keeps tombstones and transaction markers, in milliseconds, so that a \
         reader who started at the beginning still meets them.",
    )
    .at_least(0)
    .follows(&[same("log.cleaner.delete.retention.ms")]),
    Definition::new(
        "file.delete.delay.ms",
        Long,
        Some("60000"),
        "How long a dropped segment stays on disk before its file is removed, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("log.segment.delete.delay.ms")])
    .reported(FILES),
    Definition::new(
        "flush.messages",
        Long,
        Some(MAX_LONG),
        "After how many records a log is forced to disk.",
    )
    .at_least(1)
    .follows(&[same("log.flush.interval.messages")])
    .reported(SYNC),
    Definition::new("flush.ms", Long, Some(MAX_LONG), "After how many milliseconds a log is forced to disk.")
        .at_least(0)
        .follows(&[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")])
        .reported(SYNC),
    Definition::new(
        "follower.replication.throttled.replicas",
        List,
        Some(""),
        "Replicas whose replication is throttled on the follower side, as partition:broker pairs or \
         \"*\".",
    )
    .check(ThrottledReplicas)
    .reported(REPLICATION),
    Definition::new(
        "index.interval.bytes",
        Int,
        Some("4096"),
        "How many bytes of records lie between two entries of the offset index.",
    )
    .at_least(0)
    .follows(&[same("log.index.interval.bytes")])
    .reported(FILES),
    Definition::new(
        "leader.replication.throttled.replicas",
        List,
        Some(""),
        "Replicas whose replication is throttled on the leader side, as partition:broker pairs or \
         \"*\".",
    )
    .check(ThrottledReplicas)
    .reported(REPLICATION),
    Definition::new(
        "local.retention.bytes",
        Long,
        Some("-2"),
        "How many bytes of a partition stay local before only the remote tier has them; -2 follows \
         retention.bytes.",
    )
    .at_least(-2)
    .follows(&[same("log.local.retention.bytes")])
    .reported(TIERING),
    Definition::new(
        "local.retention.ms",
        Long,
        Some("-2"),
        "How long records stay local before only the remote tier has them, in milliseconds; -2 \
         follows retention.ms.",
    )
    .at_least(-2)
    .follows(&[same("log.local.retention.ms")])
    .reported(TIERING),
    Definition::new(
        "max.compaction.lag.ms",
        Long,
        Some(MAX_LONG),
        "The longest time a record may wait to be compacted, in milliseconds. Only logs that are \
         compacted look at it.",
    )
    .at_least(1)
    .follows(&[same("log.cleaner.max.compaction.lag.ms")]),
    Definition::new(
        "max.message.bytes",
        Int,
        Some("1048588"),
        "The largest batch that is accepted, in bytes, after compression and with its header.",
    )
    .at_least(0)
    .follows(&[same("message.max.bytes")]),
    Definition::new(
        "message.timestamp.after.max.ms",
        Long,
        Some("3600000"),
        "How far the timestamp of a record may lie ahead of the clock of the node, in milliseconds. \
         Not looked at when timestamps are those of the append.",
    )
    .at_least(0)
    .follows(&[same("log.message.timestamp.after.max.ms")]),
    Definition::new(
        "message.timestamp.before.max.ms",
        Long,
        Some(MAX_LONG),
        "How far the timestamp of a record may lie behind the clock of the node, in milliseconds. Not \
         looked at when timestamps are those of the append.",
    )
    .at_least(0)
    .follows(&[same("log.message.timestamp.before.max.ms")]),
    Definition::new(
        "message.timestamp.type",
        String,
        Some("CreateTime"),
        "Whether a record carries the time its producer gave it (CreateTime) or the time it was \
         appended (LogAppendTime).",
    )
    .check(OneOf(&["CreateTime", "LogAppendTime"]))
    .follows(&[same("log.message.timestamp.type")]),
    Definition::new(
        "min.cleanable.dirty.ratio",
        Double,
        Some("0.5"),
        "Which part of a log, by bytes, must be uncompacted before compaction starts.",
    )
    .between(0, 1)
    .follows(&[same("log.cleaner.min.cleanable.ratio")]),
    Definition::new(
        "min.compaction.lag.ms",
        Long,
        Some("0"),
        "The shortest time a record stays uncompacted, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("log.cleaner.min.compaction.lag.ms")]),
    Definition::new(
        "min.insync.replicas",
        Int,
        Some("1"),
        "How many replicas must have a record before a producer with acks=all is answered.",
    )
    .at_least(1)
    .follows(&[same("min.insync.replicas")])
    .reported(ONE_REPLICA),
    Definition::new(
        "preallocate",
        Bool,
        Some("false"),
        "Whether the file of a new segment is reserved in full.",
    )
    .follows(&[same("log.preallocate")])
    .reported(FILES),
    Definition::new(
        "remote.log.copy.disable",
        Bool,
        Some("false"),
        "Whether tiered data becomes read-only and nothing more is copied to the remote tier.",
    )
    .reported(TIERING),
    Definition::new(
        "remote.log.delete.on.disable",
        Bool,
        Some("false"),
        "Whether tiered data is deleted when tiering is switched off for the topic.",
    )
    .reported(TIERING),
    Definition::new(
        "remote.storage.enable",
        Bool,
        Some("false"),
        "Whether the topic is tiered. Only false is accepted.",
    )
    .reported(TIERING),
    Definition::new(
        "retention.bytes",
        Long,
        Some("-1"),
        "How many bytes a partition keeps before its oldest segments are dropped, if its policy is to \
         delete; below 0 there is no limit.",
    )
    .follows(&[same("log.retention.bytes")]),
    Definition::new(
        "retention.ms",
        Long,
        Some("604800000"),
        "How long records are kept before their segment is dropped, in milliseconds, if the policy is \
         to delete; -1 keeps them for ever.",
    )
    .at_least(-1)
    .follows(&[
        same("log.retention.ms"),
        Synonym { name: "log.retention.minutes", unit: Unit::Minutes },
        Synonym { name: "log.retention.hours", unit: Unit::Hours },
    ]),
    Definition::new(
        "segment.bytes",
        Int,
        Some("1073741824"),
        "The size at which a segment is closed and a new one begun.",
    )
    .at_least(1_048_576)
    .follows(&[same("log.segment.bytes")]),
    Definition::new("segment.index.bytes", Int, Some("10485760"), "The size of the index file of a segment.")
        .at_least(4)
        .follows(&[same("log.index.size.max.bytes")])
        .reported(FILES),
    Definition::new(
        "segment.jitter.ms",
        Long,
        Some("0"),
        "The most by which segment.ms is shortened at random, so that segments do not all close at \
         once, in milliseconds.",
    )
    .at_least(0)
    .follows(&[same("log.roll.jitter.ms"), Synonym { name: "log.roll.jitter.hours", unit: Unit::Hours }]),
    Definition::new(
        "segment.ms",
        Long,
        Some("604800000"),
        "The age at which a segment is closed although it is not full, in milliseconds, so that \
         retention and compaction get at its records.",
    )
    .at_least(1)
    .follows(&[same("log.roll.ms"), Synonym { name: "log.roll.hours", unit: Unit::Hours }]),
    Definition::new(
        "unclean.leader.election.enable",
        Bool,
        Some("false"),
        "Whether a replica that lacks records may become leader when no other is left.",
    )
    .follows(&[same("unclean.leader.election.enable")])
    .reported(ONE_REPLICA),
];
