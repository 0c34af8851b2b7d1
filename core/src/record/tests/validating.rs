use super::*;
use crate::config::{CompressionType, TimestampType};
use crate::protocol::ErrorCode;
use crate::topic::retention::CleanupPolicy;

const CORRUPT: ErrorCode = ErrorCode::CORRUPT_MESSAGE;
const INVALID: ErrorCode = ErrorCode::INVALID_RECORD;

fn refused(bytes: &[u8], rules: &Rules<'_>) -> Refusal {
    validate(bytes, rules, &mut Codecs::default()).unwrap_err()
}

fn accepted(bytes: &[u8], rules: &Rules<'_>) -> BatchInfo {
    validate(bytes, rules, &mut Codecs::default()).unwrap()
}

#[test]
fn what_is_told_of_a_good_batch() {
    let config = config();
    for codec in Codec::ALL {
        let fields =
            BatchFields { producer_id: 4, producer_epoch: 2, base_sequence: 8, ..BatchFields::default() };
        let bytes = build(fields, &some_records(5), codec);
        let info = accepted(&bytes, &rules(&config));
        assert_eq!((info.size_in_bytes, info.codec), (bytes.len(), codec));
        assert_eq!((info.record_count, info.last_offset_delta), (5, 4));
        assert_eq!((info.max_timestamp, info.time), (NOW + 4, StampedTime::AsSent));
        let producer = info.producer.unwrap();
        assert_eq!((producer.producer_id, producer.epoch), (4, 2));
        assert_eq!((producer.first_sequence, producer.last_sequence), (8, 12));
        assert!(!info.is_transactional && !info.rebuild);
    }
}

#[test]
fn exactly_one_batch_of_the_right_kind() {
    let config = config();
    let batch = some_batch(Codec::None);
    let mut two = batch.to_vec();
    two.extend_from_slice(&batch);
    let magic = |magic: u8| {
        let mut bytes = batch.to_vec();
        bytes[16] = magic;
        bytes
    };
    let cells = [
        (
            Vec::new(),
            INVALID,
            "Produce requests with version 9 must have at least one record batch per partition",
        ),
        (
            two,
            INVALID,
            "Produce requests with version 9 are only allowed to contain exactly one record batch per partition",
        ),
        (
            magic(0),
            INVALID,
            "Produce requests with version 9 are only allowed to contain record batches with magic version 2",
        ),
        (
            magic(1),
            INVALID,
            "Produce requests with version 9 are only allowed to contain record batches with magic version 2",
        ),
        (magic(3), CORRUPT, "magic 3 is not that of a batch v2"),
        (with_bytes(&batch, 8, &48i32.to_be_bytes()), CORRUPT, "batch length 48 is too small"),
        (with_bytes(&batch, 8, &(-1i32).to_be_bytes()), CORRUPT, "batch length -1 is too small"),
    ];
    for (bytes, error, message) in cells {
        let refusal = refused(&bytes, &rules(&config));
        assert_eq!((refusal.error, refusal.message.as_str()), (error, message));
    }
}

#[test]
fn codecs_by_version() {
    let config = config();
    let zstd = some_batch(Codec::Zstd);
    let at = |version| Rules { version, ..rules(&config) };
    let refusal = refused(&zstd, &at(6));
    assert_eq!(refusal.error, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(
        refusal.message,
        "Produce requests with version 6 are not allowed to use ZStandard compression"
    );
    accepted(&zstd, &at(7));
    accepted(&some_batch(Codec::Lz4), &at(3));
    for id in 5..8u8 {
        let unknown = with_bytes(&some_batch(Codec::None), 22, &[id]);
        assert_eq!(refused(&unknown, &at(9)).error, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
}

#[test]
fn the_checksum_is_looked_at() {
    let config = config();
    let mut bytes = some_batch(Codec::None).to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let refusal = refused(&bytes, &rules(&config));
    assert_eq!(refusal.error, CORRUPT);
    assert!(refusal.message.starts_with("stored checksum 0x"), "{}", refusal.message);
}

#[test]
fn the_size_limit_counts_the_header() {
    let batch = some_batch(Codec::None);
    let exact = TopicConfig { max_message_bytes: batch.len(), ..config() };
    accepted(&batch, &rules(&exact));
    let less = TopicConfig { max_message_bytes: batch.len() - 1, ..config() };
    let refusal = refused(&batch, &rules(&less));
    assert_eq!(refusal.error, ErrorCode::MESSAGE_TOO_LARGE);
    let (size, max) = (batch.len(), batch.len() - 1);
    let message = alloc::format!(
        "The record batch size in the append to orders-3 is {size} bytes which exceeds the maximum configured value of {max}."
    );
    assert_eq!(refusal.message, message);
}

#[test]
fn header_fields_must_make_sense() {
    let config = config();
    let batch = some_batch(Codec::None);
    let (int, short, long) = (i32::to_be_bytes, i16::to_be_bytes, i64::to_be_bytes);
    let with_id = |epoch: i16, sequence: i32| {
        let mut bytes = with_bytes(&batch, 43, &long(7));
        bytes = with_bytes(&bytes, 51, &short(epoch));
        with_bytes(&bytes, 53, &int(sequence))
    };
    let cells = [
        (
            with_bytes(&batch, 23, &int(-1)),
            "Batch has an invalid offset range: [0, -1] in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 57, &int(0)),
            "Invalid reported count for record batch: 0 in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 57, &int(-5)),
            "Invalid reported count for record batch: -5 in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 57, &int(4)),
            "Inconsistent batch offset range [0, 4] and count of records 4 in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 21, &short(0x20)),
            "Clients are not allowed to write control records in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 21, &short(0x40)),
            "Clients are not allowed to set a delete horizon in topic partition orders-3",
        ),
        (
            with_bytes(&batch, 21, &short(0x10)),
            "Transactional records without a producer id in topic partition orders-3",
        ),
        (
            with_id(0, -1),
            "Invalid sequence number -1 in record batch with producerId 7 in topic partition orders-3",
        ),
        (
            with_id(-1, 5),
            "Invalid producer epoch -1 and sequence number 5 in record batch with producerId 7 in topic partition orders-3",
        ),
    ];
    for (bytes, message) in cells {
        let refusal = refused(&bytes, &rules(&config));
        assert_eq!((refusal.error, refusal.message.as_str()), (INVALID, message));
    }
    assert!(accepted(&with_id(0, 0), &rules(&config)).producer.is_some());
    // Without an id neither epoch nor sequence mean anything.
    assert!(accepted(&with_bytes(&batch, 51, &short(3)), &rules(&config)).producer.is_none());
}

#[test]
fn records_must_fit_their_count() {
    let config = config();
    for codec in Codec::ALL {
        let batch = some_batch(codec);
        // Count and last delta agree with each other but not with the five records.
        for (count, message) in
            [(4, "bytes remain after the last of 4 records"), (6, "record 5 does not fit the batch")]
        {
            let bytes = with_bytes(&batch, 57, &i32::to_be_bytes(count));
            let bytes = with_bytes(&bytes, 23, &i32::to_be_bytes(count - 1));
            let refusal = refused(&bytes, &rules(&config));
            assert_eq!((refusal.error, refusal.message.as_str()), (INVALID, message), "{codec:?}");
            // Whoever switches that off gets what he asked for.
            let unopened = Rules { open_batches: false, ..rules(&config) };
            accepted(&bytes, &unopened);
        }
    }
}

#[test]
fn broken_headers_are_found() {
    let config = config();
    let batch = some_batch(Codec::None);
    // The last record ends with the header "h" without a value: its key's length becomes null.
    let at = batch.len() - 3;
    assert_eq!(batch[at..], [2, b'h', 1]);
    let bytes = with_bytes(&batch, at, &[1]);
    assert_eq!(refused(&bytes, &rules(&config)).message, "record 4 has invalid headers");
}

#[test]
fn compressed_rubbish_is_invalid_not_corrupt() {
    let config = config();
    for (id, name) in [(1u8, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")] {
        let bytes = with_bytes(&some_batch(Codec::None), 22, &[id]);
        let refusal = refused(&bytes, &rules(&config));
        assert_eq!(refusal.error, INVALID, "{name}");
        assert!(refusal.message.starts_with("compressed data"), "{}", refusal.message);
    }
}

#[test]
fn bombs_are_too_large() {
    let config = config();
    let mut record = some_records(1);
    record[0].value = Some(vec![0; 3 << 20]);
    let mut codecs = Codecs::new(Limits { output_max: 2 << 20, ratio_max: 100_000 });
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let bytes = build(BatchFields::default(), &record, codec);
        let refusal = validate(&bytes, &rules(&config), &mut codecs).unwrap_err();
        assert_eq!(refusal.error, ErrorCode::MESSAGE_TOO_LARGE, "{codec:?}");
    }
}

#[test]
fn compacted_topics_need_keys() {
    let compacted = CleanupPolicy { delete: false, compact: true };
    let config = TopicConfig { cleanup_policy: compacted, ..config() };
    let mut records = some_records(6);
    accepted(&build(BatchFields::default(), &records, Codec::Snappy), &rules(&config));
    for index in [0, 2, 3, 5] {
        records[index].key = None;
    }
    for open_batches in [true, false] {
        let rules = Rules { open_batches, ..rules(&config) };
        let refusal = refused(&build(BatchFields::default(), &records, Codec::Snappy), &rules);
        assert_eq!(refusal.error, INVALID);
        let named: Vec<i32> = refusal.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!(named, [0, 2, 3, 5]);
        let each = "Compacted topic cannot accept message without key in topic partition orders-3";
        assert!(refusal.record_errors.iter().all(|error| error.message == each));
        let message = alloc::format!(
            "One or more records have been rejected due to 4 record errors in total, and only showing the first three \
             errors at most: [RecordError(batchIndex=0, message='{each}'), RecordError(batchIndex=2, \
             message='{each}'), RecordError(batchIndex=3, message='{each}')]"
        );
        assert_eq!(refusal.message, message);
    }
}

#[test]
fn the_list_of_records_at_fault_is_bounded() {
    let compacted = CleanupPolicy { delete: false, compact: true };
    let config = TopicConfig { cleanup_policy: compacted, ..config() };
    let mut records = some_records(3000);
    records.iter_mut().for_each(|record| record.key = None);
    let refusal = refused(&build(BatchFields::default(), &records, Codec::None), &rules(&config));
    assert_eq!(refusal.record_errors.len(), 1000);
    assert!(refusal.message.contains("due to 3000 record errors"));
}

#[test]
fn times_must_be_in_range() {
    let config = TopicConfig {
        message_timestamp_before_max_ms: 1000,
        message_timestamp_after_max_ms: 500,
        ..config()
    };
    let batch = |times: &[i64]| {
        let mut records = some_records(times.len());
        records.iter_mut().zip(times).for_each(|(record, time)| record.timestamp = *time);
        build(BatchFields::default(), &records, Codec::Gzip)
    };
    for open_batches in [true, false] {
        let rules = Rules { open_batches, ..rules(&config) };
        accepted(&batch(&[NOW - 1000, NOW + 500, NO_TIMESTAMP]), &rules);
        let refusal = refused(&batch(&[NOW, NOW - 1001, NOW, NOW + 501, NO_TIMESTAMP]), &rules);
        assert_eq!(refusal.error, ErrorCode::INVALID_TIMESTAMP);
        assert_eq!(refusal.message, "One or more records have been rejected due to invalid timestamp");
        let named: Vec<i32> = refusal.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!(named, [1, 3]);
        let (least, greatest) = (NOW - 1000, NOW + 500);
        let message = alloc::format!(
            "Timestamp {} of message with offset 1 is out of range. The timestamp should be within [{least}, {greatest}]",
            NOW - 1001
        );
        assert_eq!(refusal.record_errors[0].message, message);
    }
    let append_time = TopicConfig { message_timestamp_type: TimestampType::LogAppendTime, ..config.clone() };
    let info = accepted(&batch(&[5, NOW + 9_999_999]), &rules(&append_time));
    assert_eq!((info.time, info.max_timestamp), (StampedTime::LogAppendTime(NOW), NOW));
}

#[test]
fn extreme_times_do_not_overflow() {
    let config = config();
    let batch = |time| {
        let mut records = some_records(1);
        records[0].timestamp = time;
        build(BatchFields::default(), &records, Codec::None)
    };
    assert_eq!(refused(&batch(i64::MAX), &rules(&config)).error, ErrorCode::INVALID_TIMESTAMP);
    accepted(&batch(i64::MIN), &rules(&config));
    accepted(&batch(0), &rules(&config));
}

#[test]
fn a_wrong_max_timestamp_is_put_right() {
    let config = config();
    let bytes = with_bytes(&some_batch(Codec::None), 35, &(NOW + 1000).to_be_bytes());
    let info = accepted(&bytes, &rules(&config));
    assert_eq!(info.time, StampedTime::CreateTime { max_timestamp: NOW + 4 });
    assert_eq!(info.max_timestamp, NOW + 4);
    let place = Stamp { base_offset: 0, partition_leader_epoch: 0, time: info.time };
    let stamped = stamp(&Bytes::from(bytes), &place).unwrap().concat();
    assert_eq!(Batch::checked(&stamped).unwrap().max_timestamp(), NOW + 4);
}

#[test]
fn producers_may_not_set_the_append_time() {
    let batch = build(
        BatchFields { log_append_time: Some(NOW), ..BatchFields::default() },
        &some_records(2),
        Codec::Lz4,
    );
    for message_timestamp_type in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
        let config = TopicConfig { message_timestamp_type, ..config() };
        for open_batches in [true, false] {
            let refusal = refused(&batch, &Rules { open_batches, ..rules(&config) });
            assert_eq!(refusal.error, ErrorCode::INVALID_TIMESTAMP);
            let message = alloc::format!(
                "Invalid timestamp type in message DefaultRecord(offset=1, timestamp={NOW}, key=2 bytes, value=20 bytes). \
                 Producer should not set timestamp type to LogAppendTime."
            );
            assert_eq!(refusal.record_errors[1].message, message);
        }
    }
}

#[test]
fn other_offset_deltas_are_counted_anew() {
    let config = config();
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(BatchFields::default());
        let bytes = some_batch(codec);
        let batch = Batch::checked(&bytes).unwrap();
        let mut codecs = Codecs::default();
        for (delta, record) in
            [0, 5, 9, 12, 13].into_iter().zip(Records::new(&batch, codecs.open(&batch).unwrap()).unwrap())
        {
            builder.append_record(delta, &record.unwrap());
        }
        let odd = builder.build_with(codec, &Levels::default(), &mut codecs).unwrap();
        let odd = Bytes::from(with_bytes(&odd, 23, &4i32.to_be_bytes()));
        assert!(accepted(&odd, &rules(&config)).rebuild);
        let accepted = accept(&odd, &rules(&config), &mut codecs).unwrap();
        assert_eq!(accepted.info.codec, codec);
        assert!(!accepted.info.rebuild);
        assert_eq!(read(&accepted.batch), some_records(5), "{codec:?}");
    }
}

#[test]
fn batches_stay_as_sent_unless_the_topic_says_otherwise() {
    let mut codecs = Codecs::default();
    let types = [
        (CompressionType::Producer, None),
        (CompressionType::Uncompressed, Some(Codec::None)),
        (CompressionType::Gzip, Some(Codec::Gzip)),
        (CompressionType::Snappy, Some(Codec::Snappy)),
        (CompressionType::Lz4, Some(Codec::Lz4)),
        (CompressionType::Zstd, Some(Codec::Zstd)),
    ];
    for (compression_type, target) in types {
        let config = TopicConfig { compression_type, ..config() };
        for sent in Codec::ALL {
            let bytes = some_batch(sent);
            let accepted = accept(&bytes, &rules(&config), &mut codecs).unwrap();
            let target = target.unwrap_or(sent);
            assert_eq!(accepted.info.codec, target);
            assert_eq!(accepted.info.size_in_bytes, accepted.batch.len());
            assert_eq!(accepted.batch.as_ptr() == bytes.as_ptr(), target == sent);
            assert_eq!(read(&accepted.batch), some_records(5));
        }
    }
}

#[test]
fn what_is_compressed_anew_must_fit_again() {
    let batch = build(BatchFields::default(), &some_records(100), Codec::Zstd);
    let config = TopicConfig {
        compression_type: CompressionType::Uncompressed,
        max_message_bytes: batch.len() + 100,
        ..config()
    };
    let refusal = accept(&batch, &rules(&config), &mut Codecs::default()).unwrap_err();
    assert_eq!(refusal.error, ErrorCode::MESSAGE_TOO_LARGE);
}
