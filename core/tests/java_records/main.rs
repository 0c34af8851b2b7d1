//! Record batches compared with Kafka's own code, in both directions: kafka-clients and kafka-storage of 3.9.1 and 4.4.0.
//!
//! Needs `mvn`, `javac` and `java` on the path, so it is not part of a plain `cargo test`; without them it fails:
//! `cargo test -p kelpgate-core --test java_records -- --ignored`, which `tests/oracle/records/run` does.

#[path = "../support/java.rs"]
mod java;
mod oracle;
mod validator;
mod wire;

use bytes::Bytes;
use kelpgate_core::config::{BrokerLayers, Overrides, TimestampType, TopicConfig};
use kelpgate_core::record::legacy::{MessageFormat, down_convert, up_convert};
use kelpgate_core::record::{
    Batch, BatchBuilder, BatchFields, Codec, Codecs, Levels, Records, Rules, compact,
};
use kelpgate_core::time::WallTime;

use java::VERSIONS;
use oracle::Oracle;
use wire::{BatchSpec, Dice, OwnedBatch, OwnedRecord};

const NOW: i64 = 1_700_000_000_000;
const OLD_CODECS: [Codec; 4] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4];

fn build(spec: &BatchSpec, records: &[OwnedRecord]) -> Bytes {
    let mut builder = BatchBuilder::new(spec.fields);
    for record in records {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            record.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        builder.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    builder.build_with(spec.codec, &Levels::default(), &mut Codecs::default()).expect("a batch")
}

/// Our reading of one batch v2.
fn read(bytes: &[u8]) -> OwnedBatch {
    let batch = Batch::checked(bytes).expect("a whole batch");
    let mut codecs = Codecs::default();
    let plain = codecs.open(&batch).expect("plain records");
    let records = Records::new(&batch, plain).expect("records").map(|record| {
        let record = record.expect("a record");
        OwnedRecord {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .iter()
                .map(|header| header.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))))
                .collect::<Result<_, _>>()
                .expect("headers"),
        }
    });
    OwnedBatch {
        magic: 2,
        codec: batch.codec().expect("a codec"),
        timestamp_type: match batch.timestamp_type() {
            TimestampType::CreateTime => 0,
            TimestampType::LogAppendTime => 1,
        },
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        max_timestamp: batch.max_timestamp(),
        producer: (batch.producer_id(), batch.producer_epoch(), batch.base_sequence(), batch.last_sequence()),
        is_transactional: batch.is_transactional(),
        is_control_batch: batch.is_control_batch(),
        leader_epoch: batch.partition_leader_epoch(),
        delete_horizon: batch.delete_horizon_ms().unwrap_or(-1),
        size_in_bytes: batch.size_in_bytes() as i32,
        records: records.collect(),
    }
}

/// The batch with what a codec's implementation may do differently left out.
fn but_size(batch: &OwnedBatch) -> OwnedBatch {
    OwnedBatch { size_in_bytes: 0, ..batch.clone() }
}

#[test]
#[ignore = "needs Java"]
fn java_reads_what_we_build() {
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(11));
        for round in 0..400 {
            let base = dice.roll(1 << 50) as i64;
            let records = dice.records(base, NOW);
            let mut fields = dice.fields(base);
            fields.partition_leader_epoch = dice.roll(100) as i32;
            fields.log_append_time = (dice.roll(3) == 0).then_some(NOW + 5);
            let spec = BatchSpec { magic: 2, codec: Codec::ALL[round % 5], level: None, fields };
            let bytes = build(&spec, &records);
            let batches = java.read(&bytes).unwrap_or_else(|error| panic!("{version} {spec:?}: {error}"));
            assert_eq!(batches, [read(&bytes)], "{version} {spec:?}");
            let mut sent = records;
            sent.iter_mut()
                .for_each(|record| record.timestamp = fields.log_append_time.unwrap_or(record.timestamp));
            assert_eq!(batches[0].records, sent, "{version}");
        }
    }
}

#[test]
#[ignore = "needs Java"]
fn we_read_what_java_builds() {
    let levels = [None, Some(1), Some(9)];
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(12));
        for round in 0..400 {
            let base = dice.roll(1 << 50) as i64;
            let records = dice.records(base, NOW);
            let mut fields = dice.fields(base);
            fields.log_append_time = (dice.roll(3) == 0).then_some(NOW + 5);
            let codec = Codec::ALL[round % 5];
            let spec = BatchSpec { magic: 2, codec, level: levels[dice.roll(3) as usize], fields };
            let bytes = java.build(&spec, &records);
            assert_eq!(java.read(&bytes).expect("its own"), [read(&bytes)], "{version} {spec:?}");
            if codec == Codec::None && fields.log_append_time.is_none() {
                assert!(build(&spec, &records) == bytes, "{version} {spec:?}: not the same bytes");
            }
        }
    }
}

#[test]
#[ignore = "needs Java"]
fn old_message_sets_come_in() {
    let topic = TopicConfig::new(&Overrides::new(), &BrokerLayers::default());
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(13));
        for round in 0..400 {
            let magic = (round % 2) as u8;
            let codec = OLD_CODECS[(round / 2) % 4];
            let mut records = dice.records(0, NOW);
            for record in &mut records {
                record.headers.clear();
                record.timestamp = if magic == 0 { -1 } else { record.timestamp };
            }
            let spec = BatchSpec { magic, codec, level: None, fields: BatchFields::default() };
            let set = java.build(&spec, &records);
            let rules = Rules {
                topic: "orders",
                partition: 3,
                version: 2,
                now: WallTime(NOW),
                config: &topic,
                open_batches: true,
            };
            let accepted = up_convert(&set, &rules, &mut Codecs::default())
                .unwrap_or_else(|refusal| panic!("{version} {spec:?}: {refusal:?}"));
            assert_eq!(accepted.info.codec, codec);
            assert_eq!(read(&accepted.batch).records, records, "{version} {spec:?}");
            let theirs = java.validate(&validator::lenient(2), &set);
            assert_eq!(theirs.error, 0, "{}", theirs.message);
            assert_eq!(
                but_size(&read(&accepted.batch)),
                but_size(&read(&theirs.batch)),
                "{version} {spec:?}"
            );
            if codec == Codec::None {
                assert!(accepted.batch == theirs.batch, "{version} {spec:?}: not the same bytes");
            }
        }
    }
}

#[test]
#[ignore = "needs Java"]
fn old_message_sets_go_out() {
    let (mut java, mut dice) = (Oracle::start("3.9.1"), Dice(14));
    let mut codecs = Codecs::default();
    for round in 0..400 {
        let format = [MessageFormat::V0, MessageFormat::V1][round % 2];
        let magic = (round % 2) as u8;
        let base = dice.roll(1 << 50) as i64;
        let (mut log, mut offset) = (Vec::new(), base);
        for _ in 0..1 + dice.roll(4) {
            let records = dice.records(offset, NOW);
            let mut fields = dice.fields(offset);
            fields.log_append_time = (dice.roll(3) == 0).then_some(NOW + 5);
            let codec = OLD_CODECS[dice.roll(4) as usize];
            log.extend(build(&BatchSpec { magic: 2, codec, level: None, fields }, &records));
            offset += records.len() as i64;
        }
        let from = base + dice.roll((offset - base) as u64) as i64;
        let theirs = java.down_convert(magic, from, &log).expect("Kafka converts");
        let ours = down_convert(Bytes::from(log), format, from, usize::MAX, &mut codecs).expect("we convert");
        assert_eq!(ours.next_offset, offset);
        let (ours, theirs) = (java.read(&ours.records).expect("ours"), java.read(&theirs).expect("theirs"));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(but_size(ours), but_size(theirs), "round {round}");
            assert!(ours.codec != Codec::None || ours.size_in_bytes == theirs.size_in_bytes);
        }
    }
}

#[test]
#[ignore = "needs Java"]
fn zstd_and_markers_go_out_as_kafka_has_it() {
    let mut java = Oracle::start("3.9.1");
    let spec = |codec, fields| BatchSpec { magic: 2, codec, level: None, fields };
    let records = Dice(15).records(0, NOW);
    let zstd = build(&spec(Codec::Zstd, BatchFields::default()), &records);
    assert!(java.down_convert(1, 0, &zstd).expect_err("no zstd").contains("UnsupportedCompressionType"));
    assert!(down_convert(zstd, MessageFormat::V1, 0, 1 << 20, &mut Codecs::default()).is_err());
    let fields = BatchFields {
        producer_id: 4,
        producer_epoch: 0,
        is_transactional: true,
        is_control_batch: true,
        ..BatchFields::default()
    };
    // A commit marker: version 0, type 1; version 0, coordinator epoch 7.
    let mut marker = BatchBuilder::new(fields);
    marker.append(NOW, Some(&[0, 0, 0, 1]), Some(&[0, 0, 0, 0, 0, 7]), &[]);
    let marker = marker.build().expect("a marker");
    assert!(java.read(&marker).expect("a marker")[0].is_control_batch);
    assert_eq!(java.down_convert(1, 0, &marker).expect("nothing"), []);
    assert!(
        down_convert(marker, MessageFormat::V1, 0, 1 << 20, &mut Codecs::default())
            .is_ok_and(|down| down.records.is_empty())
    );
}

#[test]
#[ignore = "needs Java"]
fn headers_of_lz4_frames_are_those_of_java() {
    let mut java = Oracle::start("3.9.1");
    let records = [OwnedRecord {
        offset: 0,
        timestamp: NOW,
        key: None,
        value: Some(vec![7; 100]),
        headers: Vec::new(),
    }];
    let batch = build(
        &BatchSpec { magic: 2, codec: Codec::Lz4, level: None, fields: BatchFields::default() },
        &records,
    );
    // Where the frame begins: after the header of a batch, or of a wrapper and its key's and value's lengths.
    for (magic, at) in [(0u8, 12 + 14), (1, 12 + 22), (2, 61)] {
        let spec = BatchSpec { magic, codec: Codec::Lz4, level: None, fields: BatchFields::default() };
        let theirs = java.build(&spec, &records);
        let ours = match magic {
            2 => batch.clone(),
            _ => {
                let format = [MessageFormat::V0, MessageFormat::V1][usize::from(magic)];
                down_convert(batch.clone(), format, 0, 1 << 20, &mut Codecs::default())
                    .expect("a set")
                    .records
            }
        };
        assert_eq!(ours[at..at + 7], theirs[at..at + 7], "magic {magic}");
    }
}

#[test]
#[ignore = "needs Java"]
fn compaction_leaves_the_same() {
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(16));
        for round in 0..400 {
            let base = dice.roll(1 << 50) as i64;
            let records = dice.records(base, NOW);
            let mut fields = dice.fields(base);
            fields.partition_leader_epoch = dice.roll(100) as i32;
            fields.log_append_time = (dice.roll(3) == 0).then_some(NOW + 5);
            fields.delete_horizon_ms = (dice.roll(3) == 0).then_some(NOW + 9);
            let codec = Codec::ALL[round % 5];
            let bytes = build(&BatchSpec { magic: 2, codec, level: None, fields }, &records);
            let share = dice.roll(4);
            let kept: Vec<i64> =
                records.iter().map(|record| record.offset).filter(|_| dice.roll(3) < share).collect();
            let horizon = NOW + 77;
            let theirs = java.filter(horizon, &kept, &bytes);
            let keeps_tombstone =
                records.iter().any(|record| record.value.is_none() && kept.contains(&record.offset));
            let set_horizon = (keeps_tombstone && fields.delete_horizon_ms.is_none()).then_some(horizon);
            let ours = compact::filter(&bytes, set_horizon, &mut Codecs::default(), &mut |record| {
                kept.contains(&record.offset)
            })
            .expect("a batch");
            assert_eq!(but_size(&read(&ours)), but_size(&read(&theirs)), "{version} round {round}");
            if codec == Codec::None {
                assert!(ours == theirs, "{version} round {round}: not the same bytes");
            }
        }
    }
}
