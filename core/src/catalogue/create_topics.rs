//! CreateTopics (19), and topics made on demand (`ControllerApis.createTopics`, `ReplicationControlManager.createTopics`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::change::Change;
use super::record::CatalogueRecord;
use super::refusal::Refusal;
use super::{Context, Random, assignment, internal_topics, limits, names};
use crate::config::{self, Overrides, Target};
use crate::mutant::{Mutant, is_on};
use crate::protocol::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::protocol::{ErrorCode, Str};
use crate::uuid::Uuid;

/// Judges a request to make topics. A topic that is refused does not keep the others from being made.
pub(super) fn change(
    context: &Context<'_>,
    request: &CreateTopicsRequest,
    random: &mut Random<'_>,
) -> Change<CreateTopicsResponse> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    let once = |topic: &&CreatableTopic| times.get(&*topic.name) == Some(&1);
    let asked_for = request.topics.iter().filter(once).map(|topic| asked_for(context, topic)).sum::<i64>();
    if asked_for > limits::PARTITIONS_PER_REQUEST {
        let message = Str::from_static("Excessively large number of partitions per request.");
        let response = refuse(request, ErrorCode::POLICY_VIOLATION, Some(message));
        return Change { records: Vec::new(), response };
    }
    let mut making = Making::new(context);
    let mut results = Vec::with_capacity(times.len());
    for topic in &request.topics {
        let made = match times.get_mut(&*topic.name) {
            Some(1) => making.make(topic, random),
            // All of them are answered by one result.
            Some(0) | None => continue,
            Some(times) => {
                *times = 0;
                Err(Refusal::invalid_request("Duplicate topic name."))
            }
        };
        results.push(match made {
            Ok(new) => making.result(&new),
            Err(refusal) => failed(topic.name.clone(), refusal.code, refusal.message),
        });
    }
    let records = if request.validate_only { Vec::new() } else { making.records };
    Change { records, response: CreateTopicsResponse { topics: results, ..Default::default() } }
}

/// The answer when the request is refused as a whole.
pub(super) fn refuse(
    request: &CreateTopicsRequest,
    error: ErrorCode,
    message: Option<Str>,
) -> CreateTopicsResponse {
    let refuse = |topic: &CreatableTopic| failed(topic.name.clone(), error, message.clone());
    CreateTopicsResponse { topics: request.topics.iter().map(refuse).collect(), ..Default::default() }
}

/// The result of a topic that was not made.
pub(super) fn failed(name: Str, error_code: ErrorCode, error_message: Option<Str>) -> CreatableTopicResult {
    CreatableTopicResult { name, error_code, error_message, ..Default::default() }
}

/// An upper bound of the partitions that a topic would add.
fn asked_for(context: &Context<'_>, topic: &CreatableTopic) -> i64 {
    match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => i64::from(context.image.broker().num_partitions),
        (0, count) => i64::from(count.max(0)),
        (placed, _) => placed as i64,
    }
}

/// Makes topics that clients asked for by using them (`auto.create.topics.enable`, `AutoTopicCreationManager`): with the
/// node's defaults, internal topics with theirs. Those that exist by now or cannot be made are left out.
pub fn on_demand(context: &Context<'_>, names: &[Str], random: &mut Random<'_>) -> Vec<CatalogueRecord> {
    let mut making = Making::new(context);
    let mut partitions = 0;
    for name in names {
        let topic = internal_topics::on_demand(name, context.image.broker_layers());
        partitions += asked_for(context, &topic);
        if partitions > limits::PARTITIONS_PER_REQUEST {
            break;
        }
        // Whoever asked looks again and finds out.
        let _refused_or_made = making.make(&topic, random);
    }
    making.records
}

/// The topics of one request as they add up.
struct Making<'a> {
    context: &'a Context<'a>,
    records: Vec<CatalogueRecord>,
    ids: BTreeSet<Uuid>,
    names: BTreeSet<Str>,
    /// Names with `.` or `_`, by the form in which they would collide.
    collisions: BTreeMap<String, Str>,
    partitions: u64,
    /// What the last result said of its configurations, and of which: most topics of a request are configured alike.
    shown: Option<(Overrides, Vec<CreatableTopicConfigs>)>,
}

/// A topic that passed every check.
struct NewTopic {
    id: Uuid,
    name: Str,
    partitions: i32,
    overrides: Overrides,
}

impl<'a> Making<'a> {
    fn new(context: &'a Context<'a>) -> Making<'a> {
        Making {
            context,
            records: Vec::new(),
            ids: BTreeSet::new(),
            names: BTreeSet::new(),
            collisions: BTreeMap::new(),
            partitions: context.image.partition_count(),
            shown: None,
        }
    }

    fn make(&mut self, topic: &CreatableTopic, random: &mut Random<'_>) -> Result<NewTopic, Refusal> {
        self.check_name(&topic.name)?;
        let configs: Vec<(&str, Option<&str>)> =
            topic.configs.iter().map(|config| (&*config.name, config.value.as_deref())).collect();
        let overrides = config::new_topic(self.context.image.broker_layers(), &configs)?;
        let partitions = self.count_partitions(topic)?;
        let all = self.partitions.saturating_add(u64::from(partitions.unsigned_abs()));
        if all > limits::PARTITIONS {
            return Err(Refusal::new(
                ErrorCode::POLICY_VIOLATION,
                format!("All topics together cannot have more than {} partitions.", limits::PARTITIONS),
            ));
        }
        self.partitions = all;
        let name = topic.name.detach();
        if let Some(form) = names::collision_form(&name) {
            self.collisions.insert(form, name.clone());
        }
        self.names.insert(name.clone());
        let id = match is_on(Mutant::RecreatedTopicShowsOldRecords) {
            true => id_of_name(&name),
            false => self.new_id(random),
        };
        self.records.push(CatalogueRecord::Topic {
            id,
            name: name.clone(),
            partitions,
            overrides: overrides.clone(),
        });
        Ok(NewTopic { id, name, partitions, overrides })
    }

    /// A topic that exists is reported as such even if its name could not be given today.
    fn check_name(&self, name: &Str) -> Result<(), Refusal> {
        let image = self.context.image;
        if **name == *names::CLUSTER_METADATA {
            return Err(Refusal::invalid_request(format!(
                "Creation of internal topic {name} is prohibited."
            )));
        }
        if image.topic(name).is_some() || self.names.contains(name) {
            return Err(Refusal::new(
                ErrorCode::TOPIC_ALREADY_EXISTS,
                format!("Topic '{name}' already exists."),
            ));
        }
        let invalid = |message: String| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message);
        let form = names::collision_form(name);
        let taken = image.collides_with(name).or_else(|| self.collisions.get(form.as_ref()?));
        if let Some(taken) = taken {
            return Err(invalid(format!("Topic '{name}' collides with existing topic: {taken}")));
        }
        names::check(name).map_err(invalid)
    }

    fn count_partitions(&self, topic: &CreatableTopic) -> Result<i32, Refusal> {
        let broker = self.context.image.broker();
        if !topic.assignments.is_empty() {
            let unset = |what: &str| {
                Refusal::invalid_request(format!(
                    "A manual partition assignment was specified, but {what} was not set to -1."
                ))
            };
            if topic.replication_factor != -1 {
                return Err(unset("replication factor"));
            }
            if topic.num_partitions != -1 {
                return Err(unset("numPartitions"));
            }
            let placed = topic.assignments.iter().map(|one| (one.partition_index, &*one.broker_ids));
            assignment::check_all(placed, broker.node_id)?;
            return Ok(i32::try_from(topic.assignments.len()).unwrap_or(i32::MAX));
        }
        let replicas = match topic.replication_factor {
            -1 => broker.default_replication_factor,
            factor if factor < 1 => {
                return Err(Refusal::new(
                    ErrorCode::INVALID_REPLICATION_FACTOR,
                    "Replication factor must be larger than 0, or -1 to use the default value.",
                ));
            }
            factor => i32::from(factor),
        };
        let partitions = match topic.num_partitions {
            -1 => broker.num_partitions,
            count if count < 1 => {
                return Err(Refusal::new(
                    ErrorCode::INVALID_PARTITIONS,
                    "Number of partitions was set to an invalid non-positive value.",
                ));
            }
            count => count,
        };
        if replicas != 1 {
            return Err(Refusal::new(
                ErrorCode::INVALID_REPLICATION_FACTOR,
                format!(
                    "Unable to replicate the partition {replicas} time(s): The target replication factor of \
                     {replicas} cannot be reached because only 1 broker(s) are registered."
                ),
            ));
        }
        Ok(partitions)
    }

    /// A random id as Kafka's are (`Uuid.randomUuid`): version 4 of RFC 9562, hence neither zero nor reserved, and not
    /// one whose text begins with a dash, which command lines take for an option.
    fn new_id(&mut self, random: &mut Random<'_>) -> Uuid {
        let mut bytes = random();
        if bytes[0] >> 2 == 62 {
            bytes[0] ^= 0x80;
        }
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        // Only a poor generator gives an id that is taken.
        while self.context.image.topic_by_id(Uuid(bytes)).is_some() || !self.ids.insert(Uuid(bytes)) {
            let tail = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
            bytes[12..].copy_from_slice(&tail.wrapping_add(1).to_be_bytes());
        }
        Uuid(bytes)
    }

    /// The result of a topic that was made: from version 5 on with all its configurations (KIP-525).
    fn result(&mut self, new: &NewTopic) -> CreatableTopicResult {
        CreatableTopicResult {
            name: new.name.clone(),
            topic_id: new.id,
            error_message: None,
            num_partitions: new.partitions,
            replication_factor: 1,
            configs: Some(if self.context.version >= 5 { self.show(&new.overrides) } else { Vec::new() }),
            ..Default::default()
        }
    }

    fn show(&mut self, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
        if let Some((known, shown)) = &self.shown
            && known == overrides
        {
            return shown.clone();
        }
        let entries = config::describe(Target::Topic(overrides), self.context.image.broker_layers(), None);
        let shown: Vec<CreatableTopicConfigs> = entries
            .into_iter()
            .map(|entry| CreatableTopicConfigs {
                name: Str::from(entry.name),
                value: entry.value.map(Str::from),
                read_only: entry.read_only,
                config_source: entry.source.code(),
                is_sensitive: entry.sensitive,
                ..Default::default()
            })
            .collect();
        self.shown = Some((overrides.clone(), shown.clone()));
        shown
    }
}

/// The id of every topic of that name, deleted ones included: a mutant's.
fn id_of_name(name: &str) -> Uuid {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    Uuid(hasher.finish128().as_bytes())
}

#[cfg(test)]
mod tests;
