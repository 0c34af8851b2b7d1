//! The two checksums of Kafka's record formats.

use crc_fast::{CrcAlgorithm, Digest, crc32_iscsi, crc32_iso_hdlc};

/// CRC-32C (Castagnoli), of batches v2.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32_iscsi(bytes)
}

/// CRC-32C of two slices as if they were one.
pub fn crc32c_of_two(first: &[u8], second: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(first);
    digest.update(second);
    digest.finalize() as u32
}

/// CRC-32 (IEEE 802.3), of messages v0 and v1.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_iso_hdlc(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn same_as_the_other_implementation(bytes: alloc::vec::Vec<u8>, cut: prop::sample::Index) {
            prop_assert_eq!(crc32c(&bytes), crc32c::crc32c(&bytes));
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(crc32c_of_two(first, second), crc32c(&bytes));
        }
    }

    #[test]
    fn catalogued_check_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn long_inputs_take_the_wide_paths() {
        let bytes: alloc::vec::Vec<u8> = (0..300_000u32).map(|i| (i * 7 + i / 251) as u8).collect();
        for len in [0, 1, 15, 63, 64, 255, 256, 1023, 4096, 17_000, 300_000] {
            assert_eq!(crc32c(&bytes[..len]), crc32c::crc32c(&bytes[..len]), "{len}");
        }
    }
}
