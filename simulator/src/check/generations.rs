//! Classic groups keep their word: a generation has one leader and one set of members; each member gets what the leader
//! gave it, and nothing that nobody gave; older generations, and members that are gone, are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupResponse};
use kelpgate_core::protocol::leave_group::LeaveGroupResponse;
use kelpgate_core::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};
use kelpgate_core::time::Instant;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::faults::FaultKind;
use crate::history::ClientId;
use crate::network::LinkId;
use crate::node::{Node, NodeId};

/// How much sooner a node may think that time is up, one part in so many: clocks go wrong.
const SKEW: u32 = 500;

type GroupName = (NodeId, Str);

/// Listens to what members and coordinators tell each other.
#[derive(Debug, Default)]
pub struct Generations {
    groups: BTreeMap<GroupName, Group>,
    under_way: BTreeMap<(LinkId, i32), Asked>,
    /// Nodes whose disk has failed: their coordinators may read their logs back at any moment, as after a restart.
    troubled: BTreeSet<NodeId>,
}

#[derive(Debug, Default)]
struct Group {
    generations: BTreeMap<i32, Generation>,
    /// Who was given which member id.
    given: BTreeMap<Str, ClientId>,
    /// Members that were told that they have left, with the newest generation that anybody knew of then.
    left: BTreeMap<Str, i32>,
    /// The instances of static members, by all ids that each has had.
    instances: BTreeMap<Str, Str>,
    /// How long each may be silent, and may take to join again.
    patience: BTreeMap<Str, Duration>,
    /// When the last heartbeat was sent that was taken, of dynamic members that have not joined again since.
    alive: BTreeMap<Str, Instant>,
    /// It has members of the new protocol: generations are those of each member alone.
    bridged: bool,
}

#[derive(Debug, Default)]
struct Generation {
    leader: Option<Str>,
    /// As the leader was told.
    members: Option<BTreeSet<Str>>,
    /// What leaders gave.
    assigned: Vec<BTreeMap<Str, Bytes>>,
    /// A member was given its part, so the coordinator knows of the generation for good.
    lasting: bool,
    /// A member was told that this is the generation.
    told: bool,
    /// Static members come back under other ids.
    has_static: bool,
}

#[derive(Debug)]
struct Asked {
    group: GroupName,
    at: Instant,
    /// The newest generation that somebody knew of.
    newest: i32,
    what: What,
}

#[derive(Debug)]
enum What {
    Join { member: Str, instance: Option<Str>, left: BTreeSet<Str>, patience: Duration },
    Sync { member: Str, generation: i32, is_static: bool },
    Stays { member: Str, generation: i32, is_static: bool, was_gone: bool },
    Leave(Vec<Str>),
}

impl Group {
    fn newest(&self) -> i32 {
        let told = self.generations.iter().rev().find(|(_, known)| known.told);
        told.map_or(-1, |(generation, _)| *generation)
    }

    /// A generation that nobody was given a part of may not be written down, and its number is used again. Nor is it
    /// written down who left before the next one.
    fn keep_what_lasts(&mut self) {
        self.alive.clear();
        for generation in self.generations.values_mut().filter(|generation| !generation.lasting) {
            (generation.told, generation.leader, generation.members) = (false, None, None);
        }
        let newest = self.newest();
        self.left.retain(|_, generation| *generation < newest);
    }

    /// Whether nobody else was there, and this is an earlier generation than was known, or one of that number led by
    /// another, which brings a member that was none. Static leaders go by other names when they start anew.
    fn begins_anew(&self, newest: i32, now: Instant, member: &Str, answer: &JoinGroupResponse) -> bool {
        let is_another = self.generations.get(&answer.generation_id).is_some_and(|known| {
            let stranger = known.members.as_ref().is_some_and(|members| !members.contains(&answer.member_id));
            let leader = known.leader.as_ref();
            !known.has_static && stranger && leader.is_some_and(|leader| *leader != answer.leader)
        });
        (answer.generation_id < newest || is_another) && !self.has_another(member, now)
    }

    /// Whether another member was heard of so lately that the group cannot have been empty since.
    fn has_another(&self, member: &Str, now: Instant) -> bool {
        self.alive.iter().any(|(other, at)| {
            let patience = self.patience.get(other).copied().unwrap_or_default();
            other != member && now.saturating_since(*at) + patience / SKEW < patience
        })
    }
}

impl Check for Generations {
    fn name(&self) -> &'static str {
        "classic groups: one leader and one assignment for each generation"
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        let name = match request {
            Request::JoinGroup(join) => &join.group_id,
            Request::SyncGroup(sync) => &sync.group_id,
            Request::Heartbeat(beat) => &beat.group_id,
            Request::OffsetCommit(commit) if commit.generation_id_or_member_epoch >= 0 => &commit.group_id,
            Request::LeaveGroup(leave) => &leave.group_id,
            Request::ConsumerGroupHeartbeat(beat) => &beat.group_id,
            Request::DeleteGroups(delete) => {
                self.groups
                    .retain(|(node, name), _| *node != seen.node || !delete.groups_names.contains(name));
                return;
            }
            _ => return,
        };
        let group = self.groups.entry((seen.node, name.clone())).or_default();
        let what = match request {
            Request::JoinGroup(join) => joins(group, join),
            Request::SyncGroup(sync) => syncs(group, sync),
            Request::Heartbeat(beat) => {
                stays(group, &beat.member_id, beat.generation_id, beat.group_instance_id.as_ref())
            }
            Request::OffsetCommit(commit) => stays(
                group,
                &commit.member_id,
                commit.generation_id_or_member_epoch,
                commit.group_instance_id.as_ref(),
            ),
            Request::LeaveGroup(leave) => {
                let members = leave.members.iter().map(|member| member.member_id.clone());
                What::Leave(members.chain([leave.member_id.clone()]).filter(|id| !id.is_empty()).collect())
            }
            _ => {
                group.bridged = true;
                return;
            }
        };
        let asked = Asked { group: (seen.node, name.clone()), at: seen.now, newest: group.newest(), what };
        self.under_way.insert((link, sent.correlation_id), asked);
    }

    fn struck(&mut self, _: Instant, kind: FaultKind, id: NodeId) {
        if matches!(kind, FaultKind::FileErrors | FaultKind::FailedSync | FaultKind::FullDisk) {
            self.troubled.insert(id);
        }
    }

    fn answered(&mut self, seen: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        let troubled = self.troubled.contains(&seen.node);
        let Some(asked) = self.under_way.remove(&(link, sent.correlation_id)) else { return Ok(()) };
        let Some(group) = self.groups.get_mut(&asked.group).filter(|group| !group.bridged) else {
            return Ok(());
        };
        let mut asked = asked;
        if troubled {
            group.keep_what_lasts();
            asked.newest = asked.newest.min(group.newest());
        }
        let verdict = match (&asked.what, response) {
            (What::Join { member, instance, left, patience }, Response::JoinGroup(answer)) => {
                group.patience.insert(answer.member_id.detach(), *patience);
                if let Some(instance) = instance {
                    group.instances.insert(answer.member_id.detach(), instance.clone());
                }
                let joined = answer.error_code == ErrorCode::NONE;
                if joined && group.begins_anew(asked.newest, seen.now, member, answer) {
                    // It was empty for a moment, and was forgotten.
                    group.generations.clear();
                }
                let newest = asked.newest.min(group.newest());
                group.joined(seen.client, newest, (member, instance.is_some()), left, answer)
            }
            (What::Sync { member, generation, is_static }, Response::SyncGroup(answer)) => {
                group.synced(member, *generation, *is_static, answer)
            }
            (What::Stays { .. }, Response::Heartbeat(answer)) => group
                .beat(&asked, seen.now, answer.error_code)
                .and_then(|()| asked.stays(answer.error_code == ErrorCode::NONE, "a heartbeat")),
            (What::Stays { .. }, Response::OffsetCommit(answer)) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                asked.stays(partitions.any(|one| one.error_code == ErrorCode::NONE), "a commit")
            }
            (What::Leave(members), Response::LeaveGroup(answer)) => {
                if answer.error_code == ErrorCode::NONE {
                    group.left(members, answer);
                }
                Ok(())
            }
            _ => Ok(()),
        };
        verdict.map_err(|what| format!("group {} of node {}: {what}", asked.group.1, asked.group.0))
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        self.under_way.retain(|(of, _), _| *of != link);
    }

    fn went_down(&mut self, _: Instant, id: NodeId, _: &Node, _: Survives) {
        for (_, group) in self.groups.iter_mut().filter(|((node, _), _)| *node == id) {
            group.keep_what_lasts();
        }
    }
}

fn stays(group: &Group, member: &Str, generation: i32, instance: Option<&Str>) -> What {
    What::Stays {
        member: member.clone(),
        generation,
        is_static: instance.is_some(),
        was_gone: group.left.contains_key(member),
    }
}

fn joins(group: &mut Group, join: &JoinGroupRequest) -> What {
    group.alive.remove(&join.member_id);
    let rebalance = if join.rebalance_timeout_ms < 0 { i32::MAX } else { join.rebalance_timeout_ms };
    let patience = u64::try_from(join.session_timeout_ms.min(rebalance)).unwrap_or(0);
    What::Join {
        patience: Duration::from_millis(patience),
        member: join.member_id.clone(),
        instance: join.group_instance_id.clone(),
        left: group.left.keys().cloned().collect(),
    }
}

fn syncs(group: &mut Group, sync: &SyncGroupRequest) -> What {
    let (member, generation) = (sync.member_id.clone(), sync.generation_id);
    let known = group.generations.entry(generation).or_default();
    if !sync.assignments.is_empty() || known.leader.as_ref() == Some(&member) {
        let parts = sync.assignments.iter().map(|one| (one.member_id.clone(), one.assignment.clone()));
        known.assigned.push(parts.collect());
    }
    What::Sync { member, generation, is_static: sync.group_instance_id.is_some() }
}

impl Asked {
    /// Whether a member may be told that it still belongs.
    fn stays(&self, yes: bool, what: &str) -> Verdict {
        let What::Stays { member, generation, is_static, was_gone } = &self.what else { return Ok(()) };
        if !yes || *is_static || member.is_empty() {
            return Ok(());
        }
        if *was_gone {
            return Err(format!("{what} of {member} was taken, which had left"));
        }
        if *generation < self.newest {
            let newest = self.newest;
            return Err(format!(
                "{what} of {member} was taken in generation {generation}; {newest} had been told before"
            ));
        }
        Ok(())
    }
}

impl Group {
    /// These were asked to be put out; before version 3 there is one, and no answer of its own.
    fn left(&mut self, members: &[Str], answer: &LeaveGroupResponse) {
        let newest = self.newest();
        let refused = |member: &Str| {
            answer.members.iter().any(|one| one.member_id == *member && one.error_code != ErrorCode::NONE)
        };
        for member in members.iter().filter(|member| !refused(member)) {
            self.left.insert(member.clone(), newest);
            self.alive.remove(member);
        }
    }

    /// A member that is heard of in time is kept.
    fn beat(&mut self, asked: &Asked, now: Instant, error: ErrorCode) -> Verdict {
        let What::Stays { member, is_static: false, was_gone: false, .. } = &asked.what else {
            return Ok(());
        };
        if error == ErrorCode::NONE {
            self.alive.insert(member.clone(), asked.at);
        }
        let (Some(alive), Some(patience)) = (self.alive.get(member), self.patience.get(member)) else {
            return Ok(());
        };
        let silent = now.saturating_since(*alive);
        if error == ErrorCode::UNKNOWN_MEMBER_ID && silent + *patience / SKEW < *patience {
            return Err(format!(
                "{member} is unknown, {silent:?} after a heartbeat; it may be silent for {patience:?}"
            ));
        }
        Ok(())
    }

    fn joined(
        &mut self,
        client: ClientId,
        newest: i32,
        (asked, is_static): (&Str, bool),
        left: &BTreeSet<Str>,
        answer: &JoinGroupResponse,
    ) -> Verdict {
        let member = &answer.member_id;
        if matches!(answer.error_code, ErrorCode::NONE | ErrorCode::MEMBER_ID_REQUIRED) {
            if member.is_empty() {
                return Err("a member was given no id".to_owned());
            }
            let before = self.given.insert(member.detach(), client);
            if asked.is_empty() && before.is_some() {
                return Err(format!("{member} was given to a new member, and had been given before"));
            }
            if !asked.is_empty() && asked != member {
                return Err(format!("{asked} joined and was called {member}"));
            }
        }
        if answer.error_code != ErrorCode::NONE {
            return Ok(());
        }
        let generation = answer.generation_id;
        if generation < newest {
            return Err(format!("{member} joined generation {generation}; {newest} had been told before"));
        }
        for one in &answer.members {
            if let Some(instance) = &one.group_instance_id {
                self.instances.insert(one.member_id.detach(), instance.detach());
            }
        }
        let known = self.generations.entry(generation).or_default();
        known.told = true;
        known.has_static |= is_static || answer.members.iter().any(|one| one.group_instance_id.is_some());
        known.has_leader(answer)?;
        let is_leader = answer.leader == *member;
        if !is_leader && !answer.members.is_empty() {
            return Err(format!("{member} was told who the members are, and {} leads", answer.leader));
        }
        if is_leader && !answer.members.is_empty() {
            known.has_members(generation, answer)?;
            if let Some(gone) = answer.members.iter().find(|one| left.contains(&one.member_id)) {
                return Err(format!("{} had left and is in generation {generation}", gone.member_id));
            }
        }
        Ok(())
    }

    fn synced(
        &mut self,
        member: &Str,
        generation: i32,
        is_static: bool,
        answer: &SyncGroupResponse,
    ) -> Verdict {
        if answer.error_code != ErrorCode::NONE {
            return Ok(());
        }
        let same = self.instances.get(member).into_iter().flat_map(|instance| {
            self.instances.iter().filter(move |(_, other)| *other == instance).map(|(id, _)| id)
        });
        let ids: BTreeSet<&Str> = same.chain([member]).collect();
        let known = self.generations.entry(generation).or_default();
        known.lasting = true;
        let all_new = !is_static && !known.has_static;
        if all_new && known.members.as_ref().is_some_and(|members| !members.contains(member)) {
            return Err(format!("{member} has a part in generation {generation} and is no member of it"));
        }
        // A static member has what any of its selves was given in this generation.
        let right = known.assigned.iter().any(|parts| {
            let mut given = ids.iter().filter_map(|id| parts.get(*id)).peekable();
            match given.peek() {
                Some(_) => given.any(|part| *part == answer.assignment),
                None => answer.assignment.is_empty(),
            }
        });
        if right {
            return Ok(());
        }
        Err(format!(
            "{member} got {} bytes in generation {generation}; leaders had assigned {} times",
            answer.assignment.len(),
            known.assigned.len()
        ))
    }
}

impl Generation {
    fn has_leader(&mut self, answer: &JoinGroupResponse) -> Verdict {
        match &self.leader {
            Some(leader) if *leader != answer.leader && !self.has_static => Err(format!(
                "generation {} is led by {leader} and by {}",
                answer.generation_id, answer.leader
            )),
            Some(_) | None => {
                self.leader = Some(answer.leader.detach());
                Ok(())
            }
        }
    }

    fn has_members(&mut self, generation: i32, answer: &JoinGroupResponse) -> Verdict {
        let members: BTreeSet<Str> = answer.members.iter().map(|one| one.member_id.detach()).collect();
        if members.len() != answer.members.len() {
            return Err(format!("generation {generation} has a member twice"));
        }
        if !members.contains(&answer.member_id) {
            return Err(format!("{} leads generation {generation} and is no member of it", answer.member_id));
        }
        match &self.members {
            Some(before) if *before != members && !self.has_static => {
                Err(format!("generation {generation} has the members {before:?} and {members:?}"))
            }
            Some(_) | None => {
                self.members = Some(members);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{seconds, seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};
    use kelpgate_core::protocol::join_group::JoinGroupResponseMember;
    use kelpgate_core::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
    use kelpgate_core::protocol::sync_group::SyncGroupRequestAssignment;

    #[derive(Default)]
    struct History {
        check: Generations,
        number: i32,
    }

    impl History {
        fn told(&mut self, at: u64, key: ApiKey, request: Request, response: Response) -> Verdict {
            self.number += 1;
            let seen = Seen { now: seconds(at), ..seen(0) };
            let sent = Sent { at: seen.now, ..sent(key, self.number) };
            self.check.asked(seen, LinkId(1), &sent, &request);
            self.check.answered(seen, LinkId(1), &sent, &response)
        }

        fn joins(
            &mut self,
            member: &'static str,
            generation: i32,
            leader: &'static str,
            members: &[&'static str],
        ) -> Verdict {
            let request = JoinGroupRequest {
                group_id: "g".into(),
                member_id: member.into(),
                session_timeout_ms: 10_000,
                ..Default::default()
            };
            let one =
                |id: &&'static str| JoinGroupResponseMember { member_id: (*id).into(), ..Default::default() };
            let response = JoinGroupResponse {
                generation_id: generation,
                leader: leader.into(),
                member_id: member.into(),
                members: members.iter().map(one).collect(),
                ..Default::default()
            };
            self.told(0, ApiKey::JoinGroup, request.into(), response.into())
        }

        /// A SyncGroup that brings these parts and is answered with one.
        fn syncs(
            &mut self,
            member: &'static str,
            brings: &[(&'static str, &'static str)],
            gets: &'static str,
        ) -> Verdict {
            let one = |(member, part): &(&'static str, &'static str)| SyncGroupRequestAssignment {
                member_id: (*member).into(),
                assignment: Bytes::from_static(part.as_bytes()),
                ..Default::default()
            };
            let request = SyncGroupRequest {
                group_id: "g".into(),
                generation_id: 1,
                member_id: member.into(),
                assignments: brings.iter().map(one).collect(),
                ..Default::default()
            };
            let assignment = Bytes::from_static(gets.as_bytes());
            let response = SyncGroupResponse { assignment, ..Default::default() };
            self.told(0, ApiKey::SyncGroup, request.into(), response.into())
        }

        fn beats(
            &mut self,
            at: u64,
            member: &'static str,
            generation: i32,
            error_code: ErrorCode,
        ) -> Verdict {
            let request = HeartbeatRequest {
                group_id: "g".into(),
                generation_id: generation,
                member_id: member.into(),
                ..Default::default()
            };
            let response = HeartbeatResponse { error_code, ..Default::default() };
            self.told(at, ApiKey::Heartbeat, request.into(), response.into())
        }
    }

    /// Generation 1 of two members, led by `a`.
    fn two() -> History {
        let mut history = History::default();
        history.joins("a", 1, "a", &["a", "b"]).unwrap();
        history.joins("b", 1, "a", &[]).unwrap();
        history
    }

    #[test]
    fn a_generation_has_one_leader_who_alone_knows_the_members() {
        assert!(two().joins("b", 1, "b", &[]).is_err(), "another leader");
        assert!(two().joins("b", 1, "a", &["a", "b"]).is_err(), "a follower is told");
        assert!(two().joins("a", 1, "a", &["a", "b", "c"]).is_err(), "other members");
        assert!(two().joins("a", 2, "a", &["b"]).is_err(), "it is no member itself");
        assert!(two().joins("a", 2, "a", &["a", "a"]).is_err(), "twice");
        assert!(two().joins("a", 2, "a", &["a"]).is_ok());
    }

    #[test]
    fn each_gets_what_the_leader_gave_it() {
        let brings = [("a", "part of a"), ("b", "part of b")];
        let mut history = two();
        history.syncs("a", &brings, "part of a").unwrap();
        assert!(history.syncs("b", &[], "part of b").is_ok());
        assert!(history.syncs("b", &[], "part of a").is_err());
        assert!(history.syncs("b", &[], "").is_err(), "an empty stand-in");
        assert!(two().syncs("b", &[], "").is_err(), "nobody has given anything");
        assert!(history.syncs("c", &[], "").is_err(), "no member");
    }

    #[test]
    fn older_generations_are_refused() {
        let mut history = two();
        history.joins("a", 2, "a", &["a", "b"]).unwrap();
        assert!(history.beats(1, "b", 1, ErrorCode::NONE).is_err());
        assert!(history.beats(1, "b", 1, ErrorCode::ILLEGAL_GENERATION).is_ok());
        assert!(history.beats(1, "b", 2, ErrorCode::NONE).is_ok());
        history.beats(1, "a", 2, ErrorCode::NONE).unwrap();
        assert!(history.joins("b", 1, "a", &[]).is_err(), "the group has not been empty since");
    }

    #[test]
    fn who_has_left_is_gone() {
        let mut history = two();
        let member = MemberIdentity { member_id: "b".into(), ..Default::default() };
        let leave = LeaveGroupRequest { group_id: "g".into(), members: vec![member], ..Default::default() };
        history.told(1, ApiKey::LeaveGroup, leave.into(), LeaveGroupResponse::default().into()).unwrap();
        assert!(history.beats(2, "b", 1, ErrorCode::NONE).is_err());
        assert!(history.joins("a", 2, "a", &["a", "b"]).is_err());
    }

    #[test]
    fn who_is_heard_of_in_time_is_kept() {
        for (at, right) in [(9, false), (12, true)] {
            let mut history = two();
            history.beats(1, "b", 1, ErrorCode::NONE).unwrap();
            assert_eq!(history.beats(at, "b", 1, ErrorCode::UNKNOWN_MEMBER_ID).is_ok(), right, "{at}");
        }
    }

    #[test]
    fn a_restart_forgets_a_generation_that_nobody_has_a_part_of() {
        let mut history = two();
        history.check.went_down(seconds(1), 0, &crate::check::made_up::node(), Survives::All);
        assert!(history.joins("b", 1, "b", &["b"]).is_ok());
    }
}
