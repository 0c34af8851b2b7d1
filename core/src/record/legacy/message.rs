//! Single messages, read where they lie and written.

use alloc::vec::Vec;

use kelpgate_compression::{Codec, Lz4Header};

use super::super::NO_TIMESTAMP;
use super::super::crc;

/// Offset and size, which the size does not count.
pub(super) const LOG_OVERHEAD: usize = 12;
/// The smallest message: CRC, magic, attributes, and the lengths of key and value (`LegacyRecord.RECORD_OVERHEAD_V0`).
const SIZE_MIN: i32 = 14;
const CODEC_MASK: u8 = 0x07;
const LOG_APPEND_TIME: u8 = 0x08;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFormat {
    /// Without timestamps. Produce 0 and 1, Fetch 0 and 1.
    V0,
    /// With timestamps (KIP-32). Produce 2, Fetch 2 and 3.
    V1,
}

impl MessageFormat {
    pub(super) fn magic(self) -> u8 {
        match self {
            MessageFormat::V0 => 0,
            MessageFormat::V1 => 1,
        }
    }

    /// Clients of these formats disagree on the checksum in an lz4 frame's header.
    pub(super) fn lz4_header(self) -> Lz4Header {
        match self {
            MessageFormat::V0 => Lz4Header::OverMagic,
            MessageFormat::V1 => Lz4Header::StandardOrOverMagic,
        }
    }
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The set ends within a message.
    #[error("the message set ends within a message")]
    Truncated,
    #[error("message size {0} is too small")]
    Size(i32),
    /// Another format, or none.
    #[error("magic {0} is not that of a message v0 or v1")]
    Magic(u8),
    /// Key or value go past its end or stop before it.
    #[error("message with an invalid structure")]
    Structure,
    /// The bytes were changed on their way.
    #[error("Record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Crc { stored: u32, computed: u32 },
}

/// One message, borrowed; its checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) offset: i64,
    pub(super) format: MessageFormat,
    attributes: u8,
    /// -1 in v0.
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) size_in_bytes: usize,
}

impl<'a> Message<'a> {
    /// `None` for the ids that mean nothing.
    pub(super) fn codec(&self) -> Option<Codec> {
        Codec::from_id(self.attributes & CODEC_MASK)
    }

    /// Whether a broker has set the timestamp; v0 has none.
    pub(super) fn is_log_append_time(&self) -> bool {
        self.format == MessageFormat::V1 && self.attributes & LOG_APPEND_TIME != 0
    }

    /// Takes the first message off a set that is not empty.
    fn take(set: &mut &'a [u8]) -> Result<Message<'a>, MessageError> {
        let offset = i64::from_be_bytes(take_array(set).ok_or(MessageError::Truncated)?);
        let size = i32::from_be_bytes(take_array(set).ok_or(MessageError::Truncated)?);
        let len = usize::try_from(size).map_err(|_| MessageError::Size(size))?;
        if size < SIZE_MIN {
            return Err(MessageError::Size(size));
        }
        let (body, rest) = set.split_at_checked(len).ok_or(MessageError::Truncated)?;
        let format = match body.get(4) {
            Some(0) => MessageFormat::V0,
            Some(1) => MessageFormat::V1,
            other => return Err(MessageError::Magic(other.copied().unwrap_or_default())),
        };
        *set = rest;
        Message::fields(offset, format, body)
    }

    fn fields(offset: i64, format: MessageFormat, body: &'a [u8]) -> Result<Message<'a>, MessageError> {
        let mut rest = body;
        let invalid = MessageError::Structure;
        let stored = u32::from_be_bytes(take_array(&mut rest).ok_or(invalid)?);
        let computed = crc::crc32(rest);
        if stored != computed {
            return Err(MessageError::Crc { stored, computed });
        }
        let [_magic, attributes] = take_array(&mut rest).ok_or(invalid)?;
        let timestamp = match format {
            MessageFormat::V0 => NO_TIMESTAMP,
            MessageFormat::V1 => i64::from_be_bytes(take_array(&mut rest).ok_or(invalid)?),
        };
        let key = take_nullable(&mut rest).ok_or(invalid)?;
        let value = take_nullable(&mut rest).ok_or(invalid)?;
        if !rest.is_empty() {
            return Err(invalid);
        }
        let size_in_bytes = LOG_OVERHEAD + body.len();
        Ok(Message { offset, format, attributes, timestamp, key, value, size_in_bytes })
    }
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*front)
}

fn take_nullable<'a>(input: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = i32::from_be_bytes(take_array(input)?);
    let Ok(len) = usize::try_from(len) else { return Some(None) };
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(Some(bytes))
}

/// The messages of one set; ends after an error.
#[derive(Clone, Debug)]
pub(super) struct Messages<'a> {
    set: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(super) fn new(set: &'a [u8]) -> Messages<'a> {
        Messages { set }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.set.is_empty() {
            return None;
        }
        let message = Message::take(&mut self.set);
        if message.is_err() {
            self.set = &[];
        }
        Some(message)
    }
}

/// The fields of a message to be written, but for its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageHead<'a> {
    pub(super) format: MessageFormat,
    pub(super) offset: i64,
    pub(super) codec: Codec,
    pub(super) is_log_append_time: bool,
    /// Left out in v0.
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
}

/// Adds a message whose value `value` adds; it says whether there is one, or why not.
pub(super) fn write_message<E>(
    head: &MessageHead<'_>,
    out: &mut Vec<u8>,
    value: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
) -> Result<(), E> {
    out.extend_from_slice(&head.offset.to_be_bytes());
    let size_at = out.len();
    // Size and checksum are known at the end.
    out.extend_from_slice(&[0; 8]);
    let covered = out.len();
    let time_bit =
        if head.is_log_append_time && head.format == MessageFormat::V1 { LOG_APPEND_TIME } else { 0 };
    out.extend_from_slice(&[head.format.magic(), head.codec.id() | time_bit]);
    match head.format {
        MessageFormat::V0 => {}
        MessageFormat::V1 => out.extend_from_slice(&head.timestamp.to_be_bytes()),
    }
    // Lengths fit: what is written was cut out of a batch, whose own length is an i32.
    out.extend_from_slice(&head.key.map_or(-1, |key| key.len() as i32).to_be_bytes());
    out.extend_from_slice(head.key.unwrap_or_default());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let value_at = out.len();
    let has_value = value(out)?;
    let length = if has_value { (out.len() - value_at) as i32 } else { -1 };
    patch(out, length_at, length.to_be_bytes());
    let crc = crc::crc32(out.get(covered..).unwrap_or_default());
    let size = (out.len() - size_at - 4) as i32;
    patch(out, size_at, size.to_be_bytes());
    patch(out, size_at + 4, crc.to_be_bytes());
    Ok(())
}

fn patch(out: &mut [u8], at: usize, value: [u8; 4]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *place = value;
    }
}
