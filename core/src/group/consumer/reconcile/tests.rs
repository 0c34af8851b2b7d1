//! Reconciliation cell by cell: what a member has, what it is to have, what it says and what others hold, to where it
//! stands next. Lists are partitions of topic 1; those of topic 2 have 20 added.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Reconciliation, must_be_fenced};
use crate::group::consumer::given::Given;
use crate::group::consumer::member::MemberState::{self, *};
use crate::group::consumer::member::Standing;
use crate::group::consumer::tests::page::documented;
use crate::protocol::consumer_group_heartbeat::TopicPartitions;
use crate::uuid::Uuid;

const TOPIC: Uuid = Uuid([1; 16]);
const OTHER: Uuid = Uuid([2; 16]);

struct Cell {
    why: &'static str,
    before: (MemberState, i32, &'static [i32], &'static [i32]),
    target: &'static [i32],
    changed: bool,
    /// Whether topic 2 is subscribed to.
    other: bool,
    owned: Option<&'static [i32]>,
    held: &'static [i32],
    after: (MemberState, i32, &'static [i32], &'static [i32]),
}

const fn cell(why: &'static str, before: (MemberState, i32, &'static [i32], &'static [i32])) -> Cell {
    Cell { why, before, target: &[], changed: false, other: true, owned: None, held: &[], after: before }
}

/// The target is of epoch 5; partitions were given at 3, and those given now at 5.
const CELLS: &[Cell] = &[
    Cell { target: &[0], ..cell("stable at the epoch: nothing to do", (Stable, 5, &[0], &[])) },
    Cell {
        target: &[0, 1],
        changed: true,
        ..cell("subscription changed, but all is still subscribed to: nothing to do", (Stable, 5, &[0], &[]))
    },
    Cell {
        changed: true,
        other: false,
        owned: Some(&[0, 20]),
        after: (UnrevokedPartitions, 5, &[0], &[20]),
        ..cell("unsubscribed from what it owns: it revokes at its epoch", (Stable, 5, &[0, 20], &[]))
    },
    Cell {
        changed: true,
        other: false,
        after: (UnrevokedPartitions, 5, &[0], &[20]),
        ..cell("unsubscribed, says nothing of what it owns: it may own it", (Stable, 5, &[0, 20], &[]))
    },
    Cell {
        changed: true,
        other: false,
        owned: Some(&[0]),
        after: (Stable, 5, &[0], &[]),
        ..cell("unsubscribed from what it does not own: dropped at once", (Stable, 5, &[0, 20], &[]))
    },
    Cell {
        target: &[0],
        owned: Some(&[0, 1]),
        after: (UnrevokedPartitions, 3, &[0], &[1]),
        ..cell("must give up what it owns: keeps its epoch", (Stable, 3, &[0, 1], &[]))
    },
    Cell {
        target: &[0],
        after: (UnrevokedPartitions, 3, &[0], &[1]),
        ..cell("must give up, says nothing", (Stable, 3, &[0, 1], &[]))
    },
    Cell {
        target: &[0, 2],
        owned: Some(&[0, 1]),
        held: &[],
        after: (UnrevokedPartitions, 3, &[0], &[1]),
        ..cell("gives up before it gets anything", (Stable, 3, &[0, 1], &[]))
    },
    Cell {
        target: &[0],
        owned: Some(&[0]),
        after: (Stable, 5, &[0], &[]),
        ..cell("must give up what it does not own: done", (Stable, 3, &[0, 1], &[]))
    },
    Cell {
        target: &[0, 1],
        after: (Stable, 5, &[0, 1], &[]),
        ..cell("gets what is free", (Stable, 3, &[0], &[]))
    },
    Cell {
        target: &[0, 1, 2],
        held: &[2],
        after: (UnreleasedPartitions, 5, &[0, 1], &[]),
        ..cell("gets what is free, waits for the rest", (Stable, 3, &[0], &[]))
    },
    Cell {
        target: &[0, 2],
        held: &[2],
        after: (UnreleasedPartitions, 5, &[0], &[]),
        ..cell("nothing is free: waits at the new epoch", (Stable, 3, &[0], &[]))
    },
    Cell {
        target: &[0],
        after: (Stable, 5, &[0], &[]),
        ..cell("the same partitions: the epoch follows", (Stable, 3, &[0], &[]))
    },
    Cell {
        target: &[0, 20],
        other: false,
        after: (Stable, 5, &[0], &[]),
        ..cell("the target of a topic that is not subscribed to counts as empty", (Stable, 3, &[0], &[]))
    },
    Cell {
        target: &[0, 2],
        held: &[2],
        after: (UnreleasedPartitions, 5, &[0], &[]),
        ..cell("still waiting", (UnreleasedPartitions, 5, &[0], &[]))
    },
    Cell {
        target: &[0, 2],
        after: (Stable, 5, &[0, 2], &[]),
        ..cell("what it waited for is free", (UnreleasedPartitions, 5, &[0], &[]))
    },
    Cell {
        target: &[1],
        owned: Some(&[0]),
        after: (UnrevokedPartitions, 4, &[], &[0]),
        ..cell("a newer target while waiting", (UnreleasedPartitions, 4, &[0], &[]))
    },
    Cell { target: &[0], ..cell("has not said that it gave up", (UnrevokedPartitions, 3, &[0], &[1])) },
    Cell {
        target: &[0],
        owned: Some(&[0, 1]),
        ..cell("says that it has not given up", (UnrevokedPartitions, 3, &[0], &[1]))
    },
    Cell {
        target: &[0],
        owned: Some(&[0]),
        after: (Stable, 5, &[0], &[]),
        ..cell("has given up", (UnrevokedPartitions, 3, &[0], &[1]))
    },
    Cell {
        target: &[0, 2],
        owned: Some(&[0]),
        held: &[2],
        after: (UnreleasedPartitions, 5, &[0], &[]),
        ..cell("has given up, waits for others", (UnrevokedPartitions, 3, &[0], &[1]))
    },
    Cell {
        target: &[2],
        owned: Some(&[0]),
        after: (UnrevokedPartitions, 3, &[], &[0]),
        ..cell("has given up, and a newer target wants more", (UnrevokedPartitions, 3, &[0], &[1]))
    },
    Cell {
        target: &[0, 1],
        owned: Some(&[0]),
        after: (Stable, 5, &[0, 1], &[]),
        ..cell("what it has just given up may come back (KAFKA-16147)", (UnrevokedPartitions, 3, &[0], &[1]))
    },
    Cell {
        target: &[0],
        changed: true,
        other: false,
        owned: Some(&[0, 1, 20]),
        after: (UnrevokedPartitions, 3, &[0], &[1, 20]),
        ..cell("unsubscribes while it revokes", (UnrevokedPartitions, 3, &[0, 20], &[1]))
    },
    Cell {
        target: &[0],
        owned: Some(&[]),
        after: (Stable, 5, &[0], &[]),
        ..cell("rejoined with nothing: gets its target", (UnrevokedPartitions, 3, &[], &[1]))
    },
    Cell {
        target: &[0, 1],
        owned: Some(&[]),
        after: (Stable, 5, &[0, 1], &[]),
        ..cell("of an unknown state, rejoined with nothing", (Unknown, 4, &[0], &[]))
    },
];

#[test]
fn cell_by_cell() {
    for cell in CELLS {
        let (state, epoch, assigned, pending) = cell.before;
        let before = Standing {
            epoch,
            previous_epoch: 2,
            state,
            assigned: given(assigned, 3),
            pending_revocation: given(pending, 3),
        };
        let owned = cell.owned.map(reported);
        let mut target: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for partition in cell.target {
            target.entry(place(*partition).0).or_default().push(place(*partition).1);
        }
        let after = Reconciliation {
            target_epoch: 5,
            target: &target,
            subscription_changed: cell.changed,
            owned: owned.as_deref(),
            is_subscribed: &|topic| topic == TOPIC || cell.other,
            is_held_by_other: &|topic, partition| {
                cell.held.iter().any(|held| place(*held) == (topic, partition))
            },
        }
        .next(&before);
        let list = |given: &Given| -> Vec<i32> {
            given.iter().map(|(topic, partition, _)| number(topic, partition)).collect()
        };
        let (state, epoch, assigned, pending) = cell.after;
        assert_eq!((after.state, after.epoch), (state, epoch), "{}", cell.why);
        assert_eq!(
            (list(&after.assigned), list(&after.pending_revocation)),
            (assigned.to_vec(), pending.to_vec()),
            "{}",
            cell.why
        );
        for (topic, partition, epoch) in after.assigned.iter() {
            let kept = before.assigned.contains(topic, partition);
            assert_eq!(epoch, if kept { 3 } else { 5 }, "{}: {partition} was given at", cell.why);
        }
        let expected = if after == before { 2 } else { previous(cell) };
        assert_eq!(after.previous_epoch, expected, "{}", cell.why);
    }
    documented("Reconciliation", CELLS.iter().map(row));
}

/// A cell as the page has it.
fn row(cell: &Cell) -> String {
    let epoch = if cell.before.1 == cell.after.1 { "its own" } else { "the target's" };
    format!("| {} | {} | {} | {epoch} |", cell.why, name(cell.before.0), name(cell.after.0))
}

fn name(state: MemberState) -> &'static str {
    match state {
        Stable => "STABLE",
        UnrevokedPartitions => "UNREVOKED_PARTITIONS",
        UnreleasedPartitions => "UNRELEASED_PARTITIONS",
        Unknown => "UNKNOWN",
    }
}

/// The previous epoch follows, whether or not the epoch moves.
fn previous(cell: &Cell) -> i32 {
    match cell.before.0 {
        Unknown => 5,
        Stable | UnrevokedPartitions | UnreleasedPartitions => cell.before.1,
    }
}

#[test]
fn a_member_in_an_unknown_state_must_come_back_with_nothing() {
    for (state, owned, fenced) in [
        (Unknown, None, true),
        (Unknown, Some(&[0][..]), true),
        (Unknown, Some(&[][..]), false),
        (Stable, None, false),
        (UnrevokedPartitions, Some(&[0][..]), false),
        (UnreleasedPartitions, None, false),
    ] {
        let owned = owned.map(reported);
        assert_eq!(must_be_fenced(state, owned.as_deref()), fenced, "{state:?} {owned:?}");
    }
}

fn place(number: i32) -> (Uuid, i32) {
    if number < 20 { (TOPIC, number) } else { (OTHER, number - 20) }
}

fn number(topic: Uuid, partition: i32) -> i32 {
    if topic == TOPIC { partition } else { partition + 20 }
}

fn given(numbers: &[i32], epoch: i32) -> Given {
    numbers.iter().map(|number| (place(*number).0, place(*number).1, epoch)).collect()
}

fn reported(numbers: &[i32]) -> Vec<TopicPartitions> {
    let topic = |topic: Uuid| TopicPartitions {
        topic_id: topic,
        partitions: numbers
            .iter()
            .map(|number| place(*number))
            .filter(|place| place.0 == topic)
            .map(|place| place.1)
            .collect(),
        ..Default::default()
    };
    [topic(TOPIC), topic(OTHER)].into_iter().filter(|topic| !topic.partitions.is_empty()).collect()
}
