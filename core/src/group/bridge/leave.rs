//! LeaveGroup in a consumer group: members of either protocol go, one or many at once.

use alloc::vec;
use alloc::vec::Vec;

use crate::group::consumer::ConsumerGroup;
use crate::group::step::{Departure, Step};
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// The first version that names many members and has a result for each (KIP-345).
const NAMES_MANY: i16 = 3;

impl ConsumerGroup {
    /// Answers a LeaveGroup; the epoch rises once for all that go.
    pub fn leave_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &LeaveGroupRequest,
        version: i16,
    ) {
        let mut response = LeaveGroupResponse::default();
        if group_id.is_empty() {
            response.error_code = ErrorCode::INVALID_GROUP_ID;
            return step.answer(asker, response);
        }
        let single = vec![MemberIdentity { member_id: request.member_id.clone(), ..Default::default() }];
        let leavers = if version < NAMES_MANY { &single } else { &request.members };
        let mut gone: Vec<Str> = Vec::new();
        for leaver in leavers {
            let found = self.named(group_id, leaver);
            let found = found.and_then(|id| match gone.contains(&id) {
                true => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                false => Ok(id),
            });
            response.members.push(MemberResponse {
                member_id: leaver.member_id.clone(),
                group_instance_id: leaver.group_instance_id.clone(),
                error_code: found.as_ref().err().copied().unwrap_or(ErrorCode::NONE),
                ..Default::default()
            });
            gone.extend(found);
        }
        if version < NAMES_MANY {
            response.error_code = response.members.pop().map(|one| one.error_code).unwrap_or_default();
        }
        step.answer(asker, response);
        gone.iter().for_each(|id| step.gone(group_id, id, Departure::Left));
        self.remove_members(step, group_id, &gone);
    }

    /// An instance alone names its member too: that is how operators take out static members.
    fn named(&self, group_id: &Str, leaver: &MemberIdentity) -> Result<Str, ErrorCode> {
        match &leaver.group_instance_id {
            Some(instance) if leaver.member_id.is_empty() => {
                let member = self.static_member(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
                Ok(member.id.clone())
            }
            instance => {
                self.leaver(group_id, &leaver.member_id, instance.as_ref()).map_err(|refusal| refusal.error)
            }
        }
    }
}
