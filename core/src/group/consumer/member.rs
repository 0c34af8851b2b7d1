//! One member: what it said about itself, and where it stands.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::given::Given;
use crate::group::question::Client;
use crate::group::record::{
    ClassicMemberMetadata, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
};
use crate::protocol::Str;

/// The epoch a member joins with.
pub const JOIN_EPOCH: i32 = 0;
/// The epoch a member leaves with.
pub const LEAVE_EPOCH: i32 = -1;
/// The epoch a static member leaves with that means to come back, and has until it does.
pub const STATIC_LEAVE_EPOCH: i32 = -2;

/// Numbers members for their timers and their partitions: rising, never used twice, not kept in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberNo(pub u64);

/// What a classic member of a consumer group has besides (KIP-848, online migration).
pub type ClassicMember = ClassicMemberMetadata;

/// What a member says about itself: record type 5.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client: Client,
    /// In order, without duplicates; shared by all members that subscribe to the same.
    pub names: Arc<[Str]>,
    /// Never empty.
    pub regex: Option<Str>,
    /// How long it may take to give up partitions, in milliseconds; -1 before it has said so.
    pub rebalance_timeout_ms: i32,
    pub assignor: Option<Str>,
    /// Of a member that speaks the classic protocol.
    pub classic: Option<ClassicMember>,
}

impl Default for Description {
    /// Of a member that has said nothing yet.
    fn default() -> Description {
        Description {
            instance_id: None,
            rack_id: None,
            client: Client { id: Str::default(), host: Str::default() },
            names: Arc::new([]),
            regex: None,
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

impl Description {
    /// The value of its record.
    pub fn to_record(&self) -> ConsumerGroupMemberMetadataValue {
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client.id.clone(),
            client_host: self.client.host.clone(),
            subscribed_topic_names: self.names.to_vec(),
            subscribed_topic_regex: Some(self.regex.clone().unwrap_or_default()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone(),
            classic_member_metadata: self.classic.clone(),
            ..Default::default()
        }
    }

    /// From the value of its record; `names` are those of the record.
    pub fn from_record(value: &ConsumerGroupMemberMetadataValue, names: Arc<[Str]>) -> Description {
        let detach = |text: &Option<Str>| text.as_ref().map(Str::detach);
        Description {
            instance_id: detach(&value.instance_id),
            rack_id: detach(&value.rack_id),
            client: Client { id: value.client_id.detach(), host: value.client_host.detach() },
            names,
            regex: detach(&value.subscribed_topic_regex).filter(|regex| !regex.is_empty()),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: detach(&value.server_assignor),
            classic: value.classic_member_metadata.as_ref().map(detached_classic),
        }
    }
}

/// In memory of its own.
fn detached_classic(classic: &ClassicMember) -> ClassicMember {
    let mut classic = classic.clone();
    for protocol in &mut classic.supported_protocols {
        protocol.name = protocol.name.detach();
        protocol.metadata = bytes::Bytes::copy_from_slice(&protocol.metadata);
    }
    classic
}

/// How far a member is on the way to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// Has all it can have at its epoch.
    Stable,
    /// Has to give up partitions, and say so, before it may go to the next epoch.
    UnrevokedPartitions,
    /// Waits for partitions that others have not given up yet.
    UnreleasedPartitions,
    /// A state of a newer version than ours, read from the log.
    Unknown,
}

impl MemberState {
    /// The number in its record.
    pub fn number(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    /// The state of that number.
    pub fn from_number(number: i8) -> MemberState {
        match number {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

/// Where a member stands: record type 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub epoch: i32,
    /// The epoch before the last change; -1 if there was none.
    pub previous_epoch: i32,
    pub state: MemberState,
    /// What it may use.
    pub assigned: Given,
    /// What it has been told to give up and may still use.
    pub pending_revocation: Given,
}

impl Default for Standing {
    /// Of a member that has just come.
    fn default() -> Standing {
        Standing {
            epoch: JOIN_EPOCH,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: Given::default(),
            pending_revocation: Given::default(),
        }
    }
}

impl Standing {
    /// Whether nothing is left to do up to this target epoch.
    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// Of the same static member, away until its instance comes back: it keeps its partitions, and who comes back gets
    /// them as given at epoch 0.
    pub fn left_for_a_while(&self) -> Standing {
        Standing {
            epoch: STATIC_LEAVE_EPOCH,
            assigned: self.assigned.given_at(0),
            pending_revocation: Given::default(),
            ..self.clone()
        }
    }

    /// Of the member that takes the place of this one, with its partitions.
    pub fn taken_over(&self) -> Standing {
        Standing { epoch: JOIN_EPOCH, previous_epoch: 0, ..self.clone() }
    }

    /// The epoch at which a partition was given that the member has or has yet to give up.
    pub fn epoch_of(&self, topic: crate::uuid::Uuid, partition: i32) -> Option<i32> {
        self.assigned
            .epoch_of(topic, partition)
            .or_else(|| self.pending_revocation.epoch_of(topic, partition))
    }

    /// The value of its record.
    pub fn to_record(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.number(),
            assigned_partitions: self.assigned.to_record(),
            partitions_pending_revocation: self.pending_revocation.to_record(),
            ..Default::default()
        }
    }

    /// From the value of its record.
    pub fn from_record(value: &ConsumerGroupCurrentMemberAssignmentValue) -> Standing {
        Standing {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: MemberState::from_number(value.state),
            assigned: Given::from_record(&value.assigned_partitions, value.member_epoch),
            pending_revocation: Given::from_record(&value.partitions_pending_revocation, value.member_epoch),
        }
    }
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Of its timers and partitions in this run.
    pub no: MemberNo,
    pub id: Str,
    pub description: Description,
    pub standing: Standing,
}

impl Member {
    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.description.classic.is_some()
    }

    /// The session timeout of one that does.
    pub fn classic_session(&self) -> Option<Duration> {
        let classic = self.description.classic.as_ref()?;
        Some(Duration::from_millis(u64::try_from(classic.session_timeout_ms).unwrap_or(0)))
    }

    /// How long it may take to give up partitions, or if it is a classic one to join again.
    pub fn rebalance_timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.description.rebalance_timeout_ms).unwrap_or(0))
    }

    /// Whether it is static and has left for a while.
    pub fn is_away(&self) -> bool {
        self.standing.epoch == STATIC_LEAVE_EPOCH
    }

    /// Whether a new member with its instance id may take its place: it has left for a while, or never says that it does.
    pub fn may_be_replaced(&self) -> bool {
        self.is_away() || self.is_classic()
    }
}

/// Names in the order and form members keep them: sorted, each once, in memory of their own.
pub fn sorted_names(names: &[Str]) -> Vec<Str> {
    let mut names: Vec<Str> = names.to_vec();
    names.sort_unstable();
    names.dedup();
    for name in &mut names {
        *name = name.detach();
    }
    names
}
