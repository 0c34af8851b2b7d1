use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::time::WallTime;

fn every_kind() -> Vec<CatalogueRecord> {
    let id = Uuid([7; 16]);
    let overrides = Overrides::from([("a".to_string(), "b".to_string()), ("c".to_string(), String::new())]);
    let configs = |of| CatalogueRecord::Configs { of, overrides: overrides.clone() };
    vec![
        CatalogueRecord::Cluster { id },
        CatalogueRecord::Started { number: 3 },
        CatalogueRecord::Topic { id, name: "t.1".into(), partitions: 12, overrides: overrides.clone() },
        CatalogueRecord::Partitions { topic: id, count: 13 },
        CatalogueRecord::TopicDeleted { id },
        configs(Configured::Topic(id)),
        configs(Configured::Node(1)),
        configs(Configured::AllNodes),
        configs(Configured::Group("g\u{e4}".into())),
        CatalogueRecord::Configs { of: Configured::ClientMetrics("m".into()), overrides: Overrides::new() },
        CatalogueRecord::ProducerIds { next: 1000 },
    ]
}

#[test]
fn every_record_comes_back() {
    for record in every_kind() {
        assert_eq!(CatalogueRecord::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn no_part_of_a_record_is_one() {
    for record in every_kind() {
        let mut value = record.encode();
        for length in 0..value.len() {
            assert!(CatalogueRecord::decode(&value[..length]).is_err(), "{record:?} cut at {length}");
        }
        value.push(0);
        assert!(matches!(CatalogueRecord::decode(&value), Err(RecordError::Malformed(_))), "{record:?}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused_with_the_reason() {
    let message = |value: &[u8]| CatalogueRecord::decode(value).unwrap_err().to_string();
    assert!(message(&[8, 0]).contains("unknown kind 8: a newer version"));
    assert!(message(&[2, 1, 0, 0, 0, 1]).contains("kind 2 has version 1, the newest known is 0"));
    assert!(message(&[6, 0, 3, 0]).contains("unknown kind 3: a newer version"));
}

#[test]
fn a_batch_is_a_kafka_batch() {
    let records = every_kind();
    let batch = encode_batch(&records, 40, 3, WallTime(1_700_000_000_000));
    let count = records.len() as i32;
    let at = |from: usize, to: usize| batch[from..to].to_vec();
    assert_eq!(at(0, 8), 40i64.to_be_bytes());
    assert_eq!(at(8, 12), (batch.len() as i32 - 12).to_be_bytes());
    assert_eq!(at(12, 17), [0, 0, 0, 3, 2], "leader epoch and magic");
    assert_eq!(at(21, 23), [0, 0], "attributes");
    assert_eq!(at(23, 27), (count - 1).to_be_bytes());
    assert_eq!(at(27, 35), 1_700_000_000_000i64.to_be_bytes());
    assert_eq!(at(35, 43), at(27, 35));
    assert_eq!(at(43, 57), [0xff; 14]);
    assert_eq!(at(57, 61), count.to_be_bytes());
    // CRC-32C bit by bit, so that the library is not its own witness.
    let checksum = !batch[21..].iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    });
    assert_eq!(at(17, 21), checksum.to_be_bytes());
    assert_eq!(decode_batch(&batch), Ok((records, 40 + i64::from(count))));
}

#[test]
fn one_record_byte_by_byte() {
    let batch = encode_batch(&[CatalogueRecord::Started { number: 1 }], 0, 1, WallTime(0));
    let mut expected = vec![2 * 19, 0, 0, 0, 2 * 7];
    expected.extend_from_slice(b"started");
    expected.extend_from_slice(&[2 * 6, 2, 0, 0, 0, 0, 1, 0]);
    assert_eq!(batch[61..], expected);
}

#[test]
fn a_damaged_batch_is_refused() {
    let batch = encode_batch(&every_kind(), 0, 1, WallTime(5)).to_vec();
    for at in 8..batch.len() {
        if (12..16).contains(&at) {
            continue; // The leader epoch may be written over.
        }
        let mut damaged = batch.clone();
        damaged[at] ^= 0x10;
        assert!(decode_batch(&damaged).is_err(), "byte {at}");
    }
    for length in 0..batch.len() {
        assert!(decode_batch(&batch[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = CatalogueRecord::decode(&bytes);
        let _ = decode_batch(&bytes);
    }

    #[test]
    fn texts_of_any_kind_come_back(name in ".*", key in ".*", value in ".*", id in any::<[u8; 16]>(), partitions in any::<i32>()) {
        let overrides = Overrides::from([(key, value)]);
        let record = CatalogueRecord::Topic { id: Uuid(id), name: name.into(), partitions, overrides };
        prop_assert_eq!(CatalogueRecord::decode(&record.encode()), Ok(record));
    }
}
