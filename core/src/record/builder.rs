//! Writing batches v2 (`MemoryRecordsBuilder`).

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_compression::{Codec, CompressError, Compressor, Levels};

use super::batch::{Batch, HEADER_LEN, LOG_OVERHEAD, MAGIC_V2, at, attribute};
use super::codecs::{Codecs, ReadError};
use super::records::{Record, Records};
use super::stamp::{put, seal};
use super::{
    NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, varint,
};
use crate::config::TimestampType;

/// Why a batch could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A length, count or offset delta does not fit its 31 bits.
    #[error("the records do not fit one batch")]
    TooLarge,
    #[error(transparent)]
    Compress(#[from] CompressError),
}

/// What stands in the header besides what follows from the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFields {
    pub base_offset: i64,
    pub partition_leader_epoch: i32,
    /// All records have this time (`LogAppendTime`), or each its own.
    pub log_append_time: Option<i64>,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub is_transactional: bool,
    pub is_control_batch: bool,
    /// Stands in place of the base timestamp (KIP-534).
    pub delete_horizon_ms: Option<i64>,
}

impl Default for BatchFields {
    /// A plain batch at offset 0, as from a producer without an id.
    fn default() -> BatchFields {
        BatchFields {
            base_offset: 0,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            log_append_time: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            is_transactional: false,
            is_control_batch: false,
            delete_horizon_ms: None,
        }
    }
}

impl BatchFields {
    /// Those of an existing batch.
    pub fn of(batch: &Batch<'_>) -> BatchFields {
        BatchFields {
            base_offset: batch.base_offset(),
            partition_leader_epoch: batch.partition_leader_epoch(),
            log_append_time: match batch.timestamp_type() {
                TimestampType::LogAppendTime => Some(batch.max_timestamp()),
                TimestampType::CreateTime => None,
            },
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            is_transactional: batch.is_transactional(),
            is_control_batch: batch.is_control_batch(),
            delete_horizon_ms: batch.delete_horizon_ms(),
        }
    }
}

/// Writes records one after the other into one buffer and the header before them.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    fields: BatchFields,
    /// Room for the header, then the plain records.
    bytes: Vec<u8>,
    count: usize,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    /// Of the last record; the next one follows it.
    last_offset_delta: Option<i32>,
    too_large: bool,
}

impl BatchBuilder {
    /// Without records.
    pub fn new(fields: BatchFields) -> BatchBuilder {
        BatchBuilder::with_capacity(fields, 0)
    }

    /// With room for records of `capacity` bytes.
    pub fn with_capacity(fields: BatchFields, capacity: usize) -> BatchBuilder {
        let mut bytes = Vec::with_capacity(HEADER_LEN + capacity);
        bytes.resize(HEADER_LEN, 0);
        BatchBuilder {
            base_timestamp: fields.delete_horizon_ms,
            fields,
            bytes,
            count: 0,
            max_timestamp: NO_TIMESTAMP,
            last_offset_delta: None,
            too_large: false,
        }
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Header and plain records as written so far.
    pub fn size_in_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record right after the last one. Headers are pairs of a key and a value that may be null.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        let encoded = encode_headers(headers);
        let count = headers.len();
        match self.last_offset_delta.map_or(Some(0), |last| last.checked_add(1)) {
            Some(delta) => self.write(delta, timestamp, key, value, count, &encoded),
            None => self.too_large = true,
        }
    }

    /// Adds a record of another batch: at `offset_delta`, which must be greater than the last one's.
    pub fn append_record(&mut self, offset_delta: i32, record: &Record<'_>) {
        let headers = record.headers;
        self.write(
            offset_delta,
            record.timestamp,
            record.key,
            record.value,
            headers.count() as usize,
            headers.encoded(),
        );
    }

    fn write(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        header_count: usize,
        headers: &[u8],
    ) {
        let base_timestamp = *self.base_timestamp.get_or_insert(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let (Some(key_len), Some(value_len), Ok(header_count)) =
            (nullable_len(key), nullable_len(value), i32::try_from(header_count))
        else {
            self.too_large = true;
            return;
        };
        let size = 1
            + varint::len_i64(timestamp_delta)
            + varint::len_i32(offset_delta)
            + varint::len_i32(key_len)
            + key.map_or(0, <[u8]>::len)
            + varint::len_i32(value_len)
            + value.map_or(0, <[u8]>::len)
            + varint::len_i32(header_count)
            + headers.len();
        let Ok(size) = i32::try_from(size) else {
            self.too_large = true;
            return;
        };
        let out = &mut self.bytes;
        varint::write_i32(size, out);
        out.push(0);
        varint::write_i64(timestamp_delta, out);
        varint::write_i32(offset_delta, out);
        varint::write_i32(key_len, out);
        out.extend_from_slice(key.unwrap_or_default());
        varint::write_i32(value_len, out);
        out.extend_from_slice(value.unwrap_or_default());
        varint::write_i32(header_count, out);
        out.extend_from_slice(headers);
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.last_offset_delta = Some(offset_delta);
    }

    /// The batch, its records plain.
    pub fn build(self) -> Result<Bytes, BuildError> {
        let last = self.last_offset_delta.unwrap_or(0);
        self.seal(Codec::None, last)
    }

    /// The batch, its records compressed.
    pub fn build_with(self, codec: Codec, levels: &Levels, codecs: &mut Codecs) -> Result<Bytes, BuildError> {
        let last = self.last_offset_delta.unwrap_or(0);
        self.compressed(codec, levels, last, &mut codecs.compressor)
    }

    /// As [`BatchBuilder::build`], with the last offset delta of a batch that had more records.
    pub(super) fn build_up_to(self, last_offset_delta: i32) -> Result<Bytes, BuildError> {
        self.seal(Codec::None, last_offset_delta)
    }

    /// For a batch that keeps its max timestamp although it has lost its records.
    pub(super) fn set_max_timestamp(&mut self, max_timestamp: i64) {
        self.max_timestamp = max_timestamp;
    }

    /// As [`BatchBuilder::build_with`], with the last offset delta of a batch that had more records.
    pub(super) fn compressed(
        mut self,
        codec: Codec,
        levels: &Levels,
        last_offset_delta: i32,
        compressor: &mut Compressor,
    ) -> Result<Bytes, BuildError> {
        // A batch without records is stored as its header alone, whatever the codec would write for nothing.
        if codec == Codec::None || self.count == 0 {
            return self.seal(Codec::None, last_offset_delta);
        }
        let plain = core::mem::take(&mut self.bytes);
        let plain = plain.get(HEADER_LEN..).unwrap_or_default();
        self.bytes = Vec::with_capacity(HEADER_LEN + plain.len() / 2);
        self.bytes.resize(HEADER_LEN, 0);
        compressor.compress(codec, levels, plain, &mut self.bytes)?;
        self.seal(codec, last_offset_delta)
    }

    /// Writes the header.
    fn seal(self, codec: Codec, last_offset_delta: i32) -> Result<Bytes, BuildError> {
        let length = i32::try_from(self.bytes.len() - LOG_OVERHEAD).map_err(|_| BuildError::TooLarge)?;
        let count = i32::try_from(self.count).map_err(|_| BuildError::TooLarge)?;
        if self.too_large {
            return Err(BuildError::TooLarge);
        }
        let fields = &self.fields;
        let mut head = [0; HEADER_LEN];
        put(&mut head, at::BASE_OFFSET, fields.base_offset.to_be_bytes());
        put(&mut head, at::LENGTH, length.to_be_bytes());
        put(&mut head, at::PARTITION_LEADER_EPOCH, fields.partition_leader_epoch.to_be_bytes());
        put(&mut head, at::MAGIC, [MAGIC_V2]);
        put(&mut head, at::ATTRIBUTES, attributes(fields, codec).to_be_bytes());
        put(&mut head, at::LAST_OFFSET_DELTA, last_offset_delta.to_be_bytes());
        put(&mut head, at::BASE_TIMESTAMP, self.base_timestamp.unwrap_or(NO_TIMESTAMP).to_be_bytes());
        let max_timestamp = fields.log_append_time.unwrap_or(self.max_timestamp);
        put(&mut head, at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
        put(&mut head, at::PRODUCER_ID, fields.producer_id.to_be_bytes());
        put(&mut head, at::PRODUCER_EPOCH, fields.producer_epoch.to_be_bytes());
        put(&mut head, at::BASE_SEQUENCE, fields.base_sequence.to_be_bytes());
        put(&mut head, at::RECORD_COUNT, count.to_be_bytes());
        Ok(with_head(head, self.bytes))
    }
}

/// Puts a header, and its checksum, into the room left for it.
fn with_head(mut head: [u8; HEADER_LEN], mut bytes: Vec<u8>) -> Bytes {
    seal(&mut head, bytes.get(HEADER_LEN..).unwrap_or_default());
    if let Some(place) = bytes.first_chunk_mut::<HEADER_LEN>() {
        *place = head;
    }
    Bytes::from(bytes)
}

fn attributes(fields: &BatchFields, codec: Codec) -> i16 {
    let bit = |set: bool, bit: i16| if set { bit } else { 0 };
    i16::from(codec.id())
        | bit(fields.log_append_time.is_some(), attribute::LOG_APPEND_TIME)
        | bit(fields.is_transactional, attribute::TRANSACTIONAL)
        | bit(fields.is_control_batch, attribute::CONTROL)
        | bit(fields.delete_horizon_ms.is_some(), attribute::DELETE_HORIZON)
}

/// The length to be written: -1 for null. `None` when it does not fit.
fn nullable_len(bytes: Option<&[u8]>) -> Option<i32> {
    bytes.map_or(Some(-1), |bytes| i32::try_from(bytes.len()).ok())
}

fn encode_headers(headers: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in headers {
        // Lengths that do not fit are found when the record, which is longer, is written.
        varint::write_i32(nullable_len(Some(key)).unwrap_or(i32::MAX), &mut out);
        out.extend_from_slice(key);
        varint::write_i32(nullable_len(*value).unwrap_or(i32::MAX), &mut out);
        out.extend_from_slice(value.unwrap_or_default());
    }
    out
}

/// The same batch with its records under another codec, for topics whose `compression.type` is not `producer`. Records
/// and header fields stay as they are, but for codec, length and checksum.
pub fn recompress(
    batch: &Batch<'_>,
    codec: Codec,
    levels: &Levels,
    codecs: &mut Codecs,
) -> Result<Bytes, ReadError> {
    let plain = codecs.opener.open(batch)?;
    let mut bytes = Vec::with_capacity(HEADER_LEN + plain.len());
    bytes.resize(HEADER_LEN, 0);
    codecs.compressor.compress(codec, levels, plain, &mut bytes).map_err(BuildError::from)?;
    let length = i32::try_from(bytes.len() - LOG_OVERHEAD).map_err(|_| BuildError::TooLarge)?;
    let attributes = batch.attributes() & !attribute::CODEC_MASK | i16::from(codec.id());
    let mut head = *batch.header();
    put(&mut head, at::LENGTH, length.to_be_bytes());
    put(&mut head, at::ATTRIBUTES, attributes.to_be_bytes());
    Ok(with_head(head, bytes))
}

/// The same records with offset deltas 0, 1, 2, ..., for a producer that counted otherwise
/// (`LogValidator.buildRecordsAndAssignOffsets`).
pub fn renumber(
    batch: &Batch<'_>,
    codec: Codec,
    levels: &Levels,
    codecs: &mut Codecs,
) -> Result<Bytes, ReadError> {
    let plain = codecs.opener.open(batch)?;
    let mut builder = BatchBuilder::with_capacity(BatchFields::of(batch), plain.len());
    for (delta, record) in (0..).zip(Records::new(batch, plain)?) {
        builder.append_record(delta, &record?);
    }
    let last = builder.last_offset_delta.unwrap_or(0);
    Ok(builder.compressed(codec, levels, last, &mut codecs.compressor)?)
}
