//! Conversations with the machine: what clients see, with one shard and with several.

mod support;

use std::time::Duration;

use kelpgate_core::connection::BEGUN_PER_TURN;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::machine::CloseReason;
use kelpgate_core::protocol::api_versions::ApiVersionsRequest;
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kelpgate_core::protocol::delete_topics::DeleteTopicsRequest;
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use kelpgate_core::protocol::init_producer_id::InitProducerIdRequest;
use kelpgate_core::protocol::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kelpgate_core::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use kelpgate_core::protocol::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{ErrorCode, Response};
use kelpgate_core::record::compact::emptied;
use kelpgate_core::record::{Batch, Batches};
use kelpgate_core::storage::{StorageCommand, StorageError};
use support::{World, batch, batch_from};

type Conn = kelpgate_core::ids::ConnId;

fn create(world: &mut World, conn: Conn, name: &str, partitions: i32) {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let Response::CreateTopics(response) = world.ask(conn, 7, request) else { panic!() };
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

fn new_id() -> InitProducerIdRequest {
    InitProducerIdRequest { transactional_id: None, ..Default::default() }
}

fn produce_request(topic: &str, partition: i32, records: bytes::Bytes, acks: i16) -> ProduceRequest {
    let data =
        PartitionProduceData { index: partition, records: Some(Records(records)), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn produced(response: Option<Response>) -> PartitionProduceResponse {
    match response {
        Some(Response::Produce(response)) => response.responses[0].partition_responses[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn produce(world: &mut World, conn: Conn, topic: &str, partition: i32, values: &[&str]) -> i64 {
    world.send(conn, 9, produce_request(topic, partition, batch(values), -1));
    let answer = produced(world.receive(conn));
    assert_eq!(answer.error_code, ErrorCode::NONE, "{:?}", answer.error_message);
    answer.base_offset
}

fn fetch_request(topic: &str, partitions: &[(i32, i64)], min_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    let partitions = partitions.iter().map(|(partition, fetch_offset)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    });
    let topic = FetchTopic { topic: topic.into(), partitions: partitions.collect(), ..Default::default() };
    FetchRequest { min_bytes, max_wait_ms, max_bytes: 1 << 20, topics: vec![topic], ..Default::default() }
}

/// The offsets and sizes of the batches of each partition.
fn batches(response: Option<Response>) -> Vec<(i32, ErrorCode, Vec<i64>)> {
    let Some(Response::Fetch(FetchResponse { responses, .. })) = response else { panic!("{response:?}") };
    let partitions = responses.into_iter().flat_map(|topic| topic.partitions);
    partitions
        .map(|data| {
            let records = data.records.map(|records| records.concat()).unwrap_or_default();
            let offsets =
                Batches::new(records).map(|bytes| Batch::first(&bytes.unwrap()).unwrap().base_offset());
            (data.partition_index, data.error_code, offsets.collect())
        })
        .collect()
}

#[test]
fn what_is_produced_is_fetched_whatever_the_number_of_shards() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let conn = world.connect(usize::from(shards) - 1);
        create(&mut world, conn, "t", 4);
        for partition in 0..4 {
            assert_eq!(produce(&mut world, conn, "t", partition, &["a", "b"]), 0);
            assert_eq!(produce(&mut world, conn, "t", partition, &["c"]), 2);
        }
        world.send(conn, 12, fetch_request("t", &[(3, 0), (1, 1), (0, 2), (2, 3)], 1, 500));
        let found = batches(world.receive(conn));
        let none = ErrorCode::NONE;
        // An offset inside a batch finds that batch; partitions keep the order of the request.
        assert_eq!(
            found,
            [(3, none, vec![0, 2]), (1, none, vec![0, 2]), (0, none, vec![2]), (2, none, vec![])]
        );
    }
}

#[test]
fn nothing_is_answered_or_read_before_it_is_stored() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    produce(&mut world, conn, "t", 0, &["first"]);
    world.engine_answers = false;
    world.send(conn, 9, produce_request("t", 0, batch(&["x"]), -1));
    world.send(conn, 9, produce_request("t", 0, batch(&["y"]), 1));
    let reader = world.connect(0);
    world.send(reader, 12, fetch_request("t", &[(0, 1)], 1, 0));
    assert_eq!(batches(world.receive(reader)), [(0, ErrorCode::NONE, vec![])]);
    assert_eq!(world.receive(conn), None);
    assert!(world.let_go(0));
    world.settle();
    assert_eq!(produced(world.receive(conn)).base_offset, 1);
    assert_eq!(world.receive(conn), None);
    assert!(world.let_go(0));
    world.settle();
    assert_eq!(produced(world.receive(conn)).base_offset, 2);
}

#[test]
fn a_fetch_waits_for_an_append_or_for_its_time() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let (reader, writer) = (world.connect(0), world.connect(usize::from(shards) - 1));
        create(&mut world, writer, "t", 2);
        world.send(reader, 12, fetch_request("t", &[(0, 0), (1, 0)], 1, 500));
        assert_eq!(world.receive(reader), None);
        produce(&mut world, writer, "t", 1, &["wake"]);
        let none = ErrorCode::NONE;
        assert_eq!(batches(world.receive(reader)), [(0, none, vec![]), (1, none, vec![0])]);

        world.send(reader, 12, fetch_request("t", &[(0, 0), (1, 1)], 1, 500));
        world.pass(Duration::from_millis(499));
        assert_eq!(world.receive(reader), None);
        world.pass(Duration::from_millis(1));
        assert_eq!(batches(world.receive(reader)), [(0, none, vec![]), (1, none, vec![])]);
    }
}

#[test]
fn min_bytes_gather_over_several_appends() {
    let mut world = World::new(1);
    let (reader, writer) = (world.connect(0), world.connect(0));
    create(&mut world, writer, "t", 1);
    let one = batch(&["0123456789"]).len() as i32;
    world.send(reader, 12, fetch_request("t", &[(0, 0)], 3 * one, 10_000));
    produce(&mut world, writer, "t", 0, &["0123456789"]);
    produce(&mut world, writer, "t", 0, &["0123456789"]);
    assert_eq!(world.receive(reader), None);
    produce(&mut world, writer, "t", 0, &["0123456789"]);
    assert_eq!(batches(world.receive(reader)), [(0, ErrorCode::NONE, vec![0, 1, 2])]);
}

#[test]
fn duplicates_get_their_first_offset_also_after_a_restart() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    let Response::InitProducerId(id) = world.ask(conn, 4, new_id()) else { panic!() };
    let send = |world: &mut World, conn, sequence, value: &str| {
        world.send(conn, 9, produce_request("t", 0, batch_from(id.producer_id, sequence, &[value]), -1));
        let answer = produced(world.receive(conn));
        (answer.error_code, answer.base_offset)
    };
    for sequence in 0..6 {
        assert_eq!(send(&mut world, conn, sequence, "v"), (ErrorCode::NONE, i64::from(sequence)));
    }
    assert_eq!(send(&mut world, conn, 1, "v"), (ErrorCode::NONE, 1));
    assert_eq!(send(&mut world, conn, 0, "v"), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    let mut world = World::with(1, &[], world.into_engines());
    let conn = world.connect(0);
    assert_eq!(send(&mut world, conn, 1, "v"), (ErrorCode::NONE, 1), "from the log");
    world.stop();
    assert!(world.is_drained());
    let mut world = World::with(1, &[], world.into_engines());
    let conn = world.connect(0);
    assert_eq!(send(&mut world, conn, 5, "v"), (ErrorCode::NONE, 5), "from the snapshot");
    assert_eq!(send(&mut world, conn, 6, "v"), (ErrorCode::NONE, 6));
    let Response::InitProducerId(next) = world.ask(conn, 4, new_id()) else { panic!() };
    assert!(next.producer_id > id.producer_id, "ids are never handed out twice");
}

#[test]
fn a_duplicate_of_what_is_under_way_waits_for_it() {
    let mut world = World::new(1);
    let (conn, again) = (world.connect(0), world.connect(0));
    create(&mut world, conn, "t", 1);
    produce(&mut world, conn, "t", 0, &["open"]);
    world.engine_answers = false;
    world.send(conn, 9, produce_request("t", 0, batch_from(7, 0, &["v"]), -1));
    world.send(again, 9, produce_request("t", 0, batch_from(7, 0, &["v"]), -1));
    assert_eq!((world.receive(conn), world.receive(again)), (None, None));
    world.let_go(0);
    world.settle();
    let answers = (produced(world.receive(conn)), produced(world.receive(again)));
    assert_eq!((answers.0.base_offset, answers.1.base_offset), (1, 1));
}

#[test]
fn a_failed_append_is_answered_and_the_log_goes_on_without_a_hole() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    produce(&mut world, conn, "t", 0, &["a"]);
    world.engine(0).fail_appends = Some(StorageError::Full);
    world.send(conn, 9, produce_request("t", 0, batch_from(7, 0, &["b"]), -1));
    assert_eq!(produced(world.receive(conn)).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    world.engine(0).fail_appends = None;
    world.send(conn, 9, produce_request("t", 0, batch_from(7, 0, &["b"]), -1));
    let answer = produced(world.receive(conn));
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 1));
}

#[test]
fn a_partition_that_could_not_be_opened_is_tried_again() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    world.engine(0).fail_opens = Some(StorageError::TooManyFiles);
    world.send(conn, 9, produce_request("t", 0, batch(&["a"]), -1));
    assert_eq!(produced(world.receive(conn)).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    world.engine(0).fail_opens = None;
    assert_eq!(produce(&mut world, conn, "t", 0, &["a"]), 0);
}

#[test]
fn records_may_go_while_their_partition_is_being_opened() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    produce(&mut world, conn, "t", 0, &["a", "b", "c"]);
    let log = LogId { topic: world.topic_id(conn, "t"), partition: 0 };
    let mut world = World::with(1, &[], world.into_engines());
    let conn = world.connect(0);
    world.engine_answers = false;
    world.send(conn, 12, fetch_request("t", &[(0, 0)], 1, 0));
    assert!(world.let_go(0), "the log is opened");
    // Retention comes before the batches are read back.
    world.engine(0).submit(Ticket(u64::MAX), StorageCommand::Trim { log, start: 3 });
    world.engine(0).answer();
    world.engine_answers = true;
    world.settle();
    assert_eq!(batches(world.receive(conn)), [(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
    assert_eq!(produce(&mut world, conn, "t", 0, &["d"]), 3);
}

#[test]
fn acks_0_is_silent_and_closes_when_it_fails() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    world.send(conn, 9, produce_request("t", 0, batch(&["a"]), 0));
    assert_eq!(produce(&mut world, conn, "t", 0, &["b"]), 1, "the next answer is the next request's");
    world.engine_answers = false;
    world.send(conn, 9, produce_request("t", 0, batch(&["c"]), 0));
    world.send(conn, 12, fetch_request("t", &[(0, 0)], 1, 0));
    world.engine_answers = true;
    world.settle();
    assert_eq!(
        batches(world.receive(conn)),
        [(0, ErrorCode::NONE, vec![0, 1, 2])],
        "it begins after the silence"
    );
    world.send(conn, 9, produce_request("absent", 0, batch(&["a"]), 0));
    let reason = CloseReason::UnacknowledgedProduce(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(world.closed(conn), Some(&reason));
}

#[test]
fn unstored_records_time_out() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    produce(&mut world, conn, "t", 0, &["open"]);
    world.engine_answers = false;
    world.send(conn, 9, produce_request("t", 0, batch(&["a"]), -1));
    world.pass(Duration::from_millis(1000));
    assert_eq!(produced(world.receive(conn)).error_code, ErrorCode::REQUEST_TIMED_OUT);
    world.let_go(0);
    world.engine_answers = true;
    world.settle();
    assert_eq!(produce(&mut world, conn, "t", 0, &["b"]), 2, "what was late is stored all the same");
}

fn offset_at(world: &mut World, conn: Conn, timestamp: i64) -> (ErrorCode, i64) {
    let partition = ListOffsetsPartition { partition_index: 0, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let Response::ListOffsets(response) = world.ask(conn, 9, request) else { panic!() };
    let answer = &response.topics[0].partitions[0];
    (answer.error_code, answer.offset)
}

#[test]
fn offsets_for_times_and_deleted_records() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    for value in ["a", "b", "c"] {
        produce(&mut world, conn, "t", 0, &[value, value]);
    }
    let none = ErrorCode::NONE;
    assert_eq!(offset_at(&mut world, conn, -1), (none, 6));
    assert_eq!(offset_at(&mut world, conn, -2), (none, 0));
    assert_eq!(offset_at(&mut world, conn, -3), (none, 0), "the first with the greatest time");
    assert_eq!(offset_at(&mut world, conn, -5), (none, -1));
    assert_eq!(offset_at(&mut world, conn, -6), (ErrorCode::UNSUPPORTED_VERSION, -1));
    assert_eq!(offset_at(&mut world, conn, 1_700_000_000_000), (none, 0));
    assert_eq!(offset_at(&mut world, conn, 1_700_000_000_001), (none, -1));

    let partition = DeleteRecordsPartition { partition_index: 0, offset: 3, ..Default::default() };
    let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = DeleteRecordsRequest { topics: vec![topic], ..Default::default() };
    let Response::DeleteRecords(response) = world.ask(conn, 2, request) else { panic!() };
    assert_eq!(response.topics[0].partitions[0].low_watermark, 3);
    assert_eq!(offset_at(&mut world, conn, -2), (none, 3));
    assert_eq!(offset_at(&mut world, conn, 1_700_000_000_000), (none, 3));
    world.send(conn, 12, fetch_request("t", &[(0, 2)], 1, 0));
    assert_eq!(batches(world.receive(conn))[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn topics_come_on_demand_and_go() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let conn = world.connect(0);
        let wanted = || MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { name: Some("new".into()), ..Default::default() }]),
            ..Default::default()
        };
        for _ in 0..2 {
            world.ask(conn, 9, wanted());
        }
        let Response::Metadata(response) = world.ask(conn, 9, wanted()) else { panic!() };
        assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
        assert_eq!(produce(&mut world, conn, "new", 0, &["a"]), 0);

        let request =
            DeleteTopicsRequest { topic_names: vec!["new".into()], timeout_ms: 1000, ..Default::default() };
        let Response::DeleteTopics(response) = world.ask(conn, 5, request) else { panic!() };
        assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
        world.send(conn, 9, produce_request("new", 0, batch(&["a"]), -1));
        assert_eq!(produced(world.receive(conn)).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        create(&mut world, conn, "new", 1);
        assert_eq!(produce(&mut world, conn, "new", 0, &["a"]), 0, "made anew, it is empty");
    }
}

#[test]
fn a_topic_is_deleted_while_its_records_are_on_their_way() {
    let mut world = World::new(3);
    let (conn, administrator) = (world.connect(1), world.connect(1));
    create(&mut world, conn, "t", 6);
    // Some partitions are open; others are being opened when their topic goes.
    for partition in 0..3 {
        produce(&mut world, conn, "t", partition, &["first"]);
    }
    world.engine_answers = false;
    for partition in 0..6 {
        world.send(conn, 9, produce_request("t", partition, batch(&["x"]), -1));
    }
    let request =
        DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
    world.send(administrator, 5, request);
    // Shard 0 has the catalogue: its engine answers first.
    while world.let_go(0) {
        world.settle();
    }
    for _ in 0..6 {
        let error = produced(world.receive(conn)).error_code;
        assert!([ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION].contains(&error), "{error}");
    }
    world.engine_answers = true;
    while world.let_go(1) || world.let_go(2) {
        world.settle();
    }
    let Some(Response::DeleteTopics(response)) = world.receive(administrator) else { panic!() };
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
    create(&mut world, conn, "t", 6);
    assert_eq!(produce(&mut world, conn, "t", 4, &["a"]), 0, "made anew, it is empty");
}

#[test]
fn the_catalogue_survives_a_restart() {
    let mut world = World::new(2);
    let conn = world.connect(1);
    create(&mut world, conn, "kept", 5);
    let mut world = World::with(2, &[], world.into_engines());
    let conn = world.connect(1);
    let Response::Metadata(response) =
        world.ask(conn, 9, MetadataRequest { topics: None, ..Default::default() })
    else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions.len(), 5);
    assert!(response.topics[0].partitions.iter().all(|partition| partition.leader_epoch == 2));
}

#[test]
fn what_cannot_be_answered_closes() {
    let unknown_key = [&[0, 0, 0, 10][..], &[0x7f, 0, 0, 0], &[0, 0, 0, 1], &[255, 255]].concat();
    let too_new = [&[0, 0, 0, 10][..], &[0, 3, 0, 99], &[0, 0, 0, 1], &[255, 255]].concat();
    let group_api = [&[0, 0, 0, 10][..], &[0, 10, 0, 0], &[0, 0, 0, 1], &[255, 255]].concat();
    let huge = [0x7f, 0xff, 0xff, 0xff];
    let garbage = [&[0, 0, 0, 12][..], &[0, 3, 0, 9], &[0, 0, 0, 1], &[255, 255, 0, 9]].concat();
    for bytes in [&unknown_key[..], &too_new, &group_api, &huge, &garbage] {
        let mut world = World::new(1);
        let conn = world.connect(0);
        world.send_bytes(conn, bytes);
        assert!(world.closed(conn).is_some(), "{bytes:?}");
    }
}

#[test]
fn a_newer_api_versions_is_told_what_there_is() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    world.send(conn, 0, ApiVersionsRequest::default());
    let Some(Response::ApiVersions(old)) = world.receive(conn) else { panic!() };
    assert!(old.api_keys.iter().any(|api| api.api_key == 0 && api.min_version == 0));
    // A request in version 99, whose body nobody here can read.
    world.send(conn, 0, ApiVersionsRequest::default());
    let _ = world.receive(conn);
    world.send_bytes(conn, &[0, 0, 0, 12, 0, 18, 0, 99, 0, 0, 0, 2, 255, 255, 1, 2]);
    assert_eq!(world.closed(conn), None);
}

#[test]
fn requests_that_wait_behind_a_parked_one_stop_the_reading() {
    let mut world = World::new(1);
    let conn = world.connect(0);
    create(&mut world, conn, "t", 1);
    world.send(conn, 12, fetch_request("t", &[(0, 0)], 1, 1000));
    let value = "x".repeat(300_000);
    let mut sent = 0;
    while world.is_read(conn) {
        world.send(conn, 9, produce_request("t", 0, batch(&[&value]), -1));
        sent += 1;
    }
    assert_eq!(sent, 4, "a little more than a mebibyte waits");
    world.pass(Duration::from_millis(1000));
    assert!(world.is_read(conn));
    assert_eq!(batches(world.receive(conn)), [(0, ErrorCode::NONE, vec![])]);
    for offset in 0..sent {
        assert_eq!(produced(world.receive(conn)).base_offset, offset);
    }
}

#[test]
fn an_idle_connection_is_closed_and_a_waiting_one_is_not() {
    let mut world = World::with(1, &[("connections.max.idle.ms", "1000")], Vec::new());
    let (idle, waiting) = (world.connect(0), world.connect(0));
    create(&mut world, waiting, "t", 1);
    world.send(waiting, 12, fetch_request("t", &[(0, 0)], 1, 60_000));
    world.pass(Duration::from_millis(1500));
    assert_eq!(world.closed(idle), Some(&CloseReason::Idle));
    assert_eq!(world.closed(waiting), None);
}

#[test]
fn a_stop_answers_what_waits() {
    let mut world = World::new(2);
    let (reader, writer) = (world.connect(0), world.connect(1));
    create(&mut world, writer, "t", 2);
    produce(&mut world, writer, "t", 0, &["open"]);
    world.send(reader, 12, fetch_request("t", &[(0, 1), (1, 0)], 1, 60_000));
    world.engine_answers = false;
    world.send(writer, 9, produce_request("t", 0, batch(&["a"]), -1));
    world.stop();
    assert!(!world.is_drained());
    world.engine_answers = true;
    world.settle();
    assert!(world.is_drained());
    assert_eq!(produced(world.receive(writer)).base_offset, 1);
    assert_eq!(batches(world.receive(reader)).len(), 2);
}

/// Two clients pipeline, a third asks now and then: in each turn nobody gets more than a share.
#[test]
fn a_client_that_pipelines_gets_a_share_of_each_turn() {
    let share = BEGUN_PER_TURN as usize;
    let mut world = World::new(1);
    let (floods, other) = ([world.connect(0), world.connect(0)], world.connect(0));
    let answers = |world: &mut World, conn| core::iter::from_fn(|| world.receive(conn)).count();
    for conn in floods {
        world.send_together(conn, 3, vec![ApiVersionsRequest::default().into(); 10 * share + 1]);
        assert_eq!(answers(&mut world, conn), share);
    }
    for turn in 1..=10 {
        world.send(other, 3, ApiVersionsRequest::default());
        assert_eq!(answers(&mut world, other), 1, "turn {turn}: nobody waits behind the floods");
        world.turn();
        for conn in floods {
            assert_eq!(answers(&mut world, conn), if turn < 10 { share } else { 1 }, "turn {turn}");
        }
    }
    world.turn();
    assert_eq!(floods.map(|conn| answers(&mut world, conn)), [0, 0]);
}

#[test]
fn appends_that_arrive_together_are_begun_over_several_turns_in_order() {
    let mut world = World::new(3);
    let conn = world.connect(1);
    create(&mut world, conn, "t", 1);
    let requests = (0..200).map(|at| produce_request("t", 0, batch(&[&format!("{at}")]), 1).into());
    world.send_together(conn, 9, requests.collect());
    let mut offsets = Vec::new();
    for _ in 0..4 {
        offsets.extend(
            core::iter::from_fn(|| world.receive(conn)).map(|answer| produced(Some(answer)).base_offset),
        );
        world.turn();
    }
    assert_eq!(offsets, (0..200).collect::<Vec<i64>>());
}

/// A change that is judged is carried out, however long that takes; what waits behind it is refused in its time.
#[test]
fn changes_that_wait_for_longer_than_their_clients_are_refused_unjudged() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let conns = [0; 4].map(|_| world.connect(usize::from(shards) - 1));
        let topic = |name: &str| CreatableTopic {
            name: name.into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let request = |name, timeout_ms| CreateTopicsRequest {
            topics: vec![topic(name)],
            timeout_ms,
            ..Default::default()
        };
        world.engine_answers = false;
        for (conn, name, timeout) in [(0, "a", 100), (1, "b", 300), (2, "c", 200), (3, "d", 1000)] {
            world.send(conns[conn], 7, request(name, timeout));
        }
        let answers = |world: &mut World| {
            conns.map(|conn| match world.receive(conn) {
                Some(Response::CreateTopics(response)) => Some(response.topics[0].error_code),
                Some(other) => panic!("{other:?}"),
                None => None,
            })
        };
        let late = Some(ErrorCode::REQUEST_TIMED_OUT);
        world.pass(Duration::from_millis(199));
        assert_eq!(answers(&mut world), [None; 4]);
        world.pass(Duration::from_millis(2));
        assert_eq!(answers(&mut world), [None, None, late, None]);
        world.pass(Duration::from_millis(100));
        assert_eq!(answers(&mut world), [None, late, None, None]);
        world.engine_answers = true;
        world.settle();
        let done = Some(ErrorCode::NONE);
        assert_eq!(answers(&mut world), [done, None, None, done]);
        // Those refused were not made.
        let Response::Metadata(all) =
            world.ask(conns[0], 12, MetadataRequest { topics: None, ..Default::default() })
        else {
            panic!()
        };
        let names: Vec<_> = all.topics.iter().filter_map(|topic| topic.name.as_deref()).collect();
        assert_eq!(names, ["a", "d"]);
    }
}

/// Old formats have nothing for a batch that compaction has emptied, and their readers would ask for the same offset for
/// ever.
#[test]
fn an_old_reader_is_led_past_batches_that_compaction_has_emptied() {
    for (version, shards) in [(0, 1), (3, 3), (4, 1)] {
        let mut world = World::new(shards);
        let conn = world.connect(0);
        create(&mut world, conn, "t", 1);
        for value in ["a", "b", "c", "d"] {
            produce(&mut world, conn, "t", 0, &[value]);
        }
        let topic = world.topic_id(conn, "t");
        let log = LogId { topic, partition: 0 };
        let owner = usize::from(log.owner(shards).0);
        world.engine(owner).rewrite(log, |bytes| {
            let batch = Batch::first(bytes).unwrap();
            match batch.base_offset() {
                1 | 2 => emptied(&batch).unwrap(),
                _ => bytes.clone(),
            }
        });
        // One batch at a time.
        let mut request = fetch_request("t", &[(0, 1)], 1, 500);
        request.topics[0].partitions[0].partition_max_bytes = 1;
        world.send(conn, version, request);
        let Some(Response::Fetch(response)) = world.receive(conn) else { panic!("version {version}") };
        let records = response.responses[0].partitions[0].records.as_ref().unwrap().concat();
        let first = i64::from_be_bytes(*records.first_chunk().expect("records"));
        assert_eq!(first, if version < 4 { 3 } else { 1 }, "version {version}");
    }
}

/// A wake costs what has changed: one question to one owner, however many partitions are watched.
#[test]
fn a_parked_fetch_over_many_partitions_asks_only_the_one_that_has_more() {
    const PARTITIONS: i32 = 300;
    let mut world = World::new(3);
    let (reader, writer) = (world.connect(1), world.connect(0));
    create(&mut world, writer, "t", PARTITIONS);
    let all: Vec<(i32, i64)> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    world.send(reader, 12, fetch_request("t", &all, 10_000, 60_000));
    assert_eq!(world.receive(reader), None);
    produce(&mut world, writer, "t", 7, &["opens the partition"]);
    let before = world.messages;
    let rounds = 20;
    for _ in 0..rounds {
        produce(&mut world, writer, "t", 7, &["more"]);
    }
    // To the owner and back for the append, and for the wake; nothing for the 299 others.
    assert!(world.messages - before <= rounds * 5, "{} messages", world.messages - before);
    assert_eq!(world.receive(reader), None);
    let long = "x".repeat(10_000);
    produce(&mut world, writer, "t", 200, &[&long]);
    let found = batches(world.receive(reader));
    let some: Vec<i32> =
        found.iter().filter(|(_, _, batches)| !batches.is_empty()).map(|found| found.0).collect();
    assert_eq!(some, [7, 200]);
}

#[test]
fn limits_of_connections_are_those_of_the_node() {
    for (property, reason) in
        [("max.connections", "max.connections"), ("max.connections.per.ip", "max.connections.per.ip")]
    {
        let mut world = World::with(3, &[(property, "4")], Vec::new());
        let conns: Vec<Conn> = (0..6).map(|at| world.connect(at % 3)).collect();
        world.settle();
        for (at, conn) in conns.into_iter().enumerate() {
            let expected = (at >= 4).then_some(CloseReason::TooMany(reason));
            assert_eq!(world.closed(conn).cloned(), expected, "{property}, connection {at}");
        }
    }
}
