//! The codecs of Kafka's record batches: gzip, snappy, lz4 and zstd as functions from a slice to a capped buffer.
//!
//! [`Compressor`] and [`Decompressor`] hold what is costly to make (hash tables, windows, zstd contexts) and are meant
//! to live as long as the thread that uses them. Whatever the input, decompression writes at most what [`Limits`]
//! allow and never panics.

mod gzip;
mod limits;
mod lz4;
mod snappy;
mod zstd;

pub use limits::{DecompressError, Limits};

use limits::Output;

/// How the records of a batch are compressed: bits 0 to 2 of its attributes (`CompressionType`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952, one member or several.
    Gzip,
    /// Raw snappy blocks, bare or in xerial's framing.
    Snappy,
    /// The lz4 frame format.
    Lz4,
    /// Zstandard frames.
    Zstd,
}

impl Codec {
    /// Every codec, in the order of ids.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    /// The codec with this id; ids 5 to 7 fit the field but mean nothing.
    pub fn from_id(id: u8) -> Option<Codec> {
        Codec::ALL.get(usize::from(id)).copied()
    }

    /// The id in a batch's attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// Kafka's name, as in the property `compression.type` (which says `uncompressed` instead of `none`).
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Which checksum the header of an lz4 frame carries. Clients of message formats v0 and v1 computed it over the magic
/// too, which the frame format does not (KAFKA-3160).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lz4Header {
    /// As the frame format says. Batches of format v2.
    #[default]
    Standard,
    /// Written over the magic too; read either way. Message format v0.
    OverMagic,
    /// Written as the frame format says; read either way. Message format v1.
    StandardOrOverMagic,
}

/// Strength per codec, from the properties `compression.gzip.level`, `compression.lz4.level` and
/// `compression.zstd.level`; the defaults are Kafka's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// 1 to 9; -1 means 6.
    pub gzip: i32,
    /// Has no effect: the encoder has one strength, that of Kafka's default level.
    pub lz4: i32,
    /// -131072 to 22.
    pub zstd: i32,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels { gzip: -1, lz4: 9, zstd: 3 }
    }
}

/// Why bytes could not be compressed; they stay as they were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompressError {
    /// The library's own words.
    #[error("the encoder failed: {0}")]
    Failed(&'static str),
}

/// Compresses, with contexts kept between calls.
#[derive(Default)]
pub struct Compressor {
    gzip: gzip::Deflater,
    snappy: snappy::Encoder,
    lz4: lz4::Encoder,
    zstd: zstd::Encoder,
}

impl Compressor {
    /// Without any context yet; each is made when its codec is first used.
    pub fn new() -> Compressor {
        Compressor::default()
    }

    /// Adds the compressed form of `input` at the end of `out`, as Kafka's own clients write it.
    pub fn compress(
        &mut self,
        codec: Codec,
        levels: &Levels,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        self.compress_for(Lz4Header::Standard, codec, levels, input, out)
    }

    /// As [`Compressor::compress`], with a choice of the lz4 header for the old message formats.
    pub fn compress_for(
        &mut self,
        lz4_header: Lz4Header,
        codec: Codec,
        levels: &Levels,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        match codec {
            Codec::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip => self.gzip.compress(levels.gzip, input, out),
            Codec::Snappy => self.snappy.compress(input, out),
            Codec::Lz4 => self.lz4.compress(lz4_header, input, out),
            Codec::Zstd => self.zstd.compress(levels.zstd, input, out),
        }
    }
}

/// Decompresses under limits, with contexts kept between calls.
#[derive(Default)]
pub struct Decompressor {
    gzip: gzip::Inflater,
    snappy: snap::raw::Decoder,
    zstd: zstd::Decoder,
}

impl Decompressor {
    /// Without any context yet; each is made when its codec is first used.
    pub fn new() -> Decompressor {
        Decompressor::default()
    }

    /// Replaces what is in `out` by the plain form of `input`. After an error `out` holds some beginning of it.
    pub fn decompress(
        &mut self,
        codec: Codec,
        limits: &Limits,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        self.decompress_for(Lz4Header::Standard, codec, limits, input, out)
    }

    /// As [`Decompressor::decompress`], with a choice of the lz4 header for the old message formats.
    pub fn decompress_for(
        &mut self,
        lz4_header: Lz4Header,
        codec: Codec,
        limits: &Limits,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        let mut out = Output::new(limits, input.len(), out);
        match codec {
            Codec::None => out.extend(input),
            Codec::Gzip => self.gzip.decompress(input, &mut out),
            Codec::Snappy => snappy::decompress(&mut self.snappy, input, &mut out),
            Codec::Lz4 => lz4::decompress(lz4_header, input, &mut out),
            Codec::Zstd => self.zstd.decompress(input, &mut out),
        }
    }
}

#[cfg(test)]
mod tests;
