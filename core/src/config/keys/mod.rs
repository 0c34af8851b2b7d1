//! The tables of keys, one file for each subject.

mod client_metrics;
mod coordination;
mod group;
mod kelpgate;
mod log;
mod network;
mod security;
mod topic;
mod without_effect;

use super::definition::{Definition, Resource, Synonym};

/// All tables of a resource, each in name order.
fn tables(resource: Resource) -> &'static [&'static [Definition]] {
    match resource {
        Resource::Topic => &[topic::TOPIC],
        Resource::Broker => &[
            log::LOG,
            network::NETWORK,
            coordination::COORDINATION,
            security::SECURITY,
            kelpgate::KELPGATE,
            without_effect::WITHOUT_EFFECT,
        ],
        Resource::ClientMetrics => &[client_metrics::CLIENT_METRICS],
        Resource::Group => &[group::GROUP, kelpgate::GROUP],
    }
}

/// Every key of a resource.
pub fn definitions(resource: Resource) -> impl Iterator<Item = &'static Definition> {
    tables(resource).iter().flat_map(|table| table.iter())
}

/// The key of that name.
pub fn definition(resource: Resource, name: &str) -> Option<&'static Definition> {
    tables(resource).iter().find_map(|table| {
        let at = table.binary_search_by(|definition| definition.name.cmp(name)).ok()?;
        table.get(at)
    })
}

/// Whether two broker keys give one value, such as `log.retention.ms` and `log.retention.hours`.
pub fn are_synonyms(one: &str, other: &str) -> bool {
    one == other || family(one).is_some_and(|names| names.iter().any(|synonym| synonym.name == other))
}

/// The names under which a broker key may be set, the first that is set wins (`DynamicBrokerConfig.brokerConfigSynonyms`).
/// Each with the unit that turns it into the unit of the first.
pub(super) fn family(name: &str) -> Option<&'static [Synonym]> {
    // The scheduler's interval is a default of the flush interval, not another name for it.
    if name == "log.flush.scheduler.interval.ms" {
        return None;
    }
    topic::TOPIC
        .iter()
        .map(|definition| definition.follows)
        .find(|follows| follows.len() > 1 && follows.iter().any(|synonym| synonym.name == name))
}

/// What every table needs, and the reasons why keys do nothing.
mod prelude {
    pub(super) use super::super::definition::Check::{
        AddressCounts, GzipLevel, Items, OffsetReset, OneOf, OneOfAnyCase, ThrottledReplicas,
    };
    pub(super) use super::super::definition::Kind::{
        Bool, Class, Double, Int, List, Long, Password, Short, String,
    };
    pub(super) use super::super::definition::{Definition, Kind, Synonym, Unit, same};

    pub(super) const MAX_INT: &str = "2147483647";
    pub(super) const MAX_LONG: &str = "9223372036854775807";

    pub(super) const AUTHORIZATION: &str = "requests are not authorized here";
    pub(super) const CLEANER: &str = "the cost of compaction is bounded by the node itself";
    pub(super) const CONTROLLER: &str = "there is no controller quorum: the node keeps its own catalogue";
    pub(super) const COORDINATOR_RECORDS: &str = "coordinators write their records uncompressed";
    pub(super) const CREATION_RATE: &str = "the rate of new connections is not limited";
    pub(super) const EXPIRY: &str = "expired producers are dropped as soon as they are met";
    pub(super) const FILES: &str = "the storage engine has its own way to lay out files";
    pub(super) const LZ4: &str = "the lz4 compressor has one strength";
    pub(super) const LOADING: &str = "coordinators load in pieces of a fixed size";
    pub(super) const JMX: &str = "there are no Java metrics";
    pub(super) const ONE_FOLDER: &str = "a node keeps its data in one folder, log.dirs";
    pub(super) const ONE_NODE: &str = "nodes do not talk to each other";
    pub(super) const ONE_REPLICA: &str = "a partition has one replica, kept safe by the storage engine";
    pub(super) const PLAINTEXT: &str = "listeners take plain connections only";
    pub(super) const PLUGINS: &str = "Java classes cannot be loaded";
    pub(super) const PURGATORY: &str = "requests that wait are woken one by one, there is nothing to purge";
    pub(super) const QUEUES: &str =
        "requests are limited for each connection and by its credit, not by a shared queue";
    pub(super) const QUOTAS: &str = "quotas are not served yet";
    pub(super) const REPLICATION: &str = "nothing is replicated between nodes";
    pub(super) const SASL: &str = "clients do not authenticate here";
    pub(super) const SHARE: &str = "share groups are not served";
    pub(super) const SOCKETS: &str = "the operating system chooses the sizes of socket buffers";
    pub(super) const STREAMS: &str = "streams groups are not served";
    pub(super) const SYNC: &str = "when records reach the disk is decided for all topics by kelpgate.sync";
    pub(super) const TELEMETRY: &str = "clients are not asked for their metrics";
    pub(super) const THREADS: &str = "each shard has one thread, see kelpgate.shards";
    pub(super) const TIERING: &str = "there is no tiered storage";
    pub(super) const TLS: &str = "connections are not encrypted here";
    pub(super) const TRANSACTIONS: &str = "transactions are not served yet";
}

#[cfg(test)]
mod tests {
    use super::super::definition::{Effect, Unit, Update};
    use super::super::value;
    use super::*;

    const ALL: [Resource; 4] = [Resource::Topic, Resource::Broker, Resource::ClientMetrics, Resource::Group];

    #[test]
    fn tables_are_in_name_order_and_no_name_is_in_two() {
        for resource in ALL {
            let mut names: alloc::vec::Vec<_> = definitions(resource).map(|key| key.name).collect();
            for table in tables(resource) {
                assert!(table.is_sorted_by(|one, other| one.name < other.name), "{:?}", table.first());
            }
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
            for name in names {
                assert_eq!(definition(resource, name).map(|key| key.name), Some(name));
            }
        }
    }

    #[test]
    fn every_default_is_a_value_its_key_accepts() {
        for resource in ALL {
            for key in definitions(resource) {
                if let Some(text) = key.default {
                    let value = value::checked(key, text).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(value.render(), text, "{} is not written canonically", key.name);
                }
            }
        }
    }

    #[test]
    fn as_many_keys_as_kafka_has() {
        let visible = |resource| definitions(resource).filter(|key| !key.hidden).count();
        assert_eq!(visible(Resource::Topic), 33);
        assert_eq!(visible(Resource::Group) - kelpgate::GROUP.len(), 17);
        assert_eq!(visible(Resource::ClientMetrics), 3);
        let own = kelpgate::KELPGATE.len();
        assert_eq!(visible(Resource::Broker) - own, 340);
    }

    #[test]
    fn every_synonym_is_a_broker_key_that_changes_with_the_key_it_stands_for() {
        for resource in [Resource::Topic, Resource::Group] {
            for key in definitions(resource) {
                for synonym in key.follows {
                    let broker = definition(Resource::Broker, synonym.name).expect(synonym.name);
                    let kinds = (broker.kind, key.kind);
                    assert!(broker.kind == key.kind || synonym.unit != Unit::Same, "{} {kinds:?}", key.name);
                }
                if let (Some(first), Resource::Topic) = (key.follows.first(), resource) {
                    let broker = definition(Resource::Broker, first.name).unwrap();
                    assert_eq!(broker.update, Update::ClusterWide, "{}", broker.name);
                }
            }
        }
    }

    #[test]
    fn keys_that_act_are_explained() {
        for key in ALL.into_iter().flat_map(definitions) {
            match key.effect {
                Effect::Acts => assert!(!key.documentation.is_empty(), "{}", key.name),
                Effect::Reported(why) => assert!(!why.is_empty()),
            }
        }
    }
}
