//! DescribeCluster (60): who the nodes are (`AuthHelper.computeDescribeClusterResponse`, KIP-700).

use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use super::{Context, operations};
use crate::protocol::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use crate::protocol::{ErrorCode, Str};

/// Nodes that keep records.
const BROKERS: i8 = 1;
/// Nodes that keep metadata.
const CONTROLLERS: i8 = 2;

/// Answers from the image. No node is ever fenced, so that leaving fenced ones out or not makes no difference.
pub fn answer(context: &Context<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => cluster(context, request),
        CONTROLLERS => DescribeClusterResponse {
            error_code: ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            error_message: Some(Str::from_static(
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            )),
            ..Default::default()
        },
        unknown => DescribeClusterResponse {
            error_code: ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
            error_message: Some(Str::from(format!("Unsupported endpoint type {unknown}"))),
            ..Default::default()
        },
    }
}

fn cluster(context: &Context<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let broker = context.image.broker();
    let (host, port) = context.advertised;
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: Str::from(context.image.cluster_id().to_string()),
        controller_id: broker.node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: broker.node_id,
            host: Str::from(host),
            port,
            rack: broker.broker_rack.as_deref().map(Str::from),
            ..Default::default()
        }],
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => operations::CLUSTER,
            false => operations::NOT_ASKED,
        },
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
