//! `range` and `uniform`, as a coordinator calls them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::*;
use super::notation::{self, Member, abc, member};

/// Against the order of names, so that an order by ids would show.
fn id(name: &str) -> Uuid {
    Uuid([255 - name.as_bytes()[0]; 16])
}

fn run(assignor: ServerAssignor, topics: &str, members: &[Member], owned: &str) -> String {
    run_on_racks(assignor, topics, &[], members, owned)
}

/// Runs an assignor; `racks` are those of the partitions of every topic.
fn run_on_racks(
    assignor: ServerAssignor,
    topics: &str,
    racks: &[Vec<&str>],
    members: &[Member],
    owned: &str,
) -> String {
    let topics = notation::topics(topics);
    let facts: Vec<TopicFacts<'_>> = topics
        .iter()
        .map(|(name, partitions)| TopicFacts { id: id(name), name, partitions: *partitions, racks })
        .collect();
    let wishes: Vec<Vec<Uuid>> = members
        .iter()
        .map(|member| member.topics.split("").filter(|name| !name.is_empty()).map(id).collect())
        .collect();
    let owned: Vec<Partitions> = members
        .iter()
        .map(|member| {
            notation::owned(owned, member).into_iter().map(|(name, list)| (id(name), list)).collect()
        })
        .collect();
    let subscribers: Vec<Subscriber<'_>> = members
        .iter()
        .zip(wishes.iter().zip(&owned))
        .map(|(member, (topics, owned))| Subscriber {
            member_id: member.id(),
            instance_id: member.instance(),
            rack: member.rack,
            topics,
            owned,
        })
        .collect();
    let given: Vec<BTreeMap<&str, Vec<i32>>> = assign(assignor, &subscribers, &facts)
        .iter()
        .map(|given| {
            topics.iter().filter_map(|(name, _)| Some((*name, given.get(&id(name))?.clone()))).collect()
        })
        .collect();
    notation::print(members, &given)
}

#[test]
fn range_gives_runs() {
    let given = run(ServerAssignor::Range, "t4 u3", &abc("tu"), "A t3, B t0");
    assert_eq!(given, "A t0 t1 u0, B t2 u1, C t3 u2");
}

#[test]
fn range_takes_topics_one_by_one() {
    let members = [member("A", "t"), member("B", "tu"), member("C", "u")];
    assert_eq!(run(ServerAssignor::Range, "t3 u3", &members, ""), "A t0 t1, B t2 u0 u1, C u2");
}

#[test]
fn range_puts_static_members_first() {
    let members = [member("A/z", "t"), member("B/y", "t"), member("C", "t")];
    assert_eq!(run(ServerAssignor::Range, "t4", &members, ""), "A t2, B t0 t1, C t3");
}

#[test]
fn uniform_fills_members_in_order() {
    let given = run(ServerAssignor::Uniform, "t4 u3", &abc("tu")[..2], "");
    assert_eq!(given, "A t0 t1 t2, B t3 u0 u1 u2");
}

#[test]
fn uniform_moves_little() {
    let [a, b, c] = abc("tu");
    let joined = run(ServerAssignor::Uniform, "t4 u3", &[a, b, c], "A t0 t1 t2, B t3 u0 u1 u2");
    assert_eq!(joined, "A t0 t1 t2, B t3 u0, C u1 u2");
    let [_, b, c] = abc("tu");
    let left = run(ServerAssignor::Uniform, "t4 u3", &[b, c], &joined);
    assert_eq!(left, "B t0 t3 u0, C t1 t2 u1 u2");
    let [_, b, c] = abc("tu");
    let grown = run(ServerAssignor::Uniform, "t6 u3", &[b, c], &left);
    assert_eq!(grown, "B t0 t3 t4 u0, C t1 t2 t5 u1 u2");
}

#[test]
fn uniform_balances_different_subscriptions() {
    let three = || [member("A", "t"), member("B", "tu"), member("C", "u")];
    let fresh = run(ServerAssignor::Uniform, "t3 u3", &three(), "");
    assert_eq!(fresh, "A t0 t2, B t1 u1, C u0 u2");
    let [a, b, c] = three();
    // As Kafka had it, whose ties go by the order of its maps.
    let before = "A t0 t2, B t1 u2, C u0 u1";
    let joined = run(ServerAssignor::Uniform, "t3 u3", &[a, b, c, member("D", "t")], before);
    assert_eq!(joined, "A t0 t2, B u2, C u0 u1, D t1");
    let [a, _, c] = three();
    let dropped = run(ServerAssignor::Uniform, "t3 u3", &[a, member("B", "t"), c, member("D", "t")], &joined);
    assert_eq!(dropped, "A t0, B t2, C u0 u1 u2, D t1");
}

#[test]
fn uniform_balances_before_it_looks_at_racks_and_at_racks_before_ownership() {
    let [a, b, c] = abc("t");
    let members = [a.at("x"), b.at("y"), c];
    let racks =
        [Vec::from(["y"]), Vec::from(["x"]), Vec::from(["y"]), Vec::from(["y"]), Vec::from(["y", "x"])];
    let given = run_on_racks(ServerAssignor::Uniform, "t5", &racks, &members, "A t0 t4, B t1, C t2 t3");
    assert_eq!(given, "A t1 t4, B t0, C t2 t3");
    assert_eq!(run_on_racks(ServerAssignor::Uniform, "t5", &racks, &members, &given), given);
}

#[test]
fn unknown_racks_move_nothing() {
    let [a, b, c] = abc("t");
    let members = [a.at("x"), b, c.at("y")];
    let owned = "A t0 t1, B t2, C t3";
    assert_eq!(run(ServerAssignor::Uniform, "t4", &members, owned), owned);
    let racks = [Vec::from(["z"]), Vec::from(["z"]), Vec::from(["x"]), Vec::new()];
    assert_eq!(run_on_racks(ServerAssignor::Uniform, "t4", &racks, &members, owned), owned);
}

#[test]
fn uniform_gives_an_extra_to_who_is_near() {
    let [a, b, _] = abc("t");
    let racks = [Vec::from(["x"]), Vec::from(["x"]), Vec::from(["x"])];
    let given = run_on_racks(ServerAssignor::Uniform, "t3", &racks, &[a.at("x"), b.at("y")], "");
    assert_eq!(given, "A t0 t1, B t2");
}

#[test]
fn racks_count_where_subscriptions_differ() {
    let members = [member("A", "t").at("x"), member("B", "tu").at("y"), member("C", "u").at("x")];
    let racks = [Vec::from(["y"]), Vec::from(["x"])];
    let given = run_on_racks(ServerAssignor::Uniform, "t2 u2", &racks, &members, "");
    assert_eq!(given, "A t1, B t0 u0, C u1");
}

#[test]
fn nothing_in_nothing_out() {
    for assignor in ServerAssignor::ALL {
        assert_eq!(run(assignor, "t4", &[], ""), "");
        assert_eq!(run(assignor, "t4", &[member("A", ""), member("B", "x")], "A t1"), "A, B");
        assert_eq!(run(assignor, "t0", &abc("t"), "A t1"), "A, B, C");
        assert_eq!(ServerAssignor::by_name(assignor.name()), Some(assignor));
    }
    assert_eq!(ServerAssignor::by_name("Range"), None);
}

#[test]
fn claims_that_cannot_be_true_are_dropped() {
    let given = run(ServerAssignor::Uniform, "t4", &abc("t")[..2], "A t1 t9 x0 t-1, B t1 t2");
    assert_eq!(given, "A t0 t1, B t2 t3");
}

/// A thousand members on ten topics of a thousand partitions, first from nothing, then with another member.
#[test]
fn a_large_group_is_assigned_at_once() {
    let ids: Vec<String> = (0..1001).map(|number| format!("member-{number:04}")).collect();
    let names: Vec<String> = (0..10).map(|number| format!("topic-{number}")).collect();
    let topics: Vec<Uuid> = (0..10).map(|number| Uuid([number; 16])).collect();
    let facts: Vec<TopicFacts<'_>> = names
        .iter()
        .zip(&topics)
        .map(|(name, id)| TopicFacts { id: *id, name, partitions: 1000, racks: &[] })
        .collect();
    let mut owned: Vec<Partitions> = ids.iter().map(|_| Partitions::new()).collect();
    for members in [1000, 1001] {
        let group: Vec<Subscriber<'_>> = ids
            .iter()
            .zip(&owned)
            .take(members)
            .map(|(id, owned)| Subscriber {
                member_id: id,
                instance_id: None,
                rack: None,
                topics: &topics,
                owned,
            })
            .collect();
        let given = assign(ServerAssignor::Uniform, &group, &facts);
        let sizes: Vec<usize> = given.iter().map(|own| own.values().map(Vec::len).sum()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 10_000);
        assert!(sizes.iter().all(|size| (9..=10).contains(size)));
        owned = given.into_iter().chain([Partitions::new()]).take(ids.len()).collect();
    }
}
