//! An administrator: topics come and go and grow, configurations change, records are deleted, groups are looked at; one
//! thing at a time.

mod errand;

use std::time::Duration;

use kelpgate_core::protocol::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kelpgate_core::protocol::{ErrorCode, Response, Str};

use super::creator::NewTopic;
use super::line::{Line, LineNews};
use super::{Client, Context, Happening};
use crate::history::{Observation, Place};

pub use errand::Errand;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an administrator works.
#[derive(Clone, Debug)]
pub struct AdministratorOptions {
    pub errands: Vec<Errand>,
    /// Mean time between two.
    pub pause: Duration,
    /// Topics with their partitions that others make and use: they get more partitions and other configurations, and
    /// records may be deleted.
    pub used: Vec<(Str, i32)>,
    /// Topics of its own that come and go. What happens to their records is nobody's business, since those who produce
    /// and fetch by name cannot know which of several topics of that name they have before them.
    pub own: Vec<NewTopic>,
    /// Whether it asks for more records to be deleted than there are, now and then.
    pub overshoots: bool,
    /// Groups to look at.
    pub groups: Vec<Str>,
}

/// A program that administers.
pub struct Administrator {
    options: AdministratorOptions,
    line: Line<What>,
    due: bool,
    healed: bool,
}

#[derive(Debug)]
enum What {
    Errand,
    /// Asked for the end of a partition, of which some records are to be deleted.
    End(Place),
}

impl Administrator {
    pub fn new(options: AdministratorOptions) -> Administrator {
        Administrator { options, line: Line::new(PATIENCE), due: false, healed: false }
    }

    fn act(&mut self, cx: &mut Context<'_>) {
        if self.healed || !self.due || !self.line.is_up() || self.line.waiting().len() > 0 {
            return;
        }
        self.due = false;
        match *cx.random.pick(&self.options.errands) {
            Errand::DeleteRecords => self.ask_end(cx),
            errand => {
                let (version, request) = errand.request(&self.options, cx.random);
                self.line.send(cx, What::Errand, version, request);
            }
        }
    }

    /// Only the end tells how many records there are to be deleted.
    fn ask_end(&mut self, cx: &mut Context<'_>) {
        let Some(place) = errand::any_place(&self.options.used, cx) else { return };
        let partition = ListOffsetsPartition {
            partition_index: place.partition,
            timestamp: super::consumption::LATEST,
            ..Default::default()
        };
        let topic =
            ListOffsetsTopic { name: place.topic.clone(), partitions: vec![partition], ..Default::default() };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        self.line.send(cx, What::End(place), 7, request);
    }

    fn answered(&mut self, cx: &mut Context<'_>, what: What, response: &Response) {
        let (What::End(place), Response::ListOffsets(answer)) = (what, response) else { return };
        let Some(found) = answer.topics.first().and_then(|topic| topic.partitions.first()) else { return };
        if found.error_code != ErrorCode::NONE || found.offset <= 0 || self.healed {
            return;
        }
        // Now and then more than there is, which is refused unless it has come meanwhile.
        let beyond =
            if self.options.overshoots && cx.random.chance(2) { cx.random.within(1..=3) as i64 } else { 0 };
        let before = match beyond {
            0 => cx.random.within(0..=found.offset as u64) as i64,
            beyond => found.offset + beyond,
        };
        let request = errand::delete_records(&place, before);
        cx.saw(Observation::RecordsDeleted { place, before });
        let version = cx.random.within(0..=2) as i16;
        self.line.send(cx, What::Errand, version, request);
    }
}

impl Client for Administrator {
    fn name(&self) -> String {
        "administrator".into()
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        match &happening {
            Happening::Started => {
                for topic in &self.options.own {
                    cx.saw(Observation::TopicDeleted { node: cx.node, topic: topic.name.clone() });
                }
                cx.wake_in(self.options.pause);
            }
            Happening::Woken => {
                self.due = true;
                if !self.healed {
                    let pause = cx.random.time(Duration::ZERO..=self.options.pause * 2);
                    cx.wake_in(pause);
                }
            }
            Happening::Healed => self.healed = true,
            Happening::Connected { .. }
            | Happening::Answered { .. }
            | Happening::Bytes { .. }
            | Happening::Closed { .. } => {}
        }
        match self.line.take(happening, cx) {
            LineNews::Nothing | LineNews::Up | LineNews::Down(_) => {}
            LineNews::Answer(what, response) => self.answered(cx, what, &response),
        }
        self.act(cx);
    }

    fn is_done(&self) -> bool {
        self.healed && self.line.waiting().len() == 0
    }
}
