//! How values of each type are read and written.

use alloc::vec::Vec;

use bytes::Bytes;

use super::describe::FieldType;
use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::reader::Reader;
use super::string::Str;
use super::version::Version;
use super::writer::Writer;
use crate::pieces::Pieces;
use crate::protocol::error_code::ErrorCode;
use crate::uuid::Uuid;

/// An array is never given room for more elements than this before they have been read.
const RESERVE_AT_MOST: usize = 4096;

/// A type of the schema.
pub trait Value: Sized {
    /// What the schema calls it.
    const TYPE: FieldType;
    /// The fewest bytes a value takes on the wire, in any version.
    const MIN_SIZE: usize;

    /// The value of a field whose declaration names no other: zero, false, empty; not null, as in Kafka.
    fn empty() -> Self;

    /// Whether this is null; only an `Option` can be.
    #[inline(always)]
    fn is_null(&self) -> bool {
        false
    }
}

/// A value that can be read.
pub trait Read: Value {
    /// Takes one value off `reader`.
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError>;

    /// Takes one value or null. As here for structs: a byte below zero is null, any other precedes a value. Types that
    /// begin with their length have a length for null instead.
    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Self>, DecodeError> {
        match i8::from_be_bytes(reader.array()?) {
            ..0 => Ok(None),
            0.. => Self::read(reader, version).map(Some),
        }
    }
}

/// A value that can be written.
pub trait Write: Value {
    /// Appends this value to `writer`.
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError>;

    /// Appends a value or null, in the form [`Read::read_nullable`] reads.
    fn write_nullable(
        value: Option<&Self>,
        writer: &mut Writer,
        version: Version,
    ) -> Result<(), EncodeError> {
        match value {
            None => writer.put(&(-1i8).to_be_bytes()),
            Some(value) => {
                writer.put(&1i8.to_be_bytes());
                value.write(writer, version)?;
            }
        }
        Ok(())
    }
}

impl<T: Value> Value for Option<T> {
    const TYPE: FieldType = T::TYPE;
    const MIN_SIZE: usize = 1;

    fn empty() -> Option<T> {
        Some(T::empty())
    }

    #[inline(always)]
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<T: Read> Read for Option<T> {
    #[inline(always)]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Option<T>, DecodeError> {
        T::read_nullable(reader, version)
    }
}

impl<T: Write> Write for Option<T> {
    #[inline(always)]
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), writer, version)
    }
}

macro_rules! big_endian {
    ($($int:ty => $name:ident),*) => {$(
        impl Value for $int {
            const TYPE: FieldType = FieldType::$name;
            const MIN_SIZE: usize = size_of::<$int>();

            fn empty() -> $int {
                0
            }
        }
        impl Read for $int {
            #[inline(always)]
            fn read(reader: &mut Reader<'_>, _: Version) -> Result<$int, DecodeError> {
                reader.array().map(<$int>::from_be_bytes)
            }
        }
        impl Write for $int {
            #[inline(always)]
            fn write(&self, writer: &mut Writer, _: Version) -> Result<(), EncodeError> {
                writer.put(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

big_endian!(i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64);

impl Value for bool {
    const TYPE: FieldType = FieldType::Bool;
    const MIN_SIZE: usize = 1;

    fn empty() -> bool {
        false
    }
}

impl Read for bool {
    #[inline(always)]
    fn read(reader: &mut Reader<'_>, _: Version) -> Result<bool, DecodeError> {
        reader.array().map(|[byte]| byte != 0)
    }
}

impl Write for bool {
    #[inline(always)]
    fn write(&self, writer: &mut Writer, _: Version) -> Result<(), EncodeError> {
        writer.put(&[u8::from(*self)]);
        Ok(())
    }
}

impl Value for ErrorCode {
    const TYPE: FieldType = FieldType::Int16;
    const MIN_SIZE: usize = 2;

    fn empty() -> ErrorCode {
        ErrorCode::NONE
    }
}

impl Read for ErrorCode {
    #[inline(always)]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<ErrorCode, DecodeError> {
        i16::read(reader, version).map(ErrorCode)
    }
}

impl Write for ErrorCode {
    #[inline(always)]
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        self.0.write(writer, version)
    }
}

impl Value for Uuid {
    const TYPE: FieldType = FieldType::Uuid;
    const MIN_SIZE: usize = 16;

    fn empty() -> Uuid {
        Uuid::ZERO
    }
}

impl Read for Uuid {
    #[inline(always)]
    fn read(reader: &mut Reader<'_>, _: Version) -> Result<Uuid, DecodeError> {
        reader.array().map(Uuid)
    }
}

impl Write for Uuid {
    #[inline(always)]
    fn write(&self, writer: &mut Writer, _: Version) -> Result<(), EncodeError> {
        writer.put(&self.0);
        Ok(())
    }
}

/// What was read, if it is not null.
#[inline(always)]
fn present<T>(value: Option<T>, reader: &Reader<'_>) -> Result<T, DecodeError> {
    value.ok_or_else(|| reader.fail(DecodeErrorKind::UnexpectedNull))
}

impl Value for Str {
    const TYPE: FieldType = FieldType::String;
    const MIN_SIZE: usize = 1;

    fn empty() -> Str {
        Str::default()
    }
}

impl Read for Str {
    #[inline]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Str, DecodeError> {
        let text = Str::read_nullable(reader, version)?;
        present(text, reader)
    }

    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Str>, DecodeError> {
        let Some(length) = reader.string_length(version.flexible)? else {
            return Ok(None);
        };
        match Str::from_utf8(reader.slice(length)?) {
            Some(text) => Ok(Some(text)),
            None => Err(reader.fail(DecodeErrorKind::Utf8)),
        }
    }
}

impl Write for Str {
    #[inline]
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        writer.put_string_length(Some(self.as_bytes().len()), version.flexible)?;
        writer.put(self.as_bytes());
        Ok(())
    }

    fn write_nullable(value: Option<&Str>, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        match value {
            Some(text) => text.write(writer, version),
            None => writer.put_string_length(None, version.flexible),
        }
    }
}

impl Value for Bytes {
    const TYPE: FieldType = FieldType::Bytes;
    const MIN_SIZE: usize = 1;

    fn empty() -> Bytes {
        Bytes::new()
    }
}

impl Read for Bytes {
    #[inline]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Bytes, DecodeError> {
        let bytes = Bytes::read_nullable(reader, version)?;
        present(bytes, reader)
    }

    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Bytes>, DecodeError> {
        match reader.length(version.flexible)? {
            Some(length) => reader.slice(length).map(Some),
            None => Ok(None),
        }
    }
}

impl Write for Bytes {
    #[inline]
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        writer.put_length(Some(self.len()), version.flexible)?;
        writer.put_shared(self);
        Ok(())
    }

    fn write_nullable(
        value: Option<&Bytes>,
        writer: &mut Writer,
        version: Version,
    ) -> Result<(), EncodeError> {
        match value {
            Some(bytes) => bytes.write(writer, version),
            None => writer.put_length(None, version.flexible),
        }
    }
}

/// Records as they came: one slice of the frame.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Records(pub Bytes);

impl Value for Records {
    const TYPE: FieldType = FieldType::Records;
    const MIN_SIZE: usize = 1;

    fn empty() -> Records {
        Records::default()
    }
}

impl Read for Records {
    #[inline]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Records, DecodeError> {
        Bytes::read(reader, version).map(Records)
    }

    #[inline]
    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Records>, DecodeError> {
        Ok(Bytes::read_nullable(reader, version)?.map(Records))
    }
}

impl Write for Records {
    #[inline]
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        self.0.write(writer, version)
    }

    fn write_nullable(
        value: Option<&Records>,
        writer: &mut Writer,
        version: Version,
    ) -> Result<(), EncodeError> {
        Bytes::write_nullable(value.map(|records| &records.0), writer, version)
    }
}

/// Records as they are stored: several batches, each perhaps with a head of its own.
impl Value for Pieces {
    const TYPE: FieldType = FieldType::Records;
    const MIN_SIZE: usize = 1;

    fn empty() -> Pieces {
        Pieces::new()
    }
}

impl Read for Pieces {
    #[inline]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Pieces, DecodeError> {
        Bytes::read(reader, version).map(Pieces::from)
    }

    #[inline]
    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Pieces>, DecodeError> {
        Ok(Bytes::read_nullable(reader, version)?.map(Pieces::from))
    }
}

impl Write for Pieces {
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        writer.put_length(Some(self.len()), version.flexible)?;
        self.iter().for_each(|part| writer.put_shared(part));
        Ok(())
    }

    fn write_nullable(
        value: Option<&Pieces>,
        writer: &mut Writer,
        version: Version,
    ) -> Result<(), EncodeError> {
        match value {
            Some(pieces) => pieces.write(writer, version),
            None => writer.put_length(None, version.flexible),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    const TYPE: FieldType = FieldType::Array(&T::TYPE);
    const MIN_SIZE: usize = 1;

    fn empty() -> Vec<T> {
        Vec::new()
    }
}

impl<T: Read> Read for Vec<T> {
    #[inline]
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Vec<T>, DecodeError> {
        let elements = Vec::read_nullable(reader, version)?;
        present(elements, reader)
    }

    fn read_nullable(reader: &mut Reader<'_>, version: Version) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = reader.length(version.flexible)? else {
            return Ok(None);
        };
        reader.claim(count, size_of::<T>(), T::MIN_SIZE)?;
        let mut elements = Vec::with_capacity(count.min(RESERVE_AT_MOST));
        for index in 0..count {
            elements.push(T::read(reader, version).map_err(|error| error.within(index))?);
        }
        Ok(Some(elements))
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, writer: &mut Writer, version: Version) -> Result<(), EncodeError> {
        writer.put_length(Some(self.len()), version.flexible)?;
        for (index, element) in self.iter().enumerate() {
            element.write(writer, version).map_err(|error| error.within(index))?;
        }
        Ok(())
    }

    fn write_nullable(
        value: Option<&Vec<T>>,
        writer: &mut Writer,
        version: Version,
    ) -> Result<(), EncodeError> {
        match value {
            Some(elements) => elements.write(writer, version),
            None => writer.put_length(None, version.flexible),
        }
    }
}
