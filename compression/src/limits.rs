//! How much may come out of how little, and what is said when it is more.

/// What one decompression may produce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes at most, whatever the input.
    pub output_max: usize,
    /// Bytes at most per byte of input, once more than [`Limits::RATIO_FREE`] come out.
    pub ratio_max: usize,
}

impl Limits {
    /// Output up to this size is not held against the ratio: a small batch of equal bytes is no attack.
    pub const RATIO_FREE: usize = 1 << 20;
}

impl Default for Limits {
    /// 64 MiB, and a thousandfold.
    fn default() -> Limits {
        Limits { output_max: 64 << 20, ratio_max: 1000 }
    }
}

/// Why bytes could not be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecompressError {
    /// The input ends before its own end mark.
    #[error("compressed data ends early")]
    Truncated,
    /// More than [`Limits::output_max`].
    #[error("more than {output_max} bytes come out of the compressed data")]
    TooLarge { output_max: usize },
    /// More than [`Limits::ratio_max`] allows.
    #[error("more than {ratio_max} times the size of the compressed data come out of it")]
    Ratio { ratio_max: usize },
    /// Not what the codec's format allows, or a checksum is wrong.
    #[error("compressed data is not valid: {0}")]
    Corrupt(&'static str),
}

/// A buffer that refuses to grow past the limits.
pub(crate) struct Output<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    max: usize,
    too_much: DecompressError,
}

impl<'a> Output<'a> {
    /// Empties `bytes` and lets it grow to what `limits` allow for an input of `input_len` bytes.
    pub(crate) fn new(limits: &Limits, input_len: usize, bytes: &'a mut Vec<u8>) -> Output<'a> {
        bytes.clear();
        let by_ratio = input_len.saturating_mul(limits.ratio_max).max(Limits::RATIO_FREE);
        let (max, too_much) = if by_ratio < limits.output_max {
            (by_ratio, DecompressError::Ratio { ratio_max: limits.ratio_max })
        } else {
            (limits.output_max, DecompressError::TooLarge { output_max: limits.output_max })
        };
        Output { bytes, max, too_much }
    }

    /// Bytes that may still come.
    pub(crate) fn room(&self) -> usize {
        self.max.saturating_sub(self.bytes.len())
    }

    /// What to say when the room does not suffice.
    pub(crate) fn too_much(&self) -> DecompressError {
        self.too_much
    }

    /// Fails when the buffer already holds more than it may.
    pub(crate) fn check(&self) -> Result<(), DecompressError> {
        if self.bytes.len() > self.max { Err(self.too_much) } else { Ok(()) }
    }

    /// Adds plain bytes.
    pub(crate) fn extend(&mut self, plain: &[u8]) -> Result<(), DecompressError> {
        if plain.len() > self.room() {
            return Err(self.too_much);
        }
        self.bytes.extend_from_slice(plain);
        Ok(())
    }

    /// Adds up to `len` bytes that `fill` writes, given what came before them; it tells how many it wrote.
    pub(crate) fn fill<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&[u8], &mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + len, 0);
        let (before, space) = self.bytes.split_at_mut(start);
        let written = fill(before, space);
        self.bytes.truncate(start + *written.as_ref().unwrap_or(&0));
        written.map(|_| ())
    }
}

/// Takes `len` bytes off the front.
pub(crate) fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], DecompressError> {
    let (front, rest) = input.split_at_checked(len).ok_or(DecompressError::Truncated)?;
    *input = rest;
    Ok(front)
}

/// Takes a fixed number of bytes off the front.
pub(crate) fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecompressError> {
    let (front, rest) = input.split_first_chunk::<N>().ok_or(DecompressError::Truncated)?;
    *input = rest;
    Ok(*front)
}
