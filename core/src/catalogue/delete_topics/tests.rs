use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use super::super::image::Image;
use super::super::testing::{context, fits, id, image, image_of, said, topic};
use super::*;

fn state(name: Option<&str>, topic_id: Uuid) -> DeleteTopicState {
    DeleteTopicState { name: name.map(Str::from), topic_id, ..Default::default() }
}

fn delete(image: &Image, topics: Vec<DeleteTopicState>) -> Change<DeleteTopicsResponse> {
    let request = DeleteTopicsRequest { topics, ..Default::default() };
    let change = change(&context(image, 6), &request);
    fits(change.response.clone(), 6);
    change
}

fn shown(change: &Change<DeleteTopicsResponse>) -> Vec<String> {
    let show = |one: &DeletableTopicResult| {
        let name = one.name.as_deref().unwrap_or("null");
        let id = if one.topic_id.is_zero() { "none".to_string() } else { one.topic_id.0[0].to_string() };
        format!("{name} {id} {}", said(one.error_code, &one.error_message))
    };
    change.response.responses.iter().map(show).collect()
}

#[test]
fn what_kafka_says_by_name_and_by_id() {
    let image = image(&[topic(1, "a", 2), topic(2, "b", 1)]);
    let none = Uuid::ZERO;
    let unknown = "3 This server does not host this topic-partition.";
    for (topics, expected, deleted) in [
        (vec![state(Some("a"), none)], vec!["a 1 0".to_string()], 1),
        (vec![state(None, id(1))], vec!["a 1 0".into()], 1),
        (vec![state(Some("a"), none), state(None, id(2))], vec!["a 1 0".into(), "b 2 0".into()], 2),
        (vec![state(Some("c"), none)], vec![format!("c none {unknown}")], 0),
        (vec![state(Some("a b"), none)], vec![format!("a b none {unknown}")], 0),
        (vec![state(Some(""), none)], vec![format!(" none {unknown}")], 0),
        (vec![state(None, id(9))], vec!["null 9 100 This server does not host this topic ID.".into()], 0),
        (
            vec![state(Some("a"), id(1))],
            vec!["a 1 42 You may not specify both topic name and topic id.".into()],
            0,
        ),
        (vec![state(None, none)], vec!["null none 42 Neither topic name nor id were specified.".into()], 0),
        (vec![], vec![], 0),
    ] {
        let change = delete(&image, topics);
        assert_eq!(shown(&change), expected);
        assert_eq!(change.records.len(), deleted);
    }
}

#[test]
fn what_is_named_twice_stays() {
    let image = image(&[topic(1, "a", 2), topic(2, "b", 1)]);
    let none = Uuid::ZERO;
    let change = delete(&image, vec![state(Some("a"), none), state(Some("b"), none), state(Some("a"), none)]);
    assert_eq!(shown(&change), ["a none 42 Duplicate topic name.", "b 2 0"]);
    assert_eq!(change.records, [CatalogueRecord::TopicDeleted { id: id(2) }]);
    let change = delete(&image, vec![state(None, id(1)), state(None, id(1)), state(None, id(1))]);
    assert_eq!(shown(&change), ["null 1 42 Duplicate topic id."]);
    assert!(change.records.is_empty());
    // Kafka answers a name and its own id with one result, and deletes nothing.
    for topics in
        [vec![state(Some("a"), none), state(None, id(1))], vec![state(None, id(1)), state(Some("a"), none)]]
    {
        let change = delete(&image, topics);
        assert_eq!(
            shown(&change),
            ["a 1 42 The provided topic name maps to an ID that was already supplied."]
        );
        assert!(change.records.is_empty());
    }
}

#[test]
fn older_versions_name_topics_only() {
    let image = image(&[topic(1, "a", 2)]);
    for version in 0..=5 {
        let topic_names = vec!["a".into(), "c".into()];
        let request = DeleteTopicsRequest { topic_names, ..Default::default() };
        let change = change(&context(&image, version), &request);
        fits(change.response.clone(), version);
        let codes: Vec<i16> = change.response.responses.iter().map(|one| one.error_code.0).collect();
        assert_eq!((codes, change.records.len()), (vec![0, 3], 1));
    }
}

#[test]
fn deletion_can_be_forbidden() {
    let image = image_of(&[("delete.topic.enable", "false")], &[topic(1, "a", 2)]);
    for (version, code) in [(0, 42), (2, 42), (3, 73), (5, 73)] {
        let request = DeleteTopicsRequest { topic_names: vec!["a".into()], ..Default::default() };
        let change = change(&context(&image, version), &request);
        assert_eq!(change.response.responses[0].error_code.0, code, "version {version}");
        assert!(change.records.is_empty());
    }
    assert_eq!(shown(&delete(&image, vec![state(None, id(1))])), ["null 1 73"]);
}

#[test]
fn one_request_deletes_only_so_many() {
    let many = vec![state(None, id(9)); limits::RESOURCES_PER_REQUEST + 1];
    let change = delete(&image(&[]), many);
    assert!(change.response.responses.iter().all(|one| one.error_code == ErrorCode::POLICY_VIOLATION));
}
