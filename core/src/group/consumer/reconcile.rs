//! Reconciliation: one step of one member from what it has towards its target (KIP-848; `CurrentAssignmentBuilder` of
//! Kafka). A pure function.
//!
//! A partition changes hands in three steps that only the old owner's client can move: it is taken from the assignment
//! (the member keeps its epoch and is to revoke), the client reports that it no longer owns it, and only then may the
//! new owner get it. A member goes to the newest target directly, past those it never saw.

use super::given::Given;
use super::member::{MemberState, Standing};
use crate::group::assignor::Partitions;
use crate::protocol::consumer_group_heartbeat::TopicPartitions;
use crate::uuid::Uuid;

/// What a member's next step depends on besides where it stands.
pub struct Reconciliation<'a> {
    /// The epoch of the target assignment.
    pub target_epoch: i32,
    pub target: &'a Partitions,
    /// Whether this very request changed the subscription.
    pub subscription_changed: bool,
    /// What the client reports as its own; none if it does not say.
    pub owned: Option<&'a [TopicPartitions]>,
    /// Whether the member subscribes to a topic that exists, by name or by a resolved regular expression.
    pub is_subscribed: &'a dyn Fn(Uuid) -> bool,
    /// Whether another member has a partition, or has yet to give it up.
    pub is_held_by_other: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Reconciliation<'_> {
    /// Where the member stands next; the same if there is nothing to do.
    ///
    /// A member in an unknown state must own nothing: others were fenced before ([`must_be_fenced`]).
    pub fn next(&self, standing: &Standing) -> Standing {
        if !self.subscription_changed && standing.is_reconciled_to(self.target_epoch) {
            return standing.clone();
        }
        match standing.state {
            MemberState::Stable if standing.epoch == self.target_epoch => self.unsubscribed(standing),
            MemberState::Stable | MemberState::UnreleasedPartitions => self.towards_target(standing),
            MemberState::UnrevokedPartitions if standing.pending_revocation.is_met_by(self.owned) => {
                if self.subscription_changed { self.unsubscribed(standing) } else { standing.clone() }
            }
            MemberState::UnrevokedPartitions => self.towards_target(standing),
            // As if it were at the target already, since its own epoch may mean something else.
            MemberState::Unknown => {
                self.towards_target(&Standing { epoch: self.target_epoch, ..standing.clone() })
            }
        }
    }

    /// Takes topics away that are no longer subscribed to, without looking at the target.
    fn unsubscribed(&self, standing: &Standing) -> Standing {
        let (assigned, dropped) = standing.assigned.partition(|topic, _| (self.is_subscribed)(topic));
        if dropped.is_empty() {
            return standing.clone();
        }
        let mut pending = standing.pending_revocation.clone();
        pending.extend(&dropped);
        if pending.is_met_by(self.owned) {
            let state = MemberState::UnrevokedPartitions;
            return moved(standing, standing.epoch, state, assigned, pending);
        }
        moved(standing, standing.epoch, standing.state, assigned, standing.pending_revocation.clone())
    }

    /// Gives up what the target does not have, and takes what it has and nobody else holds.
    fn towards_target(&self, standing: &Standing) -> Standing {
        let (mut assigned, revoked) =
            standing.assigned.partition(|topic, partition| self.is_target(topic, partition));
        if revoked.is_met_by(self.owned) {
            let state = MemberState::UnrevokedPartitions;
            return moved(standing, standing.epoch, state, assigned, revoked);
        }
        let mut state = MemberState::Stable;
        for (topic, partitions) in self.target.iter().filter(|(topic, _)| (self.is_subscribed)(**topic)) {
            for partition in partitions {
                if assigned.contains(*topic, *partition) {
                    continue;
                }
                if (self.is_held_by_other)(*topic, *partition) {
                    state = MemberState::UnreleasedPartitions;
                } else {
                    assigned.insert(*topic, *partition, self.target_epoch);
                }
            }
        }
        moved(standing, self.target_epoch, state, assigned, Given::default())
    }

    fn is_target(&self, topic: Uuid, partition: i32) -> bool {
        (self.is_subscribed)(topic)
            && self.target.get(&topic).is_some_and(|target| target.binary_search(&partition).is_ok())
    }
}

/// Whether a member must come back with nothing, since a newer version left it in a state that we do not know.
pub fn must_be_fenced(state: MemberState, owned: Option<&[TopicPartitions]>) -> bool {
    state == MemberState::Unknown && !owned.is_some_and(|owned| owned.is_empty())
}

/// The previous epoch follows even if the epoch stays, as in Kafka: it says what the client may still believe.
fn moved(before: &Standing, epoch: i32, state: MemberState, assigned: Given, pending: Given) -> Standing {
    Standing { epoch, previous_epoch: before.epoch, state, assigned, pending_revocation: pending }
}

#[cfg(test)]
mod tests;
