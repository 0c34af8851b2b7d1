//! The header of a record batch v2 (`DefaultRecordBatch`): 61 bytes before the records, never compressed.

use bytes::Bytes;
use kelpgate_compression::Codec;

use super::NO_SEQUENCE;
use super::crc;
use crate::config::TimestampType;
use crate::pieces::Pieces;
use crate::topic::producers::next_sequence;

/// Bytes of the header.
pub const HEADER_LEN: usize = 61;
/// Base offset and length: what the length field does not count (`Records.LOG_OVERHEAD`).
pub const LOG_OVERHEAD: usize = 12;
/// The only magic this format has.
pub const MAGIC_V2: u8 = 2;

/// Where the fields lie.
pub(super) mod at {
    pub(crate) const BASE_OFFSET: usize = 0;
    pub(crate) const LENGTH: usize = 8;
    pub(crate) const PARTITION_LEADER_EPOCH: usize = 12;
    pub(crate) const MAGIC: usize = 16;
    pub(crate) const CRC: usize = 17;
    /// The checksum covers everything from here on.
    pub(crate) const ATTRIBUTES: usize = 21;
    pub(crate) const LAST_OFFSET_DELTA: usize = 23;
    pub(crate) const BASE_TIMESTAMP: usize = 27;
    pub(crate) const MAX_TIMESTAMP: usize = 35;
    pub(crate) const PRODUCER_ID: usize = 43;
    pub(crate) const PRODUCER_EPOCH: usize = 51;
    pub(crate) const BASE_SEQUENCE: usize = 53;
    pub(crate) const RECORD_COUNT: usize = 57;
}

/// Bits of the attributes.
pub(super) mod attribute {
    pub(crate) const CODEC_MASK: i16 = 0x07;
    pub(crate) const LOG_APPEND_TIME: i16 = 0x08;
    pub(crate) const TRANSACTIONAL: i16 = 0x10;
    pub(crate) const CONTROL: i16 = 0x20;
    pub(crate) const DELETE_HORIZON: i16 = 0x40;
}

/// Why bytes are not a batch v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("{have} bytes where the batch needs {need}")]
    Truncated { need: usize, have: usize },
    /// The length field is less than a header needs.
    #[error("batch length {0} is too small")]
    Length(i32),
    /// An older format, or none.
    #[error("magic {0} is not that of a batch v2")]
    Magic(u8),
    /// The bytes were changed on their way.
    #[error("stored checksum {stored:#010x}, computed {computed:#010x}")]
    Crc { stored: u32, computed: u32 },
}

/// One whole batch, read where it lies. Whether the checksum is right and the records make sense is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: &'a [u8; HEADER_LEN],
    whole: &'a [u8],
    body: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the front of `bytes`; more may follow it.
    #[inline]
    pub fn first(bytes: &'a [u8]) -> Result<Batch<'a>, BatchError> {
        let truncated = |need| BatchError::Truncated { need, have: bytes.len() };
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or(truncated(HEADER_LEN))?;
        let magic = header[at::MAGIC];
        if magic != MAGIC_V2 {
            return Err(BatchError::Magic(magic));
        }
        let length = i32::from_be_bytes(field(header, at::LENGTH));
        let size = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(LOG_OVERHEAD))
            .filter(|size| *size >= HEADER_LEN)
            .ok_or(BatchError::Length(length))?;
        let whole = bytes.get(..size).ok_or(truncated(size))?;
        let body = whole.get(HEADER_LEN..).ok_or(truncated(size))?;
        Ok(Batch { header, whole, body })
    }

    /// The batch that `bytes` hold, and nothing after it; its checksum is looked at.
    pub fn checked(bytes: &'a [u8]) -> Result<Batch<'a>, BatchError> {
        let batch = Batch::first(bytes)?;
        if batch.size_in_bytes() != bytes.len() {
            return Err(BatchError::Length(batch.batch_length()));
        }
        batch.check_crc()?;
        Ok(batch)
    }

    /// Computes the checksum and compares.
    #[inline]
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.crc(), self.computed_crc());
        if stored == computed { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }

    /// CRC-32C of the bytes from the attributes to the end.
    #[inline]
    pub fn computed_crc(&self) -> u32 {
        crc::crc32c(self.whole.get(at::ATTRIBUTES..).unwrap_or_default())
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// The header alone.
    pub fn header(&self) -> &'a [u8; HEADER_LEN] {
        self.header
    }

    /// The records, compressed if [`Batch::codec`] says so.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Header and records together.
    pub fn size_in_bytes(&self) -> usize {
        self.whole.len()
    }

    /// Offset that the records' deltas count from. It stays when compaction takes the first record away.
    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(field(self.header, at::BASE_OFFSET))
    }

    /// Bytes after this field.
    pub fn batch_length(&self) -> i32 {
        i32::from_be_bytes(field(self.header, at::LENGTH))
    }

    /// Epoch of the leader that appended it; -1 from a producer.
    pub fn partition_leader_epoch(&self) -> i32 {
        i32::from_be_bytes(field(self.header, at::PARTITION_LEADER_EPOCH))
    }

    /// The checksum as stored.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(field(self.header, at::CRC))
    }

    /// All attribute bits.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(field(self.header, at::ATTRIBUTES))
    }

    fn has(&self, bit: i16) -> bool {
        self.attributes() & bit != 0
    }

    /// `None` for the ids that mean nothing.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_id((self.attributes() & attribute::CODEC_MASK) as u8)
    }

    /// Whether records have their own times or all the time of their appending.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(attribute::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.has(attribute::TRANSACTIONAL)
    }

    /// Written by a broker: the end of a transaction, or Kafka's own quorum's doings.
    pub fn is_control_batch(&self) -> bool {
        self.has(attribute::CONTROL)
    }

    /// When the tombstones in it may go (KIP-534); it is then kept in place of the base timestamp.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.has(attribute::DELETE_HORIZON).then(|| self.base_timestamp())
    }

    /// Offset of the last record, counted from the base offset, as it was before any compaction.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(field(self.header, at::LAST_OFFSET_DELTA))
    }

    /// Offset of the last record, as it was before any compaction.
    pub fn last_offset(&self) -> i64 {
        self.base_offset().saturating_add(i64::from(self.last_offset_delta()))
    }

    /// The offset after the last one.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// What the records' times count from.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(field(self.header, at::BASE_TIMESTAMP))
    }

    /// Greatest time of its records, or the time of appending.
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(field(self.header, at::MAX_TIMESTAMP))
    }

    /// -1 for none.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(field(self.header, at::PRODUCER_ID))
    }

    /// -1 for none.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(field(self.header, at::PRODUCER_EPOCH))
    }

    /// Sequence of the first record; -1 for none.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(field(self.header, at::BASE_SEQUENCE))
    }

    /// Sequence of the last record; -1 for none.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence() {
            NO_SEQUENCE => NO_SEQUENCE,
            base => next_sequence(base.max(0), self.last_offset_delta().max(0)),
        }
    }

    /// Records in it; 0 is possible after compaction.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(field(self.header, at::RECORD_COUNT))
    }

    /// The time all records share, if the batch has one.
    pub fn log_append_time(&self) -> Option<i64> {
        match self.timestamp_type() {
            TimestampType::LogAppendTime => Some(self.max_timestamp()),
            TimestampType::CreateTime => None,
        }
    }
}

/// One field. Positions are constants within the header, so nothing of this is left at run time but a load.
#[inline(always)]
fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    header.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// Cuts bytes into whole batches.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// Batches one after the other, and maybe the beginning of one more.
    pub fn new(bytes: Bytes) -> Batches {
        Batches { rest: bytes }
    }

    /// What has not been cut off yet.
    pub fn into_rest(self) -> Bytes {
        self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<Bytes, BatchError>;

    /// The next batch. After an error the rest stays as it is and the same error comes again; a caller that reads bytes
    /// which may end within a batch takes [`BatchError::Truncated`] for the end.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Batch::first(&self.rest) {
            Ok(batch) => {
                let size = batch.size_in_bytes();
                Some(Ok(self.rest.split_to(size)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Cuts what an engine read into whole batches, wherever it was cut into pieces: what is still in an engine's memory
/// comes as the appended parts, heads apart from bodies. A batch that lies in several pieces is put together, which
/// copies it. Ends after an error.
#[derive(Debug)]
pub struct StoredBatches {
    rest: Bytes,
    more: <Pieces as IntoIterator>::IntoIter,
}

impl StoredBatches {
    /// Batches one after the other; the last one must be whole too.
    pub fn new(pieces: Pieces) -> StoredBatches {
        StoredBatches { rest: Bytes::new(), more: pieces.into_iter() }
    }
}

impl Iterator for StoredBatches {
    type Item = Result<Bytes, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let error = match Batch::first(&self.rest) {
                Ok(batch) => {
                    let size = batch.size_in_bytes();
                    return Some(Ok(self.rest.split_to(size)));
                }
                Err(error) => error,
            };
            match (error, self.more.next()) {
                (BatchError::Truncated { .. }, Some(more)) if self.rest.is_empty() => self.rest = more,
                (BatchError::Truncated { .. }, Some(more)) => {
                    self.rest = [&self.rest[..], &more].concat().into()
                }
                (BatchError::Truncated { .. }, None) if self.rest.is_empty() => return None,
                (error, _) => {
                    *self = StoredBatches::new(Pieces::new());
                    return Some(Err(error));
                }
            }
        }
    }
}
