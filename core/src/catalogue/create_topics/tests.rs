use alloc::string::ToString;
use alloc::vec;

use super::super::image::Image;
use super::super::testing::{
    apply, context, counting, fits, id, image, image_of, overrides, said, texts, topic,
};
use super::*;
use crate::protocol::create_topics::{CreatableReplicaAssignment, CreatableTopicConfig};

fn asked(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: replicas,
        ..Default::default()
    }
}

fn placed(name: &str, at: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = at.iter().map(|(partition_index, brokers)| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: brokers.to_vec(),
        ..Default::default()
    });
    CreatableTopic { assignments: assignments.collect(), ..asked(name, -1, -1) }
}

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Str::from),
        ..Default::default()
    });
    CreatableTopic { configs: configs.collect(), ..asked(name, 1, 1) }
}

fn create(image: &Image, version: i16, topics: Vec<CreatableTopic>) -> Change<CreateTopicsResponse> {
    let request = CreateTopicsRequest { topics, ..Default::default() };
    let change = change(&context(image, version), &request, &mut counting());
    (version..=7).for_each(|version| fits(change.response.clone(), version));
    change
}

/// What is said of a single topic.
fn outcome(image: &Image, topic: CreatableTopic) -> String {
    let change = create(image, 7, vec![topic]);
    let [result] = &change.response.topics[..] else { panic!("{:?}", change.response) };
    assert_eq!(change.records.len(), usize::from(result.error_code == ErrorCode::NONE));
    said(result.error_code, &result.error_message)
}

#[test]
fn what_kafka_says_of_names() {
    let image = image(&[topic(1, "here", 1), topic(2, "a.b", 1), topic(3, "__consumer_offsets", 1)]);
    let longest = "x".repeat(249);
    for (name, expected) in [
        ("...", "0"),
        (longest.as_str(), "0"),
        ("__other", "0"),
        ("", "17 Topic name is invalid: the empty string is not allowed"),
        (".", "17 Topic name is invalid: '.' is not allowed"),
        ("..", "17 Topic name is invalid: '..' is not allowed"),
        (
            "a b",
            "17 Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, \
             '.', '_' and '-'",
        ),
        ("here", "36 Topic 'here' already exists."),
        ("__consumer_offsets", "36 Topic '__consumer_offsets' already exists."),
        ("a_b", "17 Topic 'a_b' collides with existing topic: a.b"),
        ("__cluster_metadata", "42 Creation of internal topic __cluster_metadata is prohibited."),
    ] {
        assert_eq!(outcome(&image, asked(name, 1, 1)), expected, "{name}");
    }
}

#[test]
fn what_kafka_says_of_counts() {
    let image = image(&[]);
    let positive = "38 Replication factor must be larger than 0, or -1 to use the default value.";
    let count = "37 Number of partitions was set to an invalid non-positive value.";
    for (partitions, replicas, expected) in [
        (1, 1, "0"),
        (-1, -1, "0"),
        (10_000, 1, "0"),
        (0, 1, count),
        (-2, 1, count),
        (1, 0, positive),
        (1, -2, positive),
        (0, 0, positive),
    ] {
        assert_eq!(outcome(&image, asked("t", partitions, replicas)), expected, "{partitions} {replicas}");
    }
    for replicas in [2, 3, i16::MAX] {
        let said = outcome(&image, asked("t", 1, replicas));
        let expected = alloc::format!(
            "38 Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} \
             cannot be reached because only 1 broker(s) are registered"
        );
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn the_nodes_defaults_are_used_and_judged() {
    let image = image_of(&[("num.partitions", "7"), ("default.replication.factor", "2")], &[]);
    let change = create(&image, 7, vec![asked("t", -1, 1)]);
    assert_eq!(change.response.topics[0].num_partitions, 7);
    assert!(outcome(&image, asked("t", 1, -1)).starts_with("38 Unable to replicate the partition 2 time(s)"));
}

#[test]
fn what_kafka_says_of_placements() {
    let image = image(&[]);
    let gap = "39 partitions should be a consecutive 0-based integer sequence";
    for (at, expected) in [
        (&[(0, &[1][..]), (1, &[1])][..], "0"),
        (&[(1, &[1]), (0, &[1])], "0"),
        (&[(1, &[1])], gap),
        (&[(0, &[1]), (2, &[1])], gap),
        (&[(-1, &[1])], gap),
        (&[(0, &[1]), (0, &[1])], "39 Found multiple manual partition assignments for partition 0"),
        (
            &[(0, &[9])],
            "39 The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (&[(0, &[1, 1])], "39 The manual partition assignment includes the broker 1 more than once."),
        (&[(0, &[])], "39 The manual partition assignment includes an empty replica list."),
    ] {
        assert_eq!(outcome(&image, placed("t", at)), expected, "{at:?}");
    }
    let with = |partitions, replicas| {
        let topic = CreatableTopic {
            num_partitions: partitions,
            replication_factor: replicas,
            ..placed("t", &[(0, &[1])])
        };
        outcome(&image, topic)
    };
    let unset = |what| {
        alloc::format!("42 A manual partition assignment was specified, but {what} was not set to -1.")
    };
    assert_eq!(with(1, -1), unset("numPartitions"));
    assert_eq!(with(-1, 1), unset("replication factor"));
    assert_eq!(with(1, 1), unset("replication factor"));
    let change = create(&image, 7, vec![placed("t", &[(0, &[1]), (1, &[1])])]);
    let result = &change.response.topics[0];
    assert_eq!((result.num_partitions, result.replication_factor), (2, 1));
}

#[test]
fn what_kafka_says_of_configurations() {
    let image = image(&[]);
    for (configs, expected) in [
        (&[("retention.ms", Some("1000")), ("cleanup.policy", Some("compact,delete"))][..], "0"),
        (&[("cleanup.policy", Some("delete,delete"))], "0"),
        (&[("cleanup.policy", Some(""))], "0"),
        (&[("min.insync.replicas", Some("5"))], "0"),
        (&[("retention.bytes", Some("-5"))], "0"),
        (&[("no.such", Some("1"))], "40 Unknown topic config name: no.such"),
        (&[("message.format.version", Some("3.0"))], "40 Unknown topic config name: message.format.version"),
        (
            &[("retention.ms", Some("soon"))],
            "40 Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (
            &[("retention.ms", Some("-2"))],
            "40 Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (
            &[("min.cleanable.dirty.ratio", Some("1.5"))],
            "40 Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            &[("cleanup.policy", Some("shred"))],
            "40 Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            &[("message.timestamp.type", Some("createtime"))],
            "40 Invalid value createtime for configuration message.timestamp.type: String must be one of: \
             CreateTime, LogAppendTime",
        ),
        (
            &[("preallocate", Some("maybe"))],
            "40 Invalid value maybe for configuration preallocate: Expected value to be either true or false",
        ),
        (&[("retention.ms", None)], "40 Null value not supported for topic configs: retention.ms"),
        (
            &[("min.compaction.lag.ms", Some("10")), ("max.compaction.lag.ms", Some("5"))],
            "40 conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
        ),
        (
            &[("remote.storage.enable", Some("true"))],
            "40 Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote \
             log storage.",
        ),
        (
            &[("segment.bytes", Some("1000"))],
            "40 Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576",
        ),
    ] {
        assert_eq!(outcome(&image, configured("t", configs)), expected, "{configs:?}");
    }
    // Configurations come before counts.
    let both = CreatableTopic { num_partitions: 0, ..configured("t", &[("no.such", Some("1"))]) };
    assert_eq!(outcome(&image, both), "40 Unknown topic config name: no.such");
}

#[test]
fn a_topic_that_is_made_is_shown_with_its_configurations() {
    let image = image(&[]);
    let topics =
        || vec![configured("t", &[("retention.ms", Some("5")), ("cleanup.policy", Some("compact"))])];
    let change = create(&image, 7, topics());
    let expected = CatalogueRecord::Topic {
        id: change.response.topics[0].topic_id,
        name: "t".into(),
        partitions: 1,
        overrides: overrides(&[("retention.ms", "5"), ("cleanup.policy", "compact")]),
    };
    assert_eq!(change.records, [expected]);
    let result = &change.response.topics[0];
    assert_eq!((result.num_partitions, result.replication_factor), (1, 1));
    assert_eq!((&result.error_message, result.topic_config_error_code), (&None, ErrorCode::NONE));
    let shown = result.configs.as_ref().unwrap();
    assert_eq!(shown.len(), 33, "all that a topic has");
    assert!(shown.is_sorted_by_key(|config| config.name.to_string()));
    let find = |name: &str| {
        let config = shown.iter().find(|config| config.name == name).unwrap();
        (config.value.as_deref(), config.config_source, config.read_only, config.is_sensitive)
    };
    assert_eq!(find("retention.ms"), (Some("5"), 1, false, false));
    assert_eq!(find("segment.ms"), (Some("604800000"), 5, false, false));
    // Versions that cannot show them do not pay for them.
    assert_eq!(create(&image, 4, topics()).response.topics[0].configs, Some(vec![]));
}

#[test]
fn a_refused_topic_does_not_keep_the_others() {
    let image = image(&[topic(1, "here", 1)]);
    let topics = vec![asked("here", 1, 1), asked("twice", 1, 1), asked("new", 2, 1), asked("twice", 1, 1)];
    let change = create(&image, 7, topics);
    let results: Vec<(String, i16)> =
        change.response.topics.iter().map(|topic| (topic.name.to_string(), topic.error_code.0)).collect();
    let named = |name: &str, code| (name.to_string(), code);
    assert_eq!(results, [named("here", 36), named("twice", 42), named("new", 0)]);
    assert_eq!(change.response.topics[1].error_message.as_deref(), Some("Duplicate topic name."));
    assert_eq!(change.records.len(), 1);
}

#[test]
fn names_of_one_request_collide_too() {
    let change = create(&image(&[]), 7, vec![asked("a.b", 1, 1), asked("a_b", 1, 1)]);
    assert_eq!(change.response.topics[1].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(change.records.len(), 1);
}

#[test]
fn too_many_partitions_are_refused_as_a_whole_and_first() {
    let image = image(&[]);
    let message = "44 Excessively large number of partitions per request.";
    for topics in [
        vec![asked("a", 10_001, 1), asked("b", 1, 1)],
        vec![asked("a", 5000, 1), asked("b", 5001, 1)],
        vec![asked("a", 10_001, 1), asked("", 1, 1)],
        vec![asked("a", i32::MAX, 1), asked("b", i32::MAX, 1)],
    ] {
        let change = create(&image, 7, topics);
        assert!(change.records.is_empty());
        for topic in &change.response.topics {
            assert_eq!(said(topic.error_code, &topic.error_message), message);
        }
    }
    // One named twice is not made, so that it does not count.
    let change = create(&image, 7, vec![asked("a", 10_001, 1), asked("a", 1, 1)]);
    assert_eq!(change.response.topics[0].error_code, ErrorCode::INVALID_REQUEST);
    let defaults = image_of(&[("num.partitions", "6000")], &[]);
    let change = create(&defaults, 7, vec![asked("a", -1, 1), asked("b", -1, 1)]);
    assert_eq!(change.response.topics[1].error_code, ErrorCode::POLICY_VIOLATION);
}

#[test]
fn the_node_holds_only_so_many_partitions() {
    let full = i32::try_from(limits::PARTITIONS).unwrap();
    let image = image(&[topic(1, "full", full - 3)]);
    let change = create(&image, 7, vec![asked("a", 2, 1), asked("b", 2, 1), asked("c", 1, 1)]);
    let codes: Vec<i16> = change.response.topics.iter().map(|topic| topic.error_code.0).collect();
    assert_eq!(codes, [0, 44, 0]);
}

#[test]
fn validate_only_makes_nothing() {
    let image = image(&[]);
    let request = CreateTopicsRequest {
        topics: vec![asked("t", 1, 1), asked("", 1, 1)],
        validate_only: true,
        ..Default::default()
    };
    let change = change(&context(&image, 7), &request, &mut counting());
    assert!(change.records.is_empty());
    assert!(!change.response.topics[0].topic_id.is_zero());
    assert_eq!(change.response.topics[1].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn ids_are_fit_for_use_whatever_the_generator_gives() {
    let taken = id(7);
    let image = image(&[topic(7, "here", 1)]);
    for bytes in [[0; 16], [0xff; 16], [0xf8; 16], [0xfb; 16], taken.0] {
        let context = context(&image, 7);
        let mut making = Making::new(&context);
        let (one, other) = (making.new_id(&mut || bytes), making.new_id(&mut || bytes));
        assert_ne!(one, other, "the same id twice");
        for id in [one, other] {
            assert!(!id.is_zero() && id != Uuid::METADATA && id != taken);
            assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (4, 2), "version 4 of RFC 9562");
            assert!(!id.to_string().starts_with('-'));
        }
    }
}

#[test]
fn topics_are_made_on_demand_with_the_nodes_defaults() {
    let mut image = image_of(&[("num.partitions", "3")], &[topic(1, "here", 1), topic(2, "a.b", 1)]);
    let names = ["new", "here", "a_b", "bad name", "new", "__consumer_offsets"].map(Str::from);
    let records = on_demand(&context(&image, 0), &names, &mut counting());
    let made = Change { records, response: () };
    apply(&mut image, &made);
    let all = texts(image.topics().map(|topic| &topic.name));
    assert_eq!(all, ["__consumer_offsets", "a.b", "here", "new"]);
    assert_eq!(image.topic("new").unwrap().partitions, 3);
    let offsets = image.topic("__consumer_offsets").unwrap();
    assert_eq!((offsets.partitions, offsets.internal), (50, true));
    assert!(offsets.config.cleanup_policy.compact && !offsets.config.cleanup_policy.delete);
    assert_eq!(offsets.config.segment_bytes, 104_857_600);
}

#[test]
fn internal_topics_do_not_depend_on_defaults_of_others() {
    let fixed = [("default.replication.factor", "3"), ("transaction.state.log.num.partitions", "5")];
    let image = image_of(&fixed, &[]);
    let names = ["__transaction_state", "other"].map(Str::from);
    let records = on_demand(&context(&image, 0), &names, &mut counting());
    let [CatalogueRecord::Topic { name, partitions: 5, overrides, .. }] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(*name, "__transaction_state");
    assert_eq!(overrides.get("compression.type").map(String::as_str), Some("uncompressed"));
}

#[test]
fn what_is_made_on_demand_is_bounded() {
    let image = image_of(&[("num.partitions", "4000")], &[]);
    let names = ["a", "b", "c"].map(Str::from);
    assert_eq!(on_demand(&context(&image, 0), &names, &mut counting()).len(), 2);
}
