//! From a message set v0 or v1 to a batch v2 (`LogValidator.convertAndAssignOffsetsNonCompressed`,
//! `LogValidator.validateMessagesAndAssignOffsetsCompressed`).

use alloc::format;
use alloc::string::String;

use kelpgate_compression::Codec;

use super::super::accept::{Accepted, Target};
use super::super::batch::Batch;
use super::super::builder::{BatchBuilder, BatchFields};
use super::super::codecs::{Codecs, OpenError, Opener};
use super::super::refusal::{RecordErrors, Refusal};
use super::super::stamp::StampedTime;
use super::super::validate::{BatchInfo, Rules, check_size, is_out_of_range};
use super::message::{Message, MessageError, MessageFormat, Messages};
use crate::config::TimestampType;
use crate::protocol::ErrorCode;

/// The records that a Produce request of version 0 to 2 has for one partition, as one batch v2: a run of plain messages, or
/// one wrapper. Every message is looked at, whatever the rules say of opening batches. What Kafka drops in silence, a
/// message cut short at the end of its set, is refused here: its producer would take it for stored.
pub fn up_convert(set: &[u8], rules: &Rules<'_>, codecs: &mut Codecs) -> Result<Accepted, Refusal> {
    let invalid = |what: &str| Refusal::new(ErrorCode::INVALID_RECORD, String::from(what));
    let mut outer = Messages::new(set);
    let first = outer.next().ok_or_else(|| invalid("Record batch has no batches at all"))??;
    let codec = codec(&first)?;
    let mut conversion = Conversion {
        rules,
        format: first.format,
        builder: BatchBuilder::with_capacity(fields(rules), set.len()),
        next_index: 0,
        errors: RecordErrors::default(),
    };
    check_size(first.size_in_bytes, rules)?;
    if codec == Codec::None {
        conversion.plain(&first);
        for message in outer {
            conversion.following(&message?)?;
        }
    } else {
        if outer.next().transpose()?.is_some() {
            return Err(invalid("Compressed outer record has more than one batch"));
        }
        conversion.wrapper(&first, codec, &mut codecs.opener)?;
    }
    conversion.finish(codec, codecs)
}

fn codec(message: &Message<'_>) -> Result<Codec, Refusal> {
    match message.codec() {
        None => Err(Refusal::from(OpenError::UnknownCodec)),
        Some(Codec::Zstd) => {
            let message =
                String::from("Message formats v0 and v1 are not allowed to use ZStandard compression");
            Err(Refusal::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message))
        }
        Some(codec) => Ok(codec),
    }
}

fn fields(rules: &Rules<'_>) -> BatchFields {
    BatchFields { log_append_time: append_time(rules), ..BatchFields::default() }
}

fn append_time(rules: &Rules<'_>) -> Option<i64> {
    match rules.config.message_timestamp_type {
        TimestampType::LogAppendTime => Some(rules.now.0),
        TimestampType::CreateTime => None,
    }
}

struct Conversion<'a> {
    rules: &'a Rules<'a>,
    format: MessageFormat,
    builder: BatchBuilder,
    next_index: i32,
    errors: RecordErrors,
}

impl Conversion<'_> {
    /// One more message beside the first.
    fn following(&mut self, message: &Message<'_>) -> Result<(), Refusal> {
        check_size(message.size_in_bytes, self.rules)?;
        if message.format != self.format {
            let (magic, first) = (message.format.magic(), self.format.magic());
            let message =
                format!("Batch magic {magic} is not the same as the first batch's magic byte {first}");
            return Err(Refusal::new(ErrorCode::INVALID_RECORD, message));
        }
        if codec(message)? != Codec::None {
            let message = String::from("Compressed outer record has more than one batch");
            return Err(Refusal::new(ErrorCode::INVALID_RECORD, message));
        }
        self.plain(message);
        Ok(())
    }

    /// A message that is not compressed.
    fn plain(&mut self, message: &Message<'_>) {
        self.append(message, message.timestamp, message.is_log_append_time());
    }

    /// The messages within a compressed one (`AbstractLegacyRecordBatch.DeepRecordsIterator`).
    fn wrapper(&mut self, wrapper: &Message<'_>, codec: Codec, opener: &mut Opener) -> Result<(), Refusal> {
        let invalid = |what: &str| Refusal::new(ErrorCode::INVALID_RECORD, String::from(what));
        let value =
            wrapper.value.ok_or_else(|| invalid("Found invalid compressed record set with null value"))?;
        let plain = opener.decompress(self.format.lz4_header(), codec, value)?;
        let mut last_offset = None;
        for message in Messages::new(plain) {
            let message = message.map_err(within)?;
            if message.codec() != Some(Codec::None) {
                return Err(invalid("Inner messages must not be compressed"));
            }
            last_offset = Some(message.offset);
            if message.format != self.format {
                let (magic, outer) = (message.format.magic(), self.format.magic());
                let index = self.next_index;
                self.errors.refuse(index, ErrorCode::INVALID_RECORD, || {
                    format!("Record magic {magic} does not match outer magic {outer}")
                });
                self.next_index += 1;
                continue;
            }
            let is_append_time = wrapper.is_log_append_time();
            let timestamp = if is_append_time { wrapper.timestamp } else { message.timestamp };
            self.append(&message, timestamp, is_append_time);
        }
        let last = last_offset
            .ok_or_else(|| invalid("Found invalid compressed record set with no inner records"))?;
        // Some librdkafka versions leave the wrapper's offset at 0.
        if self.format == MessageFormat::V1 && wrapper.offset != 0 && wrapper.offset < last {
            return Err(invalid("Found invalid wrapper offset in compressed v1 message set"));
        }
        Ok(())
    }

    /// One record, or what is wrong with it (`LogValidator.validateRecord`).
    fn append(&mut self, message: &Message<'_>, timestamp: i64, is_append_time: bool) {
        let Rules { topic, partition, config, .. } = *self.rules;
        let index = self.next_index;
        self.next_index = index.saturating_add(1);
        if config.cleanup_policy.compact && message.key.is_none() {
            self.errors.refuse(index, ErrorCode::INVALID_RECORD, || {
                format!(
                    "Compacted topic cannot accept message without key in topic partition {topic}-{partition}"
                )
            });
        } else if is_append_time {
            self.errors.refuse(index, ErrorCode::INVALID_TIMESTAMP, || {
                String::from("Producer should not set timestamp type to LogAppendTime.")
            });
        } else if append_time(self.rules).is_none() && is_out_of_range(timestamp, self.rules) {
            let offset = message.offset;
            self.errors.refuse(index, ErrorCode::INVALID_TIMESTAMP, || {
                format!("Timestamp {timestamp} of message with offset {offset} is out of range.")
            });
        } else {
            self.builder.append(timestamp, message.key, message.value, &[]);
        }
    }

    fn finish(self, source: Codec, codecs: &mut Codecs) -> Result<Accepted, Refusal> {
        self.errors.into_result()?;
        let target = Target::of(self.rules.config, source);
        let batch = self.builder.build_with(target.codec, &target.levels, codecs)?;
        check_size(batch.len(), self.rules)?;
        let view = Batch::first(&batch)?;
        let info = BatchInfo {
            size_in_bytes: batch.len(),
            codec: target.codec,
            record_count: view.record_count(),
            last_offset_delta: view.last_offset_delta(),
            max_timestamp: view.max_timestamp(),
            time: StampedTime::AsSent,
            is_transactional: false,
            producer: None,
            rebuild: false,
        };
        Ok(Accepted { batch, info })
    }
}

/// What is wrong with the outermost messages.
impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Refusal {
        let code = match error {
            MessageError::Truncated | MessageError::Size(_) | MessageError::Crc { .. } => {
                ErrorCode::CORRUPT_MESSAGE
            }
            MessageError::Magic(2) | MessageError::Structure => ErrorCode::INVALID_RECORD,
            MessageError::Magic(_) => ErrorCode::CORRUPT_MESSAGE,
        };
        Refusal::new(code, format!("{error}"))
    }
}

/// What is wrong with a message within a wrapper, whose own checksum was right: sending it again would not help, except
/// that Kafka answers a wrong checksum so.
fn within(error: MessageError) -> Refusal {
    let code = match error {
        MessageError::Crc { .. } => ErrorCode::CORRUPT_MESSAGE,
        MessageError::Truncated
        | MessageError::Size(_)
        | MessageError::Magic(_)
        | MessageError::Structure => ErrorCode::INVALID_RECORD,
    };
    Refusal::new(code, format!("{error}"))
}
