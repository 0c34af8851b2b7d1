use super::*;
use crate::record::time_index::{TimestampAndOffset, first_at_or_after, max_timestamp};

fn batch(times: &[i64], fields: BatchFields, codec: Codec) -> Bytes {
    let mut records = some_records(times.len());
    records.iter_mut().zip(times).for_each(|(record, time)| record.timestamp = *time);
    build(fields, &records, codec)
}

#[test]
fn the_first_record_that_is_late_enough() {
    let fields = BatchFields { base_offset: 100, ..BatchFields::default() };
    for codec in Codec::ALL {
        let bytes = batch(&[10, 40, 20, 40, 50], fields, codec);
        let batch = Batch::checked(&bytes).unwrap();
        let mut codecs = Codecs::default();
        let mut find = |timestamp, from| {
            first_at_or_after(&batch, timestamp, from, &mut codecs)
                .unwrap()
                .map(|at| (at.timestamp, at.offset))
        };
        assert_eq!(find(0, 0), Some((10, 100)));
        assert_eq!(find(11, 0), Some((40, 101)));
        assert_eq!(find(11, 102), Some((20, 102)));
        assert_eq!(find(41, 0), Some((50, 104)));
        assert_eq!(find(51, 0), None);
        assert_eq!(find(0, 105), None);
    }
}

#[test]
fn the_first_record_of_the_greatest_time() {
    for codec in Codec::ALL {
        let bytes = batch(&[10, 50, 20, 50], BatchFields::default(), codec);
        let found = max_timestamp(&Batch::checked(&bytes).unwrap(), &mut Codecs::default());
        assert_eq!(found, Ok(Some(TimestampAndOffset { timestamp: 50, offset: 1 })));
    }
    let without = batch(&[NO_TIMESTAMP, NO_TIMESTAMP], BatchFields::default(), Codec::None);
    let found = max_timestamp(&Batch::checked(&without).unwrap(), &mut Codecs::default());
    assert_eq!(found, Ok(Some(TimestampAndOffset { timestamp: NO_TIMESTAMP, offset: 0 })));
}

#[test]
fn append_time_counts_for_all() {
    let fields = BatchFields { base_offset: 7, log_append_time: Some(500), ..BatchFields::default() };
    let bytes = batch(&[1, 2, 3], fields, Codec::Zstd);
    let batch = Batch::checked(&bytes).unwrap();
    let mut codecs = Codecs::default();
    let at = |offset| Some(TimestampAndOffset { timestamp: 500, offset });
    assert_eq!(first_at_or_after(&batch, 500, 0, &mut codecs), Ok(at(7)));
    assert_eq!(first_at_or_after(&batch, 500, 9, &mut codecs), Ok(at(9)));
    assert_eq!(max_timestamp(&batch, &mut codecs), Ok(at(7)));
}

#[test]
fn a_batch_without_records_has_no_answer() {
    let bytes = batch(&[10, 20], BatchFields::default(), Codec::None);
    let emptied = compact::emptied(&Batch::checked(&bytes).unwrap()).unwrap();
    let batch = Batch::checked(&emptied).unwrap();
    assert_eq!(batch.max_timestamp(), 20);
    assert_eq!(first_at_or_after(&batch, 0, 0, &mut Codecs::default()), Ok(None));
    assert_eq!(max_timestamp(&batch, &mut Codecs::default()), Ok(None));
}
