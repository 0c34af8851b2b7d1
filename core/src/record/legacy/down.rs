//! From batches v2 to message sets v0 and v1 (`RecordsUtil.downConvert`).

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_compression::{Codec, Compressor, Levels};

use super::super::NO_TIMESTAMP;
use super::super::batch::{Batch, Batches};
use super::super::builder::BuildError;
use super::super::codecs::{Codecs, ReadError};
use super::super::records::{Record, Records};
use super::message::{MessageFormat, MessageHead, write_message};
use crate::config::TimestampType;
use crate::protocol::ErrorCode;

/// Messages for an old client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownConverted {
    /// The message set. May be empty: control batches and batches emptied by compaction have no counterpart.
    pub records: Bytes,
    /// The offset after the last batch that was looked at. A client that is given no messages never asks for another offset, so
    /// with empty `records` the caller reads on from here instead of answering.
    pub next_offset: i64,
}

/// Why nothing can be given to an old client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownConvertError {
    /// No client that reads these formats knows it.
    #[error("Down-conversion of zstandard-compressed batches is not supported")]
    Zstd,
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl DownConvertError {
    /// The Kafka error code for the partition.
    pub fn code(&self) -> ErrorCode {
        match self {
            DownConvertError::Zstd => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            DownConvertError::Read(_) => ErrorCode::CORRUPT_MESSAGE,
        }
    }
}

/// Converts whole batches, beginning with the one that holds `fetch_offset`, for Fetch 0 and 1 (v0) or 2 and 3 (v1). Plain
/// records below `fetch_offset` are left out, since each becomes a message of its own and some clients do not expect
/// earlier ones; compressed ones stay together. Headers are dropped. Stops before the batch that would lead past
/// `max_bytes`, but not before the first, and before one that cannot be converted; fails if that is the first.
pub fn down_convert(
    batches: Bytes,
    format: MessageFormat,
    fetch_offset: i64,
    max_bytes: usize,
    codecs: &mut Codecs,
) -> Result<DownConverted, DownConvertError> {
    let (mut records, mut next_offset) = (Vec::new(), fetch_offset);
    for bytes in Batches::new(batches) {
        let before = records.len();
        match convert_next(bytes.map_err(ReadError::from), format, fetch_offset, codecs, &mut records) {
            Ok(_) if before > 0 && records.len() > max_bytes => {
                records.truncate(before);
                break;
            }
            Ok(next) => next_offset = next.max(next_offset),
            Err(_) if next_offset > fetch_offset => {
                records.truncate(before);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(DownConverted { records: records.into(), next_offset })
}

/// Adds one batch; gives the offset after it.
fn convert_next(
    bytes: Result<Bytes, ReadError>,
    format: MessageFormat,
    fetch_offset: i64,
    codecs: &mut Codecs,
    out: &mut Vec<u8>,
) -> Result<i64, DownConvertError> {
    let bytes = bytes?;
    let batch = Batch::first(&bytes).map_err(ReadError::from)?;
    if !batch.is_control_batch() && batch.record_count() != 0 {
        match batch.codec() {
            Some(Codec::Zstd) => return Err(DownConvertError::Zstd),
            Some(Codec::None) => messages(&batch, format, fetch_offset, out)?,
            Some(_) | None => wrapper(&batch, format, codecs, out)?,
        }
    }
    Ok(batch.next_offset())
}

/// Each record a message.
fn messages(
    batch: &Batch<'_>,
    format: MessageFormat,
    fetch_offset: i64,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    for record in Records::new(batch, batch.body())? {
        let record = record?;
        if record.offset >= fetch_offset {
            message(batch, format, record.offset, &record, out);
        }
    }
    Ok(())
}

fn message(batch: &Batch<'_>, format: MessageFormat, offset: i64, record: &Record<'_>, out: &mut Vec<u8>) {
    let head = MessageHead {
        format,
        offset,
        codec: Codec::None,
        is_log_append_time: batch.timestamp_type() == TimestampType::LogAppendTime,
        timestamp: record.timestamp,
        key: record.key,
    };
    let Ok(()) = write_message(&head, out, |out| {
        out.extend_from_slice(record.value.unwrap_or_default());
        Ok::<bool, core::convert::Infallible>(record.value.is_some())
    });
}

/// All records within one message.
fn wrapper(
    batch: &Batch<'_>,
    format: MessageFormat,
    codecs: &mut Codecs,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Codecs { compressor, opener } = codecs;
    let plain = opener.open(batch)?;
    let mut set = Vec::with_capacity(plain.len() * 2);
    let (mut first, mut last, mut max_timestamp) = (None, 0, NO_TIMESTAMP);
    for record in Records::new(batch, plain)? {
        let record = record?;
        let first = *first.get_or_insert(record.offset);
        let offset = match format {
            MessageFormat::V0 => record.offset,
            MessageFormat::V1 => record.offset.wrapping_sub(first),
        };
        message(batch, format, offset, &record, &mut set);
        last = record.offset;
        max_timestamp = max_timestamp.max(record.timestamp);
    }
    let head = MessageHead {
        format,
        offset: last,
        codec: batch.codec().unwrap_or(Codec::None),
        is_log_append_time: batch.timestamp_type() == TimestampType::LogAppendTime,
        timestamp: max_timestamp,
        key: None,
    };
    Ok(write_message(&head, out, |out| compress(&head, &set, compressor, out))?)
}

fn compress(
    head: &MessageHead<'_>,
    set: &[u8],
    compressor: &mut Compressor,
    out: &mut Vec<u8>,
) -> Result<bool, BuildError> {
    compressor.compress_for(head.format.lz4_header(), head.codec, &Levels::default(), set, out)?;
    Ok(true)
}
