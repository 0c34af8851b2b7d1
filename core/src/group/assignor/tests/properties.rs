//! What the assignors promise, for any group.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::client::{self, ClientAssignor, Consumer, NamedPartitions, NamedTopic};
use super::super::*;

/// A group and what its members own.
#[derive(Clone, Debug)]
struct Group {
    /// Per topic: partitions, and the racks of each.
    topics: Vec<Vec<Vec<&'static str>>>,
    members: Vec<Person>,
}

#[derive(Clone, Debug)]
struct Person {
    id: String,
    instance: Option<String>,
    rack: Option<&'static str>,
    /// Topic numbers.
    topics: BTreeSet<usize>,
}

/// Topic number and partition.
type Slot = (usize, usize);
/// What each member has.
type Shares = Vec<BTreeSet<Slot>>;

fn topic_id(number: usize) -> Uuid {
    Uuid([0xff - number as u8; 16])
}

const NAMES: [&str; 6] = ["t0", "t1", "t2", "t3", "t4", "t5"];

impl Group {
    fn server(&self, assignor: ServerAssignor, owned: &Shares) -> Shares {
        let racks = self.racks();
        let topics: Vec<TopicFacts<'_>> = racks
            .iter()
            .enumerate()
            .map(|(number, racks)| TopicFacts {
                id: topic_id(number),
                name: NAMES[number],
                partitions: self.topics[number].len() as u32,
                racks,
            })
            .collect();
        let wishes: Vec<Vec<Uuid>> = self
            .members
            .iter()
            .map(|person| person.topics.iter().map(|topic| topic_id(*topic)).collect())
            .collect();
        let owned: Vec<Partitions> = owned
            .iter()
            .map(|own| {
                let mut partitions = Partitions::new();
                own.iter()
                    .for_each(|slot| partitions.entry(topic_id(slot.0)).or_default().push(slot.1 as i32));
                partitions
            })
            .collect();
        let members: Vec<Subscriber<'_>> = self
            .members
            .iter()
            .zip(wishes.iter().zip(&owned))
            .map(|(person, (topics, owned))| Subscriber {
                member_id: &person.id,
                instance_id: person.instance.as_deref(),
                rack: person.rack,
                topics,
                owned,
            })
            .collect();
        let given = assign(assignor, &members, &topics);
        let number = |id: &Uuid| usize::from(0xff - id.0[0]);
        given.iter().map(|own| slots(own.iter().map(|(id, list)| (number(id), list)))).collect()
    }

    fn client(&self, assignor: ClientAssignor, owned: &Shares, generations: &[i32]) -> Shares {
        let racks = self.racks();
        let topics: Vec<NamedTopic<'_>> = racks
            .iter()
            .enumerate()
            .map(|(number, racks)| NamedTopic {
                name: NAMES[number],
                partitions: self.topics[number].len() as u32,
                racks,
            })
            .collect();
        let wishes: Vec<Vec<&str>> = self
            .members
            .iter()
            .map(|person| person.topics.iter().map(|topic| NAMES[*topic]).collect())
            .collect();
        let owned: Vec<NamedPartitions<'_>> = owned
            .iter()
            .map(|own| {
                let mut partitions = NamedPartitions::new();
                own.iter().for_each(|slot| partitions.entry(NAMES[slot.0]).or_default().push(slot.1 as i32));
                partitions
            })
            .collect();
        let consumers: Vec<Consumer<'_>> = self
            .members
            .iter()
            .enumerate()
            .map(|(place, person)| Consumer {
                member_id: &person.id,
                instance_id: person.instance.as_deref(),
                rack: person.rack,
                topics: &wishes[place],
                owned: &owned[place],
                generation: generations.get(place).copied().unwrap_or(-1),
            })
            .collect();
        let number = |name: &str| NAMES.iter().position(|known| *known == name).expect("a topic");
        let given = client::assign(assignor, &consumers, &topics);
        given.iter().map(|own| slots(own.iter().map(|(name, list)| (number(name), list)))).collect()
    }

    fn racks(&self) -> Vec<Vec<Vec<&'static str>>> {
        self.topics.clone()
    }

    fn nothing(&self) -> Shares {
        vec![BTreeSet::new(); self.members.len()]
    }

    /// Every slot somebody wants.
    fn wanted(&self) -> BTreeSet<Slot> {
        let topics: BTreeSet<usize> =
            self.members.iter().flat_map(|person| person.topics.iter().copied()).collect();
        topics
            .into_iter()
            .flat_map(|topic| (0..self.topics[topic].len()).map(move |index| (topic, index)))
            .collect()
    }

    fn without_racks(&self) -> Group {
        let mut group = self.clone();
        group.members.iter_mut().for_each(|person| person.rack = None);
        group
    }

    fn homogeneous(&self) -> Group {
        let mut group = self.clone();
        let topics = group.members.first().map(|person| person.topics.clone()).unwrap_or_default();
        group.members.iter_mut().for_each(|person| person.topics = topics.clone());
        group
    }

    /// Whether all have the same topics, and no racks.
    fn is_plain(&self) -> bool {
        self.members.iter().all(|person| person.rack.is_none() && person.topics == self.members[0].topics)
    }

    fn near(&self, shares: &Shares) -> usize {
        let is_near = |person: &Person, slot: &Slot| {
            person.rack.is_some_and(|rack| self.topics[slot.0][slot.1].contains(&rack))
        };
        self.members
            .iter()
            .zip(shares)
            .map(|(person, own)| own.iter().filter(|slot| is_near(person, slot)).count())
            .sum()
    }
}

fn slots<'a>(own: impl Iterator<Item = (usize, &'a Vec<i32>)>) -> BTreeSet<Slot> {
    own.flat_map(|(topic, list)| {
        assert!(!list.is_empty() && list.is_sorted_by(|a, b| a < b), "{list:?}");
        list.iter().map(move |index| (topic, *index as usize))
    })
    .collect()
}

fn sizes(shares: &Shares) -> Vec<usize> {
    shares.iter().map(BTreeSet::len).collect()
}

/// How many slots stayed where they were.
fn stayed(before: &Shares, after: &Shares) -> usize {
    before.iter().zip(after).map(|(before, after)| before.intersection(after).count()).sum()
}

/// Every wanted slot once, and only to subscribers.
fn assert_whole(group: &Group, shares: &Shares) {
    let given: Vec<Slot> = shares.iter().flatten().copied().collect();
    assert_eq!(given.len(), group.wanted().len());
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), group.wanted());
    for (person, own) in group.members.iter().zip(shares) {
        assert!(own.iter().all(|slot| person.topics.contains(&slot.0)), "{} is not subscribed", person.id);
    }
}

/// No chain of moves could bring a slot from a member to one with at least two less: nothing is more even.
fn assert_balanced(group: &Group, shares: &Shares) {
    for giver in 0..shares.len() {
        let mut reached = BTreeSet::from([giver]);
        loop {
            let topics: BTreeSet<usize> =
                reached.iter().flat_map(|member| shares[*member].iter().map(|slot| slot.0)).collect();
            let next: BTreeSet<usize> = (0..shares.len())
                .filter(|member| {
                    reached.contains(member) || !group.members[*member].topics.is_disjoint(&topics)
                })
                .collect();
            if next == reached {
                break;
            }
            reached = next;
        }
        for taker in reached {
            let (more, less) = (shares[giver].len(), shares[taker].len());
            assert!(more <= less + 1, "{giver} has {:?}, {taker} {:?}", shares[giver], shares[taker]);
        }
    }
}

/// Per topic, members differ by at most one.
fn assert_even_per_topic(group: &Group, shares: &Shares) {
    for topic in 0..group.topics.len() {
        let subscribers =
            group.members.iter().zip(shares).filter(|(person, _)| person.topics.contains(&topic));
        let counts: Vec<usize> =
            subscribers.map(|(_, own)| own.iter().filter(|slot| slot.0 == topic).count()).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(most.zip(least).is_none_or(|(most, least)| most - least <= 1), "topic {topic}: {counts:?}");
    }
}

fn any_topic() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let racks = prop::collection::btree_set(select(&["x", "y", "z"][..]), 0..=2);
    prop::collection::vec(racks.prop_map(|racks| racks.into_iter().collect()), 0..12)
}

fn any_person() -> impl Strategy<Value = Person> {
    let rack = prop::option::weighted(0.7, select(&["x", "y", "z", "elsewhere"][..]));
    (rack, any::<u8>(), prop::option::weighted(0.3, any::<u16>())).prop_map(|(rack, wishes, instance)| {
        Person {
            id: String::new(),
            instance: instance.map(|number| format!("i{number}")),
            rack,
            topics: (0..NAMES.len()).filter(|topic| wishes & (1 << topic) != 0).collect(),
        }
    })
}

fn any_group() -> impl Strategy<Value = Group> {
    let topics = prop::collection::vec(any_topic(), NAMES.len());
    (topics, prop::collection::vec(any_person(), 1..9)).prop_map(|(topics, mut members)| {
        for (place, person) in members.iter_mut().enumerate() {
            // Not in order of their ids, nor of static ones first.
            person.id = format!("m{}", (place * 7 + 3) % 16);
            person.instance = person.instance.take().map(|instance| format!("{instance}-{place}"));
        }
        Group { topics, members }
    })
}

/// A group, and what its members own after some had other wishes, were not there or have left.
fn any_history() -> impl Strategy<Value = (Group, Shares)> {
    let changes =
        prop::collection::vec((prop::bool::weighted(0.7), prop::bool::weighted(0.3), any::<u8>()), 9);
    (any_group(), changes).prop_map(|(group, changes)| {
        let mut before = group.without_racks();
        for (person, (_, wished_otherwise, wishes)) in before.members.iter_mut().zip(&changes) {
            if *wished_otherwise {
                person.topics = (0..NAMES.len()).filter(|topic| wishes & (1 << topic) != 0).collect();
            }
        }
        let mut owned = before.server(ServerAssignor::Uniform, &before.nothing());
        owned
            .iter_mut()
            .zip(&changes)
            .filter(|(_, (was_there, ..))| !was_there)
            .for_each(|(own, _)| own.clear());
        (group, owned)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn everything_goes_to_one_subscriber((group, owned) in any_history()) {
        for assignor in ServerAssignor::ALL {
            assert_whole(&group, &group.server(assignor, &owned));
        }
        for assignor in [ClientAssignor::Range, ClientAssignor::RoundRobin, ClientAssignor::Sticky] {
            assert_whole(&group, &group.client(assignor, &owned, &[]));
        }
    }

    #[test]
    fn each_is_as_even_as_it_promises((group, owned) in any_history()) {
        assert_even_per_topic(&group, &group.server(ServerAssignor::Range, &owned));
        assert_even_per_topic(&group, &group.client(ClientAssignor::Range, &owned, &[]));
        assert_balanced(&group, &group.server(ServerAssignor::Uniform, &owned));
        assert_balanced(&group, &group.client(ClientAssignor::Sticky, &owned, &[]));
        let same = group.homogeneous();
        assert_balanced(&same, &same.server(ServerAssignor::Uniform, &owned));
        assert_balanced(&same, &same.client(ClientAssignor::RoundRobin, &owned, &[]));
    }

    #[test]
    fn no_more_moves_than_an_even_share_needs((group, owned) in any_history()) {
        let group = group.homogeneous().without_racks();
        let total = group.wanted().len();
        let (quota, extra) = (total / group.members.len(), total % group.members.len());
        let valid: Vec<usize> = owned.iter().map(|own| own.intersection(&group.wanted()).count()).collect();
        let full: usize = valid.iter().map(|own| (*own).min(quota)).sum();
        let best = full + valid.iter().filter(|own| **own > quota).count().min(extra);
        prop_assert_eq!(stayed(&owned, &group.server(ServerAssignor::Uniform, &owned)), best);
        prop_assert_eq!(stayed(&owned, &group.client(ClientAssignor::Sticky, &owned, &[])), best);
    }

    #[test]
    fn what_is_right_stays((group, owned) in any_history()) {
        for group in [group.without_racks(), group.homogeneous().without_racks()] {
            let given = group.server(ServerAssignor::Uniform, &owned);
            prop_assert_eq!(&group.server(ServerAssignor::Uniform, &given), &given);
            let given = group.client(ClientAssignor::Sticky, &owned, &[]);
            prop_assert_eq!(&group.client(ClientAssignor::Sticky, &given, &[]), &given);
        }
    }

    #[test]
    fn racks_cost_no_balance_and_only_help((group, owned) in any_history()) {
        for group in [group.clone(), group.homogeneous()] {
            let blind = group.without_racks().server(ServerAssignor::Uniform, &owned);
            let mut given = group.server(ServerAssignor::Uniform, &owned);
            let (mut blind_sizes, mut given_sizes) = (sizes(&blind), sizes(&given));
            blind_sizes.sort();
            given_sizes.sort();
            prop_assert_eq!(blind_sizes, given_sizes);
            prop_assert!(group.near(&given) >= group.near(&blind));
            // Repeated, it changes only for the better, and so comes to rest.
            for round in 0.. {
                prop_assert!(round < 40, "it does not come to rest");
                let next = group.server(ServerAssignor::Uniform, &given);
                if next == given {
                    break;
                }
                prop_assert!(group.near(&next) > group.near(&given));
                given = next;
            }
        }
    }

    #[test]
    fn the_order_of_the_list_does_not_matter((group, owned) in any_history(), by in 0usize..8) {
        let by = by % group.members.len();
        let mut turned = group.clone();
        turned.members.rotate_left(by);
        let mut turned_owned = owned.clone();
        turned_owned.rotate_left(by);
        for assignor in ServerAssignor::ALL {
            let mut given = group.server(assignor, &owned);
            given.rotate_left(by);
            prop_assert_eq!(given, turned.server(assignor, &turned_owned));
        }
    }

    #[test]
    fn cooperative_rounds_take_nothing_before_it_is_given_up((group, owned) in any_history(), plain in any::<bool>()) {
        let group = if plain { group.homogeneous().without_racks() } else { group };
        let generations: Vec<i32> = owned.iter().map(|own| if own.is_empty() { -1 } else { 3 }).collect();
        let sticky = group.client(ClientAssignor::Sticky, &owned, &generations);
        let first = group.client(ClientAssignor::CooperativeSticky, &owned, &generations);
        let mut owners: BTreeMap<Slot, usize> = BTreeMap::new();
        for (member, slot) in owned.iter().enumerate().flat_map(|(member, own)| own.iter().map(move |slot| (member, slot))) {
            owners.insert(*slot, member);
        }
        for (member, (now, whole)) in first.iter().zip(&sticky).enumerate() {
            prop_assert!(now.is_subset(whole));
            for slot in now {
                prop_assert!(owners.get(slot).is_none_or(|owner| *owner == member), "{slot:?} has not been given up");
            }
        }
        // Members with the same topics need one more round; others may see a better way when what moved is free.
        let mut given = first;
        for generation in 4.. {
            prop_assert!(generation < 20, "it does not come to rest");
            given = group.client(ClientAssignor::CooperativeSticky, &given, &vec![generation; owned.len()]);
            if given.iter().map(BTreeSet::len).sum::<usize>() == group.wanted().len() {
                break;
            }
            prop_assert!(!group.is_plain());
        }
        assert_whole(&group, &given);
    }
}
