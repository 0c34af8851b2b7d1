//! The plain way: join, sync, heartbeat, leave.

use alloc::vec;
use alloc::vec::Vec;

use super::fixture::{Join, Lab, Sync, subscription};
use crate::group::classic::Phase;
use crate::group::record::GroupRecord;

#[test]
fn two_members_share_a_topic() {
    let mut lab = Lab::new();
    let (a, joined_a) = lab.join_twice(Join::new("same"));
    let (b, joined_b) = lab.join_twice(Join::new("same"));
    assert_ne!(a, b, "members are not told apart by their client's id");
    assert!(lab.effects.is_parked(joined_a) && lab.effects.is_parked(joined_b));
    lab.pass(50);
    let answer = lab.joined(joined_a);
    assert_eq!((answer.error_code.0, answer.generation_id, answer.skip_assignment), (0, 1, false));
    assert_eq!((&answer.leader, &answer.member_id), (&a, &a));
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    let roll: Vec<_> =
        answer.members.iter().map(|one| (one.member_id.clone(), one.metadata.clone())).collect();
    assert_eq!(roll, [(a.clone(), subscription("t")), (b.clone(), subscription("t"))]);
    let answer = lab.joined(joined_b);
    assert_eq!((&answer.leader, answer.members.len()), (&a, 0));

    let synced_b = lab.sync(Sync::new(1, &b));
    assert!(lab.effects.is_parked(synced_b));
    let synced_a = lab.sync(Sync::new(1, &a).parts(&[(&a, b"0"), (&b, b"1")]));
    assert_eq!(&lab.synced(synced_a).assignment[..], b"0");
    assert_eq!(&lab.synced(synced_b).assignment[..], b"1");
    assert_eq!(lab.phase(), Phase::Stable);

    let beat = lab.heartbeat(1, &b, None);
    assert_eq!(lab.heard(beat), 0);
    let left = lab.leave(&[(&a, None)], 5);
    assert_eq!(lab.left(left).members[0].error_code.0, 0);
    let beat = lab.heartbeat(1, &b, None);
    assert_eq!(lab.heard(beat), 27);
    let again = lab.join(Join::new("same").id(&b));
    let answer = lab.joined(again);
    assert_eq!((answer.generation_id, &answer.leader, answer.members.len()), (2, &b, 1));
    lab.leave(&[(&b, None)], 5);
    assert_eq!((lab.phase(), lab.group.generation()), (Phase::Empty, 3));
}

#[test]
fn what_is_written_when() {
    let mut lab = Lab::new();
    let (a, _) = lab.join_twice(Join::new("c"));
    let records = lab.take().stored();
    let [GroupRecord::GroupMetadata(key, Some(first))] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!((key.group.as_str(), first.generation, first.members.len()), ("g", 0, 0));
    lab.pass(50);
    assert_eq!(lab.take().records, vec![]);
    lab.settle(core::slice::from_ref(&a));
    assert_eq!(lab.take().stored(), [lab.group.record(&"g".into())]);
    lab.leave(&[(&a, None)], 3);
    assert_eq!(lab.take().stored(), [lab.group.record(&"g".into())]);
}
