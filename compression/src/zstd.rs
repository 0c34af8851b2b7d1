//! Zstandard frames. Decompression is done in one call into a buffer whose size is bounded beforehand from the frame's
//! and blocks' headers, so that no window is allocated, whatever size of one the frame asks for.

use std::io::Cursor;

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{CCtx, CParameter, DCtx, compress_bound, decompress_bound, get_error_name, is_error_kind};

use crate::CompressError;
use crate::limits::{DecompressError, Output};

/// Compresses; keeps its tables, which zstd grows to what the level needs.
#[derive(Default)]
pub(crate) struct Encoder {
    context: Option<CCtx<'static>>,
}

impl Encoder {
    /// Adds one frame at the end of `out`. zstd itself bounds the level.
    pub(crate) fn compress(
        &mut self,
        level: i32,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let failed = |code| CompressError::Failed(get_error_name(code));
        let context = self.context.get_or_insert_with(CCtx::create);
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
        let start = out.len();
        out.reserve(compress_bound(input.len()));
        let mut end = Cursor::new(out);
        end.set_position(start as u64);
        context.compress2(&mut end, input).map(|_| ()).map_err(failed)
    }
}

/// Decompresses.
#[derive(Default)]
pub(crate) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl Decoder {
    /// One frame or several, with or without their content's size.
    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut Output<'_>) -> Result<(), DecompressError> {
        if input.is_empty() {
            return Err(DecompressError::Truncated);
        }
        let bound = decompress_bound(input).map_err(error)?;
        let room = out.room();
        let capacity = usize::try_from(bound).map_or(room, |bound| bound.min(room));
        out.bytes.reserve(capacity);
        let done = self.context.get_or_insert_with(DCtx::create).decompress(out.bytes, input);
        match done {
            Ok(_) => out.check(),
            Err(code) if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall) => {
                Err(out.too_much())
            }
            Err(code) => Err(error(code)),
        }
    }
}

fn error(code: usize) -> DecompressError {
    if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_srcSize_wrong) {
        DecompressError::Truncated
    } else {
        DecompressError::Corrupt(get_error_name(code))
    }
}
