//! Snappy, in the two forms Kafka clients send: one raw block, or the framing of the `snappy-java` library, which is a
//! header and then blocks, each behind its size. Java writes and librdkafka reads both; neither is the official
//! framing format.

use snap::raw::{Decoder, decompress_len, max_compress_len};

use crate::CompressError;
use crate::limits::{DecompressError, Output, take, take_array};

/// "\x82SNAPPY\0", as no raw block begins: it would claim some length and then copy from before its start.
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version 1, oldest version that can read it 1.
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Plain bytes per block, `snappy-java`'s default.
const BLOCK: usize = 32 * 1024;

/// Compresses; the table of matches is made at the first use.
#[derive(Default)]
pub(crate) struct Encoder {
    table: Option<snap::raw::Encoder>,
}

impl Encoder {
    /// Adds the framed form at the end of `out`.
    pub(crate) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let encoder = self.table.get_or_insert_with(snap::raw::Encoder::new);
        out.extend_from_slice(&HEADER);
        for block in input.chunks(BLOCK) {
            let size_at = out.len();
            let start = size_at + 4;
            out.resize(start + max_compress_len(block.len()), 0);
            let space = out.get_mut(start..).unwrap_or_default();
            let written =
                encoder.compress(block, space).map_err(|_| CompressError::Failed("snappy block"))?;
            out.truncate(start + written);
            if let Some(place) = out.get_mut(size_at..start) {
                // A block of 32 KiB cannot grow past what 32 bits count.
                place.copy_from_slice(&(written as u32).to_be_bytes());
            }
        }
        Ok(())
    }
}

/// Either form.
pub(crate) fn decompress(
    decoder: &mut Decoder,
    input: &[u8],
    out: &mut Output<'_>,
) -> Result<(), DecompressError> {
    if !input.starts_with(&MAGIC) {
        return block(decoder, input, out);
    }
    let mut rest = input;
    take(&mut rest, HEADER.len())?;
    while !rest.is_empty() {
        // Streams may be joined: a header in the middle is stepped over.
        if rest.starts_with(&MAGIC) {
            take(&mut rest, HEADER.len())?;
            continue;
        }
        let size = u32::from_be_bytes(take_array(&mut rest)?);
        let size = usize::try_from(size).map_err(|_| DecompressError::Truncated)?;
        block(decoder, take(&mut rest, size)?, out)?;
    }
    Ok(())
}

/// One raw block.
fn block(decoder: &mut Decoder, input: &[u8], out: &mut Output<'_>) -> Result<(), DecompressError> {
    let len = decompress_len(input).map_err(error)?;
    if len > out.room() {
        return Err(out.too_much());
    }
    out.fill(len, |_, space| decoder.decompress(input, space)).map_err(error)
}

fn error(error: snap::Error) -> DecompressError {
    match error {
        snap::Error::Empty | snap::Error::HeaderMismatch { .. } => DecompressError::Truncated,
        snap::Error::Header => DecompressError::Corrupt("snappy length"),
        snap::Error::Literal { .. } => DecompressError::Corrupt("snappy literal"),
        snap::Error::CopyRead { .. } | snap::Error::CopyWrite { .. } | snap::Error::Offset { .. } => {
            DecompressError::Corrupt("snappy copy")
        }
        _ => DecompressError::Corrupt("snappy block"),
    }
}
