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

/// Puts an empty tagged section at `at`, if the version has one.
#[inline(always)]
pub(crate) fn no_tags(writer: &mut Writer, at: usize, version: Version) -> usize {
    if version.flexible { writer.put(at, [0]) } else { at }
}

/// Writes a tagged section: unknown and known fields in one rising order.
pub(crate) struct TagWriter<'a, 'w> {
    writer: &'w mut Writer,
    at: usize,
    unknown: &'a [UnknownTag],
}

impl<'a, 'w> TagWriter<'a, 'w> {
    /// Begins the section at `at` with the number of its fields, of which `known` are known ones.
    pub(crate) fn begin(
        writer: &'w mut Writer,
        at: usize,
        version: Version,
        unknown: &'a UnknownTags,
        known: u32,
    ) -> Result<TagWriter<'a, 'w>, EncodeError> {
        if !version.flexible {
            return Err(EncodeError::new(EncodeErrorKind::NotFlexible(version.number)));
        }
        let unknown = unknown.as_slice();
        let at = writer.put_varint(at, known + unknown.len() as u32);
        Ok(TagWriter { writer, at, unknown })
    }

    /// Adds a known field; tags must be given in rising order.
    pub(crate) fn known(
        mut self,
        tag: u32,
        write: impl FnOnce(&mut Writer, usize) -> Result<usize, EncodeError>,
    ) -> Result<TagWriter<'a, 'w>, EncodeError> {
        let (before, behind) = self.unknown.split_at(self.unknown.partition_point(|field| field.tag < tag));
        if behind.first().is_some_and(|field| field.tag == tag) {
            return Err(EncodeError::new(EncodeErrorKind::TagTaken(tag)));
        }
        self.put_unknown(before);
        self.unknown = behind;
        self.at = self.writer.put_varint(self.at, tag);
        self.at = self.writer.put_sized(self.at, write)?;
        Ok(self)
    }

    /// Adds the unknown fields that come last; answers where the section ends.
    pub(crate) fn finish(mut self) -> usize {
        self.put_unknown(self.unknown);
        self.at
    }

    fn put_unknown(&mut self, fields: &[UnknownTag]) {
        for UnknownTag { tag, value } in fields {
            self.at = self.writer.put_varint(self.at, *tag);
            // A value is at most as long as a frame, which fits into an i32.
            self.at = self.writer.put_varint(self.at, value.len() as u32);
            self.at = self.writer.put_slice(self.at, value);
        }
    }
}
