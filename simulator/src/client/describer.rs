//! Asks again and again what groups look like, as tools do that show them to people.

use std::time::Duration;

use kelpgate_core::protocol::consumer_group_describe::ConsumerGroupDescribeRequest;
use kelpgate_core::protocol::describe_groups::DescribeGroupsRequest;
use kelpgate_core::protocol::{ApiKey, Str};

use super::line::Line;
use super::{Client, Context, Happening};

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// A program that describes groups, for as long as it is there.
pub struct Describer {
    groups: Vec<Str>,
    line: Line<()>,
    /// Which of the two requests is next: each knows groups of one kind only.
    classic: bool,
    due: bool,
}

impl Describer {
    pub fn new(groups: Vec<Str>) -> Describer {
        Describer { groups, line: Line::new(Duration::from_secs(10)), classic: true, due: true }
    }

    fn ask(&mut self, cx: &mut Context<'_>) {
        let groups = self.groups.clone();
        let any = |key: ApiKey, cx: &mut Context<'_>| {
            let versions = key.versions();
            cx.random.within(versions.first as u64..=versions.last as u64) as i16
        };
        if self.classic {
            let request = DescribeGroupsRequest { groups, ..Default::default() };
            let version = any(ApiKey::DescribeGroups, cx);
            self.line.send(cx, (), version, request);
        } else {
            let request = ConsumerGroupDescribeRequest { group_ids: groups, ..Default::default() };
            let version = any(ApiKey::ConsumerGroupDescribe, cx);
            self.line.send(cx, (), version, request);
        }
        self.classic = !self.classic;
    }
}

impl Client for Describer {
    fn name(&self) -> String {
        "describer of groups".into()
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        self.due |= matches!(happening, Happening::Woken);
        self.line.take(happening, cx);
        if self.due && self.line.is_up() && self.line.waiting().len() == 0 {
            self.due = false;
            self.ask(cx);
        }
        cx.wake_in(PAUSE);
    }

    fn is_done(&self) -> bool {
        true
    }
}
