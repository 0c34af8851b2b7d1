use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::config::TimestampType;

fn id(number: u8) -> Uuid {
    Uuid([number; 16])
}

fn overrides(values: &[(&str, &str)]) -> Overrides {
    values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn topic(number: u8, name: &str, partitions: i32) -> CatalogueRecord {
    CatalogueRecord::Topic { id: id(number), name: name.into(), partitions, overrides: Overrides::new() }
}

fn configs(of: Configured, values: &[(&str, &str)]) -> CatalogueRecord {
    CatalogueRecord::Configs { of, overrides: overrides(values) }
}

fn image(records: &[CatalogueRecord]) -> Image {
    let mut image = Image::new(Overrides::new());
    for record in records {
        assert!(image.apply(record).is_ok(), "{record:?}");
    }
    image
}

#[test]
fn topics_are_found_by_name_and_by_id() {
    let image = image(&[topic(2, "b", 3), topic(1, "a", 1)]);
    assert_eq!(image.topic("b").unwrap().id, id(2));
    assert_eq!(image.topic_by_id(id(1)).unwrap().name, "a");
    assert!(image.topic("c").is_none() && image.topic_by_id(id(3)).is_none());
    assert_eq!(image.topics().map(|topic| topic.name.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(image.topics_from("aa").count(), 1);
    assert_eq!(image.topics_from("b").count(), 1);
    assert_eq!((image.partition_count(), image.change_number()), (4, 2));
}

#[test]
fn logs_follow_each_other() {
    let image = image(&[topic(2, "b", 2), topic(1, "a", 2)]);
    let all: Vec<LogId> = image.logs_after(None).collect();
    let log = |topic, partition| LogId { topic: id(topic), partition };
    assert_eq!(all, [log(1, 0), log(1, 1), log(2, 0), log(2, 1)]);
    for (at, after) in all.iter().enumerate() {
        assert_eq!(image.logs_after(Some(*after)).collect::<Vec<_>>(), all[at + 1..]);
    }
}

#[test]
fn a_deleted_topic_takes_its_logs_with_it_and_its_name_is_free() {
    let mut image = image(&[topic(1, "a_b", 2), topic(2, "c", 1)]);
    assert_eq!(image.collides_with("a.b").map(|name| name.to_string()), Some("a_b".to_string()));
    let gone = image.apply(&CatalogueRecord::TopicDeleted { id: id(1) }).unwrap();
    assert_eq!(gone, [LogId { topic: id(1), partition: 0 }, LogId { topic: id(1), partition: 1 }]);
    assert!(image.topic("a_b").is_none() && image.collides_with("a.b").is_none());
    assert_eq!(image.partition_count(), 1);
    image.apply(&topic(3, "a_b", 1)).unwrap();
    assert_eq!(image.topic("a_b").unwrap().id, id(3));
}

#[test]
fn partitions_only_grow() {
    let mut image = image(&[topic(1, "a", 2)]);
    let to = |count| CatalogueRecord::Partitions { topic: id(1), count };
    image.apply(&to(5)).unwrap();
    assert_eq!(image.topic("a").unwrap().partitions, 5);
    assert_eq!(image.topic_by_id(id(1)).unwrap().partitions, 5);
    assert_eq!(image.partition_count(), 5);
    assert_eq!(image.apply(&to(5)), Err(ApplyError::Partitions(5)));
    assert_eq!(image.apply(&to(-1)), Err(ApplyError::Partitions(-1)));
}

#[test]
fn contradictions_change_nothing() {
    let before = image(&[
        topic(1, "a", 2),
        CatalogueRecord::Started { number: 4 },
        CatalogueRecord::ProducerIds { next: 1000 },
    ]);
    let mut image = before.clone();
    for (record, error) in [
        (topic(1, "b", 1), ApplyError::IdTaken(id(1))),
        (topic(0, "b", 1), ApplyError::IdTaken(Uuid::ZERO)),
        (topic(2, "a", 1), ApplyError::NameTaken("a".into())),
        (topic(2, "b", 0), ApplyError::Partitions(0)),
        (CatalogueRecord::TopicDeleted { id: id(9) }, ApplyError::NoTopic(id(9))),
        (CatalogueRecord::Partitions { topic: id(9), count: 3 }, ApplyError::NoTopic(id(9))),
        (configs(Configured::Topic(id(9)), &[]), ApplyError::NoTopic(id(9))),
        (CatalogueRecord::Started { number: 4 }, ApplyError::GoesBack("number of starts", 4)),
        (CatalogueRecord::ProducerIds { next: 999 }, ApplyError::GoesBack("next producer id", 999)),
    ] {
        assert_eq!(image.apply(&record), Err(error));
        assert_eq!(image, before, "{record:?}");
    }
}

#[test]
fn configurations_act_at_once() {
    let mut image = image(&[topic(1, "a", 1), topic(2, "b", 1)]);
    assert!(Arc::ptr_eq(&image.topic("a").unwrap().config, &image.topic("b").unwrap().config));
    image.apply(&configs(Configured::Topic(id(1)), &[("retention.ms", "5")])).unwrap();
    assert_eq!(image.topic("a").unwrap().config.retention_ms, 5);
    image
        .apply(&configs(
            Configured::AllNodes,
            &[("log.retention.ms", "6"), ("log.message.timestamp.type", "LogAppendTime")],
        ))
        .unwrap();
    let (a, b) = (image.topic("a").unwrap().config.clone(), image.topic_by_id(id(2)).unwrap().config.clone());
    assert_eq!((a.retention_ms, b.retention_ms), (5, 6));
    assert_eq!(a.message_timestamp_type, TimestampType::LogAppendTime);
    image
        .apply(&configs(Configured::Node(1), &[("log.retention.ms", "7"), ("max.connections", "3")]))
        .unwrap();
    assert_eq!(image.topic("b").unwrap().config.retention_ms, 7);
    assert_eq!(image.broker().max_connections, 3);
    image.apply(&configs(Configured::Node(1), &[])).unwrap();
    assert_eq!(image.topic("b").unwrap().config.retention_ms, 6);
    image.apply(&topic(3, "c", 1)).unwrap();
    assert_eq!(image.topic("c").unwrap().config.retention_ms, 6);
}

#[test]
fn another_nodes_configurations_are_kept_for_it() {
    let mut image = image(&[configs(Configured::Node(2), &[("max.connections", "3")])]);
    assert_eq!(image.overrides(&Configured::Node(2)), Some(&overrides(&[("max.connections", "3")])));
    assert_ne!(image.broker().max_connections, 3);
    let restored = Image::restore(&image.snapshot(), overrides(&[("node.id", "2")])).unwrap();
    assert_eq!(restored.broker().max_connections, 3);
    image.apply(&configs(Configured::Node(2), &[])).unwrap();
    assert_eq!(image.overrides(&Configured::Node(2)), None);
}

#[test]
fn groups_and_subscriptions_come_and_go() {
    let group = || Configured::Group("g".into());
    let mut image = image(&[
        configs(group(), &[("share.isolation.level", "read_committed")]),
        configs(Configured::ClientMetrics("m".into()), &[("interval.ms", "100")]),
    ]);
    assert_eq!(image.configured_groups().count(), 1);
    assert_eq!(image.client_metrics().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), ["m"]);
    image.apply(&configs(group(), &[])).unwrap();
    assert_eq!(image.overrides(&group()), None);
    assert_eq!(image.configured_groups().count(), 0);
}

#[test]
fn internal_topics_are_marked() {
    let image = image(&[topic(1, "__consumer_offsets", 1), topic(2, "__other", 1)]);
    assert!(image.topic("__consumer_offsets").unwrap().internal);
    assert!(!image.topic("__other").unwrap().internal);
}

#[test]
fn a_snapshot_restores_everything() {
    let mut image = image(&[
        CatalogueRecord::Cluster { id: id(9) },
        CatalogueRecord::Started { number: 1 },
        topic(1, "gone", 1),
        topic(2, "a.b", 3),
        CatalogueRecord::TopicDeleted { id: id(1) },
        configs(Configured::Topic(id(2)), &[("cleanup.policy", "compact")]),
        configs(Configured::Node(1), &[("max.connections", "3")]),
        configs(Configured::Node(5), &[("max.connections", "4")]),
        configs(Configured::AllNodes, &[("log.retention.ms", "6")]),
        configs(Configured::Group("g".into()), &[("k", "v")]),
        configs(Configured::ClientMetrics("m".into()), &[("k", "v")]),
        CatalogueRecord::ProducerIds { next: 5000 },
    ]);
    let restored = Image::restore(&image.snapshot(), Overrides::new()).unwrap();
    assert_eq!(restored, image);
    assert_eq!(restored.change_number(), 12);
    // And goes on as the original does.
    let mut restored = restored;
    let next = topic(7, "next", 1);
    assert_eq!(restored.apply(&next), image.apply(&next));
    assert_eq!(restored, image);
}

#[test]
fn a_bad_snapshot_is_refused() {
    let snapshot = image(&[topic(1, "a", 1), topic(2, "b", 1)]).snapshot();
    for length in 1..snapshot.len() {
        // A cut between two records is not noticed here: the engine keeps snapshots whole.
        let cut = Image::restore(&snapshot[..length], Overrides::new());
        assert!(cut.is_err() || cut.unwrap().topics().len() < 2, "cut at {length}");
    }
    let newer = Image::restore(&[1, 0], Overrides::new()).unwrap_err();
    assert_eq!(
        newer.to_string(),
        "the catalogue's snapshot has version 1: a newer version of this program wrote it"
    );
    let twice = [snapshot.to_vec(), snapshot[2..].to_vec()].concat();
    assert!(Image::restore(&twice, Overrides::new()).is_err());
}

/// Any record about a few topics, most of which make sense.
fn any_record() -> impl Strategy<Value = CatalogueRecord> {
    let value = prop_oneof![Just("1"), Just("2"), Just("compact")];
    let key = prop_oneof![Just("retention.ms"), Just("cleanup.policy"), Just("log.retention.ms")];
    let own = proptest::collection::btree_map(key.prop_map(String::from), value.prop_map(String::from), 0..3);
    let of = prop_oneof![
        (1u8..6).prop_map(|number| Configured::Topic(id(number))),
        (1i32..3).prop_map(Configured::Node),
        Just(Configured::AllNodes),
        Just(Configured::Group("g".into())),
    ];
    prop_oneof![
        (1u8..6, "[ab][._][ab]", 1i32..4).prop_map(|(number, name, count)| topic(number, &name, count)),
        (1u8..6, 1i32..9)
            .prop_map(|(number, count)| CatalogueRecord::Partitions { topic: id(number), count }),
        (1u8..6).prop_map(|number| CatalogueRecord::TopicDeleted { id: id(number) }),
        (of, own).prop_map(|(of, overrides)| CatalogueRecord::Configs { of, overrides }),
        (1i64..100).prop_map(|next| CatalogueRecord::ProducerIds { next }),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_indexes_agree_and_snapshots_restore(records in proptest::collection::vec(any_record(), 0..60)) {
        let mut image = Image::new(Overrides::new());
        for record in &records {
            let before = image.clone();
            if image.apply(record).is_err() {
                prop_assert_eq!(&image, &before);
            }
        }
        let mut partitions = 0;
        for topic in image.topics() {
            prop_assert!(Arc::ptr_eq(image.topic_by_id(topic.id).unwrap(), topic));
            prop_assert_eq!(&*topic.config, &TopicConfig::new(&topic.overrides, image.broker_layers()));
            partitions += topic.partitions as u64;
        }
        prop_assert_eq!(image.partition_count(), partitions);
        prop_assert_eq!(image.logs_after(None).count() as u64, partitions);
        let restored = Image::restore(&image.snapshot(), Overrides::new()).unwrap();
        prop_assert_eq!(restored.topics().collect::<Vec<_>>(), image.topics().collect::<Vec<_>>());
    }
}
