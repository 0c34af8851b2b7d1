//! How the node's own topics are made when they are first needed (`AutoTopicCreationManager.creatableTopic`).

use alloc::string::String;

use crate::config::{BrokerLayers, Target, describe};
use crate::protocol::Str;
use crate::protocol::create_topics::{CreatableTopic, CreatableTopicConfig};

/// What an internal topic is like: some of it the node's configuration says.
struct Shape {
    name: &'static str,
    partitions: &'static str,
    segment_bytes: &'static str,
    configs: &'static [(&'static str, &'static str)],
}

const SHAPES: [Shape; 2] = [
    // `GroupCoordinatorService.groupMetadataTopicConfigs`
    Shape {
        name: "__consumer_offsets",
        partitions: "offsets.topic.num.partitions",
        segment_bytes: "offsets.topic.segment.bytes",
        configs: &[("cleanup.policy", "compact"), ("compression.type", "producer")],
    },
    // `TransactionStateManager.transactionTopicConfigs`
    Shape {
        name: "__transaction_state",
        partitions: "transaction.state.log.num.partitions",
        segment_bytes: "transaction.state.log.segment.bytes",
        configs: &[
            ("cleanup.policy", "compact"),
            ("compression.type", "uncompressed"),
            ("unclean.leader.election.enable", "false"),
        ],
    },
];

/// The request for a topic that is made on demand: with the node's defaults, or as the node needs it. Internal topics
/// have one replica whatever the node's defaults say, for the node cannot do without them.
pub(super) fn on_demand(name: &Str, layers: &BrokerLayers) -> CreatableTopic {
    let defaults = CreatableTopic {
        name: name.clone(),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    };
    let Some(shape) = SHAPES.iter().find(|shape| *shape.name == **name) else {
        return defaults;
    };
    let fixed = shape.configs.iter().map(|(key, value)| config(key, Str::from_static(value)));
    let segment = node_value(layers, shape.segment_bytes).map(|value| config("segment.bytes", value.into()));
    CreatableTopic {
        num_partitions: node_value(layers, shape.partitions)
            .and_then(|value| value.parse().ok())
            .unwrap_or(defaults.num_partitions),
        replication_factor: 1,
        configs: fixed.chain(segment).collect(),
        ..defaults
    }
}

fn config(name: &'static str, value: Str) -> CreatableTopicConfig {
    CreatableTopicConfig { name: Str::from_static(name), value: Some(value), ..Default::default() }
}

/// What holds for a key of this node.
pub(super) fn node_value(layers: &BrokerLayers, key: &str) -> Option<String> {
    describe(Target::Node, layers, Some(&[key])).into_iter().next()?.value
}
