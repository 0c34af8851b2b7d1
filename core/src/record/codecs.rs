//! Compression contexts and buffers of one shard.

use alloc::vec::Vec;

use kelpgate_compression::{Codec, Compressor, DecompressError, Decompressor, Limits, Lz4Header};

use super::batch::{Batch, BatchError};
use super::builder::BuildError;
use super::records::RecordError;
use crate::protocol::ErrorCode;

/// A buffer larger than this is given back before the next use.
const KEPT_BUFFER: usize = 4 << 20;

/// Why records in the log cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Records read from the log are to be written anew, and that failed.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Why a batch's records cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Ids 5 to 7.
    #[error("unknown compression type id")]
    UnknownCodec,
    #[error(transparent)]
    Decompress(#[from] DecompressError),
}

impl OpenError {
    /// The Kafka error code for a producer. Too much output is answered as a batch that is too large: a producer that
    /// splits it gets through.
    pub fn code(&self) -> ErrorCode {
        match self {
            OpenError::UnknownCodec => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            OpenError::Decompress(DecompressError::TooLarge { .. } | DecompressError::Ratio { .. }) => {
                ErrorCode::MESSAGE_TOO_LARGE
            }
            OpenError::Decompress(DecompressError::Truncated | DecompressError::Corrupt(_)) => {
                ErrorCode::INVALID_RECORD
            }
        }
    }
}

/// What a shard keeps so that opening and building batches allocates little.
pub struct Codecs {
    pub(super) compressor: Compressor,
    pub(super) opener: Opener,
}

/// The half that decompresses: what it gives is borrowed from it, while the other half writes something new.
pub(super) struct Opener {
    decompressor: Decompressor,
    limits: Limits,
    plain: Vec<u8>,
}

impl Codecs {
    /// `limits` hold for every batch that is opened.
    pub fn new(limits: Limits) -> Codecs {
        Codecs {
            compressor: Compressor::new(),
            opener: Opener { decompressor: Decompressor::new(), limits, plain: Vec::new() },
        }
    }

    /// The plain records of a batch: its own body, or a decompressed copy that lasts until the next call.
    pub fn open<'a>(&'a mut self, batch: &Batch<'a>) -> Result<&'a [u8], OpenError> {
        self.opener.open(batch)
    }
}

impl Opener {
    /// See [`Codecs::open`].
    pub(super) fn open<'a>(&'a mut self, batch: &Batch<'a>) -> Result<&'a [u8], OpenError> {
        match batch.codec() {
            None => Err(OpenError::UnknownCodec),
            Some(Codec::None) => Ok(batch.body()),
            Some(codec) => self.decompress(Lz4Header::Standard, codec, batch.body()),
        }
    }

    /// A decompressed copy that lasts until the next call.
    pub(super) fn decompress(
        &mut self,
        lz4_header: Lz4Header,
        codec: Codec,
        compressed: &[u8],
    ) -> Result<&[u8], OpenError> {
        if self.plain.capacity() > KEPT_BUFFER {
            self.plain = Vec::new();
        }
        self.decompressor.decompress_for(lz4_header, codec, &self.limits, compressed, &mut self.plain)?;
        Ok(&self.plain)
    }
}

impl Default for Codecs {
    /// With the default limits.
    fn default() -> Codecs {
        Codecs::new(Limits::default())
    }
}
