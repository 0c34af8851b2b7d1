//! What an administrator does, and the requests for it.

use kelpgate_core::protocol::consumer_group_describe::ConsumerGroupDescribeRequest;
use kelpgate_core::protocol::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kelpgate_core::protocol::create_topics::CreateTopicsRequest;
use kelpgate_core::protocol::delete_groups::DeleteGroupsRequest;
use kelpgate_core::protocol::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kelpgate_core::protocol::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use kelpgate_core::protocol::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use kelpgate_core::protocol::describe_groups::DescribeGroupsRequest;
use kelpgate_core::protocol::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kelpgate_core::protocol::list_groups::ListGroupsRequest;
use kelpgate_core::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kelpgate_core::protocol::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kelpgate_core::protocol::{ApiKey, Request, Str};

use super::AdministratorOptions;
use crate::client::Context;
use crate::client::creator::creatable;
use crate::history::Place;
use crate::random::Random;

/// The group that the administrator commits for itself, as tools do that set offsets; no member ever joins it.
const OWN_GROUP: Str = Str::from_static("administered");
/// The resource type of topics in configurations.
const TOPIC: i8 = 2;
/// How long a node may take.
const TIMEOUT_MS: i32 = 5_000;
/// Most partitions that a topic grows to.
const MOST_PARTITIONS: i32 = 8;

/// One kind of thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// One of its own topics; it may be there.
    CreateTopic,
    /// One of its own topics; it may be gone.
    DeleteTopic,
    AddPartition,
    AlterConfigs,
    DescribeConfigs,
    DeleteRecords,
    ListGroups,
    DescribeGroups,
    DescribeConsumerGroups,
    /// For its own group.
    CommitOffsets,
    DeleteOffsets,
    DeleteGroup,
}

impl Errand {
    /// All of them.
    pub const ALL: [Errand; 12] = [
        Errand::CreateTopic,
        Errand::DeleteTopic,
        Errand::AddPartition,
        Errand::AlterConfigs,
        Errand::DescribeConfigs,
        Errand::DeleteRecords,
        Errand::ListGroups,
        Errand::DescribeGroups,
        Errand::DescribeConsumerGroups,
        Errand::CommitOffsets,
        Errand::DeleteOffsets,
        Errand::DeleteGroup,
    ];

    /// The request, in any of its versions. Where records are deleted is not known here: that errand looks at the
    /// groups.
    pub(super) fn request(self, options: &AdministratorOptions, random: &mut Random) -> (i16, Request) {
        match self {
            Errand::CreateTopic => {
                let topics = options.own.iter().take(1 + random.below(options.own.len())).map(creatable);
                let request = CreateTopicsRequest {
                    topics: topics.collect(),
                    timeout_ms: TIMEOUT_MS,
                    ..Default::default()
                };
                // Before version 4, all is to be given.
                versioned(random.within(4..=7) as i16, request)
            }
            Errand::DeleteTopic => delete_topic(options, random),
            Errand::AddPartition => {
                let (name, partitions) = random.pick(&options.used).clone();
                let count = random.within(partitions as u64 + 1..=MOST_PARTITIONS as u64) as i32;
                let topic = CreatePartitionsTopic { name, count, assignments: None, ..Default::default() };
                let request = CreatePartitionsRequest {
                    topics: vec![topic],
                    timeout_ms: TIMEOUT_MS,
                    ..Default::default()
                };
                versioned(any_version(ApiKey::CreatePartitions, random), request)
            }
            Errand::AlterConfigs => alter_configs(options, random),
            Errand::DescribeConfigs => {
                let resource = DescribeConfigsResource {
                    resource_type: TOPIC,
                    resource_name: random.pick(&options.used).0.clone(),
                    configuration_keys: None,
                    ..Default::default()
                };
                let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
                versioned(any_version(ApiKey::DescribeConfigs, random), request)
            }
            Errand::ListGroups | Errand::DeleteRecords => {
                versioned(any_version(ApiKey::ListGroups, random), ListGroupsRequest::default())
            }
            Errand::DescribeGroups => {
                let request = DescribeGroupsRequest { groups: options.groups.clone(), ..Default::default() };
                versioned(any_version(ApiKey::DescribeGroups, random), request)
            }
            Errand::DescribeConsumerGroups => {
                let request =
                    ConsumerGroupDescribeRequest { group_ids: options.groups.clone(), ..Default::default() };
                versioned(any_version(ApiKey::ConsumerGroupDescribe, random), request)
            }
            Errand::CommitOffsets => commit_offsets(options, random),
            Errand::DeleteOffsets => {
                let topic = OffsetDeleteRequestTopic {
                    name: random.pick(&options.used).0.clone(),
                    partitions: vec![OffsetDeleteRequestPartition::default()],
                    ..Default::default()
                };
                let request =
                    OffsetDeleteRequest { group_id: OWN_GROUP, topics: vec![topic], ..Default::default() };
                versioned(0, request)
            }
            Errand::DeleteGroup => {
                let request = DeleteGroupsRequest { groups_names: vec![OWN_GROUP], ..Default::default() };
                versioned(any_version(ApiKey::DeleteGroups, random), request)
            }
        }
    }
}

fn versioned(version: i16, request: impl Into<Request>) -> (i16, Request) {
    (version, request.into())
}

fn any_version(key: ApiKey, random: &mut Random) -> i16 {
    let versions = key.versions();
    random.within(versions.first as u64..=versions.last as u64) as i16
}

fn delete_topic(options: &AdministratorOptions, random: &mut Random) -> (i16, Request) {
    let name = random.pick(&options.own).name.clone();
    let version = any_version(ApiKey::DeleteTopics, random);
    let request = match version {
        0..=5 => {
            DeleteTopicsRequest { topic_names: vec![name], timeout_ms: TIMEOUT_MS, ..Default::default() }
        }
        _ => {
            let topic = DeleteTopicState { name: Some(name), ..Default::default() };
            DeleteTopicsRequest { topics: vec![topic], timeout_ms: TIMEOUT_MS, ..Default::default() }
        }
    };
    versioned(version, request)
}

/// Of topics that are used only such configurations are changed as lose no record and reorder none.
fn alter_configs(options: &AdministratorOptions, random: &mut Random) -> (i16, Request) {
    const HARMLESS: [(&str, &str); 8] = [
        ("segment.bytes", "2000000"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "1000"),
        ("index.interval.bytes", "100"),
        ("compression.type", "gzip"),
        ("compression.type", "producer"),
        ("message.timestamp.type", "LogAppendTime"),
        ("message.timestamp.type", "CreateTime"),
    ];
    const LOSSY: [(&str, &str); 5] = [
        ("retention.ms", "1000"),
        ("retention.bytes", "1000"),
        ("segment.ms", "500"),
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "delete"),
    ];
    let (resource_name, (name, value)) = match random.chance(2) && !options.own.is_empty() {
        true => (random.pick(&options.own).name.clone(), *random.pick(&LOSSY)),
        false => (random.pick(&options.used).0.clone(), *random.pick(&HARMLESS)),
    };
    let delete = random.chance(4);
    let config = AlterableConfig {
        name: Str::from_static(name),
        config_operation: delete.into(),
        value: (!delete).then(|| Str::from_static(value)),
        ..Default::default()
    };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name,
        configs: vec![config],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    versioned(any_version(ApiKey::IncrementalAlterConfigs, random), request)
}

fn commit_offsets(options: &AdministratorOptions, random: &mut Random) -> (i16, Request) {
    let partition = OffsetCommitRequestPartition {
        committed_offset: random.below(100) as i64,
        committed_metadata: Some("set by hand".into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: random.pick(&options.used).0.clone(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = OffsetCommitRequest { group_id: OWN_GROUP, topics: vec![topic], ..Default::default() };
    // In version 10 topics go by id, in 0 nothing but the offset.
    versioned(random.within(1..=9) as i16, request)
}

/// Some partition of these topics.
pub(super) fn any_place(topics: &[(Str, i32)], cx: &mut Context<'_>) -> Option<Place> {
    if topics.is_empty() {
        return None;
    }
    let (topic, partitions) = cx.random.pick(topics).clone();
    let partition = cx.random.below(partitions as usize) as i32;
    Some(Place { node: cx.node, topic, partition })
}

/// Records below `before` go.
pub(super) fn delete_records(place: &Place, before: i64) -> DeleteRecordsRequest {
    let partition =
        DeleteRecordsPartition { partition_index: place.partition, offset: before, ..Default::default() };
    let topic =
        DeleteRecordsTopic { name: place.topic.clone(), partitions: vec![partition], ..Default::default() };
    DeleteRecordsRequest { topics: vec![topic], timeout_ms: TIMEOUT_MS, ..Default::default() }
}
