//! Every clock of the group. Where Apache Kafka was measured the numbers are its own, save for the wait of new groups.

use alloc::vec;
use alloc::vec::Vec;

use super::fixture::{Join, Lab, Sync};
use crate::group::classic::Phase;
use crate::group::record::GroupRecord;
use crate::protocol::Str;
use crate::shard_message::Asker;

/// Lets time pass until somebody is answered; how long that took.
fn answered_after(lab: &mut Lab, asker: Asker) -> u64 {
    (0..2_000_000)
        .find(|_| {
            let answered = !lab.effects.is_parked(asker);
            if !answered {
                lab.pass(1);
            }
            answered
        })
        .expect("it is answered at last")
}

fn member_ids(lab: &Lab) -> Vec<Str> {
    lab.group.members().map(|(_, member)| member.id.clone()).collect()
}

#[test]
fn a_new_group_goes_on_when_it_has_been_quiet() {
    let mut lab = Lab::new();
    let first = lab.join(Join::new("a").version(3));
    assert_eq!(answered_after(&mut lab, first), 50);
    let mut lab = Lab::new();
    let first = lab.join(Join::new("a").version(3));
    lab.pass(40);
    lab.join(Join::new("b").version(3));
    lab.pass(40);
    // An id that is handed out announces a member.
    lab.join(Join::new("c"));
    assert_eq!(answered_after(&mut lab, first), 50);
    assert_eq!(lab.group.generation(), 1);
}

#[test]
fn a_new_group_waits_no_longer_than_the_delay() {
    let mut lab = Lab::new();
    let first = lab.join(Join::new("a").version(3));
    for _ in 0..10 {
        lab.pass(39);
        lab.join(Join::new("b").version(3));
    }
    assert_eq!(answered_after(&mut lab, first), 10);
    assert_eq!(lab.joined(first).members.len(), 11);
    // Without a delay nobody is waited for, and with a long quiet the delay is what it is in Kafka.
    let mut lab = Lab::with(&[("group.initial.rebalance.delay.ms", "0")]);
    let first = lab.join(Join::new("a").version(3));
    assert_eq!(lab.joined(first).generation_id, 1);
    let mut lab = Lab::with(&[("kelpgate.group.initial.rebalance.quiet.ms", "400")]);
    let first = lab.join(Join::new("a").version(3));
    assert_eq!(answered_after(&mut lab, first), 400);
}

#[test]
fn a_silent_member_is_gone_and_the_others_start_over() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b")]);
    for _ in 0..3 {
        lab.pass(9_000);
        lab.heartbeat(1, &ids[0], None);
        lab.heartbeat(1, &ids[1], None);
    }
    lab.pass(5_000);
    lab.heartbeat(1, &ids[0], None);
    lab.pass(4_999);
    assert_eq!(lab.phase(), Phase::Stable);
    lab.pass(1);
    assert_eq!((lab.group.state_name(), member_ids(&lab)), ("PreparingRebalance", vec![ids[0].clone()]));
}

#[test]
fn which_requests_are_signs_of_life() {
    let lives = |request: fn(&mut Lab, &Str)| {
        let mut lab = Lab::new();
        let ids = lab.form(vec![Join::new("a"), Join::new("b").timeouts(5_000, 60_000)]);
        lab.pass(4_000);
        request(&mut lab, &ids[1]);
        lab.pass(2_000);
        member_ids(&lab).contains(&ids[1])
    };
    assert!(lives(|lab, id| {
        lab.heartbeat(1, id, None);
    }));
    assert!(lives(|lab, id| {
        lab.act(|group, step, _| assert_eq!(group.check_commit(step, 1, id, None, false), Ok(())));
    }));
    assert!(!lives(|lab, id| {
        let again = lab.join(Join::new("b").id(id));
        assert_eq!(lab.joined(again).generation_id, 1);
    }));
    assert!(!lives(|lab, id| {
        lab.sync(Sync::new(1, id));
    }));
    assert!(!lives(|lab, id| {
        lab.heartbeat(0, id, None);
    }));
}

#[test]
fn sessions_rest_while_a_request_waits() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b").timeouts(1_500, 60_000)]);
    // A rebalance that only `a` holds up.
    let join = Join::new("b").id(&ids[1]).timeouts(1_500, 60_000).protocols(&[("range", "u")]);
    let parked = lab.join(join);
    lab.pass(9_000);
    lab.heartbeat(1, &ids[0], None);
    lab.join(Join::new("a").id(&ids[0]));
    assert_eq!(lab.joined(parked).generation_id, 2);
    // Its session starts with the answer, rests again while it waits for the leader, and ends at last.
    lab.pass(1_400);
    let parked = lab.sync(Sync::new(2, &ids[1]));
    lab.pass(4_000);
    lab.sync(Sync::new(2, &ids[0]).parts(&[(&ids[1], b"x")]));
    assert_eq!(&lab.synced(parked).assignment[..], b"x");
    lab.pass(1_499);
    assert_eq!(member_ids(&lab).len(), 2);
    lab.pass(1);
    assert_eq!(member_ids(&lab).len(), 1);
}

#[test]
fn a_first_join_does_not_wait_for_ever() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a").timeouts(10_000, 900_000)]);
    let parked = lab.join(Join::new("b").version(3));
    for _ in 0..59 {
        lab.pass(5_000);
        lab.heartbeat(1, &ids[0], None);
    }
    assert!(lab.effects.is_parked(parked));
    lab.pass(5_000);
    let answer = lab.joined(parked);
    assert_eq!((answer.error_code.0, answer.member_id.as_str()), (25, ""));
    assert_eq!(member_ids(&lab), ids);
}

#[test]
fn ids_that_were_handed_out_are_waited_for_and_forgotten() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b")]);
    lab.join(Join::new("p").timeouts(1_500, 60_000));
    lab.leave(&[(&ids[1], None)], 3);
    let parked = lab.join(Join::new("a").id(&ids[0]));
    assert_eq!(answered_after(&mut lab, parked), 1_500);
    // The same for one that leaves instead.
    let id = lab.join(Join::new("p"));
    let id = lab.joined(id).member_id.clone();
    let parked = lab.join(Join::new("a").id(&ids[0]).protocols(&[("range", "u")]));
    assert!(lab.effects.is_parked(parked));
    lab.leave(&[(&id, None)], 5);
    assert_eq!(lab.joined(parked).generation_id, 3);
}

#[test]
fn a_rebalance_waits_as_long_as_its_most_patient_member() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a").timeouts(10_000, 1_500), Join::new("b").timeouts(10_000, 3_000)]);
    let parked = lab.join(Join::new("b").id(&ids[1]).protocols(&[("range", "u")]).timeouts(10_000, 3_000));
    for _ in 0..5 {
        lab.pass(500);
        let beat = lab.heartbeat(1, &ids[0], None);
        assert_eq!(lab.heard(beat), 27);
    }
    assert_eq!(answered_after(&mut lab, parked), 500);
    let beat = lab.heartbeat(1, &ids[0], None);
    assert_eq!((lab.heard(beat), member_ids(&lab)), (25, vec![ids[1].clone()]));
    assert_eq!(lab.joined(parked).leader, ids[1]);
    // Version 0 has one timeout for both.
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a").timeouts(10_000, 1_500)]);
    let parked = lab.join(Join::new("b").version(0).timeouts(2_000, 60_000));
    lab.pass(1_000);
    lab.heartbeat(1, &ids[0], None);
    assert_eq!(answered_after(&mut lab, parked), 1_000);
}

#[test]
fn members_that_do_not_sync_are_gone() {
    let mut lab = Lab::new();
    let (a, _) = lab.join_twice(Join::new("a").timeouts(10_000, 5_000));
    let s = lab.join(Join::new("s").instance("s1").timeouts(10_000, 2_000));
    lab.pass(50);
    let s = lab.joined(s).member_id.clone();
    let parked = lab.sync(Sync::new(1, &s));
    lab.pass(4_999);
    lab.heartbeat(1, &a, None);
    assert!(lab.effects.is_parked(parked));
    lab.pass(1);
    assert_eq!((lab.synced(parked).error_code.0, member_ids(&lab)), (27, vec![s.clone()]));
    // In a stable generation too, and static members are no exception.
    let mut lab = Lab::new();
    let (a, _) = lab.join_twice(Join::new("a").timeouts(10_000, 5_000));
    lab.join(Join::new("s").instance("s1").timeouts(10_000, 2_000));
    lab.pass(50);
    lab.sync(Sync::new(1, &a));
    assert_eq!(lab.phase(), Phase::Stable);
    lab.pass(4_999);
    assert_eq!(lab.phase(), Phase::Stable);
    lab.pass(1);
    assert_eq!((lab.group.state_name(), member_ids(&lab)), ("PreparingRebalance", vec![a]));
}

#[test]
fn absent_static_members_keep_their_place_until_their_session_ends() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a").timeouts(10_000, 2_000), Join::new("s").instance("s1")]);
    lab.join(Join::new("s").instance("s1").id(&ids[1]).timeouts(4_000, 2_000).protocols(&[("range", "u")]));
    lab.join(Join::new("a").id(&ids[0]).timeouts(10_000, 2_000));
    lab.settle(&ids);
    let parked = lab.join(Join::new("a").id(&ids[0]).timeouts(10_000, 2_000));
    assert_eq!(answered_after(&mut lab, parked), 2_000);
    let roll: Vec<_> = lab.joined(parked).members.iter().map(|one| one.member_id.clone()).collect();
    assert_eq!(roll, ids);
    lab.sync(Sync::new(3, &ids[0]).parts(&[(&ids[1], b"kept")]));
    // The pending sync takes it out before its session would.
    lab.pass(2_000);
    assert_eq!(member_ids(&lab), [ids[0].clone()]);
}

#[test]
fn nobody_but_absent_static_members_is_waited_for_again() {
    for patience in [0, 1_000, 3_000] {
        let mut lab = Lab::new();
        let parked = lab.join(Join::new("s").instance("s1").timeouts(10_000, 60_000));
        lab.pass(50);
        let id = lab.joined(parked).member_id.clone();
        lab.settle(core::slice::from_ref(&id));
        // Somebody else comes and goes: a rebalance that nobody answers.
        lab.join(
            Join::new("s").instance("s1").id(&id).timeouts(10_000, patience).protocols(&[("range", "u")]),
        );
        if lab.phase() == Phase::CompletingRebalance {
            lab.sync(Sync::new(2, &id).parts(&[(&id, b"x")]));
        }
        let (b, _) = lab.join_twice(Join::new("b").timeouts(10_000, patience));
        lab.leave(&[(&b, None)], 3);
        assert_eq!(lab.group.state_name(), "PreparingRebalance");
        lab.pass(9_000);
        assert_eq!((lab.group.state_name(), member_ids(&lab).len()), ("PreparingRebalance", 1));
        lab.pass(1_000);
        assert_eq!((lab.group.state_name(), member_ids(&lab).len()), ("Empty", 0));
    }
}

#[test]
fn the_last_member_is_not_waited_for_because_of_an_id() {
    let mut lab = Lab::new();
    lab.form(vec![Join::new("a")]);
    lab.pass(9_000);
    let id = lab.join(Join::new("p"));
    let id = lab.joined(id).member_id.clone();
    lab.take();
    lab.pass(1_000);
    assert_eq!((lab.phase(), lab.group.generation()), (Phase::Empty, 2));
    let records = lab.effects.stored();
    let [GroupRecord::GroupMetadata(_, Some(value))] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((value.generation, value.members.len()), (2, 0));
    // The id is as good as before.
    let parked = lab.join(Join::new("p").id(&id));
    assert_eq!(answered_after(&mut lab, parked), 50);
    assert_eq!(lab.joined(parked).generation_id, 3);
}
