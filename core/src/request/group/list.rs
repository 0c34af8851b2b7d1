//! ListGroups (16), versions 0-5: every shard of the node tells its groups.

use alloc::vec::Vec;

use crate::group::question::Listing;
use crate::ids::ShardId;
use crate::protocol::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use crate::protocol::{ErrorCode, Response, Str};
use crate::request::home::Home;
use crate::shard_message::{Question, ShardMessage};

/// A ListGroups that waits for every shard of the node.
#[derive(Debug)]
pub struct Gathering {
    states: Vec<Str>,
    types: Vec<Str>,
    missing: u16,
    groups: Vec<ListedGroup>,
    error: ErrorCode,
}

/// Asks every shard.
pub fn start(home: &mut Home<'_>, request: ListGroupsRequest) -> Gathering {
    for shard in 0..home.settings.shards {
        let ask = home.ask_ref(usize::from(shard));
        home.mail.send(home.out, ShardId(shard), ShardMessage::Ask(ask, Question::Groups));
    }
    Gathering {
        states: request.states_filter,
        types: request.types_filter,
        missing: home.settings.shards,
        groups: Vec::new(),
        error: ErrorCode::NONE,
    }
}

impl Gathering {
    /// Takes one shard's answer.
    pub fn told(&mut self, answer: Listing) -> Option<Response> {
        self.missing -= 1;
        match answer {
            Ok(groups) => {
                let wanted = |group: &ListedGroup| {
                    passes(&self.states, &group.group_state) && passes(&self.types, &group.group_type)
                };
                self.groups.extend(groups.into_iter().filter(wanted));
            }
            Err(error) => self.error = error,
        }
        if self.missing > 0 {
            return None;
        }
        let mut groups = core::mem::take(&mut self.groups);
        if self.error != ErrorCode::NONE {
            groups.clear();
        }
        groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
        Some(ListGroupsResponse { error_code: self.error, groups, ..Default::default() }.into())
    }
}

/// Whether a filter lets a name through; case and outer blanks do not matter, an empty filter lets all through.
fn passes(filter: &[Str], name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
}
