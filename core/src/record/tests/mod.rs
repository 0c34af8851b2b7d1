mod building;
mod compacting;
mod cutting;
mod legacy;
mod searching;
mod validating;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::config::{BrokerLayers, Overrides, TopicConfig};
use crate::time::WallTime;

const NOW: i64 = 1_700_000_000_000;

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Owned {
    fn of(record: &Record<'_>) -> Owned {
        let headers = record.headers.iter().map(|header| {
            let (key, value) = header.unwrap();
            (key.to_vec(), value.map(<[u8]>::to_vec))
        });
        Owned {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        }
    }

    fn append_to(&self, builder: &mut BatchBuilder) {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            self.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        builder.append(self.timestamp, self.key.as_deref(), self.value.as_deref(), &headers);
    }
}

/// Records with rising offsets from `base` and times near [`NOW`].
fn records(base: i64) -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || proptest::option::weighted(0.8, proptest::collection::vec(any::<u8>(), 0..40));
    let header = (proptest::collection::vec(any::<u8>(), 0..5), bytes());
    let record = (-10_000..10_000i64, bytes(), bytes(), proptest::collection::vec(header, 0..3));
    proptest::collection::vec(record, 1..30).prop_map(move |records| {
        (base..)
            .zip(records)
            .map(|(offset, (age, key, value, headers))| {
                let timestamp = NOW - age;
                Owned { offset, timestamp, key, value, headers }
            })
            .collect()
    })
}

fn any_codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(Codec::ALL.to_vec())
}

fn build(fields: BatchFields, records: &[Owned], codec: Codec) -> Bytes {
    let mut builder = BatchBuilder::new(fields);
    records.iter().for_each(|record| record.append_to(&mut builder));
    builder.build_with(codec, &Levels::default(), &mut Codecs::default()).unwrap()
}

fn read(bytes: &[u8]) -> Vec<Owned> {
    let batch = Batch::checked(bytes).unwrap();
    let mut codecs = Codecs::default();
    let records = Records::new(&batch, codecs.open(&batch).unwrap()).unwrap();
    records.map(|record| Owned::of(&record.unwrap())).collect()
}

/// `count` small records with keys `k0`, `k1`, ...
fn some_records(count: usize) -> Vec<Owned> {
    (0..count)
        .map(|index| Owned {
            offset: index as i64,
            timestamp: NOW + index as i64,
            key: Some(alloc::format!("k{index}").into_bytes()),
            value: Some(vec![b'v'; 20]),
            headers: vec![(b"h".to_vec(), Some(b"1".to_vec())), (b"h".to_vec(), None)],
        })
        .collect()
}

fn some_batch(codec: Codec) -> Bytes {
    build(BatchFields::default(), &some_records(5), codec)
}

fn config() -> TopicConfig {
    TopicConfig::new(&Overrides::new(), &BrokerLayers::default())
}

fn rules(config: &TopicConfig) -> Rules<'_> {
    Rules { topic: "orders", partition: 3, version: 9, now: WallTime(NOW), config, open_batches: true }
}

/// The batch with some of its bytes changed and a checksum that fits.
fn with_bytes(batch: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = batch.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc::crc32c(&changed[batch::at::ATTRIBUTES..]);
    changed[batch::at::CRC..batch::at::CRC + 4].copy_from_slice(&crc.to_be_bytes());
    changed
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
