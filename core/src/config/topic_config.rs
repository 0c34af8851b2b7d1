//! What the machine reads of a topic's configuration.

use super::definition::Resource;
use super::layers::{BrokerLayers, Overrides, Reader};
pub use crate::topic::retention::CleanupPolicy;

/// What `compression.type` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// Batches stay as they were sent.
    Producer,
    Uncompressed,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// What `message.timestamp.type` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// Records keep the time their producer gave them.
    CreateTime,
    /// Records get the time they are appended at.
    LogAppendTime,
}

/// The effective configuration of a topic. Times are in milliseconds and sizes in bytes, with Kafka's values for no
/// limit; names are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    pub cleanup_policy: CleanupPolicy,
    pub compression_type: CompressionType,
    /// -1 is the level gzip chooses itself.
    pub compression_gzip_level: i32,
    pub compression_lz4_level: i32,
    pub compression_zstd_level: i32,
    pub delete_retention_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub max_message_bytes: usize,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio` in parts per million.
    pub min_cleanable_dirty_ppm: u32,
    pub min_compaction_lag_ms: i64,
    /// Below 0: no limit.
    pub retention_bytes: i64,
    /// -1: no limit.
    pub retention_ms: i64,
    pub segment_bytes: u64,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
}

impl TopicConfig {
    /// Reads what is set for a topic and what it inherits from its node.
    pub fn new(own: &Overrides, layers: &BrokerLayers) -> TopicConfig {
        let read = Reader { resource: Resource::Topic, own, layers };
        TopicConfig {
            cleanup_policy: CleanupPolicy {
                delete: read.lists("cleanup.policy", "delete"),
                compact: read.lists("cleanup.policy", "compact"),
            },
            compression_type: match read.text("compression.type").as_deref() {
                Some("uncompressed") => CompressionType::Uncompressed,
                Some("gzip") => CompressionType::Gzip,
                Some("snappy") => CompressionType::Snappy,
                Some("lz4") => CompressionType::Lz4,
                Some("zstd") => CompressionType::Zstd,
                _ => CompressionType::Producer,
            },
            compression_gzip_level: read.int("compression.gzip.level"),
            compression_lz4_level: read.int("compression.lz4.level"),
            compression_zstd_level: read.int("compression.zstd.level"),
            delete_retention_ms: read.integer("delete.retention.ms"),
            max_compaction_lag_ms: read.integer("max.compaction.lag.ms"),
            max_message_bytes: read.size("max.message.bytes"),
            message_timestamp_after_max_ms: read.integer("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: read.integer("message.timestamp.before.max.ms"),
            message_timestamp_type: match read.text("message.timestamp.type").as_deref() {
                Some("LogAppendTime") => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ppm: read.parts_per_million("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: read.integer("min.compaction.lag.ms"),
            retention_bytes: read.integer("retention.bytes"),
            retention_ms: read.integer("retention.ms"),
            segment_bytes: u64::try_from(read.integer("segment.bytes")).unwrap_or(0),
            segment_jitter_ms: read.integer("segment.jitter.ms"),
            segment_ms: read.integer("segment.ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::overrides;
    use super::*;

    #[test]
    fn defaults_are_kafkas() {
        let config = TopicConfig::new(&Overrides::new(), &BrokerLayers::default());
        let expected = TopicConfig {
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            compression_type: CompressionType::Producer,
            compression_gzip_level: -1,
            compression_lz4_level: 9,
            compression_zstd_level: 3,
            delete_retention_ms: 86_400_000,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: 1_048_588,
            message_timestamp_after_max_ms: 3_600_000,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_ppm: 500_000,
            min_compaction_lag_ms: 0,
            retention_bytes: -1,
            retention_ms: 604_800_000,
            segment_bytes: 1_073_741_824,
            segment_jitter_ms: 0,
            segment_ms: 604_800_000,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_topic_overrides_and_inherits() {
        let layers = BrokerLayers {
            all_nodes: overrides(&[
                ("compression.type", "zstd"),
                ("log.message.timestamp.type", "LogAppendTime"),
            ]),
            fixed: overrides(&[("log.roll.hours", "1"), ("message.max.bytes", "100")]),
            ..BrokerLayers::default()
        };
        let own = overrides(&[("cleanup.policy", ""), ("min.cleanable.dirty.ratio", "0.000001")]);
        let config = TopicConfig::new(&own, &layers);
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: false, compact: false });
        assert_eq!(config.compression_type, CompressionType::Zstd);
        assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
        assert_eq!((config.segment_ms, config.max_message_bytes), (3_600_000, 100));
        assert_eq!(config.min_cleanable_dirty_ppm, 1);
    }
}
