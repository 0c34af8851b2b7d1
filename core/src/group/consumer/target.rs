//! The target assignment: what each member is to have, as of a group epoch.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::member::Description;
use super::subscriptions::Subscriptions;
use super::{ConsumerGroup, writing};
use crate::catalogue::image::Image;
use crate::config::GroupCoordinatorConfig;
use crate::group::assignor::{self, Partitions, ServerAssignor, Subscriber, TopicFacts};
use crate::group::step::Step;
use crate::protocol::Str;
use crate::time::WallTime;
use crate::uuid::Uuid;

impl ConsumerGroup {
    /// Computes the target if it is behind the group's epoch and the last computation is long enough ago. Until then
    /// members live on the old one.
    pub(in crate::group) fn maybe_assign(&mut self, step: &mut Step<'_>, group_id: &Str, interval: Duration) {
        if self.assignment_epoch >= self.epoch || !self.may_assign(step.now.wall, interval) {
            return;
        }
        let targets = self.assign(step.image, self.preferred_assignor(step.config));
        for (member, target) in targets {
            if self.targets.get(&member) != Some(&target) {
                self.put(step, writing::target(group_id, &member, Some(&target)));
            }
        }
        self.put(step, writing::assignment(group_id, Some((self.epoch, step.now.wall))));
    }

    /// A clock that went back must not stop assignments.
    fn may_assign(&self, now: WallTime, interval: Duration) -> bool {
        let since = now.0.saturating_sub(self.assignment_time);
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        self.assignment_time == 0 || since < 0 || since >= interval
    }

    /// The assignor that most members name; the first configured if none does, and between equals.
    pub fn preferred_assignor(&self, config: &GroupCoordinatorConfig) -> ServerAssignor {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for name in self.members.values().filter_map(|member| member.description.assignor.as_deref()) {
            *votes.entry(name).or_default() += 1;
        }
        let served = config.consumer_assignors.iter().filter_map(|name| ServerAssignor::by_name(name));
        let mut best: Option<(usize, ServerAssignor)> = None;
        for assignor in served {
            let votes = votes.get(assignor.name()).copied().unwrap_or(0);
            if best.is_none_or(|(most, _)| votes > most) {
                best = Some((votes, assignor));
            }
        }
        best.map_or(ServerAssignor::Uniform, |(_, assignor)| assignor)
    }

    /// The target of each member by its id.
    fn assign(&self, image: &Image, assignor: ServerAssignor) -> Vec<(Str, Partitions)> {
        let nothing = Partitions::new();
        let mut distinct = Distinct::default();
        let topics_of: Vec<usize> = self
            .members
            .values()
            .map(|member| distinct.number(&member.description, &self.subscriptions, image))
            .collect();
        let topics_of =
            topics_of.iter().map(|number| distinct.0.get(*number).map_or(&[][..], |known| &known.ids));
        let subscribers: Vec<Subscriber<'_>> = self
            .members
            .values()
            .zip(topics_of)
            .map(|(member, topics)| Subscriber {
                member_id: &member.id,
                instance_id: member.description.instance_id.as_deref(),
                rack: member.description.rack_id.as_deref(),
                topics,
                owned: self.targets.get(&member.id).unwrap_or(&nothing),
            })
            .collect();
        let targets = assignor::assign(assignor, &subscribers, &self.topic_facts(image));
        self.members.keys().cloned().zip(targets).collect()
    }

    /// Racks are left out: all replicas are on this node, so they tell members from each other in nothing.
    fn topic_facts<'a>(&self, image: &'a Image) -> Vec<TopicFacts<'a>> {
        let topics = self.subscriptions.topics();
        let facts = |topic: &'a Arc<crate::catalogue::image::Topic>| TopicFacts {
            id: topic.id,
            name: &topic.name,
            partitions: topic.partitions.unsigned_abs(),
            racks: &[],
        };
        topics.into_iter().filter_map(|name| image.topic(name)).map(facts).collect()
    }
}

/// The distinct subscriptions of a group's members: their topics are looked up once for all that share one.
#[derive(Default)]
struct Distinct(Vec<Subscription>);

struct Subscription {
    names: Arc<[Str]>,
    regex: Option<Str>,
    /// Of the topics that exist.
    ids: Vec<Uuid>,
}

impl Distinct {
    fn number(&mut self, description: &Description, subscriptions: &Subscriptions, image: &Image) -> usize {
        let same = |known: &Subscription| {
            Arc::ptr_eq(&known.names, &description.names) && known.regex == description.regex
        };
        if let Some(number) = self.0.iter().position(same) {
            return number;
        }
        let (names, regex) = (description.names.clone(), description.regex.clone());
        self.0.push(Subscription { names, regex, ids: subscriptions.ids(description, image) });
        self.0.len() - 1
    }
}
