//! The anomalies of Jepsen's workload for Kafka (`jepsen.tests.kafka`), computed over the history of sends and polls:
//! aborted reads, lost writes, duplicates, inconsistent offsets, skips and steps back within polls and between them,
//! sends that go back, and order against real time. Others of its list need transactions.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::ids::LogId;
use kelpgate_core::protocol::{Request, Str};
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::history::{ClientId, Observation, Op, Outcome, Place, Polled};
use crate::model::Kept;
use crate::network::LinkId;
use crate::node::{Node, NodeId};
use crate::payload::Value;

/// The history.
#[derive(Debug, Default)]
pub struct Jepsen {
    moment: u64,
    sends: BTreeMap<Op, Batch>,
    places: BTreeMap<Place, History>,
    /// The next offset of each client.
    next: BTreeMap<(ClientId, Place), i64>,
    /// Topics that do not keep each record, or not under its offset for ever.
    not_whole: BTreeMap<Str, Kept>,
    /// Bytes of these were changed.
    damaged: BTreeSet<Place>,
}

#[derive(Debug)]
struct Batch {
    place: Place,
    values: Vec<Value>,
    acks: i16,
    idempotent: bool,
    sent: u64,
    ended: u64,
    base: Option<i64>,
}

/// What is known of a partition.
#[derive(Debug, Default)]
struct History {
    polled: BTreeMap<i64, Value>,
    offsets: BTreeMap<Value, i64>,
    refused: BTreeSet<Value>,
    idempotent: BTreeSet<Value>,
    log_start: i64,
    /// Acknowledged sends.
    acknowledged: Vec<Op>,
}

impl Check for Jepsen {
    fn name(&self) -> &'static str {
        "no anomaly of Jepsen's Kafka workload"
    }

    fn asked(&mut self, _: Seen, _: LinkId, _: &Sent, request: &Request) {
        if let Request::CreateTopics(request) = request {
            let changed = request.topics.iter().filter(|topic| Kept::of(topic) != Kept::Whole);
            self.not_whole.extend(changed.map(|topic| (topic.name.clone(), Kept::of(topic))));
        }
    }

    fn observed(&mut self, seen: Seen, what: &Observation) -> Verdict {
        self.moment += 1;
        match what {
            Observation::Sent { op, place, values, acks, idempotent } => {
                if *idempotent {
                    self.places.entry(place.clone()).or_default().idempotent.extend(values);
                }
                let send = Batch {
                    place: place.clone(),
                    values: values.clone(),
                    acks: *acks,
                    idempotent: *idempotent,
                    sent: self.moment,
                    ended: u64::MAX,
                    base: None,
                };
                self.sends.insert(*op, send);
            }
            Observation::SendEnded { op, outcome } => self.ended_send(*op, outcome),
            Observation::Polled(polled) => return self.polled(seen.client, polled),
            Observation::Owns { partitions, .. } => {
                self.next.retain(|(client, place), _| *client != seen.client || partitions.contains(place));
            }
            Observation::Sought { place } => {
                self.next.remove(&(seen.client, place.clone()));
            }
            Observation::Lost { .. } => self.next.retain(|(client, _), _| *client != seen.client),
            Observation::TopicDeleted { node, topic } => {
                let of = |place: &Place| place.is_of(*node, topic);
                self.places.retain(|place, _| !of(place));
                self.next.retain(|(_, place), _| !of(place));
                self.sends.retain(|_, send| !of(&send.place));
            }
            Observation::RecordsDeleted { place, before } => {
                let known = self.places.entry(place.clone()).or_default();
                known.log_start = known.log_start.max(*before);
            }
            _ => {}
        }
        Ok(())
    }

    fn damaged(&mut self, place: &Place, _: LogId) {
        self.damaged.insert(place.clone());
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        if survives == Survives::All {
            return;
        }
        let keeps = node.options.sync == Sync::Disk;
        let lost = |send: &Batch| send.place.node == id && send.base.is_some() && !(keeps && send.acks == -1);
        self.sends.retain(|_, send| !lost(send));
        if !keeps {
            self.places.retain(|place, _| place.node != id);
            self.next.retain(|(_, place), _| place.node != id);
        }
    }

    fn ended(&mut self, _: End<'_>) -> Verdict {
        self.order_of_sends()?;
        for send in self.sends.values() {
            let Some(known) = self.places.get(&send.place) else { continue };
            let changed = self.not_whole.get(&send.place.topic) == Some(&Kept::Changed);
            if !changed && !self.damaged.contains(&send.place) {
                known.lost_write(send)?;
            }
        }
        for (place, known) in &self.places {
            if let Some((offset, value)) =
                known.polled.iter().find(|(_, value)| known.refused.contains(value))
            {
                return Err(format!("aborted read: {place} offset {offset}, {value}, was refused"));
            }
        }
        Ok(())
    }
}

impl Jepsen {
    fn ended_send(&mut self, op: Op, outcome: &Outcome<i64>) {
        let Some(send) = self.sends.get_mut(&op) else { return };
        let known = self.places.entry(send.place.clone()).or_default();
        match *outcome {
            Outcome::Done(base) if base >= 0 => {
                (send.base, send.ended) = (Some(base), self.moment);
                known.acknowledged.push(op);
            }
            Outcome::Refused(_) => {
                known.refused.extend(&send.values);
                self.sends.remove(&op);
            }
            Outcome::Done(_) | Outcome::Unknown => {
                self.sends.remove(&op);
            }
        }
    }

    fn polled(&mut self, client: ClientId, polled: &Polled) -> Verdict {
        let place = &polled.place;
        let known = self.places.entry(place.clone()).or_default();
        known.log_start = known.log_start.max(polled.log_start);
        let next = self.next.get(&(client, place.clone())).copied();
        // Where records go by themselves, they may go while an answer is gathered.
        let gaps = self.not_whole.contains_key(&place.topic);
        known
            .between_polls(polled, next, gaps)
            .map_err(|what| format!("{place}, client {client}: {what}"))?;
        let mut before = None;
        for read in &polled.records {
            known
                .within_poll(before, read.offset, gaps)
                .map_err(|what| format!("{place}, client {client}: {what}"))?;
            before = Some(read.offset);
            known.read(read.offset, read.value).map_err(|what| format!("{place}: {what}"))?;
        }
        let end = before.map_or(polled.position, |last| last + 1);
        self.next.insert((client, place.clone()), end);
        Ok(())
    }

    /// What was acknowledged before another was sent lies before it.
    fn order_of_sends(&self) -> Verdict {
        for known in self.places.values() {
            let mut sends: Vec<&Batch> =
                known.acknowledged.iter().filter_map(|op| self.sends.get(op)).collect();
            sends.sort_unstable_by_key(|send| send.ended);
            let mut by_sending = sends.clone();
            by_sending.sort_unstable_by_key(|send| send.sent);
            let mut ended = sends.into_iter().peekable();
            let mut highest = -1;
            for send in by_sending {
                while let Some(earlier) = ended.next_if(|earlier| earlier.ended < send.sent) {
                    highest = highest.max(earlier.base.unwrap_or(-1));
                }
                let base = send.base.unwrap_or(i64::MAX);
                if base <= highest {
                    let (place, kind) = (&send.place, if send.idempotent { "idempotent" } else { "plain" });
                    return Err(format!(
                        "nonmonotonic send: {place}: a {kind} batch is at {base}, and one acknowledged before at {highest}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl History {
    fn read(&mut self, offset: i64, value: Value) -> Verdict {
        match self.polled.insert(offset, value) {
            Some(other) if other != value => {
                return Err(format!("inconsistent offset: {offset} was {other} and is {value}"));
            }
            Some(_) | None => {}
        }
        match self.offsets.insert(value, offset) {
            Some(other) if other != offset && self.idempotent.contains(&value) => {
                Err(format!("duplicate: {value} is at {other} and at {offset}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// `gaps`: records may be gone.
    fn within_poll(&self, before: Option<i64>, offset: i64, gaps: bool) -> Verdict {
        let Some(before) = before else { return Ok(()) };
        if offset <= before {
            return Err(format!("internal nonmonotonic poll: {offset} after {before}"));
        }
        match self.polled.range(before + 1..offset).next() {
            Some(_) if gaps => Ok(()),
            Some((skipped, _)) => Err(format!("internal poll skip: {skipped} between {before} and {offset}")),
            None => Ok(()),
        }
    }

    /// A client goes on where it was, unless the records there are gone, as they may be with `gaps`.
    fn between_polls(&self, polled: &Polled, next: Option<i64>, gaps: bool) -> Verdict {
        let Some(next) = next else { return Ok(()) };
        let first = polled.records.first().map(|read| read.offset);
        if let Some(first) = first.filter(|first| *first < polled.position) {
            return Err(format!("nonmonotonic poll: {first} where {} was asked for", polled.position));
        }
        let at = first.unwrap_or(polled.position);
        let from = next.max(self.log_start);
        match self.polled.range(from..at.max(from)).next() {
            Some(_) if gaps => Ok(()),
            Some((skipped, _)) => Err(format!("poll skip: {skipped} between {next} and {at}")),
            None if polled.position < next && next <= polled.high_watermark && polled.log_start < next => {
                Err(format!("nonmonotonic poll: from {} after {next}", polled.position))
            }
            None => Ok(()),
        }
    }

    /// What was acknowledged, and lies below what somebody has read, was read by somebody.
    fn lost_write(&self, send: &Batch) -> Verdict {
        let Some(base) = send.base else { return Ok(()) };
        let Some((highest, _)) = self.polled.last_key_value() else { return Ok(()) };
        for (offset, value) in (base..).zip(&send.values) {
            let is_read = self.polled.get(&offset) == Some(value);
            if offset < *highest && offset >= self.log_start && !is_read {
                return Err(format!("lost write: {} offset {offset}, {value}, was never read", send.place));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{hands_over, lies_at, nobody, place, reads, seen};
    use kelpgate_core::protocol::ErrorCode;

    /// What the last of these comes to, each seen by a client.
    fn last(history: &[(ClientId, Observation)]) -> Verdict {
        let mut jepsen = Jepsen::default();
        let mut verdict = Ok(());
        for (client, what) in history {
            assert_eq!(verdict, Ok(()), "before {what:?}");
            verdict = jepsen.observed(seen(*client), what);
        }
        verdict
    }

    /// What the end comes to.
    fn end(history: &[Observation]) -> Verdict {
        let mut jepsen = Jepsen::default();
        history.iter().for_each(|what| jepsen.observed(seen(1), what).expect("nothing is wrong yet"));
        jepsen.ended(nobody())
    }

    fn is(anomaly: &str, verdict: &Verdict) {
        assert!(verdict.as_ref().is_err_and(|what| what.contains(anomaly)), "{verdict:?} is no {anomaly}");
    }

    #[test]
    fn aborted_read() {
        let refused =
            Observation::SendEnded { op: Op(1), outcome: Outcome::Refused(ErrorCode::MESSAGE_TOO_LARGE) };
        is("aborted read", &end(&[hands_over(1, &[1], -1, false), refused, reads(0, &[(0, 1)])]));
    }

    #[test]
    fn lost_write() {
        let sends = [hands_over(1, &[1], -1, false), lies_at(1, 0), hands_over(2, &[2], -1, false)];
        is("lost write", &end(&[&sends[..], &[reads(1, &[(1, 2)])]].concat()));
        assert!(end(&[&sends[..], &[reads(0, &[(0, 1), (1, 2)])]].concat()).is_ok());
        let deleted = Observation::RecordsDeleted { place: place(0), before: 1 };
        assert!(end(&[&sends[..], &[deleted, reads(1, &[(1, 2)])]].concat()).is_ok());
    }

    #[test]
    fn duplicate_of_an_idempotent_producer() {
        let reads = |idempotent| [(1, hands_over(1, &[1], -1, idempotent)), (2, reads(0, &[(0, 1), (1, 1)]))];
        is("duplicate", &last(&reads(true)));
        assert!(last(&reads(false)).is_ok());
    }

    #[test]
    fn inconsistent_offset() {
        is("inconsistent offset", &last(&[(1, reads(0, &[(0, 1)])), (2, reads(0, &[(0, 2)]))]));
    }

    #[test]
    fn skips_and_steps_back_within_a_poll() {
        is("internal nonmonotonic poll", &last(&[(1, reads(0, &[(0, 1), (0, 1)]))]));
        let whole = (1, reads(0, &[(0, 1), (1, 2), (2, 3)]));
        is("internal poll skip", &last(&[whole, (2, reads(0, &[(0, 1), (2, 3)]))]));
        assert!(last(&[(2, reads(0, &[(0, 1), (2, 3)]))]).is_ok(), "nobody has seen one between");
    }

    #[test]
    fn skips_and_steps_back_between_polls() {
        let whole = (1, reads(0, &[(0, 1), (1, 2), (2, 3)]));
        let first = (2, reads(0, &[(0, 1)]));
        is("poll skip", &last(&[whole.clone(), first.clone(), (2, reads(2, &[(2, 3)]))]));
        is("nonmonotonic poll", &last(&[first.clone(), (2, reads(0, &[(0, 1)]))]));
        let sought = (2, Observation::Sought { place: place(0) });
        assert!(last(&[whole, first, sought, (2, reads(2, &[(2, 3)]))]).is_ok());
    }

    #[test]
    fn sends_that_go_back() {
        let one_by_one = |second| {
            [
                hands_over(1, &[1], -1, false),
                lies_at(1, 5),
                hands_over(2, &[2], -1, false),
                lies_at(2, second),
            ]
        };
        is("nonmonotonic send", &end(&one_by_one(4)));
        assert!(end(&one_by_one(6)).is_ok());
        let at_once =
            [hands_over(1, &[1], -1, false), hands_over(2, &[2], -1, false), lies_at(1, 5), lies_at(2, 4)];
        assert!(end(&at_once).is_ok(), "nobody knows which came first");
    }

    #[test]
    fn of_what_was_damaged_nothing_need_be_read() {
        let mut jepsen = Jepsen::default();
        for what in [hands_over(1, &[1], -1, false), lies_at(1, 0), reads(1, &[(1, 2)])] {
            jepsen.observed(seen(1), &what).unwrap();
        }
        jepsen.damaged(&place(0), LogId { topic: kelpgate_core::uuid::Uuid([1; 16]), partition: 0 });
        assert!(jepsen.ended(nobody()).is_ok());
    }
}
