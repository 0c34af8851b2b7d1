//! Subscriptions by regular expression, as Apache Kafka 4.3.1 answers them.

use alloc::vec;
use alloc::vec::Vec;

use super::talk::{Talk, beat, heard, join};
use crate::catalogue::record::CatalogueRecord;

fn joins(
    member: &str,
    regex: &str,
) -> crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest {
    join(member, &[]).matching(regex)
}

#[test]
fn the_join_is_answered_before_the_expression_is_resolved() {
    let mut talk = Talk::prompt();
    talk.world.topic("t1", 2);
    talk.world.topic("u", 2);
    assert_eq!(heard(&talk.send(&joins("a", "t.*"))), (0, 1, Some(vec![])));
    assert_eq!(talk.wrote, [5, 8]);
    assert_eq!((talk.group.epoch(), talk.group.state_name()), (1, "Stable"));
    talk.pass(1);
    assert_eq!(talk.wrote, [16, 3]);
    assert_eq!((talk.group.epoch(), talk.group.state_name()), (2, "Assigning"));
    assert_eq!(heard(&talk.send(&beat("a", 1))), (0, 2, Some(vec![0, 1])));
    talk.reload();
    // After loading it is resolved again, and nothing has changed.
    talk.send(&beat("a", 2));
    talk.pass(1);
    assert_eq!((talk.group.epoch(), talk.wrote.clone()), (2, Vec::new()));
}

#[test]
fn an_expression_that_is_known_raises_the_epoch_at_once() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 2);
    talk.send(&joins("a", "t"));
    talk.pass(1);
    talk.send(&beat("a", 1));
    assert_eq!(heard(&talk.send(&joins("b", "t"))), (0, 3, Some(vec![])));
    assert_eq!(talk.wrote, [5, 3, 7, 7, 6, 8]);
}

#[test]
fn giving_an_expression_up_takes_its_topics_at_once() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 2);
    talk.send(&joins("a", "t"));
    talk.pass(1);
    talk.send(&beat("a", 1));
    let without = beat("a", 2).matching("").owning(topic, &[0, 1]);
    assert_eq!(heard(&talk.send(&without)), (0, 2, Some(vec![])));
    assert_eq!(talk.wrote, [5, -16, 3, 7, 6, 8]);
    assert_eq!(heard(&talk.send(&beat("a", 2).owning(topic, &[]))), (0, 3, None));
    talk.reload();
}

#[test]
fn the_last_member_takes_its_expression_along() {
    let mut talk = Talk::prompt();
    talk.world.topic("t", 2);
    talk.send(&joins("a", "t"));
    talk.send(&joins("b", "t"));
    talk.pass(1);
    talk.send(&beat("a", -1));
    assert_eq!(talk.wrote, [-8, -7, -5, 3]);
    talk.send(&beat("b", -1));
    assert_eq!(talk.wrote, [-8, -7, -5, -16, 3]);
    assert!(!talk.group.is_subscribed("t"));
    talk.reload();
}

#[test]
fn topics_made_later_are_found_ten_seconds_after_the_last_resolution() {
    let mut talk = Talk::prompt();
    talk.world.topic("t1", 1);
    talk.send(&joins("a", "t.*"));
    talk.pass(1);
    assert_eq!(heard(&talk.send(&beat("a", 1))), (0, 2, Some(vec![0])));
    let late = talk.world.topic("t2", 2);
    talk.send(&beat("a", 2));
    talk.pass(9_998);
    talk.send(&beat("a", 2));
    talk.pass(1);
    assert_eq!(talk.group.epoch(), 2, "too early");
    talk.pass(2);
    assert_eq!(heard(&talk.send(&beat("a", 2))), (0, 2, None));
    talk.pass(1);
    assert_eq!((talk.group.epoch(), talk.wrote.clone()), (3, vec![16, 3]));
    assert_eq!(heard(&talk.send(&beat("a", 2))), (0, 3, Some(vec![0, 0, 1])));
    // One that goes is seen at once, and its going counts once.
    talk.world.change(CatalogueRecord::TopicDeleted { id: late });
    talk.pass(10_001);
    talk.send(&beat("a", 3));
    talk.pass(1);
    assert_eq!((talk.group.epoch(), talk.wrote.clone()), (4, vec![16]));
}

#[test]
fn an_expression_that_changes_waits_for_the_next_resolution() {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 1);
    talk.world.topic("u", 1);
    talk.send(&joins("a", "t"));
    talk.send(&joins("b", "t"));
    talk.pass(1);
    talk.send(&beat("a", 1));
    // b goes over to an expression that nobody knows: until it is resolved it stands for nothing.
    assert_eq!(heard(&talk.send(&beat("b", 1).matching("u").owning(topic, &[]))), (0, 2, None));
    assert_eq!(talk.wrote, [5, 8]);
    talk.pass(10_001);
    talk.send(&beat("a", 2));
    talk.pass(1);
    assert_eq!(talk.wrote, [16, 3]);
    assert_eq!(heard(&talk.send(&beat("b", 2))), (0, 3, Some(vec![0])));
}

#[test]
fn many_topics_are_taken_in_slices() {
    let mut talk = Talk::prompt();
    for number in 0..200 {
        talk.world.topic(&alloc::format!("{}{number}", "a".repeat(240)), 1);
    }
    talk.send(&joins("a", "(a|b)*.*1.*"));
    let mut slices = 0;
    while talk.group.epoch() == 1 {
        talk.pass(1);
        slices += 1;
    }
    assert!(slices > 2, "{slices}");
    let matched = (0..200).filter(|number| alloc::format!("{number}").contains('1')).count();
    let (_, _, partitions) = heard(&talk.send(&beat("a", 1)));
    assert_eq!(partitions.map(|partitions| partitions.len()), Some(matched));
}
