//! One step of one group: what it may use, and what comes of it.

use alloc::string::String;
use alloc::vec::Vec;

use rand_chacha::ChaCha12Rng;

use super::question::GroupAnswer;
use super::record::GroupRecord;
use crate::catalogue::image::Image;
use crate::config::GroupCoordinatorConfig;
use crate::machine::Level;
use crate::shard_message::Asker;
use crate::time::Now;

/// What a group may use during a step, and where it puts what comes of it.
pub struct Step<'a> {
    /// Deadlines are mono, records and offsets bear the wall's time.
    pub now: Now,
    pub config: &'a GroupCoordinatorConfig,
    /// The topics there are.
    pub image: &'a Image,
    /// Draws member ids.
    pub random: &'a mut ChaCha12Rng,
    pub effects: &'a mut Effects,
}

/// What came of a step. State has changed already: should the records not become durable, everything since is undone by
/// reading the log again, and answers that told of it have not left.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be stored together, in this order.
    pub records: Vec<GroupRecord>,
    /// To be given once these records, and all before them of the same group, are durable.
    pub answers: Vec<(Asker, GroupAnswer)>,
    /// Things a person should know.
    pub notes: Vec<(Level, String)>,
}

impl Step<'_> {
    /// Stores a record.
    pub fn record(&mut self, record: GroupRecord) {
        self.effects.records.push(record);
    }

    /// Answers a question.
    pub fn answer(&mut self, asker: Asker, answer: impl Into<GroupAnswer>) {
        self.effects.answers.push((asker, answer.into()));
    }

    /// Says something that a person should know.
    pub fn note(&mut self, level: Level, text: String) {
        self.effects.notes.push((level, text));
    }
}
