//! Versions of a message and ranges of them.

use core::fmt;

/// The version a message is read or written in, with what follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// The version number of the API.
    pub number: i16,
    /// Whether lengths are compact and structs end in a tagged section (KIP-482).
    pub flexible: bool,
}

/// A range of versions, both ends included; empty when `first > last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VersionRange {
    /// The lowest version in the range.
    pub first: i16,
    /// The highest version in the range; `i16::MAX` when open.
    pub last: i16,
}

impl VersionRange {
    /// Every version.
    pub const ALL: VersionRange = VersionRange { first: 0, last: i16::MAX };
    /// No version.
    pub const NONE: VersionRange = VersionRange { first: 0, last: -1 };

    /// From `first` to the newest.
    pub const fn from(first: i16) -> VersionRange {
        VersionRange { first, last: i16::MAX }
    }

    /// From `first` to `last`, both included.
    pub const fn between(first: i16, last: i16) -> VersionRange {
        VersionRange { first, last }
    }

    /// Whether `version` lies inside.
    #[inline(always)]
    pub const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// Whether no version lies inside.
    pub const fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Every version inside, in order; for closed ranges.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.first..=self.last
    }
}

impl fmt::Display for VersionRange {
    /// As Kafka's schemas write it: `none`, `3`, `0-12` or `9+`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            range if range.is_empty() => f.write_str("none"),
            VersionRange { first, last: i16::MAX } => write!(f, "{first}+"),
            VersionRange { first, last } if first == last => write!(f, "{first}"),
            VersionRange { first, last } => write!(f, "{first}-{last}"),
        }
    }
}
