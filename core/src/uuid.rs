//! Kafka's 16-byte ids and their text form.

use core::fmt;

/// A 16-byte id; all zero means "none" on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// No id.
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// Reserved by Kafka for the metadata log.
    pub const METADATA: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Uuid::ZERO
    }

    /// Reads the 22 characters of unpadded base64url that Kafka prints (`org.apache.kafka.common.Uuid`).
    pub fn parse(text: &str) -> Option<Uuid> {
        let text = text.as_bytes();
        if text.len() != 22 {
            return None;
        }
        let mut value: u128 = 0;
        let (last, head) = text.split_last()?;
        for symbol in head {
            value = (value << 6) | u128::from(digit(*symbol)?);
        }
        // 22 symbols hold 132 bits: the last four are padding and must be zero.
        let last = digit(*last)?;
        if last & 0x0f != 0 {
            return None;
        }
        Some(Uuid(((value << 2) | u128::from(last >> 4)).to_be_bytes()))
    }
}

fn digit(symbol: u8) -> Option<u8> {
    ALPHABET.iter().position(|known| *known == symbol).map(|at| at as u8)
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        for index in 0..22u32 {
            let bits = if index < 21 { (value >> (122 - 6 * index)) & 63 } else { (value << 4) & 63 };
            fmt::Write::write_char(f, char::from(ALPHABET[bits as usize]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn prints_as_kafka_does() {
        assert_eq!(Uuid::METADATA.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let id = Uuid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 250]);
        assert_eq!(Uuid::parse(&id.to_string()), Some(id));
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAR"), None);
        assert_eq!(Uuid::parse("short"), None);
        assert_eq!(Uuid::parse("AAAAAAAAAAAAAAAAAAAA*Q"), None);
    }
}
