//! The load: Produce requests of one record, one at a time on each connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::{Records, UnknownTags};
use kelpgate_core::protocol::{Request, RequestHeader, Str, encode_request};
use kelpgate_core::record::{BatchBuilder, BatchFields};

use crate::servers::Contender;

const TOPIC: &str = "single";
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(30);

fn frame(version: i16, request: Request) -> Bytes {
    let header = RequestHeader {
        api_key: request.api_key(),
        api_version: version,
        correlation_id: 1,
        client_id: Some(Str::from_static("single")),
        unknown_tags: UnknownTags::NONE,
    };
    encode_request(&header, &request).expect("encodes").concat()
}

fn produce(partition: i32) -> Bytes {
    let mut builder = BatchBuilder::with_capacity(BatchFields::default(), 256);
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_millis();
    builder.append(now as i64, None, Some(&[7; 100]), &[]);
    let records = Some(Records(builder.build().expect("fits")));
    let partition_data = vec![PartitionProduceData { index: partition, records, ..Default::default() }];
    let topic = TopicProduceData { name: Str::from_static(TOPIC), partition_data, ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    frame(9, request.into())
}

/// Makes what the load needs: a topic, if it is a gateway; and sees that a record is accepted.
pub fn prepare(address: SocketAddr, contender: Contender) {
    if contender.is_gateway() {
        let topic = CreatableTopic {
            name: Str::from_static(TOPIC),
            num_partitions: PARTITIONS,
            replication_factor: 1,
            ..Default::default()
        };
        let create = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        let mut stream = connect(address);
        ask(&mut stream, &frame(5, create.into()), &mut Vec::new());
        let mut answer = Vec::new();
        ask(&mut stream, &produce(0), &mut answer);
        // Correlation id, tags, one topic by name, one partition: its index, then its error.
        let error = answer.get(4 + 1 + 1 + 1 + TOPIC.len() + 1 + 4..).and_then(<[u8]>::first_chunk);
        assert_eq!(error.map(|code| i16::from_be_bytes(*code)), Some(0), "the record is accepted");
    }
}

/// Loads the server for so long; gives the number of requests answered.
pub fn load(address: SocketAddr, connections: usize, time: Duration) -> u64 {
    let over = AtomicBool::new(false);
    let streams: Vec<TcpStream> = (0..connections).map(|_| connect(address)).collect();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..PARTITIONS)
            .cycle()
            .zip(streams)
            .map(|(partition, mut stream)| {
                let over = &over;
                scope.spawn(move || {
                    let (request, mut answer, mut count) = (produce(partition), Vec::new(), 0);
                    while !over.load(Ordering::Relaxed) {
                        ask(&mut stream, &request, &mut answer);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    })
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

fn ask(stream: &mut TcpStream, request: &[u8], answer: &mut Vec<u8>) {
    stream.write_all(request).expect("a write");
    // An answer is small: as a rule one read has all of it.
    answer.resize(4096, 0);
    let mut have = 0;
    loop {
        let some = stream.read(&mut answer[have..]).expect("an answer");
        assert!(some > 0, "the server closed the connection");
        have += some;
        if let Some(length) = answer[..have].first_chunk::<4>()
            && have >= 4 + u32::from_be_bytes(*length) as usize
        {
            break;
        }
    }
    answer.truncate(have);
    answer.drain(..4);
}
