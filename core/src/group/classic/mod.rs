//! One classic group: its members, its generation, and the rebalances between generations.
//!
//! The table of requests and phases is in `docs/reference/classic-groups.md`; [`tests`] drives every cell of it. Where it
//! comes from: Apache Kafka's `GroupMetadataManager` and `ClassicGroup`, measured. Every request is answered exactly
//! once: at once, or after it was parked as data in its member.

mod answers;
mod invariants;
mod join;
mod leave;
mod member;
mod members;
mod pending;
mod phase;
mod rebalance;
mod session;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod tick;
mod view;

use alloc::collections::BTreeSet;

pub use member::{Member, MemberNo, MemberState, Protocol, Timeouts};
pub use phase::{Gathering, Phase};
pub use view::OffsetsExpire;

use self::members::Members;
use self::pending::PendingIds;
use self::tick::ClassicTimer;
use super::step::Step;
use crate::protocol::{ErrorCode, Str};
use crate::time::{Instant, WallTime};
use crate::timers::Timers;

/// A group whose members share out the work among themselves: one of them, the leader, does it for all.
#[derive(Debug)]
pub struct ClassicGroup {
    phase: Phase,
    /// Since when; not known of groups that old nodes recorded.
    since: Option<WallTime>,
    /// Whether the log has a record of this group.
    recorded: bool,
    /// Rises by one with each completed rebalance; 0 before the first.
    generation: i32,
    /// That of the first member ever, until a group without members gets another.
    protocol_type: Option<Str>,
    /// What the members of this generation agreed on.
    protocol: Option<Str>,
    leader: Option<MemberNo>,
    members: Members,
    pending: PendingIds,
    /// The highest number given to a member or a pending id.
    last_no: u64,
    subscribed: Subscribed,
    timers: Timers<ClassicTimer>,
}

/// The topics that the members of a generation read.
#[derive(Debug, PartialEq, Eq)]
enum Subscribed {
    Topics(BTreeSet<Str>),
    /// A subscription could not be read, so every topic may be meant.
    Unknown,
}

impl Default for ClassicGroup {
    fn default() -> ClassicGroup {
        ClassicGroup::new()
    }
}

impl ClassicGroup {
    /// A group that nobody has heard of yet.
    pub fn new() -> ClassicGroup {
        ClassicGroup {
            phase: Phase::Empty,
            since: None,
            recorded: false,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Members::default(),
            pending: PendingIds::default(),
            last_no: 0,
            subscribed: Subscribed::Topics(BTreeSet::new()),
            timers: Timers::default(),
        }
    }

    /// Whether there is nothing to remember: no record, no member, no id handed out.
    pub fn is_nothing(&self) -> bool {
        !self.recorded && self.members.is_empty() && self.pending.is_empty()
    }

    /// When [`tick`](ClassicGroup::tick) is to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    /// The one place where the phase changes.
    fn enter(&mut self, step: &Step<'_>, next: Phase) {
        assert!(self.phase.leads_to(next), "from {:?} to {next:?}", self.phase);
        self.phase = next;
        self.since = Some(step.now.wall);
    }

    /// A number nobody has had.
    fn next_no(&mut self) -> MemberNo {
        self.last_no += 1;
        MemberNo(self.last_no)
    }

    /// Finds the member that a request claims to be from: UNKNOWN_MEMBER_ID if there is none, FENCED_INSTANCE_ID if its
    /// instance is another member by now.
    fn find(&self, member_id: &Str, instance_id: Option<&Str>) -> Result<MemberNo, ErrorCode> {
        let by_id = self.members.by_id(member_id);
        if let Some(instance_id) = instance_id {
            let by_instance = self.members.by_instance(instance_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if by_id != Some(by_instance) {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        by_id.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }
}
