//! The stored form: one message of SeaweedMQ holds what one append brought. Its key says what that is, so that neither
//! SeaweedMQ's offsets nor the order of its files matter, and its value is the batches, untouched.
//!
//! | bytes | of a key |
//! | --- | --- |
//! | 4 | `KGB1` |
//! | 1 | flags: 1 = begins a segment |
//! | 16 + 4 | topic id, partition |
//! | 8 | term of the log: counts the openings of it that were written in |
//! | 8 | where the log ended before |
//! | 8 + 8 | offset of the first and of the last record |
//! | 8 | greatest timestamp, -1 for none |
//! | 4 | CRC-32C of all of the above |
//!
//! A term begins at the offset where the log ended when it was opened, and the log's state file tells both before
//! anything is written in that term. So what earlier writers left above that offset is known to be void whenever it turns
//! up: batches of a broker that was thought dead, or of a gateway that lost the log. Leader epochs, which the batches
//! carry, could tell that only from one start of the gateway to the next.

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::LogId;
use kelpgate_core::record::crc::crc32c;

use crate::wire::{Fields, Put};

const MAGIC: &[u8; 4] = b"KGB1";
const ROLL: u8 = 1;
/// Size of a key, in bytes.
pub const KEY_LEN: usize = 69;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageKey {
    /// Whose batches.
    pub log: LogId,
    /// In which term they were appended.
    pub term: u64,
    /// Where the log ended before them.
    pub after: i64,
    /// Offset of the first record; `after`, or above it where compaction or trimming left a gap.
    pub base: i64,
    /// Offset of the last record.
    pub last: i64,
    /// Greatest timestamp, -1 for none.
    pub max_timestamp: i64,
    /// Whether a segment begins here.
    pub roll: bool,
}

/// What the key of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A message of ours.
    Ours(MessageKey),
    /// It looks like ours and is not what was written.
    Damaged,
    /// Somebody else's.
    Foreign,
}

impl MessageKey {
    /// The offset after the last record.
    pub fn end(&self) -> i64 {
        self.last.saturating_add(1)
    }

    /// The bytes.
    pub fn encode(&self) -> Bytes {
        let mut key = Vec::with_capacity(KEY_LEN);
        key.put(MAGIC);
        key.push(if self.roll { ROLL } else { 0 });
        key.put_log(self.log);
        key.put_u64(self.term);
        for number in [self.after, self.base, self.last, self.max_timestamp] {
            key.put_i64(number);
        }
        let crc = crc32c(&key);
        key.put_u32(crc);
        key.into()
    }

    /// Reads the key of any message.
    pub fn decode(key: &[u8]) -> Stored {
        if !key.starts_with(MAGIC) {
            return Stored::Foreign;
        }
        MessageKey::read(key).map_or(Stored::Damaged, Stored::Ours)
    }

    fn read(key: &[u8]) -> Option<MessageKey> {
        let key: &[u8; KEY_LEN] = key.try_into().ok()?;
        let (checked, crc) = key.split_last_chunk::<4>()?;
        if crc32c(checked) != u32::from_be_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(checked.get(MAGIC.len()..)?);
        let flags = fields.u8()?;
        let read = MessageKey {
            log: fields.log()?,
            term: fields.u64()?,
            after: fields.i64()?,
            base: fields.i64()?,
            last: fields.i64()?,
            max_timestamp: fields.i64()?,
            roll: flags & ROLL != 0,
        };
        let orderly = 0 <= read.after && read.after <= read.base && read.base <= read.last;
        (orderly && read.last < i64::MAX && flags & !ROLL == 0).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelpgate_core::uuid::Uuid;

    #[test]
    fn a_key_is_read_as_it_was_written_or_not_at_all() {
        let key = MessageKey {
            log: LogId { topic: Uuid([7; 16]), partition: 3 },
            term: 9,
            after: 90,
            base: 100,
            last: 109,
            max_timestamp: -1,
            roll: true,
        };
        let bytes = key.encode();
        assert_eq!(bytes.len(), KEY_LEN);
        assert_eq!(MessageKey::decode(&bytes), Stored::Ours(key));
        for at in 0..KEY_LEN {
            let mut bad = bytes.to_vec();
            bad[at] ^= 1;
            let expected = if at < 4 { Stored::Foreign } else { Stored::Damaged };
            assert_eq!(MessageKey::decode(&bad), expected, "{at}");
        }
        assert_eq!(MessageKey::decode(b""), Stored::Foreign);
        let backward = MessageKey { base: 110, ..key };
        assert_eq!(MessageKey::decode(&backward.encode()), Stored::Damaged);
    }
}
