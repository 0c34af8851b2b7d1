use alloc::string::{String, ToString};
use alloc::vec;

use super::super::image::Image;
use super::super::record::Configured;
use super::super::testing::{configs, context, fits, id, image, said, topic};
use super::*;

fn resource(resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| Str::from(*key)).collect()),
        ..Default::default()
    }
}

fn described(image: &Image, resource: DescribeConfigsResource) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let mut response = answer(&context(image, 4), &request);
    (1..=4).for_each(|version| fits(response.clone(), version));
    response.results.pop().unwrap()
}

fn names(result: &DescribeConfigsResult) -> Vec<&str> {
    result.configs.iter().map(|config| &*config.name).collect()
}

#[test]
fn what_kafka_says_of_resources() {
    let image = image(&[topic(1, "t", 1)]);
    for (resource_type, name, expected, count) in [
        (2, "t", "0", 33),
        (2, "nope", "3 ", 0),
        (2, "", "17 Topic name is invalid: the empty string is not allowed", 0),
        (4, "", "0", 0),
        (4, "2", "42 Unexpected broker id, expected 1 or empty string, but received 2", 0),
        (4, "one", "42 Broker id must be an integer, but it is: one", 0),
        (8, "1", "0", 0),
        (8, "", "42 Broker id must not be empty", 0),
        (8, "2", "42 Unexpected broker id, expected 1 but received 2", 0),
        (8, "one", "42 Broker id must be an integer, but it is: one", 0),
        (16, "any", "0", 3),
        (16, "", "42 Client metrics subscription name must not be empty", 0),
        (32, "any", "0", 18),
        (32, "", "42 Group name must not be empty", 0),
        (99, "x", "42 Unsupported resource type: 99", 0),
        (0, "x", "42 Unsupported resource type: 0", 0),
    ] {
        let result = described(&image, resource(resource_type, name, None));
        assert_eq!(said(result.error_code, &result.error_message), expected, "{resource_type} {name}");
        assert_eq!(result.configs.len(), count, "{resource_type} {name}");
        assert_eq!((result.resource_type, &*result.resource_name), (resource_type, name));
    }
    let bad = described(&image, resource(2, "a b", None));
    assert_eq!(bad.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert!(described(&image, resource(4, "1", None)).configs.len() > 300);
}

#[test]
fn keys_choose() {
    let image = image(&[topic(1, "t", 1)]);
    let result = described(&image, resource(2, "t", Some(&["segment.ms", "no.such", "retention.ms"])));
    assert_eq!(names(&result), ["retention.ms", "segment.ms"]);
    assert_eq!(described(&image, resource(2, "t", Some(&[]))).configs.len(), 33, "as if there was no list");
}

#[test]
fn values_come_with_source_type_and_what_was_asked_for() {
    let image = image(&[
        topic(1, "t", 1),
        configs(Configured::Topic(id(1)), &[("retention.ms", "5")]),
        configs(Configured::AllNodes, &[("log.retention.ms", "6")]),
    ]);
    let ask = |include_synonyms, include_documentation| {
        let request = DescribeConfigsRequest {
            resources: vec![resource(2, "t", Some(&["retention.ms"]))],
            include_synonyms,
            include_documentation,
            ..Default::default()
        };
        answer(&context(&image, 4), &request).results.pop().unwrap().configs.pop().unwrap()
    };
    let plain = ask(false, false);
    assert_eq!((plain.value.as_deref(), plain.config_source, plain.config_type), (Some("5"), 1, 5));
    assert!(!plain.read_only && !plain.is_sensitive);
    assert_eq!((plain.synonyms.len(), &plain.documentation), (0, &None));
    let full = ask(true, true);
    let synonyms: Vec<(String, Option<&str>, i8)> =
        full.synonyms.iter().map(|one| (one.name.to_string(), one.value.as_deref(), one.source)).collect();
    let one = |name: &str, value, source| (name.to_string(), Some(value), source);
    assert_eq!(
        synonyms,
        [one("retention.ms", "5", 1), one("log.retention.ms", "6", 3), one("log.retention.hours", "168", 5)]
    );
    assert!(full.documentation.is_some_and(|text| text.contains("How long records are kept")));
}

#[test]
fn nodes_show_what_is_read_only_and_what_is_set_for_all() {
    let image = image(&[configs(Configured::AllNodes, &[("max.connections", "9")])]);
    let node = described(&image, resource(4, "1", Some(&["max.connections", "num.partitions"])));
    let shown: Vec<(&str, Option<&str>, bool, i8)> = node
        .configs
        .iter()
        .map(|one| (&*one.name, one.value.as_deref(), one.read_only, one.config_source))
        .collect();
    assert_eq!(shown, [("max.connections", Some("9"), false, 3), ("num.partitions", Some("1"), true, 5)]);
    assert_eq!(names(&described(&image, resource(4, "", None))), ["max.connections"]);
}

#[test]
fn one_request_describes_only_so_much() {
    let image = image(&[]);
    let resources = vec![resource(2, "nope", None); limits::RESOURCES_PER_REQUEST + 1];
    let request = DescribeConfigsRequest { resources, ..Default::default() };
    let response = answer(&context(&image, 4), &request);
    let (last, others) = response.results.split_last().unwrap();
    assert_eq!(last.error_code, ErrorCode::INVALID_REQUEST);
    assert!(others.iter().all(|one| one.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}
