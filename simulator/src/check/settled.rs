//! After healing every group comes to rest: its members are those that are there, each has what it knows to have, and
//! every partition of the topics they subscribe to has one owner.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::group::embedded::subscribed_topics;
use kelpgate_core::inspect::{
    ClassicView, ConsumerView, CoordinatorPhase, GroupKind, GroupView, TopicPartition,
};
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};

use super::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::history::{Membership, Observation, Op, Outcome, Place};
use crate::network::LinkId;
use crate::node::{Node, NodeId, Phase};

/// The group that a member asked to join, and the topics it wants if it names them.
type Joining = (NodeId, Str, Option<BTreeSet<Str>>);

/// What members say of themselves, and what they want.
#[derive(Debug, Default)]
pub struct Settled {
    current: BTreeMap<Membership, BTreeSet<TopicPartition>>,
    /// By member; none for those that subscribe by a pattern.
    wanted: BTreeMap<Membership, Option<BTreeSet<Str>>>,
    /// Leaders of classic groups that have shared partitions out, and see by themselves if there are more.
    dealt: BTreeSet<Membership>,
    /// Offsets that were committed since a member was last lost, so that the group has had members since.
    committed: BTreeMap<(NodeId, Str), BTreeSet<TopicPartition>>,
    commits: BTreeMap<Op, (NodeId, Str, Vec<Place>)>,
    joining: BTreeMap<(LinkId, i32), Joining>,
    /// Partitions of topics.
    topics: BTreeMap<(NodeId, Str), i32>,
    /// Topics that come and go, and offsets with them.
    fleeting: BTreeSet<(NodeId, Str)>,
}

impl Check for Settled {
    fn name(&self) -> &'static str {
        "groups come to rest"
    }

    fn observed(&mut self, _: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::Owns { who, partitions, .. } => {
                let places = partitions.iter();
                let owned = places
                    .map(|place| TopicPartition { topic: place.topic.clone(), partition: place.partition });
                self.current.insert(who.clone(), owned.collect());
            }
            Observation::Lost { who } => {
                self.current.remove(who);
                // The group may have been empty meanwhile, or have had nobody who wants a topic: offsets may have expired.
                self.committed.remove(&(who.node, who.group.clone()));
            }
            Observation::Commit { op, who, offsets, .. } if self.current.contains_key(who) => {
                let places = offsets.iter().map(|(place, _)| place);
                let lasting =
                    places.filter(|place| !self.fleeting.contains(&(place.node, place.topic.clone())));
                let places = lasting.cloned().collect();
                self.commits.insert(*op, (who.node, who.group.clone(), places));
            }
            Observation::CommitEnded { op, outcome } => {
                let Some((node, group, places)) = self.commits.remove(op) else { return Ok(()) };
                if *outcome == Outcome::Done(()) && self.current.keys().any(|who| who.group == group) {
                    let places = places.into_iter();
                    let places =
                        places.map(|Place { topic, partition, .. }| TopicPartition { topic, partition });
                    self.committed.entry((node, group)).or_default().extend(places);
                }
            }
            Observation::TopicDeleted { node, topic } => {
                self.topics.remove(&(*node, topic.clone()));
                self.fleeting.insert((*node, topic.clone()));
                self.committed.values_mut().for_each(|places| places.retain(|place| place.topic != *topic));
            }
            _ => {}
        }
        Ok(())
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        match request {
            Request::JoinGroup(join) => {
                let read = join.protocols.first().map(|protocol| subscribed_topics(&protocol.metadata));
                let topics = read.and_then(Result::ok).map(|topics| topics.iter().map(Str::detach).collect());
                let joining = (seen.node, join.group_id.clone(), topics);
                self.joining.insert((link, sent.correlation_id), joining);
            }
            Request::SyncGroup(sync) if !sync.assignments.is_empty() => {
                let (group, member) = (sync.group_id.clone(), sync.member_id.clone());
                self.dealt.insert(Membership { node: seen.node, group, member });
            }
            Request::ConsumerGroupHeartbeat(beat) => {
                let (group, member) = (beat.group_id.clone(), beat.member_id.clone());
                let who = Membership { node: seen.node, group, member };
                if beat.subscribed_topic_regex.as_ref().is_some_and(|pattern| !pattern.is_empty()) {
                    self.wanted.insert(who, None);
                } else if let Some(topics) = &beat.subscribed_topic_names {
                    self.wanted.insert(who, Some(topics.iter().cloned().collect()));
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, seen: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        match response {
            Response::JoinGroup(answer) => {
                let Some((node, group, topics)) = self.joining.remove(&(link, sent.correlation_id)) else {
                    return Ok(());
                };
                self.wanted.insert(Membership { node, group, member: answer.member_id.detach() }, topics);
            }
            Response::Metadata(answer) => {
                for topic in answer.topics.iter().filter(|topic| topic.error_code == ErrorCode::NONE) {
                    if let Some(name) = &topic.name {
                        let count = topic.partitions.len() as i32;
                        self.topics.insert((seen.node, name.detach()), count);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        self.joining.retain(|(of, _), _| *of != link);
    }

    fn settles(&mut self, end: End<'_>) -> Verdict {
        let nodes = end.nodes.iter().enumerate().filter(|(_, node)| node.phase == Phase::Serving);
        for (id, node) in nodes {
            let groups = groups(id, node)?;
            let known = |who: &Membership| groups.iter().any(|group| group.id == who.group);
            if let Some(who) = self.current.keys().find(|who| who.node == id && !known(who)) {
                return Err(format!("node {id} knows no group {}, and {} is in it", who.group, who.member));
            }
            // Others may be of hostile clients, of whom nothing is known.
            let ours = |who: &Membership, group: &GroupView| who.node == id && who.group == group.id;
            for group in groups.iter().filter(|group| self.wanted.keys().any(|who| ours(who, group))) {
                self.group(id, group).map_err(|what| format!("node {id}: {what}\n{group}"))?;
            }
        }
        Ok(())
    }
}

/// All groups of a node.
fn groups(id: NodeId, node: &Node) -> Result<Vec<GroupView>, String> {
    let mut groups = Vec::new();
    for gateway in node.shards().filter_map(|shard| shard.gateway()) {
        for coordinator in gateway.look().coordinators {
            if coordinator.phase != CoordinatorPhase::Active {
                return Err(format!("node {id}: coordinator {} is {:?}", coordinator.log, coordinator.phase));
            }
            groups.extend(coordinator.groups);
        }
    }
    Ok(groups)
}

impl Settled {
    fn group(&self, id: NodeId, group: &GroupView) -> Verdict {
        let has = match &group.kind {
            GroupKind::Simple => BTreeMap::new(),
            GroupKind::Classic(classic) => classic_members(classic)?,
            GroupKind::Consumer(consumer) => consumer_members(consumer)?,
        };
        let ours = |who: &&Membership| who.node == id && who.group == group.id;
        let members: BTreeMap<&Str, &BTreeSet<TopicPartition>> = self
            .current
            .iter()
            .filter(|(who, _)| ours(who))
            .map(|(who, owned)| (&who.member, owned))
            .collect();
        let gone = |(member, given): &(&Str, &BTreeSet<TopicPartition>)| {
            !members.contains_key(member) && !given.is_empty()
        };
        if let Some((gone, _)) = has.iter().find(gone) {
            return Err(format!("{gone} is a member, and nobody says that it is"));
        }
        for (member, owned) in &members {
            match has.get(*member) {
                Some(given) if given == *owned => {}
                given => return Err(format!("{member} has {owned:?}, and was given {given:?}")),
            }
        }
        let committed = self.committed.get(&(id, group.id.clone()));
        let mut committed = committed.into_iter().flatten();
        let missing = committed.find(|place| !group.offsets.iter().any(|offset| offset.at == **place));
        if let Some(missing) = missing {
            return Err(format!("the offset for {missing} was committed and is gone"));
        }
        self.each_has_one(id, group, &has)
    }

    /// The leader is a static member that started anew: it does not know what its former self knew of the topics, and
    /// calls nobody together if there are more (KIP-345, KIP-814).
    fn is_led_by_a_returned_one(&self, id: NodeId, group: &GroupView) -> bool {
        let GroupKind::Classic(classic) = &group.kind else { return false };
        let leader = classic.members.iter().find(|member| classic.leader.as_ref() == Some(&member.id));
        leader.is_some_and(|leader| {
            let who = Membership { node: id, group: group.id.clone(), member: leader.id.clone() };
            leader.instance_id.is_some() && !self.dealt.contains(&who)
        })
    }

    /// Every partition of every topic that a member wants is given once.
    fn each_has_one(
        &self,
        id: NodeId,
        group: &GroupView,
        has: &BTreeMap<Str, BTreeSet<TopicPartition>>,
    ) -> Verdict {
        let mut owners: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
        has.values().flatten().for_each(|one| *owners.entry(one).or_default() += 1);
        if let Some((twice, count)) = owners.iter().find(|(_, count)| **count > 1) {
            return Err(format!("{twice} has {count} owners"));
        }
        if self.is_led_by_a_returned_one(id, group) {
            return Ok(());
        }
        for member in has.keys() {
            let who = Membership { node: id, group: group.id.clone(), member: member.clone() };
            let Some(Some(wanted)) = self.wanted.get(&who) else { continue };
            for topic in wanted {
                let count = self.topics.get(&(id, topic.clone())).copied().unwrap_or(0);
                for partition in 0..count {
                    let one = TopicPartition { topic: topic.clone(), partition };
                    if !owners.contains_key(&one) {
                        return Err(format!("{one} has no owner, and {member} wants it"));
                    }
                }
            }
        }
        Ok(())
    }
}

fn classic_members(group: &ClassicView) -> Result<BTreeMap<Str, BTreeSet<TopicPartition>>, String> {
    let state = group.phase.name();
    if !matches!(state, "Stable" | "Empty") {
        return Err(format!("the group is {state}"));
    }
    let members = group.members.iter();
    Ok(members
        .map(|member| {
            let given = member.assignment.clone().unwrap_or_default();
            (member.id.clone(), given.into_iter().collect())
        })
        .collect())
}

fn consumer_members(group: &ConsumerView) -> Result<BTreeMap<Str, BTreeSet<TopicPartition>>, String> {
    if !matches!(group.state, "Stable" | "Empty") {
        return Err(format!("the group is {}", group.state));
    }
    let members = group.members.iter();
    Ok(members.map(|member| (member.id.clone(), member.assigned.iter().cloned().collect())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{member, owns, place, seen};
    use kelpgate_core::group::classic::{MemberState, Phase as ClassicPhase};
    use kelpgate_core::inspect::{ClassicMemberView, OffsetView};
    use kelpgate_core::time::WallTime;

    fn one(partition: i32) -> TopicPartition {
        TopicPartition { topic: "t".into(), partition }
    }

    /// A classic group of these members.
    fn group(members: &[(&'static str, &[i32])]) -> GroupView {
        let members = members.iter().map(|(id, given)| ClassicMemberView {
            id: (*id).into(),
            instance_id: None,
            client_id: "c".into(),
            state: MemberState::Settled,
            assignment: Some(given.iter().map(|partition| one(*partition)).collect()),
        });
        let classic = ClassicView {
            phase: ClassicPhase::Stable,
            generation: 1,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: members.collect(),
            pending_ids: 0,
        };
        let kind = GroupKind::Classic(classic);
        GroupView { id: "g".into(), kind, offsets: Vec::new(), durable: true }
    }

    /// Two members that have one partition each of a topic with so many.
    fn settled(partitions: i32) -> Settled {
        let mut settled = Settled::default();
        for (name, partition) in [("a", 0), ("b", 1)] {
            settled.observed(seen(0), &owns(name, 1, &[partition])).unwrap();
            settled.wanted.insert(member(name), Some(["t".into()].into()));
        }
        settled.topics.insert((0, "t".into()), partitions);
        settled
    }

    #[test]
    fn members_are_those_that_are_there_with_what_they_know() {
        assert_eq!(settled(2).group(0, &group(&[("a", &[0]), ("b", &[1])])), Ok(()));
        assert!(settled(2).group(0, &group(&[("a", &[0])])).is_err(), "one is missing");
        assert!(settled(2).group(0, &group(&[("a", &[1]), ("b", &[0])])).is_err(), "others were given");
        let more = group(&[("a", &[0]), ("b", &[1]), ("c", &[2])]);
        assert!(settled(3).group(0, &more).is_err(), "one is too many");
    }

    #[test]
    fn each_partition_has_one_owner() {
        assert!(settled(3).group(0, &group(&[("a", &[0]), ("b", &[1])])).is_err(), "one has none");
        let mut twice = settled(2);
        twice.observed(seen(0), &owns("b", 1, &[0, 1])).unwrap();
        assert!(twice.group(0, &group(&[("a", &[0]), ("b", &[0, 1])])).is_err(), "one has two");
    }

    #[test]
    fn a_group_that_rebalances_is_not_at_rest() {
        let mut moving = group(&[("a", &[0]), ("b", &[1])]);
        if let GroupKind::Classic(classic) = &mut moving.kind {
            classic.phase = ClassicPhase::CompletingRebalance;
        }
        assert!(settled(2).group(0, &moving).is_err());
    }

    #[test]
    fn what_was_committed_is_there() {
        let mut settled = settled(2);
        let commit =
            Observation::Commit { op: Op(1), who: member("a"), epoch: 1, offsets: vec![(place(0), 5)] };
        settled.observed(seen(0), &commit).unwrap();
        let ended = Observation::CommitEnded { op: Op(1), outcome: Outcome::Done(()) };
        settled.observed(seen(0), &ended).unwrap();
        let mut group = group(&[("a", &[0]), ("b", &[1])]);
        assert!(settled.group(0, &group).is_err());
        group.offsets = vec![OffsetView { at: one(0), offset: 5, leader_epoch: -1, committed: WallTime(0) }];
        assert_eq!(settled.group(0, &group), Ok(()));
    }
}
