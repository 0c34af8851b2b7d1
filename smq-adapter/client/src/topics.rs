//! Topics of SeaweedMQ, asked of any broker.

use std::rc::Rc;

use kelpgate_smq::rpc::{Assignment, RpcError, RpcReply, SmqPartition, SmqTopic};

use crate::cluster::Cluster;
use crate::fault::{Fault, Role, is_missing, of_words};
use crate::grpc;
use crate::message::messaging::{
    BrokerPartitionAssignment, ConfigureTopicRequest, ConfigureTopicResponse, GetTopicConfigurationRequest,
    GetTopicConfigurationResponse, TopicRetention,
};
use crate::message::schema::{Partition, Topic};

const CONFIGURE_TOPIC: &str = "/messaging_pb.SeaweedMessaging/ConfigureTopic";
const GET_TOPIC_CONFIGURATION: &str = "/messaging_pb.SeaweedMessaging/GetTopicConfiguration";

/// Slots of the ring: each partition needs one. More partitions would get ranges without slots, and 0 divides the broker
/// by zero, which ends it.
const SLOTS: i32 = 2520;

/// [`kelpgate_smq::rpc::RpcCommand::EnsureTopic`]
///
/// The topic is looked up first. A broker that is asked to configure a topic it cannot read just then makes a new
/// generation of it, so it is asked only about topics that are not there or have another number of partitions.
pub(crate) async fn ensure(
    cluster: &Rc<Cluster>,
    topic: &SmqTopic,
    partitions: i32,
) -> Result<RpcReply, RpcError> {
    if !(1..=SLOTS).contains(&partitions) {
        return Err(RpcError::TooLarge(format!("{partitions} partitions; SeaweedMQ takes 1 to {SLOTS}")));
    }
    match look_up(cluster, topic).await {
        Ok(found) if i32::try_from(found.len()) == Ok(partitions) => return Ok(RpcReply::Assignments(found)),
        Ok(_) | Err(RpcError::NotFound) => {}
        Err(error) => return Err(error),
    }
    let request =
        ConfigureTopicRequest { topic: Some(named(topic)), partition_count: partitions, retention: None };
    let made: ConfigureTopicResponse = call(cluster, CONFIGURE_TOPIC, request).await?;
    sorted(made.assignments).map(RpcReply::Assignments)
}

/// [`kelpgate_smq::rpc::RpcCommand::LookupTopic`]
pub(crate) async fn look_up(cluster: &Rc<Cluster>, topic: &SmqTopic) -> Result<Vec<Assignment>, RpcError> {
    let request = GetTopicConfigurationRequest { topic: Some(named(topic)) };
    let found: GetTopicConfigurationResponse = call(cluster, GET_TOPIC_CONFIGURATION, request).await?;
    sorted(found.assignments)
}

/// Makes brokers look anew at who leads a topic's partitions.
///
/// A broker that found no leader for a partition, because it or its peers had just started or were away, goes on refusing for
/// 30 s: it has kept what it saw. It forgets that when the topic's settings change, so the one setting that means nothing
/// changes: how long records would be kept if any were removed by age. A topic whose retention is in use, or that has a
/// schema (which would be lost), is left alone.
pub(crate) async fn look_anew(cluster: &Rc<Cluster>, topic: &SmqTopic) -> Result<(), RpcError> {
    let request = GetTopicConfigurationRequest { topic: Some(named(topic)) };
    let found: GetTopicConfigurationResponse = call(cluster, GET_TOPIC_CONFIGURATION, request).await?;
    let TopicRetention { retention_seconds, enabled } = found.retention.unwrap_or_default();
    let led = found.assignments.iter().all(|one| !one.leader_broker.is_empty());
    let partition_count = i32::try_from(found.assignments.len()).unwrap_or(0);
    if enabled || !led || !found.message_record_type.is_empty() || !(1..=SLOTS).contains(&partition_count) {
        return Ok(());
    }
    let retention = Some(TopicRetention { retention_seconds: retention_seconds ^ 1, enabled });
    let request = ConfigureTopicRequest { topic: Some(named(topic)), partition_count, retention };
    call::<_, ConfigureTopicResponse>(cluster, CONFIGURE_TOPIC, request).await.map(|_| ())
}

/// Calls one broker; the next one if nothing could be sent to it.
async fn call<Q, A>(cluster: &Rc<Cluster>, method: &'static str, request: Q) -> Result<A, RpcError>
where
    Q: prost::Message + Clone + 'static,
    A: prost::Message + Default + 'static,
{
    let mut unreachable = Vec::new();
    for broker in cluster.brokers().await? {
        let asked = async {
            let answer = grpc::unary::<Q, A>(cluster.channel(&broker)?, method, request.clone()).await;
            answer.map_err(|status| Fault::of_status(&status))
        };
        match asked.await {
            Ok(answer) => return Ok(answer),
            Err(Fault::Unreachable(text)) => {
                cluster.suspect_broker(&broker);
                unreachable.push(format!("{broker}: {text}"));
            }
            Err(fault @ Fault::Lost(_)) => {
                cluster.suspect_broker(&broker);
                return Err(fault.told(Role::Broker, &broker));
            }
            Err(fault @ (Fault::Answered(_) | Fault::Refused(_))) => {
                return Err(fault.told(Role::Broker, &broker));
            }
        }
    }
    Err(RpcError::NoBroker(unreachable.join("; ")))
}

fn sorted(assignments: Vec<BrokerPartitionAssignment>) -> Result<Vec<Assignment>, RpcError> {
    let unlike = || RpcError::Other("the broker told of a partition without its place".to_owned());
    let mut sorted = assignments
        .into_iter()
        .map(|one| {
            let Partition { ring_size, range_start, range_stop, unix_time_ns } =
                one.partition.ok_or_else(unlike)?;
            let partition = SmqPartition { ring_size, range_start, range_stop, unix_time_ns };
            Ok(Assignment { partition, leader: one.leader_broker })
        })
        .collect::<Result<Vec<_>, RpcError>>()?;
    sorted.sort_by_key(|one| one.partition.range_start);
    Ok(sorted)
}

pub(crate) fn named(topic: &SmqTopic) -> Topic {
    Topic { namespace: topic.namespace.clone(), name: topic.name.clone() }
}

/// How a broker says that it knows a partition, but nobody who leads it, or that it does not know it.
pub(crate) const UNASSIGNED: &str = "no broker assignment found";

/// What a broker's error code on a stream means (`broker_errors.go`).
pub(crate) fn of_code(code: i32, text: String) -> RpcError {
    match code {
        // The topic or the partition is missing, or, while brokers start or lose one another, its leader was not found.
        2 | 3 if is_missing(&text) => RpcError::NotFound,
        2 | 3 => RpcError::NoBroker(text),
        6 => RpcError::NotLeader(text),
        7 => RpcError::Timeout,
        // Broker not available, loading, publisher or follower not connected.
        8 | 13 | 14 | 100..=102 => RpcError::NoBroker(text),
        10 => RpcError::TooLarge(text),
        _ => of_words(text),
    }
}
