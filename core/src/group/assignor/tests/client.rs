//! The assignors of a classic group's leader.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::client::*;
use super::notation::{self, Member, abc, member};

fn run(assignor: ClientAssignor, topics: &str, members: &[Member], owned: &str) -> String {
    run_on_racks(assignor, topics, &[], members, owned)
}

/// Runs an assignor; `racks` holds those of the partitions of each topic.
fn run_on_racks(
    assignor: ClientAssignor,
    topics: &str,
    racks: &[Vec<Vec<&str>>],
    members: &[Member],
    owned: &str,
) -> String {
    let named: Vec<NamedTopic<'_>> = notation::topics(topics)
        .into_iter()
        .enumerate()
        .map(|(number, (name, partitions))| NamedTopic {
            name,
            partitions,
            racks: racks.get(number).map_or(&[], |racks| &racks[..]),
        })
        .collect();
    let wishes: Vec<Vec<&str>> = members
        .iter()
        .map(|member| member.topics.split("").filter(|name| !name.is_empty()).collect())
        .collect();
    let owned: Vec<NamedPartitions<'_>> =
        members.iter().map(|member| notation::owned(owned, member)).collect();
    let consumers: Vec<Consumer<'_>> = members
        .iter()
        .zip(wishes.iter().zip(&owned))
        .map(|(member, (topics, owned))| Consumer {
            member_id: member.id(),
            instance_id: member.instance(),
            rack: member.rack,
            topics,
            owned,
            generation: member.generation,
        })
        .collect();
    notation::print(members, &assign(assignor, &consumers, &named))
}

#[test]
fn range_gives_runs_topic_by_topic() {
    assert_eq!(run(ClientAssignor::Range, "t4 u3", &abc("tu"), ""), "A t0 t1 u0, B t2 u1, C t3 u2");
    let members = [member("A", "t"), member("B", "tu"), member("C", "u")];
    assert_eq!(run(ClientAssignor::Range, "t3 u3", &members, ""), "A t0 t1, B t2 u0 u1, C u2");
    let members = [member("A/z", "t"), member("B/y", "t"), member("C", "t")];
    assert_eq!(run(ClientAssignor::Range, "t4", &members, ""), "A t2, B t0 t1, C t3");
}

#[test]
fn range_brings_topics_near_together_or_not_at_all() {
    let [a, b, c] = abc("tu");
    let members = [a.at("x"), b.at("y"), c.at("z")];
    let one_each = || Vec::from([Vec::from(["z"]), Vec::from(["x"]), Vec::from(["y"])]);
    let both = [one_each(), one_each()];
    assert_eq!(
        run_on_racks(ClientAssignor::Range, "t3 u3", &both, &members, ""),
        "A t1 u1, B t2 u2, C t0 u0"
    );
    let apart = [one_each(), Vec::from([Vec::from(["x"]), Vec::from(["y"]), Vec::from(["z"])])];
    assert_eq!(
        run_on_racks(ClientAssignor::Range, "t3 u3", &apart, &members, ""),
        "A t0 u0, B t1 u1, C t2 u2"
    );
}

#[test]
fn round_robin_deals_and_skips() {
    assert_eq!(run(ClientAssignor::RoundRobin, "t4 u3", &abc("tu"), ""), "A t0 t3 u2, B t1 u0, C t2 u1");
    let members = [member("A", "t"), member("B", "tu"), member("C", "u")];
    assert_eq!(run(ClientAssignor::RoundRobin, "t3 u3", &members, ""), "A t0 t2, B t1 u0 u2, C u1");
    let members = [member("A", "t"), member("B", "tu"), member("C", "tuv")];
    assert_eq!(run(ClientAssignor::RoundRobin, "t1 u2 v3", &members, ""), "A t0, B u0, C u1 v0 v1 v2");
}

#[test]
fn sticky_moves_little() {
    let [a, b, c] = abc("tu");
    let fresh = run(ClientAssignor::Sticky, "t4 u3", &[a, b], "");
    assert_eq!(fresh, "A t0 t2 u0 u2, B t1 t3 u1");
    let joined = run(ClientAssignor::Sticky, "t4 u3", &[a, b, c], &fresh);
    assert_eq!(joined, "A t0 t2 u0, B t1 u1, C t3 u2");
    assert_eq!(run(ClientAssignor::Sticky, "t4 u3", &[b, c], &joined), "B t0 t1 u0 u1, C t2 t3 u2");
}

#[test]
fn cooperative_sticky_takes_away_before_it_gives() {
    let [a, b, c] = abc("tu");
    let fresh = run(ClientAssignor::CooperativeSticky, "t4 u3", &[a, b], "");
    assert_eq!(fresh, "A t0 t2 u0 u2, B t1 t3 u1");
    let first = run(ClientAssignor::CooperativeSticky, "t4 u3", &[a, b, c], &fresh);
    assert_eq!(first, "A t0 t2 u0, B t1 u1, C");
    let second = run(ClientAssignor::CooperativeSticky, "t4 u3", &[a, b, c], &first);
    assert_eq!(second, "A t0 t2 u0, B t1 u1, C t3 u2");
}

#[test]
fn the_highest_generation_owns_and_a_tie_owns_nothing() {
    let [a, b, c] = abc("t");
    for assignor in [ClientAssignor::Sticky, ClientAssignor::CooperativeSticky] {
        assert_eq!(run(assignor, "t4", &[a.of(5), b.of(4)], "A t0 t1, B t0 t2"), "A t0 t1, B t2 t3");
    }
    let disputed = "A t0, B t0, C t1";
    assert_eq!(run(ClientAssignor::Sticky, "t3", &[a.of(5), b.of(5), c.of(4)], disputed), "A t0, B t2, C t1");
    assert_eq!(
        run(ClientAssignor::CooperativeSticky, "t3", &[a.of(5), b.of(5), c.of(4)], disputed),
        "A, B t2, C t1"
    );
}

#[test]
fn a_topic_given_up_is_not_handed_on_before_it_is_revoked() {
    let members = [member("A", "u"), member("B", "t")];
    assert_eq!(run(ClientAssignor::CooperativeSticky, "t1 u1", &members, "A t0"), "A u0, B");
    assert_eq!(run(ClientAssignor::Sticky, "t1 u1", &members, "A t0"), "A u0, B t0");
}
