//! ListConfigResources (74): what can be configured (KIP-1000, KIP-1142). Version 0 knows client metrics only.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Context;
use crate::protocol::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use crate::protocol::{ErrorCode, Str};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// Answers from the image: all types, or those asked for.
pub fn answer(context: &Context<'_>, request: &ListConfigResourcesRequest) -> ListConfigResourcesResponse {
    let known: &[i8] = match context.version {
        0 => &[CLIENT_METRICS],
        _ => &[GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC],
    };
    let wanted = &request.resource_types;
    if wanted.iter().any(|wanted| !known.contains(wanted)) {
        let error_code = ErrorCode::UNSUPPORTED_VERSION;
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let mut config_resources = Vec::new();
    for kind in known.iter().filter(|kind| wanted.is_empty() || wanted.contains(kind)) {
        list(context, *kind, &mut config_resources);
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

fn list(context: &Context<'_>, resource_type: i8, out: &mut Vec<ConfigResource>) {
    let image = context.image;
    let mut add = |resource_name: Str| {
        out.push(ConfigResource { resource_name, resource_type, ..Default::default() });
    };
    match resource_type {
        TOPIC => image.topics().for_each(|topic| add(topic.name.clone())),
        BROKER | BROKER_LOGGER => add(Str::from(image.broker().node_id.to_string())),
        CLIENT_METRICS => image.client_metrics().for_each(|(name, _)| add(name.clone())),
        GROUP => image.configured_groups().for_each(|(id, _)| add(id.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
