//! Batches that the log takes for real: header and checksum are right, records are noise.

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::Append;
use kelpgate_log::batch::checksum;

/// A batch of `count` records from `base` on.
pub fn batch(base: i64, count: i64, time: i64, body: &[u8]) -> Bytes {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&base.to_be_bytes());
    bytes.extend_from_slice(&((49 + body.len()) as i32).to_be_bytes());
    bytes.extend_from_slice(&0i32.to_be_bytes());
    bytes.push(2);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&0i16.to_be_bytes());
    bytes.extend_from_slice(&((count - 1) as i32).to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&(-1i64).to_be_bytes());
    bytes.extend_from_slice(&(-1i16).to_be_bytes());
    bytes.extend_from_slice(&(-1i32).to_be_bytes());
    bytes.extend_from_slice(&(count as i32).to_be_bytes());
    bytes.extend_from_slice(body);
    let crc = checksum([&bytes[21..]]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

/// An append of one batch, in two pieces as the machine sends them: a fresh head and an untouched body.
pub fn append(base: i64, count: i64, time: i64, len: usize) -> Append {
    let body: Vec<u8> = (0..len).map(|at| (base as usize * 31 + at * 7) as u8).collect();
    let whole = batch(base, count, time, &body);
    let pieces: Pieces = [whole.slice(..61), whole.slice(61..)].into_iter().collect();
    Append {
        base_offset: base,
        last_offset: base + count - 1,
        max_timestamp: time,
        roll: false,
        durable: true,
        batches: pieces,
    }
}

/// The same, beginning a new segment.
pub fn rolling(base: i64, count: i64, time: i64, len: usize) -> Append {
    Append { roll: true, ..append(base, count, time, len) }
}
