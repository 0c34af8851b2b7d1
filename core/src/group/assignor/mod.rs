//! Assignors: which member of a group gets which partitions. Pure functions of members, subscriptions, racks and ownership.
//!
//! Members are taken in *range order*: static ones first by instance id, then dynamic ones by member id; topics by name.
//! Both are numbered once, and everything below works on numbers, so the same group always gets the same assignment and a
//! thousand members take no string comparison in an inner loop.
//!
//! The server's assignors ([`assign`]) are those of KIP-848; those of the leader of a classic group are in [`client`]. What
//! each promises is written at its module.

mod chains;
pub mod client;
mod heterogeneous;
mod homogeneous;
mod numbered;
mod racks;
mod range;
mod round_robin;
mod trade;

#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::uuid::Uuid;
use homogeneous::Dealing;
use numbered::{Numbered, Owners, Person};

/// Partition indices by topic id; each list rises, has no duplicates and is never empty.
pub type Partitions = BTreeMap<Uuid, Vec<i32>>;

/// The assignors a consumer group can ask the coordinator for (KIP-848, `group.consumer.assignors`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerAssignor {
    /// `range`: per topic, consecutive runs in member order.
    Range,
    /// `uniform`: as even as the subscriptions allow over all topics, then as few moves as possible.
    Uniform,
}

impl ServerAssignor {
    /// All of them, the default of a group first.
    pub const ALL: [ServerAssignor; 2] = [ServerAssignor::Uniform, ServerAssignor::Range];

    /// The name a member asks for.
    pub fn name(self) -> &'static str {
        match self {
            ServerAssignor::Range => "range",
            ServerAssignor::Uniform => "uniform",
        }
    }

    /// The assignor of that name, if there is one. Names are case-sensitive.
    pub fn by_name(name: &str) -> Option<ServerAssignor> {
        ServerAssignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }
}

/// One member, as the assignor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// Unique in the group.
    pub member_id: &'a str,
    /// Given by static members (KIP-345).
    pub instance_id: Option<&'a str>,
    /// Where the member runs, if it says so (KIP-881).
    pub rack: Option<&'a str>,
    /// The topics it wants, names and resolved regular expression together, in any order. Topics without
    /// [`TopicFacts`] count as having no partitions. Members that share a slice are compared fastest.
    pub topics: &'a [Uuid],
    /// Its target so far, or that of the static member it replaces. What does not exist or is no longer subscribed is
    /// ignored; what two members claim stays with the first in range order.
    pub owned: &'a Partitions,
}

/// One topic, as the assignor sees it.
#[derive(Clone, Copy, Debug)]
pub struct TopicFacts<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name, by which topics are ordered.
    pub name: &'a str,
    /// How many partitions it has, numbered from 0.
    pub partitions: u32,
    /// Per partition the racks of its replicas; empty if they are not known.
    pub racks: &'a [Vec<&'a str>],
}

/// The target of each member, in the order in which `members` were given.
///
/// Every partition of a topic somebody subscribes to goes to exactly one of its subscribers. `topics` may hold more topics
/// than are subscribed to; the first of two with the same id counts.
pub fn assign(
    assignor: ServerAssignor,
    members: &[Subscriber<'_>],
    topics: &[TopicFacts<'_>],
) -> Vec<Partitions> {
    let mut by_name: Vec<&TopicFacts<'_>> = topics.iter().collect();
    by_name.sort_by(|a, b| (a.name, a.id).cmp(&(b.name, b.id)));
    let counts: Vec<(Uuid, u32)> = by_name.iter().map(|topic| (topic.id, topic.partitions)).collect();
    let people: Vec<Person<'_, Uuid>> = members
        .iter()
        .map(|member| Person {
            member_id: member.member_id,
            instance_id: member.instance_id,
            topics: member.topics,
        })
        .collect();
    let mut group = Numbered::new(&counts, &people);
    group.locate(|place| members[place].rack, |topic| by_name[topic].racks);
    let owners = match assignor {
        ServerAssignor::Range => range::assign(&group),
        ServerAssignor::Uniform => {
            group.claim(|place| members[place].owned.iter().map(|(id, partitions)| (*id, &partitions[..])));
            even(&group, Dealing::InRuns)
        }
    };
    group.handed_out(&owners)
}

/// As even as the subscriptions allow, then as near as racks allow, then with few moves.
fn even<K: Copy + Ord>(group: &Numbered<K>, dealing: Dealing) -> Owners {
    match group.is_homogeneous() {
        true => homogeneous::assign(group, dealing),
        false => heterogeneous::assign(group),
    }
}
