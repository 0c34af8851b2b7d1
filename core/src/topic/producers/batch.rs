//! What a batch's header says of its producer, and why a batch is refused.

/// The producer fields of one batch; made by [`ProducerBatch::new`], so they are known to be in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// At least 0.
    pub producer_id: i64,
    /// At least 0.
    pub epoch: i16,
    /// Sequence of the first record, at least 0.
    pub first_sequence: i32,
    /// Sequence of the last record: it wraps after 2147483647, so it may be less than the first.
    pub last_sequence: i32,
}

/// Why a batch is not appended. The texts name what a person debugging a producer looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A producer id without epoch or sequence. Kafka lets a negative epoch pass and tracks it; no client sends one.
    #[error("producer {id} sent epoch {epoch} and sequence {sequence}; neither may be below zero")]
    NegativeEpochOrSequence { id: i64, epoch: i16, sequence: i32 },
    /// Another instance with a newer epoch has written here.
    #[error("epoch {epoch} of producer {id} is older than {known}, which was seen last")]
    InvalidProducerEpoch { id: i64, epoch: i16, known: i16 },
    /// A newer epoch must begin counting anew.
    #[error("producer {id} begins epoch {epoch} (after {known}) with sequence {sequence} instead of 0")]
    NewEpochNotAtZero { id: i64, epoch: i16, known: i16, sequence: i32 },
    /// A batch in between is missing, or this one is older than the five remembered.
    #[error("producer {id} of epoch {epoch} sent sequence {sequence}; {expected} comes next")]
    OutOfOrderSequence { id: i64, epoch: i16, sequence: i32, expected: i32 },
}

impl ProducerBatch {
    /// Takes the fields as they stand in a batch header. `None` means a batch of no producer: whatever epoch and
    /// sequence go with a negative id is not looked at.
    pub fn new(
        producer_id: i64,
        epoch: i16,
        base_sequence: i32,
        last_offset_delta: i32,
    ) -> Result<Option<ProducerBatch>, Refusal> {
        if producer_id < 0 {
            return Ok(None);
        }
        if epoch < 0 || base_sequence < 0 {
            let (id, sequence) = (producer_id, base_sequence);
            return Err(Refusal::NegativeEpochOrSequence { id, epoch, sequence });
        }
        let last_sequence = next_sequence(base_sequence, last_offset_delta.max(0));
        Ok(Some(ProducerBatch { producer_id, epoch, first_sequence: base_sequence, last_sequence }))
    }
}

/// The sequence `by` after `sequence`; 0 follows 2147483647 (`DefaultRecordBatch.incrementSequence`). Neither may be
/// below zero.
pub fn next_sequence(sequence: i32, by: i32) -> i32 {
    // The two add up to less than 2^32, so that dropping the topmost bit takes away 2^31 exactly once.
    ((sequence as u32).wrapping_add(by as u32) & 0x7fff_ffff) as i32
}
