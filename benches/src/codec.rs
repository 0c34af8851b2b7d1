//! The codec against `kafka-protocol`, on the same messages, in one run: `cargo run --release --bin codec`.
//!
//! Each figure is the best of many rounds, the two codecs taking turns, so that a busy machine disturbs both alike.
//! Where a codec consumes its input, the clone of the frame that it needs is part of its figure, and of ours.

use std::hint::black_box;
use std::time::Instant;

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

const BUDGET: usize = 64 << 20;
const ROUNDS: u32 = 400;
/// About how long one round of one codec takes.
const ROUND_NANOS: f64 = 500_000.0;

/// One way of doing a thing.
struct Contender<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
    iterations: u32,
    best: f64,
}

fn contender<'a, T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Contender<'a> {
    let mut work: Box<dyn FnMut() + 'a> = Box::new(move || drop(black_box(work())));
    let start = Instant::now();
    (0..100).for_each(|_| work());
    let once = start.elapsed().as_nanos() as f64 / 100.0;
    Contender { name, work, iterations: (ROUND_NANOS / once).ceil() as u32, best: f64::MAX }
}

/// Lets all take turns and prints the best round of each.
fn race(title: &str, mut contenders: Vec<Contender<'_>>) {
    for _ in 0..ROUNDS {
        for Contender { work, iterations, best, .. } in &mut contenders {
            let start = Instant::now();
            (0..*iterations).for_each(|_| work());
            *best = best.min(start.elapsed().as_nanos() as f64 / f64::from(*iterations));
        }
    }
    println!("{title}");
    contenders.iter().for_each(|one| println!("    {:44} {:>10.1} ns", one.name, one.best));
}

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

fn produce(size: usize) {
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

fn metadata() {
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
                let mut writer = Writer::with_capacity(64 << 10);
                response.write(&mut writer, Writer::START, version).expect("encodes");
                writer
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

fn fetch() {
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

fn api_versions() {
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

fn main() {
    produce(16 << 10);
    produce(1 << 20);
    metadata();
    fetch();
    api_versions();
}
