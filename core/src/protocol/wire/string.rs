//! Text that shares the bytes it was read from.

use alloc::string::String;
use core::borrow::Borrow;
use core::fmt;
use core::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// UTF-8 text over [`Bytes`]: cheap to clone, and a slice of the frame it was read from.
///
/// A `Str` read from a request keeps that whole frame alive. What outlives the request (member ids, topic names,
/// commit metadata) is copied with [`Str::detach`].
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Str(ByteString);

impl Str {
    /// Text that needs no memory of its own.
    pub const fn from_static(text: &'static str) -> Str {
        Str(ByteString::from_static(text))
    }

    /// Checks that `bytes` are UTF-8; `None` if they are not.
    #[inline]
    pub fn from_utf8(bytes: Bytes) -> Option<Str> {
        ByteString::try_from(bytes).ok().map(Str)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes the text lies in.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The bytes the text lies in.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// A copy in memory of its own, so that the frame this text was read from can be freed.
    pub fn detach(&self) -> Str {
        Str::from(self.as_str())
    }
}

impl Deref for Str {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str(ByteString::from(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str(ByteString::from(text))
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Str) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Str) -> core::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}
