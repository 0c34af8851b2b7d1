//! AlterConfigs (33), which replaces all that is set for a resource, and IncrementalAlterConfigs (44), which changes a
//! part of it (`ConfigAdminManager`, `ConfigurationControlManager`, KIP-339).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::change::Change;
use super::image::Image;
use super::record::{CatalogueRecord, Configured};
use super::refusal::{Refusal, outcome};
use super::resources::{LOGGER, NONE, Named, Nodes, Nothing, Unnamed, find, target};
use super::{Context, limits};
use crate::config::{AlterOp, ConfigError, Overrides, Target, alter_incremental, alter_replace};
use crate::protocol::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse as Replaced, AlterConfigsResponse,
};
use crate::protocol::incremental_alter_configs::{
    AlterConfigsResourceResponse as Altered, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use crate::protocol::{ErrorCode, Str};

/// Judges a request that changes a part of what is set for some resources. Each is changed as a whole or not at all.
pub(super) fn incremental(
    context: &Context<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> Change<IncrementalAlterConfigsResponse> {
    let resources = request.resources.iter().map(|one| (one.resource_type, &one.resource_name));
    let mut altering = Altering::new(Api::Incremental, context.image, resources);
    let responses = request.resources.iter().map(|resource| {
        let ops: Vec<AlterOp<'_>> = resource
            .configs
            .iter()
            .map(|config| AlterOp {
                name: &config.name,
                operation: config.config_operation,
                value: config.value.as_deref(),
            })
            .collect();
        let (resource_type, name) = (resource.resource_type, &resource.resource_name);
        let layers = context.image.broker_layers();
        let judged = altering.alter(resource_type, name, |target| alter_incremental(target, layers, &ops));
        let (error_code, error_message) = outcome(judged);
        Altered {
            error_code,
            error_message,
            resource_type,
            resource_name: name.clone(),
            ..Default::default()
        }
    });
    let response = IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    Change { records: altering.records(request.validate_only), response }
}

/// Judges a request that replaces all that is set for some resources.
pub(super) fn replace(context: &Context<'_>, request: &AlterConfigsRequest) -> Change<AlterConfigsResponse> {
    let resources = request.resources.iter().map(|one| (one.resource_type, &one.resource_name));
    let mut altering = Altering::new(Api::Replace, context.image, resources);
    let responses = request.resources.iter().map(|resource| {
        let values: Vec<(&str, Option<&str>)> =
            resource.configs.iter().map(|config| (&*config.name, config.value.as_deref())).collect();
        let (resource_type, name) = (resource.resource_type, &resource.resource_name);
        let layers = context.image.broker_layers();
        let judged = altering.alter(resource_type, name, |target| alter_replace(target, layers, &values));
        let (error_code, error_message) = outcome(judged);
        Replaced {
            error_code,
            error_message,
            resource_type,
            resource_name: name.clone(),
            ..Default::default()
        }
    });
    let response = AlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    Change { records: altering.records(request.validate_only), response }
}

/// Which of the two APIs asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Api {
    /// Knows no loggers.
    Replace,
    Incremental,
}

/// The changes of one request as they add up.
struct Altering<'a> {
    api: Api,
    image: &'a Image,
    times: BTreeMap<(i8, &'a Str), u32>,
    records: Vec<CatalogueRecord>,
    /// Groups and client metrics subscriptions that had nothing set before.
    newly_configured: usize,
}

impl<'a> Altering<'a> {
    fn new(api: Api, image: &'a Image, resources: impl Iterator<Item = (i8, &'a Str)>) -> Altering<'a> {
        let mut times = BTreeMap::new();
        for resource in resources {
            *times.entry(resource).or_default() += 1;
        }
        Altering { api, image, times, records: Vec::new(), newly_configured: 0 }
    }

    fn records(self, validate_only: bool) -> Vec<CatalogueRecord> {
        if validate_only { Vec::new() } else { self.records }
    }

    fn alter(
        &mut self,
        resource_type: i8,
        name: &Str,
        new: impl FnOnce(Target<'a>) -> Result<Overrides, ConfigError>,
    ) -> Result<(), Refusal> {
        if self.times.get(&(resource_type, name)) != Some(&1) {
            return Err(Refusal::invalid_request("Each resource must appear at most once."));
        }
        let found = match self.api {
            Api::Replace if resource_type == LOGGER => Err(Nothing::UnknownType),
            Api::Replace | Api::Incremental => find(self.image, resource_type, name),
        };
        let of = match found {
            Ok(Named::Configured(of)) => of,
            Ok(Named::Loggers) => {
                return Err(Refusal::invalid_request(
                    "This node has no loggers whose level could be changed.",
                ));
            }
            Err(nothing) => {
                // Kafka looks at the keys and values first.
                if nothing == Nothing::UnknownTopic {
                    new(Target::Topic(NONE))?;
                }
                return Err(refuse(nothing, self.image.broker().node_id, resource_type, name));
            }
        };
        let overrides = new(target(self.image, &of))?;
        self.check_limits(&of, &overrides)?;
        if self.image.overrides(&of).is_none_or(|known| *known != overrides) {
            self.records.push(CatalogueRecord::Configs { of, overrides });
        }
        Ok(())
    }

    /// What needs not exist to be configured, and keys that need not be known, are bounded by number.
    fn check_limits(&mut self, of: &Configured, overrides: &Overrides) -> Result<(), Refusal> {
        let refuse = |message| Err(Refusal::new(ErrorCode::POLICY_VIOLATION, message));
        if overrides.len() > limits::KEYS_PER_RESOURCE {
            return refuse(format!(
                "A resource cannot have more than {} keys set.",
                limits::KEYS_PER_RESOURCE
            ));
        }
        if self.records.len() >= limits::RESOURCES_PER_REQUEST {
            return refuse("Unable to perform excessively large batch operation.".into());
        }
        let configured = match of {
            Configured::Topic(_) | Configured::Node(_) | Configured::AllNodes => return Ok(()),
            Configured::Group(_) => self.image.configured_groups().len(),
            Configured::ClientMetrics(_) => self.image.client_metrics().len(),
        };
        if self.image.overrides(of).is_some() || overrides.is_empty() {
            return Ok(());
        }
        self.newly_configured += 1;
        if configured + self.newly_configured > limits::CONFIGURED {
            return refuse(format!("No more than {} of a kind can be configured.", limits::CONFIGURED));
        }
        Ok(())
    }
}

/// In Kafka's words.
fn refuse(nothing: Nothing, node: i32, resource_type: i8, name: &Str) -> Refusal {
    let message = match nothing {
        Nothing::UnknownTopic => {
            let message = format!("The topic '{name}' does not exist.");
            return Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
        }
        Nothing::BadTopicName(message) => return Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message),
        Nothing::NoName(Unnamed::Topic) => "Default topic resources are not allowed.".into(),
        Nothing::NoName(Unnamed::ClientMetrics) => "Subscription name can't be empty".into(),
        Nothing::NoName(Unnamed::Group) => "Default group resources are not allowed.".into(),
        Nothing::OtherNode(Nodes::Node) => {
            format!("Unexpected broker id, expected {node}, but received {name}")
        }
        Nothing::OtherNode(Nodes::Loggers) => {
            format!("Unexpected node id. Expected {node}, but received {name}")
        }
        Nothing::NotANumber(_) | Nothing::NoName(Unnamed::Loggers) => {
            format!("Node id must be an integer, but it is: {name}")
        }
        Nothing::UnknownType => format!("Unknown resource type {resource_type}"),
    };
    Refusal::invalid_request(message)
}

#[cfg(test)]
mod tests;
