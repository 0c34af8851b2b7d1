//! A partition that a request is about.

use kelpgate_core::protocol::{ErrorCode, Str};

use super::Trouble;
use super::partition::{Bounds, Partition};
use super::topics::{Topic, Topics};

/// A partition as a request names it, with what somebody knew of it when the request was sent.
#[derive(Debug)]
pub struct Target {
    pub topic: Str,
    pub partition: i32,
    /// Which of several topics of that name.
    life: u64,
    /// It was certain that it was there.
    had: bool,
    pub bounds: Bounds,
    /// The leader epoch that the request names; -1 for none.
    epoch: i32,
    /// The highest that the node had told anybody.
    told_epoch: i32,
}

impl Target {
    /// Takes note of what is known. `epoch`: the leader epoch in the request, -1 for none.
    pub fn of(topics: &mut Topics, topic: &Str, partition: i32, epoch: i32) -> Target {
        let told_epoch = topics.leader_epoch;
        let found = topics.topic(topic);
        Target {
            topic: topic.clone(),
            partition,
            life: found.life,
            had: found.has(partition),
            bounds: found.log(partition).bounds(),
            epoch,
            told_epoch,
        }
    }

    /// Whether it is this partition.
    pub fn is(&self, topic: &Str, partition: i32) -> bool {
        self.topic == *topic && self.partition == partition
    }

    /// Its topic and its log as they are now, if what was asked then can be compared with them.
    pub fn comparable<'t>(&self, topics: &'t mut Topics) -> Option<&'t mut Topic> {
        Some(topics.topic(&self.topic)).filter(|topic| topic.is_comparable(self.life))
    }

    /// A request that names the epoch of an earlier leader is not to be answered (KIP-320).
    ///
    /// # Errors
    /// When it was.
    pub fn is_answered(&self) -> Result<(), String> {
        match self.epoch >= 0 && self.epoch < self.told_epoch {
            true => Err(format!(
                "it was answered with leader epoch {}, and {} was told before",
                self.epoch, self.told_epoch
            )),
            false => Ok(()),
        }
    }

    /// Whether an error that any request may meet has a reason; none for others.
    pub fn explains(&self, error: ErrorCode, log: &Partition, trouble: Trouble) -> Option<bool> {
        Some(match error {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::INCONSISTENT_TOPIC_ID => !self.had,
            ErrorCode::FENCED_LEADER_EPOCH => self.epoch >= 0,
            ErrorCode::UNKNOWN_LEADER_EPOCH => self.epoch > self.told_epoch,
            ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::REQUEST_TIMED_OUT => true,
            ErrorCode::KAFKA_STORAGE_ERROR => trouble.disk || log.damaged,
            _ => return None,
        })
    }
}

/// What to say of an error.
///
/// # Errors
/// When it has no reason.
pub fn with_reason(allowed: bool, error: ErrorCode) -> Result<(), String> {
    if allowed { Ok(()) } else { Err(format!("{error} without a reason")) }
}
