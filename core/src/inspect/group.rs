//! Groups as their coordinators have them.

use alloc::vec::Vec;
use core::fmt;

use super::{List, Seconds, TopicPartition};
use crate::group::classic::{self, Phase};
use crate::group::consumer::member;
use crate::ids::LogId;
use crate::protocol::Str;
use crate::time::WallTime;

/// The coordinator of one partition of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq)]
pub struct CoordinatorView {
    /// Which partition.
    pub log: LogId,
    pub phase: CoordinatorPhase,
    /// In the order in which they came to be; none while they are loaded.
    pub groups: Vec<GroupView>,
}

/// What a coordinator is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorPhase {
    /// The log is read back.
    Loading,
    Active,
    /// The log could not be read; it is tried again.
    Failed,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupView {
    pub id: Str,
    pub kind: GroupKind,
    /// By topic and partition.
    pub offsets: Vec<OffsetView>,
    /// Whether all that it has put out is durable, so that no answer of it is held back.
    pub durable: bool,
}

/// What a group is besides its offsets.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupKind {
    /// Committed offsets alone.
    Simple,
    Classic(ClassicView),
    Consumer(ConsumerView),
}

/// A group of the classic protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicView {
    pub phase: Phase,
    pub generation: i32,
    pub protocol_type: Option<Str>,
    /// What the members of this generation agreed on.
    pub protocol: Option<Str>,
    pub leader: Option<Str>,
    /// In the order in which they joined.
    pub members: Vec<ClassicMemberView>,
    /// Ids handed out and not joined with.
    pub pending_ids: usize,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicMemberView {
    pub id: Str,
    pub instance_id: Option<Str>,
    pub client_id: Str,
    pub state: classic::MemberState,
    /// What the leader last gave it, as long as that can be read as an assignment of consumers.
    pub assignment: Option<Vec<TopicPartition>>,
}

/// A group of the new protocol (KIP-848).
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerView {
    /// Kafka's name of its state.
    pub state: &'static str,
    pub epoch: i32,
    /// The group epoch that the target assignment is for.
    pub assignment_epoch: i32,
    /// By id.
    pub members: Vec<ConsumerMemberView>,
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerMemberView {
    pub id: Str,
    pub instance_id: Option<Str>,
    pub client_id: Str,
    /// It speaks the classic protocol.
    pub is_classic: bool,
    pub epoch: i32,
    pub state: member::MemberState,
    /// What it may use.
    pub assigned: Vec<TopicPartition>,
    /// What it has been told to give up and may still use.
    pub pending_revocation: Vec<TopicPartition>,
    /// What it is to have.
    pub target: Vec<TopicPartition>,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetView {
    pub at: TopicPartition,
    pub offset: i64,
    /// -1 when the client did not say.
    pub leader_epoch: i32,
    pub committed: WallTime,
}

impl fmt::Display for CoordinatorView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "coordinator {} {:?}", self.log, self.phase)?;
        self.groups.iter().try_for_each(|group| write!(f, "\n{group}"))
    }
}

impl fmt::Display for GroupView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.id)?;
        match &self.kind {
            GroupKind::Simple => f.write_str(" simple")?,
            GroupKind::Classic(classic) => write!(f, " {classic}")?,
            GroupKind::Consumer(consumer) => write!(f, " {consumer}")?,
        }
        if !self.durable {
            f.write_str("\n  answers wait for its records to be durable")?;
        }
        self.offsets.iter().try_for_each(|offset| write!(f, "\n  committed {offset}"))
    }
}

impl fmt::Display for ClassicView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "classic {} generation {}", self.phase.name(), self.generation)?;
        if let Phase::PreparingRebalance(classic::Gathering::First { until }) = self.phase {
            write!(f, " until {}", Seconds(until))?;
        }
        for (what, text) in
            [("type", &self.protocol_type), ("protocol", &self.protocol), ("leader", &self.leader)]
        {
            if let Some(text) = text {
                write!(f, " {what} {text}")?;
            }
        }
        if self.pending_ids > 0 {
            write!(f, " ids handed out {}", self.pending_ids)?;
        }
        self.members.iter().try_for_each(|member| write!(f, "\n  member {member}"))
    }
}

impl fmt::Display for ClassicMemberView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}",
            Named { id: &self.id, instance: self.instance_id.as_ref(), client: &self.client_id }
        )?;
        f.write_str(match self.state {
            classic::MemberState::Settled => " settled",
            classic::MemberState::Joining { .. } => " joining",
            classic::MemberState::AwaitingSync => " to sync",
            classic::MemberState::Syncing { .. } => " syncing",
        })?;
        match &self.assignment {
            Some(assignment) => write!(f, " {}", List(assignment)),
            None => f.write_str(" (an assignment not of consumers)"),
        }
    }
}

impl fmt::Display for ConsumerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConsumerView { state, epoch, assignment_epoch, members } = self;
        write!(f, "consumer {state} epoch {epoch} assignment epoch {assignment_epoch}")?;
        members.iter().try_for_each(|member| write!(f, "\n  member {member}"))
    }
}

impl fmt::Display for ConsumerMemberView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}",
            Named { id: &self.id, instance: self.instance_id.as_ref(), client: &self.client_id }
        )?;
        if self.is_classic {
            f.write_str(" classic")?;
        }
        write!(f, " epoch {} {:?} has {}", self.epoch, self.state, List(&self.assigned))?;
        if !self.pending_revocation.is_empty() {
            write!(f, " to give up {}", List(&self.pending_revocation))?;
        }
        write!(f, " target {}", List(&self.target))
    }
}

impl fmt::Display for OffsetView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offset {}", self.at, self.offset)
    }
}

/// A member's names.
struct Named<'a> {
    id: &'a Str,
    instance: Option<&'a Str>,
    client: &'a Str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (client {:?}", self.id, self.client)?;
        if let Some(instance) = self.instance {
            write!(f, ", instance {instance:?}")?;
        }
        f.write_str(")")
    }
}
