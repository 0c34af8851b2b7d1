//! What tests of groups need, here and in other crates: a clock, topics, and steps whose effects can be looked at.

use alloc::vec::Vec;
use core::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use super::question::{Client, GroupAnswer};
use super::record::GroupRecord;
use super::step::{Effects, Step};
use crate::catalogue::image::Image;
use crate::catalogue::record::CatalogueRecord;
use crate::config::{GroupCoordinatorConfig, Overrides};
use crate::ids::{ConnId, ShardId};
use crate::shard_message::{AskRef, Asker};
use crate::time::{Instant, Now, WallTime};
use crate::uuid::Uuid;

/// Milliseconds since 1970 at which the clock of every [`World`] starts.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// What surrounds a group.
pub struct World {
    pub now: Now,
    pub config: GroupCoordinatorConfig,
    pub image: Image,
    pub random: ChaCha12Rng,
    asked: u64,
    topics: u8,
}

impl World {
    /// A node with these settings, without topics, its generator always the same.
    pub fn new(fixed: &[(&str, &str)]) -> World {
        let fixed: Overrides = fixed.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let image = Image::new(fixed);
        World {
            now: Now { mono: Instant(1_000_000_000), wall: WallTime(EPOCH_MS) },
            config: image.broker().groups.clone(),
            image,
            random: ChaCha12Rng::from_seed([7; 32]),
            asked: 0,
            topics: 0,
        }
    }

    /// Makes a topic; its id is 16 times its number, counted from 1.
    pub fn topic(&mut self, name: &str, partitions: i32) -> Uuid {
        self.topics += 1;
        let id = Uuid([self.topics; 16]);
        self.change(CatalogueRecord::Topic {
            id,
            name: name.into(),
            partitions,
            overrides: Overrides::new(),
        });
        id
    }

    /// Changes the catalogue.
    pub fn change(&mut self, record: CatalogueRecord) {
        assert!(self.image.apply(&record).is_ok(), "{record:?}");
        self.config = self.image.broker().groups.clone();
    }

    /// Lets time pass.
    pub fn pass(&mut self, milliseconds: u64) {
        self.now.mono = self.now.mono + Duration::from_millis(milliseconds);
        self.now.wall.0 += milliseconds as i64;
    }

    /// Somebody who has not asked before.
    pub fn asker(&mut self) -> Asker {
        self.asked += 1;
        Asker::Client { shard: ShardId(0), ask: AskRef { conn: ConnId(1), request: self.asked, part: 0 } }
    }

    /// Takes a step; gives what it returns and what came of it.
    pub fn step<R>(&mut self, act: impl FnOnce(&mut Step<'_>) -> R) -> (R, Effects) {
        let mut effects = Effects::default();
        let mut step = Step {
            now: self.now,
            config: &self.config,
            image: &self.image,
            random: &mut self.random,
            effects: &mut effects,
        };
        let result = act(&mut step);
        (result, effects)
    }
}

/// A client of that id.
pub fn client(id: &str) -> Client {
    Client { id: id.into(), host: "/10.0.0.1".into() }
}

impl Effects {
    /// The answer to one asker; panics unless there is exactly one.
    pub fn answer_to(&self, asker: Asker) -> &GroupAnswer {
        let answers: Vec<_> = self.answers.iter().filter(|(other, _)| *other == asker).collect();
        match answers.as_slice() {
            [(_, answer)] => answer,
            other => panic!("{} answers to {asker:?}", other.len()),
        }
    }

    /// Whether an asker was not answered.
    pub fn is_parked(&self, asker: Asker) -> bool {
        self.answers.iter().all(|(other, _)| *other != asker)
    }

    /// The records, each through its bytes and back.
    pub fn stored(&self) -> Vec<GroupRecord> {
        let through = |record: &GroupRecord| {
            let (key, value) = record.encode().expect("it fits");
            GroupRecord::decode(&key, value.as_ref()).expect("it is whole").expect("it is of a known type")
        };
        self.records.iter().map(through).collect()
    }
}
