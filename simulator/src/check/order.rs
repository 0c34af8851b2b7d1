//! The acknowledged batches of one producer lie in the order in which it sent them: those of an idempotent producer
//! through all retries, those of another as long as they go over one connection, once each.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::protocol::{ErrorCode, Request, Response, Str};
use kelpgate_core::record::Batch;
use kelpgate_core::time::Instant;
use kelpgate_core::uuid::Uuid;
use kelpgate_log::Sync;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::history::{ClientId, Observation, Op, Outcome, Place};
use crate::network::LinkId;
use crate::node::{Node, NodeId};

/// Compares offsets with the order of sending.
#[derive(Debug, Default)]
pub struct Order {
    under_way: BTreeMap<Op, Place>,
    /// Of idempotent producers: what was acknowledged, in the order of handing over.
    acknowledged: BTreeMap<(ClientId, Place), BTreeMap<Op, i64>>,
    /// Produce requests of plain producers.
    asked: BTreeSet<(LinkId, i32)>,
    /// Topics that come and go: offsets begin anew.
    fleeting: BTreeSet<Str>,
    /// The last base offset told on a connection.
    last: BTreeMap<(LinkId, Str, Uuid, i32), i64>,
}

impl Check for Order {
    fn name(&self) -> &'static str {
        "batches of one producer lie in the order in which it sent them"
    }

    fn observed(&mut self, seen: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::Sent { op, place, idempotent: true, .. } => {
                self.under_way.insert(*op, place.clone());
                Ok(())
            }
            Observation::SendEnded { op, outcome } => {
                let Some(place) = self.under_way.remove(op) else { return Ok(()) };
                let Outcome::Done(base) = *outcome else { return Ok(()) };
                if base < 0 {
                    return Ok(());
                }
                let known = self.acknowledged.entry((seen.client, place.clone())).or_default();
                let before = known.range(..op).next_back().filter(|(_, other)| **other >= base);
                let after = known.range(op..).next().filter(|(_, other)| **other <= base);
                if let Some((other, offset)) = before.or(after) {
                    return Err(format!("{place}: {op:?} is at {base}, and {other:?} at {offset}"));
                }
                known.insert(*op, base);
                Ok(())
            }
            Observation::TopicDeleted { node, topic } => {
                let of = |place: &Place| place.is_of(*node, topic);
                self.acknowledged.retain(|(_, place), _| !of(place));
                self.fleeting.insert(topic.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn asked(&mut self, _: Seen, link: LinkId, sent: &Sent, request: &Request) {
        let Request::Produce(request) = request else { return };
        let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let mut records = partitions.filter_map(|data| data.records.as_ref());
        let is_plain =
            records.all(|records| Batch::first(&records.0).is_ok_and(|batch| batch.producer_id() < 0));
        if is_plain && request.acks != 0 {
            self.asked.insert((link, sent.correlation_id));
        }
    }

    fn answered(&mut self, _: Seen, link: LinkId, sent: &Sent, response: &Response) -> Verdict {
        let Response::Produce(answer) = response else { return Ok(()) };
        if !self.asked.remove(&(link, sent.correlation_id)) {
            return Ok(());
        }
        for topic in answer.responses.iter().filter(|topic| !self.fleeting.contains(&topic.name)) {
            for one in topic.partition_responses.iter().filter(|one| one.error_code == ErrorCode::NONE) {
                let key = (link, topic.name.detach(), topic.topic_id, one.index);
                if let Some(before) = self.last.insert(key, one.base_offset)
                    && before >= one.base_offset
                {
                    let (name, index, base) = (&topic.name, one.index, one.base_offset);
                    return Err(format!("{name}-{index}: {before} was told on this connection, then {base}"));
                }
            }
        }
        Ok(())
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        self.asked.retain(|(of, _)| *of != link);
        self.last.retain(|(of, ..), _| *of != link);
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        // Offsets may be used again.
        if survives != Survives::All && node.options.sync != Sync::Disk {
            self.acknowledged.retain(|(_, place), _| place.node != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{hands_over, lies_at, seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::produce::{
        PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
    };

    #[test]
    fn batches_of_an_idempotent_producer_lie_as_they_were_handed_over() {
        for (second, right) in [(9, true), (4, false), (5, false)] {
            let mut order = Order::default();
            for op in [1, 2] {
                order.observed(seen(1), &hands_over(op, &[op as u32], -1, true)).unwrap();
            }
            order.observed(seen(1), &lies_at(1, 5)).unwrap();
            assert_eq!(order.observed(seen(1), &lies_at(2, second)).is_ok(), right, "{second}");
        }
    }

    #[test]
    fn whoever_is_answered_later_may_lie_before() {
        let mut order = Order::default();
        for op in [1, 2] {
            order.observed(seen(1), &hands_over(op, &[op as u32], -1, true)).unwrap();
        }
        assert!(order.observed(seen(1), &lies_at(2, 5)).is_ok());
        assert!(order.observed(seen(1), &lies_at(1, 4)).is_ok());
    }

    #[test]
    fn offsets_rise_on_a_connection() {
        let answer = |base_offset| -> Response {
            let one = PartitionProduceResponse { base_offset, ..Default::default() };
            let topic = TopicProduceResponse {
                name: "t".into(),
                partition_responses: vec![one],
                ..Default::default()
            };
            ProduceResponse { responses: vec![topic], ..Default::default() }.into()
        };
        let request = || Request::from(ProduceRequest { acks: -1, ..Default::default() });
        let mut order = Order::default();
        for (number, base, right) in [(1, 5, true), (2, 6, true), (3, 6, false)] {
            let sent = sent(ApiKey::Produce, number);
            order.asked(seen(1), LinkId(1), &sent, &request());
            assert_eq!(order.answered(seen(1), LinkId(1), &sent, &answer(base)).is_ok(), right, "{base}");
        }
        let sent = sent(ApiKey::Produce, 1);
        order.asked(seen(1), LinkId(2), &sent, &request());
        assert!(order.answered(seen(1), LinkId(2), &sent, &answer(1)).is_ok(), "another connection");
    }
}
