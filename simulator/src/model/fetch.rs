//! What may be answered to Fetch.

use bytes::Bytes;
use kelpgate_core::protocol::fetch::{FetchRequest, FetchResponse, PartitionData};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::record::{Batch, StoredBatches};

use super::partition::{Bounds, Partition};
use super::target::{Target, with_reason};
use super::topics::{Kept, Topics};
use super::{Trouble, Verdict};

/// First version that carries batches as they are stored.
const BATCHES: i16 = 4;
/// First version with the leader's epoch (KIP-320).
const EPOCHS: i16 = 9;

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
    target: Target,
    from: i64,
}

/// A consumer fetches.
pub fn asked(topics: &mut Topics, version: i16, request: &FetchRequest) -> Asked {
    let mut parts = Vec::new();
    for wanted in &request.topics {
        let Some(topic) = topics.resolve(&wanted.topic, wanted.topic_id) else { continue };
        for one in &wanted.partitions {
            let epoch = if version >= EPOCHS { one.current_leader_epoch } else { -1 };
            let target = Target::of(topics, &topic, one.partition, epoch);
            parts.push(Part { target, from: one.fetch_offset });
        }
    }
    Asked { version, whole: request.session_epoch <= 0, parts }
}

impl Asked {
    /// Compares the answer.
    pub fn answered(self, topics: &mut Topics, trouble: Trouble, response: &FetchResponse) -> Verdict {
        if response.error_code != ErrorCode::NONE {
            return Ok(());
        }
        let mut any = false;
        for topic in &response.responses {
            let Some(name) = topics.resolve(&topic.topic, topic.topic_id) else { continue };
            for data in &topic.partitions {
                any |= data.error_code != ErrorCode::NONE
                    || data.records.as_ref().is_some_and(|records| !records.is_empty());
                let partition = data.partition_index;
                let part = self.parts.iter().find(|part| part.target.is(&name, partition));
                compare(topics, (trouble, self.version), &name, part, data)
                    .map_err(|what| format!("Fetch of {name}-{partition}: {what}"))?;
            }
        }
        if any || !self.whole { Ok(()) } else { self.nothing(topics) }
    }

    /// Nothing was brought: there must have been nothing. The first batch comes whatever its size (KIP-74).
    fn nothing(&self, topics: &mut Topics) -> Verdict {
        for part in &self.parts {
            let Target { topic, partition, bounds, .. } = &part.target;
            let whole = part.target.comparable(topics).is_some_and(|found| found.kept == Kept::Whole);
            if whole && part.from < bounds.end {
                let (at, end) = (part.from, bounds.end);
                return Err(format!(
                    "Fetch of {topic}-{partition} from {at} brought nothing, and {end} was the high watermark before"
                ));
            }
        }
        Ok(())
    }
}

fn compare(
    topics: &mut Topics,
    (trouble, version): (Trouble, i16),
    name: &Str,
    part: Option<&Part>,
    data: &PartitionData,
) -> Verdict {
    // A partition of a session that the request does not name: nothing is known of when it was asked for.
    let topic = match part {
        Some(part) => part.target.comparable(topics),
        None => Some(topics.topic(name)).filter(|topic| topic.is_comparable(topic.life)),
    };
    let Some(topic) = topic else { return Ok(()) };
    let kept = topic.kept;
    let log = topic.log(data.partition_index);
    if data.error_code != ErrorCode::NONE {
        return with_reason(refused(part, trouble, data.error_code, log), data.error_code);
    }
    part.map_or(Ok(()), |part| part.target.is_answered())?;
    if kept == Kept::Changed {
        log.records_may_be_anything();
    }
    let bounds = part.map_or(Bounds::default(), |part| part.target.bounds);
    log.told(data.high_watermark, data.log_start_offset, bounds)?;
    // Nobody is shown what is not synced, so that no reader has what the log has not.
    if data.diverging_epoch.end_offset >= 0 && !log.damaged {
        let (epoch, end) = (data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
        return Err(format!("what was read departs from the log, in which epoch {epoch} ends at {end}"));
    }
    if version < BATCHES {
        return Ok(());
    }
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
        next = Some(follows(&bytes, next, part, data, log.may_start_at)?);
        let base = Batch::first(&bytes).map_or(-1, |batch| batch.base_offset());
        log.place(base, &bytes, true)?;
    }
    Ok(())
}

/// A batch goes on where the one before ends; the first one holds the offset that was asked for, unless records may
/// have gone while the answer was gathered.
fn follows(
    bytes: &Bytes,
    next: Option<i64>,
    part: Option<&Part>,
    data: &PartitionData,
    may_start_at: i64,
) -> Result<i64, String> {
    let batch = Batch::first(bytes).map_err(|error| error.to_string())?;
    let (base, last) = (batch.base_offset(), batch.last_offset());
    match (next, part) {
        (Some(next), _) if base != next => {
            return Err(format!("a batch at {base}..={last} comes where {next} was next"));
        }
        (None, Some(part)) if part.from < base && base <= may_start_at => {}
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
fn refused(part: Option<&Part>, trouble: Trouble, error: ErrorCode, log: &Partition) -> bool {
    // A partition of a session that was there when it was named may be gone, and its leader another.
    let explained = match part {
        Some(part) => part.target.explains(error, log, trouble),
        None if error == ErrorCode::KAFKA_STORAGE_ERROR => Some(trouble.disk || log.damaged),
        None => None,
    };
    explained.unwrap_or_else(|| match error {
        ErrorCode::OFFSET_OUT_OF_RANGE => {
            part.is_none_or(|part| part.from < log.may_start_at || part.from > part.target.bounds.end)
        }
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => true,
        ErrorCode::CORRUPT_MESSAGE => log.damaged,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::REQUEST_TIMED_OUT => true,
        _ => false,
    })
}
