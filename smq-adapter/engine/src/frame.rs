//! Log files of SeaweedMQ: `[u32 big-endian length][filer_pb.LogEntry]`, one after the other. Of an entry only `data` (3)
//! and `key` (4) are looked at; its times and offsets are SeaweedMQ's own, see [`crate`].

use alloc::vec::Vec;

use bytes::Bytes;

/// Bytes of the length before each entry.
const LENGTH: usize = 4;
/// The longest entry that is believed: SeaweedFS takes messages up to 1 GiB, Kafka's batches are far smaller.
pub const LONGEST: usize = 256 << 20;

/// One entry of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins within the bytes it was read from, its length included.
    pub at: usize,
    /// All of its bytes, its length included.
    pub len: usize,
    /// The message's key.
    pub key: Bytes,
    /// The message's value.
    pub value: Bytes,
}

/// Why the next entry cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The bytes end within it; this many are needed from its beginning.
    Cut { needed: usize },
    /// It is no entry. What follows cannot be found either.
    Bad,
}

/// The entries that lie whole in some bytes.
#[derive(Clone, Debug)]
pub struct Frames {
    bytes: Bytes,
    at: usize,
}

impl Frames {
    /// Entries from the beginning of `bytes` on, where one must begin.
    pub fn new(bytes: Bytes) -> Frames {
        Frames { bytes, at: 0 }
    }

    /// Bytes read so far: where the next entry begins.
    pub fn position(&self) -> usize {
        self.at
    }

    fn read(&self) -> Result<Frame, FrameError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((length, body)) = rest.split_first_chunk::<LENGTH>() else {
            return Err(FrameError::Cut { needed: LENGTH });
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(FrameError::Bad);
        }
        let Some(body) = body.get(..length) else {
            return Err(FrameError::Cut { needed: LENGTH + length });
        };
        let entry = read_entry(body).ok_or(FrameError::Bad)?;
        Ok(Frame {
            at: self.at,
            len: LENGTH + length,
            key: self.bytes.slice_ref(entry.key),
            value: self.bytes.slice_ref(entry.value),
        })
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, FrameError>;

    /// The next entry; after an error the same error again, `None` at the end of the bytes.
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let frame = self.read();
        if let Ok(frame) = &frame {
            self.at += frame.len;
        }
        Some(frame)
    }
}

#[derive(Default)]
struct LogEntry<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

/// Reads the two fields of an entry, passing over all others as protobuf readers do.
fn read_entry(mut rest: &[u8]) -> Option<LogEntry<'_>> {
    let mut entry = LogEntry::default();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (3, 2) => entry.value = delimited(&mut rest)?,
            (4, 2) => entry.key = delimited(&mut rest)?,
            (0, _) => return None,
            (_, 0) => drop(varint(&mut rest)?),
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => drop(delimited(&mut rest)?),
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(entry)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint(rest)?).ok()?;
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

/// Writes an entry as a broker does; for models and tests.
pub fn write_frame(into: &mut Vec<u8>, ts_ns: i64, key: &[u8], value: &[u8], offset: i64) {
    let mut entry = Vec::with_capacity(key.len() + value.len() + 40);
    put_number(&mut entry, 1, ts_ns);
    put_bytes(&mut entry, 3, value);
    put_bytes(&mut entry, 4, key);
    put_number(&mut entry, 5, offset);
    into.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend_from_slice(&entry);
}

fn put_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn put_number(into: &mut Vec<u8>, field: u64, value: i64) {
    if value != 0 {
        put_varint(into, field << 3);
        put_varint(into, value as u64);
    }
}

fn put_bytes(into: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        put_varint(into, field << 3 | 2);
        put_varint(into, value.len() as u64);
        into.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn reads_what_is_written_and_says_where_it_is_cut() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, 5, b"key", b"value", 0);
        let first = bytes.len();
        write_frame(&mut bytes, 6, b"", &[7; 300], 1);
        let all = Bytes::from(bytes);
        let frames: Vec<Frame> = Frames::new(all.clone()).map(|frame| frame.expect("whole")).collect();
        assert_eq!((&frames[0].key[..], &frames[0].value[..]), (&b"key"[..], &b"value"[..]));
        assert_eq!((frames[1].at, frames[1].value.len()), (first, 300));
        for cut in 0..all.len() {
            let mut frames = Frames::new(all.slice(..cut));
            let whole = frames.by_ref().take_while(Result::is_ok).count();
            assert_eq!(whole, usize::from(cut >= first), "{cut}");
            if cut != 0 && cut != first {
                let Some(Err(FrameError::Cut { needed })) = frames.next() else { panic!("{cut}") };
                assert!(frames.position() + needed > cut);
            }
        }
    }

    #[test]
    fn fields_that_are_not_known_are_passed_over_and_nonsense_is_refused() {
        let body = vec![0x52, 2, 1, 2, 0x59, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 9, 0x65, 0, 0, 0, 0];
        assert_eq!(read_entry(&body).map(|entry| entry.value.to_vec()), Some(vec![9]));
        for body in [&[0x1a, 5, 1][..], &[0x03], &[0], &[0xff; 11]] {
            assert!(read_entry(body).is_none(), "{body:?}");
        }
    }
}
