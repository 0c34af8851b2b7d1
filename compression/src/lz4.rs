//! The lz4 frame format (its specification 1.6.4), around the block codec of `lz4_flex`. The frame is read here because
//! Kafka needs three things of its own: the header checksum of the old message formats, an end that must be marked,
//! and blocks written straight into the capped buffer.

use lz4_flex::block::{
    CompressTable, DecompressError as BlockError, compress_into_with_table, decompress_into,
    decompress_into_with_dict, get_maximum_output_size,
};
use twox_hash::XxHash32;

use crate::limits::{DecompressError, Output, take, take_array};
use crate::{CompressError, Lz4Header};

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// Version 1, independent blocks, no checksums, no size: what Kafka's clients write and all of them can read.
const FLAGS: u8 = flag::VERSION_1 | flag::INDEPENDENT;
/// Blocks of at most 64 KiB.
const BLOCK_DESCRIPTOR: u8 = 4 << 4;
const BLOCK: usize = 64 * 1024;
/// Set in a block's size when the block is stored plain.
const PLAIN: u32 = 1 << 31;
/// How far back a match may reach.
const WINDOW: usize = 64 * 1024;
/// No block grows by more than this when decompressed: each byte of a length adds up to 255.
const BLOCK_RATIO: usize = 255;

/// Bits of the frame's flags.
mod flag {
    pub(super) const VERSION_MASK: u8 = 0xc0;
    pub(super) const VERSION_1: u8 = 0x40;
    pub(super) const INDEPENDENT: u8 = 0x20;
    pub(super) const BLOCK_CHECKSUM: u8 = 0x10;
    pub(super) const CONTENT_SIZE: u8 = 0x08;
    pub(super) const CONTENT_CHECKSUM: u8 = 0x04;
    pub(super) const RESERVED: u8 = 0x02;
    pub(super) const DICTIONARY: u8 = 0x01;
}

/// Compresses; keeps the table of matches.
pub(crate) struct Encoder {
    table: CompressTable,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { table: CompressTable::small() }
    }
}

impl Encoder {
    /// Adds one frame at the end of `out`.
    pub(crate) fn compress(
        &mut self,
        header: Lz4Header,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let [m0, m1, m2, m3] = MAGIC;
        let head = [m0, m1, m2, m3, FLAGS, BLOCK_DESCRIPTOR];
        let checksum = match header {
            Lz4Header::OverMagic => header_checksum(&head),
            Lz4Header::Standard | Lz4Header::StandardOrOverMagic => {
                header_checksum(&[FLAGS, BLOCK_DESCRIPTOR])
            }
        };
        out.extend_from_slice(&head);
        out.push(checksum);
        for block in input.chunks(BLOCK) {
            self.block(block, out)?;
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        Ok(())
    }

    fn block(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let start = out.len();
        let data = start + 4;
        out.resize(data + get_maximum_output_size(block.len()), 0);
        let space = out.get_mut(data..).unwrap_or_default();
        let written = compress_into_with_table(block, space, &mut self.table)
            .map_err(|_| CompressError::Failed("lz4 block"))?;
        let size = if written < block.len() {
            out.truncate(data + written);
            written as u32
        } else {
            out.truncate(data);
            out.extend_from_slice(block);
            block.len() as u32 | PLAIN
        };
        if let Some(place) = out.get_mut(start..data) {
            place.copy_from_slice(&size.to_le_bytes());
        }
        Ok(())
    }
}

/// What the head of a frame says.
struct Frame {
    flags: u8,
    block_max: usize,
    content_size: Option<u64>,
}

impl Frame {
    fn has(&self, bit: u8) -> bool {
        self.flags & bit != 0
    }
}

/// One frame, which must be all of the input.
pub(crate) fn decompress(
    header: Lz4Header,
    input: &[u8],
    out: &mut Output<'_>,
) -> Result<(), DecompressError> {
    let mut rest = input;
    let frame = read_header(header, &mut rest)?;
    loop {
        let size = u32::from_le_bytes(take_array(&mut rest)?);
        if size == 0 {
            break;
        }
        read_block(&frame, size, &mut rest, out)?;
    }
    if frame.content_size.is_some_and(|size| usize::try_from(size).ok() != Some(out.bytes.len())) {
        return Err(DecompressError::Corrupt("lz4 content size"));
    }
    if frame.has(flag::CONTENT_CHECKSUM)
        && u32::from_le_bytes(take_array(&mut rest)?) != XxHash32::oneshot(0, out.bytes)
    {
        return Err(DecompressError::Corrupt("lz4 content checksum"));
    }
    if rest.is_empty() { Ok(()) } else { Err(DecompressError::Corrupt("bytes after the lz4 frame")) }
}

fn read_header(header: Lz4Header, rest: &mut &[u8]) -> Result<Frame, DecompressError> {
    let whole = *rest;
    if take_array(rest)? != MAGIC {
        return Err(DecompressError::Corrupt("lz4 magic"));
    }
    let [flags, descriptor] = take_array(rest)?;
    if flags & flag::VERSION_MASK != flag::VERSION_1 || flags & flag::RESERVED != 0 || descriptor & 0x8f != 0
    {
        return Err(DecompressError::Corrupt("lz4 frame header"));
    }
    if flags & flag::DICTIONARY != 0 {
        return Err(DecompressError::Corrupt("lz4 frame needs a dictionary"));
    }
    let block_max = match descriptor >> 4 {
        4 => BLOCK,
        5 => 256 * 1024,
        6 => 1024 * 1024,
        7 => 4 * 1024 * 1024,
        _ => return Err(DecompressError::Corrupt("lz4 block size")),
    };
    let content_size = match flags & flag::CONTENT_SIZE {
        0 => None,
        _ => Some(u64::from_le_bytes(take_array(rest)?)),
    };
    let with_magic = whole.get(..whole.len() - rest.len()).unwrap_or_default();
    let without_magic = with_magic.get(MAGIC.len()..).unwrap_or_default();
    let [checksum] = take_array(rest)?;
    let right = checksum == header_checksum(without_magic)
        || (header != Lz4Header::Standard && checksum == header_checksum(with_magic));
    if !right {
        return Err(DecompressError::Corrupt("lz4 header checksum"));
    }
    Ok(Frame { flags, block_max, content_size })
}

/// The one byte that is kept of the hash.
fn header_checksum(descriptor: &[u8]) -> u8 {
    (XxHash32::oneshot(0, descriptor) >> 8) as u8
}

fn read_block(
    frame: &Frame,
    size: u32,
    rest: &mut &[u8],
    out: &mut Output<'_>,
) -> Result<(), DecompressError> {
    let len = usize::try_from(size & !PLAIN).map_err(|_| DecompressError::Truncated)?;
    if len > frame.block_max {
        return Err(DecompressError::Corrupt("lz4 block larger than its frame allows"));
    }
    let block = take(rest, len)?;
    if frame.has(flag::BLOCK_CHECKSUM) && u32::from_le_bytes(take_array(rest)?) != XxHash32::oneshot(0, block)
    {
        return Err(DecompressError::Corrupt("lz4 block checksum"));
    }
    if size & PLAIN != 0 {
        return out.extend(block);
    }
    let most = frame.block_max.min(len.saturating_mul(BLOCK_RATIO));
    let space = most.min(out.room());
    let linked = !frame.has(flag::INDEPENDENT);
    let done = out.fill(space, |before, space| {
        if linked {
            let window = before.get(before.len().saturating_sub(WINDOW)..).unwrap_or_default();
            decompress_into_with_dict(block, space, window)
        } else {
            decompress_into(block, space)
        }
    });
    done.map_err(|error| match error {
        BlockError::OutputTooSmall { .. } if space < most => out.too_much(),
        BlockError::OutputTooSmall { .. } => DecompressError::Corrupt("lz4 block grows too large"),
        BlockError::OffsetZero | BlockError::OffsetOutOfBounds => DecompressError::Corrupt("lz4 match"),
        _ => DecompressError::Corrupt("lz4 block"),
    })
}
