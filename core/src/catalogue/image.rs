//! What the catalogue's records add up to: the whole durable metadata of the cluster, in memory, on every shard.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use super::names;
use super::record::{CatalogueRecord, Configured};
use crate::config::{BrokerConfig, BrokerLayers, GroupConfig, Overrides, TopicConfig};
use crate::ids::LogId;
use crate::protocol::Str;
use crate::uuid::Uuid;

/// The metadata of the cluster. Only [`Image::apply`] changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    cluster_id: Uuid,
    starts: i32,
    by_name: BTreeMap<Str, Arc<Topic>>,
    by_id: BTreeMap<Uuid, Arc<Topic>>,
    /// Names with `.` or `_`, by the form in which they would collide.
    collisions: BTreeMap<String, Str>,
    partitions: u64,
    nodes: BTreeMap<i32, Overrides>,
    groups: BTreeMap<Str, Overrides>,
    client_metrics: BTreeMap<Str, Overrides>,
    next_producer_id: i64,
    changes: u64,
    /// This node's: fixed, its own and those of all nodes.
    layers: BrokerLayers,
    /// Of `layers`.
    broker: Arc<BrokerConfig>,
    /// Of a topic without overrides: most topics share it.
    inherited: Arc<TopicConfig>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Never zero; another one when a topic of the same name is made anew.
    pub id: Uuid,
    /// Its name.
    pub name: Str,
    /// How many partitions it has, at least one; their indexes count from 0.
    pub partitions: i32,
    /// Whether it belongs to the node itself (`Topic.isInternal`).
    pub internal: bool,
    /// Configurations of its own, as they were given.
    pub overrides: Overrides,
    /// What holds: its own configurations over those of the node.
    pub config: Arc<TopicConfig>,
}

impl Topic {
    /// The logs of its partitions.
    pub fn logs(&self) -> impl Iterator<Item = LogId> {
        let topic = self.id;
        (0..self.partitions).map(move |partition| LogId { topic, partition })
    }
}

/// A record that cannot follow those before it: the log was written by someone else, or is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A topic's id is zero, reserved or already in use.
    #[error("the topic id {0} cannot be used again")]
    IdTaken(Uuid),
    /// A topic of that name exists.
    #[error("a topic {0} exists")]
    NameTaken(Str),
    /// There is no such topic.
    #[error("there is no topic with the id {0}")]
    NoTopic(Uuid),
    /// A topic must have partitions, and never loses any.
    #[error("a topic cannot have {0} partitions now")]
    Partitions(i32),
    /// Numbers of starts and producer ids only rise.
    #[error("the {0} cannot go back to {1}")]
    GoesBack(&'static str, i64),
}

impl Image {
    /// The empty catalogue of a node with these static broker configurations.
    pub fn new(fixed: Overrides) -> Image {
        let layers = BrokerLayers { fixed, ..BrokerLayers::default() };
        Image {
            cluster_id: Uuid::ZERO,
            starts: 0,
            by_name: BTreeMap::new(),
            by_id: BTreeMap::new(),
            collisions: BTreeMap::new(),
            partitions: 0,
            nodes: BTreeMap::new(),
            groups: BTreeMap::new(),
            client_metrics: BTreeMap::new(),
            next_producer_id: 0,
            changes: 0,
            broker: Arc::new(BrokerConfig::new(&layers)),
            inherited: Arc::new(TopicConfig::new(&Overrides::new(), &layers)),
            layers,
        }
    }

    /// The cluster's id; zero before its first record.
    pub fn cluster_id(&self) -> Uuid {
        self.cluster_id
    }

    /// The leader epoch of all partitions of this node: how often it has started; 0 before its first start.
    pub fn leader_epoch(&self) -> i32 {
        self.starts
    }

    /// The first producer id that nobody was given.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// How many records were ever applied: the offset after the last one in the catalogue's log.
    pub fn change_number(&self) -> u64 {
        self.changes
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    /// The topic with that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// The topics from a name on, that name included, in order.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.range::<str, _>((Bound::Included(name), Bound::Unbounded)).map(|(_, topic)| topic)
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> u64 {
        self.partitions
    }

    /// The logs of all partitions in order, after the one given.
    pub fn logs_after(&self, after: Option<LogId>) -> impl Iterator<Item = LogId> {
        let from = after.map_or(Uuid::ZERO, |log| log.topic);
        let seen = move |log: &LogId| after.is_some_and(|after| *log <= after);
        self.by_id.range(from..).flat_map(|(_, topic)| topic.logs()).skip_while(seen)
    }

    /// The name of a topic that differs from this one only in `.` and `_`.
    pub fn collides_with(&self, name: &str) -> Option<&Str> {
        self.collisions.get(&names::collision_form(name)?)
    }

    /// The effective configuration of this node.
    pub fn broker(&self) -> &Arc<BrokerConfig> {
        &self.broker
    }

    /// Where this node's configuration comes from.
    pub fn broker_layers(&self) -> &BrokerLayers {
        &self.layers
    }

    /// Configurations that something has of its own.
    pub fn overrides(&self, of: &Configured) -> Option<&Overrides> {
        match of {
            Configured::Topic(id) => self.by_id.get(id).map(|topic| &topic.overrides),
            Configured::Node(id) => self.nodes.get(id),
            Configured::AllNodes => Some(&self.layers.all_nodes),
            Configured::Group(id) => self.groups.get(id),
            Configured::ClientMetrics(name) => self.client_metrics.get(name),
        }
    }

    /// Groups with configurations of their own, in order.
    pub fn configured_groups(&self) -> impl ExactSizeIterator<Item = (&Str, &Overrides)> {
        self.groups.iter()
    }

    /// What holds for a consumer group; it need not exist.
    pub fn group_config(&self, group: &str) -> GroupConfig {
        let none = Overrides::new();
        GroupConfig::new(self.groups.get(group).unwrap_or(&none), &self.layers)
    }

    /// Nodes with configurations of their own, in order.
    pub fn configured_nodes(&self) -> impl ExactSizeIterator<Item = (&i32, &Overrides)> {
        self.nodes.iter()
    }

    /// Client metrics subscriptions, in order.
    pub fn client_metrics(&self) -> impl ExactSizeIterator<Item = (&Str, &Overrides)> {
        self.client_metrics.iter()
    }

    /// The topic that a record would remove.
    pub fn deleted_by(&self, record: &CatalogueRecord) -> Option<Arc<Topic>> {
        match record {
            CatalogueRecord::TopicDeleted { id } => self.by_id.get(id).cloned(),
            CatalogueRecord::Cluster { .. }
            | CatalogueRecord::Started { .. }
            | CatalogueRecord::Topic { .. }
            | CatalogueRecord::Partitions { .. }
            | CatalogueRecord::Configs { .. }
            | CatalogueRecord::ProducerIds { .. } => None,
        }
    }

    /// Applies the next record. Gives the logs that are gone with it: nothing may read or write them any more, and the
    /// engine is to delete them.
    ///
    /// # Errors
    /// The record contradicts what is there; nothing has changed then.
    pub fn apply(&mut self, record: &CatalogueRecord) -> Result<Vec<LogId>, ApplyError> {
        let mut gone = Vec::new();
        match record {
            CatalogueRecord::Cluster { id } => self.cluster_id = *id,
            CatalogueRecord::Started { number } => {
                rises("number of starts", i64::from(self.starts), i64::from(*number))?;
                self.starts = *number;
            }
            CatalogueRecord::ProducerIds { next } => {
                rises("next producer id", self.next_producer_id, *next)?;
                self.next_producer_id = *next;
            }
            CatalogueRecord::Topic { id, name, partitions, overrides } => {
                self.add_topic(*id, name, *partitions, overrides)?;
            }
            CatalogueRecord::Partitions { topic, count } => self.add_partitions(*topic, *count)?,
            CatalogueRecord::TopicDeleted { id } => gone = self.remove_topic(*id)?,
            CatalogueRecord::Configs { of, overrides } => self.configure(of, overrides)?,
        }
        self.changes += 1;
        Ok(gone)
    }

    /// A snapshot has fewer records than led to it.
    pub(super) fn set_change_number(&mut self, changes: u64) {
        self.changes = changes;
    }

    fn add_topic(
        &mut self,
        id: Uuid,
        name: &Str,
        partitions: i32,
        overrides: &Overrides,
    ) -> Result<(), ApplyError> {
        if id.is_zero() || id == Uuid::METADATA || self.by_id.contains_key(&id) {
            return Err(ApplyError::IdTaken(id));
        }
        if self.by_name.contains_key(name) {
            return Err(ApplyError::NameTaken(name.clone()));
        }
        if partitions < 1 {
            return Err(ApplyError::Partitions(partitions));
        }
        if let Some(form) = names::collision_form(name) {
            self.collisions.insert(form, name.clone());
        }
        self.partitions += u64::from(partitions.unsigned_abs());
        self.put(Topic {
            id,
            name: name.clone(),
            partitions,
            internal: names::is_internal(name),
            overrides: overrides.clone(),
            config: self.config_of(overrides),
        });
        Ok(())
    }

    fn add_partitions(&mut self, id: Uuid, count: i32) -> Result<(), ApplyError> {
        let topic = self.by_id.get(&id).ok_or(ApplyError::NoTopic(id))?;
        if count <= topic.partitions {
            return Err(ApplyError::Partitions(count));
        }
        self.partitions += u64::from((count - topic.partitions).unsigned_abs());
        self.put(Topic { partitions: count, ..Topic::clone(topic) });
        Ok(())
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<Vec<LogId>, ApplyError> {
        let topic = self.by_id.remove(&id).ok_or(ApplyError::NoTopic(id))?;
        self.by_name.remove(&topic.name);
        self.partitions = self.partitions.saturating_sub(u64::from(topic.partitions.unsigned_abs()));
        if let Some(form) = names::collision_form(&topic.name) {
            self.collisions.remove(&form);
        }
        Ok(topic.logs().collect())
    }

    fn configure(&mut self, of: &Configured, overrides: &Overrides) -> Result<(), ApplyError> {
        match of {
            Configured::Topic(id) => {
                let topic = self.by_id.get(id).ok_or(ApplyError::NoTopic(*id))?;
                let config = self.config_of(overrides);
                self.put(Topic { overrides: overrides.clone(), config, ..Topic::clone(topic) });
            }
            Configured::Node(id) => {
                replace(self.nodes.entry(*id), overrides);
                if *id == self.broker.node_id {
                    self.layers.node = overrides.clone();
                    self.broker_changed();
                }
            }
            Configured::AllNodes => {
                self.layers.all_nodes = overrides.clone();
                self.broker_changed();
            }
            Configured::Group(id) => replace(self.groups.entry(id.clone()), overrides),
            Configured::ClientMetrics(name) => replace(self.client_metrics.entry(name.clone()), overrides),
        }
        Ok(())
    }

    /// What holds for a topic with these overrides.
    fn config_of(&self, overrides: &Overrides) -> Arc<TopicConfig> {
        if overrides.is_empty() {
            return self.inherited.clone();
        }
        Arc::new(TopicConfig::new(overrides, &self.layers))
    }

    /// What topics inherit may have changed, and acts at once.
    fn broker_changed(&mut self) {
        self.broker = Arc::new(BrokerConfig::new(&self.layers));
        let inherited = TopicConfig::new(&Overrides::new(), &self.layers);
        if inherited == *self.inherited {
            return;
        }
        self.inherited = Arc::new(inherited);
        let topics: Vec<Arc<Topic>> = self.by_id.values().cloned().collect();
        for topic in topics {
            self.put(Topic { config: self.config_of(&topic.overrides), ..Topic::clone(&topic) });
        }
    }

    fn put(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        self.by_name.insert(topic.name.clone(), topic.clone());
        self.by_id.insert(topic.id, topic);
    }
}

fn rises(what: &'static str, now: i64, next: i64) -> Result<(), ApplyError> {
    if next > now { Ok(()) } else { Err(ApplyError::GoesBack(what, next)) }
}

/// Nothing left of its own means that there is no entry.
fn replace<K: Ord>(entry: Entry<'_, K, Overrides>, overrides: &Overrides) {
    match entry {
        Entry::Occupied(entry) if overrides.is_empty() => {
            entry.remove();
        }
        Entry::Occupied(mut entry) => {
            entry.insert(overrides.clone());
        }
        Entry::Vacant(_) if overrides.is_empty() => {}
        Entry::Vacant(entry) => {
            entry.insert(overrides.clone());
        }
    }
}

#[cfg(test)]
mod tests;
