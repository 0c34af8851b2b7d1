//! How far a group has read: asked for when a partition is given, committed now and then and before one is given up.

use std::collections::BTreeMap;

use kelpgate_core::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use kelpgate_core::protocol::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::uuid::Uuid;

use super::base::{Base, Standing, What};
use crate::client::Context;
use crate::client::consumption::{EARLIEST, Position};
use crate::history::{Observation, Op, Outcome, Place};

/// The first version of both requests in which topics go by id.
const BY_ID: i16 = 10;

impl Base {
    /// Asks where the group is in partitions that are new to this member.
    pub(super) fn ask_offsets(&mut self, cx: &mut Context<'_>, standing: &Standing) {
        if self.is_asking(|what| matches!(what, What::Offsets)) {
            return;
        }
        let version = self.options.versions.fetch;
        let mut topics: BTreeMap<Str, Vec<i32>> = BTreeMap::new();
        for place in self.consumption.awaited() {
            topics.entry(place.topic.clone()).or_default().push(place.partition);
        }
        topics.retain(|name, _| version < BY_ID || self.consumption.topics().id(name).is_some());
        if topics.is_empty() {
            return;
        }
        let group_id = self.options.group.clone();
        let request = if version < 8 {
            let topics = topics.into_iter().map(|(name, partition_indexes)| OffsetFetchRequestTopic {
                name,
                partition_indexes,
                ..Default::default()
            });
            OffsetFetchRequest { group_id, topics: Some(topics.collect()), ..Default::default() }
        } else {
            let topics = topics.into_iter().map(|(name, partition_indexes)| OffsetFetchRequestTopics {
                topic_id: self.id_of(&name),
                name,
                partition_indexes,
                ..Default::default()
            });
            let group = OffsetFetchRequestGroup {
                group_id,
                member_id: Some(standing.id.clone()),
                member_epoch: standing.epoch,
                topics: Some(topics.collect()),
                ..Default::default()
            };
            OffsetFetchRequest { topics: Some(Vec::new()), groups: vec![group], ..Default::default() }
        };
        self.coordinator.send(cx, What::Offsets, version, request);
    }

    fn id_of(&self, name: &Str) -> Uuid {
        self.consumption.topics().id(name).unwrap_or(Uuid::ZERO)
    }

    pub(super) fn told_offsets(&mut self, cx: &mut Context<'_>, answer: OffsetFetchResponse) {
        let mut found: Vec<(Place, ErrorCode, i64)> = Vec::new();
        let mut error = answer.error_code;
        let place = |topic: &Str, partition| Place { node: cx.node, topic: topic.clone(), partition };
        for topic in &answer.topics {
            found.extend(
                topic.partitions.iter().map(|one| {
                    (place(&topic.name, one.partition_index), one.error_code, one.committed_offset)
                }),
            );
        }
        for group in &answer.groups {
            error = group.error_code;
            for topic in &group.topics {
                let by_id = self.consumption.topics().name(topic.topic_id);
                let Some(name) = by_id.or((!topic.name.is_empty()).then_some(&topic.name)) else { continue };
                found.extend(
                    topic
                        .partitions
                        .iter()
                        .map(|one| (place(name, one.partition_index), one.error_code, one.committed_offset)),
                );
            }
        }
        if error != ErrorCode::NONE {
            // What it says of the member, the next heartbeat says too.
            self.is_coordinators(cx, error);
            return self.pause(cx);
        }
        if found.iter().any(|(_, error, _)| *error != ErrorCode::NONE) {
            self.consumption.doubt_topics(cx);
            self.pause(cx);
        }
        found.retain(|(_, error, _)| *error == ErrorCode::NONE);
        let offsets = found.into_iter().map(|(place, _, offset)| (place, offset)).collect();
        self.begin(cx, offsets);
    }

    /// Reads on where the group is, or at the first record.
    fn begin(&mut self, cx: &mut Context<'_>, offsets: Vec<(Place, i64)>) {
        for (place, offset) in &offsets {
            if !self.consumption.awaited().any(|awaited| awaited == place) {
                continue;
            }
            if *offset >= 0 {
                self.committed.insert(place.clone(), *offset);
                self.consumption.seek(place, Position::At(*offset));
            } else {
                self.consumption.seek(place, Position::Timestamp(EARLIEST));
            }
        }
        cx.saw(Observation::Committed { node: cx.node, group: self.options.group.clone(), offsets });
    }

    /// What was read and not committed, of topics that are still there.
    pub(super) fn uncommitted(&self) -> BTreeMap<Place, i64> {
        let positions = self.consumption.positions().filter(|(place, offset)| {
            self.committed.get(*place) != Some(offset)
                && self.consumption.topics().partitions(&place.topic) > place.partition
        });
        positions.map(|(place, offset)| (place.clone(), offset)).collect()
    }

    /// Commits when it is time for that.
    pub(super) fn commit_now_and_then(&mut self, cx: &mut Context<'_>, standing: &Standing) {
        if self.commit_due > cx.now {
            return cx.wake_in(self.commit_due.saturating_since(cx.now));
        }
        self.commit(cx, standing);
        cx.wake_in(self.options.commit_every);
    }

    /// Commits what is not, unless that is under way or there is nothing. Nothing is committed before it was worked on.
    pub(super) fn commit(&mut self, cx: &mut Context<'_>, standing: &Standing) {
        self.commit_due = cx.now + self.options.commit_every;
        let version = self.options.versions.commit;
        let mut offsets = self.uncommitted();
        offsets.retain(|place, _| version < BY_ID || self.consumption.topics().id(&place.topic).is_some());
        if offsets.is_empty()
            || self.consumption.busy_until() > cx.now
            || self.is_asking(|what| matches!(what, What::Commit { .. }))
        {
            return;
        }
        let request = self.commit_request(standing, &offsets);
        let op = cx.op();
        cx.saw(Observation::Commit {
            op,
            who: self.who(cx, &standing.id),
            epoch: standing.epoch,
            offsets: offsets.iter().map(|(place, offset)| (place.clone(), *offset)).collect(),
        });
        self.coordinator.send(cx, What::Commit { op, offsets }, version, request);
    }

    /// Once after some rebalances, what is not committed is committed as of the generation or epoch before.
    pub(super) fn commit_late(&mut self, cx: &mut Context<'_>, standing: &Standing) {
        if !self.options.falls_behind || self.healed || self.late_in == standing.epoch {
            return;
        }
        let mut offsets = self.uncommitted();
        let version = self.options.versions.commit;
        offsets.retain(|place, _| version < BY_ID || self.consumption.topics().id(&place.topic).is_some());
        if offsets.is_empty() {
            return;
        }
        self.late_in = standing.epoch;
        let before = Standing { epoch: standing.epoch - 1, ..standing.clone() };
        // An earlier generation than the first is that of nobody.
        if before.epoch > 0 {
            let request = self.commit_request(&before, &offsets);
            self.coordinator.send(cx, What::LateCommit, version, request);
        }
    }

    fn commit_request(&self, standing: &Standing, offsets: &BTreeMap<Place, i64>) -> OffsetCommitRequest {
        let mut topics: BTreeMap<Str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (place, offset) in offsets {
            topics.entry(place.topic.clone()).or_default().push(OffsetCommitRequestPartition {
                partition_index: place.partition,
                committed_offset: *offset,
                committed_metadata: Some(Str::default()),
                ..Default::default()
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| OffsetCommitRequestTopic {
            topic_id: self.id_of(&name),
            name,
            partitions,
            ..Default::default()
        });
        OffsetCommitRequest {
            group_id: self.options.group.clone(),
            generation_id_or_member_epoch: standing.epoch,
            member_id: standing.id.clone(),
            group_instance_id: self.options.instance.clone(),
            topics: topics.collect(),
            ..Default::default()
        }
    }

    pub(super) fn committed(
        &mut self,
        cx: &mut Context<'_>,
        op: Op,
        offsets: BTreeMap<Place, i64>,
        answer: OffsetCommitResponse,
    ) {
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let mut errors: Vec<ErrorCode> = partitions.map(|one| one.error_code).collect();
        errors.sort();
        errors.dedup();
        let outcome = match errors[..] {
            [ErrorCode::NONE] => Outcome::Done(()),
            [error] if !may_have_happened(error) => Outcome::Refused(error),
            _ => Outcome::Unknown,
        };
        if outcome == Outcome::Done(()) {
            let owned = self.owned();
            self.committed.extend(offsets.into_iter().filter(|(place, _)| owned.contains(place)));
        }
        cx.saw(Observation::CommitEnded { op, outcome });
        for error in errors {
            self.is_coordinators(cx, error);
        }
    }
}

/// Whether an error leaves open if the offsets were kept.
fn may_have_happened(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::KAFKA_STORAGE_ERROR
    )
}
