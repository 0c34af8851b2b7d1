//! What may be appended, compared with the broker's validator.

use bytes::Bytes;
use kelpgate_core::config::{BrokerLayers, CompressionType, Overrides, TimestampType, TopicConfig};
use kelpgate_core::record::{Batch, BatchFields, Codec, Codecs, Rules, Stamp, accept, crc, stamp};
use kelpgate_core::time::WallTime;
use kelpgate_core::topic::retention::CleanupPolicy;

use crate::java::VERSIONS;
use crate::oracle::{Oracle, Validate, Validated};
use crate::wire::{BatchSpec, Dice};
use crate::{NOW, but_size, read};

/// No rule but those of the format.
pub fn lenient(version: i16) -> Validate {
    Validate {
        version,
        target: -1,
        is_compacted: false,
        log_append_time: false,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        now: NOW,
        base_offset: 0,
        leader_epoch: -1,
        max_message_bytes: 1 << 20,
    }
}

fn topic(validate: &Validate) -> TopicConfig {
    TopicConfig {
        cleanup_policy: CleanupPolicy { delete: true, compact: validate.is_compacted },
        compression_type: match validate.target {
            0 => CompressionType::Uncompressed,
            1 => CompressionType::Gzip,
            2 => CompressionType::Snappy,
            3 => CompressionType::Lz4,
            4 => CompressionType::Zstd,
            _ => CompressionType::Producer,
        },
        max_message_bytes: validate.max_message_bytes as usize,
        message_timestamp_before_max_ms: validate.before_max_ms,
        message_timestamp_after_max_ms: validate.after_max_ms,
        message_timestamp_type: if validate.log_append_time {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        ..TopicConfig::new(&Overrides::new(), &BrokerLayers::default())
    }
}

/// The same question to us, and our answer in the same form.
fn ours(validate: &Validate, bytes: &[u8]) -> Validated {
    let config = topic(validate);
    let rules = Rules {
        topic: "orders",
        partition: 3,
        version: validate.version,
        now: WallTime(validate.now),
        config: &config,
        open_batches: true,
    };
    match accept(&Bytes::copy_from_slice(bytes), &rules, &mut Codecs::default()) {
        Ok(accepted) => {
            let place = Stamp {
                base_offset: validate.base_offset,
                partition_leader_epoch: validate.leader_epoch,
                time: accepted.info.time,
            };
            let batch = stamp(&accepted.batch, &place).expect("a batch").concat().to_vec();
            Validated { error: 0, message: String::new(), record_errors: Vec::new(), batch }
        }
        Err(refusal) => Validated {
            error: refusal.error.0,
            message: refusal.message,
            record_errors: refusal
                .record_errors
                .into_iter()
                .map(|error| (error.batch_index, error.message))
                .collect(),
            batch: Vec::new(),
        },
    }
}

/// The batch with some bytes changed under a right checksum.
fn with_bytes(batch: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = batch.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc::crc32c(&changed[21..]);
    changed[17..21].copy_from_slice(&crc.to_be_bytes());
    changed
}

fn random_rules(dice: &mut Dice) -> Validate {
    Validate {
        target: dice.roll(6) as i8 - 1,
        is_compacted: dice.roll(4) == 0,
        log_append_time: dice.roll(3) == 0,
        before_max_ms: if dice.roll(3) == 0 { 80_000 } else { i64::MAX },
        base_offset: dice.roll(1 << 40) as i64,
        leader_epoch: dice.roll(50) as i32,
        ..lenient(9)
    }
}

#[test]
#[ignore = "needs Java"]
fn good_and_bad_records_fare_alike() {
    let (mut accepted, mut refused) = (0, 0);
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(21));
        for round in 0..600 {
            let records = dice.records(0, NOW);
            let validate = random_rules(&mut dice);
            let codec = Codec::ALL[round % 5];
            let spec = BatchSpec { magic: 2, codec, level: None, fields: dice.fields(0) };
            let bytes = crate::build(&spec, &records);
            let (theirs, ours) = (java.validate(&validate, &bytes), ours(&validate, &bytes));
            let context = format!("{version} round {round} {validate:?}");
            assert_eq!((ours.error, &ours.message), (theirs.error, &theirs.message), "{context}");
            assert_eq!(ours.record_errors, theirs.record_errors, "{context}");
            if theirs.error == 0 {
                assert_eq!(but_size(&read(&ours.batch)), but_size(&read(&theirs.batch)), "{context}");
                let stays = validate.target < 0 || validate.target as u8 == codec.id();
                assert!(!stays || ours.batch == theirs.batch, "{context}: not the same bytes");
                accepted += 1;
            } else {
                refused += 1;
            }
        }
    }
    // Both happened often enough to mean something.
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}

/// Every byte of a header set to a few values. Where we differ from Kafka is said in `differs_on_purpose`.
#[test]
#[ignore = "needs Java"]
fn broken_headers_fare_alike() {
    let mut agreed = 0;
    for version in VERSIONS {
        let (mut java, mut dice) = (Oracle::start(version), Dice(22));
        for codec in [Codec::None, Codec::Zstd] {
            for id in [-1, 4] {
                let fields = BatchFields {
                    producer_id: id,
                    producer_epoch: if id < 0 { -1 } else { 0 },
                    base_sequence: if id < 0 { -1 } else { 5 },
                    ..BatchFields::default()
                };
                let spec = BatchSpec { magic: 2, codec, level: None, fields };
                let bytes = crate::build(&spec, &dice.records(0, NOW));
                // The checksum itself is made to fit.
                for at in (8..17).chain(21..61) {
                    for value in [0, 1, 2, 4, 5, 0x08, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff] {
                        for produce in [3, 9] {
                            agreed += usize::from(alike(
                                &mut java,
                                produce,
                                &with_bytes(&bytes, at, &[value]),
                                at,
                                value,
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(agreed > 8_000, "{agreed}");
}

fn alike(java: &mut Oracle, produce: i16, bytes: &[u8], at: usize, value: u8) -> bool {
    let validate = Validate { before_max_ms: 1 << 40, ..lenient(produce) };
    let (theirs, ours) = (java.validate(&validate, bytes), ours(&validate, bytes));
    if ours.error == theirs.error && (ours.error != 0 || ours.batch == theirs.batch) {
        return true;
    }
    assert!(
        differs_on_purpose(bytes, &ours, &theirs),
        "{} Produce {produce} byte {at} = {value:#x}: ours {} {:?}, Kafka's {} {:?}",
        java.version,
        ours.error,
        ours.message,
        theirs.error,
        theirs.message
    );
    false
}

fn differs_on_purpose(bytes: &[u8], ours: &Validated, theirs: &Validated) -> bool {
    let Ok(batch) = Batch::first(bytes) else {
        // A length or a magic that Kafka's readers stumble over in other places.
        return ours.error != 0 && theirs.error != 0;
    };
    // Codec ids 5 to 7 and rubbish where compressed records should be: an unknown server error in Kafka.
    let is_servers_fault = theirs.error == -1 && [76, 87, 10].contains(&ours.error);
    // Bits that only a broker sets, and a transaction or a producer id without what belongs to it: Kafka lets them pass.
    let is_brokers_bit =
        batch.delete_horizon_ms().is_some() || batch.timestamp_type() == TimestampType::LogAppendTime;
    let is_half_a_producer = batch.producer_id() < 0 && batch.is_transactional()
        || batch.producer_id() >= 0 && batch.producer_epoch() < 0;
    let is_let_pass = theirs.error == 0 && ours.error != 0 && (is_brokers_bit || is_half_a_producer);
    // Bytes after the batch: Kafka drops what is not a whole batch.
    let is_followed = ours.error == 87 && batch.size_in_bytes() < bytes.len();
    is_servers_fault || is_let_pass || is_followed
}
