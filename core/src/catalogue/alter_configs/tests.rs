use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use super::super::testing::{apply, configs, context, fits, id, image, overrides, said, topic};
use super::*;
use crate::protocol::alter_configs as replacing;
use crate::protocol::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Op<'a> = (&'a str, i8, Option<&'a str>);

fn resource(resource_type: i8, name: &str, ops: &[Op<'_>]) -> AlterConfigsResource {
    let config = |(name, config_operation, value): &Op<'_>| AlterableConfig {
        name: (*name).into(),
        config_operation: *config_operation,
        value: value.map(Str::from),
        ..Default::default()
    };
    AlterConfigsResource {
        resource_type,
        resource_name: name.into(),
        configs: ops.iter().map(config).collect(),
        ..Default::default()
    }
}

fn alter(image: &Image, resources: Vec<AlterConfigsResource>) -> Change<IncrementalAlterConfigsResponse> {
    let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
    let change = incremental(&context(image, 1), &request);
    (0..=1).for_each(|version| fits(change.response.clone(), version));
    change
}

fn shown(change: &Change<IncrementalAlterConfigsResponse>) -> Vec<String> {
    change.response.responses.iter().map(|one| said(one.error_code, &one.error_message)).collect()
}

/// What becomes of one resource.
fn alter_one(image: &mut Image, resource_type: i8, name: &str, ops: &[Op<'_>]) -> String {
    let change = alter(image, vec![resource(resource_type, name, ops)]);
    apply(image, &change);
    let [one] = &change.response.responses[..] else { panic!("{:?}", change.response) };
    assert_eq!((one.resource_type, &*one.resource_name), (resource_type, name));
    assert!(change.records.is_empty() || one.error_code == ErrorCode::NONE);
    said(one.error_code, &one.error_message)
}

fn replace_one(image: &mut Image, resource_type: i8, name: &str, values: &[(&str, Option<&str>)]) -> String {
    let config = |(name, value): &(&str, Option<&str>)| replacing::AlterableConfig {
        name: (*name).into(),
        value: value.map(Str::from),
        ..Default::default()
    };
    let resource = replacing::AlterConfigsResource {
        resource_type,
        resource_name: name.into(),
        configs: values.iter().map(config).collect(),
        ..Default::default()
    };
    let request = AlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let change = replace(&context(image, 2), &request);
    (0..=2).for_each(|version| fits(change.response.clone(), version));
    apply(image, &change);
    let [one] = &change.response.responses[..] else { panic!("{:?}", change.response) };
    said(one.error_code, &one.error_message)
}

/// Each kind of resource with one of its numeric keys.
const KINDS: [(i8, &str, &str); 5] = [
    (2, "t", "retention.ms"),
    (4, "1", "log.retention.ms"),
    (4, "", "log.retention.ms"),
    (16, "m", "interval.ms"),
    (32, "g", "consumer.session.timeout.ms"),
];

fn configured(kind: (i8, &str, &str)) -> Configured {
    match kind {
        (2, ..) => Configured::Topic(id(1)),
        (4, "", _) => Configured::AllNodes,
        (4, ..) => Configured::Node(1),
        (16, name, _) => Configured::ClientMetrics(name.into()),
        (_, name, _) => Configured::Group(name.into()),
    }
}

#[test]
fn every_kind_is_set_and_deleted_as_kafka_does() {
    for kind @ (resource_type, name, key) in KINDS {
        let mut image = image(&[topic(1, "t", 1)]);
        let mut one = |ops: &[Op<'_>]| alter_one(&mut image, resource_type, name, ops);
        assert_eq!(one(&[(key, SET, Some("50000"))]), "0", "{kind:?}");
        let null = format!("42 Null value not supported for : {key}");
        for operation in [SET, APPEND, SUBTRACT] {
            assert_eq!(one(&[(key, operation, None)]), null);
        }
        assert_eq!(
            one(&[(key, SET, Some("1")), (key, SET, Some("2"))]),
            "42 Error due to duplicate config keys"
        );
        assert_eq!(one(&[(key, 7, Some("1"))]), "42 Unknown operations type 7");
        assert_eq!(one(&[]), "0");
        assert_eq!(one(&[("no.such", DELETE, None)]), "0");
        let set = image.overrides(&configured(kind)).cloned();
        assert_eq!(set, Some(overrides(&[(key, "50000")])));
        let mut one = |ops: &[Op<'_>]| alter_one(&mut image, resource_type, name, ops);
        assert_eq!(one(&[(key, DELETE, None)]), "0");
        assert_eq!(one(&[(key, DELETE, None)]), "0");
        assert!(image.overrides(&configured(kind)).is_none_or(Overrides::is_empty));
    }
}

#[test]
fn every_kind_refuses_bad_values_with_its_own_code() {
    for (kind @ (resource_type, name, key), code) in KINDS.into_iter().zip([40, 42, 42, 40, 40]) {
        let mut image = image(&[topic(1, "t", 1)]);
        let long = if matches!(resource_type, 2 | 4) { "LONG" } else { "INT" };
        let expected =
            format!("{code} Invalid value soon for configuration {key}: Not a number of type {long}");
        assert_eq!(alter_one(&mut image, resource_type, name, &[(key, SET, Some("soon"))]), expected);
        assert_eq!(replace_one(&mut image, resource_type, name, &[(key, Some("soon"))]), expected);
        let unknown = match kind {
            (2, ..) => "40 Unknown topic config name: no.such",
            (16, ..) => "42 Unknown client metrics configuration: no.such",
            (32, ..) => "40 Unknown group config name: no.such",
            _ => "0",
        };
        assert_eq!(alter_one(&mut image, resource_type, name, &[("no.such", SET, Some("1"))]), unknown);
        assert_eq!(replace_one(&mut image, resource_type, name, &[("no.such", Some("1"))]), unknown);
        let append = alter_one(&mut image, resource_type, name, &[(key, APPEND, Some("1"))]);
        let no_list = match resource_type {
            4 => format!("40 Config value append is not allowed for config key: {key}"),
            _ => format!("40 Can't APPEND to key {key} because its type is not LIST."),
        };
        assert_eq!(append, no_list);
    }
}

#[test]
fn every_kind_is_replaced_as_a_whole() {
    for kind @ (resource_type, name, key) in KINDS {
        let mut image = image(&[topic(1, "t", 1)]);
        let mut one = |values: &[(&str, Option<&str>)]| replace_one(&mut image, resource_type, name, values);
        assert_eq!(one(&[(key, Some("60000"))]), "0");
        assert_eq!(one(&[(key, None)]), format!("42 Null value not supported for : {key}"));
        assert_eq!(one(&[(key, Some("1")), (key, Some("2"))]), "42 Error due to duplicate config keys");
        let set = image.overrides(&configured(kind)).cloned();
        assert_eq!(set, Some(overrides(&[(key, "60000")])));
        assert_eq!(replace_one(&mut image, resource_type, name, &[]), "0");
        assert!(image.overrides(&configured(kind)).is_none_or(Overrides::is_empty));
    }
}

#[test]
fn lists_grow_and_shrink() {
    let mut image = image(&[topic(1, "t", 1)]);
    let policy = "cleanup.policy";
    for (operation, value, expected) in [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "compact", ""),
    ] {
        assert_eq!(alter_one(&mut image, 2, "t", &[(policy, operation, Some(value))]), "0");
        assert_eq!(image.topic("t").unwrap().overrides, overrides(&[(policy, expected)]));
    }
    assert_eq!(
        alter_one(&mut image, 2, "t", &[(policy, APPEND, Some("shred"))]),
        "40 Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete"
    );
}

#[test]
fn what_kafka_says_of_resources_that_are_not_there() {
    let mut image = image(&[topic(1, "t", 1)]);
    for (resource_type, name, key, expected) in [
        (2, "nope", "retention.ms", "3 The topic 'nope' does not exist."),
        (2, "nope", "no.such", "40 Unknown topic config name: no.such"),
        (2, "", "retention.ms", "42 Default topic resources are not allowed."),
        (4, "2", "max.connections", "42 Unexpected broker id, expected 1, but received 2"),
        (4, "one", "max.connections", "42 Node id must be an integer, but it is: one"),
        (32, "", "consumer.session.timeout.ms", "42 Default group resources are not allowed."),
        (16, "", "interval.ms", "42 Subscription name can't be empty"),
        (99, "x", "a", "42 Unknown resource type 99"),
        (0, "x", "a", "42 Unknown resource type 0"),
        (8, "2", "root", "42 Unexpected node id. Expected 1, but received 2"),
        (8, "one", "root", "42 Node id must be an integer, but it is: one"),
        (8, "", "root", "42 Node id must be an integer, but it is: "),
    ] {
        let said = alter_one(&mut image, resource_type, name, &[(key, SET, Some("50000"))]);
        assert_eq!(said, expected, "{resource_type} {name}");
        if resource_type != 8 {
            assert_eq!(replace_one(&mut image, resource_type, name, &[(key, Some("50000"))]), expected);
        }
    }
    let bad = alter_one(&mut image, 2, "a b", &[("retention.ms", SET, Some("1"))]);
    assert!(bad.starts_with("17 Topic name is invalid: 'a b' contains"), "{bad}");
    assert!(alter_one(&mut image, 8, "1", &[("root", SET, Some("INFO"))]).starts_with("42 "));
    assert_eq!(
        replace_one(&mut image, 8, "1", &[("root", Some("INFO"))]),
        "42 Unknown resource type 8",
        "AlterConfigs knows no loggers"
    );
}

#[test]
fn what_kafka_says_of_values_of_nodes_groups_and_metrics() {
    let mut image = image(&[]);
    for (resource_type, name, key, value, expected) in [
        (4, "1", "num.partitions", "5", "42 Cannot update these configs dynamically: [num.partitions]"),
        (
            4,
            "1",
            "message.max.bytes",
            "-1",
            "42 Invalid value -1 for configuration message.max.bytes: Value must be at least 0",
        ),
        (
            16,
            "m",
            "interval.ms",
            "50",
            "42 Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
        ),
        (16, "m", "match", "color=blue", "40 Illegal client matching pattern: color=blue"),
        (
            32,
            "g",
            "consumer.session.timeout.ms",
            "1",
            "40 consumer.session.timeout.ms must be greater than or equal to \
             group.consumer.min.session.timeout.ms",
        ),
    ] {
        assert_eq!(alter_one(&mut image, resource_type, name, &[(key, SET, Some(value))]), expected);
    }
}

#[test]
fn each_resource_counts_for_itself_and_only_once() {
    let image = image(&[topic(1, "t", 1), topic(2, "u", 1)]);
    let set = |name| resource(2, name, &[("retention.ms", SET, Some("5"))]);
    let change = alter(&image, vec![set("t"), set("nope"), set("u"), set("t")]);
    let once = "42 Each resource must appear at most once.";
    assert_eq!(shown(&change), [once, "3 The topic 'nope' does not exist.", "0", once]);
    let of = Configured::Topic(id(2));
    assert_eq!(change.records, [configs(of, &[("retention.ms", "5")])]);
}

#[test]
fn what_changes_nothing_makes_no_record() {
    let image = image(&[topic(1, "t", 1), configs(Configured::Topic(id(1)), &[("retention.ms", "5")])]);
    for ops in [&[("retention.ms", SET, Some("5"))][..], &[("segment.ms", DELETE, None)], &[]] {
        assert!(alter(&image, vec![resource(2, "t", ops)]).records.is_empty(), "{ops:?}");
    }
}

#[test]
fn validate_only_makes_nothing() {
    let image = image(&[topic(1, "t", 1)]);
    let resources = vec![resource(2, "t", &[("retention.ms", SET, Some("5"))]), resource(2, "nope", &[])];
    let request = IncrementalAlterConfigsRequest { resources, validate_only: true, ..Default::default() };
    let change = incremental(&context(&image, 1), &request);
    assert_eq!(shown(&change), ["0", "3 The topic 'nope' does not exist."]);
    assert!(change.records.is_empty());
}

#[test]
fn what_need_not_exist_is_bounded() {
    let mut image = image(&[]);
    for number in 0..limits::CONFIGURED {
        let of = Configured::Group(format!("g{number}").as_str().into());
        image.apply(&configs(of, &[("share.isolation.level", "read_committed")])).unwrap();
    }
    let set = |name: &str| resource(32, name, &[("share.isolation.level", SET, Some("read_committed"))]);
    let refused = "44 No more than 10000 of a kind can be configured.";
    assert_eq!(shown(&alter(&image, vec![set("one"), set("g5"), set("more")])), [refused, "0", refused]);
    image.apply(&configs(Configured::Group("g5".into()), &[])).unwrap();
    assert_eq!(shown(&alter(&image, vec![set("one"), set("more")])), ["0", refused]);
    let delete = resource(32, "more", &[("share.isolation.level", DELETE, None)]);
    assert_eq!(shown(&alter(&image, vec![delete])), ["0"]);
}

#[test]
fn a_node_keeps_only_so_many_keys_it_does_not_know() {
    let image = image(&[]);
    let names: Vec<String> = (0..=limits::KEYS_PER_RESOURCE).map(|number| number.to_string()).collect();
    let ops: Vec<Op<'_>> = names.iter().map(|name| (name.as_str(), SET, Some("x"))).collect();
    let set = |ops: &[Op<'_>]| shown(&alter(&image, vec![resource(4, "1", ops)]));
    assert_eq!(set(&ops[1..]), ["0"]);
    assert_eq!(set(&ops), ["44 A resource cannot have more than 1000 keys set."]);
}
