use alloc::format;
use alloc::string::String;

use super::super::testing::{context, fits, id, image, image_of, texts, topic};
use super::*;

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: Some(name.into()), ..Default::default() }
}

fn by_id(number: u8) -> MetadataRequestTopic {
    MetadataRequestTopic { name: None, topic_id: id(number), ..Default::default() }
}

fn asking(topics: Vec<MetadataRequestTopic>) -> MetadataRequest {
    MetadataRequest { topics: Some(topics), ..Default::default() }
}

/// Name, first byte of the id, error, number of partitions.
fn shown(response: &MetadataResponse) -> Vec<String> {
    let show = |topic: &MetadataResponseTopic| {
        let name = topic.name.as_deref().unwrap_or("null");
        format!("{name} {} {} {}", topic.topic_id.0[0], topic.error_code.0, topic.partitions.len())
    };
    response.topics.iter().map(show).collect()
}

#[test]
fn one_node_leads_everything() {
    let image = image_of(&[("node.id", "7"), ("broker.rack", "r")], &[topic(1, "__consumer_offsets", 2)]);
    for version in 0..=13 {
        let request = asking(vec![named("__consumer_offsets")]);
        let response = answer(&context(&image, version), &request);
        fits(response.clone(), version);
        assert_eq!((response.controller_id, response.error_code), (7, ErrorCode::NONE));
        assert_eq!(response.cluster_id, Some(Str::from(id(200).to_string())));
        let [broker] = &response.brokers[..] else { panic!("{response:?}") };
        assert_eq!((broker.node_id, &*broker.host, broker.port), (7, "kelp.example", 9092));
        assert_eq!(broker.rack.as_deref(), Some("r"));
        let [topic] = &response.topics[..] else { panic!("{response:?}") };
        assert!(topic.is_internal);
        for (index, partition) in topic.partitions.iter().enumerate() {
            assert_eq!(partition.partition_index, index as i32);
            assert_eq!((partition.leader_id, partition.leader_epoch), (7, 3));
            assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![7], &vec![7]));
            assert_eq!((&partition.offline_replicas, partition.error_code), (&vec![], ErrorCode::NONE));
        }
    }
}

#[test]
fn all_or_none_by_version() {
    let image = image(&[topic(2, "b", 1), topic(1, "a", 2)]);
    let null = MetadataRequest { topics: None, ..Default::default() };
    for version in 1..=13 {
        assert_eq!(shown(&answer(&context(&image, version), &null)), ["a 1 0 2", "b 2 0 1"]);
        assert!(shown(&answer(&context(&image, version), &asking(vec![]))).is_empty());
    }
    assert_eq!(shown(&answer(&context(&image, 0), &asking(vec![]))), ["a 1 0 2", "b 2 0 1"]);
}

#[test]
fn what_kafka_says_of_topics() {
    let image = image(&[topic(1, "a", 2), topic(2, "b", 1)]);
    let context = context(&image, 13);
    for (topics, expected) in [
        (vec![named("a"), named("nope")], vec!["a 1 0 2", "nope 0 3 0"]),
        (vec![named("a b"), named(""), named(".")], vec!["a b 0 17 0", " 0 17 0", ". 0 17 0"]),
        (vec![named("nope"), named("a"), named("nope"), named("a")], vec!["nope 0 3 0", "a 1 0 2"]),
        (vec![by_id(1)], vec!["a 1 0 2"]),
        (vec![by_id(9), by_id(1), by_id(9), by_id(1)], vec!["null 9 100 0", "a 1 0 2"]),
        (vec![MetadataRequestTopic { name: Some("b".into()), ..by_id(1) }], vec!["a 1 0 2"]),
        // Kafka answers only those by id when there are any.
        (vec![by_id(1), named("b"), named("a")], vec!["a 1 0 2", "b 2 0 1"]),
        // Kafka fails with UNKNOWN_SERVER_ERROR.
        (vec![MetadataRequestTopic { topic_id: Uuid::ZERO, ..by_id(0) }], vec!["null 0 42 0"]),
    ] {
        let response = answer(&context, &asking(topics));
        fits(response.clone(), 13);
        assert_eq!(shown(&response), expected);
    }
    let unknown = answer(&context, &asking(vec![named("__transaction_state")]));
    assert!(unknown.topics[0].is_internal);
}

#[test]
fn ids_are_refused_before_version_12() {
    let image = image(&[topic(1, "a", 2)]);
    for version in [10, 11] {
        for topics in [
            vec![by_id(1), named("a")],
            vec![MetadataRequestTopic { name: Some("".into()), ..by_id(1) }, named("a")],
        ] {
            let response = answer(&context(&image, version), &asking(topics));
            fits(response.clone(), version);
            assert_eq!(shown(&response), [" 1 42 0", "a 0 42 0"]);
            assert!(response.brokers.is_empty() && response.cluster_id.is_none());
        }
    }
    assert_eq!(shown(&answer(&context(&image, 12), &asking(vec![by_id(1)]))), ["a 1 0 2"]);
}

#[test]
fn operations_are_shown_to_those_who_ask() {
    let image = image(&[topic(1, "a", 1)]);
    let topics = || vec![named("a"), named("nope"), named("a b")];
    let request = MetadataRequest { include_topic_authorized_operations: true, ..asking(topics()) };
    let response = answer(&context(&image, 13), &request);
    assert!(response.topics.iter().all(|topic| topic.topic_authorized_operations == 3576));
    let request = MetadataRequest { topics: Some(vec![by_id(9), by_id(1)]), ..request };
    let operations: Vec<i32> = answer(&context(&image, 13), &request)
        .topics
        .iter()
        .map(|topic| topic.topic_authorized_operations)
        .collect();
    assert_eq!(operations, [i32::MIN, 3576]);
    let request = MetadataRequest { include_cluster_authorized_operations: true, ..asking(topics()) };
    for version in 8..=10 {
        let response = answer(&context(&image, version), &request);
        fits(response.clone(), version);
        assert_eq!(response.cluster_authorized_operations, 8096);
        assert!(response.topics.iter().all(|topic| topic.topic_authorized_operations == i32::MIN));
    }
}

#[test]
fn missing_topics_are_made_if_both_sides_allow_it() {
    let records = [topic(1, "a", 1)];
    let image = image(&records);
    let topics = || vec![named("a"), named("new"), named("a b"), named("new"), named("__consumer_offsets")];
    let create = |version, request: &MetadataRequest| texts(&to_create(&context(&image, version), request));
    assert_eq!(create(4, &asking(topics())), ["new", "__consumer_offsets"]);
    assert_eq!(create(0, &asking(topics())), ["new", "__consumer_offsets"]);
    let declined = MetadataRequest { allow_auto_topic_creation: false, ..asking(topics()) };
    assert!(create(4, &declined).is_empty());
    assert!(create(4, &MetadataRequest { topics: None, ..Default::default() }).is_empty());
    assert!(create(0, &asking(vec![])).is_empty());
    assert!(create(12, &asking(vec![by_id(9)])).is_empty());
    assert!(create(10, &asking(vec![by_id(9), named("new")])).is_empty(), "refused anyway");
    let forbidding = image_of(&[("auto.create.topics.enable", "false")], &records);
    assert!(to_create(&context(&forbidding, 4), &asking(topics())).is_empty());
}
