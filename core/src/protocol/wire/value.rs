//! How values of each type are read and written.

use alloc::vec::Vec;

use bytes::Bytes;

use super::describe::FieldType;
use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::reader::Reader;
use super::string::Str;
use super::version::Version;
use super::writer::{
    Room, SPLICE_FROM, VARINT_AT_MOST, Writer, put, put_length, put_slice, put_string_length,
};
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

    /// Takes the content of a tagged field, in which null is another byte for structs than elsewhere: 0, and 1 precedes a
    /// value (MessageDataGenerator).
    #[inline(always)]
    fn read_tagged(reader: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Self::read(reader, version)
    }

    /// Takes the elements of an array, whose count is read and held against what is left.
    #[inline]
    fn read_all(reader: &mut Reader<'_>, count: usize, version: Version) -> Result<Vec<Self>, DecodeError> {
        let mut values = Vec::with_capacity(count.min(RESERVE_AT_MOST));
        for index in 0..count {
            values.push(Self::read(reader, version).map_err(|error| error.within(index))?);
        }
        Ok(values)
    }
}

/// A value that can be written.
pub trait Write: Value {
    /// How many bytes the value takes at most, in any version, without the byte strings that are not copied. No promise: a
    /// frame for which too little was said is written twice.
    fn at_most(&self) -> usize;

    /// Puts this value; gives the room behind it.
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError>;

    /// Puts a value or null, in the form that [`Read::read_nullable`] reads.
    fn write_nullable<'r>(
        value: Option<&Self>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match value {
            None => Ok(put(room, (-1i8).to_be_bytes())),
            Some(value) => value.write(writer, put(room, 1i8.to_be_bytes()), version),
        }
    }

    /// Puts the content of a tagged field, in the form that [`Read::read_tagged`] reads.
    #[inline(always)]
    fn write_tagged<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        self.write(writer, room, version)
    }

    /// Puts the elements of an array, without their count.
    #[inline]
    fn write_all<'r>(
        values: &[Self],
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        let mut room = room;
        for (index, value) in values.iter().enumerate() {
            room = value.write(writer, room, version).map_err(|error| error.within(index))?;
        }
        Ok(room)
    }

    /// As [`Write::at_most`], of the elements of an array.
    #[inline]
    fn all_at_most(values: &[Self]) -> usize {
        values.iter().map(Self::at_most).sum()
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

    #[inline(always)]
    fn read_tagged(reader: &mut Reader<'_>, version: Version) -> Result<Option<T>, DecodeError> {
        if !is_struct::<T>() {
            return T::read_nullable(reader, version);
        }
        match u8::from_be_bytes(reader.array()?) {
            0 => Ok(None),
            1.. => T::read(reader, version).map(Some),
        }
    }
}

impl<T: Write> Write for Option<T> {
    #[inline(always)]
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        T::write_nullable(self.as_ref(), writer, room, version)
    }

    /// A byte for null or not, which most types do without.
    #[inline(always)]
    fn at_most(&self) -> usize {
        VARINT_AT_MOST + self.as_ref().map_or(0, T::at_most)
    }

    #[inline(always)]
    fn write_tagged<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match self {
            None if is_struct::<T>() => Ok(put(room, [0])),
            None | Some(_) => self.write(writer, room, version),
        }
    }
}

const fn is_struct<T: Value>() -> bool {
    matches!(T::TYPE, FieldType::Struct(_))
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

            fn read_all(
                reader: &mut Reader<'_>,
                count: usize,
                _: Version,
            ) -> Result<Vec<$int>, DecodeError> {
                let bytes = reader.take(count.saturating_mul(size_of::<$int>()))?;
                Ok(bytes.as_chunks().0.iter().map(|place| <$int>::from_be_bytes(*place)).collect())
            }
        }
        impl Write for $int {
            #[inline(always)]
            fn write<'r>(&self, _: &mut Writer, room: Room<'r>, _: Version) -> Result<Room<'r>, EncodeError> {
                Ok(put(room, self.to_be_bytes()))
            }

            #[inline(always)]
            fn at_most(&self) -> usize {
                size_of::<$int>()
            }

            #[inline(always)]
            fn all_at_most(values: &[$int]) -> usize {
                size_of_val(values)
            }

            /// Up to three, as many as a partition mostly has replicas, are spared the loop.
            #[inline]
            fn write_all<'r>(
                values: &[$int],
                _: &mut Writer,
                room: Room<'r>,
                _: Version,
            ) -> Result<Room<'r>, EncodeError> {
                Ok(match *values {
                    [] => room,
                    [one] => put(room, one.to_be_bytes()),
                    [one, two] => put(put(room, one.to_be_bytes()), two.to_be_bytes()),
                    [one, two, three] => {
                        put(put(put(room, one.to_be_bytes()), two.to_be_bytes()), three.to_be_bytes())
                    }
                    [..] => match room.split_at_mut_checked(size_of_val(values)) {
                        Some((places, rest)) => {
                            let places = places.as_chunks_mut().0;
                            places.iter_mut().zip(values).for_each(|(place, value)| *place = value.to_be_bytes());
                            rest
                        }
                        None => &mut [],
                    },
                })
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
    fn write<'r>(&self, _: &mut Writer, room: Room<'r>, _: Version) -> Result<Room<'r>, EncodeError> {
        Ok(put(room, [u8::from(*self)]))
    }

    #[inline(always)]
    fn at_most(&self) -> usize {
        1
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
    fn at_most(&self) -> usize {
        2
    }

    #[inline(always)]
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        self.0.write(writer, room, version)
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
    fn write<'r>(&self, _: &mut Writer, room: Room<'r>, _: Version) -> Result<Room<'r>, EncodeError> {
        Ok(put(room, self.0))
    }

    #[inline(always)]
    fn at_most(&self) -> usize {
        16
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
    fn write<'r>(&self, _: &mut Writer, room: Room<'r>, version: Version) -> Result<Room<'r>, EncodeError> {
        let room = put_string_length(room, Some(self.as_bytes().len()), version.flexible)?;
        Ok(put_slice(room, self.as_bytes()))
    }

    #[inline(always)]
    fn at_most(&self) -> usize {
        VARINT_AT_MOST + self.as_bytes().len()
    }

    fn write_nullable<'r>(
        value: Option<&Str>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match value {
            Some(text) => text.write(writer, room, version),
            None => put_string_length(room, None, version.flexible),
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
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        let room = put_length(room, Some(self.len()), version.flexible)?;
        Ok(writer.put_shared(room, self))
    }

    #[inline(always)]
    fn at_most(&self) -> usize {
        VARINT_AT_MOST + if self.len() < SPLICE_FROM { self.len() } else { 0 }
    }

    fn write_nullable<'r>(
        value: Option<&Bytes>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match value {
            Some(bytes) => bytes.write(writer, room, version),
            None => put_length(room, None, version.flexible),
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
    #[inline(always)]
    fn at_most(&self) -> usize {
        self.0.at_most()
    }

    #[inline]
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        self.0.write(writer, room, version)
    }

    fn write_nullable<'r>(
        value: Option<&Records>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        Bytes::write_nullable(value.map(|records| &records.0), writer, room, version)
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
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        let room = put_length(room, Some(self.len()), version.flexible)?;
        Ok(self.iter().fold(room, |room, part| writer.put_shared(room, part)))
    }

    fn at_most(&self) -> usize {
        VARINT_AT_MOST
            + self.iter().map(|part| if part.len() < SPLICE_FROM { part.len() } else { 0 }).sum::<usize>()
    }

    fn write_nullable<'r>(
        value: Option<&Pieces>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match value {
            Some(pieces) => pieces.write(writer, room, version),
            None => put_length(room, None, version.flexible),
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
        T::read_all(reader, count, version).map(Some)
    }
}

impl<T: Write> Write for Vec<T> {
    #[inline]
    fn write<'r>(
        &self,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        let room = put_length(room, Some(self.len()), version.flexible)?;
        T::write_all(self, writer, room, version)
    }

    #[inline]
    fn at_most(&self) -> usize {
        VARINT_AT_MOST + T::all_at_most(self)
    }

    fn write_nullable<'r>(
        value: Option<&Vec<T>>,
        writer: &mut Writer,
        room: Room<'r>,
        version: Version,
    ) -> Result<Room<'r>, EncodeError> {
        match value {
            Some(elements) => elements.write(writer, room, version),
            None => put_length(room, None, version.flexible),
        }
    }
}
