//! Why a producer's records are refused, in the form of a Produce answer.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::batch::BatchError;
use super::codecs::OpenError;
use super::records::RecordError;
use crate::protocol::ErrorCode;

/// One record that breaks a rule. Clients report the others as victims of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRefusal {
    /// Index of the record in its batch.
    pub batch_index: i32,
    /// Kafka's words.
    pub message: String,
}

/// Nothing of the batch was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// CORRUPT_MESSAGE (damaged on the way; clients send again), MESSAGE_TOO_LARGE (clients split the batch),
    /// INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE or INVALID_RECORD (a rule is broken; sending again is of no use).
    pub error: ErrorCode,
    /// For people; Kafka's words where it has some.
    pub message: String,
    /// The records at fault, where single ones are (Produce 8 and later tell them).
    pub record_errors: Vec<RecordRefusal>,
}

impl Refusal {
    /// Without single records at fault.
    pub fn new(error: ErrorCode, message: String) -> Refusal {
        Refusal { error, message, record_errors: Vec::new() }
    }
}

/// What is wrong with the batch as a whole.
impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        let code = match error {
            BatchError::Length(_) | BatchError::Magic(_) | BatchError::Crc { .. } => {
                ErrorCode::CORRUPT_MESSAGE
            }
            BatchError::Truncated { .. } => ErrorCode::INVALID_RECORD,
        };
        Refusal::new(code, format!("{error}"))
    }
}

/// What is wrong with the bytes of the records: never healed by sending them again, so this is not CORRUPT_MESSAGE.
impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Refusal {
        Refusal::new(ErrorCode::INVALID_RECORD, format!("{error}"))
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Refusal {
        Refusal::new(error.code(), format!("{error}"))
    }
}

/// Single records are named up to this many, which bounds an answer to about 150 KB. Kafka names all.
const RECORD_ERRORS_MAX: usize = 1000;

/// Records at fault, collected over one batch.
#[derive(Default)]
pub(super) struct RecordErrors {
    total: usize,
    any_timestamp: bool,
    named: Vec<RecordRefusal>,
}

impl RecordErrors {
    /// Notes one: INVALID_RECORD or INVALID_TIMESTAMP.
    #[cold]
    pub(super) fn refuse(&mut self, batch_index: i32, error: ErrorCode, message: impl FnOnce() -> String) {
        self.total += 1;
        self.any_timestamp |= error == ErrorCode::INVALID_TIMESTAMP;
        if self.named.len() < RECORD_ERRORS_MAX {
            self.named.push(RecordRefusal { batch_index, message: message() });
        }
    }

    /// All of them under one code (`LogValidator.processRecordErrors`).
    pub(super) fn into_result(self) -> Result<(), Refusal> {
        let RecordErrors { total, any_timestamp, named } = self;
        if total == 0 {
            return Ok(());
        }
        if any_timestamp {
            let message = String::from("One or more records have been rejected due to invalid timestamp");
            return Err(Refusal { error: ErrorCode::INVALID_TIMESTAMP, message, record_errors: named });
        }
        let mut message = format!(
            "One or more records have been rejected due to {total} record errors in total, and only showing the first \
             three errors at most: ["
        );
        for (index, error) in named.iter().take(3).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            message +=
                &format!("{comma}RecordError(batchIndex={}, message='{}')", error.batch_index, error.message);
        }
        message.push(']');
        Err(Refusal { error: ErrorCode::INVALID_RECORD, message, record_errors: named })
    }
}
