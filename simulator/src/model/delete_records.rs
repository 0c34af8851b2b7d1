//! What may be answered to DeleteRecords, and what it means for where logs start.

use kelpgate_core::protocol::ErrorCode;
use kelpgate_core::protocol::delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::Verdict;
use super::target::Target;
use super::topics::Topics;

/// In a request: up to the high watermark.
const ALL: i64 = -1;

/// A DeleteRecords under way.
#[derive(Debug)]
pub struct Asked {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    target: Target,
    offset: i64,
    /// How far the log start could rise before.
    could_start_at: i64,
}

/// A client deletes records.
pub fn asked(topics: &mut Topics, request: &DeleteRecordsRequest) -> Asked {
    let mut parts = Vec::new();
    for wanted in &request.topics {
        for one in &wanted.partitions {
            let target = Target::of(topics, &wanted.name, one.partition_index, -1);
            let log = topics.topic(&wanted.name).log(one.partition_index);
            let could_start_at = log.may_start_at;
            let most = if one.offset == ALL { i64::MAX } else { one.offset };
            log.may_start_at = could_start_at.max(most);
            log.deleted_before = log.deleted_before.max(most);
            parts.push(Part { target, offset: one.offset, could_start_at });
        }
    }
    Asked { parts }
}

impl Asked {
    /// Compares the answer.
    pub fn answered(self, topics: &mut Topics, response: &DeleteRecordsResponse) -> Verdict {
        for topic in &response.topics {
            for answer in &topic.partitions {
                let mut parts = self.parts.iter();
                let part = parts.find(|part| part.target.is(&topic.name, answer.partition_index));
                let Some(part) = part else { continue };
                let Some(found) = part.target.comparable(topics) else { continue };
                match answer.error_code {
                    ErrorCode::NONE => {}
                    ErrorCode::OFFSET_OUT_OF_RANGE
                        if (ALL..=part.target.bounds.end).contains(&part.offset) =>
                    {
                        let (name, offset, end) = (&topic.name, part.offset, part.target.bounds.end);
                        return Err(format!(
                            "DeleteRecords of {name}-{} before {offset} is out of range, and it ended at {end}",
                            part.target.partition
                        ));
                    }
                    _ => continue,
                }
                let (log, low) = (found.log(answer.partition_index), answer.low_watermark);
                if part.offset == ALL && log.may_start_at == i64::MAX {
                    log.may_start_at = part.could_start_at.max(low);
                }
                if low < part.offset {
                    let (name, offset) = (&topic.name, part.offset);
                    return Err(format!(
                        "DeleteRecords of {name}-{} before {offset}: the log starts at {low}",
                        answer.partition_index
                    ));
                }
                log.starts(low, 0).map_err(|what| {
                    format!("DeleteRecords of {}-{}: {what}", topic.name, answer.partition_index)
                })?;
            }
        }
        Ok(())
    }
}
