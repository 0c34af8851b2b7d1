//! The notation that messages are declared in.
//!
//! ```text
//! message! {
//!     /// Appends batches to partitions.
//!     request ProduceRequest [0..=13, flexible 9..] {
//!         transactional_id: Option<Str> [3.., null 3..] = None,
//!         acks: i16,
//!         topic_data: Vec<TopicProduceData>,
//!     }
//!     TopicProduceData {
//!         name: Str [0..=12, ignorable],
//!     }
//! }
//! ```
//!
//! The words in brackets come in this order, each if needed: `tag N` makes a tagged field; a range of versions that have
//! the field (all, if left out); `null` and the versions in which it may be null; `ignorable` if a value may be dropped
//! where a version lacks the field. After `=` stands the value a field has where it is absent; without it that is zero,
//! false or empty. **An `Option` starts as `Some` of that unless `= None` stands there**, as in Kafka's own classes.
//!
//! A `request` is always readable and a `response` always writable; the other direction exists in tests and with the
//! feature `client` only. A struct inside both is declared beside them with [`structure!`] and the word `both`.
//!
//! Each struct is expanded in one pass over its fields. Structs, fields and ranges are Kafka's, names in snake_case.

use super::describe::MessageInfo;
use super::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use super::reader::Reader;
use super::value::{Read, Value, Write};
use super::version::{Version, VersionRange};
use super::writer::{Room, Writer};

/// The outermost struct of a request or response.
pub trait Message: Value {
    /// What was declared.
    const INFO: MessageInfo;
}

/// Reads one field: its default if the version lacks it, an error naming it if it cannot be read.
#[inline(always)]
pub(crate) fn read_field<T: Read>(
    reader: &mut Reader<'_>,
    version: Version,
    field: FieldRule,
    default: impl FnOnce() -> T,
) -> Result<T, DecodeError> {
    match field.exists_in(version) {
        true => read_present(reader, version, field, T::read),
        false => Ok(default()),
    }
}

/// Reads a tagged field that was announced.
#[inline(always)]
pub(crate) fn read_tagged<T: Read>(
    reader: &mut Reader<'_>,
    version: Version,
    field: FieldRule,
    tag: u32,
) -> Result<T, DecodeError> {
    match field.exists_in(version) {
        true => read_present(reader, version, field, T::read_tagged),
        false => Err(reader.fail(DecodeErrorKind::TagVersion(tag)).within(field.name)),
    }
}

#[inline(always)]
fn read_present<T: Read>(
    reader: &mut Reader<'_>,
    version: Version,
    field: FieldRule,
    read: impl FnOnce(&mut Reader<'_>, Version) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    match read(reader, version) {
        Ok(value) if value.is_null() && !field.nullable.contains(version.number) => {
            Err(reader.fail(DecodeErrorKind::UnexpectedNull).within(field.name))
        }
        Ok(value) => Ok(value),
        Err(error) => Err(error.within(field.name)),
    }
}

/// Puts one field, or checks that its value may be left out if the version lacks it.
#[inline(always)]
pub(crate) fn write_field<'r, T: Write + PartialEq>(
    value: &T,
    writer: &mut Writer,
    room: Room<'r>,
    version: Version,
    field: FieldRule,
    default: impl FnOnce() -> T,
) -> Result<Room<'r>, EncodeError> {
    match field.exists_in(version) {
        true => write_present(value, version, field, || value.write(writer, room, version)),
        false if field.ignorable || *value == default() => Ok(room),
        false => Err(EncodeError::new(EncodeErrorKind::NotInVersion(version.number)).within(field.name)),
    }
}

/// Whether a tagged field must be written: it differs from its default, and the version has it.
#[inline(always)]
pub(crate) fn has_tagged<T: Value + PartialEq>(
    value: &T,
    version: Version,
    field: FieldRule,
    default: impl FnOnce() -> T,
) -> Result<bool, EncodeError> {
    match *value != default() {
        true if field.exists_in(version) => Ok(true),
        true if !field.ignorable => {
            Err(EncodeError::new(EncodeErrorKind::NotInVersion(version.number)).within(field.name))
        }
        _ => Ok(false),
    }
}

/// Puts the content of one tagged field that the version has.
#[inline(always)]
pub(crate) fn write_tagged<'r, T: Write>(
    value: &T,
    writer: &mut Writer,
    room: Room<'r>,
    version: Version,
    field: FieldRule,
) -> Result<Room<'r>, EncodeError> {
    write_present(value, version, field, || value.write_tagged(writer, room, version))
}

/// Writes one field that the version has, unless it is null and must not be.
#[inline(always)]
fn write_present<'r, T: Write>(
    value: &T,
    version: Version,
    field: FieldRule,
    write: impl FnOnce() -> Result<Room<'r>, EncodeError>,
) -> Result<Room<'r>, EncodeError> {
    if value.is_null() && !field.nullable.contains(version.number) {
        return Err(EncodeError::new(EncodeErrorKind::UnexpectedNull(version.number)).within(field.name));
    }
    write().map_err(|error| error.within(field.name))
}

/// A value for one field that `version` can carry: tagged fields keep their default half of the time.
#[cfg(any(test, feature = "client"))]
pub(crate) fn generate_field<T: super::generate::Generate>(
    source: &mut super::generate::Source,
    version: Version,
    field: FieldRule,
    tagged: bool,
    default: impl FnOnce() -> T,
) -> T {
    if !field.exists_in(version) || (tagged && source.one_in(2)) {
        return default();
    }
    T::generate(source, version, field.nullable.contains(version.number))
}

/// What the brackets behind a field say, and its name.
#[derive(Clone, Copy)]
pub(crate) struct FieldRule {
    pub(crate) name: &'static str,
    pub(crate) versions: VersionRange,
    pub(crate) nullable: VersionRange,
    pub(crate) ignorable: bool,
}

impl FieldRule {
    /// Whether `version` has the field. Versions below zero do not get here, so nothing is left to check of `0..`.
    #[inline(always)]
    fn exists_in(self, version: Version) -> bool {
        (self.versions.first == 0 || self.versions.first <= version.number)
            && (self.versions.last == i16::MAX || version.number <= self.versions.last)
    }
}

/// Declares a message and the structs inside it; see the module's documentation.
macro_rules! message {
    (
        $(#[$meta:meta])*
        $direction:ident $name:ident [$($range:tt)*] { $($body:tt)* }
        $( $(#[$inner_meta:meta])* $inner:ident { $($inner_body:tt)* } )*
    ) => {
        $crate::protocol::wire::message::structure! { $direction $(#[$meta])* $name { $($body)* } }
        impl $crate::protocol::wire::Message for $name {
            const INFO: $crate::protocol::wire::MessageInfo = $crate::protocol::wire::MessageInfo {
                body: &$name::INFO,
                versions: $crate::protocol::wire::message::versions!($($range)*),
                flexible: $crate::protocol::wire::message::flexible!($($range)*),
            };
        }
        $(
            $crate::protocol::wire::message::structure! {
                $direction $(#[$inner_meta])* $inner { $($inner_body)* }
            }
        )*
    };
}

/// One struct: its definition, its default, its table of fields, reading, writing and generating.
macro_rules! structure {
    (
        $direction:ident
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$field_meta:meta])* $field:ident: $ty:ty $([$($rule:tt)*])? $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
            /// Tagged fields that we do not know.
            pub unknown_tags: $crate::protocol::wire::UnknownTags,
        }

        const _: () = {
            use $crate::protocol::wire::message as notation;
            #[allow(unused_imports, reason = "one direction may be left out")]
            use $crate::protocol::wire::{
                DecodeError, EncodeError, FieldInfo, FieldType, Read, Reader, Room, StructInfo, TagWriter, UnknownTags,
                Value, Version, Write, Writer, no_tags, read_tags,
            };

            impl $name {
                /// What was declared.
                pub const INFO: StructInfo = StructInfo {
                    name: stringify!($name),
                    fields: &[$(FieldInfo {
                        name: stringify!($field),
                        ty: <$ty as Value>::TYPE,
                        versions: notation::versions!($($($rule)*)?),
                        nullable: notation::nullable!($($($rule)*)?),
                        default: notation::default_text!($($default)?),
                        tag: notation::tag!($($($rule)*)?),
                        ignorable: notation::ignorable!($($($rule)*)?),
                    }),*],
                };
            }

            impl Default for $name {
                fn default() -> $name {
                    $name {
                        $( $field: notation::default!($ty $(, $default)?), )*
                        unknown_tags: UnknownTags::NONE,
                    }
                }
            }

            impl Value for $name {
                const TYPE: FieldType = FieldType::Struct(&$name::INFO);
                const MIN_SIZE: usize = {
                    let always = 0 $( + notation::size_if_always!($ty; $($($rule)*)?) )*;
                    if always == 0 { 1 } else { always }
                };

                fn empty() -> $name {
                    $name::default()
                }
            }

            notation::direction! { $direction read
                impl Read for $name {
                    #[inline]
                    fn read(reader: &mut Reader<'_>, version: Version) -> Result<$name, DecodeError> {
                        $( notation::if_tagged!(
                            [$($($rule)*)?]
                            { let mut $field = notation::default!($ty $(, $default)?); }
                            {
                                let $field: $ty = notation::read_field(
                                    reader,
                                    version,
                                    const { notation::rule!($field; $($($rule)*)?) },
                                    || notation::default!($ty $(, $default)?),
                                )?;
                            }
                        ); )*
                        let unknown_tags = match version.flexible {
                            false => UnknownTags::NONE,
                            true => read_tags(reader, |_reader, _tag| {
                                $( notation::if_tagged!(
                                    [$($($rule)*)?]
                                    {
                                        if notation::tag!($($($rule)*)?) == Some(_tag) {
                                            let rule = const { notation::rule!($field; $($($rule)*)?) };
                                            $field = notation::read_tagged(_reader, version, rule, _tag)?;
                                            return Ok(true);
                                        }
                                    }
                                    {}
                                ); )*
                                Ok(false)
                            })?,
                        };
                        Ok($name { $($field,)* unknown_tags })
                    }
                }
            }

            notation::direction! { $direction write
                impl Write for $name {
                    #[inline]
                    fn write<'r>(
                        &self,
                        writer: &mut Writer,
                        room: Room<'r>,
                        version: Version,
                    ) -> Result<Room<'r>, EncodeError> {
                        let mut _known_tags = 0;
                        $( notation::if_tagged!(
                            [$($($rule)*)?]
                            {
                                let $field = notation::has_tagged(
                                    &self.$field,
                                    version,
                                    const { notation::rule!($field; $($($rule)*)?) },
                                    || notation::default!($ty $(, $default)?),
                                )?;
                                _known_tags += u32::from($field);
                            }
                            {
                                let room = notation::write_field(
                                    &self.$field,
                                    writer,
                                    room,
                                    version,
                                    const { notation::rule!($field; $($($rule)*)?) },
                                    || notation::default!($ty $(, $default)?),
                                )?;
                            }
                        ); )*
                        if _known_tags == 0 && self.unknown_tags.is_empty() {
                            return Ok(no_tags(room, version));
                        }
                        let tags = TagWriter::begin(writer, room, version, &self.unknown_tags, _known_tags)?;
                        $( notation::if_tagged!(
                            [$($($rule)*)?]
                            {
                                let tags = if $field {
                                    let rule = const { notation::rule!($field; $($($rule)*)?) };
                                    tags.known(notation::tag_number!($($($rule)*)?), |writer, room| {
                                        notation::write_tagged(&self.$field, writer, room, version, rule)
                                    })?
                                } else {
                                    tags
                                };
                            }
                            {}
                        ); )*
                        Ok(tags.finish())
                    }

                    #[inline]
                    fn at_most(&self) -> usize {
                        let known = 0 $( + usize::from(notation::tag!($($($rule)*)?).is_some()) )*;
                        self.unknown_tags.at_most(known) $( + self.$field.at_most() )*
                    }
                }
            }

            #[cfg(any(test, feature = "client"))]
            impl $crate::protocol::wire::Generate for $name {
                fn generate(
                    source: &mut $crate::protocol::wire::Source,
                    version: Version,
                    _nullable: bool,
                ) -> $name {
                    $name {
                        $( $field: notation::generate_field(
                            source,
                            version,
                            notation::rule!($field; $($($rule)*)?),
                            notation::tag!($($($rule)*)?).is_some(),
                            || notation::default!($ty $(, $default)?),
                        ), )*
                        unknown_tags: $crate::protocol::wire::Generate::generate(source, version, false),
                    }
                }
            }
        };
    };
}

/// The range of versions in the brackets.
macro_rules! versions {
    (tag $tag:literal $(, $($rest:tt)*)?) => { $crate::protocol::wire::message::versions!($($($rest)*)?) };
    ($first:literal .. $(, $($rest:tt)*)?) => { $crate::protocol::wire::VersionRange::from($first) };
    ($first:literal ..= $last:literal $(, $($rest:tt)*)?) => {
        $crate::protocol::wire::VersionRange::between($first, $last)
    };
    ($($rest:tt)*) => { $crate::protocol::wire::VersionRange::ALL };
}

/// The range behind `null` in the brackets.
macro_rules! nullable {
    (tag $tag:literal, $($rest:tt)*) => { $crate::protocol::wire::message::nullable!($($rest)*) };
    ($first:literal .., $($rest:tt)*) => { $crate::protocol::wire::message::nullable!($($rest)*) };
    ($first:literal ..= $last:literal, $($rest:tt)*) => {
        $crate::protocol::wire::message::nullable!($($rest)*)
    };
    (null $($range:tt)*) => { $crate::protocol::wire::message::versions!($($range)*) };
    ($($rest:tt)*) => { $crate::protocol::wire::VersionRange::NONE };
}

/// The range behind `flexible` in the brackets of a message.
macro_rules! flexible {
    ($first:literal ..= $last:literal, flexible never) => {
        $crate::protocol::wire::VersionRange::NONE
    };
    ($first:literal ..= $last:literal, flexible $from:literal ..) => {
        $crate::protocol::wire::VersionRange::from($from)
    };
}

/// Whether `ignorable` stands in the brackets.
macro_rules! ignorable {
    (ignorable) => { true };
    (tag $tag:literal $(, $($rest:tt)*)?) => { $crate::protocol::wire::message::ignorable!($($($rest)*)?) };
    ($first:literal .. $(, $($rest:tt)*)?) => { $crate::protocol::wire::message::ignorable!($($($rest)*)?) };
    ($first:literal ..= $last:literal $(, $($rest:tt)*)?) => {
        $crate::protocol::wire::message::ignorable!($($($rest)*)?)
    };
    (null $($rest:tt)*) => { $crate::protocol::wire::message::ignorable!($($rest)*) };
    () => { false };
}

/// The tag in the brackets, if there is one.
macro_rules! tag {
    (tag $tag:literal $($rest:tt)*) => {
        Some($tag)
    };
    ($($rest:tt)*) => {
        None::<u32>
    };
}

/// The tag in the brackets.
macro_rules! tag_number {
    (tag $tag:literal $($rest:tt)*) => {
        $tag
    };
}

/// The first group of tokens for a tagged field, the second for another.
macro_rules! if_tagged {
    ([tag $($rule:tt)*] { $($tagged:tt)* } { $($plain:tt)* }) => { $($tagged)* };
    ([$($rule:tt)*] { $($tagged:tt)* } { $($plain:tt)* }) => { $($plain)* };
}

/// The declared default, or the empty value of the type.
macro_rules! default {
    ($ty:ty) => {
        <$ty as $crate::protocol::wire::Value>::empty()
    };
    ($ty:ty, $default:expr) => {
        $default
    };
}

/// The declared default as text.
macro_rules! default_text {
    () => {
        None
    };
    ($default:expr) => {
        Some(stringify!($default))
    };
}

/// Everything in the brackets, and the name.
macro_rules! rule {
    ($field:ident; $($rule:tt)*) => {
        $crate::protocol::wire::message::FieldRule {
            name: stringify!($field),
            versions: $crate::protocol::wire::message::versions!($($rule)*),
            nullable: $crate::protocol::wire::message::nullable!($($rule)*),
            ignorable: $crate::protocol::wire::message::ignorable!($($rule)*),
        }
    };
}

/// The least size of a field that every version has, else zero.
macro_rules! size_if_always {
    ($ty:ty; tag $($rule:tt)*) => { 0 };
    ($ty:ty; $($rule:tt)*) => {{
        let range = $crate::protocol::wire::message::versions!($($rule)*);
        if range.first == 0 && range.last == i16::MAX {
            <$ty as $crate::protocol::wire::Value>::MIN_SIZE
        } else {
            0
        }
    }};
}

/// Leaves out what the gateway does not need: writing requests and reading responses.
macro_rules! direction {
    (both $direction:ident $item:item) => {
        $item
    };
    (request read $item:item) => {
        $item
    };
    (request write $item:item) => {
        #[cfg(any(test, feature = "client"))]
        $item
    };
    (response read $item:item) => {
        #[cfg(any(test, feature = "client"))]
        $item
    };
    (response write $item:item) => {
        $item
    };
}

pub(crate) use {
    default, default_text, direction, flexible, if_tagged, ignorable, message, nullable, rule,
    size_if_always, structure, tag, tag_number, versions,
};
