//! Every row of what is checked of a heartbeat before it is accepted.

use alloc::vec;
use alloc::vec::Vec;

use super::page::{answer_row, documented};
use super::talk::{GROUP, Talk, beat, heard, join};
use crate::group::record::{ConsumerGroupCurrentMemberAssignmentValue, GroupRecord, MemberKey};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::uuid::Uuid;

type Change = fn(&mut ConsumerGroupHeartbeatRequest);

/// Requests that are wrong whatever the group: what is changed of a join by "new" or a heartbeat at epoch 2 by "a".
const FORM: &[(&str, bool, Change, i16)] = &[
    ("a join without an id", true, |it| it.member_id = Str::default(), 42),
    ("a blank id", true, |it| it.member_id = "  ".into(), 42),
    ("a heartbeat without an id", false, |it| it.member_id = Str::default(), 42),
    ("leaving without an id", false, |it| (it.member_id, it.member_epoch) = (Str::default(), -1), 42),
    ("no group", true, |it| it.group_id = Str::default(), 42),
    ("a blank group", true, |it| it.group_id = " ".into(), 42),
    ("an empty instance", true, |it| it.instance_id = Some(Str::default()), 42),
    ("an empty rack", false, |it| it.rack_id = Some(" ".into()), 42),
    ("a join without a rebalance timeout", true, |it| it.rebalance_timeout_ms = -1, 42),
    ("a join that does not say what it owns", true, |it| it.topic_partitions = None, 42),
    ("a join that owns something", true, |it| *it = it.clone().owning(Uuid([1; 16]), &[0]), 42),
    ("a join that does not subscribe", true, |it| it.subscribed_topic_names = None, 42),
    ("a join with an empty list of names", true, |it| it.subscribed_topic_names = Some(Vec::new()), 0),
    ("a join with an empty expression", true, |it| *it = it.clone().matching(""), 0),
    ("a join with a rebalance timeout of 0", true, |it| it.rebalance_timeout_ms = 0, 0),
    ("leaving for a while without an instance", false, |it| it.member_epoch = -2, 42),
    ("an epoch below -2", false, |it| it.member_epoch = -3, 42),
    ("an unknown assignor", true, |it| it.server_assignor = Some("sticky".into()), 112),
    ("a known assignor", true, |it| it.server_assignor = Some("range".into()), 0),
    ("an expression that looks around", true, |it| *it = it.clone().matching("(?=a)"), 128),
    ("an expression that refers back", false, |it| it.subscribed_topic_regex = Some("(a)\\1".into()), 128),
    ("a heartbeat that says nothing", false, |_| {}, 0),
];

#[test]
fn the_form_row_by_row() {
    for (why, joins, change, error) in FORM {
        let mut talk = Talk::prompt();
        talk.world.topic("t", 2);
        talk.send(&join("a", &["t"]));
        let written = talk.log.len();
        let mut request = if *joins { join("new", &["t"]) } else { beat("a", 2) };
        change(&mut request);
        let response = talk.send(&request);
        assert_eq!(response.error_code.0, *error, "{why}: {:?}", response.error_message);
        if *error != 0 {
            assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (0, 0), "{why}");
            assert!(response.error_message.is_some(), "{why}");
            assert_eq!(talk.log.len(), written, "{why}: a refusal leaves nothing");
        }
    }
    documented("Requests", FORM.iter().map(|(why, .., error)| answer_row(why, *error)));
}

#[test]
fn without_a_group_only_a_join_is_heard() {
    for epoch in [1, -1, -2] {
        let mut talk = Talk::prompt();
        assert_eq!(heard(&talk.send(&beat("a", epoch).of_instance("i"))), (69, 0, None), "{epoch}");
        assert!(talk.group.is_nothing());
    }
    let mut talk = Talk::prompt();
    assert_eq!(talk.send(&join("a", &["t"]).matching("(?=a)")).error_code.0, 128);
    assert!(talk.group.is_nothing(), "a join that failed leaves no group");
    // An empty group is one.
    talk.send(&join("a", &["t"]));
    talk.send(&beat("a", -1));
    assert!(!talk.group.is_nothing());
    assert_eq!(heard(&talk.send(&beat("a", 2))), (25, 0, None));
}

/// What a member that has epoch 3, had epoch 2 before and owns partitions 0 and 1 may send.
fn epochs(topic: Uuid) -> Vec<(&'static str, ConsumerGroupHeartbeatRequest, i16)> {
    vec![
        ("the epoch it has", beat("a", 3), 0),
        ("a greater one", beat("a", 4), 110),
        ("the one before, owning what it has", beat("a", 2).owning(topic, &[0, 1]), 0),
        ("the one before, owning less", beat("a", 2).owning(topic, &[]), 0),
        ("the one before, owning more", beat("a", 2).owning(topic, &[0, 2]), 110),
        ("the one before, saying nothing of what it owns", beat("a", 2), 110),
        ("one before that", beat("a", 1).owning(topic, &[]), 110),
        ("0: it starts over", join("a", &["t"]), 0),
        ("any, with an unknown id", beat("x", 3), 25),
        ("-1, with an unknown id", beat("x", -1), 25),
        ("any, with an unknown instance", beat("a", 3).of_instance("i"), 25),
        ("-1, with an unknown instance", beat("a", -1).of_instance("i"), 25),
        ("-2, with an unknown instance", beat("a", -2).of_instance("i"), 25),
    ]
}

#[test]
fn epochs_row_by_row() {
    // a: epoch 3, before that 2, and partitions 0 and 1 of 4; b has the others.
    let talk = || {
        let mut talk = Talk::prompt();
        let topic = talk.world.topic("t", 4);
        talk.send(&join("a", &["t"]));
        talk.send(&join("b", &["t"]));
        talk.send(&beat("a", 2).owning(topic, &[0, 1, 2, 3]));
        assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[0, 1]))), (0, 3, None));
        (talk, topic)
    };
    let cases = epochs(talk().1);
    for (why, request, error) in cases {
        assert_eq!(talk().0.send(&request).error_code.0, error, "{why}");
    }
    documented("Epochs", epochs(Uuid::ZERO).into_iter().map(|(why, _, error)| answer_row(why, error)));
}

/// What is sent when a holds an instance, or has left it for a while.
fn instances() -> Vec<(bool, &'static str, ConsumerGroupHeartbeatRequest, i16)> {
    vec![
        (false, "another id joins while it is there", join("b", &["t"]).of_instance("i"), 111),
        (true, "another id joins while it is away", join("b", &["t"]).of_instance("i"), 0),
        (false, "another id sends a heartbeat", beat("b", 2).of_instance("i"), 82),
        (false, "another id leaves", beat("b", -1).of_instance("i"), 82),
        (false, "another id leaves for a while", beat("b", -2).of_instance("i"), 82),
        (false, "it does not repeat its instance", beat("a", 2), 0),
        (false, "it starts over", join("a", &["t"]).of_instance("i"), 0),
        (true, "it comes back itself", join("a", &["t"]).of_instance("i"), 0),
        (true, "it goes on as if it had not left", beat("a", 2).of_instance("i"), 110),
        (false, "a dynamic member leaves by its id", beat("a", -1), 0),
    ]
}

#[test]
fn instances_row_by_row() {
    let talk = |away: bool| {
        let mut talk = Talk::prompt();
        talk.world.topic("t", 1);
        talk.send(&join("a", &["t"]).of_instance("i"));
        if away {
            talk.send(&beat("a", -2).of_instance("i"));
        }
        talk
    };
    for (away, why, request, error) in instances() {
        assert_eq!(talk(away).send(&request).error_code.0, error, "{why}");
    }
    documented("Static members", instances().into_iter().map(|(_, why, _, error)| answer_row(why, error)));
}

#[test]
fn a_full_group_takes_only_who_has_a_place() {
    let mut talk =
        Talk::new(&[("group.consumer.assignment.interval.ms", "0"), ("group.consumer.max.size", "2")]);
    talk.send(&join("a", &[]).of_instance("i"));
    talk.send(&join("b", &[]));
    assert_eq!(talk.send(&join("c", &[])).error_code.0, 81);
    assert_eq!(talk.send(&beat("c", 2)).error_code.0, 81);
    assert_eq!(talk.send(&join("c", &[]).of_instance("i")).error_code.0, 81, "the instance is still there");
    assert_eq!(talk.send(&join("b", &[])).error_code.0, 0);
    // Kafka refuses the successor of a static member; it needs no new place.
    talk.send(&beat("a", -2).of_instance("i"));
    assert_eq!(talk.send(&join("c", &[]).of_instance("i")).error_code.0, 0);
    assert_eq!(talk.group.members().len(), 2);
}

#[test]
fn a_member_of_an_unknown_state_starts_over() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 1);
    talk.send(&join("a", &["t"]));
    let key = MemberKey { group: GROUP, member: "a".into(), ..Default::default() };
    let value = ConsumerGroupCurrentMemberAssignmentValue { member_epoch: 2, state: 9, ..Default::default() };
    let record = GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(value));
    talk.group.replay(&record);
    talk.log.push(record);
    talk.reload();
    assert_eq!(heard(&talk.send(&beat("a", 2))), (110, 0, None));
    assert_eq!(heard(&talk.send(&join("a", &["t"]))), (0, 2, Some(vec![0])));
}
