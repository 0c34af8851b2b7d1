//! The rows of the tables, one test each.

use alloc::vec;
use alloc::vec::Vec;

use super::field::{Field, Join, beat, consumer, joining, lenient, owning, sync};
use crate::catalogue::record::CatalogueRecord;
use crate::group::question::GroupAnswer;

/// A consumer group with one member of the new protocol, which has all four partitions at epoch 2.
fn consumer_group(settings: &[(&str, &str)]) -> Field {
    let mut field = Field::new(4, settings);
    assert_eq!(field.heard(joining("n")), (0, 2, Some(vec![0, 1, 2, 3])));
    field
}

/// That, joined by a classic member; its id. It waits for its part at epoch 3.
fn mixed_group(settings: &[(&str, &str)]) -> (Field, alloc::string::String) {
    let mut field = consumer_group(settings);
    let id = field.join(Join::of("")).member_id;
    let joined = field.join(Join::of(&id));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 3));
    (field, alloc::string::String::from(id.as_str()))
}

#[test]
fn a_classic_member_joins_waits_for_nobody_and_gets_what_others_give_up() {
    let mut field = consumer_group(&[]);
    let handed_out = field.join(Join::of(""));
    assert_eq!((handed_out.error_code.0, handed_out.member_id.len()), (79, 22));
    assert_eq!(field.wrote, []);
    let id = handed_out.member_id;
    let joined = field.join(Join::of(&id));
    assert_eq!(field.wrote, [5, 3, 7, 7, 6, 8]);
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 3));
    assert_eq!((joined.leader.as_str(), joined.members.len(), joined.skip_assignment), ("", 0, false));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(field.sync(&id, 3), (0, vec![]));
    // Blocked: it need not join again.
    assert_eq!(field.beat(&id, 3), 0);
    let topic = field.topic;
    assert_eq!(field.heard(owning("n", 2, topic, &[0, 1, 2, 3])), (0, 2, Some(vec![0, 1])));
    assert_eq!(field.beat(&id, 3), 0);
    assert_eq!(field.heard(owning("n", 2, topic, &[0, 1])), (0, 3, None));
    // Free: the same generation with more in it.
    assert_eq!(field.beat(&id, 3), 27);
    let joined = field.join(Join::of(&id).owning(3, &[]));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 3));
    assert_eq!(field.sync(&id, 3), (0, vec![2, 3]));
    assert_eq!(field.beat(&id, 3), 0);
    assert_eq!(field.is(), ("consumer".into(), "Stable".into()));
    field.reload();
    assert_eq!(field.beat(&id, 3), 0);
}

#[test]
fn a_classic_member_revokes_before_it_gets_to_the_next_epoch() {
    let (mut field, id) = mixed_group(&[]);
    let topic = field.topic;
    field.consumer(owning("n", 2, topic, &[0, 1, 2, 3]));
    field.consumer(owning("n", 2, topic, &[0, 1]));
    field.join(Join::of(&id).owning(3, &[]));
    assert_eq!(field.sync(&id, 3), (0, vec![2, 3]));
    field.heard(joining("o"));
    assert_eq!(field.heard(joining("p")), (0, 5, Some(vec![])));
    assert_eq!(field.beat(&id, 3), 27);
    // It comes back with all it has: its old generation, and less.
    let joined = field.join(Join::of(&id).owning(3, &[2, 3]));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 3));
    let (error, kept) = field.sync(&id, 3);
    assert_eq!((error, kept.len()), (0, 1));
    assert_eq!(field.beat(&id, 3), 27);
    let joined = field.join(Join::of(&id).owning(3, &kept));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 5));
    // Should it miss that answer it says the epoch before, and what it has; but no more.
    assert_eq!(field.join(Join::of(&id).owning(3, &[2, 3])).error_code.0, 25);
    let joined = field.join(Join::of(&id).owning(3, &kept));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 5));
    assert_eq!(field.sync(&id, 5), (0, kept));
    assert_eq!(field.beat(&id, 5), 0);
    assert_eq!(field.sync(&id, 3).0, 22);
}

#[test]
fn joins_are_refused_in_kafkas_order() {
    let code = |settings: &[(&str, &str)], join: Join| {
        let mut field = consumer_group(settings);
        let answer = field.join(join);
        assert_eq!((answer.generation_id, answer.members.len()), (-1, 0));
        assert_eq!(field.wrote, []);
        answer.error_code.0
    };
    let disabled = [("group.consumer.migration.policy", "disabled")];
    let full = [("group.consumer.max.size", "1")];
    let kind = |kind: &str| Join { protocol_type: kind.into(), ..Join::of("") };
    assert_eq!(code(&disabled, Join::of("")), 23);
    assert_eq!(code(&disabled, Join::of("").timeouts(1, 1)), 26);
    for policy in ["upgrade", "downgrade", "bidirectional"] {
        assert_eq!(code(&[("group.consumer.migration.policy", policy)], Join::of("")), 79);
    }
    assert_eq!(code(&full, kind("connect")), 81);
    assert_eq!(code(&[], kind("connect")), 23);
    assert_eq!(code(&[], Join { protocols: vec![], ..Join::of("") }), 23);
    assert_eq!(code(&[], Join::of("x").instance("i")), 25);
    // What cannot be read.
    let mut field = consumer_group(&[]);
    let mut broken = Join::of("x");
    broken.subscription.topics = vec!["t".into()];
    broken.embedded = 0;
    let answer = field.join(Join { protocol_type: "".into(), ..broken });
    assert_eq!(answer.error_code.0, 23);
}

#[test]
fn members_without_a_protocol_in_common_cannot_be_together() {
    let (mut field, id) = mixed_group(&[]);
    let other = Join { protocols: vec!["roundrobin"], ..Join::of("x") };
    assert_eq!(field.join(other.clone()).error_code.0, 23);
    let both = Join { protocols: vec!["roundrobin", "range"], ..other };
    let joined = field.join(both);
    assert_eq!((joined.error_code.0, joined.protocol_name.as_deref()), (0, Some("roundrobin")));
    assert_eq!(field.beat(&id, 3), 27);
}

#[test]
fn old_clients_are_let_in_only_by_the_setting_and_the_log_says_why() {
    for version in 0..3 {
        let mut field = consumer_group(&[]);
        assert_eq!(field.join(Join::of("x").embedded(version)).error_code.0, 23);
        assert!(field.notes[0].contains("version"), "{:?}", field.notes);
        assert!(field.notes[0].contains("kelpgate.classic.member.check=lenient"), "{:?}", field.notes);
        field.world.change(lenient());
        let joined = field.join(Join::of("x").embedded(version));
        assert_eq!((joined.error_code.0, joined.generation_id), (0, 3));
        assert_eq!(field.sync("x", 3), (0, vec![]));
    }
}

#[test]
fn what_an_old_client_claims_gives_it_nothing() {
    let mut field = consumer_group(&[]);
    field.world.change(lenient());
    field.join(Join::of("x").embedded(1).owning(-1, &[0, 1, 2, 3]));
    assert_eq!(field.sync("x", 3), (0, vec![]));
    let topic = field.topic;
    // And it keeps nobody from giving up or keeping what is his.
    assert_eq!(field.heard(owning("n", 2, topic, &[0, 1, 2, 3])), (0, 2, Some(vec![0, 1])));
    assert_eq!(field.heard(owning("n", 2, topic, &[0, 1])), (0, 3, None));
}

#[test]
fn claims_are_of_the_members_epoch_or_there_are_none() {
    let (mut field, id) = mixed_group(&[]);
    let topic = field.topic;
    field.consumer(owning("n", 2, topic, &[0, 1, 2, 3]));
    field.consumer(owning("n", 2, topic, &[0, 1]));
    let code = |field: &mut Field, join: Join| field.join(join).error_code.0;
    assert_eq!(code(&mut field, Join::of(&id).owning(3, &[])), 0);
    for (generation, owned) in [(-1, vec![2]), (1, vec![2]), (2, vec![]), (4, vec![2, 3]), (4, vec![])] {
        assert_eq!(code(&mut field, Join::of(&id).owning(generation, &owned)), 25, "{generation} {owned:?}");
        assert!(field.notes[0].contains("may not join"), "{:?}", field.notes);
        assert_eq!(field.wrote, []);
    }
    // One that is no member knows no generation.
    assert_eq!(code(&mut field, Join::of("x").owning(3, &[])), 25);
    assert_eq!(code(&mut field, Join::of("x").owning(-1, &[2])), 25);
    assert_eq!(code(&mut field, Join::of(&id)), 0);
}

#[test]
fn heartbeats_and_syncs_of_others_are_refused() {
    let (mut field, id) = mixed_group(&[]);
    assert_eq!(field.beat("x", 3), 25);
    assert_eq!(field.beat("n", 2), 25);
    assert_eq!(field.beat(&id, 2), 22);
    assert_eq!(field.beat(&id, 4), 22);
    assert_eq!(field.beat(&id, -1), 22);
    let mut of_nobody = beat(&id, 3);
    of_nobody.group_instance_id = Some("i".into());
    assert_eq!(field.beat_with(of_nobody), 25);
    assert_eq!(field.sync("x", 3).0, 25);
    assert_eq!(field.sync("n", 2).0, 25);
    assert_eq!(field.sync(&id, 2).0, 22);
    let mut asks = |change: fn(&mut crate::protocol::sync_group::SyncGroupRequest)| {
        let mut request = sync(&id, 3);
        change(&mut request);
        field.try_sync(request).1.map(|answer| answer.error_code.0)
    };
    assert_eq!(asks(|request| request.protocol_name = None), Some(23));
    assert_eq!(asks(|request| request.protocol_type = None), Some(23));
    assert_eq!(asks(|request| request.protocol_name = Some("roundrobin".into())), Some(23));
    assert_eq!(asks(|request| request.protocol_type = Some("connect".into())), Some(23));
    assert_eq!(asks(|request| request.group_instance_id = Some("i".into())), Some(25));
    assert_eq!(asks(|_| ()), Some(0));
}

#[test]
fn a_sync_that_a_new_target_has_overtaken_is_to_join_again() {
    let (mut field, id) = mixed_group(&[]);
    assert_eq!(field.heard(joining("o")).1, 4);
    assert_eq!(field.sync(&id, 3), (27, vec![]));
}

#[test]
fn static_classic_members_are_replaced_and_fenced() {
    let mut field = consumer_group(&[]);
    let first = field.join(Join::of("").instance("i"));
    assert_eq!((first.error_code.0, first.generation_id), (0, 3));
    let second = field.join(Join::of("").instance("i"));
    assert_eq!((second.error_code.0, second.generation_id), (0, 3));
    assert_ne!(first.member_id, second.member_id);
    let mut old = beat(&first.member_id, 3);
    old.group_instance_id = Some("i".into());
    assert_eq!(field.beat_with(old), 82);
    assert_eq!(field.beat(&first.member_id, 3), 25);
    assert_eq!(field.join(Join::of(&first.member_id).instance("i")).error_code.0, 82);
    assert_eq!(field.sync(&second.member_id, 3), (0, vec![]));
    // A member of the new protocol takes its place too, without its leave.
    let mut request = joining("m");
    request.instance_id = Some("i".into());
    assert_eq!(field.heard(request), (0, 3, Some(vec![])));
    assert_eq!(field.beat(&second.member_id, 3), 25);
}

#[test]
fn the_three_timers_of_a_classic_member() {
    // The session.
    let mut field = consumer_group(&[]);
    field.join(Join::of("x").timeouts(2_000, 60_000));
    field.sync("x", 3);
    field.pass(1_999);
    assert_eq!(field.beat("x", 3), 0);
    field.pass(2_000);
    assert_eq!(field.beat("x", 3), 25);
    // The sync.
    let mut field = consumer_group(&[]);
    field.join(Join::of("x").timeouts(60_000, 1_500));
    field.pass(1_499);
    assert_eq!(field.beat("x", 3), 0);
    field.pass(1);
    assert_eq!(field.beat("x", 3), 25);
    // The join: further answers do not prolong it.
    let mut field = consumer_group(&[]);
    field.join(Join::of("x").timeouts(60_000, 1_500));
    field.sync("x", 3);
    field.heard(joining("o"));
    assert_eq!(field.beat("x", 3), 27);
    field.pass(1_000);
    assert_eq!(field.beat("x", 3), 27);
    field.pass(499);
    assert_eq!(field.beat("x", 3), 27);
    field.pass(1);
    assert_eq!(field.beat("x", 3), 25);
}

#[test]
fn members_of_both_protocols_leave_at_once() {
    let (mut field, id) = mixed_group(&[]);
    field.heard(joining("o"));
    let codes = |field: &mut Field, members: &[(&str, Option<&str>)]| -> Vec<i16> {
        field.leave(members).members.iter().map(|member| member.error_code.0).collect()
    };
    let answer = codes(&mut field, &[("x", None), (&id, None), ("n", None), ("n", None), ("", Some("i"))]);
    assert_eq!(answer, [25, 0, 0, 25, 25]);
    assert_eq!(field.wrote, [-8, -7, -5, -8, -7, -5, 3]);
    assert_eq!(field.heard(consumer("o", 4)), (0, 5, Some(vec![0, 1, 2, 3])));
}

#[test]
fn an_upgrade_keeps_what_everybody_has() {
    let mut field = Field::new(4, &[]);
    let ids = field.classic_group(&[&[0, 1], &[2, 3]]);
    let generation = 2;
    let answer = field.heard(joining("n"));
    assert_eq!(answer, (0, generation + 1, Some(vec![])));
    assert_eq!(field.wrote[0], -2);
    assert_eq!(field.wrote[1..3], [5, 5]);
    assert_eq!(field.is(), ("consumer".into(), "Reconciling".into()));
    let beats: Vec<i16> = ids.iter().map(|id| field.beat(id, generation)).collect();
    assert_eq!(beats, [27, 27]);
    field.reload();
    let first = field.join(Join::of(&ids[0]).owning(generation, &[0, 1]));
    let second = field.join(Join::of(&ids[1]).owning(generation, &[2, 3]));
    let generations = [first.generation_id, second.generation_id];
    // One of them gives up a partition, under its old generation.
    assert_eq!(generations.iter().filter(|it| **it == generation).count(), 1, "{generations:?}");
}

#[test]
fn those_who_wait_in_a_classic_group_are_told_to_join_the_new_one() {
    let mut field = Field::new(4, &[]);
    let ids = field.classic_group(&[&[0, 1], &[2, 3]]);
    // One rejoins with something new and waits.
    let (asker, answer) = field.try_join(Join { protocols: vec!["range", "sticky"], ..Join::of(&ids[1]) });
    assert!(answer.is_none());
    assert_eq!(field.heard(joining("n")).0, 0);
    let told = field.late.iter().find(|(to, _)| *to == asker).map(|(_, answer)| answer);
    assert!(matches!(told, Some(GroupAnswer::Join(answer)) if answer.error_code.0 == 27), "{told:?}");
}

#[test]
fn upgrades_that_cannot_be_say_why() {
    let refused = |settings: &[(&str, &str)], spoil: fn(&mut Field)| {
        let mut field = Field::new(4, settings);
        spoil(&mut field);
        let answer = field.consumer(joining("n"));
        assert_eq!(field.wrote, []);
        assert_eq!(field.is().0, "classic");
        (answer.error_code.0, answer.error_message.expect("why"))
    };
    let two = |field: &mut Field| {
        field.classic_group(&[&[0, 1], &[2, 3]]);
    };
    for policy in ["disabled", "downgrade"] {
        let (code, why) = refused(&[("group.consumer.migration.policy", policy)], two);
        assert_eq!(code, 69);
        assert!(why.contains("policy"), "{why}");
    }
    let (code, why) = refused(&[("group.consumer.max.size", "1")], two);
    assert!(code == 69 && why.contains("members"), "{why}");
    // Room for its members, but not for one more.
    assert_eq!(refused(&[("group.consumer.max.size", "2")], two).0, 81);
    let (code, why) = refused(&[], |field| {
        field.classic_group(&[&[0, 1], &[1, 2]]);
    });
    assert!(code == 69 && why.contains("partition 1"), "{why}");
    let (code, why) = refused(&[], |field| {
        field.join(Join { version: 3, ..Join::of("").embedded(1) });
    });
    assert!(code == 69 && why.contains("version 1"), "{why}");
    let (code, why) = refused(&[], |field| {
        field.join(Join { version: 3, protocol_type: "connect".into(), ..Join::of("") });
    });
    assert!(code == 69 && why.contains("not consumers"), "{why}");
    let mut field = Field::new(4, &[]);
    field.classic_group(&[&[0, 1], &[2, 3]]);
    assert_eq!(field.heard(consumer("n", 3)).0, 69);
    assert_eq!(field.heard(consumer("n", -1)).0, 69);
}

#[test]
fn a_group_goes_back_when_its_last_member_of_the_new_protocol_leaves() {
    for policy in ["bidirectional", "downgrade"] {
        let (mut field, id) = mixed_group(&[("group.consumer.migration.policy", policy)]);
        field.sync(&id, 3);
        assert_eq!(field.heard(consumer("n", -1)), (0, -1, None));
        assert_eq!(field.wrote, [-8, -7, -5, 3, -8, -7, -6, -5, -4, -3, 2]);
        assert_eq!(field.is(), ("classic".into(), "PreparingRebalance".into()));
        // Its generation is the epoch that its member has not reached.
        assert_eq!(field.beat(&id, 3), 27);
        field.reload();
        let joined = field.join(Join { protocols: vec!["range", "sticky"], ..Join::of(&id).owning(3, &[]) });
        assert_eq!((joined.error_code.0, joined.generation_id), (0, 5));
        assert_eq!(joined.leader.as_str(), id);
    }
}

#[test]
fn a_group_may_not_go_back_by_policy_or_size() {
    for setting in [("group.consumer.migration.policy", "upgrade"), ("group.max.size", "1")] {
        let (mut field, id) = mixed_group(&[setting]);
        field.join(Join::of("x"));
        field.heard(consumer("n", -1));
        assert_eq!(field.is().0, "consumer", "{setting:?}");
        // Its classic members go on, by themselves.
        assert_eq!(field.beat(&id, 3), 27);
        let joined = field.join(Join::of(&id).owning(3, &[]));
        assert_eq!((joined.error_code.0, joined.generation_id), (0, 5));
        assert_eq!(field.sync(&id, 5).1.len(), 2);
        field.join(Join::of("x").owning(4, &[]));
        assert_eq!(field.sync("x", 5).1.len(), 2);
    }
}

#[test]
fn fencing_the_last_member_of_the_new_protocol_is_a_downgrade_too() {
    let (mut field, id) = mixed_group(&[]);
    field.sync(&id, 3);
    for _ in 0..9 {
        field.pass(5_000);
        field.beat(&id, 3);
    }
    assert_eq!(field.is().0, "classic");
}

#[test]
fn the_last_static_member_of_the_new_protocol_is_replaced_without_a_rebalance() {
    let mut field = Field::new(4, &[]);
    let mut request = joining("n");
    request.instance_id = Some("i".into());
    assert_eq!(field.heard(request), (0, 2, Some(vec![0, 1, 2, 3])));
    let joined = field.join(Join::of("").instance("i"));
    assert_eq!((joined.error_code.0, joined.generation_id), (0, 2));
    assert!(joined.skip_assignment);
    assert_eq!(field.is(), ("classic".into(), "Stable".into()));
    assert_eq!(field.sync(&joined.member_id, 2), (0, vec![0, 1, 2, 3]));
    field.reload();
    assert_eq!(field.beat(&joined.member_id, 2), 0);
}

#[test]
fn a_replacement_that_finds_the_group_unsettled_rebalances() {
    let mut field = Field::new(4, &[]);
    let mut request = joining("n");
    request.instance_id = Some("i".into());
    field.heard(request);
    // x waits for partitions of n.
    field.join(Join::of("x"));
    field.sync("x", 3);
    let (asker, answer) = field.try_join(Join::of("").instance("i"));
    assert!(answer.is_none());
    assert_eq!(field.is(), ("classic".into(), "PreparingRebalance".into()));
    assert_eq!(field.beat("x", 3), 27);
    let (_, answer) = field.try_join(Join::of("x").owning(3, &[]));
    assert!(answer.is_some());
    assert!(field.late.iter().any(|(to, _)| *to == asker));
}

#[test]
fn groups_without_members_change_their_kind_in_any_policy() {
    let mut field = Field::new(4, &[("group.consumer.migration.policy", "disabled")]);
    field.heard(joining("n"));
    field.heard(consumer("n", -1));
    // A join that is refused changes nothing.
    assert_eq!(field.join(Join::of("x")).error_code.0, 25);
    assert_eq!(field.join(Join::of("").timeouts(1, 1)).error_code.0, 26);
    assert_eq!(field.is(), ("consumer".into(), "Empty".into()));
    let id = field.join(Join::of("")).member_id;
    assert_eq!(field.is(), ("classic".into(), "Empty".into()));
    assert_eq!(field.join(Join::of(&id)).generation_id, 1);
    field.leave(&[(&id, None)]);
    assert_eq!(field.heard(joining("n")), (0, 2, Some(vec![0, 1, 2, 3])));
    assert_eq!(field.wrote, [-2, 5, 3, 7, 6, 8]);
    field.reload();
}

#[test]
fn a_group_of_classic_members_only_sees_its_topics_grow() {
    let (mut field, id) = mixed_group(&[("group.consumer.migration.policy", "upgrade")]);
    field.sync(&id, 3);
    field.heard(consumer("n", -1));
    assert_eq!(field.beat(&id, 3), 27);
    field.join(Join::of(&id).owning(3, &[]));
    assert_eq!(field.sync(&id, 4), (0, vec![0, 1, 2, 3]));
    let topic = field.topic;
    field.world.change(CatalogueRecord::Partitions { topic, count: 5 });
    assert_eq!(field.beat(&id, 4), 27);
    field.join(Join::of(&id).owning(4, &[0, 1, 2, 3]));
    assert_eq!(field.sync(&id, 5), (0, vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_change_of_protocol_that_does_not_fit_the_log_is_taken_back() {
    let mut field = Field::new(4, &[]);
    let ids = field.classic_group(&[&[0, 1], &[2, 3]]);
    assert_eq!(field.heard(joining("n")).0, 0);
    field.refuse();
    assert_eq!(field.is(), ("classic".into(), "Stable".into()));
    assert_eq!([field.beat(&ids[0], 2), field.beat(&ids[1], 2)], [0, 0]);
    field.reload();
    assert_eq!(field.heard(joining("n")).0, 0);
    field.leave(&[(&ids[0], None)]);
    assert_eq!(field.heard(consumer("n", -1)).0, 0);
    assert_eq!(field.is().0, "classic");
    field.refuse();
    assert_eq!(field.is().0, "consumer");
    assert_eq!(field.heard(owning("n", 3, field.topic, &[])).0, 0);
    // Nor a heartbeat.
    field.refuse();
    assert_eq!(field.heard(consumer("n", -1)).0, 0);
    assert_eq!(field.is().0, "classic");
    field.reload();
}
