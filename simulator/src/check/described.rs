//! When groups have come to rest, whoever asks is told of them what their members know themselves: who is there, what each
//! has, and in which rack it is.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::group::embedded::read_assignment;
use kelpgate_core::inspect::TopicPartition;
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str, consumer_group_describe, describe_groups};

use super::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::history::{Membership, Observation};
use crate::network::LinkId;
use crate::node::NodeId;

type Owned = BTreeSet<TopicPartition>;

/// What members say of themselves, and what nodes say of them.
#[derive(Debug, Default)]
pub struct Described {
    current: BTreeMap<Membership, Owned>,
    /// What members of KIP-848 told the node.
    racks: BTreeMap<Membership, Str>,
    told: BTreeMap<(NodeId, Str), Description>,
}

/// A group as a node describes it.
#[derive(Debug, PartialEq, Eq)]
struct Description {
    state: Str,
    members: BTreeMap<Str, (Owned, Option<Str>)>,
}

impl Check for Described {
    fn name(&self) -> &'static str {
        "groups are described as their members know them"
    }

    fn observed(&mut self, _: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::Owns { who, partitions, .. } => {
                let owned = partitions
                    .iter()
                    .map(|place| TopicPartition { topic: place.topic.clone(), partition: place.partition });
                self.current.insert(who.clone(), owned.collect());
            }
            Observation::Lost { who } => {
                self.current.remove(who);
            }
            _ => {}
        }
        Ok(())
    }

    fn asked(&mut self, seen: Seen, _: LinkId, _: &Sent, request: &Request) {
        if let Request::ConsumerGroupHeartbeat(beat) = request
            && let Some(rack) = &beat.rack_id
        {
            let (group, member) = (beat.group_id.clone(), beat.member_id.clone());
            self.racks.insert(Membership { node: seen.node, group, member }, rack.clone());
        }
    }

    fn answered(&mut self, seen: Seen, _: LinkId, _: &Sent, response: &Response) -> Verdict {
        match response {
            Response::DescribeGroups(answer) => {
                let groups =
                    answer.groups.iter().filter(|group| is_there(group.error_code, &group.group_state));
                for group in groups {
                    self.told.insert((seen.node, group.group_id.detach()), classic(group));
                }
            }
            Response::ConsumerGroupDescribe(answer) => {
                let groups =
                    answer.groups.iter().filter(|group| is_there(group.error_code, &group.group_state));
                for group in groups {
                    self.told.insert((seen.node, group.group_id.detach()), consumer(group));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn settles(&mut self, _: End<'_>) -> Verdict {
        let mut groups: BTreeMap<(NodeId, &Str), BTreeMap<&Str, &Owned>> = BTreeMap::new();
        for (who, owned) in &self.current {
            groups.entry((who.node, &who.group)).or_default().insert(&who.member, owned);
        }
        for ((node, group), members) in groups {
            let told = self.told.get(&(node, group.clone()));
            let told = told.ok_or_else(|| format!("node {node}: nobody was told of group {group}"))?;
            self.agrees(node, group, told, &members)
                .map_err(|what| format!("node {node}, group {group}: {what}"))?;
        }
        Ok(())
    }
}

impl Described {
    fn agrees(
        &self,
        node: NodeId,
        group: &Str,
        told: &Description,
        members: &BTreeMap<&Str, &Owned>,
    ) -> Verdict {
        if &*told.state != "Stable" {
            return Err(format!("it is said to be {}", told.state));
        }
        if let Some(missing) = members.keys().find(|member| !told.members.contains_key(**member)) {
            return Err(format!("{missing} is a member, and is not told"));
        }
        for (member, (owned, rack)) in &told.members {
            match members.get(member) {
                Some(has) if *has == owned => {}
                has => return Err(format!("{member} has {has:?}, and {owned:?} is told")),
            }
            let who = Membership { node, group: group.clone(), member: member.clone() };
            let in_fact = self.racks.get(&who);
            if in_fact.is_some() && in_fact != rack.as_ref() {
                return Err(format!("{member} is in rack {in_fact:?}, and {rack:?} is told"));
            }
        }
        Ok(())
    }
}

/// A request that describes groups of one kind says of others that they are not there.
fn is_there(error: ErrorCode, state: &str) -> bool {
    error == ErrorCode::NONE && state != "Dead"
}

fn classic(group: &describe_groups::DescribedGroup) -> Description {
    let members = group.members.iter().map(|member| {
        let read = read_assignment(&member.member_assignment).map(|(_, read)| read).unwrap_or_default();
        let owned = read.assigned_partitions.iter().flat_map(|topic| {
            let one = |partition: &i32| TopicPartition { topic: topic.topic.detach(), partition: *partition };
            topic.partitions.iter().map(one)
        });
        (member.member_id.detach(), (owned.collect(), None))
    });
    Description { state: group.group_state.detach(), members: members.collect() }
}

fn consumer(group: &consumer_group_describe::DescribedGroup) -> Description {
    let members = group.members.iter().map(|member| {
        let owned = member.assignment.topic_partitions.iter().flat_map(|topic| {
            let one =
                |partition: &i32| TopicPartition { topic: topic.topic_name.detach(), partition: *partition };
            topic.partitions.iter().map(one)
        });
        (member.member_id.detach(), (owned.collect(), member.rack_id.as_ref().map(Str::detach)))
    });
    Description { state: group.group_state.detach(), members: members.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{nobody, owns, seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::consumer_group_describe::{
        Assignment, ConsumerGroupDescribeResponse, DescribedGroup, Member, TopicPartitions,
    };
    use kelpgate_core::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;

    /// What comes of a member that owns partition 0 in rack `r`, if the group is told to be like this.
    fn told(state: &'static str, member: &'static str, partition: i32, rack: &'static str) -> Verdict {
        let mut check = Described::default();
        check.observed(seen(0), &owns("a", 1, &[0])).unwrap();
        let beat = ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: "a".into(),
            rack_id: Some("r".into()),
            ..Default::default()
        };
        check.asked(seen(0), LinkId(1), &sent(ApiKey::ConsumerGroupHeartbeat, 1), &beat.into());
        assert!(check.settles(nobody()).is_err(), "nobody has asked");
        let topic =
            TopicPartitions { topic_name: "t".into(), partitions: vec![partition], ..Default::default() };
        let member = Member {
            member_id: member.into(),
            rack_id: Some(rack.into()),
            assignment: Assignment { topic_partitions: vec![topic], ..Default::default() },
            ..Default::default()
        };
        let group = DescribedGroup {
            group_id: "g".into(),
            group_state: state.into(),
            members: vec![member],
            ..Default::default()
        };
        let answer = ConsumerGroupDescribeResponse { groups: vec![group], ..Default::default() };
        check.answered(seen(0), LinkId(1), &sent(ApiKey::ConsumerGroupDescribe, 1), &answer.into()).unwrap();
        check.settles(nobody())
    }

    #[test]
    fn a_group_is_described_as_its_members_know_it() {
        assert_eq!(told("Stable", "a", 0, "r"), Ok(()));
        assert!(told("Reconciling", "a", 0, "r").is_err());
        assert!(told("Stable", "b", 0, "r").is_err(), "another member");
        assert!(told("Stable", "a", 1, "r").is_err(), "another partition");
        assert!(told("Stable", "a", 0, "s").is_err(), "another rack");
    }
}
