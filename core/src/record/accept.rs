//! From what a Produce request has for one partition to a batch that only needs its place in the log.

use bytes::Bytes;
use kelpgate_compression::{Codec, Levels};

use super::batch::{Batch, MAGIC_V2, at};
use super::builder::{BuildError, recompress, renumber};
use super::codecs::{Codecs, ReadError};
use super::legacy::up_convert;
use super::refusal::Refusal;
use super::validate::{BatchInfo, Rules, check_size, validate};
use crate::config::{CompressionType, TopicConfig};
use crate::protocol::ErrorCode;

/// First version of Produce that carries batches v2 only.
const BATCHES_SINCE: i16 = 3;

/// One batch v2 that may be appended; [`super::stamp()`] makes it ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The producer's own bytes wherever they may stay as they are.
    pub batch: Bytes,
    pub info: BatchInfo,
}

/// Takes what a Produce request of any version has for one partition: checks it, converts old formats up, and compresses
/// anew where the topic's `compression.type` asks for it.
pub fn accept(records: &Bytes, rules: &Rules<'_>, codecs: &mut Codecs) -> Result<Accepted, Refusal> {
    // Kafka takes batches v2 in old requests too: some clients send the newer format with the older version.
    if rules.version < BATCHES_SINCE && records.get(at::MAGIC) != Some(&MAGIC_V2) {
        return up_convert(records, rules, codecs);
    }
    let info = validate(records, rules, codecs)?;
    let target = Target::of(rules.config, info.codec);
    if target.codec == info.codec && !info.rebuild {
        return Ok(Accepted { batch: records.clone(), info });
    }
    let batch = Batch::first(records)?;
    let rebuilt = if info.rebuild {
        renumber(&batch, target.codec, &target.levels, codecs)
    } else {
        recompress(&batch, target.codec, &target.levels, codecs)
    };
    let batch = rebuilt?;
    check_size(batch.len(), rules)?;
    let info = BatchInfo { size_in_bytes: batch.len(), codec: target.codec, rebuild: false, ..info };
    Ok(Accepted { batch, info })
}

/// How a topic stores its batches.
pub(super) struct Target {
    pub(super) codec: Codec,
    pub(super) levels: Levels,
}

impl Target {
    /// `compression.type`, which may leave it to the producer.
    pub(super) fn of(config: &TopicConfig, source: Codec) -> Target {
        let codec = match config.compression_type {
            CompressionType::Producer => source,
            CompressionType::Uncompressed => Codec::None,
            CompressionType::Gzip => Codec::Gzip,
            CompressionType::Snappy => Codec::Snappy,
            CompressionType::Lz4 => Codec::Lz4,
            CompressionType::Zstd => Codec::Zstd,
        };
        let levels = Levels {
            gzip: config.compression_gzip_level,
            lz4: config.compression_lz4_level,
            zstd: config.compression_zstd_level,
        };
        Target { codec, levels }
    }
}

impl From<BuildError> for Refusal {
    fn from(error: BuildError) -> Refusal {
        Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, alloc::format!("{error}"))
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Refusal {
        match error {
            ReadError::Batch(error) => error.into(),
            ReadError::Open(error) => error.into(),
            ReadError::Record(error) => error.into(),
            ReadError::Build(error) => error.into(),
        }
    }
}
