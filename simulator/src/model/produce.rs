//! What may be answered to Produce.

use bytes::Bytes;
use kelpgate_core::protocol::ErrorCode;
use kelpgate_core::protocol::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse};
use kelpgate_core::record::Batch;

use super::target::{Target, with_reason};
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
    target: Target,
    /// One batch; none for what is not one, and is not looked at.
    bytes: Option<Bytes>,
    /// How often it has been sent, this time included.
    sends: usize,
    /// It follows the last batch of its producer that was acknowledged.
    follows: bool,
}

/// A producer sends batches.
pub fn asked(topics: &mut Topics, version: i16, request: &ProduceRequest) -> Asked {
    let mut parts = Vec::new();
    for data in &request.topic_data {
        let Some(topic) = topics.resolve(&data.name, data.topic_id) else { continue };
        for one in &data.partition_data {
            let bytes = one.records.as_ref().map(|records| &records.0).filter(|bytes| is_one_batch(bytes));
            let bytes = bytes.filter(|_| version >= BATCHES).cloned();
            let target = Target::of(topics, &topic, one.index, -1);
            let found = topics.topic(&topic);
            if bytes.is_none() {
                // Converted, or nonsense: what is stored is not what was sent.
                found.kept = Kept::Changed;
            }
            let log = found.log(one.index);
            if bytes.is_none() {
                log.records_may_be_anything();
            }
            let follows = bytes.as_ref().is_some_and(|bytes| log.follows_the_last(bytes));
            let sends = bytes.as_ref().map_or(0, |bytes| log.sent(bytes));
            parts.push(Part { target, bytes, sends, follows });
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
                let part = self.parts.iter().find(|part| part.target.is(&name, answer.index));
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
        let Some(bytes) = &self.bytes else { return Ok(()) };
        let Target { topic, partition, bounds, .. } = &self.target;
        if answer.error_code == ErrorCode::NONE {
            topics.topic(topic).log(*partition).acknowledged(bytes);
        }
        let Some(topic) = self.target.comparable(topics) else { return Ok(()) };
        let kept = topic.kept;
        let log = topic.log(*partition);
        if answer.error_code != ErrorCode::NONE {
            let explained = self.target.explains(answer.error_code, log, trouble);
            let allowed = explained.unwrap_or_else(|| self.explains(answer.error_code, log.damaged));
            return with_reason(allowed, answer.error_code);
        }
        let (base, batch) = (answer.base_offset, Batch::first(bytes).map_err(|error| error.to_string())?);
        if kept == Kept::Whole && answer.log_append_time_ms != -1 {
            return Err(format!("a log append time, {}, in a topic without", answer.log_append_time_ms));
        }
        let firm = acks == -1;
        // A batch that was sent before may have been there before.
        if base < bounds.end && (self.sends <= 1 || batch.producer_id() < 0) {
            return Err(format!("base offset {base}, and the high watermark was {} before", bounds.end));
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

    /// Whether an error has a reason that only producers know. A node that cannot read a batch does not know its producer.
    fn explains(&self, error: ErrorCode, damaged: bool) -> bool {
        match error {
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => self.sends > 1 || !self.follows || damaged,
            // Sent once, it cannot be there already.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.sends > 1 || damaged,
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::MESSAGE_TOO_LARGE
            | ErrorCode::RECORD_LIST_TOO_LARGE => true,
            // Only for what our own producers do not send.
            _ => false,
        }
    }
}
