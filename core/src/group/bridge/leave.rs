//! LeaveGroup in a consumer group: members of either protocol go, one or many at once.

use alloc::vec::Vec;

use crate::group::classic_requests::leave;
use crate::group::consumer::ConsumerGroup;
use crate::group::step::{Departure, Step};
use crate::protocol::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

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
        let mut gone: Vec<Str> = Vec::new();
        let response = leave(request, version, |leaver| {
            let id = self.named(group_id, leaver)?;
            if gone.contains(&id) {
                return Err(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            gone.push(id);
            Ok(())
        });
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
