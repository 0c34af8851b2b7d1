//! One consumer group of the new protocol (KIP-848), pure.
//!
//! The durable state is what its records add up to, and [`ConsumerGroup::replay`] is the only thing that changes it:
//! a request is checked ([`admission`]), then decides records, each of which is replayed at once and stored; loading
//! replays them again. What is not in records (timers, a resolution of regular expressions under way) is of this run.
//!
//! | epoch | says | rises when |
//! | --- | --- | --- |
//! | of the group | which subscriptions and topics there are | one of them changes, or members go |
//! | of the assignment | which group epoch the target is for | a heartbeat computes it |
//! | of a member | which target the member has reached | it has given up what it must |

pub mod admission;
mod describe;
mod epoch;
pub mod given;
pub(in crate::group) mod heartbeat;
mod invariants;
mod leave;
pub mod member;
mod offsets;
pub mod reconcile;
pub mod regex;
mod replay;
mod resolve;
mod subscriptions;
mod target;
mod timers;
mod undo;
pub mod writing;

#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::group::assignor::Partitions;
use crate::group::record::GroupRecord;
use crate::group::step::Step;
use crate::protocol::Str;
use crate::timers::Timers;
use crate::uuid::Uuid;
use member::{Member, MemberNo, MemberState};
pub use offsets::Committer;
use regex::resolution::Resolution;
use resolve::Refreshed;
use subscriptions::Subscriptions;
pub use timers::ConsumerTimer;

/// A consumer group.
#[derive(Debug)]
pub struct ConsumerGroup {
    epoch: i32,
    /// Of the topics subscribed to, as of `epoch`.
    metadata_hash: i64,
    /// Whether its epoch stands in the log.
    recorded: bool,
    /// Whether a record of Kafka 4.0 about its topics stands in the log.
    has_partition_metadata: bool,
    /// Whether the epoch of its assignment stands in the log.
    has_assignment: bool,
    assignment_epoch: i32,
    /// Milliseconds since 1970; 0 when unknown.
    assignment_time: i64,
    members: BTreeMap<Str, Member>,
    /// Member ids by instance id.
    instances: BTreeMap<Str, Str>,
    /// The target assignment by member id.
    targets: BTreeMap<Str, Partitions>,
    subscriptions: Subscriptions,
    /// Who has a partition assigned, or has yet to give it up.
    owners: BTreeMap<Uuid, BTreeMap<i32, MemberNo>>,
    numbers: BTreeMap<MemberNo, Str>,
    last_number: u64,
    run: Run,
}

/// What is not in the log.
#[derive(Debug, Default)]
struct Run {
    timers: Timers<ConsumerTimer>,
    /// The epochs members had when their time to revoke began to run.
    revoking_since: BTreeMap<MemberNo, i32>,
    /// The catalogue's change at which the topics were last looked at.
    topics_seen: Option<u64>,
    resolution: Option<Resolution>,
    refreshed: Option<Refreshed>,
    /// What takes the last step back.
    undo: Vec<GroupRecord>,
}

impl Default for ConsumerGroup {
    fn default() -> ConsumerGroup {
        ConsumerGroup::new()
    }
}

impl ConsumerGroup {
    /// A group without members that does not exist yet: nothing of it is in the log.
    pub fn new() -> ConsumerGroup {
        ConsumerGroup {
            epoch: 1,
            metadata_hash: 0,
            recorded: false,
            has_partition_metadata: false,
            has_assignment: false,
            assignment_epoch: 1,
            assignment_time: 0,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            targets: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            owners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            last_number: 0,
            run: Run::default(),
        }
    }

    /// Whether it need not be kept: nothing of it is in the log. While loading, any of its records may come first.
    pub fn is_nothing(&self) -> bool {
        let has_records = self.recorded || self.has_partition_metadata || self.has_assignment;
        !has_records
            && self.members.is_empty()
            && self.targets.is_empty()
            && self.subscriptions.regexes().len() == 0
    }

    pub fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// In the order of their ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The static member with that instance id.
    pub fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(self.instances.get(instance_id)?)
    }

    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    pub fn assignment_epoch(&self) -> i32 {
        self.assignment_epoch
    }

    /// What a member is to have; nothing if no target was ever computed for it.
    pub fn target(&self, member_id: &str) -> Option<&Partitions> {
        self.targets.get(member_id)
    }

    /// Whether a member subscribes to a topic, by name or by a resolved regular expression.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.subscriptions.contains(topic)
    }

    /// The set of these names, shared with members that have the same.
    pub(in crate::group) fn shared_names(&self, names: &[Str]) -> Arc<[Str]> {
        self.subscriptions.shared(names)
    }

    /// `Empty`, `Assigning`, `Reconciling` or `Stable`, as ListGroups and ConsumerGroupDescribe show it.
    pub fn state_name(&self) -> &'static str {
        let reconciled = |member: &Member| member.standing.is_reconciled_to(self.assignment_epoch);
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if !self.members.values().all(reconciled) {
            "Reconciling"
        } else {
            "Stable"
        }
    }

    /// Who has a partition assigned, or has yet to give it up.
    pub(in crate::group) fn owner(&self, topic: Uuid, partition: i32) -> Option<MemberNo> {
        self.owners.get(&topic)?.get(&partition).copied()
    }

    /// Changes state by a record, and stores it.
    pub(in crate::group) fn put(&mut self, step: &mut Step<'_>, record: GroupRecord) {
        let inverse = self.inverse(&record);
        self.run.undo.push(inverse);
        self.replay(&record);
        step.record(record);
    }

    /// Whether a member waits for its client to give up partitions.
    fn is_revoking(member: &Member) -> bool {
        member.standing.state == MemberState::UnrevokedPartitions
    }
}
