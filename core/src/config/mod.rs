//! The catalogue of configurations: every key that Kafka 4 lists, with its type, default, condition, synonyms and
//! documentation; which of them act here; how layers of values become one; and what DescribeConfigs, AlterConfigs and
//! CreateTopics make of them. Pure functions over maps of strings: who keeps the maps, and when a change becomes
//! durable, is decided elsewhere.

mod alter;
mod broker_config;
mod check;
mod definition;
mod describe;
mod error;
mod group_coordinator_config;
mod keys;
mod layers;
#[cfg(test)]
mod recorded;
mod rules;
mod target;
mod topic_config;
mod value;

pub use alter::{AlterOp, alter_incremental, alter_replace, new_topic};
pub use broker_config::BrokerConfig;
pub use definition::{Check, Definition, Effect, Kind, Resource, Synonym, Unit, Update};
pub use describe::{Entry, EntrySynonym, describe};
pub use error::ConfigError;
pub use group_coordinator_config::{
    ClassicMemberCheck, GroupConfig, GroupCoordinatorConfig, MigrationPolicy,
};
pub use keys::{are_synonyms, definition, definitions};
pub use layers::{BrokerLayers, Overrides, Source};
pub use rules::check_node;
pub use target::Target;
pub use topic_config::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
pub use value::validate;
