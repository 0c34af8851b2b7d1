//! SyncGroup of a classic member in a consumer group: it is told what it may use, at once.

use super::{embedded, protocols};
use crate::group::classic_requests::{check_sync, check_sync_protocol};
use crate::group::consumer::member::MemberState;
use crate::group::consumer::{ConsumerGroup, ConsumerTimer};
use crate::group::embedded::{CONSUMER, read_subscription};
use crate::group::refusal;
use crate::group::step::Step;
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

impl ConsumerGroup {
    /// Answers a SyncGroup. Assignments in it are passed over: there is no leader.
    pub fn sync_classic(
        &mut self,
        step: &mut Step<'_>,
        asker: Asker,
        request: &SyncGroupRequest,
        version: i16,
    ) {
        let answer = self.try_sync_classic(step, request, version);
        step.answer(asker, answer.unwrap_or_else(refusal::sync));
    }

    fn try_sync_classic(
        &mut self,
        step: &mut Step<'_>,
        request: &SyncGroupRequest,
        version: i16,
    ) -> Result<SyncGroupResponse, ErrorCode> {
        check_sync(request, version)?;
        let member = self.classic_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != member.standing.epoch {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        // The protocol is the one that the answer to the join named.
        let first = protocols(member).first().ok_or(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)?;
        check_sync_protocol(request, Some(CONSUMER), Some(&first.name))?;
        let is_behind = member.standing.epoch < self.assignment_epoch();
        if is_behind && member.standing.state != MemberState::UnrevokedPartitions {
            let id = member.id.clone();
            self.await_rejoin(step.now.mono, &id);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let (own_version, _) = read_subscription(&first.metadata).unwrap_or_default();
        // Of a member that must revoke this is what it may keep: it sees what is missing, gives it up and joins again.
        let assigned = member.standing.assigned.to_partitions();
        let response = SyncGroupResponse {
            protocol_type: Some(Str::from_static(CONSUMER)),
            protocol_name: Some(first.name.clone()),
            assignment: embedded(&assigned, own_version, step.image)?,
            ..Default::default()
        };
        let (no, id) = (member.no, member.id.clone());
        self.stop_timer(ConsumerTimer::Sync(no));
        self.renew_classic_session(step.now.mono, &id);
        Ok(response)
    }
}
