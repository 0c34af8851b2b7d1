//! What others may know of a classic group.

use super::member::{Member, MemberNo};
use super::{ClassicGroup, Phase, Subscribed};
use crate::group::embedded::CONSUMER;
use crate::protocol::describe_groups::{DescribedGroup, DescribedGroupMember};
use crate::protocol::{ErrorCode, Str};
use crate::time::WallTime;

/// Which committed offsets of a classic group may expire, counted from when (KIP-211).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetsExpire {
    /// None: somebody may be about to use them.
    Never,
    /// All, counted from when each was committed.
    SinceCommit,
    /// All, counted from when the group lost its last member.
    SinceEmpty(WallTime),
    /// Those of topics that nobody [subscribes](ClassicGroup::is_subscribed) to, counted from when each was committed.
    UnsubscribedSinceCommit,
}

impl ClassicGroup {
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Kafka's name of the phase.
    pub fn state_name(&self) -> &'static str {
        self.phase.name()
    }

    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// None before the first member.
    pub fn protocol_type(&self) -> Option<&Str> {
        self.protocol_type.as_ref()
    }

    /// What the members of this generation agreed on.
    pub fn protocol(&self) -> Option<&Str> {
        self.protocol.as_ref()
    }

    /// Whether it has no member (an id that was handed out is none).
    pub fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    /// Who shares out the work.
    pub fn leader(&self) -> Option<&Member> {
        self.leader.and_then(|leader| self.members.get(leader))
    }

    /// Ids handed out and not joined with.
    pub fn pending_ids(&self) -> usize {
        self.pending.len()
    }

    pub fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// In the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = (MemberNo, &Member)> {
        self.members.iter()
    }

    /// Whether it is only a name under which offsets were committed.
    pub fn is_simple(&self) -> bool {
        self.is_empty() && self.protocol_type.is_none() && self.pending.is_empty()
    }

    /// The topics' readers when this generation was made.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Subscribed::Topics(topics) => topics.contains(topic),
            Subscribed::Unknown => true,
        }
    }

    /// Whether OffsetDelete may go on to look at single topics: of groups that are not of consumers nobody can tell
    /// what they still need.
    pub fn check_delete_offsets(&self) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Empty => Ok(()),
            Phase::PreparingRebalance(_) | Phase::CompletingRebalance | Phase::Stable => {
                if self.is_of_consumers() { Ok(()) } else { Err(ErrorCode::NON_EMPTY_GROUP) }
            }
        }
    }

    /// See [`OffsetsExpire`].
    pub fn offsets_expire(&self) -> OffsetsExpire {
        match self.phase {
            Phase::Empty => match (&self.protocol_type, self.since) {
                (Some(_), Some(since)) => OffsetsExpire::SinceEmpty(since),
                (Some(_), None) | (None, _) => OffsetsExpire::SinceCommit,
            },
            Phase::Stable if self.is_of_consumers() => OffsetsExpire::UnsubscribedSinceCommit,
            Phase::Stable | Phase::PreparingRebalance(_) | Phase::CompletingRebalance => OffsetsExpire::Never,
        }
    }

    fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_ref().is_some_and(|kind| kind == CONSUMER)
    }

    /// As DescribeGroups shows it: what the members said is settled only in Stable.
    pub fn describe(&self, group_id: &Str) -> DescribedGroup {
        let protocol = match self.phase {
            Phase::Stable => self.protocol.as_ref(),
            Phase::Empty | Phase::PreparingRebalance(_) | Phase::CompletingRebalance => None,
        };
        let member = |member: &Member| DescribedGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            member_metadata: member.metadata(protocol),
            member_assignment: member.assignment.clone(),
            ..Default::default()
        };
        DescribedGroup {
            error_code: ErrorCode::NONE,
            group_id: group_id.clone(),
            group_state: Str::from_static(self.state_name()),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol.cloned().unwrap_or_default(),
            members: self.members.iter().map(|(_, one)| member(one)).collect(),
            ..Default::default()
        }
    }
}
