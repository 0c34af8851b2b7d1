//! What hides behind the table: leaders, protocols, ids, static members, requests that replace others.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::fixture::{Join, Lab, Sync};
use crate::group::classic::{OffsetsExpire, Phase};
use crate::group::question::GroupAnswer;
use crate::protocol::{ErrorCode, Str};
use crate::time::WallTime;

#[test]
fn the_leader_stays_while_it_joins_again() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b"), Join::new("c")]);
    let parked = lab.join(Join::new("c").id(&ids[2]).protocols(&[("range", "u")]));
    lab.join(Join::new("b").id(&ids[1]));
    lab.join(Join::new("a").id(&ids[0]));
    assert_eq!(lab.joined(parked).leader, ids[0]);
    lab.settle(&ids);
    // When it has left, the oldest takes over, whoever joins first.
    lab.leave(&[(&ids[0], None)], 3);
    let parked = lab.join(Join::new("c").id(&ids[2]));
    lab.join(Join::new("b").id(&ids[1]));
    assert_eq!(lab.joined(parked).leader, ids[1]);
}

#[test]
fn a_static_leader_that_stays_away_is_not_leader() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![
        Join::new("s").instance("s1").timeouts(10_000, 1_000),
        Join::new("b").timeouts(10_000, 1_000),
    ]);
    let parked = lab.join(Join::new("b").id(&ids[1]).protocols(&[("range", "u")]).timeouts(10_000, 1_000));
    lab.pass(1_000);
    let answer = lab.joined(parked);
    assert_eq!((&answer.leader, answer.members.len()), (&ids[1], 2));
}

#[test]
fn protocols_are_voted_for() {
    let chosen = |offers: &[&[(&str, &str)]]| {
        let mut lab = Lab::new();
        let join = |offer: &&[(&str, &str)]| Join::new("c").version(3).protocols(offer);
        let parked: Vec<_> = offers.iter().map(|offer| lab.join(join(offer))).collect();
        lab.pass(400);
        lab.joined(parked[0]).protocol_name.clone().unwrap_or_default()
    };
    let (ab, ba) = (&[("a", "t"), ("b", "t")], &[("b", "t"), ("a", "t")]);
    assert_eq!(chosen(&[ab, ba, ba]), "b");
    // A tie is for the leader to decide.
    assert_eq!(chosen(&[ba, ab]), "b");
    assert_eq!(chosen(&[ab, ba]), "a");
    // The first choice of most is of no use if somebody does not follow it.
    assert_eq!(chosen(&[&[("x", "t"), ("b", "t")], &[("x", "t"), ("b", "t")], ba]), "b");
    // A name that is repeated counts once.
    assert_eq!(chosen(&[&[("a", "t"), ("a", "t"), ("b", "t")], &[("b", "t")]]), "b");
}

#[test]
fn ids_say_who_they_were_made_for() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("client"), Join::new("client").instance("s1")]);
    for (id, prefix) in ids.iter().zip(["client-", "s1-"]) {
        let uuid = id.strip_prefix(prefix).expect("it starts with the name");
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!((&uuid[14..15], "89ab".contains(&uuid[19..20])), ("4", true), "{uuid}");
    }
}

#[test]
fn a_static_follower_starts_anew_unnoticed() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("s").instance("s1")]);
    let join = Join::new("other").instance("s1").timeouts(2_000, 3_000).protocols(&[("range", "u")]);
    let parked = lab.join(join);
    let answer = lab.joined(parked).clone();
    assert_eq!((answer.generation_id, &answer.leader, answer.skip_assignment), (1, &ids[0], false));
    assert_ne!(answer.member_id, ids[1]);
    assert_eq!(lab.phase(), Phase::Stable);
    let (_, member) = lab.group.members().nth(1).expect("it is there");
    assert_eq!((member.timeouts.session_ms, member.timeouts.rebalance_ms), (2_000, 3_000));
    assert_eq!((member.client.id.as_str(), &member.id), ("s", &answer.member_id));
    let synced = lab.sync(Sync::new(1, &answer.member_id).instance("s1"));
    assert_eq!(lab.synced(synced).assignment, ids[1].as_bytes());
    // Its former self is fenced; without the instance it is simply unknown.
    let beat = lab.heartbeat(1, &ids[1], Some("s1"));
    assert_eq!(lab.heard(beat), 82);
    let beat = lab.heartbeat(1, &ids[1], None);
    assert_eq!(lab.heard(beat), 25);
    lab.pass(2_000);
    assert_eq!(lab.group.members().count(), 1, "its new session is over");
}

#[test]
fn a_static_leader_that_starts_anew_computes_nothing() {
    for version in [5, 8, 9] {
        let mut lab = Lab::new();
        let ids = lab.form(vec![Join::new("s").instance("s1"), Join::new("b")]);
        let parked = lab.join(Join::new("s").instance("s1").version(version));
        let answer = lab.joined(parked).clone();
        assert_eq!((answer.error_code.0, answer.generation_id), (0, 1));
        match version {
            9 => {
                assert_eq!((answer.skip_assignment, answer.members.len()), (true, 2));
                assert_eq!(answer.leader, answer.member_id);
            }
            _ => {
                assert_eq!((answer.skip_assignment, answer.members.len()), (false, 0));
                assert_eq!(answer.leader, ids[0]);
            }
        }
        let synced = lab.sync(Sync::new(1, &answer.member_id).instance("s1"));
        assert_eq!(lab.synced(synced).assignment, ids[0].as_bytes());
        // It is the leader still: when it joins again, the group starts over.
        lab.join(Join::new("s").instance("s1").id(&answer.member_id));
        assert_eq!(lab.group.state_name(), "PreparingRebalance");
    }
}

#[test]
fn a_static_member_that_starts_anew_while_it_waits_fences_itself() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("s").instance("s1")]);
    let old = lab.join(Join::new("s").id(&ids[1]).instance("s1").protocols(&[("range", "u")]));
    let new = lab.join(Join::new("s").instance("s1"));
    let answer = lab.joined(old);
    assert_eq!((answer.error_code.0, &answer.member_id), (82, &ids[1]));
    lab.join(Join::new("a").id(&ids[0]));
    assert_eq!(lab.joined(new).generation_id, 2);
}

#[test]
fn generations_go_on_after_the_highest() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a")]);
    lab.group.generation = i32::MAX;
    let parked = lab.join(Join::new("a").id(&ids[0]));
    assert_eq!(lab.joined(parked).generation_id, 1);
}

#[test]
fn a_late_joiner_is_not_left_out() {
    let mut lab = Lab::new();
    let (a, _) = lab.join_twice(Join::new("a"));
    lab.pass(50);
    let (b, _) = lab.join_twice(Join::new("b"));
    let synced = lab.sync(Sync::new(1, &a).parts(&[(&a, b"all")]));
    assert_eq!(lab.synced(synced).error_code.0, 27);
    lab.join(Join::new("a").id(&a));
    let synced = lab.sync(Sync::new(1, &a).parts(&[(&a, b"all")]));
    assert_eq!(lab.synced(synced).error_code.0, 22);
    lab.settle(&[a, b]);
}

#[test]
fn a_member_that_the_leader_leaves_out_has_nothing() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b")]);
    lab.join(Join::new("a").id(&ids[0]));
    lab.join(Join::new("b").id(&ids[1]));
    let kept = lab.group.members().all(|(_, member)| member.assignment == member.id.as_bytes());
    assert!(kept, "what it has survives the rebalance");
    let parked = lab.sync(Sync::new(2, &ids[1]));
    lab.sync(Sync::new(2, &ids[0]).parts(&[(&ids[0], b"all"), ("nobody", b"x")]));
    assert_eq!(lab.synced(parked).error_code.0, 0);
    assert_eq!(lab.synced(parked).assignment.len(), 0);
}

#[test]
fn everybody_is_answered_when_the_group_is_given_up() {
    let mut lab = Lab::new();
    let joins = [lab.join(Join::new("a").version(3)), lab.join(Join::new("b").version(3))];
    lab.world.step(|_| ());
    let ((), effects) =
        lab.world.step(|step| lab.group.answer_everyone_with(step, ErrorCode::NOT_COORDINATOR));
    for asker in joins {
        assert!(!effects.is_parked(asker));
    }
    assert_eq!(effects.answers.len(), 2);
}

#[test]
fn a_group_whose_assignments_cannot_be_stored_starts_over() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b")]);
    lab.take();
    lab.act(|group, step, id| group.assignment_refused(step, id));
    assert!(lab.effects.records.is_empty());
    assert_eq!(lab.group.state_name(), "PreparingRebalance");
    assert!(lab.group.members().all(|(_, member)| member.assignment.is_empty()));
    lab.join(Join::new("a").id(&ids[0]));
    lab.join(Join::new("b").id(&ids[1]));
    lab.settle(&ids);
    // Nothing else of a classic group is as large; should it be refused all the same, there is nothing to take back.
    let mut lab = Lab::new();
    lab.act(|group, step, id| group.assignment_refused(step, id));
    assert_eq!(lab.phase(), Phase::Empty);
}

#[test]
fn only_so_many_ids_are_handed_out() {
    let mut lab = Lab::new();
    let ask = |lab: &mut Lab| {
        let asker = lab.world.asker();
        let (group, join) = (&mut lab.group, Join::new("p"));
        let from = crate::group::testing::client("p");
        let ((), effects) =
            lab.world.step(|step| group.join(step, &"g".into(), asker, &join.request, 9, from));
        match effects.answer_to(asker) {
            GroupAnswer::Join(response) => (response.error_code.0, response.member_id.clone()),
            other => panic!("{other:?}"),
        }
    };
    let (_, first) = ask(&mut lab);
    for _ in 1..10_000 {
        assert_eq!(ask(&mut lab).0, 79);
    }
    assert_eq!(ask(&mut lab), (81, Str::default()));
    lab.leave(&[(&first, None)], 5);
    assert_eq!(ask(&mut lab).0, 79);
}

#[test]
fn subscriptions_that_cannot_be_read_may_mean_any_topic() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a")]);
    assert!(lab.group.is_subscribed("t") && !lab.group.is_subscribed("u"));
    let mut join = Join::new("a").id(&ids[0]);
    join.request.protocols.iter_mut().for_each(|protocol| protocol.metadata = Bytes::from_static(b"?"));
    lab.join(join);
    assert!(lab.group.is_subscribed("t") && lab.group.is_subscribed("u"));
    // Of other types of group nothing is known.
    let mut lab = Lab::new();
    let (a, _) = lab.join_twice(Join::new("a").kind("connect"));
    lab.pass(400);
    assert_eq!(lab.group.check_delete_offsets(), Err(ErrorCode::NON_EMPTY_GROUP));
    lab.leave(&[(&a, None)], 3);
    assert_eq!(lab.group.check_delete_offsets(), Ok(()));
}

#[test]
fn when_offsets_expire() {
    let mut lab = Lab::new();
    assert_eq!(lab.group.offsets_expire(), OffsetsExpire::SinceCommit);
    let ids = lab.form(vec![Join::new("a")]);
    assert_eq!(lab.group.offsets_expire(), OffsetsExpire::UnsubscribedSinceCommit);
    let (_, _) = lab.join_twice(Join::new("b"));
    assert_eq!(lab.group.offsets_expire(), OffsetsExpire::Never);
    lab.pass(5_000);
    let now = lab.world.now.wall;
    let all: Vec<Str> = lab.group.members().map(|(_, member)| member.id.clone()).collect();
    lab.leave(&all.iter().map(|id| (id.as_str(), None)).collect::<Vec<_>>(), 3);
    assert_eq!(lab.group.offsets_expire(), OffsetsExpire::SinceEmpty(now));
    lab.pass(5_000);
    let asker = lab.heartbeat(1, &ids[0], None);
    assert_eq!(lab.heard(asker), 25);
    assert_eq!(lab.group.offsets_expire(), OffsetsExpire::SinceEmpty(WallTime(now.0)));
}

#[test]
fn the_log_says_why_a_group_starts_over() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a")]);
    lab.take();
    let mut join = Join::new("a").id(&ids[0]);
    join.request.reason = Some(format!("line\n{}", "x".repeat(300)).into());
    lab.join(join);
    let notes = lab.take().notes;
    let [(_, note)] = notes.as_slice() else { panic!("{notes:?}") };
    let said = format!("\"line\\n{}\"", "x".repeat(250));
    assert_eq!(*note, format!("group \"g\": rebalance after generation 1: the leader joins again: {said}"));
}
