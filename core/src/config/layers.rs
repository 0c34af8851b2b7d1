//! Where values come from, and which of them holds.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::definition::{Definition, Resource, Synonym, Unit, same};
use super::keys::{definition, family};
use super::value::{Value, checked, parse};

/// Values by key, as they were given.
pub type Overrides = BTreeMap<String, String>;

/// Where a value comes from, with Kafka's codes (`DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Set for the topic.
    Topic,
    /// Set for this node while it ran.
    DynamicBroker,
    /// Set for all nodes while they ran.
    DynamicDefaultBroker,
    /// Given at start-up.
    StaticBroker,
    /// Built in.
    Default,
    /// Set for the client metrics subscription.
    ClientMetrics,
    /// Set for the group.
    Group,
}

impl Source {
    /// The code in a DescribeConfigs answer, v1 and later.
    pub fn code(self) -> i8 {
        match self {
            Source::Topic => 1,
            Source::DynamicBroker => 2,
            Source::DynamicDefaultBroker => 3,
            Source::StaticBroker => 4,
            Source::Default => 5,
            Source::ClientMetrics => 7,
            Source::Group => 8,
        }
    }
}

/// The values of a node, lowest precedence last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerLayers {
    /// Set for this node by clients.
    pub node: Overrides,
    /// Set for all nodes by clients.
    pub all_nodes: Overrides,
    /// Given at start-up: file, environment, flags. Never changes.
    pub fixed: Overrides,
}

/// A value that is set, or built in, somewhere.
pub(super) struct Candidate<'a> {
    /// The broker key that holds it.
    pub synonym: Synonym,
    /// As it was given.
    pub raw: &'a str,
    /// Where.
    pub source: Source,
}

impl BrokerLayers {
    /// All values that could hold for a broker key or for what follows it, the one that does first: layer by layer, and
    /// in each layer the newest name first.
    pub(super) fn candidates<'a>(&'a self, names: &'a [Synonym]) -> impl Iterator<Item = Candidate<'a>> {
        let layers = [
            (&self.node, Source::DynamicBroker),
            (&self.all_nodes, Source::DynamicDefaultBroker),
            (&self.fixed, Source::StaticBroker),
        ];
        let set = layers.into_iter().flat_map(move |(layer, source)| {
            names.iter().filter_map(move |synonym| {
                let raw = layer.get(synonym.name)?;
                Some(Candidate { synonym: *synonym, raw, source })
            })
        });
        set.chain(names.iter().filter_map(|synonym| {
            let raw = definition(Resource::Broker, synonym.name)?.default?;
            Some(Candidate { synonym: *synonym, raw, source: Source::Default })
        }))
    }

    /// What holds for a broker key itself, as text in canonical form; none is Kafka's null. For people and for a program's own
    /// keys: the machine reads [`BrokerConfig`](super::BrokerConfig).
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.value(definition(Resource::Broker, name)?)?;
        Some(value.render())
    }

    /// What holds for a broker key itself, whatever its other names say. None is Kafka's null.
    pub(super) fn value(&self, key: &Definition) -> Option<Value> {
        let name = [same(key.name)];
        self.candidates(&name).find_map(|candidate| checked(key, candidate.raw).ok())
    }
}

/// The names a broker key may be set under, itself included.
pub(super) fn names_of(key: &'static Definition) -> &'static [Synonym] {
    family(key.name).unwrap_or(&[])
}

/// What holds for a key of a topic, a group or a client metrics subscription. A stored value that this version does not
/// accept (another one wrote it) counts as not set.
pub(super) fn effective(key: &Definition, own: &Overrides, layers: &BrokerLayers) -> Option<Value> {
    if let Some(value) = own.get(key.name).and_then(|raw| checked(key, raw).ok()) {
        return Some(value);
    }
    let inherited = layers.candidates(key.follows).find_map(|candidate| inherited(key, &candidate));
    inherited.or_else(|| key.default.and_then(|raw| parse(key, raw).ok()))
}

/// A broker's value in the unit of the key that follows it. Times below zero have no limit, which is -1.
fn inherited(key: &Definition, candidate: &Candidate<'_>) -> Option<Value> {
    match candidate.synonym.unit.milliseconds() {
        None => checked(key, candidate.raw).ok(),
        Some(unit) => {
            let broker = definition(Resource::Broker, candidate.synonym.name)?;
            match checked(broker, candidate.raw).ok()? {
                Value::Integer(count) if count < 0 => Some(Value::Integer(-1)),
                Value::Integer(count) => Some(Value::Integer(count.saturating_mul(unit))),
                Value::Bool(_) | Value::Double(_) | Value::Text(_) | Value::List(_) => None,
            }
        }
    }
}

/// Reads typed values of one resource.
pub(super) struct Reader<'a> {
    pub resource: Resource,
    pub own: &'a Overrides,
    pub layers: &'a BrokerLayers,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let key = definition(self.resource, name);
        debug_assert!(key.is_some(), "no key {name}");
        match self.resource {
            Resource::Broker => self.layers.value(key?),
            Resource::Topic | Resource::Group | Resource::ClientMetrics => {
                effective(key?, self.own, self.layers)
            }
        }
    }

    /// A whole number; 0 for a key that has no value.
    pub fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Integer(number)) => number,
            _ => 0,
        }
    }

    /// A whole number of a key whose kind is Int.
    pub fn int(&self, name: &str) -> i32 {
        i32::try_from(self.integer(name)).unwrap_or(i32::MAX)
    }

    /// A size or count that is never below 0.
    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(0)
    }

    /// A switch; off for a key that has no value.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Bool(true))
    }

    /// A text; none for a key that has no value.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.render())
    }

    /// A ratio in parts per million.
    pub fn parts_per_million(&self, name: &str) -> u32 {
        match self.value(name) {
            Some(Value::Double(ratio)) => (ratio * 1e6 + 0.5) as u32,
            _ => 0,
        }
    }

    /// The items of a list.
    pub fn items(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Whether a list holds an item.
    pub fn lists(&self, name: &str, item: &str) -> bool {
        matches!(self.value(name), Some(Value::List(items)) if items.iter().any(|known| known == item))
    }
}

impl Unit {
    /// How many milliseconds one of it is; nothing for a key that is taken as it is.
    fn milliseconds(self) -> Option<i64> {
        match self {
            Unit::Same => None,
            Unit::Minutes => Some(60_000),
            Unit::Hours => Some(3_600_000),
        }
    }
}

/// A map of a few values, for tests of this module.
#[cfg(test)]
pub(super) fn overrides(values: &[(&str, &str)]) -> Overrides {
    values.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::keys::definitions;
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_a_topic_key_follows_has_the_same_default() {
        let layers = BrokerLayers::default();
        for key in definitions(Resource::Topic).chain(definitions(Resource::Group)) {
            let own = key.default.and_then(|raw| checked(key, raw).ok());
            assert_eq!(effective(key, &Overrides::new(), &layers), own, "{}", key.name);
        }
    }

    #[test]
    fn layers_and_units() {
        let key = definition(Resource::Topic, "retention.ms").unwrap();
        let read = |own: &[(&str, &str)], layers: &BrokerLayers| {
            effective(key, &overrides(own), layers).map(|value| value.render()).unwrap()
        };
        let mut layers = BrokerLayers::default();
        assert_eq!(read(&[], &layers), "604800000");
        layers.fixed = overrides(&[("log.retention.hours", "2")]);
        assert_eq!(read(&[], &layers), "7200000");
        layers.fixed.insert("log.retention.minutes".to_string(), "3".to_string());
        assert_eq!(read(&[], &layers), "180000", "a newer name wins in the same layer");
        layers.fixed.insert("log.retention.minutes".to_string(), "-1".to_string());
        assert_eq!(read(&[], &layers), "-1", "below zero is no limit");
        layers.all_nodes = overrides(&[("log.retention.ms", "5")]);
        assert_eq!(read(&[], &layers), "5", "a higher layer wins whatever the name");
        layers.node = overrides(&[("log.retention.ms", "6")]);
        assert_eq!(read(&[], &layers), "6");
        assert_eq!(read(&[("retention.ms", " 7 ")], &layers), "7");
        assert_eq!(read(&[("retention.ms", "seven")], &layers), "6", "what cannot be read is not set");
    }

    #[test]
    fn a_schedulers_interval_is_the_default_of_flush_ms() {
        let key = definition(Resource::Topic, "flush.ms").unwrap();
        let layers = BrokerLayers {
            fixed: overrides(&[("log.flush.scheduler.interval.ms", "9")]),
            ..BrokerLayers::default()
        };
        assert_eq!(effective(key, &Overrides::new(), &layers), Some(Value::Integer(9)));
    }
}
