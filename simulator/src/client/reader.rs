//! A consumer whose partitions are given to it.

use std::time::Duration;

use kelpgate_core::protocol::Str;
use kelpgate_core::time::Instant;

use super::consumption::{Consumption, EARLIEST, FetchOptions, Position};
use super::producer::FIRST_TIMESTAMP;

use super::{Client, Context, Happening};
use crate::history::{Observation, Place};

/// Timestamps that are looked for are multiples of so many milliseconds.
pub const CLOCK_STEP: u64 = 100;

/// How a consumer reads.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Topics with their partitions.
    pub topics: Vec<(Str, i32)>,
    pub fetch: FetchOptions,
    /// Where it begins.
    pub start: Position,
    /// Mean time after which it reads on somewhere else, if it ever does.
    pub jumps: Option<Duration>,
    /// Whether it reads on from a time rather than from an offset then.
    pub by_time: bool,
    /// Whether it goes on for ever; if not, it is done when it has read all that there was when it was told to finish.
    pub endless: bool,
}

/// A program that reads.
pub struct Reader {
    options: ReaderOptions,
    consumption: Consumption,
    jump_at: Option<Instant>,
    healed: bool,
}

impl Reader {
    pub fn new(options: ReaderOptions) -> Reader {
        let consumption = Consumption::new(options.fetch.clone());
        Reader { options, consumption, jump_at: None, healed: false }
    }

    /// Reads on somewhere else when it is time; once the world is healed, from the first record on, so that everything
    /// is read.
    fn jump(&mut self, cx: &mut Context<'_>) {
        let Some(pause) = self.options.jumps.filter(|_| !self.healed) else { return };
        if self.jump_at.is_some_and(|at| at <= cx.now) {
            let places: Vec<Place> = self.consumption.places().cloned().collect();
            if !places.is_empty() {
                let place = cx.random.pick(&places).clone();
                let position = match self.options.by_time {
                    false => Position::Anywhere,
                    true => Position::Timestamp(some_timestamp(cx)),
                };
                self.seek(cx, place, position);
            }
            self.jump_at = None;
        }
        let at = *self.jump_at.get_or_insert_with(|| cx.now + cx.random.time(Duration::ZERO..=pause * 2));
        cx.wake_in(at.saturating_since(cx.now));
    }

    fn seek(&mut self, cx: &mut Context<'_>, place: Place, position: Position) {
        self.consumption.seek(&place, position);
        cx.saw(Observation::Sought { place });
    }
}

/// A time since the beginning, in steps that the clocks of some producers take.
fn some_timestamp(cx: &mut Context<'_>) -> i64 {
    let steps = cx.now.0 / 1_000_000 / CLOCK_STEP;
    FIRST_TIMESTAMP + (cx.random.within(0..=steps) * CLOCK_STEP) as i64
}

impl Client for Reader {
    fn name(&self) -> String {
        format!("reader of {} topics with Fetch v{}", self.options.topics.len(), self.options.fetch.version)
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        match happening {
            Happening::Started => {
                let all = self.options.topics.iter().flat_map(|(topic, partitions)| {
                    let place = |partition| Place { node: cx.node, topic: topic.clone(), partition };
                    (0..*partitions).map(place)
                });
                self.consumption.assign(all.collect(), self.options.start);
            }
            Happening::Healed => {
                self.healed = true;
                self.consumption.heal(cx);
                let places: Vec<Place> = self.consumption.places().cloned().collect();
                if self.options.jumps.is_some() {
                    for place in places {
                        self.seek(cx, place, Position::Timestamp(EARLIEST));
                    }
                }
            }
            Happening::Woken
            | Happening::Connected { .. }
            | Happening::Answered { .. }
            | Happening::Bytes { .. }
            | Happening::Closed { .. } => {}
        }
        self.consumption.take(happening, cx);
        self.jump(cx);
        if self.options.endless || !self.is_done() {
            self.consumption.act(cx);
        }
    }

    fn is_done(&self) -> bool {
        self.healed && self.consumption.is_read_up()
    }
}
