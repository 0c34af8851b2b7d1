//! Write-ahead files: what was to be durable before SeaweedMQ's own files hold it. One file holds what one turn of the
//! engine brought for all its logs; every entry describes and checks itself, with the same key as the message.
//!
//! `KGW1`, then for each entry: key ([`crate::message`]), length of the value (4), CRC-32C of the value (4), value.

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::record::crc::crc32c;

use crate::message::{KEY_LEN, MessageKey, Stored};
use crate::wire::{Fields, Put};

const MAGIC: &[u8; 4] = b"KGW1";
/// Bytes of an entry beside its value.
pub const ENTRY_OVERHEAD: usize = KEY_LEN + 8;

/// One append in a write-ahead file.
#[derive(Clone, Debug, PartialEq)]
pub struct WalEntry {
    pub key: MessageKey,
    pub value: Pieces,
}

/// The content of a file. Values are not copied.
pub fn encode<'a>(entries: impl IntoIterator<Item = (&'a MessageKey, &'a Pieces)>) -> Pieces {
    let mut content = Pieces::from(Bytes::from_static(MAGIC));
    for (key, value) in entries {
        let mut head = Vec::with_capacity(ENTRY_OVERHEAD);
        head.put(&key.encode());
        head.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        head.put_u32(crc_of(value));
        content.push(head.into());
        content.append(value.clone());
    }
    content
}

/// CRC-32C of what lies in several pieces.
fn crc_of(value: &Pieces) -> u32 {
    match value.as_slice() {
        [] => crc32c(&[]),
        [only] => crc32c(only),
        [head, body] => kelpgate_core::record::crc::crc32c_of_two(head, body),
        _ => crc32c(&value.concat()),
    }
}

/// The entries of a file, and whether all of it could be read: a file whose writing was never answered may be anything.
pub fn decode(content: &Bytes) -> (Vec<WalEntry>, bool) {
    let mut entries = Vec::new();
    let Some(rest) = content.strip_prefix(MAGIC) else { return (entries, content.is_empty()) };
    let mut fields = Fields(rest);
    while !fields.0.is_empty() {
        match read_entry(content, &mut fields) {
            Some(entry) => entries.push(entry),
            None => return (entries, false),
        }
    }
    (entries, true)
}

fn read_entry(content: &Bytes, fields: &mut Fields<'_>) -> Option<WalEntry> {
    let Stored::Ours(key) = MessageKey::decode(fields.take(KEY_LEN)?) else { return None };
    let len = usize::try_from(fields.u32()?).ok()?;
    let crc = fields.u32()?;
    let value = fields.take(len)?;
    (crc32c(value) == crc).then(|| WalEntry { key, value: content.slice_ref(value).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelpgate_core::ids::LogId;
    use kelpgate_core::uuid::Uuid;

    fn entry(base: i64, value: &'static [u8]) -> WalEntry {
        let log = LogId { topic: Uuid([1; 16]), partition: 0 };
        let key = MessageKey { log, term: 1, after: base, base, last: base, max_timestamp: 5, roll: false };
        WalEntry { key, value: Bytes::from_static(value).into() }
    }

    #[test]
    fn what_is_whole_is_read_and_what_is_not_is_said() {
        let entries = [entry(0, b"first"), entry(1, b""), entry(2, b"third")];
        let content = encode(entries.iter().map(|entry| (&entry.key, &entry.value))).concat();
        assert_eq!(decode(&content), (entries.to_vec(), true));
        for cut in 0..content.len() {
            let (read, whole) = decode(&content.slice(..cut));
            assert_eq!(read, entries[..read.len()]);
            let bounds = [0, 4, 4 + ENTRY_OVERHEAD + 5, 4 + 2 * ENTRY_OVERHEAD + 5];
            assert_eq!(whole, bounds.contains(&cut), "{cut}");
        }
        let mut flipped = content.to_vec();
        flipped[4 + ENTRY_OVERHEAD] ^= 1;
        assert_eq!(decode(&flipped.into()), (Vec::new(), false));
    }

    #[test]
    fn values_in_several_pieces_have_one_checksum() {
        let pieces: Pieces = [&b"a"[..], b"bc", b"def"].into_iter().map(Bytes::from_static).collect();
        let key = entry(0, b"").key;
        let (read, whole) = decode(&encode([(&key, &pieces)]).concat());
        assert!(whole && read[0].value.concat() == Bytes::from_static(b"abcdef"));
    }
}
