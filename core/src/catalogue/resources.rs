//! Which resource a request means that describes or changes configurations.

use alloc::string::String;

use super::image::Image;
use super::names;
use super::record::Configured;
use crate::config::{Overrides, Resource, Target};
use crate::protocol::Str;

/// The code of loggers (`ConfigResource.Type.BROKER_LOGGER`). There are none here.
pub(super) const LOGGER: i8 = 8;

/// What a type and a name stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Something with configurations.
    Configured(Configured),
    /// The loggers of this node.
    Loggers,
}

/// Why a type and a name stand for nothing. Describing and changing say it in different words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// No topic has that name, but one could.
    UnknownTopic,
    /// No topic can have that name, for this reason.
    BadTopicName(String),
    /// This must have a name.
    NoName(Unnamed),
    /// Another node than this.
    OtherNode(Nodes),
    /// The name of a node is a number.
    NotANumber(Nodes),
    /// There is no such type.
    UnknownType,
}

/// What must have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unnamed {
    Topic,
    Loggers,
    ClientMetrics,
    Group,
}

/// What is named by the id of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nodes {
    Node,
    Loggers,
}

/// Finds the resource of a type and a name.
pub(super) fn find(image: &Image, resource_type: i8, name: &Str) -> Result<Named, Nothing> {
    if resource_type == LOGGER {
        if name.is_empty() {
            return Err(Nothing::NoName(Unnamed::Loggers));
        }
        return this_node(image, name, Nodes::Loggers).map(|_| Named::Loggers);
    }
    let configured = match Resource::from_code(resource_type).ok_or(Nothing::UnknownType)? {
        Resource::Topic => topic(image, name)?,
        Resource::Broker if name.is_empty() => Configured::AllNodes,
        Resource::Broker => Configured::Node(this_node(image, name, Nodes::Node)?),
        Resource::ClientMetrics if name.is_empty() => return Err(Nothing::NoName(Unnamed::ClientMetrics)),
        Resource::ClientMetrics => Configured::ClientMetrics(name.detach()),
        Resource::Group if name.is_empty() => return Err(Nothing::NoName(Unnamed::Group)),
        Resource::Group => Configured::Group(name.detach()),
    };
    Ok(Named::Configured(configured))
}

fn topic(image: &Image, name: &Str) -> Result<Configured, Nothing> {
    match image.topic(name) {
        Some(topic) => Ok(Configured::Topic(topic.id)),
        None if name.is_empty() => Err(Nothing::NoName(Unnamed::Topic)),
        None => Err(names::check(name).map_or_else(Nothing::BadTopicName, |()| Nothing::UnknownTopic)),
    }
}

fn this_node(image: &Image, name: &str, of: Nodes) -> Result<i32, Nothing> {
    match name.parse::<i32>() {
        Ok(id) if id == image.broker().node_id => Ok(id),
        Ok(_) => Err(Nothing::OtherNode(of)),
        Err(_) => Err(Nothing::NotANumber(of)),
    }
}

/// Nothing set.
pub(super) const NONE: &Overrides = &Overrides::new();

/// The resource with what it has set.
pub(super) fn target<'a>(image: &'a Image, of: &Configured) -> Target<'a> {
    let own = image.overrides(of).unwrap_or(NONE);
    match of {
        Configured::Topic(_) => Target::Topic(own),
        Configured::Node(_) => Target::Node,
        Configured::AllNodes => Target::AllNodes,
        Configured::Group(_) => Target::Group(own),
        Configured::ClientMetrics(_) => Target::ClientMetrics(own),
    }
}
