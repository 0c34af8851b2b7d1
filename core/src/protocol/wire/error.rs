//! Why bytes are not a message, or a message has no bytes: with the field's path and the offset.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// What is wrong with the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The frame ends inside a value.
    #[error("the frame ends here, {missing} bytes too soon")]
    Short { missing: usize },
    /// Bytes are left over behind the message.
    #[error("{left} bytes are left over")]
    Trailing { left: usize },
    /// A variable-length integer of more than 32 bits.
    #[error("varint above 32 bits")]
    BadVarint,
    /// A length below -1, or of a string above 32,767.
    #[error("length {0} is not allowed")]
    BadLength(i64),
    /// An array that claims more elements than the rest of the frame can hold.
    #[error("{count} elements cannot be in {left} bytes")]
    BadCount { count: usize, left: usize },
    /// The decoded message would take more memory than its budget.
    #[error("the decoded message exceeds its budget of memory")]
    Budget,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// Null where this version has no null.
    #[error("null is not allowed in this version")]
    UnexpectedNull,
    /// Tags of one section must rise: this one comes twice or too late.
    #[error("tag {0} is out of order")]
    TagOrder(u32),
    /// A known tag whose declared size is not the size of its value.
    #[error("tag {tag} declares {declared} bytes, its value has {actual}")]
    TagLength { tag: u32, declared: usize, actual: usize },
    /// A tag that this version does not have, although another has.
    #[error("tag {0} does not exist in this version")]
    TagVersion(u32),
    /// A version that no declaration has.
    #[error("there is no version {0}")]
    NoVersion(i16),
}

/// Where and why decoding stopped. One word wide, so that the good path pays nothing for it.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<DecodeFault>);

#[derive(Clone, PartialEq, Eq)]
struct DecodeFault {
    kind: DecodeErrorKind,
    offset: usize,
    path: Path,
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(kind: DecodeErrorKind, offset: usize) -> DecodeError {
        DecodeError(Box::new(DecodeFault { kind, offset, path: Path::default() }))
    }

    /// Called on the way out, so the innermost step comes first.
    #[cold]
    pub(crate) fn within(mut self, step: impl Into<Step>) -> DecodeError {
        self.0.path.0.push(step.into());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// Where in the frame, counted from its first byte behind the length.
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

impl fmt::Display for DecodeError {
    /// For example `ProduceRequest.topic_data[3].name at byte 71: text is not UTF-8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.0.path, self.0.offset, self.0.kind)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for DecodeError {}

/// Why a message cannot be written in a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The API has no such version.
    #[error("there is no version {0}")]
    NoVersion(i16),
    /// The field has a value that matters, and the version has no such field.
    #[error("version {0} has no such field, and its value is not one that may be dropped")]
    NotInVersion(i16),
    /// Null in a version in which the field has no null.
    #[error("version {0} has no null here")]
    UnexpectedNull(i16),
    /// Longer than its length field can say.
    #[error("{0} bytes or elements are too many")]
    TooLong(usize),
    /// Unknown tagged fields in a version without tagged sections.
    #[error("version {0} has no tagged fields")]
    NotFlexible(i16),
    /// An unknown tagged field with the tag of a known one.
    #[error("tag {0} belongs to a known field")]
    TagTaken(u32),
}

/// Which field could not be written, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<EncodeFault>);

#[derive(Clone, PartialEq, Eq)]
struct EncodeFault {
    kind: EncodeErrorKind,
    path: Path,
}

impl EncodeError {
    #[cold]
    pub(crate) fn new(kind: EncodeErrorKind) -> EncodeError {
        EncodeError(Box::new(EncodeFault { kind, path: Path::default() }))
    }

    /// Called on the way out, so the innermost step comes first.
    #[cold]
    pub(crate) fn within(mut self, step: impl Into<Step>) -> EncodeError {
        self.0.path.0.push(step.into());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> EncodeErrorKind {
        self.0.kind
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.path, self.0.kind)
    }
}

impl fmt::Debug for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for EncodeError {}

/// The way from a message to a field, innermost step first.
#[derive(Clone, PartialEq, Eq, Default)]
struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Name(&'static str),
    Index(usize),
}

impl From<&'static str> for Step {
    fn from(name: &'static str) -> Step {
        Step::Name(name)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Step {
        Step::Index(index)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().rev().enumerate() {
            match step {
                Step::Name(name) if position == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
