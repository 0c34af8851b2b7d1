//! What the machine reads of a node's configuration.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::check::address_count;
use super::definition::Resource;
use super::group_coordinator_config::GroupCoordinatorConfig;
use super::layers::{BrokerLayers, Overrides, Reader};

/// The effective configuration of a node, as far as it acts. Times are in milliseconds and sizes in bytes, with Kafka's
/// values for no limit; names are Kafka's. What topics inherit is in [`TopicConfig`](super::TopicConfig).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    pub auto_create_topics_enable: bool,
    pub broker_rack: Option<String>,
    /// Below 0: connections may idle for ever.
    pub connections_max_idle_ms: i64,
    pub default_replication_factor: i32,
    pub delete_topic_enable: bool,
    pub fetch_max_bytes: usize,
    pub groups: GroupCoordinatorConfig,
    pub log_cleaner_backoff_ms: i64,
    pub log_cleaner_enable: bool,
    /// The data folder (`log.dirs`).
    pub log_dir: String,
    pub log_retention_check_interval_ms: i64,
    pub max_connections: usize,
    pub max_connections_per_ip: usize,
    /// Address and how many connections it may hold instead of `max.connections.per.ip`.
    pub max_connections_per_ip_overrides: Vec<(String, usize)>,
    pub max_incremental_fetch_session_cache_slots: usize,
    pub max_request_partition_size_limit: usize,
    pub node_id: i32,
    pub num_partitions: i32,
    pub producer_id_expiration_ms: i64,
    pub socket_request_max_bytes: usize,
    /// `kelpgate.produce.check`: batches are opened and their records walked before they are stored.
    pub check_records: bool,
}

impl BrokerConfig {
    /// Reads the layers of a node.
    pub fn new(layers: &BrokerLayers) -> BrokerConfig {
        let read = Reader { resource: Resource::Broker, own: &Overrides::new(), layers };
        BrokerConfig {
            auto_create_topics_enable: read.flag("auto.create.topics.enable"),
            broker_rack: read.text("broker.rack"),
            connections_max_idle_ms: read.integer("connections.max.idle.ms"),
            default_replication_factor: read.int("default.replication.factor"),
            delete_topic_enable: read.flag("delete.topic.enable"),
            fetch_max_bytes: read.size("fetch.max.bytes"),
            groups: GroupCoordinatorConfig::new(layers),
            log_cleaner_backoff_ms: read.integer("log.cleaner.backoff.ms"),
            log_cleaner_enable: read.flag("log.cleaner.enable"),
            log_dir: read.text("log.dirs").unwrap_or_default(),
            log_retention_check_interval_ms: read.integer("log.retention.check.interval.ms"),
            max_connections: read.size("max.connections"),
            max_connections_per_ip: read.size("max.connections.per.ip"),
            max_connections_per_ip_overrides: read
                .text("max.connections.per.ip.overrides")
                .unwrap_or_default()
                .split(',')
                .filter_map(address_count)
                .map(|(address, count)| (address.to_string(), count as usize))
                .collect(),
            max_incremental_fetch_session_cache_slots: read.size("max.incremental.fetch.session.cache.slots"),
            max_request_partition_size_limit: read.size("max.request.partition.size.limit"),
            node_id: read.int("node.id"),
            num_partitions: read.int("num.partitions"),
            producer_id_expiration_ms: read.integer("producer.id.expiration.ms"),
            socket_request_max_bytes: read.size("socket.request.max.bytes"),
            check_records: read.text("kelpgate.produce.check").as_deref() != Some("checksum"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::overrides;
    use super::*;
    use alloc::vec;

    #[test]
    fn defaults_are_kafkas() {
        let config = BrokerConfig::new(&BrokerLayers::default());
        let expected = BrokerConfig {
            auto_create_topics_enable: true,
            broker_rack: None,
            connections_max_idle_ms: 600_000,
            default_replication_factor: 1,
            delete_topic_enable: true,
            fetch_max_bytes: 57_671_680,
            groups: GroupCoordinatorConfig::new(&BrokerLayers::default()),
            log_cleaner_backoff_ms: 15_000,
            log_cleaner_enable: true,
            log_dir: "./data".to_string(),
            log_retention_check_interval_ms: 300_000,
            max_connections: 2_147_483_647,
            max_connections_per_ip: 2_147_483_647,
            max_connections_per_ip_overrides: vec![],
            max_incremental_fetch_session_cache_slots: 1000,
            max_request_partition_size_limit: 2000,
            node_id: 1,
            num_partitions: 1,
            producer_id_expiration_ms: 86_400_000,
            socket_request_max_bytes: 104_857_600,
            check_records: true,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn layers_of_a_node() {
        let layers = BrokerLayers {
            node: overrides(&[("max.connections", "5")]),
            all_nodes: overrides(&[
                ("max.connections", "6"),
                ("max.connections.per.ip.overrides", "::1:7, a:8"),
            ]),
            fixed: overrides(&[
                ("num.partitions", " 3 "),
                ("kelpgate.produce.check", "checksum"),
                ("broker.rack", "r"),
            ]),
        };
        let config = BrokerConfig::new(&layers);
        assert_eq!((config.max_connections, config.num_partitions), (5, 3));
        let one = ("::1".to_string(), 7);
        assert_eq!(config.max_connections_per_ip_overrides, [one, ("a".to_string(), 8)]);
        assert!(!config.check_records);
        assert_eq!(config.broker_rack.as_deref(), Some("r"));
    }
}
