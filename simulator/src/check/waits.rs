//! Fetches keep their time: not answered with too little before they have waited for as long as they may, not kept for
//! longer, and woken by what they wait for. Nor do members of classic groups wait for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::protocol::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use kelpgate_core::protocol::produce::ProduceRequest;
use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};
use kelpgate_core::record::{Batch, StoredBatches};
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::faults::{FaultKind, Swarm};
use crate::network::{Conditions, LinkId};
use crate::node::{Node, NodeId};

/// How much too early an answer may seem: one part in so many, since clocks go wrong by 500 parts in a million.
const SKEW: u32 = 1_000;
/// How long answers take beside the network.
const WORK: Duration = Duration::from_millis(300);
/// How long a connection stays bad after it was struck.
const BAD_CONNECTION: Duration = Duration::from_secs(11);
/// How long a node takes to be back.
const BACK: Duration = Duration::from_secs(6);

/// Topic, partition and bytes of an append.
type Appended = (Str, i32, usize);

/// Compares how long fetches take with how long they may.
#[derive(Debug)]
pub struct Waits {
    /// How long an answer may be on its way.
    slack: Duration,
    slow_readers: bool,
    under_way: BTreeMap<(LinkId, i32), Fetch>,
    /// Produce requests under way: what they append to, with how many bytes.
    produce: BTreeMap<(LinkId, i32), Vec<Appended>>,
    /// What was acknowledged lately, with all its bytes, so that a fetch of any offset below must have been woken.
    acknowledged: BTreeMap<(NodeId, Str, i32), Acknowledged>,
    /// SyncGroups under way: the node, the group, and when they were sent.
    syncs: BTreeMap<(LinkId, i32), (NodeId, Str, Instant)>,
    /// The longest time that a member of each group may take to join again.
    rebalances: BTreeMap<(NodeId, Str), Duration>,
    /// From then on nothing is wrong.
    well_from: Instant,
    /// Nodes that were asked to stop: they answer what waits.
    stopping: BTreeMap<NodeId, Instant>,
}

#[derive(Debug)]
struct Fetch {
    /// Requests of the connection whose answers come before.
    behind: usize,
    max_wait: Duration,
    min_bytes: usize,
    max_bytes: i32,
    /// It names all that it wants.
    whole: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    topic: Str,
    /// Zero where topics go by name.
    id: Uuid,
    partition: i32,
    from: i64,
    max_bytes: i32,
}

#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    at: Instant,
    base: i64,
    bytes: usize,
}

impl Check for Waits {
    fn name(&self) -> &'static str {
        "fetches keep their time"
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        match request {
            Request::JoinGroup(join) => {
                let longest = join.session_timeout_ms.max(join.rebalance_timeout_ms);
                let longest = Duration::from_millis(u64::try_from(longest).unwrap_or(0));
                let known = self.rebalances.entry((seen.node, join.group_id.clone())).or_default();
                *known = longest.max(*known);
            }
            Request::SyncGroup(sync) => {
                let key = (link, sent.correlation_id);
                self.syncs.insert(key, (seen.node, sync.group_id.clone(), sent.at));
            }
            Request::Fetch(request) => {
                let mut others = self.under_way.range((link, i32::MIN)..=(link, i32::MAX));
                let fetch = Fetch { behind: usize::from(others.next().is_some()), ..Fetch::of(request) };
                self.under_way.insert((link, sent.correlation_id), fetch);
            }
            Request::Produce(request) if request.acks != 0 => {
                self.produce.insert((link, sent.correlation_id), appends(request));
            }
            _ => {}
        }
    }

    fn answered(&mut self, seen: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        let key = (link, sent.correlation_id);
        self.syncs.remove(&key);
        match response {
            Response::Fetch(answer) => {
                let Some(fetch) = self.under_way.remove(&key) else { return Ok(()) };
                self.fetched(seen, &fetch, sent, answer)
            }
            Response::Produce(answer) => {
                let appends = self.produce.remove(&key).unwrap_or_default();
                for (topic, partition, bytes) in appends {
                    let found = answer.responses.iter().find(|found| found.name == topic);
                    let mut parts = found.iter().flat_map(|topic| &topic.partition_responses);
                    let found = parts.find(|found| found.index == partition);
                    if let Some(found) = found.filter(|found| found.error_code == ErrorCode::NONE) {
                        let last = Acknowledged { at: seen.now, base: found.base_offset, bytes };
                        self.acknowledged.insert((seen.node, topic, partition), last);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        let on_it = |key: &(LinkId, i32)| key.0 == link;
        self.under_way.retain(|key, _| !on_it(key));
        self.produce.retain(|key, _| !on_it(key));
        self.syncs.retain(|key, _| !on_it(key));
    }

    /// Who waits for the leader's word hears of it, or of another rebalance, when all have had their time.
    fn turned(&mut self, now: Instant, id: NodeId, _: &Node, _: usize) -> Verdict {
        for (node, group, at) in self.syncs.values().filter(|(node, ..)| *node == id) {
            let Some(longest) = self.rebalances.get(&(*node, group.clone())) else { continue };
            let waited = now.saturating_since(*at);
            if *at >= self.well_from && waited > *longest + self.slack + WORK {
                return Err(format!(
                    "a SyncGroup of group {group} waits for {waited:?}, and may for {longest:?}"
                ));
            }
        }
        Ok(())
    }

    fn struck(&mut self, now: Instant, kind: FaultKind, id: NodeId) {
        if kind == FaultKind::Restart {
            self.stopping.insert(id, now);
        }
        let until = match kind {
            FaultKind::WallJump | FaultKind::FlippedBits => return,
            FaultKind::Reset | FaultKind::Silence | FaultKind::Hold | FaultKind::Outage => {
                now + BAD_CONNECTION
            }
            FaultKind::Crash | FaultKind::Restart | FaultKind::Stall => now + BACK,
            FaultKind::FileErrors | FaultKind::FailedSync | FaultKind::FullDisk | FaultKind::SlowDisk => {
                Instant(u64::MAX)
            }
        };
        self.well_from = self.well_from.max(until);
    }

    fn healed(&mut self, now: Instant) {
        self.well_from = self.well_from.min(now + BAD_CONNECTION);
    }
}

impl Waits {
    /// For a world with these faults.
    pub fn new(swarm: &Swarm) -> Waits {
        let Conditions { delay, late, .. } = &swarm.conditions;
        let times = if *late > 0 { 400 } else { 4 };
        Waits {
            slack: WORK + *delay.end() * times,
            slow_readers: swarm.slow_readers > 0,
            under_way: BTreeMap::new(),
            produce: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            syncs: BTreeMap::new(),
            rebalances: BTreeMap::new(),
            well_from: Instant::default(),
            stopping: BTreeMap::new(),
        }
    }

    fn fetched(&self, seen: Seen, fetch: &Fetch, sent: &Sent, answer: &FetchResponse) -> Verdict {
        let waited = seen.now.saturating_since(sent.at);
        let least =
            fetch.max_wait.saturating_sub(fetch.max_wait / SKEW).saturating_sub(Duration::from_millis(1));
        let stopping = self.stopping.get(&seen.node).is_some_and(|since| *since + BAD_CONNECTION > seen.now);
        if waited < least && !stopping && fetch.is_too_little(answer) {
            let (bytes, wanted, most) = (bytes_of(answer), fetch.min_bytes, fetch.max_wait);
            return Err(format!(
                "{bytes} bytes came after {waited:?}; {wanted} were waited for, for {most:?}"
            ));
        }
        if sent.at < self.well_from || fetch.behind > 0 {
            return Ok(());
        }
        // A slow reader takes 4 KiB in 20 milliseconds.
        let reading = if self.slow_readers { bytes_of(answer) as u32 / 100 } else { 0 };
        let late = self.slack + Duration::from_millis(reading.into());
        if waited > fetch.max_wait + fetch.max_wait / SKEW + late {
            return Err(format!("a fetch took {waited:?} and was to wait for {:?}", fetch.max_wait));
        }
        self.is_woken(seen, fetch, sent, late)
    }

    /// Nobody waits on when enough has been acknowledged.
    fn is_woken(&self, seen: Seen, fetch: &Fetch, sent: &Sent, late: Duration) -> Verdict {
        for part in &fetch.parts {
            let Part { topic, partition, from, max_bytes, .. } = part;
            let Some(last) = self.acknowledged.get(&(seen.node, topic.clone(), *partition)) else { continue };
            let most = usize::try_from(fetch.max_bytes.min(*max_bytes)).unwrap_or(0);
            let enough = last.base >= *from && last.bytes >= fetch.min_bytes && most >= fetch.min_bytes;
            let waited = seen.now.saturating_since(last.at);
            if enough && last.at >= sent.at && waited > late {
                let base = last.base;
                return Err(format!(
                    "a fetch of {topic}-{partition} from {from} waited on for {waited:?} after {base} was acknowledged"
                ));
            }
        }
        Ok(())
    }
}

impl Fetch {
    fn of(request: &FetchRequest) -> Fetch {
        let parts = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|one| Part {
                topic: topic.topic.clone(),
                id: topic.topic_id,
                partition: one.partition,
                from: one.fetch_offset,
                max_bytes: one.partition_max_bytes,
            })
        });
        Fetch {
            behind: 0,
            max_wait: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
            min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
            max_bytes: request.max_bytes,
            whole: request.session_epoch <= 0,
            parts: parts.collect(),
        }
    }

    /// Whether an answer brings nothing, and there was nothing: nor an error, nor records that limits kept back. A node
    /// that has just started may answer with less than `min_bytes`, as it takes sizes that it does not know for large.
    fn is_too_little(&self, answer: &FetchResponse) -> bool {
        if answer.error_code != ErrorCode::NONE || !self.whole || bytes_of(answer) > 0 || self.min_bytes == 0
        {
            return false;
        }
        let topics = answer.responses.iter();
        let mut partitions = topics.flat_map(|topic| topic.partitions.iter().map(move |data| (topic, data)));
        !self.parts.is_empty() && partitions.all(|(topic, data)| self.is_all_there_is(topic, data))
    }

    fn is_all_there_is(&self, topic: &FetchableTopicResponse, data: &PartitionData) -> bool {
        let mut parts = self.parts.iter();
        let part = parts.find(|part| {
            (&part.topic, part.id, part.partition) == (&topic.topic, topic.topic_id, data.partition_index)
        });
        let Some(part) = part else { return false };
        let batches = StoredBatches::new(data.records.clone().unwrap_or_default());
        let last = batches.filter_map(Result::ok).last();
        let next = last.and_then(|last| Batch::first(&last).ok().map(|batch| batch.next_offset()));
        let diverges = data.diverging_epoch.end_offset >= 0;
        data.error_code == ErrorCode::NONE && !diverges && next.unwrap_or(part.from) >= data.high_watermark
    }
}

fn bytes_of(answer: &FetchResponse) -> usize {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.filter_map(|data| data.records.as_ref()).map(|records| records.len()).sum()
}

fn appends(request: &ProduceRequest) -> Vec<Appended> {
    let topics = request.topic_data.iter();
    let all = topics.flat_map(|topic| {
        topic.partition_data.iter().map(|one| {
            (topic.name.clone(), one.index, one.records.as_ref().map_or(0, |records| records.0.len()))
        })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::fetch::{FetchPartition, FetchTopic};
    use kelpgate_core::protocol::produce::{
        PartitionProduceData, PartitionProduceResponse, ProduceResponse, TopicProduceData,
        TopicProduceResponse,
    };
    use kelpgate_core::protocol::wire::Records;

    const FETCH: LinkId = LinkId(1);
    const PRODUCE: LinkId = LinkId(2);

    fn at(millis: u64) -> Seen {
        Seen { now: Instant(millis * 1_000_000), ..seen(0) }
    }

    /// A fetch of an empty partition at the beginning, which waits for two seconds.
    fn fetching() -> Waits {
        let partition = FetchPartition { partition_max_bytes: 1000, ..Default::default() };
        let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
        let request =
            FetchRequest { max_wait_ms: 2_000, min_bytes: 10, topics: vec![topic], ..Default::default() };
        let mut waits = Waits::new(&Swarm::calm());
        waits.asked(seen(0), FETCH, &fetch(), &request.into());
        waits
    }

    fn fetch() -> Sent {
        Sent { version: 12, ..sent(ApiKey::Fetch, 1) }
    }

    fn comes_back(waits: &mut Waits, millis: u64) -> Verdict {
        let topic = FetchableTopicResponse {
            topic: "t".into(),
            partitions: vec![PartitionData::default()],
            ..Default::default()
        };
        let answer = FetchResponse { responses: vec![topic], ..Default::default() };
        waits.answered(at(millis), FETCH, &fetch(), &answer.into())
    }

    #[test]
    fn a_fetch_comes_back_empty_when_its_time_is_over() {
        assert!(comes_back(&mut fetching(), 1_900).is_err());
        assert!(comes_back(&mut fetching(), 2_000).is_ok());
        assert!(comes_back(&mut fetching(), 2_600).is_err());
    }

    #[test]
    fn a_node_that_stops_answers_what_waits() {
        let mut waits = fetching();
        waits.struck(Instant::default(), FaultKind::Restart, 0);
        assert!(comes_back(&mut waits, 100).is_ok());
    }

    #[test]
    fn while_something_is_wrong_answers_may_be_late() {
        let mut waits = fetching();
        waits.struck(Instant::default(), FaultKind::Outage, 0);
        assert!(comes_back(&mut waits, 8_000).is_ok());
    }

    #[test]
    fn enough_records_wake_a_fetch() {
        for (bytes, right) in [(100, false), (9, true)] {
            let mut waits = fetching();
            let records = Some(Records(vec![0; bytes].into()));
            let data = PartitionProduceData { records, ..Default::default() };
            let topic =
                TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
            let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
            let produce = sent(ApiKey::Produce, 1);
            waits.asked(at(100), PRODUCE, &produce, &request.into());
            let topic = TopicProduceResponse {
                name: "t".into(),
                partition_responses: vec![PartitionProduceResponse::default()],
                ..Default::default()
            };
            let answer = ProduceResponse { responses: vec![topic], ..Default::default() };
            waits.answered(at(200), PRODUCE, &produce, &answer.into()).unwrap();
            assert_eq!(comes_back(&mut waits, 2_000).is_ok(), right, "{bytes} bytes");
        }
    }
}
