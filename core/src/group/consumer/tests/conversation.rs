//! Conversations in the order and with the answers that Apache Kafka 4.3.1 gave.

use alloc::vec;
use alloc::vec::Vec;

use super::talk::{Talk, beat, heard, join, number, same};
use crate::catalogue::record::CatalogueRecord;
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::Standing;
use crate::group::consumer::writing::standing;
use crate::group::record::{GroupKey, GroupRecord};
use crate::uuid::Uuid;

#[test]
fn the_first_member_gets_all_and_its_records_are_in_kafkas_order() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    assert_eq!(heard(&talk.send(&join("a", &["t"]))), (0, 2, Some(vec![0, 1, 2, 3])));
    assert_eq!(talk.wrote, [5, 3, 7, 6, 8]);
    assert_eq!(talk.group.state_name(), "Stable");
    // Nothing new, nothing said, nothing written.
    assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[0, 1, 2, 3]))), (0, 2, None));
    assert_eq!(talk.wrote, []);
    // A full request is told everything again.
    let full = join("a", &["t"]).owning(topic, &[0, 1, 2, 3]);
    let full =
        crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest { member_epoch: 2, ..full };
    assert_eq!(heard(&talk.send(&full)), (0, 2, Some(vec![0, 1, 2, 3])));
    assert_eq!(talk.wrote, []);
    talk.reload();
}

#[test]
fn a_partition_passes_on_only_when_the_old_owner_has_shown_it_gone() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]));
    // b joins: one epoch more, and nothing for it yet.
    assert_eq!(heard(&talk.send(&join("b", &["t"]))), (0, 3, Some(vec![])));
    assert_eq!(talk.wrote, [5, 3, 7, 7, 6, 8]);
    assert_eq!(talk.group.state_name(), "Reconciling");
    // a hears of its smaller set under its old epoch, as often as it asks without giving up.
    let all = beat("a", 2).owning(topic, &[0, 1, 2, 3]);
    assert_eq!(heard(&talk.send(&all)), (0, 2, Some(vec![0, 1])));
    assert_eq!(talk.wrote, [8]);
    assert_eq!(heard(&talk.send(&all)), (0, 2, None));
    assert_eq!(heard(&talk.send(&beat("a", 2))), (0, 2, None));
    assert_eq!(heard(&talk.send(&beat("b", 3).owning(topic, &[]))), (0, 3, None));
    talk.reload();
    // It gives up, and only then b gets them.
    assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[0, 1]))), (0, 3, None));
    assert_eq!(heard(&talk.send(&beat("b", 3).owning(topic, &[]))), (0, 3, Some(vec![2, 3])));
    assert_eq!(talk.group.state_name(), "Stable");
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_fenced() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]));
    talk.send(&join("b", &["t"]));
    let all = beat("a", 2).owning(topic, &[0, 1, 2, 3]);
    talk.send(&all);
    talk.pass(1_900);
    assert_eq!(heard(&talk.send(&all)), (0, 2, None));
    talk.pass(100);
    assert_eq!(talk.wrote, [-8, -7, -5, 3]);
    assert_eq!(heard(&talk.send(&all)), (25, 0, None));
    assert_eq!(heard(&talk.send(&beat("b", 3))), (0, 4, Some(vec![0, 1, 2, 3])));
}

#[test]
fn a_silent_member_is_gone_after_its_session() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 1);
    talk.send(&join("a", &["t"]));
    talk.pass(44_999);
    assert!(talk.group.has_members());
    talk.send(&beat("a", 2));
    talk.pass(44_999);
    assert!(talk.group.has_members());
    talk.pass(1);
    assert_eq!(talk.group.state_name(), "Empty");
    assert_eq!(talk.group.epoch(), 3);
    assert_eq!(heard(&talk.send(&beat("a", 2))), (25, 0, None));
}

#[test]
fn members_live_on_the_old_target_until_the_interval_has_passed() {
    let mut talk = Talk::new(&[]);
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]));
    // Within the second: nothing, at the epoch of the old assignment.
    assert_eq!(heard(&talk.send(&join("b", &["t"]))), (0, 2, Some(vec![])));
    assert_eq!(talk.wrote, [5, 3, 8]);
    assert_eq!(talk.group.state_name(), "Assigning");
    talk.pass(1_000);
    let all = beat("a", 2).owning(topic, &[0, 1, 2, 3]);
    assert_eq!(heard(&talk.send(&all)), (0, 2, Some(vec![0, 1])));
    assert_eq!(talk.wrote, [7, 7, 6, 8]);
    // Leaving never computes, the next heartbeat does.
    talk.pass(1_000);
    assert_eq!(heard(&talk.send(&beat("b", -1))), (0, -1, None));
    assert_eq!(talk.wrote, [-8, -7, -5, 3]);
    assert_eq!(talk.group.assignment_epoch(), 3);
    assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[0, 1]))), (0, 4, Some(vec![0, 1, 2, 3])));
    talk.reload();
}

#[test]
fn topics_that_come_grow_and_go_raise_the_epoch() {
    let mut talk = Talk::prompt();
    assert_eq!(heard(&talk.send(&join("a", &["t"]))), (0, 2, Some(vec![])));
    let topic = talk.world.topic("t", 4);
    assert_eq!(heard(&talk.send(&beat("a", 2))), (0, 3, Some(vec![0, 1, 2, 3])));
    assert_eq!(talk.wrote, [3, 7, 6, 8]);
    talk.world.change(CatalogueRecord::Partitions { topic, count: 5 });
    assert_eq!(heard(&talk.send(&beat("a", 3))), (0, 4, Some(vec![0, 1, 2, 3, 4])));
    talk.world.change(CatalogueRecord::TopicDeleted { id: topic });
    assert_eq!(heard(&talk.send(&beat("a", 4))), (0, 4, Some(vec![])));
    assert_eq!((talk.group.epoch(), talk.group.assignment_epoch()), (5, 5));
    assert_eq!(heard(&talk.send(&beat("a", 4).owning(topic, &[]))), (0, 5, None));
    // A topic that is none of the group's is looked at and passed over.
    talk.world.topic("other", 1);
    assert_eq!(heard(&talk.send(&beat("a", 5))), (0, 5, None));
    assert_eq!((talk.group.epoch(), talk.wrote.clone()), (5, Vec::new()));
}

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]).of_instance("i"));
    assert_eq!(heard(&talk.send(&join("b", &["t"]).of_instance("i"))), (111, 0, None));
    assert_eq!(heard(&talk.send(&beat("a", -2).of_instance("i"))), (0, -2, None));
    assert_eq!(talk.wrote, [8]);
    assert_eq!(talk.group.state_name(), "Reconciling");
    assert_eq!(heard(&talk.send(&join("b", &["t"]).of_instance("i"))), (0, 2, Some(vec![0, 1, 2, 3])));
    assert_eq!(talk.wrote, [-8, -7, -5, 5, 7, 8, 8]);
    let member = talk.group.member("b").expect("it has joined");
    assert!(member.standing.assigned.iter().all(|(of, _, epoch)| of == topic && epoch == 0));
    assert_eq!(heard(&talk.send(&beat("a", 2).of_instance("i"))), (82, 0, None));
    assert_eq!(heard(&talk.send(&beat("a", 2))), (25, 0, None));
    talk.reload();
    // Its session goes on while it is away.
    talk.send(&beat("b", -2).of_instance("i"));
    talk.pass(45_000);
    assert_eq!(talk.group.state_name(), "Empty");
}

#[test]
fn a_group_without_topics_stays_at_epoch_1() {
    let mut talk = Talk::prompt();
    assert_eq!(heard(&talk.send(&join("a", &[]))), (0, 1, Some(vec![])));
    assert_eq!((talk.wrote.clone(), talk.group.state_name()), (vec![5, 8], "Stable"));
    talk.reload();
}

#[test]
fn an_instance_that_starts_over_stays_the_same_member() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 2);
    talk.send(&join("a", &["t"]).of_instance("i"));
    assert_eq!(heard(&talk.send(&join("a", &["t"]).of_instance("i"))), (0, 2, Some(vec![0, 1])));
    assert_eq!(talk.wrote, []);
    // So may one that is not static, at any time.
    talk.send(&join("b", &["t"]));
    assert_eq!(heard(&talk.send(&join("a", &["t"]))), (0, 3, Some(vec![0])));
    assert_eq!(heard(&talk.send(&join("b", &["t"]))), (0, 3, Some(vec![1])));
}

#[test]
fn version_0_leaves_the_id_to_the_coordinator() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 1);
    let response = talk.send_as(&join("", &["t"]), 0, &crate::group::testing::client("c"));
    let id = response.member_id.clone().expect("an id");
    assert!(Uuid::parse(&id).is_some(), "{id}");
    assert_eq!(heard(&response), (0, 2, Some(vec![0])));
    assert_eq!(heard(&talk.send(&beat(&id, 2))), (0, 2, None));
}

/// The cleaner keeps the last record of each key, so what was written first may come last.
#[test]
fn records_are_understood_in_whatever_order_the_cleaner_leaves_them() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]).of_instance("i"));
    talk.send(&join("b", &["t"]));
    talk.send(&beat("a", 2).owning(topic, &[0, 1, 2, 3]));
    talk.send(&beat("a", 2).owning(topic, &[0, 1]));
    talk.send(&beat("b", 3));
    let mut last: Vec<GroupRecord> = Vec::new();
    for record in &talk.log {
        let key = |record: &GroupRecord| record.encode().expect("it fits").0;
        last.retain(|other| key(other) != key(record));
        last.push(record.clone());
    }
    for turn in 0..last.len() {
        last.rotate_left(turn);
        let mut loaded = ConsumerGroup::new();
        for record in &last {
            loaded.replay(record);
            assert!(!loaded.is_nothing());
        }
        same(&loaded, &talk.group);
    }
}

#[test]
fn tombstones_leave_nothing() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 2);
    talk.send(&join("a", &["t"]).of_instance("i"));
    talk.send(&join("b", &[]).matching("t"));
    talk.pass(1);
    for record in talk.group.tombstones(&super::talk::GROUP) {
        talk.group.replay(&record);
    }
    assert!(talk.group.is_nothing());
    same(&talk.group, &ConsumerGroup::new());
    assert!(!talk.group.is_subscribed("t"));
    // A group that has lost its members leaves these.
    let types: Vec<_> = ConsumerGroup::new().tombstones(&super::talk::GROUP).iter().map(number).collect();
    assert_eq!(types, [-6, -4, -3]);
}

#[test]
fn what_kafka_4_0_wrote_about_topics_goes_with_the_next_rise() {
    let mut talk = Talk::prompt();
    let key = GroupKey { group: super::talk::GROUP, ..Default::default() };
    let record = GroupRecord::ConsumerGroupPartitionMetadata(key, Some(Default::default()));
    talk.group.replay(&record);
    talk.send(&join("a", &["t"]));
    assert_eq!(talk.wrote, [5, 3, -4, 7, 6, 8]);
}

#[test]
fn a_clock_that_goes_back_does_not_stop_assignments() {
    let mut talk = Talk::new(&[]);
    talk.world.topic("t", 2);
    talk.send(&join("a", &["t"]));
    talk.world.now.wall.0 -= 3_600_000;
    assert_eq!(heard(&talk.send(&join("b", &["t"]))), (0, 3, Some(vec![])));
}

#[test]
fn a_step_whose_records_do_not_fit_the_log_is_undone() {
    let mut talk = Talk::prompt();
    talk.refuse(&join("a", &["t"]));
    assert!(talk.group.is_nothing());
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]).of_instance("i"));
    talk.refuse(&join("b", &["t"]));
    talk.refuse(&beat("a", -2).of_instance("i"));
    talk.refuse(&beat("a", -1));
    assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[0, 1, 2, 3]))), (0, 2, None));
    // Its session is one again.
    talk.pass(45_000);
    assert_eq!(talk.group.state_name(), "Empty");
}

/// A log whose cleaner was stopped half way may show the old owner's record after the new one's (KAFKA-16147).
#[test]
fn a_partition_stays_with_its_new_owner_whatever_becomes_of_the_old() {
    let topic = Uuid([1; 16]);
    let with = |partitions: &[i32]| Standing {
        epoch: 2,
        assigned: partitions.iter().map(|partition| (topic, *partition, 2)).collect(),
        ..Standing::default()
    };
    let mut group = ConsumerGroup::new();
    for (member, partitions) in [("a", &[0][..]), ("b", &[0][..]), ("a", &[1][..])] {
        group.replay(&standing(&super::talk::GROUP, &member.into(), Some(&with(partitions))));
    }
    group.check_invariants();
    group.replay(&standing(&super::talk::GROUP, &"a".into(), None));
    group.check_invariants();
}
