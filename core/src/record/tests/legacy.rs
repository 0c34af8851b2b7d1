use super::*;
use crate::config::TimestampType;
use crate::protocol::ErrorCode;
use crate::record::legacy::{DownConvertError, MessageFormat, down_convert, up_convert};
use crate::topic::retention::CleanupPolicy;

const FORMATS: [MessageFormat; 2] = [MessageFormat::V0, MessageFormat::V1];
const OLD_CODECS: [Codec; 4] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4];

fn down(batches: &Bytes, format: MessageFormat, from: i64) -> Bytes {
    down_convert(batches.clone(), format, from, usize::MAX, &mut Codecs::default()).unwrap().records
}

fn up(set: &[u8]) -> Result<Accepted, Refusal> {
    let config = config();
    up_convert(set, &Rules { version: 2, ..rules(&config) }, &mut Codecs::default())
}

/// A message as the formats' description has it, written by hand.
fn message(
    offset: i64,
    attributes: u8,
    timestamp: Option<i64>,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Vec<u8> {
    let mut covered = vec![u8::from(timestamp.is_some()), attributes];
    timestamp.iter().for_each(|time| covered.extend(time.to_be_bytes()));
    for bytes in [key, value] {
        covered.extend(bytes.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
        covered.extend(bytes.unwrap_or_default());
    }
    let mut out = offset.to_be_bytes().to_vec();
    out.extend((covered.len() as i32 + 4).to_be_bytes());
    out.extend(crc::crc32(&covered).to_be_bytes());
    out.extend(covered);
    out
}

proptest! {
    #[test]
    fn down_and_up_again(
        records in records(0),
        codec in proptest::sample::select(OLD_CODECS.to_vec()),
        format in proptest::sample::select(FORMATS.to_vec()),
    ) {
        let batch = build(BatchFields::default(), &records, codec);
        let accepted = up(&down(&batch, format, 0)).unwrap();
        let expected: Vec<Owned> = records
            .into_iter()
            .map(|record| Owned {
                headers: Vec::new(),
                timestamp: if format == MessageFormat::V0 { NO_TIMESTAMP } else { record.timestamp },
                ..record
            })
            .collect();
        prop_assert_eq!(accepted.info.codec, codec);
        prop_assert_eq!(accepted.info.record_count, expected.len() as i32);
        prop_assert_eq!(accepted.info.max_timestamp, expected.iter().map(|record| record.timestamp).max().unwrap());
        prop_assert_eq!(read(&accepted.batch), expected);
    }
}

#[test]
fn plain_messages_byte_for_byte() {
    let mut records = some_records(3);
    records[1].key = None;
    records[2].value = None;
    let batch = build(BatchFields { base_offset: 40, ..BatchFields::default() }, &records, Codec::None);
    for (format, time) in [(MessageFormat::V0, None), (MessageFormat::V1, Some(NOW))] {
        let time = |index: i64| time.map(|time: i64| time + index);
        let expected = [
            message(40, 0, time(0), Some(b"k0"), Some(&[b'v'; 20])),
            message(41, 0, time(1), None, Some(&[b'v'; 20])),
            message(42, 0, time(2), Some(b"k2"), None),
        ];
        assert_eq!(down(&batch, format, 0), expected.concat());
        // What lies before the asked offset is left out.
        assert_eq!(down(&batch, format, 41), expected[1..].concat());
    }
}

#[test]
fn append_time_is_told_in_v1() {
    let fields = BatchFields { log_append_time: Some(99), ..BatchFields::default() };
    let batch = build(fields, &some_records(1), Codec::None);
    assert_eq!(down(&batch, MessageFormat::V0, 0), message(0, 0, None, Some(b"k0"), Some(&[b'v'; 20])));
    assert_eq!(down(&batch, MessageFormat::V1, 0), message(0, 8, Some(99), Some(b"k0"), Some(&[b'v'; 20])));
}

#[test]
fn wrappers_carry_the_last_offset() {
    let batch =
        build(BatchFields { base_offset: 40, ..BatchFields::default() }, &some_records(3), Codec::Gzip);
    for (format, time, first) in [(MessageFormat::V0, None, 40), (MessageFormat::V1, Some(NOW), 0)] {
        let set = down(&batch, format, 41);
        let value_at = if time.is_some() { 12 + 22 } else { 12 + 14 };
        let expected = message(42, 1, time.map(|time| time + 2), None, Some(&set[value_at..]));
        assert_eq!(set, expected);
        let mut inner = Vec::new();
        kelpgate_compression::Decompressor::new()
            .decompress(Codec::Gzip, &Limits::default(), &set[value_at..], &mut inner)
            .unwrap();
        let messages = (0..3i64).map(|index| {
            let key = alloc::format!("k{index}");
            message(first + index, 0, time.map(|time| time + index), Some(key.as_bytes()), Some(&[b'v'; 20]))
        });
        assert_eq!(inner, messages.collect::<Vec<_>>().concat());
    }
}

#[test]
fn control_batches_and_empty_ones_have_no_counterpart() {
    let control = build(
        BatchFields { is_control_batch: true, ..BatchFields::default() },
        &some_records(1),
        Codec::None,
    );
    let emptied = compact::emptied(&Batch::checked(&some_batch(Codec::None)).unwrap()).unwrap();
    let data = build(BatchFields { base_offset: 5, ..BatchFields::default() }, &some_records(1), Codec::None);
    let all = Bytes::from([control.clone(), emptied, data].concat());
    let converted = down_convert(all, MessageFormat::V1, 0, 1000, &mut Codecs::default()).unwrap();
    assert_eq!(converted.records, message(5, 0, Some(NOW), Some(b"k0"), Some(&[b'v'; 20])));
    assert_eq!(converted.next_offset, 6);
    let only = down_convert(control, MessageFormat::V1, 0, 1000, &mut Codecs::default()).unwrap();
    assert_eq!((only.records.len(), only.next_offset), (0, 1));
}

#[test]
fn zstd_goes_to_nobody() {
    let plain = some_batch(Codec::None);
    let zstd = build(BatchFields { base_offset: 5, ..BatchFields::default() }, &some_records(2), Codec::Zstd);
    let mut codecs = Codecs::default();
    let alone = down_convert(zstd.clone(), MessageFormat::V1, 5, 1000, &mut codecs);
    assert_eq!(alone, Err(DownConvertError::Zstd));
    assert_eq!(DownConvertError::Zstd.code(), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    let behind = Bytes::from([plain.clone(), zstd].concat());
    let before = down_convert(behind, MessageFormat::V1, 0, 1 << 20, &mut codecs).unwrap();
    assert_eq!((before.records, before.next_offset), (down(&plain, MessageFormat::V1, 0), 5));
}

#[test]
fn the_first_batch_is_given_whatever_its_size() {
    let first = some_batch(Codec::None);
    let second =
        build(BatchFields { base_offset: 5, ..BatchFields::default() }, &some_records(2), Codec::Lz4);
    let both = Bytes::from([first.clone(), second].concat());
    let small = down_convert(both.clone(), MessageFormat::V0, 0, 1, &mut Codecs::default()).unwrap();
    assert_eq!((small.records, small.next_offset), (down(&first, MessageFormat::V0, 0), 5));
    let large = down_convert(both, MessageFormat::V0, 0, 1 << 20, &mut Codecs::default()).unwrap();
    assert_eq!(large.next_offset, 7);
}

#[test]
fn damage_behind_something_good_waits_for_the_next_fetch() {
    let first = some_batch(Codec::None);
    let damaged = Bytes::from(with_bytes(&some_batch(Codec::Gzip), 70, &[0; 8]));
    let both = Bytes::from([first, damaged.clone()].concat());
    let mut codecs = Codecs::default();
    assert_eq!(down_convert(both, MessageFormat::V0, 0, 1 << 20, &mut codecs).unwrap().next_offset, 5);
    let alone = down_convert(damaged, MessageFormat::V0, 0, 1 << 20, &mut codecs).unwrap_err();
    assert_eq!(alone.code(), ErrorCode::CORRUPT_MESSAGE);
}

fn error(set: &[u8]) -> ErrorCode {
    up(set).unwrap_err().error
}

#[test]
fn sets_that_are_refused() {
    let (corrupt, invalid) = (ErrorCode::CORRUPT_MESSAGE, ErrorCode::INVALID_RECORD);
    let good = message(0, 0, Some(NOW), Some(b"k"), Some(b"v"));
    let wrapper = |attributes, value: &[u8]| message(0, attributes, Some(NOW), None, Some(value));
    let gzip = |set: &[u8]| {
        let mut out = Vec::new();
        kelpgate_compression::Compressor::new()
            .compress(Codec::Gzip, &Levels::default(), set, &mut out)
            .unwrap();
        out
    };
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cells: Vec<(Vec<u8>, ErrorCode)> = vec![
        (Vec::new(), invalid),
        (good[..good.len() - 1].to_vec(), corrupt),
        ([&good[..], &good[..20]].concat(), corrupt),
        (flipped.clone(), corrupt),
        ([&good[..], &message(1, 0, None, None, None)[..]].concat(), invalid),
        ([&good[..], &some_batch(Codec::None)[..]].concat(), invalid),
        (message(0, 4, Some(NOW), None, Some(b"")), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        (message(0, 7, Some(NOW), None, Some(b"")), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        (message(0, 1, Some(NOW), None, None), invalid),
        (wrapper(1, b"rubbish"), invalid),
        (wrapper(1, &gzip(b"")), invalid),
        (wrapper(1, &gzip(&flipped)), corrupt),
        (wrapper(1, &gzip(&good[..20])), invalid),
        (wrapper(1, &gzip(&wrapper(1, &gzip(&good)))), invalid),
        (wrapper(1, &gzip(&message(0, 0, None, None, None))), invalid),
        ([wrapper(1, &gzip(&good)), good.clone()].concat(), invalid),
        ([good.clone(), wrapper(1, &gzip(&good))].concat(), invalid),
        (message(0, 8, Some(NOW), None, None), ErrorCode::INVALID_TIMESTAMP),
        (message(0, 0, Some(NOW + 3_600_001), None, None), ErrorCode::INVALID_TIMESTAMP),
    ];
    for (index, (set, expected)) in cells.iter().enumerate() {
        assert_eq!(error(set), *expected, "cell {index}: {:?}", up(set).unwrap_err());
    }
    assert!(up(&[good.clone(), good].concat()).is_ok());
}

#[test]
fn the_wrappers_offset_must_not_be_below_what_is_within() {
    let inner = [message(0, 0, Some(NOW), None, None), message(1, 0, Some(NOW), None, None)].concat();
    let mut value = Vec::new();
    kelpgate_compression::Compressor::new()
        .compress(Codec::Snappy, &Levels::default(), &inner, &mut value)
        .unwrap();
    let wrapper = |offset| message(offset, 2, Some(NOW), None, Some(&value));
    assert_eq!(up(&wrapper(1)).unwrap().info.record_count, 2);
    assert_eq!(up(&wrapper(0)).unwrap().info.record_count, 2);
    assert_eq!(error(&wrapper(-3)), ErrorCode::INVALID_RECORD);
}

#[test]
fn topic_rules_hold_for_old_messages_too() {
    let set = [message(0, 0, None, Some(b"k"), None), message(1, 0, None, None, None)].concat();
    let rules_of = |config| {
        let rules = Rules { version: 0, ..rules(config) };
        accept(&Bytes::copy_from_slice(&set), &rules, &mut Codecs::default())
    };
    let compacted = TopicConfig { cleanup_policy: CleanupPolicy { delete: true, compact: true }, ..config() };
    let refusal = rules_of(&compacted).unwrap_err();
    assert_eq!((refusal.error, refusal.record_errors[0].batch_index), (ErrorCode::INVALID_RECORD, 1));
    let small = TopicConfig { max_message_bytes: 27, ..config() };
    assert_eq!(rules_of(&small).unwrap_err().error, ErrorCode::MESSAGE_TOO_LARGE);
    let append_time = TopicConfig { message_timestamp_type: TimestampType::LogAppendTime, ..config() };
    let accepted = rules_of(&append_time).unwrap();
    assert_eq!(accepted.info.max_timestamp, NOW);
    let place = Stamp { base_offset: 3, partition_leader_epoch: 1, time: accepted.info.time };
    let stamped = stamp(&accepted.batch, &place).unwrap().concat();
    assert!(read(&stamped).iter().all(|record| record.timestamp == NOW));
}

#[test]
fn new_batches_in_old_requests_are_taken() {
    let config = config();
    let rules = Rules { version: 1, ..rules(&config) };
    let mut codecs = Codecs::default();
    let batch = some_batch(Codec::Snappy);
    assert_eq!(accept(&batch, &rules, &mut codecs).unwrap().batch, batch);
    assert!(accept(&some_batch(Codec::Zstd), &rules, &mut codecs).is_err());
}

#[test]
fn cut_or_flipped_anywhere() {
    for format in FORMATS {
        for codec in OLD_CODECS {
            let set = down(&some_batch(codec), format, 0);
            for at in 0..set.len() {
                let cut = up(&set[..at]);
                // Plain messages are whole where one ends.
                assert!(cut.is_err() || codec == Codec::None);
                for bit in 0..8 {
                    let mut flipped = set.to_vec();
                    flipped[at] ^= 1 << bit;
                    let offset_only = at < 8 || (codec == Codec::None && up(&flipped).is_ok());
                    assert!(offset_only || up(&flipped).is_err(), "{format:?} {codec:?} byte {at} bit {bit}");
                }
            }
        }
    }
}
