//! Partitions placed by hand (`ReplicationControlManager.validateManualPartitionAssignment`).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::refusal::Refusal;
use crate::protocol::ErrorCode;

fn refuse(message: impl Into<alloc::string::String>) -> Result<(), Refusal> {
    Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
}

/// Checks where the replicas of one partition are to be: on nodes that exist, each at most once. There is one node, so
/// that only `[node]` is left.
///
/// # Errors
/// INVALID_REPLICA_ASSIGNMENT.
pub(super) fn check_replicas(replicas: &[i32], node: i32) -> Result<(), Refusal> {
    let mut sorted: Vec<i32> = replicas.to_vec();
    sorted.sort_unstable();
    if sorted.is_empty() {
        return refuse("The manual partition assignment includes an empty replica list.");
    }
    let mut previous = None;
    for broker in sorted {
        if broker != node {
            return refuse(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if previous == Some(broker) {
            return refuse(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
        previous = Some(broker);
    }
    Ok(())
}

/// Checks the placement of all partitions of a new topic: indexes from 0 on, each once.
///
/// # Errors
/// INVALID_REPLICA_ASSIGNMENT.
pub(super) fn check_all<'a>(
    assignments: impl Iterator<Item = (i32, &'a [i32])>,
    node: i32,
) -> Result<(), Refusal> {
    let mut indexes = BTreeSet::new();
    for (index, replicas) in assignments {
        if !indexes.insert(index) {
            return refuse(format!("Found multiple manual partition assignments for partition {index}"));
        }
        check_replicas(replicas, node)?;
    }
    if indexes.into_iter().zip(0..).any(|(index, expected)| index != expected) {
        return refuse("partitions should be a consecutive 0-based integer sequence");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<(), Refusal>) -> alloc::string::String {
        match result {
            Ok(()) => "fine".into(),
            Err(refusal) => {
                assert_eq!(refusal.code, ErrorCode::INVALID_REPLICA_ASSIGNMENT);
                refusal.message.as_deref().unwrap_or_default().into()
            }
        }
    }

    #[test]
    fn only_this_node_once() {
        assert_eq!(message(check_replicas(&[1], 1)), "fine");
        assert!(message(check_replicas(&[], 1)).contains("empty replica list"));
        assert!(message(check_replicas(&[2], 1)).contains("includes broker 2, but no such broker"));
        assert!(message(check_replicas(&[1, 1], 1)).contains("the broker 1 more than once"));
        assert!(message(check_replicas(&[2, 1, 1], 1)).contains("the broker 1 more than once"));
        assert!(message(check_replicas(&[0, 1, 1], 1)).contains("includes broker 0"));
    }

    #[test]
    fn indexes_from_zero_without_a_gap() {
        let check = |indexes: &[i32]| message(check_all(indexes.iter().map(|index| (*index, &[1][..])), 1));
        assert_eq!(check(&[0]), "fine");
        assert_eq!(check(&[2, 0, 1]), "fine");
        for gap in [&[1][..], &[0, 2], &[-1, 0]] {
            assert!(check(gap).contains("consecutive 0-based"), "{gap:?}");
        }
        assert!(check(&[0, 1, 0]).contains("multiple manual partition assignments for partition 0"));
    }
}
