//! DescribeConfigs (32): what holds, where it comes from and what it means (`ConfigHelper.describeConfigs`).

use alloc::format;
use alloc::vec::Vec;

use super::refusal::Refusal;
use super::resources::{Named, Nodes, Nothing, Unnamed, find, target};
use super::{Context, limits};
use crate::config::{self, Entry};
use crate::protocol::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::protocol::{ErrorCode, Str};

/// Answers from the image, resource by resource.
pub fn answer(context: &Context<'_>, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().enumerate().map(|(place, resource)| {
        let described = match place < limits::RESOURCES_PER_REQUEST {
            true => describe(context, request, resource),
            false => Err(Refusal::invalid_request("Too many resources in one request.")),
        };
        let empty = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..Default::default()
        };
        match described {
            Ok(configs) => DescribeConfigsResult { configs, ..empty },
            Err(refusal) => {
                let error_message = Some(refusal.message.unwrap_or_default());
                DescribeConfigsResult { error_code: refusal.code, error_message, ..empty }
            }
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

fn describe(
    context: &Context<'_>,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let image = context.image;
    let of = match find(image, resource.resource_type, &resource.resource_name) {
        Ok(Named::Configured(of)) => of,
        Ok(Named::Loggers) => return Ok(Vec::new()),
        Err(nothing) => return Err(refuse(nothing, image.broker().node_id, resource)),
    };
    let names: Option<Vec<&str>> =
        resource.configuration_keys.as_ref().map(|keys| keys.iter().map(|key| &**key).collect());
    let entries = config::describe(target(image, &of), image.broker_layers(), names.as_deref());
    Ok(entries.into_iter().map(|entry| show(request, entry)).collect())
}

/// In Kafka's words.
fn refuse(nothing: Nothing, node: i32, resource: &DescribeConfigsResource) -> Refusal {
    let name = &resource.resource_name;
    let message = match nothing {
        Nothing::UnknownTopic => return Refusal::silent(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Nothing::BadTopicName(message) => return Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message),
        Nothing::NoName(Unnamed::Topic) => {
            let message = "Topic name is invalid: the empty string is not allowed";
            return Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message);
        }
        Nothing::NoName(Unnamed::Loggers) => "Broker id must not be empty".into(),
        Nothing::NoName(Unnamed::ClientMetrics) => {
            "Client metrics subscription name must not be empty".into()
        }
        Nothing::NoName(Unnamed::Group) => "Group name must not be empty".into(),
        Nothing::OtherNode(Nodes::Node) => {
            format!("Unexpected broker id, expected {node} or empty string, but received {name}")
        }
        Nothing::OtherNode(Nodes::Loggers) => {
            format!("Unexpected broker id, expected {node} but received {name}")
        }
        Nothing::NotANumber(_) => format!("Broker id must be an integer, but it is: {name}"),
        Nothing::UnknownType => format!("Unsupported resource type: {}", resource.resource_type),
    };
    Refusal::invalid_request(message)
}

/// Synonyms and documentation are shown to those who ask. Versions that lack a field leave it out.
fn show(request: &DescribeConfigsRequest, entry: Entry) -> DescribeConfigsResourceResult {
    let documentation = if request.include_documentation { entry.documentation() } else { None };
    let config_type = entry.kind_code();
    let synonyms = if request.include_synonyms { entry.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: Str::from(entry.name),
        value: entry.value.map(Str::from),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.sensitive,
        synonyms: synonyms
            .into_iter()
            .map(|synonym| DescribeConfigsSynonym {
                name: Str::from(synonym.name),
                value: synonym.value.map(Str::from),
                source: synonym.source.code(),
                ..Default::default()
            })
            .collect(),
        config_type,
        documentation: documentation.map(Str::from),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
