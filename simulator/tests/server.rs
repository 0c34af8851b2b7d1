//! A node in virtual time, used as other programs use it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kelpgate_core::protocol::api_versions::ApiVersionsRequest;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, RequestHeader, Response, encode_request};
use kelpgate_core::record::{BatchBuilder, BatchFields};
use kelpgate_simulator::disk::Survives;
use kelpgate_simulator::server::{AskError, Connection, Loopback, ServerOptions, TestServer};

fn create(server: &mut TestServer, client: &mut Connection, name: &str) {
    let topic =
        CreatableTopic { name: name.into(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() };
    let Response::CreateTopics(answer) = client.ask(server, 5, request).unwrap() else { panic!() };
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
}

fn produce(value: &str) -> ProduceRequest {
    let mut batch = BatchBuilder::new(BatchFields::default());
    batch.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    let records = Some(Records(batch.build().unwrap()));
    let data = PartitionProduceData { index: 0, records, ..Default::default() };
    let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 5000, topic_data: vec![topic], ..Default::default() }
}

fn stored(server: &mut TestServer, client: &mut Connection) -> usize {
    let partition = FetchPartition { partition: 0, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let Response::Fetch(answer) = client.ask(server, 12, request).unwrap() else { panic!() };
    answer.responses[0].partitions[0].high_watermark as usize
}

/// What was acknowledged is there after the power went and the node came back with another number of shards; what the disk
/// refused is not.
#[test]
fn records_outlive_a_crash_and_failures_are_told() {
    let mut server = TestServer::start(ServerOptions { shards: 2, ..ServerOptions::default() }).unwrap();
    let mut client = server.connect().unwrap();
    create(&mut server, &mut client, "t");
    for value in ["a", "b", "c"] {
        let Response::Produce(answer) = client.ask(&mut server, 9, produce(value)).unwrap() else { panic!() };
        assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    }
    // What the background does with files is over, so that the next command is the write of the record.
    server.advance(Duration::from_secs(5)).unwrap();
    server.fail_file_commands(1);
    let Response::Produce(answer) = client.ask(&mut server, 9, produce("d")).unwrap() else { panic!() };
    assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    server.crash(Survives::Nothing);
    assert!(matches!(server.connect(), Err(AskError::Closed)), "nobody listens");
    server.restart(3).unwrap();
    let mut client = server.connect().unwrap();
    assert_eq!(stored(&mut server, &mut client), 3);
}

/// A connection without traffic is closed after `connections.max.idle.ms`, ten minutes.
#[test]
fn time_passes_when_it_is_told_to() {
    let mut server = TestServer::start(ServerOptions::default()).unwrap();
    let client = server.connect().unwrap();
    server.advance(Duration::from_secs(9 * 60)).unwrap();
    assert!(!client.is_closed());
    server.advance(Duration::from_secs(2 * 60)).unwrap();
    assert!(client.is_closed());
}

/// A real socket is answered.
#[test]
fn real_clients_come_over_loopback() {
    let mut server = TestServer::start(ServerOptions::default()).unwrap();
    let mut loopback = Loopback::bind("127.0.0.1:0").unwrap();
    let mut socket = TcpStream::connect(loopback.address().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let header = RequestHeader {
        api_key: kelpgate_core::protocol::ApiKey::ApiVersions,
        api_version: 0,
        correlation_id: 77,
        client_id: None,
        unknown_tags: Default::default(),
    };
    let frame = encode_request(&header, &ApiVersionsRequest::default().into()).unwrap().concat();
    socket.write_all(&frame).unwrap();
    let mut answer = Vec::new();
    for _ in 0..10_000 {
        loopback.pump(&mut server, Duration::from_millis(1)).unwrap();
        let mut bytes = [0; 4096];
        if let Ok(count) = socket.read(&mut bytes) {
            answer.extend_from_slice(&bytes[..count]);
        }
        if answer.len() > 8 {
            break;
        }
    }
    assert_eq!(answer[4..8], 77i32.to_be_bytes(), "the answer to our request");
}
