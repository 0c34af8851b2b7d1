//! What the bodies of batches and of message sets share: rules by choice, records to compare, checks of what was accepted.

use bytes::Bytes;
use kelpgate_compression::{Codec, Levels, Limits};
use kelpgate_core::config::{BrokerLayers, CompressionType, Overrides, TimestampType, TopicConfig};
use kelpgate_core::record::{
    Accepted, Batch, Codecs, Records, Rules, Stamp, StampedTime, recompress, stamp, validate,
};
use kelpgate_core::time::WallTime;

/// What one batch may become in here.
pub const LIMITS: Limits = Limits { output_max: 256 << 10, ratio_max: 1000 };

/// What contexts of compression, and the copies that are compared, may take: buffers double as they grow, each codec's
/// output is there beside its input, and records are held once more for each form they are compared in.
pub fn bound(input: usize) -> usize {
    (24 << 20) + 64 * input
}

/// The moment at which everything is appended.
pub const NOW: WallTime = WallTime(1_700_000_000_000);

/// Configurations of a topic that differ in what they ask of a batch.
pub fn topic_config(choice: u8) -> TopicConfig {
    let mut config = TopicConfig::new(&Overrides::new(), &BrokerLayers::default());
    config.compression_type = match choice & 7 {
        0 | 1 => CompressionType::Producer,
        2 => CompressionType::Uncompressed,
        3 => CompressionType::Gzip,
        4 => CompressionType::Snappy,
        5 => CompressionType::Lz4,
        _ => CompressionType::Zstd,
    };
    config.compression_gzip_level = 1;
    config.compression_zstd_level = 1;
    if choice & 8 != 0 {
        config.message_timestamp_type = TimestampType::LogAppendTime;
    }
    if choice & 16 != 0 {
        config.cleanup_policy.compact = true;
    }
    if choice & 32 != 0 {
        config.message_timestamp_before_max_ms = 1000;
    }
    if choice & 64 != 0 {
        config.max_message_bytes = 200;
    }
    config
}

/// A topic's rules for a Produce request of a version.
pub fn rules(config: &TopicConfig, version: i16, open_batches: bool) -> Rules<'_> {
    Rules { topic: "topic", partition: 0, version, now: NOW, config, open_batches }
}

/// A record with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<u8>,
}

/// The records of a batch; what they are compared by.
pub fn records(batch: &Bytes, codecs: &mut Codecs) -> Result<Vec<Owned>, String> {
    let batch = Batch::first(batch).map_err(|error| error.to_string())?;
    let plain = codecs.open(&batch).map_err(|error| error.to_string())?;
    let records = Records::new(&batch, plain).map_err(|error| error.to_string())?;
    records
        .map(|record| {
            let record = record.map_err(|error| error.to_string())?;
            Ok(Owned {
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record.headers.encoded().to_vec(),
            })
        })
        .collect()
}

/// A batch that may be appended is whole, says of itself what is true, may be appended as it is now, and keeps its
/// records whatever codec and whatever place it gets.
pub fn check_accepted(accepted: &Accepted, rules: &Rules<'_>, codecs: &mut Codecs) {
    let Accepted { batch: bytes, info } = accepted;
    let batch = Batch::checked(bytes).expect("an accepted batch is whole");
    assert_eq!(batch.size_in_bytes(), info.size_in_bytes);
    assert!(info.size_in_bytes <= rules.config.max_message_bytes);
    assert_eq!(batch.codec(), Some(info.codec));
    assert_eq!(batch.record_count(), info.record_count);
    assert!(info.record_count > 0 && batch.last_offset_delta() == info.last_offset_delta);
    assert!(!info.rebuild, "it is built anew by now");
    // What topics do with batches of old formats is done: they have the newest version's rules.
    let newest = Rules { version: 12, ..*rules };
    match validate(bytes, &newest, codecs) {
        Ok(again) => assert!(!again.rebuild && again.record_count == info.record_count),
        // Batches converted from old formats have their append time already.
        Err(refusal) => assert!(batch.log_append_time().is_some(), "refused after all: {refusal:?}"),
    }
    check_stamped(accepted, codecs);
    let Ok(known) = records(bytes, codecs) else {
        assert!(!rules.open_batches, "records that were looked at cannot be read");
        return;
    };
    assert!(known.len() == info.record_count as usize || !rules.open_batches);
    check_codecs(bytes, &known, codecs);
}

/// A place in the log changes nothing but offsets and, if the topic says so, times.
fn check_stamped(accepted: &Accepted, codecs: &mut Codecs) {
    let place = Stamp { base_offset: 1 << 40, partition_leader_epoch: 7, time: accepted.info.time };
    let stamped = stamp(&accepted.batch, &place).expect("an accepted batch is whole").concat();
    let batch = Batch::checked(&stamped).expect("a stamped batch is whole");
    assert_eq!((batch.base_offset(), batch.partition_leader_epoch()), (1 << 40, 7));
    assert_eq!(batch.last_offset(), (1 << 40) + i64::from(accepted.info.last_offset_delta));
    assert_eq!(batch.max_timestamp(), accepted.info.max_timestamp);
    let (Ok(before), Ok(after)) = (records(&accepted.batch, codecs), records(&stamped, codecs)) else {
        return;
    };
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.key, &before.value, &before.headers), (&after.key, &after.value, &after.headers));
        match place.time {
            StampedTime::LogAppendTime(time) => assert_eq!(after.timestamp, time),
            StampedTime::AsSent | StampedTime::CreateTime { .. } => {
                assert!(batch.log_append_time().is_some() || after.timestamp == before.timestamp);
            }
        }
    }
}

/// Under every codec the same records come out.
fn check_codecs(bytes: &Bytes, known: &[Owned], codecs: &mut Codecs) {
    let batch = Batch::first(bytes).expect("an accepted batch is whole");
    let levels = Levels { gzip: 1, lz4: 9, zstd: 1 };
    for codec in Codec::ALL {
        let other = recompress(&batch, codec, &levels, codecs).expect("what was read is compressed");
        let view = Batch::checked(&other).expect("a recompressed batch is whole");
        assert_eq!(view.codec(), Some(codec));
        assert!(records(&other, codecs).as_deref() == Ok(known), "{codec:?} has changed records");
    }
}
