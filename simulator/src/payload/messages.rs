//! Message sets in the formats of old, as clients had them before batches (v0, and v1 with timestamps, KIP-32): written and
//! read by hand, so that what a node converts is compared with what somebody else understands of these formats.

use bytes::Bytes;
use kelpgate_compression::{Codec, Compressor, Decompressor, Levels, Limits, Lz4Header};
use kelpgate_core::record::crc::crc32;

use super::{Found, Value, compared_with};

/// Magic of the format with timestamps.
const WITH_TIME: u8 = 1;
const CODEC: u8 = 0x07;
/// Levels of sets within sets that anybody writes.
const DEPTH: usize = 2;

/// The format of messages in this version of Produce.
pub fn magic_of(produce: i16) -> u8 {
    if produce < 2 { 0 } else { WITH_TIME }
}

/// A message.
struct Message<'a> {
    offset: i64,
    magic: u8,
    codec: Codec,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

/// These values as a producer sends them: one message each or, compressed, one with all of them.
///
/// # Panics
/// With zstd, which no producer of that time knew.
pub fn write(values: &[Value], magic: u8, timestamp: i64, codec: Codec) -> Bytes {
    let mut set = Vec::new();
    for (offset, value) in (0..).zip(values) {
        let (key, value) = value.content();
        let message = Message { offset, magic, codec: Codec::None, key: key.as_deref(), value: Some(&value) };
        message.write(timestamp, &mut set);
    }
    if codec == Codec::None {
        return set.into();
    }
    assert_ne!(codec, Codec::Zstd, "not in these formats");
    let mut value = Vec::new();
    let compressed =
        Compressor::new().compress_for(lz4_header(magic), codec, &Levels::default(), &set, &mut value);
    compressed.expect("so little can be compressed");
    let offset = values.len() as i64 - 1;
    let mut whole = Vec::new();
    Message { offset, magic, codec, key: None, value: Some(&value) }.write(timestamp, &mut whole);
    whole.into()
}

/// The messages of a set that was fetched, from `from` on. The last one may be cut.
///
/// # Errors
/// When the set cannot be read.
pub fn read(set: &[u8], from: i64) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    read_set(set, &mut |_, offset| offset, DEPTH, &mut found)?;
    found.retain(|(offset, _)| *offset >= from);
    Ok(found)
}

/// Reads a set whose offsets `absolute` translates, given the magic of the message.
fn read_set(
    mut set: &[u8],
    absolute: &mut dyn FnMut(u8, i64) -> i64,
    depth: usize,
    found: &mut Vec<Found>,
) -> Result<(), String> {
    while let Some(message) = Message::take(&mut set)? {
        let offset = absolute(message.magic, message.offset);
        let value = message.value.ok_or("a message without a value")?;
        if message.codec == Codec::None {
            found.push((offset, compared_with(message.key, value)));
            continue;
        }
        let deeper = depth.checked_sub(1).ok_or("sets within sets within sets")?;
        let mut inner = Vec::new();
        Decompressor::new()
            .decompress_for(lz4_header(message.magic), message.codec, &Limits::default(), value, &mut inner)
            .map_err(|error| error.to_string())?;
        let last = last_offset(&inner)?;
        // In v1, those within count from 0, and the outer one has the offset of the last (KIP-31).
        let mut translate = |magic, within| if magic == WITH_TIME { offset - last + within } else { within };
        read_set(&inner, &mut translate, deeper, found)?;
    }
    Ok(())
}

fn last_offset(mut set: &[u8]) -> Result<i64, String> {
    let mut last = None;
    while let Some(message) = Message::take(&mut set)? {
        last = Some(message.offset);
    }
    last.ok_or_else(|| "a compressed set without messages".to_owned())
}

fn lz4_header(magic: u8) -> Lz4Header {
    if magic == WITH_TIME { Lz4Header::StandardOrOverMagic } else { Lz4Header::OverMagic }
}

impl<'a> Message<'a> {
    fn write(&self, timestamp: i64, out: &mut Vec<u8>) {
        let mut body = vec![self.magic, self.codec.id()];
        if self.magic == WITH_TIME {
            body.extend(timestamp.to_be_bytes());
        }
        for part in [self.key, self.value] {
            body.extend(part.map_or(-1, |part| part.len() as i32).to_be_bytes());
            body.extend(part.unwrap_or_default());
        }
        out.extend(self.offset.to_be_bytes());
        out.extend((body.len() as i32 + 4).to_be_bytes());
        out.extend(crc32(&body).to_be_bytes());
        out.append(&mut body);
    }

    /// The next message, none at the end or where a limit has cut the set.
    fn take(set: &mut &'a [u8]) -> Result<Option<Message<'a>>, String> {
        let Some((head, rest)) = set.split_first_chunk::<12>() else { return Ok(None) };
        let (offset, size) = head.split_at(8);
        let offset = i64::from_be_bytes(offset.try_into().unwrap_or_default());
        let size = i32::from_be_bytes(size.try_into().unwrap_or_default());
        let size = usize::try_from(size).map_err(|_| "a message of negative size")?;
        let Some((body, rest)) = rest.split_at_checked(size) else { return Ok(None) };
        *set = rest;
        let invalid = || format!("the message at {offset} is too short");
        let (crc, body) = body.split_first_chunk().ok_or_else(invalid)?;
        if u32::from_be_bytes(*crc) != crc32(body) {
            return Err(format!("the checksum of the message at {offset} is wrong"));
        }
        let ([magic, attributes], mut body) = body.split_first_chunk().ok_or_else(invalid)?;
        match *magic {
            0 => {}
            WITH_TIME => body = body.split_at_checked(8).ok_or_else(invalid)?.1,
            other => return Err(format!("the message at {offset} has magic {other}")),
        }
        let codec = Codec::from_id(attributes & CODEC).ok_or("an unknown codec")?;
        let key = take_nullable(&mut body).ok_or_else(invalid)?;
        let value = take_nullable(&mut body).ok_or_else(invalid)?;
        Ok(Some(Message { offset, magic: *magic, codec, key, value }))
    }
}

fn take_nullable<'a>(input: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, rest) = input.split_first_chunk()?;
    *input = rest;
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { return Some(None) };
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Value> {
        (0..5).map(|number| Value::old(3, number)).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for magic in [0, WITH_TIME] {
            for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
                let set = write(&values(), magic, 7, codec);
                let found = read(&set, 2).unwrap();
                let expected: Vec<Found> = (2..).zip(values().into_iter().skip(2).map(Ok)).collect();
                assert_eq!(found, expected, "{magic} {codec:?}");
            }
        }
    }

    #[test]
    fn a_cut_set_ends_before_the_cut() {
        let set = write(&values(), WITH_TIME, 7, Codec::None);
        assert_eq!(read(&set[..set.len() - 1], 0).unwrap().len(), 4);
    }

    #[test]
    fn a_changed_byte_shows() {
        let set = write(&values(), WITH_TIME, 7, Codec::None);
        let first = set.len() - write(&values()[1..], WITH_TIME, 7, Codec::None).len();
        // Offset and size are not covered.
        for at in 12..first {
            let mut changed = set.to_vec();
            changed[at] ^= 1;
            assert!(read(&changed, 0).is_err(), "byte {at}");
        }
    }
}
