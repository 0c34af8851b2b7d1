//! What must hold after every step.

use super::ConsumerGroup;
use super::member::{MemberState, STATIC_LEAVE_EPOCH};

impl ConsumerGroup {
    /// Walks the whole group.
    ///
    /// # Panics
    /// Something does not hold: our own mistake, since nothing that a client or a log says leads here.
    pub fn check_invariants(&self) {
        self.check_owners();
        self.check_indexes();
        assert!(self.assignment_epoch <= self.epoch, "the target is ahead of the group's epoch");
        for member in self.members.values() {
            let (id, standing) = (&member.id, &member.standing);
            assert!(standing.epoch >= STATIC_LEAVE_EPOCH, "{id} has epoch {}", standing.epoch);
            let is_pending = !standing.pending_revocation.is_empty();
            let revokes = standing.state == MemberState::UnrevokedPartitions;
            assert!(!is_pending || revokes, "{id} has partitions to revoke in {:?}", standing.state);
        }
    }

    /// No partition has two owners, and the table of owners is what members have and have yet to give up.
    fn check_owners(&self) {
        let mut owned = 0;
        for member in self.members.values() {
            let standing = &member.standing;
            for (topic, partition, _) in standing.assigned.iter().chain(standing.pending_revocation.iter()) {
                owned += 1;
                let owner = self.owner(topic, partition);
                assert!(
                    owner == Some(member.no),
                    "{topic}-{partition} of {} belongs to {owner:?}",
                    member.id
                );
            }
        }
        let known: usize = self.owners.values().map(alloc::collections::BTreeMap::len).sum();
        assert!(known == owned, "{known} partitions have owners, members have {owned}");
    }

    /// The tables by instance, by number and by subscription say the same as the members.
    fn check_indexes(&self) {
        for (instance, id) in &self.instances {
            let holder = self.members.get(id).and_then(|member| member.description.instance_id.as_ref());
            assert!(holder == Some(instance), "{instance} is not the instance of {id}");
        }
        assert!(self.numbers.len() == self.members.len(), "members and their numbers differ");
        for member in self.members.values() {
            assert!(self.numbers.get(&member.no) == Some(&member.id), "{} has another's number", member.id);
            let topics = member.description.names.first();
            assert!(topics.is_none_or(|topic| self.is_subscribed(topic)), "{} is not counted", member.id);
        }
        for (regex, state) in self.subscriptions.regexes() {
            let users =
                self.members.values().filter(|member| member.description.regex.as_ref() == Some(regex));
            assert!(users.count() == state.members, "the users of {regex} are miscounted");
        }
    }
}
