//! Record batches v2: checked as a Produce does it, walked, and built.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{self as theirs, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions};
use kelpgate_core::config::{BrokerLayers, Overrides, TopicConfig};
use kelpgate_core::record::{Batch, BatchBuilder, BatchFields, Codecs, Records, Rules, crc, validate};
use kelpgate_core::time::WallTime;

use crate::race::{contender, race};

const NOW: i64 = 1_700_000_000_000;
const VALUE: [u8; 100] = [7; 100];

/// A batch of `count` records of 100 bytes without a key, a millisecond apart.
fn build(count: i64) -> Bytes {
    let fields =
        BatchFields { producer_id: 7, producer_epoch: 0, base_sequence: 0, ..BatchFields::default() };
    let mut builder = BatchBuilder::with_capacity(fields, count as usize * 112);
    (0..count).for_each(|index| builder.append(NOW + index, None, Some(&VALUE), &[]));
    builder.build().expect("fits")
}

fn as_theirs(count: i64) -> Vec<theirs::Record> {
    let record = |index| theirs::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 7,
        producer_epoch: 0,
        timestamp_type: theirs::TimestampType::Creation,
        offset: index,
        sequence: index as i32,
        timestamp: NOW + index,
        key: None,
        value: Some(Bytes::from_static(&VALUE)),
        headers: Default::default(),
    };
    (0..count).map(record).collect()
}

pub fn batch(count: i64) {
    let bytes = build(count);
    drop(bytes.clone());
    let config = TopicConfig::new(&Overrides::new(), &BrokerLayers::default());
    let rules = |open_batches| Rules {
        topic: "events",
        partition: 3,
        version: 9,
        now: WallTime(NOW),
        config: &config,
        open_batches,
    };
    let (closed, opened) = (rules(false), rules(true));
    let (mut codecs, mut more_codecs) = (Codecs::default(), Codecs::default());
    let batch = Batch::checked(&bytes).expect("a batch");
    race(
        &format!("Batch v2 of {count} records, {} B, plain, read", bytes.len()),
        vec![
            contender("ours, validated without walking", || validate(&bytes, &closed, &mut codecs)),
            contender("ours, validated record by record", || validate(&bytes, &opened, &mut more_codecs)),
            contender("ours, records walked", || {
                Records::new(&batch, batch.body())
                    .expect("a count")
                    .fold(0, |sum, record| sum + record.expect("a record").value.map_or(0, <[u8]>::len))
            }),
            contender("kafka-protocol, decoded", || RecordBatchDecoder::decode(&mut bytes.clone())),
        ],
    );
    let records = as_theirs(count);
    let options = RecordEncodeOptions { version: 2, compression: theirs::Compression::None };
    let mut buffer = BytesMut::new();
    RecordBatchEncoder::encode(&mut buffer, &records, &options).expect("encodes");
    assert!(buffer == bytes, "both write the same");
    race(
        &format!("Batch v2 of {count} records, {} B, plain, written", bytes.len()),
        vec![
            contender("ours", || build(count)),
            contender("kafka-protocol, into a buffer with room", || {
                buffer.clear();
                RecordBatchEncoder::encode(&mut buffer, &records, &options)
            }),
        ],
    );
}

/// CRC-32C, most of what validating costs.
pub fn checksums() {
    for size in [100, 1 << 10, 16 << 10, 1 << 20] {
        let bytes = vec![7; size];
        race(
            &format!("CRC-32C of {size} B"),
            vec![
                contender("ours (crc-fast)", || crc::crc32c(&bytes)),
                contender("crc32c", || crc32c::crc32c(&bytes)),
            ],
        );
    }
}
