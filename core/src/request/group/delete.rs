//! DeleteGroups (42), versions 0-3: groups without members and their offsets (KIP-229).

use alloc::collections::BTreeSet;

use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::protocol::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};
use crate::request::home::{Gather, Home};

/// Asks every group to go; one that is named twice is answered once (KafkaApis).
pub fn start(home: &mut Home<'_>, request: &DeleteGroupsRequest) -> Gather<DeleteGroupsResponse> {
    let mut gather = Gather::new(DeleteGroupsResponse::default());
    let mut seen = BTreeSet::new();
    let names = request.groups_names.iter().filter(|name| seen.insert(name.as_str()));
    for (at, group) in names.enumerate() {
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
