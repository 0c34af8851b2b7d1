//! Of a partition whose bytes were changed, what they belong to is refused, once the node has named it in its log; no other
//! partition is refused. That what is served is what was sent is for others to say.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::ids::LogId;
use kelpgate_core::protocol::fetch::FetchResponse;
use kelpgate_core::protocol::{ErrorCode, Response};
use kelpgate_core::time::Instant;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::faults::FaultKind;
use crate::history::Place;
use crate::network::LinkId;
use crate::node::NodeId;

/// What was changed, and whether the node has said so.
#[derive(Debug, Default)]
pub struct Damage {
    logs: BTreeMap<(NodeId, LogId), Known>,
    /// Nodes whose disks have failed, which is a reason to refuse anything.
    failed: BTreeSet<NodeId>,
}

#[derive(Debug)]
struct Known {
    place: Place,
    named: bool,
}

impl Check for Damage {
    fn name(&self) -> &'static str {
        "damage is named before it is refused"
    }

    fn damaged(&mut self, place: &Place, log: LogId) {
        self.logs.entry((place.node, log)).or_insert(Known { place: place.clone(), named: false });
    }

    fn struck(&mut self, _: Instant, kind: FaultKind, id: NodeId) {
        if matches!(kind, FaultKind::FileErrors | FaultKind::FailedSync | FaultKind::FullDisk) {
            self.failed.insert(id);
        }
    }

    fn complained(&mut self, id: NodeId, text: &str) {
        let of_node = self.logs.iter_mut().filter(|((node, _), _)| *node == id);
        for ((_, log), known) in of_node {
            known.named |= text.contains(&log.to_string());
        }
    }

    fn answered(&mut self, seen: Seen, _: LinkId, _: &Sent, response: &Response) -> Verdict {
        match response {
            Response::Fetch(answer) if !self.failed.contains(&seen.node) => self.fetched(seen.node, answer),
            _ => Ok(()),
        }
    }
}

impl Damage {
    fn fetched(&self, id: NodeId, answer: &FetchResponse) -> Verdict {
        for topic in &answer.responses {
            for data in &topic.partitions {
                if !matches!(data.error_code, ErrorCode::CORRUPT_MESSAGE | ErrorCode::KAFKA_STORAGE_ERROR) {
                    continue;
                }
                let mut known = self.logs.iter().filter(|((node, log), known)| {
                    *node == id
                        && known.place.partition == data.partition_index
                        && (known.place.topic == topic.topic || log.topic == topic.topic_id)
                });
                let (name, partition) = (&topic.topic, data.partition_index);
                match known.next() {
                    None => return Err(format!("{name}-{partition} is refused, and nobody changed it")),
                    Some((_, Known { named: false, place })) => {
                        return Err(format!("{place} is refused, and the log of the node does not say so"));
                    }
                    Some((_, Known { named: true, .. })) => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{place, seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::fetch::{FetchableTopicResponse, PartitionData};
    use kelpgate_core::uuid::Uuid;

    fn refused(partition: i32) -> Response {
        let partitions = vec![PartitionData {
            partition_index: partition,
            error_code: ErrorCode::KAFKA_STORAGE_ERROR,
            ..Default::default()
        }];
        let topic = FetchableTopicResponse { topic: "t".into(), partitions, ..Default::default() };
        FetchResponse { responses: vec![topic], ..Default::default() }.into()
    }

    fn told(check: &mut Damage, partition: i32) -> Verdict {
        check.answered(seen(0), LinkId(1), &sent(ApiKey::Fetch, 1), &refused(partition))
    }

    #[test]
    fn what_is_whole_is_not_refused() {
        assert!(told(&mut Damage::default(), 0).is_err());
    }

    #[test]
    fn damage_is_named_before_it_is_refused() {
        let mut check = Damage::default();
        let log = LogId { topic: Uuid([1; 16]), partition: 0 };
        check.damaged(&place(0), log);
        assert!(told(&mut check, 0).is_err());
        check.complained(0, &format!("log {log} is damaged"));
        assert_eq!(told(&mut check, 0), Ok(()));
        assert!(told(&mut check, 1).is_err(), "another partition");
    }
}
