//! Topics of SeaweedMQ: made when they are first published to, and who leads their partitions.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;
use kelpgate_core::time::Now;

use crate::engine::{Op, SmqEngine};
use crate::outbox::SmqOutbox;
use crate::rpc::{Assignment, RpcCommand, RpcError, RpcReply, SmqTopic};
use crate::timers::Due;

/// What is known of a topic.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    /// How many partitions it must have.
    pub(crate) partitions: i32,
    stage: TopicStage,
    failures: u32,
    /// Logs that wait to know their leader.
    waiting: BTreeSet<LogId>,
}

#[derive(Debug, Default)]
enum TopicStage {
    /// Whoever needs to know asks.
    #[default]
    Unknown,
    Asking,
    /// Asking failed, or a partition has no leader: it is asked for again when a timer says so.
    Waiting,
    Known(Vec<Assignment>),
}

impl SmqEngine {
    fn smq_topic(&self, name: &str) -> SmqTopic {
        SmqTopic { namespace: self.config.namespace.clone(), name: name.to_string() }
    }

    /// A topic has at least that many partitions: more than before begin a new generation.
    pub(crate) fn know_topic(&mut self, name: &str, partitions: i32, out: &mut SmqOutbox) {
        let topic = self.topics.entry(name.to_string()).or_default();
        if partitions <= topic.partitions {
            return;
        }
        topic.partitions = partitions;
        if let TopicStage::Known(assignments) = &topic.stage
            && assignments.len() < usize::try_from(partitions).unwrap_or(0)
        {
            topic.stage = TopicStage::Asking;
            self.ensure_topic(name, out);
        }
    }

    /// Who leads the partition of a log. If that is not known, it is asked for, and the log is told.
    pub(crate) fn leader(&mut self, name: &str, id: LogId, out: &mut SmqOutbox) -> Option<Assignment> {
        let topic = self.topics.entry(name.to_string()).or_default();
        match &topic.stage {
            TopicStage::Known(assignments) => {
                let place = usize::try_from(id.partition).unwrap_or(usize::MAX);
                assignments.get(place).cloned()
            }
            TopicStage::Unknown => {
                topic.waiting.insert(id);
                topic.stage = TopicStage::Asking;
                let command = RpcCommand::LookupTopic { topic: self.smq_topic(name) };
                self.rpc(Op::Topic(name.to_string()), command, out);
                None
            }
            TopicStage::Asking | TopicStage::Waiting => {
                topic.waiting.insert(id);
                None
            }
        }
    }

    /// What was known of the leaders did not hold.
    pub(crate) fn forget_leaders(&mut self, name: &str) {
        if let Some(topic) = self.topics.get_mut(name)
            && let TopicStage::Known(_) = topic.stage
        {
            topic.stage = TopicStage::Unknown;
        }
    }

    fn ensure_topic(&mut self, name: &str, out: &mut SmqOutbox) {
        let partitions = self.topics.get(name).map_or(1, |topic| topic.partitions.max(1));
        let command = RpcCommand::EnsureTopic { topic: self.smq_topic(name), partitions };
        self.rpc(Op::Topic(name.to_string()), command, out);
    }

    /// The answer to a lookup, or to a topic's making.
    pub(crate) fn topic_told(
        &mut self,
        now: Now,
        name: &str,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        let wanted = usize::try_from(topic.partitions).unwrap_or(0);
        match outcome {
            Ok(RpcReply::Assignments(assignments)) if assignments.len() < wanted => {
                self.ensure_topic(name, out)
            }
            Ok(RpcReply::Assignments(assignments)) => self.topic_known(now, name, assignments, out),
            Ok(other) => self.topic_failed(now, name, &format!("unexpected {other:?}"), out),
            Err(RpcError::NotFound) => self.ensure_topic(name, out),
            Err(error) => self.topic_failed(now, name, &error.to_string(), out),
        }
    }

    fn topic_known(&mut self, now: Now, name: &str, assignments: Vec<Assignment>, out: &mut SmqOutbox) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        // Brokers that have just started lead nothing yet.
        let leaderless = topic.waiting.iter().any(|id| {
            let place = usize::try_from(id.partition).unwrap_or(usize::MAX);
            assignments.get(place).is_none_or(|assignment| assignment.leader.is_empty())
        });
        if leaderless {
            return self.topic_failed(now, name, &"a partition has no leader yet", out);
        }
        topic.failures = 0;
        topic.stage = TopicStage::Known(assignments);
        let waiting = core::mem::take(&mut topic.waiting);
        for id in &waiting {
            if self.openings.contains_key(id) {
                self.opening_due(now, *id, out);
            }
        }
        self.touched.extend(waiting);
        self.follow_generation(name, out);
    }

    /// Asks again after a while.
    fn topic_failed(&mut self, now: Now, name: &str, error: &dyn core::fmt::Display, out: &mut SmqOutbox) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        topic.stage = TopicStage::Waiting;
        topic.failures += 1;
        let failures = topic.failures;
        Self::note_retry(failures, &format_args!("asking for the leaders of topic {name}"), error, out);
        if topic.partitions > 2520 {
            let text = format!("topic {name} has {} partitions, SeaweedMQ can have 2520", topic.partitions);
            out.note(Level::Error, text);
        }
        let pause = self.pause(failures);
        self.timers.set(now.mono + pause, Due::Topic(name.to_string()));
    }

    pub(crate) fn topic_due(&mut self, name: &str, out: &mut SmqOutbox) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        if let TopicStage::Waiting = topic.stage {
            topic.stage = TopicStage::Asking;
            let command = RpcCommand::LookupTopic { topic: self.smq_topic(name) };
            self.rpc(Op::Topic(name.to_string()), command, out);
        }
    }
}
