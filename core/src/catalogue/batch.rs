//! Records of the catalogue as Kafka record batches (v2), so that ordinary tools can read its log.

use alloc::vec::Vec;

use bytes::Bytes;

use super::notation::{Fields, put_zigzag};
use super::record::{CatalogueRecord, RecordError};
use crate::time::WallTime;

/// The base offset and the length itself are not counted in a batch's length.
const BEFORE_LENGTH: usize = 12;
/// Where the part begins that the checksum covers.
const CHECKED_FROM: usize = 21;

/// Makes one batch of some records. The first has the offset `base_offset`; `leader_epoch` is the node's start number.
pub fn encode_batch(
    records: &[CatalogueRecord],
    base_offset: i64,
    leader_epoch: i32,
    now: WallTime,
) -> Bytes {
    let count = records.len() as i32;
    let mut checked = Vec::new();
    checked.extend_from_slice(&0i16.to_be_bytes());
    checked.extend_from_slice(&(count - 1).to_be_bytes());
    checked.extend_from_slice(&now.0.to_be_bytes());
    checked.extend_from_slice(&now.0.to_be_bytes());
    // Neither producer id, nor epoch, nor sequence.
    checked.extend_from_slice(&[0xff; 14]);
    checked.extend_from_slice(&count.to_be_bytes());
    for (delta, record) in records.iter().enumerate() {
        put_record(&mut checked, delta as i64, record);
    }
    let mut batch = Vec::with_capacity(CHECKED_FROM + checked.len());
    batch.extend_from_slice(&base_offset.to_be_bytes());
    batch.extend_from_slice(&((CHECKED_FROM - BEFORE_LENGTH + checked.len()) as u32).to_be_bytes());
    batch.extend_from_slice(&leader_epoch.to_be_bytes());
    batch.push(2);
    batch.extend_from_slice(&checksum(&checked).to_be_bytes());
    batch.append(&mut checked);
    batch.into()
}

/// Attributes, time and offset as differences from the batch's, key, value, no headers.
fn put_record(out: &mut Vec<u8>, offset_delta: i64, record: &CatalogueRecord) {
    let mut body = Vec::new();
    body.push(0);
    put_zigzag(&mut body, 0);
    put_zigzag(&mut body, offset_delta);
    for bytes in [record.key().as_bytes(), &record.encode()] {
        put_zigzag(&mut body, bytes.len() as i64);
        body.extend_from_slice(bytes);
    }
    put_zigzag(&mut body, 0);
    put_zigzag(out, body.len() as i64);
    out.append(&mut body);
}

fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// Reads one whole batch; gives its records and the offset after the last.
///
/// # Errors
/// The bytes are not one batch with a right checksum, or a record in it cannot be read.
pub fn decode_batch(batch: &[u8]) -> Result<(Vec<CatalogueRecord>, i64), RecordError> {
    let mut fields = Fields(batch);
    let base_offset = fields.long()?;
    if u32::from_be_bytes(fields.array()?) as usize != fields.0.len() {
        return Err(RecordError::Batch("its length is not that of the bytes"));
    }
    let _leader_epoch = fields.int()?;
    if fields.array()? != [2] {
        return Err(RecordError::Batch("it is not in the second format"));
    }
    if u32::from_be_bytes(fields.array()?) != checksum(fields.0) {
        return Err(RecordError::Batch("its checksum is wrong"));
    }
    if fields.array()? != [0, 0] {
        return Err(RecordError::Batch("its attributes are not those of a plain batch"));
    }
    let _last_delta_times_producer: [u8; 34] = fields.array()?;
    let count = u32::from_be_bytes(fields.array()?);
    let next =
        base_offset.checked_add(i64::from(count)).ok_or(RecordError::Batch("its offsets are too large"))?;
    // The count needs no check: each record takes bytes before anything is allocated for it.
    let mut records = Vec::new();
    for _ in 0..count {
        let mut record = Fields(take_counted(&mut fields)?);
        let _attributes: [u8; 1] = record.array()?;
        let _timestamp_delta = record.zigzag()?;
        let _offset_delta = record.zigzag()?;
        let _key_for_people = take_counted(&mut record)?;
        records.push(CatalogueRecord::decode(take_counted(&mut record)?)?);
        let _no_headers = record.zigzag()?;
        record.finish()?;
    }
    fields.finish()?;
    Ok((records, next))
}

/// Bytes after their length. Null does not occur.
fn take_counted<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], RecordError> {
    let length =
        usize::try_from(fields.zigzag()?).map_err(|_| RecordError::Batch("a length in it is negative"))?;
    Ok(fields.take(length)?)
}
