//! The reference model: what a node holds, as plain data kept from what its clients ask and are told. Each answer is
//! compared as it comes: it must be one that the model allows for some order of what was under way at once.
//!
//! It goes by requests and answers alone, so that it knows nothing of how a node works, nor of how clients do.

mod committed;
mod delete_records;
mod fetch;
mod list_offsets;
mod partition;
mod produce;
mod target;
mod topics;

use std::collections::BTreeMap;

use kelpgate_core::ids::LogId;
use kelpgate_core::inquiry::{AdminAnswer, GroupLag};
use kelpgate_core::protocol::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
use kelpgate_core::protocol::delete_topics::DeleteTopicsRequest;
use kelpgate_core::protocol::metadata::MetadataResponse;
use kelpgate_core::protocol::offset_fetch::OffsetFetchRequest;
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use crate::check::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::faults::FaultKind;
use crate::history::Place;
use crate::network::LinkId;
use crate::node::{Node, NodeId};

use committed::{Committed, Moment};
use topics::Topics;

pub use topics::Kept;

/// All nodes as they should be.
#[derive(Debug, Default)]
pub struct Model {
    nodes: BTreeMap<NodeId, Expected>,
    under_way: BTreeMap<(LinkId, i32), UnderWay>,
    now: Moment,
}

/// One node as it should be.
#[derive(Debug, Default)]
struct Expected {
    topics: Topics,
    committed: Committed,
    trouble: Trouble,
}

/// What has gone wrong with a node's disk so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trouble {
    /// Commands failed.
    disk: bool,
}

/// A request whose answer is compared.
#[derive(Debug)]
enum UnderWay {
    Produce(produce::Asked),
    Fetch(fetch::Asked),
    ListOffsets(list_offsets::Asked),
    DeleteRecords(delete_records::Asked),
    Commit(committed::Asked),
    OffsetFetch(committed::Asked, OffsetFetchRequest),
    /// Topics with their numbers of partitions.
    CreateTopics(Vec<(Str, i32)>),
    /// Only what the answer says is of interest.
    Metadata,
}

impl Expected {
    /// Takes note of a request; gives what is needed to compare its answer.
    fn asked(&mut self, now: Moment, version: i16, request: &Request) -> Option<UnderWay> {
        let topics = &mut self.topics;
        Some(match request {
            Request::Produce(request) => UnderWay::Produce(produce::asked(topics, version, request)),
            Request::Fetch(request) => UnderWay::Fetch(fetch::asked(topics, version, request)),
            Request::ListOffsets(request) => {
                UnderWay::ListOffsets(list_offsets::asked(topics, version, request))
            }
            Request::DeleteRecords(request) => {
                UnderWay::DeleteRecords(delete_records::asked(topics, request))
            }
            Request::OffsetCommit(request) => UnderWay::Commit(self.committed.commits(topics, now, request)),
            Request::OffsetFetch(request) => {
                UnderWay::OffsetFetch(self.committed.reads(now), request.clone())
            }
            Request::CreateTopics(request) if !request.validate_only => self.wanted(request),
            Request::Metadata(_) => UnderWay::Metadata,
            Request::DeleteTopics(request) => {
                self.deleting(now, request);
                return None;
            }
            Request::IncrementalAlterConfigs(request) => {
                request.resources.iter().for_each(|resource| topics.reconfigured(&resource.resource_name));
                return None;
            }
            Request::AlterConfigs(request) => {
                request.resources.iter().for_each(|resource| topics.reconfigured(&resource.resource_name));
                return None;
            }
            Request::DeleteGroups(request) => {
                let is_one = |group: &Str, _: &Str| request.groups_names.contains(group);
                self.committed.may_be_deleted(now, is_one);
                return None;
            }
            Request::OffsetDelete(request) => {
                let is_one = |group: &Str, _: &Str| request.group_id == *group;
                self.committed.may_be_deleted(now, is_one);
                return None;
            }
            _ => return None,
        })
    }

    fn wanted(&mut self, request: &CreateTopicsRequest) -> UnderWay {
        request.topics.iter().for_each(|topic| self.topics.wanted(topic));
        let all = request.topics.iter();
        UnderWay::CreateTopics(all.map(|topic| (topic.name.clone(), topic.num_partitions)).collect())
    }

    fn deleting(&mut self, now: Moment, request: &DeleteTopicsRequest) {
        let named =
            request.topics.iter().map(|topic| (topic.name.clone().unwrap_or_default(), topic.topic_id));
        let named: Vec<Str> = named.filter_map(|(name, id)| self.topics.resolve(&name, id)).collect();
        for name in request.topic_names.iter().chain(&named) {
            self.topics.deleting(name);
            self.committed.may_be_deleted(now, |_, topic| topic == name);
        }
    }

    fn answered(&mut self, now: Moment, under_way: UnderWay, response: &Response) -> Verdict {
        let (topics, trouble) = (&mut self.topics, self.trouble);
        match (under_way, response) {
            (UnderWay::Produce(asked), Response::Produce(answer)) => asked.answered(topics, trouble, answer),
            (UnderWay::Fetch(asked), Response::Fetch(answer)) => asked.answered(topics, trouble, answer),
            (UnderWay::ListOffsets(asked), Response::ListOffsets(answer)) => {
                asked.answered(topics, trouble, answer)
            }
            (UnderWay::DeleteRecords(asked), Response::DeleteRecords(answer)) => {
                asked.answered(topics, answer)
            }
            (UnderWay::Commit(asked), Response::OffsetCommit(answer)) => {
                self.committed.committed(topics, &asked, now, answer);
                Ok(())
            }
            (UnderWay::OffsetFetch(asked, request), Response::OffsetFetch(answer)) => {
                self.committed.read(topics, &asked, &request, answer)
            }
            (UnderWay::CreateTopics(asked), Response::CreateTopics(answer)) => {
                created(topics, &asked, answer);
                Ok(())
            }
            (UnderWay::Metadata, Response::Metadata(answer)) => {
                described(topics, answer);
                Ok(())
            }
            (under_way, response) => Err(format!("{under_way:?} was answered with {response:?}")),
        }
    }

    /// How far groups are behind, as the node told its administrator while nobody asked it anything.
    fn lags(&mut self, now: Moment, lags: &[GroupLag]) -> Verdict {
        for GroupLag { group, topic, partition, committed, end, lag } in lags {
            let register = (group.clone(), topic.clone(), *partition);
            self.committed.may_be(&register, *committed, now)?;
            if *lag != u64::try_from(end.saturating_sub(*committed)).unwrap_or(0) {
                return Err(format!(
                    "group {group} lags by {lag} from {committed} to {end} of {topic}-{partition}"
                ));
            }
            let known = self.topics.topic(topic);
            let known = if known.has(*partition) { known.log(*partition).high_watermark } else { 0 };
            if *end < known {
                return Err(format!("{topic}-{partition} ends at {end}, and its high watermark is {known}"));
            }
        }
        let told = |group: &Str, topic: &Str, partition: i32| {
            lags.iter().any(|lag| (&lag.group, &lag.topic, lag.partition) == (group, topic, partition))
        };
        self.committed.none_is_missing(now, |(group, topic, partition)| {
            told(group, topic, *partition) || !self.topics.knows(topic, *partition)
        })
    }
}

fn created(topics: &mut Topics, asked: &[(Str, i32)], answer: &CreateTopicsResponse) {
    for topic in &answer.topics {
        let wanted = asked.iter().find(|(name, _)| *name == topic.name);
        let Some((name, partitions)) = wanted else { continue };
        match topic.error_code {
            ErrorCode::NONE => topics.exists(name, (*partitions).max(1), true),
            ErrorCode::TOPIC_ALREADY_EXISTS => topics.exists(name, 1, false),
            _ => {}
        }
        topics.named(name, topic.topic_id);
    }
}

fn described(topics: &mut Topics, answer: &MetadataResponse) {
    for topic in answer.topics.iter().filter(|topic| topic.error_code == ErrorCode::NONE) {
        if let Some(name) = &topic.name {
            topics.named(name, topic.topic_id);
        }
        let epochs = topic.partitions.iter().map(|partition| partition.leader_epoch);
        topics.leader_epoch = epochs.fold(topics.leader_epoch, i32::max);
    }
}

impl Check for Model {
    fn name(&self) -> &'static str {
        "each answer is one that the reference model allows"
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        self.now += 1;
        let node = self.nodes.entry(seen.node).or_default();
        let silent = matches!(request, Request::Produce(produce) if produce.acks == 0);
        let under_way = node.asked(self.now, sent.version, request).filter(|_| !silent);
        if let Some(under_way) = under_way {
            self.under_way.insert((link, sent.correlation_id), under_way);
        }
    }

    fn answered(&mut self, seen: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        self.now += 1;
        match self.under_way.remove(&(link, sent.correlation_id)) {
            Some(under_way) => {
                self.nodes.entry(seen.node).or_default().answered(self.now, under_way, response)
            }
            None => Ok(()),
        }
    }

    fn lost(&mut self, seen: Seen, link: LinkId) {
        self.now += 1;
        let node = self.nodes.entry(seen.node).or_default();
        let keys: Vec<_> =
            self.under_way.range((link, i32::MIN)..=(link, i32::MAX)).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(UnderWay::OffsetFetch(asked, _)) = self.under_way.remove(&key) {
                node.committed.gave_up(&asked);
            }
        }
    }

    fn turned(&mut self, now: Instant, id: NodeId, node: &Node, _: usize) -> Verdict {
        let Expected { topics, committed, .. } = self.nodes.entry(id).or_default();
        topics.latest = topics.latest.max(node.clock.now(now).wall.0);
        committed.expire = node.options.properties.contains_key("offsets.retention.minutes");
        topics.trimmed = node.options.properties.keys().any(|name| name.starts_with("log.retention."));
        Ok(())
    }

    fn told(&mut self, _: Instant, id: NodeId, answer: &AdminAnswer) -> Verdict {
        self.now += 1;
        let AdminAnswer::GroupLag(Ok(lags)) = answer else { return Ok(()) };
        let node = self.nodes.entry(id).or_default();
        if self.under_way.is_empty() { node.lags(self.now, lags) } else { Ok(()) }
    }

    fn struck(&mut self, _: Instant, kind: FaultKind, id: NodeId) {
        let trouble = &mut self.nodes.entry(id).or_default().trouble;
        match kind {
            FaultKind::FileErrors | FaultKind::FailedSync | FaultKind::FullDisk => trouble.disk = true,
            FaultKind::Reset
            | FaultKind::Silence
            | FaultKind::Hold
            | FaultKind::Outage
            | FaultKind::Crash
            | FaultKind::Restart
            | FaultKind::Stall
            | FaultKind::WallJump
            | FaultKind::SlowDisk
            | FaultKind::FlippedBits => {}
        }
    }

    fn damaged(&mut self, place: &Place, _: LogId) {
        let expected = self.nodes.entry(place.node).or_default();
        expected.topics.topic(&place.topic).log(place.partition).damaged = true;
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        self.now += 1;
        let expected = self.nodes.entry(id).or_default();
        let power = survives != Survives::All;
        let keeps = !power || node.options.sync == Sync::Disk;
        expected.committed.went_down(self.now, keeps);
        if power {
            expected.topics.logs().for_each(|(_, _, _, log)| log.lost_power(keeps));
        }
    }

    fn ended(&mut self, _: End<'_>) -> Verdict {
        for (node, expected) in &mut self.nodes {
            let failed = expected.trouble.disk;
            for (name, partition, kept, log) in expected.topics.logs() {
                if kept == Kept::Whole && log.may_start_at == 0 {
                    log.sequences_are_whole(failed)
                        .map_err(|what| format!("{node}:{name}-{partition}: {what}"))?;
                }
            }
        }
        Ok(())
    }
}
