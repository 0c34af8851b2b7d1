//! Round robin: partitions in order of topic and number are dealt to the members in order; who is not subscribed is skipped.
//!
//! Even over all topics if the members have the same ones. The rule is that of Kafka's `RoundRobinAssignor`.

use alloc::vec;

use super::numbered::{Numbered, Owners};

/// Assigns by dealing round.
pub(super) fn assign<K: Copy + Ord>(group: &Numbered<K>) -> Owners {
    let mut owners = vec![None; group.slots()];
    let mut next = 0;
    for (slots, subscribers) in group.topics() {
        let mut turn = subscribers.partition_point(|member| *member < next);
        for slot in slots {
            let member = subscribers[turn % subscribers.len()];
            owners[slot] = Some(member);
            next = member + 1;
            turn = turn % subscribers.len() + 1;
        }
    }
    owners
}
