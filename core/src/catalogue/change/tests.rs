use alloc::vec;

use super::super::testing::{context, counting, image, topic};
use super::*;
use crate::protocol::alter_configs::{AlterConfigsRequest, AlterConfigsResource};
use crate::protocol::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use crate::protocol::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::protocol::incremental_alter_configs::{
    AlterConfigsResource as IncrementalResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use crate::protocol::metadata::MetadataRequest;

/// Requests that ask for something that works (on a topic `t`) and something that does not.
fn requests(timeout_ms: i32) -> Vec<(Request, i16)> {
    let made = |name: &str| CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let gone = |name: &str| DeleteTopicState { name: Some(name.into()), ..Default::default() };
    let grown = |name: &str| CreatePartitionsTopic {
        name: name.into(),
        count: 9,
        assignments: None,
        ..Default::default()
    };
    let replaced = |name: &str| AlterConfigsResource {
        resource_type: 2,
        resource_name: name.into(),
        ..Default::default()
    };
    let config =
        AlterableConfig { name: "retention.ms".into(), value: Some("5".into()), ..Default::default() };
    let altered = |name: &str| IncrementalResource {
        resource_type: 2,
        resource_name: name.into(),
        configs: vec![config.clone()],
        ..Default::default()
    };
    vec![
        (
            CreateTopicsRequest { topics: vec![made("new"), made("t")], timeout_ms, ..Default::default() }
                .into(),
            7,
        ),
        (
            DeleteTopicsRequest { topics: vec![gone("t"), gone("no")], timeout_ms, ..Default::default() }
                .into(),
            6,
        ),
        (
            CreatePartitionsRequest {
                topics: vec![grown("t"), grown("no")],
                timeout_ms,
                ..Default::default()
            }
            .into(),
            3,
        ),
        (
            AlterConfigsRequest { resources: vec![replaced("t"), replaced("no")], ..Default::default() }
                .into(),
            2,
        ),
        (
            IncrementalAlterConfigsRequest {
                resources: vec![altered("t"), altered("no")],
                ..Default::default()
            }
            .into(),
            1,
        ),
    ]
}

fn codes(response: &Response) -> Vec<i16> {
    match response {
        Response::CreateTopics(response) => response.topics.iter().map(|one| one.error_code.0).collect(),
        Response::DeleteTopics(response) => response.responses.iter().map(|one| one.error_code.0).collect(),
        Response::CreatePartitions(response) => response.results.iter().map(|one| one.error_code.0).collect(),
        Response::AlterConfigs(response) => response.responses.iter().map(|one| one.error_code.0).collect(),
        Response::IncrementalAlterConfigs(response) => {
            response.responses.iter().map(|one| one.error_code.0).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_could_not_be_stored_has_failed() {
    let image = image(&[topic(1, "t", 1)]);
    for (request, version) in requests(1) {
        let change = change(&context(&image, version), &request, &mut counting()).unwrap();
        let before = codes(&change.response);
        assert_eq!((before[0], before.len()), (0, 2), "{request:?}");
        let after = not_done(change.response.clone(), ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(codes(&after), [56, before[1]], "{request:?}");
        if let Response::CreateTopics(response) = after {
            assert!(response.topics[0].topic_id.is_zero(), "no id of a topic that does not exist");
        }
    }
}

#[test]
fn a_request_that_gives_no_time_is_too_late() {
    let image = image(&[topic(1, "t", 1)]);
    for timeout in [0, -1, i32::MIN] {
        for (request, version) in requests(timeout) {
            let change = change(&context(&image, version), &request, &mut counting()).unwrap();
            match timeout_ms(&request) {
                Some(given) => {
                    assert_eq!(given, timeout);
                    assert_eq!(codes(&change.response), [7, 7], "{request:?}");
                    assert!(change.records.is_empty());
                }
                None => assert_ne!(codes(&change.response)[0], 7, "has no timeout"),
            }
        }
    }
}

#[test]
fn requests_that_only_ask_change_nothing() {
    let image = image(&[]);
    let request = Request::from(MetadataRequest::default());
    assert_eq!(change(&context(&image, 13), &request, &mut counting()), None);
    assert_eq!((timeout_ms(&request), refused(13, &request, ErrorCode::REQUEST_TIMED_OUT)), (None, None));
}
