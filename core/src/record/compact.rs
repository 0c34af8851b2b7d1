//! What compaction does to one batch (`MemoryRecords.filterTo`).

use alloc::string::{String, ToString};

use bytes::Bytes;
use kelpgate_compression::{Codec, Levels};

use super::batch::{Batch, Batches};
use super::builder::{BatchBuilder, BatchFields};
use super::codecs::{Codecs, ReadError};
use super::records::{Record, Records};
use crate::topic::compaction::{BatchFormat, BatchHeader, RecordView};

/// The batch with only those records for which `keep` says so. Base offset, offsets, last offset delta, sequences, codec
/// and the records' times stay; the max timestamp becomes that of the records kept. With a `delete_horizon` that becomes
/// the base timestamp (KIP-534); one the batch has already stays. Without any record kept this is [`emptied`]; when nothing
/// changes the batch itself.
pub fn filter(
    bytes: &Bytes,
    delete_horizon: Option<i64>,
    codecs: &mut Codecs,
    keep: &mut dyn FnMut(&Record<'_>) -> bool,
) -> Result<Bytes, ReadError> {
    let batch = Batch::first(bytes)?;
    let codec = batch.codec().unwrap_or(Codec::None);
    let plain = codecs.opener.open(&batch)?;
    let mut fields = BatchFields::of(&batch);
    let mut is_changed = delete_horizon.is_some_and(|horizon| fields.delete_horizon_ms != Some(horizon));
    fields.delete_horizon_ms = delete_horizon.or(fields.delete_horizon_ms);
    let mut builder = BatchBuilder::with_capacity(fields, plain.len());
    for record in Records::new(&batch, plain)? {
        let record = record?;
        if keep(&record) {
            builder.append_record(record.offset_delta, &record);
        } else {
            is_changed = true;
        }
    }
    if !is_changed {
        return Ok(bytes.clone());
    }
    if builder.is_empty() {
        return emptied(&batch);
    }
    Ok(builder.compressed(codec, &Levels::default(), batch.last_offset_delta(), &mut codecs.compressor)?)
}

/// The batch without records: a header that still tells its offsets, its producer's last sequence and its max timestamp
/// (`DefaultRecordBatch.writeEmptyHeader`).
pub fn emptied(batch: &Batch<'_>) -> Result<Bytes, ReadError> {
    let fields = BatchFields { delete_horizon_ms: None, ..BatchFields::of(batch) };
    let mut builder = BatchBuilder::new(fields);
    builder.set_max_timestamp(batch.max_timestamp());
    Ok(builder.build_up_to(batch.last_offset_delta())?)
}

impl BatchFormat for Codecs {
    fn cut(&self, run: &mut Bytes) -> Result<Option<Bytes>, String> {
        let mut batches = Batches::new(core::mem::take(run));
        let first = batches.next().transpose();
        *run = batches.into_rest();
        first.map_err(|error| error.to_string())
    }

    fn header(&self, batch: &Bytes) -> Result<BatchHeader, String> {
        let batch = Batch::first(batch).map_err(|error| error.to_string())?;
        Ok(BatchHeader {
            base_offset: batch.base_offset(),
            last_offset: batch.last_offset(),
            producer_id: batch.producer_id(),
            is_control: batch.is_control_batch(),
            delete_horizon: batch.delete_horizon_ms(),
        })
    }

    fn visit(&mut self, batch: &Bytes, see: &mut dyn FnMut(RecordView<'_>)) -> Result<(), String> {
        visit(batch, self, see).map_err(|error| error.to_string())
    }

    fn rewrite(
        &mut self,
        batch: &Bytes,
        delete_horizon: Option<i64>,
        keep: &mut dyn FnMut(RecordView<'_>) -> bool,
    ) -> Result<Bytes, String> {
        filter(batch, delete_horizon, self, &mut |record| keep(view(record)))
            .map_err(|error| error.to_string())
    }

    fn emptied(&self, batch: &Bytes) -> Result<Bytes, String> {
        let batch = Batch::first(batch).map_err(|error| error.to_string())?;
        emptied(&batch).map_err(|error| error.to_string())
    }
}

fn visit(batch: &Bytes, codecs: &mut Codecs, see: &mut dyn FnMut(RecordView<'_>)) -> Result<(), ReadError> {
    let batch = Batch::first(batch)?;
    for record in Records::new(&batch, codecs.open(&batch)?)? {
        see(view(&record?));
    }
    Ok(())
}

fn view<'a>(record: &Record<'a>) -> RecordView<'a> {
    RecordView { offset: record.offset, key: record.key, has_value: record.value.is_some() }
}
