//! Compressed bytes of any codec. The input is a byte that chooses codec, lz4 header and limits, and what is to be
//! decompressed.

use kelpgate_compression::{Codec, Compressor, DecompressError, Decompressor, Levels, Limits, Lz4Header};

use crate::memory;

/// What contexts take besides input and output: zlib's, zstd's and lz4's tables.
const CONTEXTS: usize = 2 << 20;

const HEADERS: [Lz4Header; 3] = [Lz4Header::Standard, Lz4Header::OverMagic, Lz4Header::StandardOrOverMagic];

/// No more comes out than may, contexts are as good after an error as before it, and what came out survives being
/// compressed.
pub fn run(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    let choice = usize::from(*choice);
    let codec = Codec::ALL[choice % 5];
    let lz4_header = HEADERS[choice / 5 % 3];
    let limits = match choice / 15 % 3 {
        0 => Limits { output_max: 1000, ratio_max: 1000 },
        1 => Limits { output_max: 64 << 10, ratio_max: 1000 },
        _ => Limits { output_max: 4 << 20, ratio_max: 2 },
    };
    // Buffers grow by doubling, and for a moment there is the old one beside the new.
    let bound = 4 * most(&limits, input.len()) + 2 * input.len() + CONTEXTS;
    memory::within(bound, || check(codec, lz4_header, &limits, input));
}

/// What may come out of so many bytes.
fn most(limits: &Limits, input: usize) -> usize {
    limits.output_max.min(input.saturating_mul(limits.ratio_max).max(Limits::RATIO_FREE))
}

fn check(codec: Codec, lz4_header: Lz4Header, limits: &Limits, input: &[u8]) {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    let mut decompress = |input: &[u8], limits: &Limits| {
        let mut out = Vec::new();
        decompressor.decompress_for(lz4_header, codec, limits, input, &mut out).map(|()| out)
    };
    let first = decompress(input, limits);
    if let Ok(plain) = &first {
        assert!(plain.len() <= most(limits, input.len()), "{} bytes came out", plain.len());
    }
    let mut compress = |plain: &[u8]| {
        let mut out = Vec::new();
        let levels = Levels { gzip: 1, lz4: 9, zstd: 1 };
        compressor.compress_for(lz4_header, codec, &levels, plain, &mut out).expect("it is compressed");
        out
    };
    // Whatever the context has been through, it reads what is good.
    let plain = first.as_deref().unwrap_or(input);
    let again = decompress(&compress(plain), &Limits { output_max: plain.len(), ratio_max: usize::MAX });
    assert!(again.as_deref() == Ok(plain), "what was compressed came back as something else: {again:?}");
    let short = Limits { output_max: plain.len().saturating_sub(1), ratio_max: usize::MAX };
    if !plain.is_empty() {
        let refused = decompress(&compress(plain), &short);
        assert!(
            matches!(refused, Err(DecompressError::TooLarge { .. })),
            "a byte more than allowed: {refused:?}"
        );
    }
    assert!(decompress(input, limits) == first, "the same bytes came out differently");
}
