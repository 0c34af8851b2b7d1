//! Heartbeat of a classic member in a consumer group: all it can be told is to join again.

use crate::group::consumer::member::{Member, MemberState};
use crate::group::consumer::{ConsumerGroup, ConsumerTimer};
use crate::group::step::Step;
use crate::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;
use crate::time::Instant;
use crate::uuid::Uuid;

impl ConsumerGroup {
    /// Answers a Heartbeat: REBALANCE_IN_PROGRESS if the member's assignment is to change.
    pub fn heartbeat_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &HeartbeatRequest,
    ) {
        let error_code = self.heard_classic(step, group_id, request).err().unwrap_or(ErrorCode::NONE);
        step.answer(asker, HeartbeatResponse { error_code, ..Default::default() });
    }

    fn heard_classic(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        request: &HeartbeatRequest,
    ) -> Result<(), ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let member = self.classic_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != member.standing.epoch {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let id = member.id.clone();
        self.renew_classic_session(step.now.mono, &id);
        self.look_ahead(step, group_id);
        match self.member(&id).is_some_and(|member| self.must_rejoin(member)) {
            true => {
                self.await_rejoin(step.now.mono, &id);
                Err(ErrorCode::REBALANCE_IN_PROGRESS)
            }
            false => Ok(()),
        }
    }

    /// Takes in what has changed since the last heartbeat of anybody. In Kafka only members of the new protocol and joins
    /// do that; a group that has only classic members left would then wait for ever for a target that is due.
    fn look_ahead(&mut self, step: &mut Step<'_>, group_id: &Str) {
        if self.must_look_at_topics(step.image) {
            self.look_at_topics(step, group_id, false);
        }
        let interval = step.image.group_config(group_id).assignment_interval;
        self.maybe_assign(step, group_id, interval);
    }

    /// Whether a join would bring the member further.
    fn must_rejoin(&self, member: &Member) -> bool {
        member.standing.epoch < self.assignment_epoch()
            || match member.standing.state {
                MemberState::UnrevokedPartitions => true,
                MemberState::UnreleasedPartitions => !self.is_blocked(member),
                MemberState::Stable | MemberState::Unknown => false,
            }
    }

    /// Whether others have yet to give up partitions of its target.
    fn is_blocked(&self, member: &Member) -> bool {
        let is_held = |topic: Uuid, partition: i32| {
            self.owner(topic, partition).is_some_and(|owner| owner != member.no)
        };
        self.target(&member.id)
            .into_iter()
            .flatten()
            .any(|(topic, partitions)| partitions.iter().any(|partition| is_held(*topic, *partition)))
    }

    pub(super) fn renew_classic_session(&mut self, now: Instant, id: &Str) {
        if let Some(session) = self.member(id).and_then(Member::classic_session) {
            self.start_session(now, id, session);
        }
    }

    /// A member was told to join again: its time for that begins, unless it runs already.
    pub(super) fn await_rejoin(&mut self, now: Instant, id: &Str) {
        if let Some(member) = self.member(id) {
            let timer = ConsumerTimer::Rejoin(member.no);
            let timeout = member.rebalance_timeout();
            self.start_timer(timer, now + timeout);
        }
    }
}
