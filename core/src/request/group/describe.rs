//! DescribeGroups (15), versions 0-6, and ConsumerGroupDescribe (69), versions 0-1: each group is asked for itself.

use crate::catalogue::operations;
use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::protocol::ErrorCode;
use crate::protocol::consumer_group_describe::{
    self, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
};
use crate::protocol::describe_groups::{self, DescribeGroupsRequest, DescribeGroupsResponse};
use crate::request::home::{Gather, Home};

/// Asks every group as a classic one.
pub fn classic(home: &mut Home<'_>, request: &DescribeGroupsRequest) -> Gather<DescribeGroupsResponse> {
    let mut gather = Gather::new(DescribeGroupsResponse::default());
    let authorized_operations = match request.include_authorized_operations {
        true => operations::GROUP,
        false => operations::NOT_ASKED,
    };
    for (at, group) in request.groups.iter().enumerate() {
        gather
            .response
            .groups
            .push(describe_groups::DescribedGroup { authorized_operations, ..Default::default() });
        let question = GroupQuestion::Describe { version: home.version };
        gather.ask_group(home, (at, 0), group, question, fill_classic);
    }
    gather
}

/// Puts one group in its place.
pub fn fill_classic(response: &mut DescribeGroupsResponse, (at, _): (usize, usize), answer: GroupAnswer) {
    if let (Some(place), GroupAnswer::Described(group)) = (response.groups.get_mut(at), answer) {
        let authorized_operations = operations_of(group.error_code, place.authorized_operations);
        *place = describe_groups::DescribedGroup { authorized_operations, ..group };
    }
}

/// Asks every group as a consumer group.
pub fn consumer(
    home: &mut Home<'_>,
    request: &ConsumerGroupDescribeRequest,
) -> Gather<ConsumerGroupDescribeResponse> {
    let mut gather = Gather::new(ConsumerGroupDescribeResponse::default());
    let authorized_operations = match request.include_authorized_operations {
        true => operations::GROUP,
        false => operations::NOT_ASKED,
    };
    for (at, group) in request.group_ids.iter().enumerate() {
        gather
            .response
            .groups
            .push(consumer_group_describe::DescribedGroup { authorized_operations, ..Default::default() });
        gather.ask_group(home, (at, 0), group, GroupQuestion::ConsumerDescribe, fill_consumer);
    }
    gather
}

/// Puts one group in its place.
pub fn fill_consumer(
    response: &mut ConsumerGroupDescribeResponse,
    (at, _): (usize, usize),
    answer: GroupAnswer,
) {
    if let (Some(place), GroupAnswer::ConsumerDescribed(group)) = (response.groups.get_mut(at), answer) {
        let authorized_operations = operations_of(group.error_code, place.authorized_operations);
        *place = consumer_group_describe::DescribedGroup { authorized_operations, ..group };
    }
}

/// A group that cannot be described has no operations either (KafkaApis).
fn operations_of(error_code: ErrorCode, asked_for: i32) -> i32 {
    if error_code == ErrorCode::NONE { asked_for } else { operations::NOT_ASKED }
}
