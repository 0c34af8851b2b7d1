use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::super::image::Image;
use super::super::testing::{context, fits, id, image, said, topic};
use super::*;
use crate::protocol::create_partitions::CreatePartitionsAssignment;

fn asked(name: &str, count: i32, placed: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let place =
        |brokers: &&[i32]| CreatePartitionsAssignment { broker_ids: brokers.to_vec(), ..Default::default() };
    CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: placed.map(|placed| placed.iter().map(place).collect()),
        ..Default::default()
    }
}

fn grow(image: &Image, topics: Vec<CreatePartitionsTopic>) -> Change<CreatePartitionsResponse> {
    let change = change(&context(image, 3), &CreatePartitionsRequest { topics, ..Default::default() });
    (0..=3).for_each(|version| fits(change.response.clone(), version));
    change
}

fn shown(change: &Change<CreatePartitionsResponse>) -> Vec<String> {
    let show = |one: &CreatePartitionsTopicResult| {
        format!("{} {}", one.name, said(one.error_code, &one.error_message))
    };
    change.response.results.iter().map(show).collect()
}

#[test]
fn what_kafka_says() {
    let image = image(&[topic(1, "g", 2)]);
    let fewer =
        |count| format!("g 37 The topic g currently has 2 partition(s); {count} would not be an increase.");
    let placed = |more, placed| {
        format!(
            "g 39 Attempted to add {more} additional partition(s), but only {placed} assignment(s) were specified."
        )
    };
    for (topic, expected) in [
        (asked("g", 3, None), "g 0".into()),
        (asked("g", 4, Some(&[&[1], &[1]])), "g 0".into()),
        (asked("g", 2, None), "g 37 Topic already has 2 partition(s).".into()),
        (asked("g", 1, None), fewer(1)),
        (asked("g", 0, None), fewer(0)),
        (asked("g", -1, None), fewer(-1)),
        (asked("g", i32::MIN, None), fewer(i32::MIN)),
        (asked("nope", 3, None), "nope 3".into()),
        (asked("a b", 3, None), "a b 3".into()),
        (asked("g", 4, Some(&[&[1]])), placed(2, 1)),
        (asked("g", 3, Some(&[&[1], &[1]])), placed(1, 2)),
        (asked("g", 3, Some(&[])), placed(1, 0)),
        (
            asked("g", 3, Some(&[&[9]])),
            "g 39 The manual partition assignment includes broker 9, but no such broker is registered."
                .into(),
        ),
        (
            asked("g", 3, Some(&[&[1, 1]])),
            "g 39 The manual partition assignment includes the broker 1 more than once.".into(),
        ),
        (
            asked("g", 3, Some(&[&[]])),
            "g 39 The manual partition assignment includes an empty replica list.".into(),
        ),
    ] {
        let count = topic.count;
        let change = grow(&image, vec![topic]);
        assert_eq!(shown(&change), core::slice::from_ref(&expected));
        let records = if expected == "g 0" {
            vec![CatalogueRecord::Partitions { topic: id(1), count }]
        } else {
            vec![]
        };
        assert_eq!(change.records, records);
    }
}

#[test]
fn a_topic_named_twice_does_not_grow_and_others_do() {
    let image = image(&[topic(1, "g", 2), topic(2, "h", 1)]);
    let change = grow(&image, vec![asked("g", 6, None), asked("h", 2, None), asked("g", 7, None)]);
    assert_eq!(shown(&change), ["g 42 Duplicate topic name.", "h 0"]);
    assert_eq!(change.records, [CatalogueRecord::Partitions { topic: id(2), count: 2 }]);
}

#[test]
fn validate_only_makes_nothing() {
    let image = image(&[topic(1, "g", 2)]);
    let topics = vec![asked("g", 3, None)];
    let request = CreatePartitionsRequest { topics, validate_only: true, ..Default::default() };
    let change = change(&context(&image, 3), &request);
    assert_eq!((shown(&change), change.records), (vec!["g 0".into()], vec![]));
}

#[test]
fn too_many_are_refused_as_a_whole() {
    let image = image(&[topic(1, "g", 3), topic(2, "h", 1)]);
    let refused = "44 Excessively large number of partitions per request.";
    for topics in [
        vec![asked("g", 20_000, None), asked("h", 2, None)],
        vec![asked("g", 5_003, None), asked("h", 5_002, None)],
        vec![asked("g", i32::MAX, None), asked("h", i32::MAX, None)],
    ] {
        let change = grow(&image, topics);
        assert_eq!(shown(&change), [format!("g {refused}"), format!("h {refused}")]);
        assert!(change.records.is_empty());
    }
    assert_eq!(shown(&grow(&image, vec![asked("g", 10_003, None)])), ["g 0"]);
}

#[test]
fn the_node_holds_only_so_many() {
    let full = i32::try_from(limits::PARTITIONS).unwrap();
    let image = image(&[topic(1, "g", full - 1)]);
    assert_eq!(shown(&grow(&image, vec![asked("g", full, None)])), ["g 0"]);
    let change = grow(&image, vec![asked("g", full + 1, None)]);
    assert_eq!(shown(&change), ["g 44 All topics together cannot have more than 200000 partitions."]);
}
