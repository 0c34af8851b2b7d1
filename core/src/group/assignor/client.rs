//! The assignors of a classic group's leader (`partition.assignment.strategy`).
//!
//! A coordinator never runs these; consumers do, here the simulated ones. Topics have names instead of ids, and a member's
//! claims to what it owns come with the generation in which it got them.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::homogeneous::Dealing;
use super::numbered::{Claim, Numbered, Owners, Person};
use super::{even, range, round_robin};

/// Partition indices by topic name; each list rises, has no duplicates and is never empty.
pub type NamedPartitions<'a> = BTreeMap<&'a str, Vec<i32>>;

/// What a classic group can agree on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAssignor {
    /// `range`: per topic, consecutive runs in member order.
    Range,
    /// `roundrobin`: all partitions dealt round.
    RoundRobin,
    /// `sticky`: as even as the subscriptions allow, then as few moves as possible.
    Sticky,
    /// `cooperative-sticky`: the same, but what moves is first only taken away, and given in the next round (KIP-429).
    CooperativeSticky,
}

impl ClientAssignor {
    /// All of them.
    pub const ALL: [ClientAssignor; 4] = [
        ClientAssignor::Range,
        ClientAssignor::RoundRobin,
        ClientAssignor::Sticky,
        ClientAssignor::CooperativeSticky,
    ];

    /// The name under which members offer it in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            ClientAssignor::Range => "range",
            ClientAssignor::RoundRobin => "roundrobin",
            ClientAssignor::Sticky => "sticky",
            ClientAssignor::CooperativeSticky => "cooperative-sticky",
        }
    }
}

/// One member, as its subscription describes it.
#[derive(Clone, Copy, Debug)]
pub struct Consumer<'a> {
    /// Unique in the group.
    pub member_id: &'a str,
    /// Given by static members (KIP-345).
    pub instance_id: Option<&'a str>,
    /// Where the member runs, if it says so (KIP-881).
    pub rack: Option<&'a str>,
    /// The names of the topics it wants, in any order.
    pub topics: &'a [&'a str],
    /// What it says it owns.
    pub owned: &'a NamedPartitions<'a>,
    /// The generation in which it got that; -1 for none.
    pub generation: i32,
}

/// One topic, as the leader's metadata describes it.
#[derive(Clone, Copy, Debug)]
pub struct NamedTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions it has, numbered from 0.
    pub partitions: u32,
    /// Per partition the racks of its replicas; empty if they are not known.
    pub racks: &'a [Vec<&'a str>],
}

/// What the leader gives each member, in the order in which `consumers` were given.
///
/// Every partition of a topic somebody subscribes to goes to exactly one of its subscribers, except that `CooperativeSticky`
/// holds back what another member has yet to give up.
pub fn assign<'a>(
    assignor: ClientAssignor,
    consumers: &[Consumer<'a>],
    topics: &[NamedTopic<'a>],
) -> Vec<NamedPartitions<'a>> {
    let mut by_name: Vec<&NamedTopic<'a>> = topics.iter().collect();
    by_name.sort_by_key(|topic| topic.name);
    let counts: Vec<(&str, u32)> = by_name.iter().map(|topic| (topic.name, topic.partitions)).collect();
    let people: Vec<Person<'_, &str>> = consumers
        .iter()
        .map(|consumer| Person {
            member_id: consumer.member_id,
            instance_id: consumer.instance_id,
            topics: consumer.topics,
        })
        .collect();
    let mut group = Numbered::new(&counts, &people);
    group.locate(|place| consumers[place].rack, |topic| by_name[topic].racks);
    let owners = match assignor {
        ClientAssignor::Range => range::assign(&group),
        ClientAssignor::RoundRobin => round_robin::assign(&group),
        ClientAssignor::Sticky => {
            settle_claims(&mut group, consumers);
            even(&group, Dealing::InTurn)
        }
        ClientAssignor::CooperativeSticky => {
            let claims = settle_claims(&mut group, consumers);
            hold_back(even(&group, Dealing::InTurn), &claims)
        }
    };
    group.handed_out(&owners)
}

/// What comes of the members' claims to one slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ownership {
    /// Nobody claims it.
    Free,
    /// This member does, of this generation, the highest.
    Owned { member: u32, generation: i32 },
    /// Several members of this generation do: none of them can be believed (KIP-429, KAFKA-12984).
    Disputed { generation: i32 },
}

/// Finds out who owns what and notes it in the group. The highest generation is believed: a member of an older one may
/// have missed that it lost the partition.
fn settle_claims(group: &mut Numbered<&str>, consumers: &[Consumer<'_>]) -> Vec<Ownership> {
    let mut ownership = vec![Ownership::Free; group.slots()];
    let mut claims: Vec<Vec<Claim>> = Vec::new();
    for member in 0..group.members() {
        let consumer = &consumers[group.place(member)];
        let own = group.slots_of(consumer.owned.iter().map(|(name, partitions)| (*name, &partitions[..])));
        for claim in &own {
            let state = &mut ownership[claim.slot];
            *state = state.claimed(member as u32, consumer.generation);
        }
        claims.push(own);
    }
    for (member, mut own) in claims.into_iter().enumerate() {
        own.retain(|claim| ownership[claim.slot].is_owned_by(member as u32));
        // The order in which Kafka keeps them: the first partitions of all topics first.
        own.sort_unstable_by_key(|claim| (claim.partition, claim.topic));
        group.set_claims(member, own);
    }
    ownership
}

impl Ownership {
    /// After another claim.
    fn claimed(self, member: u32, generation: i32) -> Ownership {
        match self {
            Ownership::Free => Ownership::Owned { member, generation },
            Ownership::Owned { generation: known, .. } | Ownership::Disputed { generation: known } => {
                match generation.cmp(&known) {
                    core::cmp::Ordering::Less => self,
                    core::cmp::Ordering::Equal => Ownership::Disputed { generation },
                    core::cmp::Ordering::Greater => Ownership::Owned { member, generation },
                }
            }
        }
    }

    fn is_owned_by(self, member: u32) -> bool {
        match self {
            Ownership::Free | Ownership::Disputed { .. } => false,
            Ownership::Owned { member: owner, .. } => owner == member,
        }
    }
}

/// Leaves out what somebody may still be reading, unless that is its new owner.
fn hold_back(mut owners: Owners, claims: &[Ownership]) -> Owners {
    for (owner, ownership) in owners.iter_mut().zip(claims) {
        *owner = owner.filter(|owner| *ownership == Ownership::Free || ownership.is_owned_by(*owner));
    }
    owners
}
