//! Compaction when the engine refuses or what is stored is damaged: the log stays as it was, readers and writers notice
//! nothing, and nobody is kept busy with it.

#[allow(dead_code, reason = "conversations of other tests need more of it")]
mod support;

use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::ids::{ConnId, LogId};
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, Response};
use kelpgate_core::record::{Batch, BatchBuilder, BatchFields, Batches};
use kelpgate_core::storage::StorageError;
use support::World;

/// How often the cleaner looks (`log.cleaner.backoff.ms`, its default).
const BACKOFF: Duration = Duration::from_secs(15);
const NOW: i64 = 1_700_000_000_000;

/// A compacted topic whose segments are closed after a tenth of a second.
fn create(world: &mut World, conn: ConnId, name: &str) -> LogId {
    let config = |name: &'static str, value: &'static str| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        configs: vec![
            config("cleanup.policy", "compact"),
            config("segment.ms", "100"),
            config("min.cleanable.dirty.ratio", "0.1"),
        ],
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let Response::CreateTopics(response) = world.ask(conn, 7, request) else { panic!() };
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{:?}", response.topics[0]);
    LogId { topic: world.topic_id(conn, name), partition: 0 }
}

fn keyed(timestamp: i64, key: &str, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(BatchFields::default());
    builder.append(timestamp, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
    builder.build().unwrap()
}

/// One record, a second after the one before and so in a segment of its own.
fn produce(world: &mut World, conn: ConnId, topic: &str, offset: i64, (key, value): (&str, &str)) {
    let records = Some(Records(keyed(NOW + offset * 1000, key, value)));
    let data = PartitionProduceData { records, ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    let Response::Produce(response) = world.ask(conn, 9, request) else { panic!() };
    let answer = &response.responses[0].partition_responses[0];
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, offset), "{answer:?}");
}

/// The offsets of all batches.
fn offsets(world: &mut World, conn: ConnId, topic: &str) -> Vec<i64> {
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let Response::Fetch(response) = world.ask(conn, 12, request) else { panic!() };
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, ErrorCode::NONE);
    let records = data.records.as_ref().map(|records| records.concat()).unwrap_or_default();
    Batches::new(records).map(|bytes| Batch::first(&bytes.unwrap()).unwrap().base_offset()).collect()
}

/// Four segments; what the first one has is written over in the third.
fn fill(world: &mut World, conn: ConnId, topic: &str) {
    let records = [("k", "first"), ("other", "x"), ("k", "last"), ("open", "y")];
    (0..).zip(records).for_each(|(offset, record)| produce(world, conn, topic, offset, record));
}

/// So many looks of the cleaner.
fn look(world: &mut World, times: u32) {
    (0..times).for_each(|_| world.pass(BACKOFF));
}

#[test]
fn a_rewrite_that_fails_is_given_up_and_tried_once_with_each_look() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t");
    fill(&mut world, conn, "t");
    world.engine(0).fail_rewrites = Some(StorageError::Full);
    for round in 1..=5 {
        let before = world.engine(0).rewrites;
        look(&mut world, 1);
        // The step that fails, and the one that forgets what was kept.
        assert_eq!(world.engine(0).rewrites - before, 2, "in round {round}");
        assert_eq!(offsets(&mut world, conn, "t"), [0, 1, 2, 3]);
    }
    produce(&mut world, conn, "t", 4, ("more", "z"));
    world.engine(0).fail_rewrites = None;
    look(&mut world, 2);
    assert_eq!(offsets(&mut world, conn, "t"), [1, 2, 3, 4]);
    let before = world.engine(0).rewrites;
    look(&mut world, 3);
    assert_eq!(world.engine(0).rewrites, before, "nothing is dirty any more");
}

#[test]
fn a_log_that_cannot_be_read_is_left_alone_and_others_are_not() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    let damaged = create(&mut world, conn, "damaged");
    create(&mut world, conn, "good");
    for topic in ["damaged", "good"] {
        fill(&mut world, conn, topic);
    }
    world.engine(0).rewrite(damaged, |batch| {
        let mut bytes = batch.to_vec();
        // The length of the record, behind the header.
        bytes[61] = 0x7f;
        bytes.into()
    });
    look(&mut world, 6);
    assert_eq!(offsets(&mut world, conn, "good"), [1, 2, 3]);
    assert_eq!(offsets(&mut world, conn, "damaged"), [0, 1, 2, 3]);
    let before = world.engine(0).reads;
    look(&mut world, 5);
    assert_eq!(world.engine(0).reads, before, "nobody reads it again");
}
