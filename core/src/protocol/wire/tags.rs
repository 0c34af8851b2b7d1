//! Tagged sections (KIP-482): optional fields at the end of a struct, known by number.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use super::reader::Reader;
use super::version::Version;
use super::writer::{Room, VARINT_AT_MOST, Writer, put, put_slice, put_varint};

/// Tagged fields of a struct that we do not know: kept, and written back in their place.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[allow(clippy::box_collection, reason = "every struct carries this: one word, not three")]
pub struct UnknownTags(Option<Box<Vec<UnknownTag>>>);

/// A tagged field as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownTag {
    /// Its number.
    pub tag: u32,
    /// Its value.
    pub value: Bytes,
}

impl UnknownTags {
    /// None.
    pub const NONE: UnknownTags = UnknownTags(None);

    /// In rising order of tags.
    pub fn as_slice(&self) -> &[UnknownTag] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many bytes they and the known ones' tags, lengths and number take at most, see [`super::Write::at_most`].
    #[inline(always)]
    pub(crate) fn at_most(&self, known: usize) -> usize {
        let each = |field: &UnknownTag| 2 * VARINT_AT_MOST + field.value.len();
        VARINT_AT_MOST + known * 2 * VARINT_AT_MOST + self.as_slice().iter().map(each).sum::<usize>()
    }

    /// Adds a field; its tag must be above all others here.
    fn push(&mut self, field: UnknownTag) {
        self.0.get_or_insert_default().push(field);
    }
}

impl FromIterator<UnknownTag> for UnknownTags {
    /// Puts the fields in order; of two with the same tag the first stays.
    fn from_iter<I: IntoIterator<Item = UnknownTag>>(fields: I) -> UnknownTags {
        let mut fields: Vec<UnknownTag> = fields.into_iter().collect();
        fields.sort_by_key(|field| field.tag);
        fields.dedup_by_key(|field| field.tag);
        UnknownTags((!fields.is_empty()).then(|| Box::new(fields)))
    }
}

/// Reads a tagged section. `known` reads the value of a tag it knows and says whether it did.
#[inline]
pub(crate) fn read_tags(
    reader: &mut Reader<'_>,
    known: impl FnMut(&mut Reader<'_>, u32) -> Result<bool, DecodeError>,
) -> Result<UnknownTags, DecodeError> {
    match reader.varint()? {
        0 => Ok(UnknownTags::NONE),
        count => read_some_tags(reader, count, known),
    }
}

#[inline(never)]
fn read_some_tags(
    reader: &mut Reader<'_>,
    count: u32,
    mut known: impl FnMut(&mut Reader<'_>, u32) -> Result<bool, DecodeError>,
) -> Result<UnknownTags, DecodeError> {
    let mut unknown = UnknownTags::NONE;
    let mut previous = None;
    for _ in 0..count {
        let tag = reader.varint()?;
        if previous.is_some_and(|previous| tag <= previous) {
            return Err(reader.fail(DecodeErrorKind::TagOrder(tag)));
        }
        previous = Some(tag);
        let declared = reader.varint()? as usize;
        let start = reader.offset();
        if known(reader, tag)? {
            let actual = reader.offset() - start;
            if actual != declared {
                return Err(reader.fail(DecodeErrorKind::TagLength { tag, declared, actual }));
            }
        } else {
            reader.claim(1, size_of::<UnknownTag>(), 0)?;
            unknown.push(UnknownTag { tag, value: reader.slice(declared)? });
        }
    }
    Ok(unknown)
}

/// Puts an empty tagged section, if the version has one.
#[inline(always)]
pub(crate) fn no_tags(room: Room<'_>, version: Version) -> Room<'_> {
    if version.flexible { put(room, [0]) } else { room }
}

/// Writes a tagged section: unknown and known fields in one rising order.
pub(crate) struct TagWriter<'a, 'w, 'r> {
    writer: &'w mut Writer,
    room: Room<'r>,
    unknown: &'a [UnknownTag],
}

impl<'a, 'w, 'r> TagWriter<'a, 'w, 'r> {
    /// Begins the section with the number of its fields, of which `known` are known ones.
    pub(crate) fn begin(
        writer: &'w mut Writer,
        room: Room<'r>,
        version: Version,
        unknown: &'a UnknownTags,
        known: u32,
    ) -> Result<TagWriter<'a, 'w, 'r>, EncodeError> {
        if !version.flexible {
            return Err(EncodeError::new(EncodeErrorKind::NotFlexible(version.number)));
        }
        let unknown = unknown.as_slice();
        let room = put_varint(room, known + unknown.len() as u32);
        Ok(TagWriter { writer, room, unknown })
    }

    /// Adds a known field; tags must be given in rising order.
    pub(crate) fn known(
        mut self,
        tag: u32,
        write: impl for<'c> FnOnce(&mut Writer, Room<'c>) -> Result<Room<'c>, EncodeError>,
    ) -> Result<TagWriter<'a, 'w, 'r>, EncodeError> {
        let (before, behind) = self.unknown.split_at(self.unknown.partition_point(|field| field.tag < tag));
        if behind.first().is_some_and(|field| field.tag == tag) {
            return Err(EncodeError::new(EncodeErrorKind::TagTaken(tag)));
        }
        let room = put_varint(put_unknown(self.room, before), tag);
        self.room = self.writer.put_sized(room, write)?;
        self.unknown = behind;
        Ok(self)
    }

    /// Adds the unknown fields that come last; gives the room behind the section.
    pub(crate) fn finish(self) -> Room<'r> {
        put_unknown(self.room, self.unknown)
    }
}

fn put_unknown<'r>(room: Room<'r>, fields: &[UnknownTag]) -> Room<'r> {
    // A value is at most as long as a frame, which fits into an i32.
    fields.iter().fold(room, |room, UnknownTag { tag, value }| {
        put_slice(put_varint(put_varint(room, *tag), value.len() as u32), value)
    })
}
