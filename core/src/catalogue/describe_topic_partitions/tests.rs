use alloc::format;
use alloc::string::String;

use super::super::testing::{context, fits, image, image_of, topic};
use super::*;
use crate::protocol::describe_topic_partitions::TopicRequest;

fn asking(names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
    DescribeTopicPartitionsRequest {
        topics: names
            .iter()
            .map(|name| TopicRequest { name: (*name).into(), ..Default::default() })
            .collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(name, partition_index)| Cursor {
            topic_name: name.into(),
            partition_index,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Each topic with its error, or the partitions on the page; then the cursor.
fn page(image: &Image, request: &DescribeTopicPartitionsRequest) -> Vec<String> {
    let response = answer(&context(image, 0), request);
    fits(response.clone(), 0);
    let show = |topic: &DescribeTopicPartitionsResponseTopic| {
        let indexes: Vec<i32> = topic.partitions.iter().map(|one| one.partition_index).collect();
        let name = topic.name.as_deref().unwrap_or("null");
        match topic.error_code {
            ErrorCode::NONE => format!("{name} {indexes:?}"),
            error => format!("{name} error {}", error.0),
        }
    };
    let cursor =
        response.next_cursor.iter().map(|at| format!("then {} {}", at.topic_name, at.partition_index));
    response.topics.iter().map(show).chain(cursor).collect()
}

#[test]
fn what_kafka_puts_on_a_page() {
    let image = image(&[topic(1, "n1", 3), topic(2, "n2", 2), topic(3, "o", 1)]);
    let both = &["n2", "n1", "n1"][..];
    for (names, limit, cursor, expected) in [
        (both, 2000, None, &["n1 [0, 1, 2]", "n2 [0, 1]"][..]),
        (both, 2, None, &["n1 [0, 1]", "then n1 2"]),
        (both, 2, Some(("n1", 2)), &["n1 [2]", "n2 [0]", "then n2 1"]),
        (both, 3, None, &["n1 [0, 1, 2]", "then n2 0"]),
        (both, 5, None, &["n1 [0, 1, 2]", "n2 [0, 1]"]),
        (both, 0, None, &["n1 [0]", "then n1 1"]),
        (both, -1, None, &["n1 [0]", "then n1 1"]),
        (both, 2000, Some(("n1", 9)), &["n1 []", "n2 [0, 1]"]),
        (both, 2000, Some(("n1", i32::MAX)), &["n1 []", "n2 [0, 1]"]),
        (both, 2000, Some(("n2", 1)), &["n2 [1]"]),
        (both, 2000, Some(("n3", 0)), &["n2 error 42", "n1 error 42", "n1 error 42"]),
        (&["n1"], 2000, Some(("n1", -1)), &["n1 error 42"]),
        (
            &["n1", "nope", "a b", ""],
            2000,
            None,
            &[" error 17", "a b error 17", "n1 [0, 1, 2]", "nope error 3"],
        ),
        (&["n1", "n1-unknown"], 3, None, &["n1 [0, 1, 2]", "then n1-unknown 0"]),
        (&[], 2, Some(("n1", 1)), &["n1 [1, 2]", "then n2 0"]),
        (&[], 4, Some(("n1-unknown", 7)), &["n2 [0, 1]", "o [0]"]),
        (&[], 2000, None, &["n1 [0, 1, 2]", "n2 [0, 1]", "o [0]"]),
        (&[], 2000, Some(("p", 0)), &[]),
    ] {
        let said = page(&image, &asking(names, limit, cursor));
        assert_eq!(said, expected, "{names:?} {limit} {cursor:?}");
    }
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let image = image(&[topic(1, "a", 4), topic(2, "b", 1), topic(3, "c", 7)]);
    for limit in 1..14 {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = DescribeTopicPartitionsRequest { cursor, ..asking(&[], limit, None) };
            let response = answer(&context(&image, 0), &request);
            for topic in &response.topics {
                let name = topic.name.clone().unwrap_or_default();
                seen.extend(topic.partitions.iter().map(|one| (name.clone(), one.partition_index)));
            }
            cursor = response.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 12, "limit {limit}");
        assert!(seen.is_sorted_by(|one, other| one < other));
    }
}

#[test]
fn the_nodes_own_limit_counts_too() {
    let image = image_of(&[("max.request.partition.size.limit", "2")], &[topic(1, "a", 4)]);
    assert_eq!(page(&image, &asking(&[], 2000, None)), ["a [0, 1]", "then a 2"]);
}

#[test]
fn a_partition_is_shown_with_its_node() {
    let image = image(&[topic(1, "a", 1)]);
    let response = answer(&context(&image, 0), &asking(&["a", "nope"], 2000, None));
    let partition = &response.topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch), (1, 3));
    assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![1], &vec![1]));
    assert_eq!(
        (&partition.eligible_leader_replicas, &partition.last_known_elr),
        (&Some(vec![]), &Some(vec![]))
    );
    assert!(response.topics.iter().all(|topic| topic.topic_authorized_operations == 3576));
}
