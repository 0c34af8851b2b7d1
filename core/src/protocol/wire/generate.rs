//! Random messages that a version can carry, for property tests and oracles.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::string::Str;
use super::tags::{UnknownTag, UnknownTags};
use super::value::Records;
use super::version::Version;
use crate::pieces::Pieces;
use crate::protocol::error_code::ErrorCode;
use crate::uuid::Uuid;

/// A stream of choices that a seed determines (SplitMix64).
#[derive(Clone, Debug)]
pub struct Source(u64);

impl Source {
    /// The same seed gives the same choices.
    pub fn new(seed: u64) -> Source {
        Source(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A length: mostly small, now and then across a border of the encoding (128 for varints, the splice threshold).
    fn length(&mut self) -> usize {
        let bound = if self.one_in(16) { 400 } else { 12 };
        self.below(bound) as usize
    }

    fn bytes(&mut self) -> Bytes {
        let length = self.length();
        (0..length).map(|_| self.bits() as u8).collect()
    }

    /// A number of any width up to 64 bits, the extremes more often than chance would have them.
    fn number(&mut self) -> i64 {
        match self.below(8) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => -1,
            3 => 0,
            4 => self.below(256) as i64,
            _ => self.bits() as i64,
        }
    }
}

/// A type of which random values can be made.
pub trait Generate: Sized {
    /// A value that `version` can carry; null only if `nullable`.
    fn generate(source: &mut Source, version: Version, nullable: bool) -> Self;
}

macro_rules! generate_number {
    ($($int:ty),*) => {$(
        impl Generate for $int {
            fn generate(source: &mut Source, _: Version, _: bool) -> $int {
                source.number() as $int
            }
        }
    )*};
}

generate_number!(i8, i16, i32, i64);

impl Generate for bool {
    fn generate(source: &mut Source, _: Version, _: bool) -> bool {
        source.one_in(2)
    }
}

impl Generate for ErrorCode {
    fn generate(source: &mut Source, version: Version, nullable: bool) -> ErrorCode {
        ErrorCode(i16::generate(source, version, nullable))
    }
}

impl Generate for Uuid {
    fn generate(source: &mut Source, _: Version, _: bool) -> Uuid {
        if source.one_in(4) {
            return Uuid::ZERO;
        }
        let (high, low) = (source.bits(), source.bits());
        Uuid((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}

impl Generate for Str {
    fn generate(source: &mut Source, _: Version, _: bool) -> Str {
        let length = source.length();
        let symbols = ['a', 'z', '.', '-', '_', '0', 'ä', '水', '🦀'];
        let text: String =
            (0..length).map(|_| symbols[source.below(symbols.len() as u64) as usize]).collect();
        Str::from(text)
    }
}

impl Generate for Bytes {
    fn generate(source: &mut Source, _: Version, _: bool) -> Bytes {
        source.bytes()
    }
}

impl Generate for Records {
    fn generate(source: &mut Source, _: Version, _: bool) -> Records {
        Records(source.bytes())
    }
}

impl Generate for Pieces {
    /// One part at most, since several are read back as one.
    fn generate(source: &mut Source, _: Version, _: bool) -> Pieces {
        Pieces::from(source.bytes())
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(source: &mut Source, version: Version, _: bool) -> Vec<T> {
        let length = source.below(4);
        (0..length).map(|_| T::generate(source, version, false)).collect()
    }
}

impl<T: Generate> Generate for Option<T> {
    fn generate(source: &mut Source, version: Version, nullable: bool) -> Option<T> {
        if nullable && source.one_in(3) { None } else { Some(T::generate(source, version, false)) }
    }
}

impl Generate for UnknownTags {
    /// Mostly none. Tags start at 64, above every one that Kafka has given away.
    fn generate(source: &mut Source, version: Version, _: bool) -> UnknownTags {
        if !version.flexible || !source.one_in(8) {
            return UnknownTags::NONE;
        }
        let count = 1 + source.below(3);
        let unknown = |_| UnknownTag { tag: 64 + source.bits() as u32 / 2, value: source.bytes() };
        (0..count).map(unknown).collect()
    }
}
