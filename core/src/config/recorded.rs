//! What Apache Kafka 4.3.1 showed of its configurations and how it answered eight hundred changes, acted again.
//! `tests/oracle/configs/run` made the recording and describes its lines.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::layers::Overrides;
use super::{
    AlterOp, BrokerLayers, Effect, Entry, Resource, Target, alter_incremental, definition, describe,
};

const RECORDED: &str = include_str!("kafka-4.3.1.txt");

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("\\0")
}

/// A line as the recording has it.
fn line(resource: &str, entry: &Entry) -> String {
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|synonym| format!("{}={}/{}", synonym.name, shown(&synonym.value), synonym.source.code()))
        .collect();
    format!(
        "show\t{resource}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        entry.name,
        shown(&entry.value),
        entry.source.code(),
        u8::from(entry.read_only),
        u8::from(entry.sensitive),
        entry.kind_code(),
        synonyms.join(" ")
    )
}

fn target<'a>(resource: &str, own: &'a Overrides) -> Target<'a> {
    match resource {
        "topic" => Target::Topic(own),
        "group" => Target::Group(own),
        "metrics" => Target::ClientMetrics(own),
        _ => panic!("no resource {resource}"),
    }
}

/// Lines of the node are another test's. There, Kafka itself has written a default of `min.insync.replicas`.
fn concerns_us(line: &&str) -> bool {
    !line.starts_with("show\tnode\t") && !line.starts_with("show\ttopic\tmin.insync.replicas\t")
}

/// With several keys wrong, which of them Kafka names depends on the order of a hash table.
fn same_message(ops: usize, ours: &str, kafkas: &str) -> bool {
    ops > 1 || ours == kafkas
}

#[test]
fn changes_are_answered_and_shown_as_kafka_does() {
    let layers = BrokerLayers::default();
    let mut set: BTreeMap<&str, Overrides> = BTreeMap::new();
    let mut checked = 0;
    for recorded in RECORDED.lines().filter(concerns_us) {
        let fields: Vec<&str> = recorded.split('\t').collect();
        let own = set.entry(fields[1]).or_default();
        if fields[0] == "show" {
            let entries = describe(target(fields[1], own), &layers, Some(&[fields[2]]));
            let [entry] = entries.as_slice() else { panic!("{} is not described", fields[2]) };
            assert_eq!(line(fields[1], entry), recorded);
            continue;
        }
        let (ops, answer) = fields[2..].split_at(fields.len() - 4);
        let ops: Vec<AlterOp<'_>> = ops
            .iter()
            .map(|text| {
                let (operation, pair) = text.split_once(':').unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                let value = (value != "\\0").then_some(value);
                AlterOp { name, operation: operation.parse().unwrap(), value }
            })
            .collect();
        let (code, message) = match alter_incremental(target(fields[1], own), &layers, &ops) {
            Ok(new) => {
                *own = new;
                (0, "\\0".to_owned())
            }
            Err(error) => (error.code.0, error.message),
        };
        assert_eq!(format!("{code}"), answer[0], "{recorded}: {message}");
        assert!(same_message(ops.len(), &message, answer[1]), "{recorded}: {message}");
        checked += 1;
    }
    assert_eq!(checked, 800);
}

/// Keys of a node whose default here is another one, because it is true here.
const OTHER_DEFAULTS: [&str; 7] = [
    "broker.id",
    "listeners",
    "log.dir",
    "log.dirs",
    "node.id",
    "sasl.enabled.mechanisms",
    "socket.listen.backlog.size",
];

#[test]
fn keys_of_a_node_are_kafkas_with_their_types_and_defaults() {
    let kafkas: Vec<Vec<&str>> = RECORDED
        .lines()
        .filter(|line| line.starts_with("show\tnode\t"))
        .map(|line| line.split('\t').collect())
        .collect();
    let layers = BrokerLayers::default();
    let ours = describe(Target::Node, &layers, None);
    let known: Vec<&str> = kafkas.iter().map(|fields| fields[2]).collect();
    for entry in &ours {
        let own = entry.name.starts_with("kelpgate.");
        assert!(own || known.contains(&entry.name.as_str()), "{} is not one of Kafka's", entry.name);
    }
    for fields in kafkas {
        let name = fields[2];
        let key = definition(Resource::Broker, name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(format!("{}", key.kind.code()), fields[7], "type of {name}");
        let acts = key.effect == Effect::Acts;
        // Whatever is dynamic here is so in Kafka.
        let read_only = ours.iter().find(|entry| entry.name == name).unwrap().read_only;
        assert!(read_only || fields[5] == "0", "{name} is fixed in Kafka");
        assert!(
            !acts || read_only == (fields[5] == "1") || name == "listeners",
            "{name} can be changed in Kafka"
        );
        if !OTHER_DEFAULTS.contains(&name) {
            let default = fields[8]
                .split(' ')
                .find_map(|synonym| synonym.strip_prefix(name)?.strip_prefix('=')?.strip_suffix("/5"));
            assert_eq!(key.default.filter(|_| !key.sensitive()), default, "default of {name}");
        }
    }
}
