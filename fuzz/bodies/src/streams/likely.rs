//! Requests that have a meaning for a node with a few topics and groups.

use kelpgate_core::protocol::alter_configs::AlterConfigsRequest;
use kelpgate_core::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kelpgate_core::protocol::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kelpgate_core::protocol::create_topics::{CreatableTopic, CreateTopicsRequest};
use kelpgate_core::protocol::delete_groups::DeleteGroupsRequest;
use kelpgate_core::protocol::delete_topics::DeleteTopicsRequest;
use kelpgate_core::protocol::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kelpgate_core::protocol::find_coordinator::FindCoordinatorRequest;
use kelpgate_core::protocol::heartbeat::HeartbeatRequest;
use kelpgate_core::protocol::init_producer_id::InitProducerIdRequest;
use kelpgate_core::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kelpgate_core::protocol::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kelpgate_core::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use kelpgate_core::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kelpgate_core::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kelpgate_core::protocol::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kelpgate_core::protocol::wire::Records;
use kelpgate_core::protocol::{Request, Str};
use kelpgate_core::record::{BatchBuilder, BatchFields};

use super::operations::Likely;

/// How many kinds there are.
const KINDS: u8 = 17;

impl Likely {
    /// The request.
    pub fn request(self) -> Request {
        match self.kind % KINDS {
            0 | 1 => self.produce().into(),
            2 | 3 => self.fetch().into(),
            4 => self.create_topics().into(),
            5 => self.metadata().into(),
            6 => self.list_offsets().into(),
            7 => InitProducerIdRequest { transaction_timeout_ms: 1000, ..Default::default() }.into(),
            8 => FindCoordinatorRequest { key: self.group(), ..Default::default() }.into(),
            9 => self.join().into(),
            10 => HeartbeatRequest {
                group_id: self.group(),
                generation_id: i32::from(self.number),
                ..Default::default()
            }
            .into(),
            11 => self.commit().into(),
            12 => self.fetch_offsets().into(),
            13 => DeleteGroupsRequest { groups_names: vec![self.group()], ..Default::default() }.into(),
            14 => DeleteTopicsRequest {
                topic_names: vec![self.topic()],
                timeout_ms: 1000,
                ..Default::default()
            }
            .into(),
            15 => self.consumer_heartbeat().into(),
            _ if self.has(1) => self.create_partitions().into(),
            _ => AlterConfigsRequest::default().into(),
        }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn topic(self) -> Str {
        format!("t{}", self.name % 3).into()
    }

    fn group(self) -> Str {
        format!("g{}", self.name % 2).into()
    }

    fn index(self) -> i32 {
        i32::from(self.partition % 4)
    }

    fn produce(self) -> ProduceRequest {
        let mut fields = BatchFields::default();
        if self.has(1) {
            fields = BatchFields {
                producer_id: i64::from(self.name >> 2),
                producer_epoch: 0,
                base_sequence: i32::from(self.number),
                ..fields
            };
        }
        let mut builder = BatchBuilder::new(fields);
        for count in 0..=self.flags >> 5 {
            builder.append(1_700_000_000_000, Some(&[count]), Some(b"value"), &[]);
        }
        let records = builder.build().ok().map(Records);
        let data = PartitionProduceData { index: self.index(), records, ..Default::default() };
        let topic = TopicProduceData { name: self.topic(), partition_data: vec![data], ..Default::default() };
        let acks = if self.has(2) { 0 } else { -1 };
        ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
    }

    fn fetch(self) -> FetchRequest {
        let partition = FetchPartition {
            partition: self.index(),
            fetch_offset: i64::from(self.number),
            partition_max_bytes: if self.has(1) { 1 } else { 1 << 20 },
            ..Default::default()
        };
        let topic = FetchTopic { topic: self.topic(), partitions: vec![partition], ..Default::default() };
        FetchRequest {
            replica_id: -1,
            max_wait_ms: i32::from(self.flags),
            min_bytes: if self.has(2) { 1 } else { 1000 },
            max_bytes: 1 << 20,
            session_epoch: if self.has(4) { 0 } else { -1 },
            topics: vec![topic],
            ..Default::default()
        }
    }

    fn create_topics(self) -> CreateTopicsRequest {
        let topic = CreatableTopic {
            name: self.topic(),
            num_partitions: 1 + self.index(),
            replication_factor: 1,
            ..Default::default()
        };
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() }
    }

    fn create_partitions(self) -> CreatePartitionsRequest {
        let topic =
            CreatePartitionsTopic { name: self.topic(), count: 1 + self.index(), ..Default::default() };
        CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() }
    }

    fn metadata(self) -> MetadataRequest {
        let topic = MetadataRequestTopic { name: Some(self.topic()), ..Default::default() };
        MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: self.has(1),
            ..Default::default()
        }
    }

    fn list_offsets(self) -> ListOffsetsRequest {
        let partition = ListOffsetsPartition {
            partition_index: self.index(),
            timestamp: i64::from(self.number),
            ..Default::default()
        };
        let topic =
            ListOffsetsTopic { name: self.topic(), partitions: vec![partition], ..Default::default() };
        ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() }
    }

    fn join(self) -> JoinGroupRequest {
        let protocol = JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
        JoinGroupRequest {
            group_id: self.group(),
            session_timeout_ms: 6000 + i32::from(self.partition) * 100,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        }
    }

    fn commit(self) -> OffsetCommitRequest {
        let partition = OffsetCommitRequestPartition {
            partition_index: self.index(),
            committed_offset: i64::from(self.number),
            committed_metadata: Some("m".into()),
            ..Default::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: self.topic(),
            partitions: vec![partition],
            ..Default::default()
        };
        OffsetCommitRequest { group_id: self.group(), topics: vec![topic], ..Default::default() }
    }

    fn fetch_offsets(self) -> OffsetFetchRequest {
        let topic = OffsetFetchRequestTopic {
            name: self.topic(),
            partition_indexes: vec![self.index()],
            ..Default::default()
        };
        OffsetFetchRequest { group_id: self.group(), topics: Some(vec![topic]), ..Default::default() }
    }

    fn consumer_heartbeat(self) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: self.group(),
            member_id: format!("m{}", self.partition % 3).into(),
            member_epoch: i32::from(self.number % 3),
            rebalance_timeout_ms: 10_000,
            subscribed_topic_names: Some(vec![self.topic()]),
            topic_partitions: Some(Vec::new()),
            ..Default::default()
        }
    }
}
