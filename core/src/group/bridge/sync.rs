//! SyncGroup of a classic member in a consumer group: it is told what it may use, at once.

use super::{embedded, protocols};
use crate::group::classic::refused_sync;
use crate::group::consumer::member::{Member, MemberState};
use crate::group::consumer::{ConsumerGroup, ConsumerTimer};
use crate::group::embedded::{CONSUMER, read_subscription};
use crate::group::step::Step;
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// The first version that says which protocol it means (KIP-559).
const NAMES_PROTOCOL: i16 = 5;

impl ConsumerGroup {
    /// Answers a SyncGroup. Assignments in it are passed over: there is no leader.
    pub fn sync_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &SyncGroupRequest,
        version: i16,
    ) {
        let answer = self.try_sync_classic(step, group_id, request, version);
        step.answer(asker, answer.unwrap_or_else(refused_sync));
    }

    fn try_sync_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        request: &SyncGroupRequest,
        version: i16,
    ) -> Result<SyncGroupResponse, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let member = self.classic_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != member.standing.epoch {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        check_names(member, request, version)?;
        let is_behind = member.standing.epoch < self.assignment_epoch();
        if is_behind && member.standing.state != MemberState::UnrevokedPartitions {
            let id = member.id.clone();
            self.await_rejoin(step.now.mono, &id);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let first = protocols(member).first().ok_or(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)?;
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

/// The protocol is the one that the answer to the join named.
fn check_names(member: &Member, request: &SyncGroupRequest, version: i16) -> Result<(), ErrorCode> {
    let names = (request.protocol_type.as_ref(), request.protocol_name.as_ref());
    if version >= NAMES_PROTOCOL && (names.0.is_none() || names.1.is_none()) {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    let first = protocols(member).first().map(|first| &first.name);
    let is_other =
        names.0.is_some_and(|name| name != CONSUMER) || names.1.is_some_and(|name| Some(name) != first);
    if is_other { Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) } else { Ok(()) }
}
