//! Zigzag varints, which in Kafka occur within records only (`ByteUtils.readVarint`, `readVarlong`).

use alloc::vec::Vec;

/// Takes a 32-bit varint off the front; `None` when it is cut short or longer than 32 bits.
#[inline(always)]
pub(super) fn read_i32(input: &mut &[u8]) -> Option<i32> {
    let (value, rest) = match *input {
        [a @ 0..=0x7f, rest @ ..] => (u32::from(*a), rest),
        [a, b @ 0..=0x7f, rest @ ..] => (u32::from(a & 0x7f) | u32::from(*b) << 7, rest),
        _ => {
            let (value, rest) = read_long(input, 5)?;
            (u32::try_from(value).ok()?, rest)
        }
    };
    *input = rest;
    Some((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Takes a 64-bit varint off the front; `None` when it is cut short or longer than 64 bits.
#[inline(always)]
pub(super) fn read_i64(input: &mut &[u8]) -> Option<i64> {
    let (value, rest) = match *input {
        [a @ 0..=0x7f, rest @ ..] => (u64::from(*a), rest),
        _ => read_long(input, 10)?,
    };
    *input = rest;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// At most `bytes_max` bytes; the tenth may only hold the topmost bit.
fn read_long(input: &[u8], bytes_max: usize) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in input.iter().enumerate().take(bytes_max) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return input.get(index + 1..).map(|rest| (value, rest));
        }
    }
    None
}

/// Adds a 32-bit varint.
pub(super) fn write_i32(value: i32, out: &mut Vec<u8>) {
    write_unsigned(u64::from((value << 1 ^ value >> 31) as u32), out);
}

/// Adds a 64-bit varint.
pub(super) fn write_i64(value: i64, out: &mut Vec<u8>) {
    write_unsigned((value << 1 ^ value >> 63) as u64, out);
}

fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that a 32-bit varint takes.
pub(super) fn len_i32(value: i32) -> usize {
    len_unsigned(u64::from((value << 1 ^ value >> 31) as u32))
}

/// Bytes that a 64-bit varint takes.
pub(super) fn len_i64(value: i64) -> usize {
    len_unsigned((value << 1 ^ value >> 63) as u64)
}

fn len_unsigned(value: u64) -> usize {
    // Seven bits a byte, at least one byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(a: i32, b: i64, shift in 0u32..64) {
            let (a, b) = (a >> (shift / 2), b >> shift);
            let mut out = Vec::new();
            write_i32(a, &mut out);
            prop_assert_eq!(out.len(), len_i32(a));
            write_i64(b, &mut out);
            prop_assert_eq!(out.len(), len_i32(a) + len_i64(b));
            let mut input = out.as_slice();
            prop_assert_eq!(read_i32(&mut input), Some(a));
            prop_assert_eq!(read_i64(&mut input), Some(b));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn extremes_and_what_lies_past_them() {
        for value in [i32::MIN, -1, 0, 63, 64, 8191, 8192, i32::MAX] {
            let mut out = Vec::new();
            write_i32(value, &mut out);
            assert_eq!(read_i32(&mut out.as_slice()), Some(value));
            for cut in 0..out.len() {
                assert_eq!(read_i32(&mut &out[..cut]), None);
            }
        }
        assert_eq!(
            read_i64(&mut [0xff; 9].iter().copied().chain([1]).collect::<Vec<u8>>().as_slice()),
            Some(i64::MIN)
        );
        assert_eq!(read_i32(&mut [0xff, 0xff, 0xff, 0xff, 0x1f].as_slice()), None);
        assert_eq!(read_i32(&mut [0x80, 0x80, 0x80, 0x80, 0x80, 0].as_slice()), None);
        assert_eq!(read_i64(&mut [[0xffu8; 9].as_slice(), &[2]].concat().as_slice()), None);
        assert_eq!(read_i64(&mut [0x80; 11].as_slice()), None);
    }
}
