//! The story of a group: who joined and who went, why, and what became of the group.
//!
//! The machine says why (its notes name the group); what changed is seen by comparing the group before and after.

use std::collections::BTreeMap;
use std::fmt::Write;

use kelpgate_core::inspect::{
    ClassicView, ConsumerMemberView, ConsumerView, GroupKind, GroupView, Seconds, TopicPartition,
};
use kelpgate_shard::{Action, Now, ShardId};

use crate::replay::{Player, Stepped};

/// Listens to a replay for what concerns one group.
#[derive(Debug)]
pub struct Story {
    group: String,
    /// What notes of the group begin with.
    prefix: String,
    /// Where the group is coordinated, and what it was like.
    seen: BTreeMap<ShardId, GroupView>,
    step: u64,
    now: Now,
}

impl Story {
    /// The story of a group.
    pub fn new(group: &str) -> Story {
        Story {
            group: group.to_owned(),
            prefix: format!("group {group:?}"),
            seen: BTreeMap::new(),
            step: 0,
            now: Now::default(),
        }
    }

    /// What a shard says of the group in a step, a line each.
    pub fn hear<'a>(&'a mut self, step: &'a Stepped<'_>) -> impl Iterator<Item = String> + 'a {
        (self.step, self.now) = (step.number, step.now);
        step.actions.iter().filter_map(|action| match action {
            Action::Log { text, .. } => text.strip_prefix(&self.prefix).map(|said| {
                let said = said.trim_start_matches(':').trim_start();
                self.line(said)
            }),
            Action::Send { .. }
            | Action::PauseReading { .. }
            | Action::ResumeReading { .. }
            | Action::Close { .. }
            | Action::File { .. }
            | Action::Rpc(_)
            | Action::ToShard { .. }
            | Action::Answer { .. }
            | Action::Ready
            | Action::Stopped { .. } => None,
        })
    }

    /// What is different in the group after that step, a line each.
    pub fn see(&mut self, shard: ShardId, player: Option<&Player>) -> Vec<String> {
        let gateway = player.and_then(|player| player.shard.gateway());
        let after = gateway.and_then(|gateway| gateway.look_group(&self.group));
        let before = self.seen.get(&shard);
        if before == after.as_ref() {
            return Vec::new();
        }
        let lines = differences(before, after.as_ref());
        let lines = lines.iter().map(|line| self.line(line)).collect();
        match after {
            Some(group) => self.seen.insert(shard, group),
            None => self.seen.remove(&shard),
        };
        lines
    }

    fn line(&self, what: &str) -> String {
        format!("step {} {} group {}: {what}", self.step, Seconds(self.now.mono), self.group)
    }
}

fn differences(before: Option<&GroupView>, after: Option<&GroupView>) -> Vec<String> {
    let mut lines = Vec::new();
    match (before.map(|group| &group.kind), after.map(|group| &group.kind)) {
        (None, None) => {}
        (Some(_), None) => lines.push("nothing is left of it".to_owned()),
        (None | Some(GroupKind::Simple | GroupKind::Consumer(_)), Some(GroupKind::Classic(after))) => {
            lines.push("it is a classic group".to_owned());
            classic(None, after, &mut lines);
        }
        (None | Some(GroupKind::Simple | GroupKind::Classic(_)), Some(GroupKind::Consumer(after))) => {
            lines.push("it is a consumer group".to_owned());
            consumer(None, after, &mut lines);
        }
        (None | Some(_), Some(GroupKind::Simple)) => {
            if !matches!(before.map(|group| &group.kind), Some(GroupKind::Simple)) {
                lines.push("it has committed offsets and no members".to_owned());
            }
        }
        (Some(GroupKind::Classic(before)), Some(GroupKind::Classic(after))) => {
            classic(Some(before), after, &mut lines);
        }
        (Some(GroupKind::Consumer(before)), Some(GroupKind::Consumer(after))) => {
            consumer(Some(before), after, &mut lines);
        }
    }
    lines
}

fn classic(before: Option<&ClassicView>, after: &ClassicView, lines: &mut Vec<String>) {
    let known = |id: &str| before.is_some_and(|group| group.members.iter().any(|member| member.id == *id));
    for member in after.members.iter().filter(|member| !known(&member.id)) {
        lines.push(new_member(&member.id, &member.client_id, member.instance_id.as_deref()));
    }
    let generation = before.map(|group| group.generation);
    if generation.is_some_and(|generation| generation != after.generation) {
        let mut line = format!("generation {} of {} members", after.generation, after.members.len());
        if let (Some(leader), Some(protocol)) = (&after.leader, &after.protocol) {
            let _ = write!(line, ", led by {leader}, protocol {protocol}");
        }
        lines.push(line);
    }
    let phase = before.map(|group| group.phase.name());
    if phase != Some(after.phase.name()) {
        lines.push(format!("now {}", after.phase.name()));
    }
    for member in &after.members {
        let had = before.and_then(|group| group.members.iter().find(|one| one.id == member.id));
        if let Some(assignment) = &member.assignment
            && had.and_then(|had| had.assignment.as_ref()).map_or(&[][..], Vec::as_slice) != assignment
        {
            lines.push(format!("member {} is to read {}", member.id, list(assignment)));
        }
    }
}

fn consumer(before: Option<&ConsumerView>, after: &ConsumerView, lines: &mut Vec<String>) {
    let had = |id: &str| before.and_then(|group| group.members.iter().find(|member| member.id == *id));
    for member in after.members.iter().filter(|member| had(&member.id).is_none()) {
        lines.push(new_member(&member.id, &member.client_id, member.instance_id.as_deref()));
    }
    if before.map(|group| group.assignment_epoch) != Some(after.assignment_epoch) {
        lines.push(format!("a target for epoch {}", after.assignment_epoch));
    }
    for member in &after.members {
        let (before, unchanged) = match had(&member.id) {
            Some(before) => (Some(before), standing(before) == standing(member)),
            None => (None, false),
        };
        if before.is_none_or(|before| before.target != member.target) && !member.target.is_empty() {
            lines.push(format!("member {} is to have {}", member.id, list(&member.target)));
        }
        if !unchanged {
            let mut line = format!("member {} at epoch {}", member.id, member.epoch);
            let _ = write!(line, " {:?} has {}", member.state, list(&member.assigned));
            if !member.pending_revocation.is_empty() {
                let _ = write!(line, ", gives up {}", list(&member.pending_revocation));
            }
            lines.push(line);
        }
    }
    if before.map(|group| group.state) != Some(after.state) {
        lines.push(format!("now {}", after.state));
    }
}

/// Where a member stands.
fn standing(member: &ConsumerMemberView) -> impl PartialEq + '_ {
    (member.epoch, member.state, &member.assigned, &member.pending_revocation)
}

fn new_member(id: &str, client: &str, instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("member {id} joins (client {client:?}, instance {instance:?})"),
        None => format!("member {id} joins (client {client:?})"),
    }
}

fn list(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    format!("[{}]", names.join(", "))
}
