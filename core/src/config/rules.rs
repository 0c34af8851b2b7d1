//! What a set of values must satisfy as a whole: the checks that look at more than one key.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::definition::{Resource, Update};
use super::error::ConfigError;
use super::keys::definition;
use super::layers::{BrokerLayers, Overrides, Reader};
use super::target::Target;
use super::value::validate;
use crate::group::assignor::ServerAssignor;

/// Checks what is about to be set for a target: names, values, and how they go together with what is inherited.
///
/// # Errors
/// As Kafka's: INVALID_CONFIG, for nodes INVALID_REQUEST.
pub(super) fn check_overrides(
    target: Target<'_>,
    new: &Overrides,
    layers: &BrokerLayers,
) -> Result<(), ConfigError> {
    let resource = target.resource();
    if resource == Resource::Broker {
        refuse_fixed(new)?;
    }
    // Names first: with an unknown key and a bad value, the key is what the user is told about.
    for name in new.keys().filter(|name| definition(resource, name).is_none()) {
        validate(resource, name, "")?;
    }
    for (name, value) in new {
        validate(resource, name, value).map_err(|error| match resource {
            Resource::Broker => ConfigError::invalid_request(error.message),
            Resource::Topic | Resource::Group | Resource::ClientMetrics => error,
        })?;
    }
    match target {
        Target::Topic(_) => topic(new, layers),
        Target::Group(_) => group(new, layers),
        Target::ClientMetrics(_) => client_metrics(new, layers),
        Target::Node => check_node(&BrokerLayers { node: new.clone(), ..layers.clone() }),
        Target::AllNodes => check_node(&BrokerLayers { all_nodes: new.clone(), ..layers.clone() }),
    }
}

/// Keys of a node that may not be changed while it runs (`DynamicBrokerConfig.validateConfigs`). Keys of one listener
/// (`listener.name.NAME.KEY`) are all fixed here.
fn refuse_fixed(new: &Overrides) -> Result<(), ConfigError> {
    let fixed: Vec<&str> = new
        .keys()
        .map(String::as_str)
        .filter(|name| match definition(Resource::Broker, name) {
            Some(key) => key.update == Update::ReadOnly,
            None => name.starts_with("listener.name."),
        })
        .collect();
    if fixed.is_empty() {
        return Ok(());
    }
    Err(ConfigError::invalid_request(format!(
        "Cannot update these configs dynamically: [{}]",
        fixed.join(", ")
    )))
}

/// `LogConfig.validateValues` and the check that nothing is tiered.
fn topic(own: &Overrides, layers: &BrokerLayers) -> Result<(), ConfigError> {
    let read = Reader { resource: Resource::Topic, own, layers };
    compaction_lags(read.integer("min.compaction.lag.ms"), read.integer("max.compaction.lag.ms"))
        .map_err(ConfigError::invalid_config)?;
    if read.flag("remote.storage.enable") {
        return Err(ConfigError::invalid_config(
            "Tiered Storage functionality is disabled in the broker. \
             Topic cannot be configured with remote log storage.",
        ));
    }
    Ok(())
}

fn compaction_lags(min: i64, max: i64) -> Result<(), String> {
    if min <= max {
        return Ok(());
    }
    Err(format!(
        "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
    ))
}

/// Keys of a group, each with the keys of the node that bound it from below and from above.
const GROUP_BOUNDS: [(&str, Option<&str>, &str); 13] = [
    bounds(
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    bounds(
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    bounds(
        "consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    bounds(
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    bounds(
        "share.session.timeout.ms",
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    bounds(
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    bounds(
        "share.delivery.count.limit",
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    bounds(
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    bounds(
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    bounds(
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    bounds(
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    ("streams.num.standby.replicas", None, "group.streams.max.standby.replicas"),
    bounds(
        "streams.assignment.interval.ms",
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
    ),
];

const fn bounds<'a>(key: &'a str, min: &'a str, max: &'a str) -> (&'a str, Option<&'a str>, &'a str) {
    (key, Some(min), max)
}

/// `GroupConfig.validateValues`.
fn group(own: &Overrides, layers: &BrokerLayers) -> Result<(), ConfigError> {
    let read = Reader { resource: Resource::Group, own, layers };
    let node = Reader { resource: Resource::Broker, own, layers };
    for (key, min, max) in GROUP_BOUNDS {
        let value = read.integer(key);
        if let Some(min) = min.filter(|min| value < node.integer(min)) {
            return Err(ConfigError::invalid_config(format!("{key} must be greater than or equal to {min}")));
        }
        if value > node.integer(max) {
            return Err(ConfigError::invalid_config(format!("{key} must be less than or equal to {max}")));
        }
    }
    for protocol in ["consumer", "share", "streams"] {
        let session = format!("{protocol}.session.timeout.ms");
        let heartbeat = format!("{protocol}.heartbeat.interval.ms");
        if read.integer(&session) <= read.integer(&heartbeat) {
            return Err(ConfigError::invalid_config(format!("{session} must be greater than {heartbeat}")));
        }
    }
    Ok(())
}

/// What a client is matched by (`ClientMetricsConfigs`).
const MATCH_KEYS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// How deep groups of a regular expression may be nested.
const MAX_DEPTH: u32 = 100;

/// Whether it is a regular expression (`ClientMetricsConfigs.parseMatchingPatterns`), without what needs to go back in
/// the text: look-around and back-references, which Java has.
fn is_expression(text: &str) -> bool {
    regex_syntax::ParserBuilder::new().nest_limit(MAX_DEPTH).build().parse(text).is_ok()
}

/// `ClientMetricsConfigs.validateConfigs`.
fn client_metrics(own: &Overrides, layers: &BrokerLayers) -> Result<(), ConfigError> {
    let read = Reader { resource: Resource::ClientMetrics, own, layers };
    let interval = read.integer("interval.ms");
    if !(100..=3_600_000).contains(&interval) {
        return Err(ConfigError::invalid_request(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        )));
    }
    let patterns = read.text("match").unwrap_or_default();
    for pattern in patterns.split(',').filter(|pattern| !pattern.is_empty()) {
        let known = match pattern.split_once('=') {
            Some((key, expression)) => {
                let is_one_value = !expression.trim().is_empty() && !expression.contains('=');
                MATCH_KEYS.contains(&key.trim()) && is_one_value && is_expression(expression.trim())
            }
            None => false,
        };
        if !known {
            return Err(ConfigError::invalid_config(format!("Illegal client matching pattern: {pattern}")));
        }
    }
    Ok(())
}

/// Checks how the values of a node go together, whichever layer they come from (`KafkaConfig.validateValues`). Each value
/// for itself has been checked before.
///
/// # Errors
/// INVALID_REQUEST, which is what Kafka answers when such a value is set while a node runs.
pub fn check_node(layers: &BrokerLayers) -> Result<(), ConfigError> {
    let none = Overrides::new();
    let read = Reader { resource: Resource::Broker, own: &none, layers };
    let logs = Reader { resource: Resource::Topic, own: &none, layers };
    let refuse = |text: &str| Err(ConfigError::invalid_request(text));
    let retention = read.text("log.retention.ms").map(|_| read.integer("log.retention.ms"));
    if retention.is_some_and(|value| value < 1 && value != -1) || logs.integer("retention.ms") == 0 {
        return refuse("log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
    }
    if read.text("log.roll.ms").is_some() && read.integer("log.roll.ms") < 1 {
        return refuse("log.roll.ms must be greater than or equal to 1");
    }
    if read.text("log.roll.jitter.ms").is_some() && read.integer("log.roll.jitter.ms") < 0 {
        return refuse("log.roll.jitter.ms must be greater than or equal to 0");
    }
    compaction_lags(logs.integer("min.compaction.lag.ms"), logs.integer("max.compaction.lag.ms"))
        .map_err(ConfigError::invalid_request)?;
    let per_ip_overrides = read.text("max.connections.per.ip.overrides").unwrap_or_default();
    if read.integer("max.connections.per.ip") == 0 && per_ip_overrides.is_empty() {
        return refuse(
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
        );
    }
    let queued = read.integer("queued.max.request.bytes");
    if queued > 0 && queued < read.integer("socket.request.max.bytes") {
        return refuse("queued.max.request.bytes must be larger or equal to socket.request.max.bytes");
    }
    if !read.lists("group.coordinator.rebalance.protocols", "classic") {
        return refuse("Disabling the 'classic' protocol is not supported.");
    }
    let assignors = read.items("group.consumer.assignors");
    if let Some(unknown) = assignors.iter().find(|name| ServerAssignor::by_name(name).is_none()) {
        return refuse(&format!("group.consumer.assignors names {unknown}, there are uniform and range"));
    }
    group(&none, layers).map_err(|error| ConfigError::invalid_request(error.message))
}
