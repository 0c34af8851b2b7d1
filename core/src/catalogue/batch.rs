//! Records of the catalogue as Kafka record batches (v2), so that ordinary tools can read its log.

use alloc::vec::Vec;

use bytes::Bytes;

use super::record::{CatalogueRecord, RecordError};
use crate::record::{Batch, BatchBuilder, BatchFields, Records};
use crate::time::WallTime;

/// Makes one batch of some records. The first has the offset `base_offset`; `leader_epoch` is the node's start number.
pub fn encode_batch(
    records: &[CatalogueRecord],
    base_offset: i64,
    leader_epoch: i32,
    now: WallTime,
) -> Bytes {
    let fields = BatchFields { base_offset, partition_leader_epoch: leader_epoch, ..BatchFields::default() };
    let mut builder = BatchBuilder::new(fields);
    for record in records {
        builder.append(now.0, Some(record.key().as_bytes()), Some(&record.encode()), &[]);
    }
    // Records are about as long as the request that they come from, which is far from the 2 GiB of a batch.
    builder.build().unwrap_or_else(|error| panic!("{} catalogue records: {error}", records.len()))
}

/// Reads one whole batch; gives its records and the offset after the last.
///
/// # Errors
/// The bytes are not one plain batch with a right checksum, or a record in it cannot be read.
pub fn decode_batch(bytes: &[u8]) -> Result<(Vec<CatalogueRecord>, i64), RecordError> {
    let batch = Batch::checked(bytes)?;
    if batch.attributes() != 0 {
        return Err(RecordError::Attributes(batch.attributes()));
    }
    let next = batch.base_offset().checked_add(i64::from(batch.record_count()));
    let next = next.ok_or(RecordError::Offsets)?;
    // Keys are for people.
    let records = Records::new(&batch, batch.body())?
        .map(|record| CatalogueRecord::decode(record?.value.unwrap_or_default()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((records, next))
}
