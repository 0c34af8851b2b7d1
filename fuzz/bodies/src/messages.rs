//! Message sets v0 and v1. The input is a byte that chooses the topic's configuration, one that chooses the request's
//! version and whether checksums are put right first, and the bytes that a Produce request has for a partition.

use bytes::Bytes;
use kelpgate_core::record::crc::crc32;
use kelpgate_core::record::{Codecs, accept};

use crate::memory;
use crate::records::{LIMITS, bound, check_accepted, rules, topic_config};

/// Offset and size.
const OVERHEAD: usize = 12;

/// Whatever is accepted is a batch v2 like any other.
pub fn run(data: &[u8]) {
    let Some(([topic, request], bytes)) = data.split_first_chunk::<2>() else { return };
    let mut bytes = bytes.to_vec();
    if request & 0x80 != 0 {
        mend(&mut bytes);
    }
    let bytes = Bytes::from(bytes);
    memory::within(bound(bytes.len()), || {
        let mut codecs = Codecs::new(LIMITS);
        let config = topic_config(*topic);
        let rules = rules(&config, i16::from(request % 3), true);
        match accept(&bytes, &rules, &mut codecs) {
            Ok(accepted) => check_accepted(&accepted, &rules, &mut codecs),
            Err(refusal) => assert!(refusal.error.0 != 0),
        }
    });
}

/// Gives each message the checksum of what it holds; the last one that does not fit gets the size of what is there.
pub fn mend(mut bytes: &mut [u8]) {
    while bytes.len() > OVERHEAD + 4 {
        let there = bytes.len() - OVERHEAD;
        let size = bytes[8..OVERHEAD].iter().fold(0usize, |size, byte| size << 8 | usize::from(*byte));
        let size = if (5..=there).contains(&size) { size } else { there };
        bytes[8..OVERHEAD].copy_from_slice(&(size as u32).to_be_bytes());
        let (message, rest) = bytes.split_at_mut(OVERHEAD + size);
        let crc = crc32(&message[OVERHEAD + 4..]);
        message[OVERHEAD..OVERHEAD + 4].copy_from_slice(&crc.to_be_bytes());
        bytes = rest;
    }
}
