//! Whole messages: requests read, responses written and read.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::api_versions::{ApiVersion, ApiVersionsResponse};
use kelpgate_core::protocol::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use kelpgate_core::protocol::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::{Records, UnknownTags, Version, Write, Writer};
use kelpgate_core::protocol::{
    ApiKey, Request, RequestHeader, Response, Str, decode_request, decode_response, encode_request,
    encode_response,
};
use kelpgate_core::uuid::Uuid;

use crate::race::{contender, race};

const BUDGET: usize = 64 << 20;

fn request_frame(version: i16, request: Request) -> Bytes {
    let header = RequestHeader {
        api_key: request.api_key(),
        api_version: version,
        correlation_id: 1,
        client_id: Some(Str::from_static("producer-1")),
        unknown_tags: UnknownTags::NONE,
    };
    let frame = encode_request(&header, &request).expect("encodes").concat().slice(4..);
    drop(frame.clone());
    frame
}

pub fn produce(size: usize) {
    let partition = PartitionProduceData {
        index: 3,
        records: Some(Records(Bytes::from(vec![1; size]))),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: Str::from_static("events"),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let frame = request_frame(9, request.into());
    race(
        &format!("Produce request v9, {size} B batch, header and body read"),
        vec![
            contender("ours", || decode_request(&frame, BUDGET)),
            contender("ours, frame cloned", || decode_request(&frame.clone(), BUDGET)),
            contender("kafka-protocol", || {
                let mut frame = frame.clone();
                let header = theirs::RequestHeader::decode(&mut frame, 2).expect("decodes");
                (header, theirs::ProduceRequest::decode(&mut frame, 9).expect("decodes"))
            }),
        ],
    );
}

pub fn metadata() {
    let partition = |index| MetadataResponsePartition {
        partition_index: index,
        leader_id: 1,
        leader_epoch: 5,
        replica_nodes: vec![1, 2, 3],
        isr_nodes: vec![1, 2, 3],
        ..Default::default()
    };
    let topic = |index: u8| MetadataResponseTopic {
        name: Some(Str::from(format!("topic-number-{index}"))),
        topic_id: Uuid([index; 16]),
        partitions: (0..100).map(partition).collect(),
        ..Default::default()
    };
    let broker = |id| MetadataResponseBroker {
        node_id: id,
        host: Str::from_static("broker.example.com"),
        port: 9092,
        ..Default::default()
    };
    let response = MetadataResponse {
        brokers: (1..=3).map(broker).collect(),
        cluster_id: Some(Str::from_static("cluster")),
        controller_id: 1,
        topics: (1..=10).map(topic).collect(),
        ..Default::default()
    };
    let version = Version { number: 12, flexible: true };
    let whole = Response::from(response.clone());
    let frame = encode_response(&whole, 1, 12).expect("encodes").concat().slice(4..);
    drop(frame.clone());
    let body = frame.slice(5..);
    let other = theirs::MetadataResponse::decode(&mut body.clone(), 12).expect("decodes");
    let mut buffer = BytesMut::with_capacity(64 << 10);
    other.encode(&mut buffer, 12).expect("encodes");
    assert_eq!(buffer, body, "both write the same");
    race(
        &format!("Metadata response v12, 10 x 100 partitions, {} B, written", body.len()),
        vec![
            contender("ours, body into a buffer with room", || {
                let (mut writer, mut room) = (Writer::default(), vec![0; 64 << 10]);
                response.write(&mut writer, &mut room, version).expect("encodes");
                room
            }),
            contender("ours, whole frame from nothing", || encode_response(&whole, 1, 12)),
            contender("kafka-protocol, body into a buffer with room", || {
                let mut buffer = BytesMut::with_capacity(64 << 10);
                other.encode(&mut buffer, 12).expect("encodes");
                buffer
            }),
        ],
    );
    race(
        "Metadata response v12, read",
        vec![
            contender("ours", || decode_response(&frame, ApiKey::Metadata, 12, BUDGET)),
            contender("kafka-protocol", || theirs::MetadataResponse::decode(&mut body.clone(), 12)),
        ],
    );
}

pub fn fetch() {
    let records = Bytes::from(vec![1; 1 << 20]);
    drop(records.clone());
    let partition =
        PartitionData { high_watermark: 9, records: Some(Pieces::from(records)), ..Default::default() };
    let topic =
        FetchableTopicResponse { topic_id: Uuid([7; 16]), partitions: vec![partition], ..Default::default() };
    let response = Response::from(FetchResponse { responses: vec![topic], ..Default::default() });
    let frame = encode_response(&response, 1, 16).expect("encodes").concat().slice(4..);
    drop(frame.clone());
    let body = frame.slice(5..);
    let other = theirs::FetchResponse::decode(&mut body.clone(), 16).expect("decodes");
    let mut buffer = BytesMut::with_capacity(2 << 20);
    race(
        "Fetch response v16, 1 MiB of records, written",
        vec![
            contender("ours, whole frame as pieces", || encode_response(&response, 1, 16)),
            contender("kafka-protocol, into a buffer with room", || {
                buffer.clear();
                other.encode(&mut buffer, 16)
            }),
        ],
    );
    race(
        "Fetch response v16, 1 MiB of records, read",
        vec![
            contender("ours", || decode_response(&frame, ApiKey::Fetch, 16, BUDGET)),
            contender("kafka-protocol", || theirs::FetchResponse::decode(&mut body.clone(), 16)),
        ],
    );
}

pub fn api_versions() {
    let api = |key| ApiVersion { api_key: key, min_version: 0, max_version: 9, ..Default::default() };
    let response =
        Response::from(ApiVersionsResponse { api_keys: (0..75).map(api).collect(), ..Default::default() });
    let frame = encode_response(&response, 1, 3).expect("encodes").concat().slice(4..);
    drop(frame.clone());
    let body = frame.slice(4..);
    let other = theirs::ApiVersionsResponse::decode(&mut body.clone(), 3).expect("decodes");
    let mut buffer = BytesMut::with_capacity(1 << 10);
    race(
        "ApiVersions response v3, 75 keys, written",
        vec![
            contender("ours, whole frame from nothing", || encode_response(&response, 1, 3)),
            contender("kafka-protocol, into a buffer with room", || {
                buffer.clear();
                other.encode(&mut buffer, 3)
            }),
        ],
    );
    race(
        "ApiVersions response v3, 75 keys, read",
        vec![
            contender("ours", || decode_response(&frame, ApiKey::ApiVersions, 3, BUDGET)),
            contender("kafka-protocol", || theirs::ApiVersionsResponse::decode(&mut body.clone(), 3)),
        ],
    );
}
