//! DeleteGroups (42), versions 0-3: groups without members and their offsets (KIP-229).

use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::protocol::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};
use crate::request::home::{Gather, Home};

/// Asks every group to go.
pub fn start(home: &mut Home<'_>, request: &DeleteGroupsRequest) -> Gather<DeleteGroupsResponse> {
    let mut gather = Gather::new(DeleteGroupsResponse::default());
    for (at, group) in request.groups_names.iter().enumerate() {
        let result = DeletableGroupResult { group_id: group.clone(), ..Default::default() };
        gather.response.results.push(result);
        gather.ask_group(home, (at, 0), group, GroupQuestion::Delete, fill);
    }
    gather
}

/// Puts one group's answer in its place.
pub fn fill(response: &mut DeleteGroupsResponse, (at, _): (usize, usize), answer: GroupAnswer) {
    if let (Some(place), GroupAnswer::Deleted(code)) = (response.results.get_mut(at), answer) {
        place.error_code = code;
    }
}
