//! The topics of a node as its clients know them.

use std::collections::BTreeMap;

use kelpgate_core::protocol::Str;
use kelpgate_core::protocol::create_topics::CreatableTopic;
use kelpgate_core::uuid::Uuid;

use super::partition::Partition;

/// Topics with their partitions.
#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Str, Topic>,
    /// The latest that the node's wall clock has shown, in milliseconds.
    pub latest: i64,
    /// The node drops old records of all topics.
    pub trimmed: bool,
    /// The highest leader epoch that the node has told anybody; -1 before.
    pub leader_epoch: i32,
    /// Names of ids, those of deleted topics too.
    names: BTreeMap<Uuid, Str>,
}

/// One topic, or one that somebody asked for.
#[derive(Debug, Default)]
pub struct Topic {
    standing: Standing,
    /// Counts its lives: what was asked in an earlier one is not compared.
    pub life: u64,
    pub kept: Kept,
    /// How long records are kept at least, in milliseconds, if nothing but time takes them.
    retention: Option<i64>,
    latest: i64,
    /// How many partitions it has at least.
    pub partitions: i32,
    logs: BTreeMap<i32, Partition>,
}

/// Whether a topic is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// It may have been made, by somebody who has not heard so yet.
    #[default]
    Unknown,
    Exists,
    /// It is being deleted, or was.
    Doubtful,
}

/// How a topic keeps what is sent to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// As it was sent, until somebody deletes it.
    #[default]
    Whole,
    /// Only so much, or for so long.
    Trimmed,
    /// In another form, or not each record.
    Changed,
}

impl Kept {
    /// What the configurations of a topic mean for what is kept.
    pub fn of(topic: &CreatableTopic) -> Kept {
        let configs = topic.configs.iter();
        configs.map(|config| kept(&config.name, config.value.as_deref())).max().unwrap_or_default()
    }
}

impl Topics {
    /// A topic by its name or, where that is empty, by its id.
    pub fn resolve(&self, name: &Str, id: Uuid) -> Option<Str> {
        if name.is_empty() { self.names.get(&id).cloned() } else { Some(name.clone()) }
    }

    /// A client was told the id of a topic.
    pub fn named(&mut self, name: &Str, id: Uuid) {
        if id != Uuid::ZERO && !self.names.contains_key(&id) {
            self.names.insert(id, name.detach());
        }
    }

    /// Whether it is certain that there is such a partition.
    pub fn knows(&self, name: &Str, partition: i32) -> bool {
        self.by_name.get(name).is_some_and(|topic| topic.has(partition))
    }

    /// What is known of a topic.
    pub fn topic(&mut self, name: &Str) -> &mut Topic {
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.detach(), Topic::default());
        }
        let topic = self.by_name.get_mut(name).expect("it was put there");
        topic.latest = self.latest;
        if self.trimmed {
            topic.kept = topic.kept.max(Kept::Trimmed);
        }
        topic
    }

    /// Somebody asks for a topic with these configurations.
    pub fn wanted(&mut self, topic: &CreatableTopic) {
        let found = self.topic(&topic.name);
        found.kept = found.kept.max(Kept::of(topic));
        let value = |name: &str| {
            topic
                .configs
                .iter()
                .find(|config| &*config.name == name)
                .and_then(|config| config.value.as_deref())
        };
        let by_time = value("retention.bytes").is_none();
        found.retention = value("retention.ms").filter(|_| by_time).and_then(|ms| ms.parse().ok());
    }

    /// A topic is there, and was made just now if `anew`.
    pub fn exists(&mut self, name: &Str, partitions: i32, anew: bool) {
        let topic = self.topic(name);
        if anew && topic.standing == Standing::Doubtful {
            topic.next_life();
        }
        if anew || topic.standing != Standing::Doubtful {
            topic.standing = Standing::Exists;
            topic.partitions = topic.partitions.max(partitions);
        }
    }

    /// Somebody deletes a topic.
    pub fn deleting(&mut self, name: &Str) {
        let topic = self.topic(name);
        topic.standing = Standing::Doubtful;
        topic.partitions = 0;
        topic.next_life();
    }

    /// Somebody changes what a topic is configured with.
    pub fn reconfigured(&mut self, name: &Str) {
        self.topic(name).kept = Kept::Changed;
    }

    /// All partitions of all topics.
    pub fn logs(&mut self) -> impl Iterator<Item = (&Str, i32, Kept, &mut Partition)> {
        self.by_name.iter_mut().flat_map(|(name, topic)| {
            let kept = topic.kept;
            topic.logs.iter_mut().map(move |(partition, log)| (name, *partition, kept, log))
        })
    }
}

impl Topic {
    fn next_life(&mut self) {
        self.life += 1;
        self.logs.values_mut().for_each(Partition::begin_anew);
    }

    /// Whether it is certain that it is there, with this partition.
    pub fn has(&self, partition: i32) -> bool {
        self.standing == Standing::Exists && (0..self.partitions).contains(&partition)
    }

    /// Whether answers about it can be compared with what is known.
    pub fn is_comparable(&self, life: u64) -> bool {
        self.life == life && self.standing != Standing::Doubtful
    }

    /// One partition.
    pub fn log(&mut self, partition: i32) -> &mut Partition {
        let trimmed = self.kept >= Kept::Trimmed;
        let log = self.logs.entry(partition).or_default();
        log.expired_before = i64::MAX;
        if trimmed {
            log.may_start_at = i64::MAX;
            log.expired_before = self.retention.map_or(i64::MAX, |most| self.latest.saturating_sub(most));
        }
        log
    }
}

/// What a configuration means for what is kept.
fn kept(name: &str, value: Option<&str>) -> Kept {
    match (name, value) {
        ("cleanup.policy", Some("delete")) | ("compression.type", Some("producer")) => Kept::Whole,
        ("message.timestamp.type", Some("CreateTime")) => Kept::Whole,
        ("retention.ms" | "retention.bytes", Some("-1")) => Kept::Whole,
        ("cleanup.policy" | "compression.type" | "message.timestamp.type", _) => Kept::Changed,
        ("retention.ms" | "retention.bytes", _) => Kept::Trimmed,
        _ => Kept::Whole,
    }
}
