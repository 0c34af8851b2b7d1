//! The group epoch: it rises when subscriptions or the topics subscribed to have changed, and stands for both.

use alloc::format;
use alloc::vec::Vec;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::{ConsumerGroup, writing};
use crate::catalogue::image::{Image, Topic};
use crate::group::step::Step;
use crate::machine::Level;
use crate::protocol::Str;

impl ConsumerGroup {
    /// Looks at the topics subscribed to: the epoch rises if they are others than at its last rise, or if it must.
    pub(in crate::group) fn look_at_topics(&mut self, step: &mut Step<'_>, group_id: &Str, must_rise: bool) {
        let hash = metadata_hash(&self.subscriptions.topics(), step.image);
        self.run.topics_seen = Some(step.image.change_number());
        if must_rise || hash != self.metadata_hash {
            let epoch = self.epoch.saturating_add(1);
            let why = match must_rise {
                true => "its members or their subscriptions have changed",
                false => "topics that it reads have changed",
            };
            step.note(Level::Debug, format!("group {group_id:?}: epoch {epoch}: {why}"));
            self.put(step, writing::epoch(group_id, Some((epoch, hash))));
        }
        if self.has_partition_metadata {
            self.put(step, writing::no_partition_metadata(group_id));
        }
    }

    /// What the topics subscribed to are like, as a number ([`metadata_hash`]).
    pub(in crate::group) fn topics_hash(&self, image: &Image) -> i64 {
        metadata_hash(&self.subscriptions.topics(), image)
    }

    /// Whether the catalogue may have changed since the topics were last looked at.
    pub(in crate::group) fn must_look_at_topics(&self, image: &Image) -> bool {
        self.run.topics_seen != Some(image.change_number())
    }
}

/// What the topics of these names are like: a number that differs when one is made, deleted, made anew or grown. Topics
/// that do not exist leave no trace, and without topics it is 0.
///
/// It is private to the coordinator (Kafka's is another one, so taking over a log of Kafka costs each group one epoch).
/// Racks are no part of it, since all replicas are on this node.
pub(super) fn metadata_hash(names: &[&Str], image: &Image) -> i64 {
    let topics: Vec<&Topic> =
        names.iter().filter_map(|name| image.topic(name)).map(|topic| topic.as_ref()).collect();
    if topics.is_empty() {
        return 0;
    }
    let mut hasher = SipHasher13::new();
    for topic in topics {
        hasher.write(&topic.id.0);
        hasher.write(&topic.partitions.to_le_bytes());
    }
    hasher.finish().cast_signed()
}
