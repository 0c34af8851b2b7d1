//! Why a producer's records are refused, in the form of a Produce answer.

use alloc::string::String;
use alloc::vec::Vec;

use super::batch::BatchError;
use super::codecs::OpenError;
use super::records::RecordError;

/// The bytes were damaged on their way; clients send again.
pub const CORRUPT_MESSAGE: i16 = 2;
/// Larger than `max.message.bytes`; clients split the batch.
pub const MESSAGE_TOO_LARGE: i16 = 10;
/// Record times out of the range that the topic allows.
pub const INVALID_TIMESTAMP: i16 = 32;
/// The request's version does not allow the codec, or nobody knows it.
pub const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
/// The records break a rule; sending them again is of no use.
pub const INVALID_RECORD: i16 = 87;

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
    /// Kafka's error code.
    pub error: i16,
    /// For people; Kafka's words where it has some.
    pub message: String,
    /// The records at fault, where single ones are (Produce 8 and later tell them).
    pub record_errors: Vec<RecordRefusal>,
}

impl Refusal {
    /// Without single records at fault.
    pub fn new(error: i16, message: String) -> Refusal {
        Refusal { error, message, record_errors: Vec::new() }
    }
}

/// What is wrong with the batch as a whole.
impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        let code = match error {
            BatchError::Length(_) | BatchError::Crc { .. } => CORRUPT_MESSAGE,
            BatchError::Truncated { .. } | BatchError::Magic(_) => INVALID_RECORD,
        };
        Refusal::new(code, alloc::format!("{error}"))
    }
}

/// What is wrong with the bytes of the records: never healed by sending them again, so that it is not CORRUPT_MESSAGE.
impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Refusal {
        Refusal::new(INVALID_RECORD, alloc::format!("{error}"))
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Refusal {
        Refusal::new(error.code(), alloc::format!("{error}"))
    }
}
