//! What may be answered to Fetch.

use bytes::Bytes;
use kelpgate_core::protocol::fetch::{FetchRequest, FetchResponse, PartitionData};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::record::{Batch, StoredBatches};

use super::partition::Bounds;
use super::topics::{Kept, Topics};
use super::{Trouble, Verdict};

/// First version that carries batches as they are stored.
const BATCHES: i16 = 4;

/// A Fetch under way.
#[derive(Debug)]
pub struct Asked {
    version: i16,
    /// It names all that it wants.
    whole: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    topic: Str,
    partition: i32,
    life: u64,
    /// It was certain that it was there.
    had: bool,
    from: i64,
    /// What somebody knew when it was asked.
    bounds: Bounds,
}

/// A consumer fetches.
pub fn asked(topics: &mut Topics, version: i16, request: &FetchRequest) -> Asked {
    let mut parts = Vec::new();
    for wanted in &request.topics {
        let Some(topic) = topics.resolve(&wanted.topic, wanted.topic_id) else { continue };
        let found = topics.topic(&topic);
        for one in &wanted.partitions {
            let (life, had) = (found.life, found.has(one.partition));
            let bounds = found.log(one.partition).bounds();
            let (topic, partition, from) = (topic.clone(), one.partition, one.fetch_offset);
            parts.push(Part { topic, partition, life, had, from, bounds });
        }
    }
    Asked { version, whole: request.session_epoch <= 0, parts }
}

impl Asked {
    /// Compares the answer.
    pub fn answered(self, topics: &mut Topics, trouble: Trouble, response: &FetchResponse) -> Verdict {
        if response.error_code != ErrorCode::NONE || self.version < BATCHES {
            return Ok(());
        }
        let mut any = false;
        for topic in &response.responses {
            let Some(name) = topics.resolve(&topic.topic, topic.topic_id) else { continue };
            for data in &topic.partitions {
                any |= data.error_code != ErrorCode::NONE
                    || data.records.as_ref().is_some_and(|records| !records.is_empty());
                let partition = data.partition_index;
                let part = self.parts.iter().find(|part| part.topic == name && part.partition == partition);
                compare(topics, trouble, &name, part, data)
                    .map_err(|what| format!("Fetch of {name}-{partition}: {what}"))?;
            }
        }
        if any || !self.whole { Ok(()) } else { self.nothing(topics) }
    }

    /// Nothing was brought: there must have been nothing. The first batch comes whatever its size (KIP-74).
    fn nothing(&self, topics: &mut Topics) -> Verdict {
        for part in &self.parts {
            let topic = topics.topic(&part.topic);
            if topic.is_comparable(part.life) && topic.kept == Kept::Whole && part.from < part.bounds.end {
                let (name, at, end) = (&part.topic, part.from, part.bounds.end);
                return Err(format!(
                    "Fetch of {name}-{} from {at} brought nothing, and {end} was the high watermark before",
                    part.partition
                ));
            }
        }
        Ok(())
    }
}

fn compare(
    topics: &mut Topics,
    trouble: Trouble,
    name: &Str,
    part: Option<&Part>,
    data: &PartitionData,
) -> Verdict {
    let topic = topics.topic(name);
    // A partition of a session that the request does not name: nothing is known of when it was asked for.
    let (life, bounds) = part.map_or((topic.life, Bounds::default()), |part| (part.life, part.bounds));
    if !topic.is_comparable(life) {
        return Ok(());
    }
    let kept = topic.kept;
    let log = topic.log(data.partition_index);
    if data.error_code != ErrorCode::NONE {
        return refused(part, trouble, data.error_code, (bounds, log.may_start_at));
    }
    if kept == Kept::Changed {
        log.records_may_be_anything();
    }
    log.told(data.high_watermark, data.log_start_offset, bounds)?;
    if !(data.log_start_offset..=data.high_watermark).contains(&data.last_stable_offset) {
        let (start, stable, end) = (data.log_start_offset, data.last_stable_offset, data.high_watermark);
        return Err(format!("the last stable offset is {stable}, not within {start}..={end}"));
    }
    if kept == Kept::Changed {
        return Ok(());
    }
    let mut next = None;
    for batch in StoredBatches::new(data.records.clone().unwrap_or_default()) {
        // Limits may cut the last one.
        let Ok(bytes) = batch else { break };
        next = Some(follows(&bytes, next, part, data)?);
        let base = Batch::first(&bytes).map_or(-1, |batch| batch.base_offset());
        log.place(base, &bytes, true)?;
    }
    Ok(())
}

/// A batch goes on where the one before ends; the first one holds the offset that was asked for.
fn follows(
    bytes: &Bytes,
    next: Option<i64>,
    part: Option<&Part>,
    data: &PartitionData,
) -> Result<i64, String> {
    let batch = Batch::first(bytes).map_err(|error| error.to_string())?;
    let (base, last) = (batch.base_offset(), batch.last_offset());
    match (next, part) {
        (Some(next), _) if base != next => {
            return Err(format!("a batch at {base}..={last} comes where {next} was next"));
        }
        (None, Some(part)) if !(base..=last).contains(&part.from) => {
            return Err(format!("{} was asked for, and the first batch is {base}..={last}", part.from));
        }
        (Some(_) | None, _) => {}
    }
    if last >= data.high_watermark {
        return Err(format!("a batch at {base}..={last}, and the high watermark is {}", data.high_watermark));
    }
    Ok(last + 1)
}

/// Whether an error has a reason.
fn refused(
    part: Option<&Part>,
    trouble: Trouble,
    error: ErrorCode,
    (bounds, may_start_at): (Bounds, i64),
) -> Verdict {
    let allowed = match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID => !part.is_some_and(|part| part.had),
        ErrorCode::OFFSET_OUT_OF_RANGE => {
            part.is_none_or(|part| part.from < may_start_at || part.from > bounds.end)
        }
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => true,
        ErrorCode::KAFKA_STORAGE_ERROR => trouble.disk,
        ErrorCode::CORRUPT_MESSAGE => trouble.damage,
        _ => false,
    };
    if allowed { Ok(()) } else { Err(format!("{error} without a reason")) }
}
