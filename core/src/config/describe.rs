//! What DescribeConfigs shows (`ConfigHelper`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::definition::{Definition, Effect, Kind, Resource, Update, same};
use super::keys::{definition, definitions};
use super::layers::{BrokerLayers, Overrides, Source, effective, names_of};
use super::target::Target;
use super::value::checked;

/// One key as DescribeConfigs shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// What holds, in canonical form; none if nothing does or if it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it can only be given at start-up.
    pub read_only: bool,
    /// Whether its value is a secret.
    pub sensitive: bool,
    /// Every value that is set or built in for it, the one that holds first.
    pub synonyms: Vec<EntrySynonym>,
    /// None for a key of a node that nobody knows, which a client has set.
    pub definition: Option<&'static Definition>,
}

/// A value under one of the names that give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySynonym {
    pub name: String,
    /// As it was given; none if it is a secret.
    pub value: Option<String>,
    pub source: Source,
}

impl Entry {
    /// Whether nobody has set it (`is_default` of version 0).
    pub fn is_default(&self) -> bool {
        self.source == Source::Default
    }

    /// The code of its type, 0 for an unknown key.
    pub fn kind_code(&self) -> i8 {
        self.definition.map_or(0, |definition| definition.kind.code())
    }

    /// What a person should know of it, and why it does nothing if it does not.
    pub fn documentation(&self) -> Option<String> {
        let definition = self.definition?;
        Some(match definition.effect {
            Effect::Acts => definition.documentation.to_string(),
            Effect::Reported(why) => {
                let text = definition.documentation;
                let blank = if text.is_empty() { "" } else { " " };
                format!("{text}{blank}Without effect here: {why}.")
            }
        })
    }
}

/// Describes a target in name order: all its keys, or those of the given names that it has.
///
/// For [`Target::AllNodes`] only what is set is shown.
pub fn describe(target: Target<'_>, layers: &BrokerLayers, names: Option<&[&str]>) -> Vec<Entry> {
    // Kafka takes an empty list for no list.
    let wanted = |name: &str| names.is_none_or(|names| names.is_empty() || names.contains(&name));
    let own = target.own(layers);
    let set = |name: &str| {
        own.contains_key(name) || (target.resource() == Resource::Broker && anywhere(layers, name))
    };
    let known = definitions(target.resource())
        .filter(|key| wanted(key.name))
        .filter(|key| match target {
            Target::AllNodes => own.contains_key(key.name),
            Target::Topic(_) | Target::Group(_) | Target::ClientMetrics(_) | Target::Node => {
                !key.hidden || set(key.name)
            }
        })
        .map(|key| match target {
            Target::Topic(own) | Target::Group(own) | Target::ClientMetrics(own) => {
                inheriting(key, own, target, layers)
            }
            Target::Node => node(key, layers),
            Target::AllNodes => all_nodes(key, layers),
        });
    let mut entries: Vec<Entry> = known.collect();
    entries.extend(unknown(target, layers).filter(|entry| wanted(&entry.name)));
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}

fn anywhere(layers: &BrokerLayers, name: &str) -> bool {
    [&layers.node, &layers.all_nodes, &layers.fixed].iter().any(|layer| layer.contains_key(name))
}

/// A key whose resource may inherit from the node.
fn inheriting(key: &'static Definition, own: &Overrides, target: Target<'_>, layers: &BrokerLayers) -> Entry {
    let value = effective(key, own, layers).map(|value| value.render());
    let mut synonyms = Vec::new();
    if own.contains_key(key.name) {
        synonyms.push(synonym(key, key.name, value.clone(), target.source()));
    }
    match key.follows.first() {
        Some(first) => synonyms.extend(broker_synonyms(key, first.name, key.follows, layers)),
        // Kafka names the default of a group's key that follows none, but not that of a topic's.
        None if target.resource() == Resource::Group => {
            synonyms.push(synonym(key, key.name, key.default.map(String::from), Source::Default));
        }
        None => {}
    }
    entry(key, value, false, synonyms)
}

/// A key of this node.
fn node(key: &'static Definition, layers: &BrokerLayers) -> Entry {
    let value = layers.value(key).map(|value| value.render());
    let alone = [same(key.name)];
    let names = match names_of(key) {
        [] => &alone[..],
        family => family,
    };
    let synonyms = broker_synonyms(key, key.name, names, layers).collect();
    entry(key, value, key.update == Update::ReadOnly, synonyms)
}

/// A key that is set for all nodes.
fn all_nodes(key: &'static Definition, layers: &BrokerLayers) -> Entry {
    let raw = layers.all_nodes.get(key.name).cloned().unwrap_or_default();
    let value = checked(key, &raw).ok().map(|value| value.render());
    let synonyms = alloc::vec![synonym(key, key.name, Some(raw), Source::DynamicDefaultBroker)];
    entry(key, value, key.update == Update::ReadOnly, synonyms)
}

/// Keys that nobody knows and a client has set for nodes: kept, and shown without their value, which might be a secret.
fn unknown<'a>(target: Target<'_>, layers: &'a BrokerLayers) -> impl Iterator<Item = Entry> + 'a {
    let node = matches!(target, Target::Node);
    let maps = [
        (&layers.node, Source::DynamicBroker, node),
        (&layers.all_nodes, Source::DynamicDefaultBroker, node || matches!(target, Target::AllNodes)),
    ];
    let shown = maps.into_iter().filter(|(.., shown)| *shown);
    let names = shown.flat_map(|(map, source, _)| map.keys().map(move |name| (name, source)));
    names
        .filter(|(name, _)| definition(Resource::Broker, name).is_none())
        .filter(move |(name, source)| {
            *source == Source::DynamicBroker || !node || !layers.node.contains_key(*name)
        })
        .map(|(name, source)| Entry {
            name: name.clone(),
            value: None,
            source,
            read_only: true,
            sensitive: true,
            synonyms: alloc::vec![EntrySynonym { name: name.clone(), value: None, source }],
            definition: None,
        })
}

/// What nodes hold under some names. Defaults of other names than the first are left out as long as nothing is set
/// before them, as Kafka does: a default under an older name is not a value of the newer one.
fn broker_synonyms<'a>(
    key: &'static Definition,
    first: &'a str,
    names: &'a [super::definition::Synonym],
    layers: &'a BrokerLayers,
) -> impl Iterator<Item = EntrySynonym> {
    layers
        .candidates(names)
        .skip_while(move |candidate| candidate.source == Source::Default && candidate.synonym.name != first)
        .map(move |candidate| {
            synonym(key, candidate.synonym.name, Some(candidate.raw.to_string()), candidate.source)
        })
}

fn synonym(key: &Definition, name: &str, value: Option<String>, source: Source) -> EntrySynonym {
    EntrySynonym { name: name.to_string(), value: value.filter(|_| !key.sensitive()), source }
}

fn entry(
    key: &'static Definition,
    value: Option<String>,
    read_only: bool,
    synonyms: Vec<EntrySynonym>,
) -> Entry {
    debug_assert!(key.kind != Kind::Password || synonyms.iter().all(|synonym| synonym.value.is_none()));
    Entry {
        name: key.name.to_string(),
        value: value.filter(|_| !key.sensitive()),
        source: synonyms.first().map_or(Source::Default, |first| first.source),
        read_only,
        sensitive: key.sensitive(),
        synonyms,
        definition: Some(key),
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::overrides;
    use super::*;

    /// `name=value/source` of an entry and, behind a bar, of its synonyms.
    fn show(target: Target<'_>, layers: &BrokerLayers, name: &str) -> String {
        let entries = describe(target, layers, Some(&[name]));
        let [entry] = entries.as_slice() else { panic!("{} entries for {name}", entries.len()) };
        let text = |value: &Option<String>| value.clone().unwrap_or("null".to_string());
        let mut shown = format!("{}/{} |", text(&entry.value), entry.source.code());
        for synonym in &entry.synonyms {
            shown += &format!(" {}={}/{}", synonym.name, text(&synonym.value), synonym.source.code());
        }
        shown
    }

    #[test]
    fn what_kafka_shows_of_topics() {
        let layers = BrokerLayers::default();
        let own = overrides(&[
            ("min.cleanable.dirty.ratio", "1"),
            ("cleanup.policy", "delete , compact"),
            ("preallocate", "TRUE"),
        ]);
        let topic = |name| show(Target::Topic(&own), &layers, name);
        assert_eq!(topic("retention.ms"), "604800000/5 |");
        assert_eq!(topic("flush.ms"), "9223372036854775807/5 |");
        assert_eq!(topic("remote.storage.enable"), "false/5 |");
        assert_eq!(topic("follower.replication.throttled.replicas"), "/5 |");
        assert_eq!(topic("compression.type"), "producer/5 | compression.type=producer/5");
        assert_eq!(
            topic("min.cleanable.dirty.ratio"),
            "1.0/1 | min.cleanable.dirty.ratio=1.0/1 log.cleaner.min.cleanable.ratio=0.5/5"
        );
        assert_eq!(
            topic("cleanup.policy"),
            "delete,compact/1 | cleanup.policy=delete,compact/1 log.cleanup.policy=delete/5"
        );
        assert_eq!(topic("preallocate"), "true/1 | preallocate=true/1 log.preallocate=false/5");
    }

    #[test]
    fn what_kafka_shows_of_nodes() {
        let all = BrokerLayers {
            all_nodes: overrides(&[("log.retention.ms", "5000"), ("unknown.key", "5")]),
            ..BrokerLayers::default()
        };
        let synonyms = "log.retention.ms=5000/3 log.retention.hours=168/5";
        let own = Overrides::new();
        assert_eq!(show(Target::Topic(&own), &all, "retention.ms"), format!("5000/3 | {synonyms}"));
        assert_eq!(show(Target::Node, &all, "log.retention.ms"), format!("5000/3 | {synonyms}"));
        assert_eq!(show(Target::AllNodes, &all, "log.retention.ms"), "5000/3 | log.retention.ms=5000/3");
        assert_eq!(show(Target::Node, &BrokerLayers::default(), "log.retention.minutes"), "null/5 |");
        assert_eq!(show(Target::Node, &all, "unknown.key"), "null/3 | unknown.key=null/3");
        assert_eq!(show(Target::AllNodes, &all, "unknown.key"), "null/3 | unknown.key=null/3");
        assert_eq!(describe(Target::AllNodes, &all, None).len(), 2);

        let mut both = all.clone();
        both.node = overrides(&[("log.retention.ms", "6000"), ("unknown.key", "6")]);
        assert_eq!(
            show(Target::Node, &both, "log.retention.ms"),
            format!("6000/2 | log.retention.ms=6000/2 {synonyms}")
        );
        assert_eq!(show(Target::Node, &both, "unknown.key"), "null/2 | unknown.key=null/2");
    }

    #[test]
    fn a_value_given_at_start_up_under_an_older_name_is_shown() {
        let layers =
            BrokerLayers { fixed: overrides(&[("log.retention.hours", "1")]), ..BrokerLayers::default() };
        assert_eq!(
            show(Target::Topic(&Overrides::new()), &layers, "retention.ms"),
            "3600000/4 | log.retention.hours=1/4 log.retention.hours=168/5"
        );
    }

    #[test]
    fn what_kafka_shows_of_groups_and_client_metrics() {
        let layers = BrokerLayers::default();
        let own = overrides(&[("consumer.session.timeout.ms", "50000")]);
        let group = |name| show(Target::Group(&own), &layers, name);
        assert_eq!(
            group("consumer.session.timeout.ms"),
            "50000/8 | consumer.session.timeout.ms=50000/8 group.consumer.session.timeout.ms=45000/5"
        );
        assert_eq!(group("share.auto.offset.reset"), "latest/5 | share.auto.offset.reset=latest/5");
        let own = overrides(&[("interval.ms", "500")]);
        let metrics = |name| show(Target::ClientMetrics(&own), &layers, name);
        assert_eq!(metrics("interval.ms"), "500/7 | interval.ms=500/7");
        assert_eq!(metrics("match"), "/5 |");
    }

    #[test]
    fn secrets_stay_here() {
        let layers = BrokerLayers {
            fixed: overrides(&[("ssl.key.password", "swordfish"), ("super.users", "User:swordfish")]),
            ..BrokerLayers::default()
        };
        for name in ["ssl.key.password", "super.users"] {
            assert_eq!(show(Target::Node, &layers, name), format!("null/4 | {name}=null/4"));
        }
        let shown = format!("{:?}", describe(Target::Node, &layers, None));
        assert!(!shown.contains("swordfish"));
    }

    #[test]
    fn names_choose_and_all_is_in_order() {
        let layers = BrokerLayers::default();
        let own = Overrides::new();
        let topic = Target::Topic(&own);
        assert_eq!(describe(topic, &layers, None).len(), 33);
        assert_eq!(describe(topic, &layers, Some(&[])).len(), 33, "Kafka takes an empty list for all");
        assert_eq!(describe(topic, &layers, Some(&["retention.ms", "nope"])).len(), 1);
        assert_eq!(describe(Target::Group(&own), &layers, None).len(), 18);
        assert_eq!(describe(Target::ClientMetrics(&own), &layers, None).len(), 3);
        assert!(describe(Target::AllNodes, &layers, None).is_empty());
        let node = describe(Target::Node, &layers, None);
        assert!(node.is_sorted_by(|one, other| one.name < other.name));
        assert!(!node.iter().any(|entry| entry.name == "super.users"), "listed only if it is set");
    }

    #[test]
    fn what_does_nothing_says_so() {
        let entries = describe(Target::Node, &BrokerLayers::default(), None);
        let text = |name| entries.iter().find(|entry| entry.name == name).unwrap().documentation().unwrap();
        assert_eq!(text("num.partitions"), "How many partitions a topic has whose maker does not say.");
        assert!(text("broker.session.timeout.ms").starts_with("Without effect here: there is no controller"));
        assert!(text("log.flush.interval.ms").contains("in milliseconds. Without effect here: "));
        assert!(entries.iter().all(|entry| !entry.documentation().unwrap().is_empty()));
    }
}
