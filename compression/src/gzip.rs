//! gzip (RFC 1952): the members' heads and tails are read here so that the deflate contexts can be kept.

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use crate::CompressError;
use crate::limits::{DecompressError, Output, take, take_array};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
/// No name, no time, no flags, operating system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 0xff];
const DEFAULT_LEVEL: u32 = 6;

/// Flag bits of a member's header.
mod flag {
    pub(super) const HEADER_CRC: u8 = 0x02;
    pub(super) const EXTRA: u8 = 0x04;
    pub(super) const NAME: u8 = 0x08;
    pub(super) const COMMENT: u8 = 0x10;
    pub(super) const RESERVED: u8 = 0xe0;
}

/// Compresses; the context is made anew when the level changes.
#[derive(Default)]
pub(crate) struct Deflater {
    context: Option<(u32, Compress)>,
}

impl Deflater {
    /// Adds one member at the end of `out`. A level outside 1 to 9 means 6.
    pub(crate) fn compress(
        &mut self,
        level: i32,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let level =
            u32::try_from(level).ok().filter(|level| (1..=9).contains(level)).unwrap_or(DEFAULT_LEVEL);
        let context = match &mut self.context {
            Some((had, context)) if *had == level => {
                context.reset();
                context
            }
            other => &mut other.insert((level, Compress::new(Compression::new(level), false))).1,
        };
        out.extend_from_slice(&HEADER);
        let mut rest = input;
        loop {
            // Worst case of deflate: stored blocks, five bytes for each 16 KiB.
            out.reserve(rest.len() + rest.len() / 1024 + 64);
            let before = context.total_in();
            let status = context
                .compress_vec(rest, out, FlushCompress::Finish)
                .map_err(|_| CompressError::Failed("deflate"))?;
            let consumed = usize::try_from(context.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(consumed..).unwrap_or_default();
            if status == Status::StreamEnd {
                break;
            }
        }
        let mut crc = Crc::new();
        crc.update(input);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        // The size is kept modulo 2^32.
        out.extend_from_slice(&(input.len() as u32).to_le_bytes());
        Ok(())
    }
}

/// Decompresses.
#[derive(Default)]
pub(crate) struct Inflater {
    context: Option<Decompress>,
}

impl Inflater {
    /// One member after the other until the input ends.
    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut Output<'_>) -> Result<(), DecompressError> {
        let mut rest = input;
        loop {
            self.member(&mut rest, out)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn member(&mut self, rest: &mut &[u8], out: &mut Output<'_>) -> Result<(), DecompressError> {
        header(rest)?;
        let start = out.bytes.len();
        self.inflate(rest, out)?;
        let plain = out.bytes.get(start..).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(plain);
        if u32::from_le_bytes(take_array(rest)?) != crc.sum() {
            return Err(DecompressError::Corrupt("gzip checksum"));
        }
        if u32::from_le_bytes(take_array(rest)?) != plain.len() as u32 {
            return Err(DecompressError::Corrupt("gzip size"));
        }
        Ok(())
    }

    /// The deflate stream of one member.
    fn inflate(&mut self, rest: &mut &[u8], out: &mut Output<'_>) -> Result<(), DecompressError> {
        let context = match &mut self.context {
            Some(context) => {
                context.reset(false);
                context
            }
            none => none.insert(Decompress::new(false)),
        };
        loop {
            if out.bytes.len() == out.bytes.capacity() {
                // One byte above the limit, so that "exactly at the limit" and "more" can be told apart.
                let step = rest.len().saturating_mul(4).max(1024).min(out.room().saturating_add(1));
                out.bytes.reserve(step);
            }
            let (was_in, was_out) = (context.total_in(), context.total_out());
            let status = context
                .decompress_vec(rest, out.bytes, FlushDecompress::None)
                .map_err(|_| DecompressError::Corrupt("deflate stream"))?;
            out.check()?;
            let consumed = usize::try_from(context.total_in() - was_in).unwrap_or(usize::MAX);
            *rest = rest.get(consumed..).unwrap_or_default();
            match status {
                Status::StreamEnd => return Ok(()),
                Status::Ok | Status::BufError => {
                    let stuck = consumed == 0 && context.total_out() == was_out;
                    if stuck && out.bytes.len() < out.bytes.capacity() {
                        return Err(DecompressError::Truncated);
                    }
                }
            }
        }
    }
}

/// Steps over the header of one member.
fn header(rest: &mut &[u8]) -> Result<(), DecompressError> {
    let whole = *rest;
    let [magic0, magic1, method, flags, ..] = take_array::<10>(rest)?;
    if [magic0, magic1] != MAGIC {
        return Err(DecompressError::Corrupt("gzip magic"));
    }
    if method != DEFLATE || flags & flag::RESERVED != 0 {
        return Err(DecompressError::Corrupt("gzip header"));
    }
    if flags & flag::EXTRA != 0 {
        let len = u16::from_le_bytes(take_array(rest)?);
        take(rest, usize::from(len))?;
    }
    for text in [flag::NAME, flag::COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(DecompressError::Truncated)?;
            take(rest, end + 1)?;
        }
    }
    if flags & flag::HEADER_CRC != 0 {
        let mut crc = Crc::new();
        crc.update(whole.get(..whole.len() - rest.len()).unwrap_or_default());
        if u16::from_le_bytes(take_array(rest)?) != crc.sum() as u16 {
            return Err(DecompressError::Corrupt("gzip header checksum"));
        }
    }
    Ok(())
}
