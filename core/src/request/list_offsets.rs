//! ListOffsets (2), versions 0-11: offsets for timestamps and for special values.
//!
//! v0 gave a list of offsets (dropped by Kafka 4); v2 isolation level (KIP-98); v4 leader epochs (KIP-320); v7 offset of
//! the greatest timestamp (KIP-734); v8 and v9 local and tiered starts (KIP-405, KIP-1005); v10 a time limit for tiered
//! reads (KIP-1075); v11 the earliest pending upload (KIP-1023).

use alloc::collections::BTreeSet;
use alloc::vec;

use super::home::{Gather, Home};
use crate::protocol::ErrorCode;
use crate::protocol::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use crate::shard_message::{FoundOffset, PartitionAnswer, PartitionQuestion};
use crate::uuid::Uuid;

/// The special timestamps of `org.apache.kafka.common.requests.ListOffsetsRequest`.
pub mod special {
    pub const LATEST: i64 = -1;
    pub const EARLIEST: i64 = -2;
    pub const MAX_TIMESTAMP: i64 = -3;
    pub const EARLIEST_LOCAL: i64 = -4;
    pub const LATEST_TIERED: i64 = -5;
    pub const EARLIEST_PENDING_UPLOAD: i64 = -6;
}

/// Asks every partition's owner.
pub fn start(home: &mut Home<'_>, request: &ListOffsetsRequest) -> Gather<ListOffsetsResponse> {
    let mut gather = Gather::new(ListOffsetsResponse::default());
    let mut seen = BTreeSet::new();
    for (at, topic) in request.topics.iter().enumerate() {
        let mut answer = ListOffsetsTopicResponse { name: topic.name.clone(), ..Default::default() };
        for (index, partition) in topic.partitions.iter().enumerate() {
            let twice = !seen.insert((topic.name.clone(), partition.partition_index));
            let asked = check(home.version, request, partition, twice)
                .and_then(|()| home.find(&topic.name, Uuid::ZERO, false, partition.partition_index));
            let error = match asked {
                Err(error) => error,
                Ok(log) => {
                    let question = PartitionQuestion::ListOffset {
                        timestamp: partition.timestamp,
                        current_leader_epoch: partition.current_leader_epoch,
                    };
                    gather.ask(home, (at, index), log, question);
                    ErrorCode::NONE
                }
            };
            answer.partitions.push(unknown(partition.partition_index, error));
        }
        gather.response.topics.push(answer);
    }
    gather
}

/// Puts one partition's answer in its place.
pub fn fill(
    version: i16,
    response: &mut ListOffsetsResponse,
    (topic, partition): (usize, usize),
    answer: PartitionAnswer,
) {
    let place = response.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
    let (Some(place), PartitionAnswer::Offset(found)) = (place, answer) else { return };
    match found {
        Ok(found) => fill_found(place, found, version),
        Err(error) => place.error_code = error,
    }
}

fn fill_found(place: &mut ListOffsetsPartitionResponse, found: FoundOffset, version: i16) {
    if version == 0 {
        // One list of offsets, newest first; this node keeps to the one that later versions give.
        place.old_style_offsets = if found.offset < 0 { vec![] } else { vec![found.offset] };
    } else {
        place.offset = found.offset;
        place.timestamp = found.timestamp;
        if version >= 4 {
            place.leader_epoch = found.leader_epoch;
        }
    }
}

fn unknown(partition_index: i32, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index,
        error_code: error,
        offset: -1,
        timestamp: -1,
        leader_epoch: -1,
        ..Default::default()
    }
}

/// What can be refused without the owner (`KafkaApis.handleListOffsetRequest`, `ReplicaManager.fetchOffset`).
fn check(
    version: i16,
    request: &ListOffsetsRequest,
    partition: &ListOffsetsPartition,
    twice: bool,
) -> Result<(), ErrorCode> {
    let needs = match partition.timestamp {
        special::MAX_TIMESTAMP => 7,
        special::EARLIEST_LOCAL => 8,
        special::LATEST_TIERED => 9,
        special::EARLIEST_PENDING_UPLOAD => 11,
        special::LATEST | special::EARLIEST | 0.. => 0,
        _ => i16::MAX,
    };
    if twice || request.replica_id >= 0 || !(0..=1).contains(&request.isolation_level) {
        Err(ErrorCode::INVALID_REQUEST)
    } else if version < needs {
        Err(ErrorCode::UNSUPPORTED_VERSION)
    } else {
        Ok(())
    }
}
