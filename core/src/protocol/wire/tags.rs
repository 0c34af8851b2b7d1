//! Tagged sections (KIP-482): optional fields at the end of a struct, known by number.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use super::reader::Reader;
use super::version::Version;
use super::writer::Writer;

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

/// Writes a tagged section: unknown and known fields in one rising order.
pub(crate) struct TagWriter<'a, 'w> {
    writer: &'w mut Writer,
    unknown: core::iter::Peekable<core::slice::Iter<'a, UnknownTag>>,
}

impl<'a, 'w> TagWriter<'a, 'w> {
    /// Begins the section with the number of its fields, of which `known` are known ones.
    pub(crate) fn begin(writer: &'w mut Writer, unknown: &'a UnknownTags, known: u32) -> TagWriter<'a, 'w> {
        let unknown = unknown.as_slice();
        writer.put_varint(known + unknown.len() as u32);
        TagWriter { writer, unknown: unknown.iter().peekable() }
    }

    /// Adds a known field; tags must be given in rising order.
    pub(crate) fn known(
        mut self,
        tag: u32,
        write: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<TagWriter<'a, 'w>, EncodeError> {
        while let Some(field) = self.unknown.next_if(|field| field.tag < tag) {
            put_unknown(self.writer, field)?;
        }
        if self.unknown.peek().is_some_and(|field| field.tag == tag) {
            return Err(EncodeError::new(EncodeErrorKind::TagTaken(tag)));
        }
        self.writer.put_varint(tag);
        self.writer.put_sized(write)?;
        Ok(self)
    }

    /// Adds the unknown fields that come last.
    pub(crate) fn finish(self) -> Result<(), EncodeError> {
        let TagWriter { writer, mut unknown } = self;
        unknown.try_for_each(|field| put_unknown(writer, field))
    }
}

fn put_unknown(writer: &mut Writer, field: &UnknownTag) -> Result<(), EncodeError> {
    let Ok(length) = u32::try_from(field.value.len()) else {
        return Err(EncodeError::new(EncodeErrorKind::TooLong(field.value.len())));
    };
    writer.put_varint(field.tag);
    writer.put_varint(length);
    writer.put(&field.value);
    Ok(())
}

/// Refuses unknown fields in a version that has no tagged section.
#[inline(always)]
pub(crate) fn without_section(unknown: &UnknownTags, version: Version) -> Result<(), EncodeError> {
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(EncodeError::new(EncodeErrorKind::NotFlexible(version.number))),
    }
}
