//! What a producer's batch must be before it may be appended (`ProduceRequest.validateRecords`, `UnifiedLog`,
//! `LogValidator`).

use alloc::format;
use alloc::string::String;

use kelpgate_compression::Codec;

use super::NO_TIMESTAMP;
use super::batch::{Batch, BatchError};
use super::codecs::Codecs;
use super::records::{Record, Records};
use super::refusal::{RecordErrors, Refusal};
use super::stamp::StampedTime;
use crate::config::{TimestampType, TopicConfig};
use crate::protocol::ErrorCode;
use crate::time::WallTime;
use crate::topic::producers::{self, ProducerBatch};

/// First version of Produce that may carry zstd.
const ZSTD_SINCE: i16 = 7;

/// What a batch is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Name of the topic, for messages.
    pub topic: &'a str,
    /// The partition's index, for messages.
    pub partition: i32,
    /// Version of the Produce request.
    pub version: i16,
    /// The moment of appending.
    pub now: WallTime,
    /// `max.message.bytes`, `message.timestamp.*`, `cleanup.policy`, `compression.*`.
    pub config: &'a TopicConfig,
    /// Whether every record is looked at, and decompressed for it, even where no rule of the topic needs it. Without this
    /// a producer can append what no consumer can read.
    pub open_batches: bool,
}

/// What is known of a batch that may be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// Header and records.
    pub size_in_bytes: usize,
    pub codec: Codec,
    /// At least 1.
    pub record_count: i32,
    /// One less than the count.
    pub last_offset_delta: i32,
    /// Greatest time once appended: of the records if the batch was opened, else what its header says; or the append time.
    pub max_timestamp: i64,
    /// What stamping does to the times.
    pub time: StampedTime,
    pub is_transactional: bool,
    /// Id, epoch and sequences; `None` without a producer id.
    pub producer: Option<ProducerBatch>,
    /// The records' offset deltas are not 0, 1, 2, ...: the batch must be built anew to be appended, as Kafka does it.
    pub rebuild: bool,
}

/// Decides whether `bytes`, the records that a Produce request of version 3 or later has for one partition, may be appended.
/// Nothing is allocated unless a record is refused or the batch is compressed.
pub fn validate(bytes: &[u8], rules: &Rules<'_>, codecs: &mut Codecs) -> Result<BatchInfo, Refusal> {
    let (batch, codec) = the_only_batch(bytes, rules)?;
    check_size(batch.size_in_bytes(), rules)?;
    batch.check_crc()?;
    let producer = check_header(&batch, rules)?;
    let mut walk = Walk {
        rules,
        batch: &batch,
        max_timestamp: NO_TIMESTAMP,
        rebuild: false,
        errors: RecordErrors::default(),
    };
    let opened = rules.open_batches || walk.is_needed();
    if opened {
        walk.all(codecs.open(&batch)?)?;
    }
    let (max_timestamp, time) = match rules.config.message_timestamp_type {
        TimestampType::LogAppendTime => (rules.now.0, StampedTime::LogAppendTime(rules.now.0)),
        TimestampType::CreateTime if opened && walk.max_timestamp != batch.max_timestamp() => {
            let max_timestamp = walk.max_timestamp;
            (max_timestamp, StampedTime::CreateTime { max_timestamp })
        }
        TimestampType::CreateTime => (batch.max_timestamp(), StampedTime::AsSent),
    };
    Ok(BatchInfo {
        size_in_bytes: batch.size_in_bytes(),
        codec,
        record_count: batch.record_count(),
        last_offset_delta: batch.last_offset_delta(),
        max_timestamp,
        time,
        is_transactional: batch.is_transactional(),
        producer,
        rebuild: walk.rebuild,
    })
}

/// Exactly one batch v2, of a codec that the version allows (`ProduceRequest.validateRecords`).
fn the_only_batch<'a>(bytes: &'a [u8], rules: &Rules<'_>) -> Result<(Batch<'a>, Codec), Refusal> {
    let version = rules.version;
    let invalid = |what: &str| {
        Refusal::new(ErrorCode::INVALID_RECORD, format!("Produce requests with version {version} {what}"))
    };
    let batch = match Batch::first(bytes) {
        Ok(batch) => batch,
        Err(BatchError::Truncated { .. }) => {
            return Err(invalid("must have at least one record batch per partition"));
        }
        Err(BatchError::Magic(0 | 1)) => {
            return Err(invalid("are only allowed to contain record batches with magic version 2"));
        }
        Err(error @ (BatchError::Magic(_) | BatchError::Length(_) | BatchError::Crc { .. })) => {
            return Err(error.into());
        }
    };
    let codec = batch.codec().ok_or_else(|| {
        Refusal::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, String::from("Unknown compression type id"))
    })?;
    if codec == Codec::Zstd && version < ZSTD_SINCE {
        let message =
            format!("Produce requests with version {version} are not allowed to use ZStandard compression");
        return Err(Refusal::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message));
    }
    if batch.size_in_bytes() != bytes.len() {
        return Err(invalid("are only allowed to contain exactly one record batch per partition"));
    }
    Ok((batch, codec))
}

/// `max.message.bytes`.
pub(super) fn check_size(size: usize, rules: &Rules<'_>) -> Result<(), Refusal> {
    let max = rules.config.max_message_bytes;
    if size <= max {
        return Ok(());
    }
    let Rules { topic, partition, .. } = rules;
    let message = format!(
        "The record batch size in the append to {topic}-{partition} is {size} bytes which exceeds the maximum \
         configured value of {max}."
    );
    Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, message))
}

/// What the header alone tells (`LogValidator.validateBatch`).
fn check_header(batch: &Batch<'_>, rules: &Rules<'_>) -> Result<Option<ProducerBatch>, Refusal> {
    let Rules { topic, partition, .. } = rules;
    let invalid = |what: String| {
        Err(Refusal::new(ErrorCode::INVALID_RECORD, format!("{what} in topic partition {topic}-{partition}")))
    };
    let (count, last_delta) = (batch.record_count(), batch.last_offset_delta());
    let (base, last) = (batch.base_offset(), batch.last_offset());
    if last_delta < 0 {
        return invalid(format!("Batch has an invalid offset range: [{base}, {last}]"));
    }
    if count <= 0 {
        return invalid(format!("Invalid reported count for record batch: {count}"));
    }
    if last_delta != count - 1 {
        return invalid(format!(
            "Inconsistent batch offset range [{base}, {last}] and count of records {count}"
        ));
    }
    if batch.is_control_batch() {
        return invalid(String::from("Clients are not allowed to write control records"));
    }
    // Kafka lets this bit pass, and the cleaner then takes the client's word for when tombstones may go.
    if batch.delete_horizon_ms().is_some() {
        return invalid(String::from("Clients are not allowed to set a delete horizon"));
    }
    let id = batch.producer_id();
    // Kafka takes such a batch and begins no transaction for it.
    if batch.is_transactional() && id < 0 {
        return invalid(String::from("Transactional records without a producer id"));
    }
    match ProducerBatch::new(id, batch.producer_epoch(), batch.base_sequence(), last_delta) {
        Ok(producer) => Ok(producer),
        Err(producers::Refusal::NegativeEpochOrSequence { epoch, sequence, .. }) if epoch < 0 => {
            invalid(format!(
                "Invalid producer epoch {epoch} and sequence number {sequence} in record batch with producerId {id}"
            ))
        }
        Err(_) => {
            let sequence = batch.base_sequence();
            invalid(format!("Invalid sequence number {sequence} in record batch with producerId {id}"))
        }
    }
}

/// A walk over every record of one batch (`LogValidator.validateRecord`).
struct Walk<'a> {
    rules: &'a Rules<'a>,
    batch: &'a Batch<'a>,
    max_timestamp: i64,
    rebuild: bool,
    errors: RecordErrors,
}

impl Walk<'_> {
    /// Whether a rule of the topic cannot be decided from the header.
    fn is_needed(&self) -> bool {
        let config = self.rules.config;
        if config.cleanup_policy.compact || self.batch.timestamp_type() == TimestampType::LogAppendTime {
            return true;
        }
        // The header has the greatest time but not the least.
        config.message_timestamp_type == TimestampType::CreateTime
            && (config.message_timestamp_before_max_ms != i64::MAX
                || self.is_out_of_range(self.batch.max_timestamp()))
    }

    fn all(&mut self, plain: &[u8]) -> Result<(), Refusal> {
        for (index, record) in (0i32..).zip(Records::new(self.batch, plain)?) {
            let record = record?;
            record.headers.check()?;
            self.rebuild |= record.offset_delta != index;
            self.max_timestamp = self.max_timestamp.max(record.timestamp);
            self.one(index, &record);
        }
        core::mem::take(&mut self.errors).into_result()
    }

    #[inline(always)]
    fn one(&mut self, index: i32, record: &Record<'_>) {
        let config = self.rules.config;
        if config.cleanup_policy.compact && record.key.is_none() {
            let Rules { topic, partition, .. } = self.rules;
            self.errors.refuse(index, ErrorCode::INVALID_RECORD, || {
                format!(
                    "Compacted topic cannot accept message without key in topic partition {topic}-{partition}"
                )
            });
        } else if self.batch.timestamp_type() == TimestampType::LogAppendTime {
            // Kafka looks at this only where the topic has LogAppendTime or the record no time, and else quietly clears the
            // bit, by which the records get other times than the ones it checked.
            self.errors.refuse(index, ErrorCode::INVALID_TIMESTAMP, || append_time_message(record));
        } else if config.message_timestamp_type == TimestampType::CreateTime
            && self.is_out_of_range(record.timestamp)
        {
            let now = self.rules.now.0;
            let (least, greatest) = (
                now.wrapping_sub(config.message_timestamp_before_max_ms),
                now.wrapping_add(config.message_timestamp_after_max_ms),
            );
            self.errors.refuse(index, ErrorCode::INVALID_TIMESTAMP, || {
                format!(
                    "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{least}, \
                     {greatest}]",
                    record.timestamp, record.offset
                )
            });
        }
    }

    fn is_out_of_range(&self, timestamp: i64) -> bool {
        is_out_of_range(timestamp, self.rules)
    }
}

/// `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`; a record without a time is in range.
pub(super) fn is_out_of_range(timestamp: i64, rules: &Rules<'_>) -> bool {
    // Saturation only makes a distance of more than 292 million years shorter.
    let age = rules.now.0.saturating_sub(timestamp);
    timestamp != NO_TIMESTAMP
        && (age > rules.config.message_timestamp_before_max_ms
            || age.saturating_neg() > rules.config.message_timestamp_after_max_ms)
}

fn append_time_message(record: &Record<'_>) -> String {
    format!(
        "Invalid timestamp type in message DefaultRecord(offset={}, timestamp={}, key={} bytes, value={} bytes). \
         Producer should not set timestamp type to LogAppendTime.",
        record.offset,
        record.timestamp,
        record.key.map_or(0, <[u8]>::len),
        record.value.map_or(0, <[u8]>::len)
    )
}
