//! The last offset of each key, in bounded memory.

use core::hash::Hasher;
use hashbrown::HashTable;
use siphasher::sip128::{Hash128, Hasher128, SipHasher24};

/// Bytes of one slot with its control byte.
const SLOT_BYTES: usize = size_of::<Slot>() + 1;

/// Keys by digest, with the offset of the last record that had it.
///
/// Keys are told apart by 128 bits of SipHash-2-4 under a secret key, so nobody can make two that collide. By chance, a
/// pair among n keys does with odds of n^2 / 2^129: for ten million keys less than 10^-24; one of the two would lose
/// its value. Kafka uses MD5, where collisions can be made at will (`SkimpyOffsetMap`).
pub struct KeyOffsets {
    hasher: SipHasher24,
    slots: HashTable<Slot>,
    room: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    digest: (u64, u64),
    offset: i64,
}

impl KeyOffsets {
    /// Room for as many keys as `memory` bytes hold, but not for more than `records`: there are no more keys than that.
    /// All of the memory is taken here, so that nothing grows later. `secret` comes from the machine's generator.
    pub fn new(memory: usize, records: u64, secret: [u8; 16]) -> KeyOffsets {
        // The table has a power of two of slots, of which seven eighths may be used.
        let slots = (memory / SLOT_BYTES).checked_ilog2().map_or(1, |bits| 1usize << bits);
        let affordable = (slots / 8 * 7).max(1);
        let room = usize::try_from(records).unwrap_or(usize::MAX).clamp(1, affordable);
        KeyOffsets { hasher: SipHasher24::new_with_key(&secret), slots: HashTable::with_capacity(room), room }
    }

    fn digest(&self, key: &[u8]) -> (u64, u64) {
        let mut hasher = self.hasher;
        hasher.write(key);
        let Hash128 { h1, h2 } = hasher.finish128();
        (h1, h2)
    }

    /// Notes the offset of a key's record; offsets come in rising order. False, and nothing noted, if there is no room.
    pub fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let digest = self.digest(key);
        let is_full = self.slots.len() == self.room;
        match self.slots.find_mut(digest.0, |slot| slot.digest == digest) {
            Some(slot) => slot.offset = offset,
            None if is_full => return false,
            None => {
                self.slots.insert_unique(digest.0, Slot { digest, offset }, |slot| slot.digest.0);
            }
        }
        true
    }

    /// The last offset noted for a key.
    pub fn last(&self, key: &[u8]) -> Option<i64> {
        let digest = self.digest(key);
        self.slots.find(digest.0, |slot| slot.digest == digest).map(|slot| slot.offset)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many keys there is room for.
    pub fn room(&self) -> usize {
        self.room
    }
}

impl core::fmt::Debug for KeyOffsets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyOffsets({} of {})", self.len(), self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_offset() {
        let mut keys = KeyOffsets::new(1 << 20, 1000, [1; 16]);
        assert!(keys.put(b"a", 1) && keys.put(b"b", 2) && keys.put(b"a", 3) && keys.put(b"", 4));
        let last = [&b"a"[..], b"b", b"", b"c"].map(|key| keys.last(key));
        assert_eq!(last, [Some(3), Some(2), Some(4), None]);
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn takes_known_keys_when_full() {
        let mut keys = KeyOffsets::new(16 * SLOT_BYTES, 1000, [1; 16]);
        assert_eq!(keys.room(), 14);
        (0..14u8).for_each(|key| assert!(keys.put(&[key], i64::from(key))));
        assert!(!keys.put(b"one more", 20));
        assert!(keys.put(&[3], 21));
        assert_eq!((keys.last(&[3]), keys.last(b"one more")), (Some(21), None));
    }

    #[test]
    fn stays_within_its_memory() {
        for memory in [0, 1, 24, 25, 1000, 4096, 1 << 20] {
            let keys = KeyOffsets::new(memory, u64::MAX, [0; 16]);
            let buckets = keys.slots.capacity().max(1);
            assert!(keys.room() >= 1);
            assert!(buckets * 8 / 7 * SLOT_BYTES <= memory.max(8 * SLOT_BYTES), "{memory}: {buckets}");
        }
        assert_eq!(KeyOffsets::new(1 << 30, 10, [0; 16]).room(), 10, "no more than there are records");
    }
}
