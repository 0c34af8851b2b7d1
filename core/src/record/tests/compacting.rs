use super::*;
use crate::topic::compaction::BatchFormat;

proptest! {
    #[test]
    fn kept_records_stay_as_they_were(
        records in records(500),
        codec in any_codec(),
        kept in proptest::collection::vec(any::<bool>(), 30),
        horizon in proptest::option::of(0..NOW),
    ) {
        let fields = BatchFields {
            base_offset: 500,
            partition_leader_epoch: 3,
            producer_id: 9,
            producer_epoch: 1,
            base_sequence: 70,
            is_transactional: true,
            ..BatchFields::default()
        };
        let bytes = build(fields, &records, codec);
        let old = Batch::checked(&bytes).unwrap();
        let stays = |offset: i64| kept[(offset - 500) as usize];
        let filtered =
            compact::filter(&bytes, horizon, &mut Codecs::default(), &mut |record| stays(record.offset)).unwrap();
        let expected: Vec<Owned> = records.iter().filter(|record| stays(record.offset)).cloned().collect();
        prop_assert_eq!(read(&filtered), expected.clone());
        let new = Batch::checked(&filtered).unwrap();
        prop_assert_eq!((new.base_offset(), new.last_offset_delta()), (500, old.last_offset_delta()));
        prop_assert_eq!(new.last_sequence(), old.last_sequence());
        if let Some(greatest) = expected.iter().map(|record| record.timestamp).max() {
            prop_assert_eq!(new.codec(), Some(codec));
            prop_assert_eq!(new.max_timestamp(), greatest);
            prop_assert_eq!(new.delete_horizon_ms(), horizon);
            prop_assert_eq!(BatchFields::of(&new), BatchFields { delete_horizon_ms: horizon, ..fields });
        } else {
            prop_assert_eq!((filtered.len(), new.max_timestamp()), (batch::HEADER_LEN, old.max_timestamp()));
            prop_assert_eq!(BatchFields::of(&new), fields);
        }
    }
}

#[test]
fn a_horizon_once_set_stays() {
    let bytes = build(BatchFields::default(), &some_records(4), Codec::Gzip);
    let mut codecs = Codecs::default();
    let once = compact::filter(&bytes, Some(77), &mut codecs, &mut |_| true).unwrap();
    let twice = compact::filter(&once, None, &mut codecs, &mut |record| record.offset > 1).unwrap();
    assert_eq!(Batch::checked(&twice).unwrap().delete_horizon_ms(), Some(77));
    assert_eq!(read(&twice), &some_records(4)[2..]);
}

#[test]
fn as_the_compactor_asks() {
    let mut codecs = Codecs::default();
    let batch = some_batch(Codec::Lz4);
    let mut run = Bytes::from([&batch[..], &batch[..], &batch[..10]].concat());
    assert_eq!(codecs.cut(&mut run), Ok(Some(batch.clone())));
    assert_eq!(codecs.cut(&mut run), Ok(Some(batch.clone())));
    assert!(codecs.cut(&mut run).is_err());
    assert_eq!(codecs.cut(&mut Bytes::new()), Ok(None));
    let header = codecs.header(&batch).unwrap();
    assert_eq!((header.base_offset, header.last_offset, header.producer_id), (0, 4, -1));
    assert!(!header.is_control && header.delete_horizon.is_none());
    let mut seen = Vec::new();
    codecs
        .visit(&batch, &mut |record| seen.push((record.offset, text(record.key.unwrap()), record.has_value)))
        .unwrap();
    assert_eq!(seen[4], (4, "k4".into(), true));
    let rewritten = codecs.rewrite(&batch, None, &mut |record| record.offset == 3).unwrap();
    assert_eq!(read(&rewritten), &some_records(4)[3..]);
    assert_eq!(read(&codecs.emptied(&batch).unwrap()), []);
}
