//! Where the batches of a log lie: which bytes of which file hold which offsets. Only what has been read there and found
//! right is in it, in the order of offsets, from the log's start without a hole; what comes after its end is in memory.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::storage::SegmentInfo;

use crate::wire::{Fields, Put};

/// An extent grows up to this size, in bytes, unless a single message is larger.
const EXTENT_BYTES: u64 = 128 << 10;

/// A file that batches are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Which of [`Index::folders`] it is in.
    pub(crate) folder: u32,
    pub(crate) name: String,
    /// Bytes of it that have been looked at: whole entries.
    pub(crate) read: u64,
    /// How large it was when it was listed last, if that was since the log was opened.
    pub(crate) size: Option<u64>,
    /// Somebody else's messages are in it.
    pub(crate) foreign: bool,
    /// It is ours and holds bare batches, not entries of SeaweedMQ.
    pub(crate) part: bool,
    /// How many extents lie in it.
    pub(crate) extents: u32,
}

/// Some messages that lie one after the other in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) file: u32,
    pub(crate) at: u64,
    pub(crate) len: u64,
    pub(crate) base: i64,
    pub(crate) end: i64,
    /// Bytes of the batches.
    pub(crate) bytes: u64,
    pub(crate) max_timestamp: i64,
    /// Max timestamp of the first batch.
    pub(crate) first_timestamp: i64,
    /// A segment begins here.
    pub(crate) roll: bool,
}

/// The index of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// Folders of SeaweedMQ for this partition, in the order of generations, and our own for parts.
    pub(crate) folders: Vec<String>,
    pub(crate) files: BTreeMap<u32, SourceFile>,
    /// Number of the next file.
    pub(crate) next_file: u32,
    pub(crate) extents: VecDeque<Extent>,
    /// The offset after what is known to lie in files.
    pub(crate) end: i64,
}

impl Index {
    /// The number of a folder, which is taken in if it is new.
    pub(crate) fn folder(&mut self, path: &str) -> u32 {
        let known = self.folders.iter().position(|folder| folder == path);
        let at = known.unwrap_or_else(|| {
            self.folders.push(String::from(path));
            self.folders.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The number of a file, which is taken in if it is new.
    pub(crate) fn file(&mut self, folder: u32, name: &str, part: bool) -> u32 {
        let known = self.files.iter().rev().find(|(_, file)| file.folder == folder && file.name == name);
        if let Some((number, _)) = known {
            return *number;
        }
        let number = self.next_file;
        self.next_file += 1;
        let name = String::from(name);
        self.files.insert(
            number,
            SourceFile { folder, name, read: 0, size: None, foreign: false, part, extents: 0 },
        );
        number
    }

    /// Where a file is.
    pub(crate) fn path(&self, number: u32) -> Option<String> {
        let file = self.files.get(&number)?;
        let folder = self.folders.get(usize::try_from(file.folder).ok()?)?;
        Some(format!("{folder}/{}", file.name))
    }

    /// Adds what was found right after the end.
    pub(crate) fn add(&mut self, found: Extent) {
        self.end = found.end;
        if let Some(last) = self.extents.back_mut()
            && last.file == found.file
            && last.at + last.len == found.at
            && last.len + found.len <= EXTENT_BYTES
            && !found.roll
        {
            last.len += found.len;
            last.end = found.end;
            last.bytes += found.bytes;
            last.max_timestamp = last.max_timestamp.max(found.max_timestamp);
            return;
        }
        self.counted(found.file, 1);
        self.extents.push_back(found);
    }

    fn counted(&mut self, file: u32, more: u32) {
        if let Some(file) = self.files.get_mut(&file) {
            file.extents += more;
        }
    }

    fn uncounted(&mut self, gone: &[Extent]) {
        for extent in gone {
            if let Some(file) = self.files.get_mut(&extent.file) {
                file.extents = file.extents.saturating_sub(1);
            }
        }
    }

    /// The first extent that ends above an offset, by its place.
    pub(crate) fn place(&self, offset: i64) -> usize {
        self.extents.partition_point(|extent| extent.end <= offset)
    }

    /// Drops extents that lie below an offset as a whole.
    pub(crate) fn drop_below(&mut self, offset: i64) {
        let gone: Vec<Extent> = self.extents.drain(..self.place(offset)).collect();
        self.uncounted(&gone);
    }

    /// Drops the extent at a place and all after it: they are looked for again.
    pub(crate) fn cut(&mut self, place: usize) {
        let gone: Vec<Extent> = self.extents.drain(place.min(self.extents.len())..).collect();
        let Some(first) = gone.first() else { return };
        self.end = first.base;
        self.uncounted(&gone);
        for (number, file) in self.files.iter_mut().filter(|(_, file)| !file.part) {
            if *number == first.file {
                file.read = file.read.min(first.at);
            } else if *number > first.file {
                file.read = 0;
            }
        }
    }

    /// Drops extents that cannot be read any more; gives the offsets they held.
    pub(crate) fn drop_lost(&mut self, lost: impl Fn(&Extent) -> bool) -> Vec<(i64, i64)> {
        let (gone, kept): (Vec<Extent>, Vec<Extent>) =
            core::mem::take(&mut self.extents).into_iter().partition(|extent| lost(extent));
        self.extents = kept.into();
        self.uncounted(&gone);
        gone.iter().map(|extent| (extent.base, extent.end)).collect()
    }

    /// Puts extents in the place of those from `base` up to `end`.
    pub(crate) fn replace(&mut self, base: i64, end: i64, with: Vec<Extent>) {
        let from = self.extents.partition_point(|extent| extent.base < base);
        let until = self.extents.partition_point(|extent| extent.base < end).max(from);
        let after: Vec<Extent> = self.extents.drain(from..).collect();
        let (gone, kept) = after.split_at(until - from);
        self.uncounted(gone);
        for extent in &with {
            self.counted(extent.file, 1);
        }
        self.extents.extend(with);
        self.extents.extend(kept);
        if let Some(next) = self.extents.iter_mut().find(|extent| extent.base >= end) {
            next.roll = true;
        }
    }

    /// Doubles the size of extents where neighbours lie next to each other in one file.
    pub(crate) fn coarsen(&mut self) {
        let mut coarse: VecDeque<Extent> = VecDeque::with_capacity(self.extents.len() / 2);
        let mut joined = true;
        for extent in core::mem::take(&mut self.extents) {
            match coarse.back_mut() {
                Some(last)
                    if !joined
                        && last.file == extent.file
                        && last.at + last.len == extent.at
                        && !extent.roll =>
                {
                    last.len += extent.len;
                    last.end = extent.end;
                    last.bytes += extent.bytes;
                    last.max_timestamp = last.max_timestamp.max(extent.max_timestamp);
                    joined = true;
                    if let Some(file) = self.files.get_mut(&extent.file) {
                        file.extents = file.extents.saturating_sub(1);
                    }
                }
                Some(_) | None => {
                    coarse.push_back(extent);
                    joined = false;
                }
            }
        }
        self.extents = coarse;
    }

    /// Bytes of all batches.
    pub(crate) fn bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.bytes).sum()
    }

    /// Takes an extent into the list of segments, oldest first.
    pub(crate) fn add_segments(&self, segments: &mut Vec<SegmentInfo>) {
        for extent in &self.extents {
            let (times, bytes) = ((extent.first_timestamp, extent.max_timestamp), extent.bytes);
            grow(segments, (extent.base, extent.end), bytes, times, extent.roll);
        }
    }
}

/// Adds a run of batches to the last segment, or to a new one that it begins.
pub(crate) fn grow(
    segments: &mut Vec<SegmentInfo>,
    (base_offset, end_offset): (i64, i64),
    bytes: u64,
    (first_timestamp, max_timestamp): (i64, i64),
    roll: bool,
) {
    match segments.last_mut() {
        Some(last) if !roll => {
            last.end_offset = end_offset;
            last.bytes += bytes;
            last.max_timestamp = last.max_timestamp.max(max_timestamp);
        }
        Some(_) | None => {
            segments.push(SegmentInfo { base_offset, end_offset, bytes, max_timestamp, first_timestamp });
        }
    }
}

impl Index {
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        into.put_u32(self.folders.len() as u32);
        self.folders.iter().for_each(|folder| into.put_text(folder));
        into.put_u32(self.next_file);
        into.put_u32(self.files.len() as u32);
        for (number, file) in &self.files {
            into.put_u32(*number);
            into.put_u32(file.folder);
            into.put_text(&file.name);
            into.put_u64(file.read);
            into.push(u8::from(file.foreign) | u8::from(file.part) << 1);
        }
        into.put_i64(self.end);
        into.put_u64(self.extents.len() as u64);
        for extent in &self.extents {
            into.put_u32(extent.file);
            into.put_u64(extent.at);
            into.put_u64(extent.len);
            into.put_i64(extent.base);
            into.put_i64(extent.end);
            into.put_u64(extent.bytes);
            into.put_i64(extent.max_timestamp);
            into.put_i64(extent.first_timestamp);
            into.push(u8::from(extent.roll));
        }
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Index> {
        let mut index = Index::default();
        for _ in 0..fields.u32()? {
            index.folders.push(String::from(fields.text()?));
        }
        index.next_file = fields.u32()?;
        for _ in 0..fields.u32()? {
            let (number, folder) = (fields.u32()?, fields.u32()?);
            let (name, read, flags) = (String::from(fields.text()?), fields.u64()?, fields.u8()?);
            let (foreign, part) = (flags & 1 != 0, flags & 2 != 0);
            index
                .files
                .insert(number, SourceFile { folder, name, read, size: None, foreign, part, extents: 0 });
        }
        index.end = fields.i64()?;
        let mut before = 0;
        for _ in 0..fields.u64()? {
            let extent = Extent {
                file: fields.u32()?,
                at: fields.u64()?,
                len: fields.u64()?,
                base: fields.i64()?,
                end: fields.i64()?,
                bytes: fields.u64()?,
                max_timestamp: fields.i64()?,
                first_timestamp: fields.i64()?,
                roll: fields.u8()? != 0,
            };
            if extent.base < before || extent.end < extent.base || !index.files.contains_key(&extent.file) {
                return None;
            }
            before = extent.end;
            index.counted(extent.file, 1);
            index.extents.push_back(extent);
        }
        (before <= index.end).then_some(index)
    }
}
