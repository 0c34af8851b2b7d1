//! One step of one group: what it may use, and what comes of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rand_chacha::ChaCha12Rng;

use super::question::GroupAnswer;
use super::record::GroupRecord;
use crate::catalogue::image::Image;
use crate::config::GroupCoordinatorConfig;
use crate::machine::Level;
use crate::protocol::Str;
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

/// Why a member is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    Left,
    /// It gave no sign of life.
    SessionOver,
    /// It did not join the generation that was being made.
    NotJoined,
    /// It joined a generation and did not ask for its part of it.
    NotSynced,
    /// It did not give up partitions in time.
    NotRevoked,
    /// Its group is larger than it may be.
    NoRoom,
    /// Its instance was started anew and goes by another id.
    Replaced,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Departure::Left => "it left",
            Departure::SessionOver => "its session is over",
            Departure::NotJoined => "it did not join again in time",
            Departure::NotSynced => "it did not ask for its assignment in time",
            Departure::NotRevoked => "it did not give up its partitions in time",
            Departure::NoRoom => "the group is full",
            Departure::Replaced => "its instance was started anew",
        })
    }
}

impl Step<'_> {
    /// Says that a member is gone, for the story of the group.
    pub fn gone(&mut self, group: &Str, member: &Str, why: Departure) {
        self.note(Level::Debug, format!("group {group:?}: member {member} is gone: {why}"));
    }

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
