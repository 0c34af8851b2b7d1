//! `messaging_pb`.

use bytes::Bytes;

use super::schema::{Partition, Topic};

/// Makes a topic. Sent only for a topic that does not exist: on one that does, another number of partitions begins a new
/// generation, and a number of 0 ends the broker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConfigureTopicRequest {
    #[prost(message, optional, tag = "1")]
    pub topic: Option<Topic>,
    #[prost(int32, tag = "2")]
    pub partition_count: i32,
    /// Left as it is, if this is not given.
    #[prost(message, optional, tag = "3")]
    pub retention: Option<TopicRetention>,
}

/// How long SeaweedFS's admin server keeps a topic's log files.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TopicRetention {
    #[prost(int64, tag = "1")]
    pub retention_seconds: i64,
    #[prost(bool, tag = "2")]
    pub enabled: bool,
}

/// A topic that was made.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConfigureTopicResponse {
    #[prost(message, repeated, tag = "2")]
    pub assignments: Vec<BrokerPartitionAssignment>,
}

/// Who serves a partition.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BrokerPartitionAssignment {
    #[prost(message, optional, tag = "1")]
    pub partition: Option<Partition>,
    /// `HOST:PORT` of gRPC; empty while brokers start.
    #[prost(string, tag = "2")]
    pub leader_broker: String,
}

/// Asks for a topic's partitions. The broker reads the filer for it each time.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetTopicConfigurationRequest {
    #[prost(message, optional, tag = "1")]
    pub topic: Option<Topic>,
}

/// A topic's partitions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetTopicConfigurationResponse {
    #[prost(message, repeated, tag = "3")]
    pub assignments: Vec<BrokerPartitionAssignment>,
    #[prost(message, optional, tag = "6")]
    pub retention: Option<TopicRetention>,
    /// `RecordType` as it came in; empty if the topic has none.
    #[prost(bytes = "bytes", tag = "7")]
    pub message_record_type: Bytes,
}

/// The first message of a stream of publishes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PublishInit {
    #[prost(message, optional, tag = "1")]
    pub topic: Option<Topic>,
    #[prost(message, optional, tag = "2")]
    pub partition: Option<Partition>,
    /// Appears in the broker's log.
    #[prost(string, tag = "5")]
    pub publisher_name: String,
}

/// The answer to a publish; the first one of a stream answers its opening.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PublishMessageResponse {
    #[prost(string, tag = "2")]
    pub error: String,
    #[prost(bool, tag = "3")]
    pub should_close: bool,
    #[prost(int32, tag = "4")]
    pub error_code: i32,
}

/// What the broker writes into log files, after its length in 4 bytes. Tests read it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LogEntry {
    #[prost(int64, tag = "1")]
    pub ts_ns: i64,
    #[prost(bytes = "bytes", tag = "3")]
    pub data: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub key: Bytes,
    #[prost(int64, tag = "5")]
    pub offset: i64,
}
