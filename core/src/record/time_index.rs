//! Finding records of one batch by time, for ListOffsets (`FileRecords.searchForTimestamp`,
//! `RecordBatch.offsetOfMaxTimestamp`).

use super::batch::Batch;
use super::codecs::{Codecs, ReadError};
use super::records::{Record, Records};
use crate::mutant::{Mutant, is_on};

/// Where a record is and what time it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub offset: i64,
}

/// The first record at `from` or later, in order of offsets, whose time is `timestamp` or later. `None` if the batch has
/// none: the search goes on in the next one.
pub fn first_at_or_after(
    batch: &Batch<'_>,
    timestamp: i64,
    from: i64,
    codecs: &mut Codecs,
) -> Result<Option<TimestampAndOffset>, ReadError> {
    if batch.max_timestamp() < timestamp || batch.last_offset() < from {
        return Ok(None);
    }
    for record in Records::new(batch, codecs.open(batch)?)? {
        let record = record?;
        let earliest = timestamp.saturating_add(i64::from(is_on(Mutant::TimestampOffByOne)));
        if record.timestamp >= earliest && record.offset >= from {
            return Ok(Some(found(&record)));
        }
    }
    Ok(None)
}

/// The first record with the greatest time of all. `None` if the batch has no records.
pub fn max_timestamp(
    batch: &Batch<'_>,
    codecs: &mut Codecs,
) -> Result<Option<TimestampAndOffset>, ReadError> {
    let mut greatest: Option<TimestampAndOffset> = None;
    for record in Records::new(batch, codecs.open(batch)?)? {
        let record = record?;
        if greatest.is_none_or(|greatest| record.timestamp > greatest.timestamp) {
            greatest = Some(found(&record));
        }
    }
    Ok(greatest)
}

fn found(record: &Record<'_>) -> TimestampAndOffset {
    TimestampAndOffset { timestamp: record.timestamp, offset: record.offset }
}
