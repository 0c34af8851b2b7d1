//! How much the codec allocates: counts do not waver as timings do.

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use kelpgate_core::protocol::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::{Records, Source, UnknownTags, Version, Write, Writer};
use kelpgate_core::protocol::{
    ApiKey, Request, RequestHeader, Response, Str, decode_request, encode_request, encode_response,
};

const BUDGET: usize = 1 << 20;

/// A request's frame without its length, in memory that can be shared without another allocation.
fn frame(version: i16, request: impl Into<Request>) -> Bytes {
    let request = request.into();
    let header = RequestHeader {
        api_key: request.api_key(),
        api_version: version,
        correlation_id: 1,
        client_id: Some(Str::from_static("producer-1")),
        unknown_tags: UnknownTags::NONE,
    };
    let pieces = encode_request(&header, &request).expect("encodes");
    let frame = pieces.concat().slice(4..);
    // The first clone of a fresh vector allocates its counter; do it here.
    drop(frame.clone());
    frame
}

fn counted<T>(work: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    let info = measure(|| result = Some(work()));
    (result.expect("was run"), info)
}

fn metadata() -> MetadataResponse {
    let partition = |index| MetadataResponsePartition {
        partition_index: index,
        leader_id: 1,
        leader_epoch: 5,
        replica_nodes: vec![1, 2, 3],
        isr_nodes: vec![1, 2, 3],
        ..Default::default()
    };
    let topic = |index| MetadataResponseTopic {
        name: Some(Str::from(format!("topic-number-{index}"))),
        partitions: (0..100).map(partition).collect(),
        ..Default::default()
    };
    let broker = |id| MetadataResponseBroker {
        node_id: id,
        host: Str::from_static("broker.example.com"),
        port: 9092,
        ..Default::default()
    };
    MetadataResponse {
        brokers: (1..=3).map(broker).collect(),
        cluster_id: Some(Str::from_static("cluster")),
        controller_id: 1,
        topics: (0..10).map(topic).collect(),
        ..Default::default()
    }
}

#[test]
fn a_produce_request_takes_two_allocations_one_per_array() {
    let partition = PartitionProduceData {
        index: 3,
        records: Some(Records(Bytes::from(vec![1; 16 << 10]))),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: Str::from_static("events"),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    for version in [3, 9] {
        let frame = frame(version, request.clone());
        let (decoded, info) = counted(|| decode_request(&frame, BUDGET));
        assert_eq!(decoded.expect("decodes").1, request.clone().into());
        assert_eq!(info.count_total, 2, "version {version}");
    }
}

#[test]
fn metadata_of_a_thousand_partitions_is_written_without_allocation() {
    let response = metadata();
    let (mut writer, mut room) = (Writer::default(), vec![0; 64 << 10]);
    let version = Version { number: 12, flexible: true };
    let (written, info) = counted(|| response.write(&mut writer, &mut room, version).map(|left| left.len()));
    written.expect("encodes");
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_fetch_response_copies_no_record() {
    let batch = Bytes::from(vec![1; 1 << 20]);
    drop(batch.clone());
    let partition = |index| PartitionData {
        partition_index: index,
        records: Some(Pieces::from(batch.clone())),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        topic: Str::from_static("events"),
        partitions: (0..8).map(partition).collect(),
        ..Default::default()
    };
    let response = Response::from(FetchResponse { responses: vec![topic], ..Default::default() });
    let (pieces, info) = counted(|| encode_response(&response, 1, 12).expect("encodes"));
    assert!(pieces.len() > 8 << 20);
    assert!(info.bytes_total < 4 << 10, "{} bytes for 8 MiB of records", info.bytes_total);
}

#[test]
fn hostile_frames_take_no_more_than_the_budget() {
    // What errors and growth by doubling may take beyond the arrays themselves.
    const BESIDES: u64 = 1 << 10;
    let budget = 4 << 10;
    let mut refused = 0;
    for &key in ApiKey::ALL {
        for version in key.versions().iter() {
            let mut source = Source::new(key.number() as u64 * 100 + version as u64);
            for _ in 0..50 {
                let mut bytes = [key.number().to_be_bytes(), version.to_be_bytes()].concat();
                bytes.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0]);
                // Small counts in front of many small bytes: deep and wide arrays.
                bytes.extend((0..4096).map(|_| source.below(6) as u8));
                let frame = Bytes::from(bytes);
                drop(frame.clone());
                let (decoded, info) = counted(|| decode_request(&frame, budget).is_ok());
                refused += u32::from(!decoded);
                assert!(info.bytes_max <= 2 * budget as u64 + BESIDES, "{key:?} {version}: {info:?}");
            }
        }
    }
    assert!(refused > 1000);
}
