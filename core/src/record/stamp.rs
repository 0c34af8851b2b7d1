//! Giving a batch its place in the log: a fresh header before the untouched records.

use bytes::Bytes;

use super::batch::{Batch, BatchError, HEADER_LEN, at, attribute};
use super::crc;
use crate::pieces::Pieces;

/// What happens to the times in a batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedTime {
    /// They stay, and with them the checksum.
    AsSent,
    /// The producer's max timestamp was not that of its records; this is.
    CreateTime { max_timestamp: i64 },
    /// All records get the time of appending (`message.timestamp.type=LogAppendTime`).
    LogAppendTime(i64),
}

/// What the leader of a partition writes into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Epoch of the leader.
    pub partition_leader_epoch: i32,
    /// From [`super::BatchInfo::time`].
    pub time: StampedTime,
}

/// The batch under its new offsets. Offset and epoch lie outside the checksum; new times need a new one, for which the
/// records are read but not copied. Fails if `batch` is not a whole batch.
pub fn stamp(batch: &Bytes, stamp: &Stamp) -> Result<Pieces, BatchError> {
    let view = Batch::first(batch)?;
    let body = batch.slice(HEADER_LEN..view.size_in_bytes());
    let mut head = *view.header();
    put(&mut head, at::BASE_OFFSET, stamp.base_offset.to_be_bytes());
    put(&mut head, at::PARTITION_LEADER_EPOCH, stamp.partition_leader_epoch.to_be_bytes());
    let attributes = view.attributes() & !attribute::LOG_APPEND_TIME;
    match stamp.time {
        StampedTime::AsSent => {}
        StampedTime::CreateTime { max_timestamp } => set_time(&mut head, attributes, max_timestamp, &body),
        StampedTime::LogAppendTime(time) => {
            set_time(&mut head, attributes | attribute::LOG_APPEND_TIME, time, &body);
        }
    }
    let mut pieces = Pieces::new();
    pieces.push(Bytes::copy_from_slice(&head));
    pieces.push(body);
    Ok(pieces)
}

/// Writes what the checksum covers, and the checksum.
fn set_time(head: &mut [u8; HEADER_LEN], attributes: i16, max_timestamp: i64, body: &[u8]) {
    put(head, at::ATTRIBUTES, attributes.to_be_bytes());
    put(head, at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
    seal(head, body);
}

/// Writes the checksum of a header and its body.
pub(super) fn seal(head: &mut [u8; HEADER_LEN], body: &[u8]) {
    let crc = crc::crc32c_of_two(head.get(at::ATTRIBUTES..).unwrap_or_default(), body);
    put(head, at::CRC, crc.to_be_bytes());
}

/// Writes one field; positions are constants within the header.
pub(super) fn put<const N: usize>(head: &mut [u8; HEADER_LEN], at: usize, value: [u8; N]) {
    if let Some(place) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = value;
    }
}
