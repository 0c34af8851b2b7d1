//! Messages outside of frames: in records and in the opaque fields of other messages. Their version stands before them
//! in two bytes (`MessageUtil.toVersionPrefixedBytes`).

use bytes::Bytes;

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::message::Message;
use super::reader::Reader;
use super::value::{Read, Write};
use super::version::Version;
use super::writer::{LENGTH_BYTES, put, write_frame};

/// Most bytes of memory the arrays of one such message may take for each byte that it has.
const BUDGET_PER_BYTE: usize = 64;

/// Writes `message` in `number`, a version it has.
pub fn encode_versioned<M: Message + Write>(message: &M, number: i16) -> Result<Bytes, EncodeError> {
    let version = Version { number, flexible: M::INFO.flexible.contains(number) };
    encode_behind(number, message, version).map_err(|error| error.within(M::INFO.body.name))
}

/// Writes `number` and behind it `value` in `version`.
pub(crate) fn encode_behind(number: i16, value: &impl Write, version: Version) -> Result<Bytes, EncodeError> {
    let frame = write_frame(size_of::<i16>() + value.at_most(), |writer, room| {
        value.write(writer, put(room, number.to_be_bytes()), version)
    })?;
    Ok(frame.concat().split_off(LENGTH_BYTES))
}

/// Reads a message; a version newer than those declared is read as the newest, and what it has more is not looked at.
pub fn decode_versioned<M: Message + Read>(bytes: &Bytes) -> Result<(i16, M), DecodeError> {
    let mut reader = Reader::new(bytes, bytes.len().saturating_mul(BUDGET_PER_BYTE).saturating_add(1024));
    let number = reader.array().map(i16::from_be_bytes).map_err(|error| error.within("version"))?;
    if number < M::INFO.versions.first {
        return Err(reader.fail(DecodeErrorKind::NoVersion(number)).within(M::INFO.body.name));
    }
    let known = number.min(M::INFO.versions.last);
    let version = Version { number: known, flexible: M::INFO.flexible.contains(known) };
    M::read(&mut reader, version)
        .map(|message| (known, message))
        .map_err(|error| error.within(M::INFO.body.name))
}
