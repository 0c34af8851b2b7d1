//! The wire: primitive types, tagged sections, and the notation that messages are declared in.
//!
//! Integers are big-endian. In a flexible version (KIP-482) lengths are varints of the length plus one, zero for null,
//! and every struct ends in a tagged section; in the others lengths are two bytes (strings) or four, -1 for null.

mod describe;
mod error;
#[cfg(any(test, feature = "client"))]
mod generate;
pub(crate) mod message;
mod reader;
mod string;
mod tags;
mod value;
mod version;
mod versioned;
mod writer;

pub use describe::{FieldInfo, FieldType, MessageInfo, StructInfo};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
#[cfg(any(test, feature = "client"))]
pub use generate::{Generate, Source};
pub use message::Message;
pub use reader::Reader;
pub use string::Str;
pub(crate) use tags::{TagWriter, no_tags, read_tags};
pub use tags::{UnknownTag, UnknownTags};
pub use value::{Read, Records, Value, Write};
pub use version::{Version, VersionRange};
pub(crate) use versioned::encode_behind;
pub(crate) use versioned::{decode_versioned, encode_versioned};
pub(crate) use writer::put;
pub use writer::{Room, SPLICE_FROM, Writer, write_frame};
