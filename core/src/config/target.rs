//! Whose configuration is described or changed.

use super::definition::Resource;
use super::layers::{BrokerLayers, Overrides, Source};

/// One resource with what is set for it.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A topic, with its own values.
    Topic(&'a Overrides),
    /// A group, with its own values; it need not exist.
    Group(&'a Overrides),
    /// A client metrics subscription, with its own values; it need not exist.
    ClientMetrics(&'a Overrides),
    /// This node; its values are in [`BrokerLayers::node`].
    Node,
    /// The default of all nodes; its values are in [`BrokerLayers::all_nodes`].
    AllNodes,
}

impl<'a> Target<'a> {
    /// Its type.
    pub fn resource(self) -> Resource {
        match self {
            Target::Topic(_) => Resource::Topic,
            Target::Group(_) => Resource::Group,
            Target::ClientMetrics(_) => Resource::ClientMetrics,
            Target::Node | Target::AllNodes => Resource::Broker,
        }
    }

    /// What is set for it.
    pub fn own(self, layers: &'a BrokerLayers) -> &'a Overrides {
        match self {
            Target::Topic(own) | Target::Group(own) | Target::ClientMetrics(own) => own,
            Target::Node => &layers.node,
            Target::AllNodes => &layers.all_nodes,
        }
    }

    /// Where its own values are said to come from.
    pub(super) fn source(self) -> Source {
        match self {
            Target::Topic(_) => Source::Topic,
            Target::Group(_) => Source::Group,
            Target::ClientMetrics(_) => Source::ClientMetrics,
            Target::Node => Source::DynamicBroker,
            Target::AllNodes => Source::DynamicDefaultBroker,
        }
    }
}
