//! What may be answered to ListOffsets.

use kelpgate_core::protocol::ErrorCode;
use kelpgate_core::protocol::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
};

use super::target::{Target, with_reason};
use super::topics::{Kept, Topics};
use super::{Trouble, Verdict};

/// First version with one offset for each partition.
const ONE_OFFSET: i16 = 1;
/// First version with the leader's epoch (KIP-320).
const EPOCHS: i16 = 4;
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
    target: Target,
    timestamp: i64,
}

/// A client looks for offsets.
pub fn asked(topics: &mut Topics, version: i16, request: &ListOffsetsRequest) -> Asked {
    let mut parts = Vec::new();
    for wanted in &request.topics {
        for one in &wanted.partitions {
            let epoch = if version >= EPOCHS { one.current_leader_epoch } else { -1 };
            let target = Target::of(topics, &wanted.name, one.partition_index, epoch);
            parts.push(Part { target, timestamp: one.timestamp });
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
                let asked = |part: &&Part| part.target.is(&topic.name, answer.partition_index);
                let Some(part) = self.parts.iter().find(asked) else {
                    let (name, partition) = (&topic.name, answer.partition_index);
                    return Err(format!("ListOffsets was answered for {name}-{partition}, unasked"));
                };
                part.answered(topics, trouble, answer).map_err(|what| {
                    let (name, partition) = (&part.target.topic, part.target.partition);
                    let timestamp = part.timestamp;
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
        let Some(topic) = self.target.comparable(topics) else { return Ok(()) };
        let kept = topic.kept;
        let log = topic.log(self.target.partition);
        let (offset, error, bounds) = (answer.offset, answer.error_code, self.target.bounds);
        if error != ErrorCode::NONE {
            let explained = self.target.explains(error, log, trouble);
            let allowed = explained.unwrap_or(match error {
                ErrorCode::CORRUPT_MESSAGE => log.damaged,
                error => error.is_retriable(),
            });
            return with_reason(allowed, error);
        }
        self.target.is_answered()?;
        match self.timestamp {
            LATEST => log.told(offset, -1, bounds),
            EARLIEST => log.starts(offset, bounds.start),
            timestamp if timestamp < 0 || kept == Kept::Changed => Ok(()),
            // What is damaged is not found, and nobody knows which batches that are.
            _ if log.damaged => Ok(()),
            timestamp => {
                let until = if offset < 0 { i64::MAX } else { offset };
                if let Some(last) = log.earlier_with(timestamp, until, bounds.end) {
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
