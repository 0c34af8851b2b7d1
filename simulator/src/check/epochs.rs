//! Groups of the new protocol (KIP-848) keep their word: a partition is given to a member only when the one before has
//! given it up or is out of time; epochs never go back; members that are gone, and older epochs, commit nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::protocol::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kelpgate_core::protocol::offset_commit::OffsetCommitRequest;
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;
use kelpgate_log::Sync;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::network::LinkId;
use crate::node::{Node, NodeId};

/// The default of `group.consumer.session.timeout.ms`.
const SESSION: Duration = Duration::from_secs(45);
/// How much sooner a node may think that time is up, one part in so many: clocks go wrong.
const SKEW: u32 = 500;

type Given = BTreeSet<(Uuid, i32)>;

/// Listens to what members and coordinators tell each other.
#[derive(Debug, Default)]
pub struct Epochs {
    groups: BTreeMap<(NodeId, Str), BTreeMap<Str, Member>>,
    under_way: BTreeMap<(LinkId, i32), Asked>,
    /// Where it is not the default.
    sessions: BTreeMap<NodeId, Duration>,
}

#[derive(Debug)]
struct Member {
    epoch: i32,
    /// What it may use as far as it knows, until it says that it has given it up; with the epoch at which it was told.
    owns: BTreeMap<(Uuid, i32), i32>,
    /// What it was told last to have.
    target: Given,
    /// What the coordinator may hold for it, given to it or not given up, since this epoch at the earliest.
    held: BTreeMap<(Uuid, i32), i32>,
    /// It has just come, maybe in the place of its former self, or a heartbeat has had no answer: what it is given may be
    /// older than the next answer says.
    lost: bool,
    /// When the last heartbeat was sent that was taken.
    alive: Instant,
    /// How long it may take to give up partitions.
    rebalance: Duration,
    /// The coordinator may wait since then for it to give up partitions: since the first heartbeat that had no answer
    /// by which it is known that there is nothing to give up.
    owes_since: Option<Instant>,
    gone: bool,
}

#[derive(Debug)]
struct Asked {
    group: (NodeId, Str),
    member: Str,
    at: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    Heartbeat {
        epoch: i32,
        rebalance: Option<Duration>,
    },
    Commit {
        epoch: i32,
        /// The epoch that the member had been told.
        told: i32,
        /// It was not, or did not have that at the epoch it names.
        wrong: bool,
    },
}

impl Member {
    fn new(now: Instant, rebalance: Option<Duration>) -> Member {
        Member {
            epoch: 0,
            owns: BTreeMap::new(),
            target: Given::new(),
            held: BTreeMap::new(),
            lost: true,
            alive: now,
            rebalance: rebalance.unwrap_or(SESSION),
            owes_since: None,
            gone: false,
        }
    }

    /// It was heard of so lately that its node must keep it, and what it has.
    fn is_in_time(&self, now: Instant, session: Duration) -> bool {
        let within =
            |since: Instant, patience: Duration| now.saturating_since(since) + patience / SKEW < patience;
        self.epoch > 0
            && !self.gone
            && within(self.alive, session)
            && within(self.owes_since.unwrap_or(self.alive), self.rebalance)
    }
}

impl Member {
    /// Whether it may have had all that it commits at that epoch, and have it still (KIP-1251). Topics that go by name
    /// are taken for any.
    fn had_all(&self, epoch: i32, commit: &OffsetCommitRequest) -> bool {
        let mut parts = commit
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|one| (topic.topic_id, one.partition_index)));
        parts.all(|(topic, partition)| match topic {
            Uuid::ZERO => self.held.values().any(|since| *since <= epoch),
            topic => self.held.get(&(topic, partition)).is_some_and(|since| *since <= epoch),
        })
    }
}

impl Check for Epochs {
    fn name(&self) -> &'static str {
        "consumer groups: a partition has one owner, epochs rise"
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        let (group, member, what) = match request {
            Request::ConsumerGroupHeartbeat(beat) => {
                let group = (seen.node, beat.group_id.clone());
                self.heartbeat(&group, seen.now, beat);
                let rebalance = rebalance_timeout(beat);
                (group, beat.member_id.clone(), What::Heartbeat { epoch: beat.member_epoch, rebalance })
            }
            Request::OffsetCommit(commit) => {
                let group = (seen.node, commit.group_id.clone());
                let member = self.groups.get(&group).and_then(|members| members.get(&commit.member_id));
                let Some(member) = member else { return };
                let epoch = commit.generation_id_or_member_epoch;
                let wrong = member.gone || epoch < member.epoch && !member.had_all(epoch, commit);
                let what = What::Commit { epoch, told: member.epoch, wrong };
                (group, commit.member_id.clone(), what)
            }
            _ => return,
        };
        self.under_way.insert((link, sent.correlation_id), Asked { group, member, at: sent.at, what });
    }

    fn answered(&mut self, seen: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        let Some(asked) = self.under_way.remove(&(link, sent.correlation_id)) else { return Ok(()) };
        let verdict = match (&asked.what, response) {
            (What::Heartbeat { epoch, rebalance }, Response::ConsumerGroupHeartbeat(answer)) => {
                let mut member = asked.member.clone();
                if let Some(id) = answer.member_id.as_ref().filter(|_| member.is_empty()) {
                    // Version 0: the node says who it is.
                    member = id.detach();
                    let members = self.groups.entry(asked.group.clone()).or_default();
                    members.insert(member.clone(), Member::new(asked.at, *rebalance));
                }
                self.told(&asked, &member, seen.now, *epoch, answer)
            }
            (What::Commit { epoch, told, wrong }, Response::OffsetCommit(answer)) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let taken = partitions.any(|one| one.error_code == ErrorCode::NONE);
                match taken && *wrong {
                    true => Err(format!(
                        "a commit of {} with epoch {epoch} was taken; it had {told}, or was gone",
                        asked.member
                    )),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        };
        verdict.map_err(|what| format!("group {} of node {}: {what}", asked.group.1, asked.group.0))
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        for (_, asked) in self.under_way.iter().filter(|((of, _), _)| *of == link) {
            let members = self.groups.get_mut(&asked.group);
            if let Some(member) = members.and_then(|members| members.get_mut(&asked.member)) {
                member.lost = true;
            }
        }
        self.under_way.retain(|(of, _), _| *of != link);
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        if survives != Survives::All && node.options.sync != Sync::Disk {
            self.groups.retain(|(of, _), _| *of != id);
        }
    }

    fn turned(&mut self, _: Instant, id: NodeId, node: &Node, _: usize) -> Verdict {
        self.sessions.entry(id).or_insert_with(|| {
            let set = node.options.properties.get("group.consumer.session.timeout.ms");
            set.and_then(|ms| ms.parse().ok()).map_or(SESSION, Duration::from_millis)
        });
        Ok(())
    }
}

impl Epochs {
    /// A member says what it has.
    fn heartbeat(&mut self, group: &(NodeId, Str), now: Instant, beat: &ConsumerGroupHeartbeatRequest) {
        let members = self.groups.entry(group.clone()).or_default();
        let rebalance = rebalance_timeout(beat);
        if beat.member_id.is_empty() {
            // The answer brings the id.
            return;
        }
        let member = members.entry(beat.member_id.clone()).or_insert_with(|| Member::new(now, rebalance));
        member.owes_since.get_or_insert(now);
        if let Some(rebalance) = rebalance {
            member.rebalance = rebalance;
        }
        if beat.member_epoch <= 0 {
            member.owns.clear();
            member.lost = true;
        }
        if beat.member_epoch == 0 {
            (member.epoch, member.gone) = (0, false);
        }
        if let Some(owned) = &beat.topic_partitions {
            let owned = flat(owned);
            member.owns.retain(|one, _| owned.contains(one));
            let Member { held, target, .. } = member;
            held.retain(|one, _| owned.contains(one) || target.contains(one));
        }
    }

    /// A coordinator says what a member may have.
    fn told(
        &mut self,
        asked: &Asked,
        name: &Str,
        now: Instant,
        epoch: i32,
        answer: &ConsumerGroupHeartbeatResponse,
    ) -> Verdict {
        let session = self.sessions.get(&asked.group.0).copied().unwrap_or(SESSION);
        let Some(members) = self.groups.get_mut(&asked.group) else { return Ok(()) };
        let Some(member) = members.get_mut(name) else { return Ok(()) };
        match answer.error_code {
            ErrorCode::NONE if epoch < 0 => {
                (member.gone, member.epoch) = (epoch == -1, 0);
                member.owns.clear();
                return Ok(());
            }
            ErrorCode::NONE => {}
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_MEMBER_EPOCH if epoch == 0 => {
                return Err(format!("{name} joined and was refused with {}", answer.error_code));
            }
            ErrorCode::UNKNOWN_MEMBER_ID if member.is_in_time(now, session) => {
                let silent = now.saturating_since(member.alive);
                return Err(format!("{name} is unknown, {silent:?} after a heartbeat"));
            }
            ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::FENCED_MEMBER_EPOCH
            | ErrorCode::UNRELEASED_INSTANCE_ID
            | ErrorCode::FENCED_INSTANCE_ID => {
                member.owns.clear();
                return Ok(());
            }
            _ => return Ok(()),
        }
        if answer.member_epoch < member.epoch {
            let (old, new) = (member.epoch, answer.member_epoch);
            return Err(format!("{name} had epoch {old} and has {new}"));
        }
        let before = std::mem::replace(&mut member.epoch, answer.member_epoch);
        member.alive = member.alive.max(asked.at);
        member.gone = false;
        if let Some(assignment) = &answer.assignment {
            member.target = flat(&assignment.topic_partitions);
        }
        let since = if member.lost { before } else { answer.member_epoch };
        for one in &member.target {
            member.held.entry(*one).or_insert(since);
        }
        member.lost = false;
        if member.held.keys().all(|one| member.target.contains(one)) {
            member.owes_since = None;
        }
        if answer.assignment.is_none() {
            return Ok(());
        }
        let given = member.target.clone();
        // What it is not given any more it owns until it says otherwise.
        for one in &given {
            member.owns.entry(*one).or_insert(answer.member_epoch);
        }
        for (other, holder) in members.iter().filter(|(other, _)| *other != name) {
            let Some(one) = given.iter().find(|one| holder.owns.contains_key(one)) else { continue };
            if holder.is_in_time(now, session) {
                let (topic, partition) = one;
                return Err(format!("{name} was given {topic}-{partition}, and {other} has it"));
            }
        }
        Ok(())
    }
}

fn rebalance_timeout(beat: &ConsumerGroupHeartbeatRequest) -> Option<Duration> {
    u64::try_from(beat.rebalance_timeout_ms).ok().map(Duration::from_millis)
}

fn flat(topics: &[TopicPartitions]) -> Given {
    topics.iter().flat_map(|topic| topic.partitions.iter().map(|one| (topic.topic_id, *one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{seconds, seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::consumer_group_heartbeat::Assignment;
    use kelpgate_core::protocol::offset_commit::{
        OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
        OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    };

    const TOPIC: Uuid = Uuid([7; 16]);

    #[derive(Default)]
    struct History {
        epochs: Epochs,
        number: i32,
    }

    fn partitions(partitions: &[i32]) -> Vec<TopicPartitions> {
        vec![TopicPartitions { topic_id: TOPIC, partitions: partitions.to_vec(), ..Default::default() }]
    }

    impl History {
        /// A heartbeat with this epoch that says that these are owned.
        fn asks(&mut self, at: u64, member: &'static str, epoch: i32, owned: Option<&[i32]>) {
            let beat = ConsumerGroupHeartbeatRequest {
                group_id: "g".into(),
                member_id: member.into(),
                member_epoch: epoch,
                rebalance_timeout_ms: 60_000,
                topic_partitions: owned.map(partitions),
                ..Default::default()
            };
            self.number += 1;
            let seen = Seen { now: seconds(at), ..seen(0) };
            let sent = Sent { at: seen.now, ..sent(ApiKey::ConsumerGroupHeartbeat, self.number) };
            self.epochs.asked(seen, LinkId(1), &sent, &beat.into());
        }

        /// The answer to the last one.
        fn is_told(&mut self, at: u64, error: ErrorCode, epoch: i32, given: Option<&[i32]>) -> Verdict {
            let assignment =
                given.map(|given| Assignment { topic_partitions: partitions(given), ..Default::default() });
            let answer = ConsumerGroupHeartbeatResponse {
                error_code: error,
                member_epoch: epoch,
                assignment,
                ..Default::default()
            };
            let seen = Seen { now: seconds(at), ..seen(0) };
            let sent = sent(ApiKey::ConsumerGroupHeartbeat, self.number);
            self.epochs.answered(seen, LinkId(1), &sent, &answer.into())
        }

        fn beats(
            &mut self,
            at: u64,
            member: &'static str,
            epoch: (i32, i32),
            given: Option<&[i32]>,
        ) -> Verdict {
            self.asks(at, member, epoch.0, None);
            self.is_told(at, ErrorCode::NONE, epoch.1, given)
        }

        /// A commit with this epoch is taken.
        fn commits(&mut self, member: &'static str, epoch: i32, partition: i32) -> Verdict {
            let one = OffsetCommitRequestPartition { partition_index: partition, ..Default::default() };
            let topic =
                OffsetCommitRequestTopic { topic_id: TOPIC, partitions: vec![one], ..Default::default() };
            let commit = OffsetCommitRequest {
                group_id: "g".into(),
                member_id: member.into(),
                generation_id_or_member_epoch: epoch,
                topics: vec![topic],
                ..Default::default()
            };
            self.number += 1;
            let sent = sent(ApiKey::OffsetCommit, self.number);
            self.epochs.asked(seen(0), LinkId(1), &sent, &commit.into());
            let partitions = vec![OffsetCommitResponsePartition::default()];
            let topic = OffsetCommitResponseTopic { partitions, ..Default::default() };
            let answer = OffsetCommitResponse { topics: vec![topic], ..Default::default() };
            self.epochs.answered(seen(0), LinkId(1), &sent, &answer.into())
        }
    }

    #[test]
    fn a_partition_is_given_when_its_owner_has_given_it_up() {
        for (says, right) in [(Some(&[1][..]), true), (None, false), (Some(&[0, 1][..]), false)] {
            let mut history = History::default();
            history.beats(0, "a", (0, 1), Some(&[0, 1])).unwrap();
            history.beats(1, "b", (0, 2), Some(&[])).unwrap();
            history.beats(2, "a", (1, 2), Some(&[1])).unwrap();
            history.asks(3, "a", 2, says);
            history.is_told(3, ErrorCode::NONE, 2, None).unwrap();
            assert_eq!(history.beats(4, "b", (2, 2), Some(&[0])).is_ok(), right, "{says:?}");
        }
    }

    #[test]
    fn a_partition_is_given_when_its_owner_is_out_of_time() {
        for (at, right) in [(30, false), (46, true)] {
            let mut history = History::default();
            history.beats(0, "a", (0, 1), Some(&[0])).unwrap();
            assert_eq!(history.beats(at, "b", (0, 2), Some(&[0])).is_ok(), right, "after {at} seconds");
        }
    }

    #[test]
    fn epochs_rise() {
        let mut history = History::default();
        history.beats(0, "a", (0, 5), None).unwrap();
        assert!(history.beats(1, "a", (5, 6), None).is_ok());
        assert!(history.beats(2, "a", (6, 5), None).is_err());
    }

    #[test]
    fn a_member_may_always_start_over_and_is_kept_in_time() {
        let mut history = History::default();
        history.beats(0, "a", (0, 5), None).unwrap();
        history.asks(1, "a", 5, None);
        assert!(history.is_told(1, ErrorCode::UNKNOWN_MEMBER_ID, 0, None).is_err(), "in time");
        history.asks(60, "a", 5, None);
        assert!(history.is_told(60, ErrorCode::UNKNOWN_MEMBER_ID, 0, None).is_ok(), "out of time");
        history.asks(61, "a", 0, None);
        assert!(history.is_told(61, ErrorCode::FENCED_MEMBER_EPOCH, 0, None).is_err(), "starts over");
    }

    #[test]
    fn an_older_epoch_commits_only_what_was_held_then() {
        let mut history = History::default();
        history.beats(0, "a", (0, 3), Some(&[0])).unwrap();
        history.beats(1, "a", (3, 4), Some(&[0, 1])).unwrap();
        assert!(history.commits("a", 4, 1).is_ok());
        assert!(history.commits("a", 3, 0).is_ok());
        assert!(history.commits("a", 3, 1).is_err(), "it got that one later");
        history.beats(2, "a", (-1, -1), None).unwrap();
        assert!(history.commits("a", 4, 1).is_err(), "it has left");
    }
}
