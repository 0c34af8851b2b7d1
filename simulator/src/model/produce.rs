//! What may be answered to Produce.

use bytes::Bytes;
use kelpgate_core::protocol::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::record::Batch;

use super::topics::{Kept, Topics};
use super::{Trouble, Verdict};

/// First version that carries batches as they are stored.
const BATCHES: i16 = 3;

/// A Produce under way.
#[derive(Debug)]
pub struct Asked {
    acks: i16,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    topic: Str,
    partition: i32,
    life: u64,
    /// It was certain that it was there.
    had: bool,
    /// One batch; none for what is not one, and is not looked at.
    bytes: Option<Bytes>,
    /// How often it has been sent, this time included.
    sends: usize,
    /// The high watermark that somebody knew when it was sent.
    end: i64,
    /// It follows the last batch of its producer that was acknowledged.
    follows: bool,
}

/// A producer sends batches.
pub fn asked(topics: &mut Topics, version: i16, request: &ProduceRequest) -> Asked {
    let mut parts = Vec::new();
    for data in &request.topic_data {
        let Some(topic) = topics.resolve(&data.name, data.topic_id) else { continue };
        let found = topics.topic(&topic);
        for one in &data.partition_data {
            let bytes = one.records.as_ref().map(|records| &records.0).filter(|bytes| is_one_batch(bytes));
            let bytes = bytes.filter(|_| version >= BATCHES).cloned();
            let (life, had) = (found.life, found.has(one.index));
            if bytes.is_none() {
                // Converted, or nonsense: what is stored is not what was sent.
                found.kept = Kept::Changed;
            }
            let log = found.log(one.index);
            let (end, follows) =
                (log.high_watermark, bytes.as_ref().is_some_and(|bytes| log.follows_the_last(bytes)));
            let sends = bytes.as_ref().map_or(0, |bytes| log.sent(bytes));
            let (topic, partition) = (topic.clone(), one.index);
            parts.push(Part { topic, partition, life, had, bytes, sends, end, follows });
        }
    }
    Asked { acks: request.acks, parts }
}

fn is_one_batch(bytes: &Bytes) -> bool {
    Batch::checked(bytes).is_ok()
}

impl Asked {
    /// Compares the answer.
    pub fn answered(self, topics: &mut Topics, trouble: Trouble, response: &ProduceResponse) -> Verdict {
        for topic in &response.responses {
            let Some(name) = topics.resolve(&topic.name, topic.topic_id) else { continue };
            for answer in &topic.partition_responses {
                let part =
                    self.parts.iter().find(|part| part.topic == name && part.partition == answer.index);
                let Some(part) = part else {
                    return Err(format!("Produce was answered for {name}-{}, unasked", answer.index));
                };
                part.answered(topics, trouble, self.acks, answer)
                    .map_err(|what| format!("Produce to {name}-{}: {what}", answer.index))?;
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
        acks: i16,
        answer: &PartitionProduceResponse,
    ) -> Verdict {
        let topic = topics.topic(&self.topic);
        let kept = topic.kept;
        let comparable = topic.is_comparable(self.life);
        let log = topic.log(self.partition);
        let Some(bytes) = &self.bytes else { return Ok(()) };
        if answer.error_code == ErrorCode::NONE {
            log.acknowledged(bytes);
        }
        if !comparable {
            return Ok(());
        }
        if answer.error_code != ErrorCode::NONE {
            return self.refused(trouble, answer.error_code);
        }
        let (base, batch) = (answer.base_offset, Batch::first(bytes).map_err(|error| error.to_string())?);
        if kept == Kept::Whole && answer.log_append_time_ms != -1 {
            return Err(format!("a log append time, {}, in a topic without", answer.log_append_time_ms));
        }
        let firm = acks == -1;
        // A batch that was sent before may have been there before.
        if base < self.end && (self.sends <= 1 || batch.producer_id() < 0) {
            return Err(format!("base offset {base}, and the high watermark was {} before", self.end));
        }
        if kept == Kept::Changed {
            return Ok(());
        }
        log.place(base, bytes, firm)?;
        log.reaches(base + i64::from(batch.last_offset_delta()) + 1, firm);
        if answer.log_start_offset >= 0 {
            log.starts(answer.log_start_offset, 0)?;
        }
        Ok(())
    }

    /// Whether an error has a reason.
    fn refused(&self, trouble: Trouble, error: ErrorCode) -> Verdict {
        let allowed = match error {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => !self.had,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => self.sends > 1 || !self.follows,
            // Sent once, it cannot be there already.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.sends > 1,
            ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::MESSAGE_TOO_LARGE
            | ErrorCode::RECORD_LIST_TOO_LARGE => true,
            ErrorCode::KAFKA_STORAGE_ERROR => trouble.disk,
            ErrorCode::CORRUPT_MESSAGE => false,
            // Only for what our own producers do not send.
            _ => false,
        };
        if allowed { Ok(()) } else { Err(format!("{error} without a reason")) }
    }
}
