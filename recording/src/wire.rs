//! Numbers and bytes in a recording: variable-length integers (LEB128), read without trust.

use bytes::{Buf, Bytes};

/// What was read is not what a recorder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its contents make no sense at {what}")]
pub struct Nonsense {
    pub what: &'static str,
}

/// Adds fields to bytes.
pub trait Put {
    /// Bytes as they are.
    fn raw(&mut self, bytes: &[u8]);

    /// A number in as few bytes as it needs.
    fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.raw(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.raw(&[value as u8]);
    }

    /// A number that may be negative; small ones are short.
    fn int(&mut self, value: i64) {
        self.uint((value.wrapping_shl(1) ^ (value >> 63)) as u64);
    }

    /// A length, then the bytes.
    fn slice(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.raw(bytes);
    }
}

impl Put for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Reads fields one after the other.
#[derive(Clone, Debug)]
pub struct Fields(pub Bytes);

impl Fields {
    /// Whether all is read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self, what: &'static str) -> Result<u8, Nonsense> {
        self.0.try_get_u8().map_err(|_| Nonsense { what })
    }

    pub fn u16(&mut self, what: &'static str) -> Result<u16, Nonsense> {
        self.0.try_get_u16_le().map_err(|_| Nonsense { what })
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, Nonsense> {
        self.0.try_get_u32_le().map_err(|_| Nonsense { what })
    }

    pub fn u64(&mut self, what: &'static str) -> Result<u64, Nonsense> {
        self.0.try_get_u64_le().map_err(|_| Nonsense { what })
    }

    pub fn uint(&mut self, what: &'static str) -> Result<u64, Nonsense> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Nonsense { what })
    }

    pub fn int(&mut self, what: &'static str) -> Result<i64, Nonsense> {
        let value = self.uint(what)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number that fits the type at hand.
    pub fn number<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, Nonsense> {
        T::try_from(self.uint(what)?).map_err(|_| Nonsense { what })
    }

    /// Bytes that share what they were read from.
    pub fn slice(&mut self, what: &'static str) -> Result<Bytes, Nonsense> {
        let len = self.number::<usize>(what)?;
        if len > self.0.len() {
            return Err(Nonsense { what });
        }
        Ok(self.0.split_to(len))
    }

    pub fn text(&mut self, what: &'static str) -> Result<String, Nonsense> {
        String::from_utf8(self.slice(what)?.to_vec()).map_err(|_| Nonsense { what })
    }

    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Nonsense> {
        let mut array = [0; N];
        self.0.try_copy_to_slice(&mut array).map_err(|_| Nonsense { what })?;
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut bytes = Vec::new();
        let unsigned = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, i64::MIN, i64::MAX];
        unsigned.iter().for_each(|value| bytes.uint(*value));
        signed.iter().for_each(|value| bytes.int(*value));
        let mut fields = Fields(bytes.into());
        assert_eq!(unsigned.map(|_| fields.uint("it").unwrap()), unsigned);
        assert_eq!(signed.map(|_| fields.int("it").unwrap()), signed);
        assert!(fields.is_empty());
        assert_eq!(fields.uint("more"), Err(Nonsense { what: "more" }));
    }

    #[test]
    fn a_length_takes_no_more_than_there_is() {
        let mut fields = Fields(Bytes::from_static(&[200, 1, 7]));
        assert_eq!(fields.slice("it"), Err(Nonsense { what: "it" }));
    }
}
