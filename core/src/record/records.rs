//! The records of a batch v2 (`DefaultRecord`), walked where they lie.

use super::batch::Batch;
use super::varint;

/// Why the bytes of a batch's records are not records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The header counts fewer than none.
    #[error("record count {0} is below zero")]
    Count(i32),
    /// A record's size goes past the end, or is less than what it must hold.
    #[error("record {index} does not fit the batch")]
    Size { index: u32 },
    /// The fields of a record go past its end or stop before it.
    #[error("record {index} has an invalid structure")]
    Structure { index: u32 },
    /// A header without a key, or not as many as were counted.
    #[error("record {index} has invalid headers")]
    Headers { index: u32 },
    /// The header counts fewer records than there are.
    #[error("bytes remain after the last of {count} records")]
    Remaining { count: u32 },
}

/// One record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Unused by Kafka; 0.
    pub attributes: u8,
    /// Offset, counted from the batch's base offset.
    pub offset_delta: i32,
    /// Its place in the log.
    pub offset: i64,
    /// Milliseconds since 1970, -1 for none; the batch's append time if it has one.
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone where the topic is compacted.
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// Headers of one record, still encoded: read when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    count: u32,
    encoded: &'a [u8],
    index: u32,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Headers<'static> = Headers { count: 0, encoded: &[], index: 0 };

    /// How many were counted.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The headers as they are encoded, without their count.
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// In order; keys may repeat. Ends after an error.
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { left: self.count, rest: self.encoded, index: self.index }
    }

    /// Whether they are as many as were counted, each with a key, and nothing after them.
    #[inline]
    pub fn check(&self) -> Result<(), RecordError> {
        if self.count == 0 && self.encoded.is_empty() {
            return Ok(());
        }
        let mut headers = self.iter();
        headers.try_for_each(|header| header.map(|_| ()))?;
        if headers.rest.is_empty() { Ok(()) } else { Err(RecordError::Headers { index: self.index }) }
    }
}

/// See [`Headers::iter`].
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    left: u32,
    rest: &'a [u8],
    index: u32,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Result<(&'a [u8], Option<&'a [u8]>), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let pair = nullable(&mut self.rest).and_then(|key| Some((key?, nullable(&mut self.rest)?)));
        if pair.is_none() {
            self.left = 0;
        }
        Some(pair.ok_or(RecordError::Headers { index: self.index }))
    }
}

/// Walks the plain records of one batch. Each item is bounds-checked; after an error nothing more comes.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: u32,
    count: u32,
    base_offset: i64,
    base_timestamp: i64,
    log_append_time: Option<i64>,
}

impl<'a> Records<'a> {
    /// `plain` is the body of `batch`, decompressed if need be.
    pub fn new(batch: &Batch<'_>, plain: &'a [u8]) -> Result<Records<'a>, RecordError> {
        let count = batch.record_count();
        let count = u32::try_from(count).map_err(|_| RecordError::Count(count))?;
        Ok(Records {
            rest: plain,
            left: count,
            count,
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            log_append_time: batch.log_append_time(),
        })
    }

    fn index(&self) -> u32 {
        self.count - self.left
    }

    #[inline(always)]
    fn read(&mut self) -> Result<Record<'a>, RecordError> {
        let index = self.index();
        let size_error = RecordError::Size { index };
        let size = varint::read_i32(&mut self.rest).ok_or(size_error)?;
        let size = usize::try_from(size).map_err(|_| size_error)?;
        let (record, rest) = self.rest.split_at_checked(size).ok_or(size_error)?;
        self.rest = rest;
        self.left -= 1;
        let record = self.fields(index, record).ok_or(RecordError::Structure { index })?;
        if self.left == 0 && !self.rest.is_empty() {
            return Err(RecordError::Remaining { count: self.count });
        }
        Ok(record)
    }

    #[inline(always)]
    fn fields(&self, index: u32, mut rest: &'a [u8]) -> Option<Record<'a>> {
        let (attributes, fields) = rest.split_first()?;
        rest = fields;
        let timestamp_delta = varint::read_i64(&mut rest)?;
        let offset_delta = varint::read_i32(&mut rest)?;
        let key = nullable(&mut rest)?;
        let value = nullable(&mut rest)?;
        let count = u32::try_from(varint::read_i32(&mut rest)?).ok()?;
        // A header takes two bytes at least, and without headers nothing may follow.
        let headers_max = rest.len() / 2;
        if count as usize > headers_max || (count == 0 && !rest.is_empty()) {
            return None;
        }
        Some(Record {
            attributes: *attributes,
            offset_delta,
            offset: self.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: self
                .log_append_time
                .unwrap_or_else(|| self.base_timestamp.wrapping_add(timestamp_delta)),
            key,
            value,
            headers: Headers { count, encoded: rest, index },
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            // Only an empty batch gets here with bytes in hand: `read` looks at them after the last record.
            let remaining = !core::mem::take(&mut self.rest).is_empty();
            return remaining.then_some(Err(RecordError::Remaining { count: self.count }));
        }
        let record = self.read();
        if record.is_err() {
            self.left = 0;
            self.rest = &[];
        }
        Some(record)
    }
}

/// Bytes behind a length where any length below zero means null (`Utils.readBytes`).
#[inline(always)]
fn nullable<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = varint::read_i32(rest)?;
    let Ok(len) = usize::try_from(len) else { return Some(None) };
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Some(bytes))
}
