use super::*;
use crate::config::TimestampType;

proptest! {
    #[test]
    fn records_come_back_as_they_were(
        records in records(1_000_000),
        codec in any_codec(),
        epoch: i32,
        producer in (0i64.., 0i16.., 0i32..),
        bits: [bool; 2],
    ) {
        let fields = BatchFields {
            base_offset: 1_000_000,
            partition_leader_epoch: epoch,
            producer_id: producer.0,
            producer_epoch: producer.1,
            base_sequence: producer.2,
            is_transactional: bits[0],
            is_control_batch: bits[1],
            ..BatchFields::default()
        };
        let bytes = build(fields, &records, codec);
        prop_assert_eq!(read(&bytes), records.clone());
        let batch = Batch::checked(&bytes).unwrap();
        prop_assert_eq!(BatchFields::of(&batch), fields);
        prop_assert_eq!(batch.codec(), Some(codec));
        prop_assert_eq!(batch.record_count(), records.len() as i32);
        prop_assert_eq!(batch.last_offset(), records.last().unwrap().offset);
        prop_assert_eq!(batch.next_offset(), batch.last_offset() + 1);
        prop_assert_eq!(batch.max_timestamp(), records.iter().map(|record| record.timestamp).max().unwrap());
        prop_assert_eq!(batch.base_timestamp(), records[0].timestamp);
    }

    #[test]
    fn recompressing_changes_nothing_else(records in records(7), from in any_codec(), to in any_codec()) {
        let fields = BatchFields { base_offset: 7, producer_id: 5, producer_epoch: 1, base_sequence: 9, ..BatchFields::default() };
        let bytes = build(fields, &records, from);
        let again = recompress(&Batch::checked(&bytes).unwrap(), to, &Levels::default(), &mut Codecs::default()).unwrap();
        prop_assert_eq!(read(&again), records);
        let (old, new) = (Batch::checked(&bytes).unwrap(), Batch::checked(&again).unwrap());
        prop_assert_eq!(new.codec(), Some(to));
        prop_assert_eq!(BatchFields::of(&new), BatchFields::of(&old));
        prop_assert_eq!((new.record_count(), new.max_timestamp()), (old.record_count(), old.max_timestamp()));
    }
}

#[test]
fn all_records_have_the_append_time() {
    let fields = BatchFields { log_append_time: Some(77), ..BatchFields::default() };
    let bytes = build(fields, &some_records(3), Codec::Zstd);
    let batch = Batch::checked(&bytes).unwrap();
    assert_eq!((batch.timestamp_type(), batch.max_timestamp()), (TimestampType::LogAppendTime, 77));
    assert!(read(&bytes).iter().all(|record| record.timestamp == 77));
}

#[test]
fn times_as_far_apart_as_can_be() {
    let record = |timestamp| Owned { timestamp, ..some_records(1).remove(0) };
    let records: Vec<Owned> = [i64::MIN, i64::MAX, NO_TIMESTAMP, 0].map(record).into();
    let bytes = build(BatchFields::default(), &records, Codec::None);
    let times: Vec<i64> = read(&bytes).iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [i64::MIN, i64::MAX, NO_TIMESTAMP, 0]);
}

#[test]
fn stamping_copies_no_record() {
    let batch = some_batch(Codec::None);
    for time in
        [StampedTime::AsSent, StampedTime::CreateTime { max_timestamp: 5 }, StampedTime::LogAppendTime(9)]
    {
        let place = Stamp { base_offset: 1 << 40, partition_leader_epoch: 6, time };
        let pieces = stamp(&batch, &place).unwrap();
        let [head, body] = pieces.as_slice() else { panic!("{pieces:?}") };
        assert_eq!(head.len(), batch::HEADER_LEN);
        assert_eq!(body.as_ptr(), batch[batch::HEADER_LEN..].as_ptr());
        let whole = pieces.concat();
        let stamped = Batch::checked(&whole).unwrap();
        assert_eq!((stamped.base_offset(), stamped.partition_leader_epoch()), (1 << 40, 6));
        let (kind, max) = (stamped.timestamp_type(), stamped.max_timestamp());
        let expected = match time {
            StampedTime::AsSent => (TimestampType::CreateTime, NOW + 4),
            StampedTime::CreateTime { max_timestamp } => (TimestampType::CreateTime, max_timestamp),
            StampedTime::LogAppendTime(time) => (TimestampType::LogAppendTime, time),
        };
        assert_eq!((kind, max), expected);
    }
}

#[test]
fn batches_are_cut_one_by_one() {
    let one = some_batch(Codec::None);
    let mut joined = one.to_vec();
    joined.extend_from_slice(&some_batch(Codec::Lz4));
    joined.extend_from_slice(&one[..40]);
    let joined = Bytes::from(joined);
    let mut batches = Batches::new(joined.clone());
    assert_eq!(batches.next(), Some(Ok(one)));
    let second = batches.next().unwrap().unwrap();
    assert_eq!(second.as_ptr(), joined[some_batch(Codec::None).len()..].as_ptr());
    assert_eq!(batches.next(), Some(Err(BatchError::Truncated { need: 61, have: 40 })));
    assert_eq!(batches.into_rest().len(), 40);
}

#[test]
fn a_batch_without_records_is_its_header() {
    let bytes = BatchBuilder::new(BatchFields::default())
        .build_with(Codec::Zstd, &Levels::default(), &mut Codecs::default())
        .unwrap();
    let batch = Batch::checked(&bytes).unwrap();
    assert_eq!((bytes.len(), batch.codec(), batch.record_count()), (61, Some(Codec::None), 0));
    assert_eq!(read(&bytes), []);
}

#[test]
fn sequences_wrap() {
    let fields = BatchFields {
        producer_id: 1,
        producer_epoch: 0,
        base_sequence: i32::MAX - 1,
        ..BatchFields::default()
    };
    let bytes = build(fields, &some_records(4), Codec::None);
    assert_eq!(Batch::checked(&bytes).unwrap().last_sequence(), 1);
    assert_eq!(Batch::checked(&some_batch(Codec::None)).unwrap().last_sequence(), NO_SEQUENCE);
}

/// Every reader of records that anything may reach.
fn read_anyhow(bytes: &[u8], codecs: &mut Codecs) {
    let config = config();
    for version in [0, 2, 3, 9] {
        let rules = Rules { version, ..rules(&config) };
        let _ = accept(&Bytes::copy_from_slice(bytes), &rules, codecs);
    }
    let Ok(batch) = Batch::first(bytes) else { return };
    let Ok(plain) = codecs.open(&batch) else { return };
    if let Ok(records) = Records::new(&batch, plain) {
        for record in records.flatten() {
            let _ = record.headers.iter().count();
        }
    }
    let _ =
        compact::filter(&Bytes::copy_from_slice(bytes), None, codecs, &mut |record| record.offset % 2 == 0);
    let _ = compact::emptied(&batch);
    let _ = renumber(&batch, Codec::Lz4, &Levels::default(), codecs);
    let _ = recompress(&batch, Codec::Lz4, &Levels::default(), codecs);
    let _ = time_index::first_at_or_after(&batch, NOW, 0, codecs);
    let _ = time_index::max_timestamp(&batch, codecs);
    for format in [super::super::legacy::MessageFormat::V0, super::super::legacy::MessageFormat::V1] {
        let _ = super::super::legacy::down_convert(Bytes::copy_from_slice(bytes), format, 2, 1 << 20, codecs);
    }
}

#[test]
fn cut_anywhere() {
    let (config, mut codecs) = (config(), Codecs::default());
    for codec in Codec::ALL {
        let batch = some_batch(codec);
        for cut in 0..batch.len() {
            assert!(validate(&batch[..cut], &rules(&config), &mut codecs).is_err(), "{codec:?} {cut}");
            assert!(Batch::checked(&batch[..cut]).is_err());
            read_anyhow(&batch[..cut], &mut codecs);
        }
    }
}

#[test]
fn any_bit_flipped() {
    let (config, mut codecs) = (config(), Codecs::default());
    for codec in Codec::ALL {
        let batch = some_batch(codec);
        for at in 0..batch.len() {
            for bit in 0..8 {
                let mut flipped = batch.to_vec();
                flipped[at] ^= 1 << bit;
                let refused = validate(&flipped, &rules(&config), &mut codecs).is_err();
                // Base offset and leader epoch are overwritten by the broker and lie outside the checksum.
                let is_covered = (8..12).contains(&at) || at >= 16;
                assert_eq!(refused, is_covered, "{codec:?} byte {at} bit {bit}");
            }
        }
    }
}

#[test]
fn any_bit_flipped_under_a_right_checksum() {
    let mut codecs = Codecs::new(Limits { output_max: 1 << 20, ratio_max: 1000 });
    for codec in Codec::ALL {
        let batch = some_batch(codec);
        for at in batch::at::ATTRIBUTES..batch.len() {
            for bit in 0..8 {
                read_anyhow(&with_bytes(&batch, at, &[batch[at] ^ 1 << bit]), &mut codecs);
            }
        }
    }
}

proptest! {
    #[test]
    fn anything_under_a_right_checksum(body in proptest::collection::vec(any::<u8>(), 0..200), count in -1..20i32, codec in 0u8..8) {
        let mut bytes = some_batch(Codec::None)[..batch::HEADER_LEN].to_vec();
        bytes.extend_from_slice(&body);
        bytes[8..12].copy_from_slice(&(49 + body.len() as i32).to_be_bytes());
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        read_anyhow(&with_bytes(&bytes, 22, &[codec]), &mut Codecs::default());
    }
}
