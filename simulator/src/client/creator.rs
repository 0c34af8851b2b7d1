//! Makes the topics that the others use, and tries until they are there.

use std::time::Duration;

use kelpgate_core::protocol::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use kelpgate_core::protocol::{ErrorCode, Response, Str};

use super::line::{Line, LineNews};
use super::{Client, Context, Happening};

/// A topic to be made.
#[derive(Clone, Debug)]
pub struct NewTopic {
    pub name: Str,
    pub partitions: i32,
    pub configs: Vec<(Str, Str)>,
}

/// A program that makes topics.
pub struct Creator {
    wanted: Vec<NewTopic>,
    line: Line<()>,
}

impl Creator {
    pub fn new(wanted: Vec<NewTopic>) -> Creator {
        Creator { wanted, line: Line::new(Duration::from_secs(10)) }
    }

    fn send(&mut self, cx: &mut Context<'_>) {
        if self.wanted.is_empty() || !self.line.is_up() || self.line.waiting().len() > 0 {
            return;
        }
        let topics = self.wanted.iter().map(creatable);
        let request =
            CreateTopicsRequest { topics: topics.collect(), timeout_ms: 5_000, ..Default::default() };
        self.line.send(cx, (), 5, request);
    }
}

impl Client for Creator {
    fn name(&self) -> String {
        "creator of topics".into()
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        if let LineNews::Answer((), response) = self.line.take(happening, cx)
            && let Response::CreateTopics(answer) = *response
        {
            for topic in answer.topics {
                if matches!(topic.error_code, ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS) {
                    self.wanted.retain(|wanted| wanted.name != topic.name);
                }
            }
            cx.wake_in(Duration::from_millis(100));
            return;
        }
        self.send(cx);
    }

    fn is_done(&self) -> bool {
        self.wanted.is_empty()
    }
}

/// A topic as CreateTopics has it.
pub(super) fn creatable(topic: &NewTopic) -> CreatableTopic {
    let configs = topic.configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
        ..Default::default()
    });
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: configs.collect(),
        ..Default::default()
    }
}
