//! What may be answered to ListOffsets.

use kelpgate_core::protocol::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
};
use kelpgate_core::protocol::{ErrorCode, Str};

use super::partition::Bounds;
use super::topics::{Kept, Topics};
use super::{Trouble, Verdict};

/// First version with one offset for each partition.
const ONE_OFFSET: i16 = 1;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A ListOffsets under way.
#[derive(Debug)]
pub struct Asked {
    version: i16,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    topic: Str,
    partition: i32,
    life: u64,
    /// It was certain that it was there.
    had: bool,
    timestamp: i64,
    /// What somebody knew when it was asked.
    bounds: Bounds,
}

/// A client looks for offsets.
pub fn asked(topics: &mut Topics, version: i16, request: &ListOffsetsRequest) -> Asked {
    let mut parts = Vec::new();
    for wanted in &request.topics {
        let found = topics.topic(&wanted.name);
        for one in &wanted.partitions {
            parts.push(Part {
                topic: wanted.name.clone(),
                partition: one.partition_index,
                life: found.life,
                had: found.has(one.partition_index),
                timestamp: one.timestamp,
                bounds: found.log(one.partition_index).bounds(),
            });
        }
    }
    Asked { version, parts }
}

impl Asked {
    /// Compares the answer.
    pub fn answered(self, topics: &mut Topics, trouble: Trouble, response: &ListOffsetsResponse) -> Verdict {
        if self.version < ONE_OFFSET {
            return Ok(());
        }
        for topic in &response.topics {
            for answer in &topic.partitions {
                let asked =
                    |part: &&Part| part.topic == topic.name && part.partition == answer.partition_index;
                let Some(part) = self.parts.iter().find(asked) else {
                    let (name, partition) = (&topic.name, answer.partition_index);
                    return Err(format!("ListOffsets was answered for {name}-{partition}, unasked"));
                };
                part.answered(topics, trouble, answer).map_err(|what| {
                    let (name, partition, timestamp) = (&part.topic, part.partition, part.timestamp);
                    format!("ListOffsets of {name}-{partition} at {timestamp}: {what}")
                })?;
            }
        }
        Ok(())
    }
}

impl Part {
    fn answered(
        &self,
        topics: &mut Topics,
        trouble: Trouble,
        answer: &ListOffsetsPartitionResponse,
    ) -> Verdict {
        let topic = topics.topic(&self.topic);
        if !topic.is_comparable(self.life) {
            return Ok(());
        }
        let kept = topic.kept;
        let log = topic.log(self.partition);
        let (offset, error) = (answer.offset, answer.error_code);
        if error != ErrorCode::NONE {
            let allowed = match error {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => !self.had,
                ErrorCode::KAFKA_STORAGE_ERROR => trouble.disk,
                ErrorCode::CORRUPT_MESSAGE => trouble.damage,
                error => error.is_retriable() || error == ErrorCode::FENCED_LEADER_EPOCH,
            };
            return if allowed { Ok(()) } else { Err(format!("{error} without a reason")) };
        }
        match self.timestamp {
            LATEST => log.told(offset, -1, self.bounds),
            EARLIEST => log.starts(offset, self.bounds.start),
            timestamp if timestamp < 0 || kept == Kept::Changed => Ok(()),
            timestamp => {
                let until = if offset < 0 { i64::MAX } else { offset };
                if let Some(last) = log.earlier_with(timestamp, until, self.bounds.end) {
                    return Err(format!("{offset}, and the batch that ends at {last} is as late"));
                }
                match log.latest_around(offset) {
                    Some(latest) if latest < timestamp => {
                        Err(format!("{offset}, where no record is later than {latest}"))
                    }
                    Some(_) | None if offset >= 0 && answer.timestamp < timestamp => {
                        Err(format!("{offset} with timestamp {}", answer.timestamp))
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }
}
