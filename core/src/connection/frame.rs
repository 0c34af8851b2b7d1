//! Cuts the bytes of a connection into frames: a length in four bytes, then that many bytes.
//!
//! A frame that arrives whole is a slice of what was received. A frame that arrives in parts gets a buffer of its own,
//! which grows with the bytes that are there and never by the length that was announced.

use alloc::vec::Vec;

use bytes::Bytes;

/// Announced lengths up to this are reserved at once; beyond it the buffer doubles as bytes arrive.
const RESERVE_AT_ONCE: usize = 128 * 1024;

/// The frame under way of one connection.
#[derive(Debug)]
pub struct FrameReader {
    partial: Partial,
    limit: usize,
}

#[derive(Debug)]
enum Partial {
    Length { have: usize, bytes: [u8; 4] },
    Body { length: usize, bytes: Vec<u8> },
}

/// A length that is negative or above the limit (`socket.request.max.bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLength(pub i64);

impl FrameReader {
    /// A reader that takes frames up to `limit` bytes.
    pub fn new(limit: usize) -> FrameReader {
        FrameReader { partial: Partial::Length { have: 0, bytes: [0; 4] }, limit }
    }

    /// Bytes held for a frame that is not whole yet.
    pub fn held(&self) -> usize {
        match &self.partial {
            Partial::Length { .. } => 0,
            Partial::Body { bytes, .. } => bytes.capacity(),
        }
    }

    /// Takes bytes and gives each frame that is complete, without its length, to `frame`.
    pub fn push(&mut self, mut bytes: Bytes, mut frame: impl FnMut(Bytes)) -> Result<(), BadLength> {
        while !bytes.is_empty() {
            match &mut self.partial {
                Partial::Length { have, bytes: length } => {
                    let take = bytes.len().min(4 - *have);
                    length[*have..*have + take].copy_from_slice(&bytes.split_to(take));
                    *have += take;
                    if *have == 4 {
                        let length = i32::from_be_bytes(*length);
                        let length = self.checked(length)?;
                        self.begin(length, &mut bytes, &mut frame);
                    }
                }
                Partial::Body { length, bytes: body } => {
                    let take = bytes.len().min(*length - body.len());
                    grow(body, *length, take);
                    body.extend_from_slice(&bytes.split_to(take));
                    if body.len() == *length {
                        frame(core::mem::take(body).into());
                        self.partial = Partial::Length { have: 0, bytes: [0; 4] };
                    }
                }
            }
        }
        Ok(())
    }

    fn checked(&self, length: i32) -> Result<usize, BadLength> {
        match usize::try_from(length) {
            Ok(length) if length <= self.limit => Ok(length),
            _ => Err(BadLength(i64::from(length))),
        }
    }

    /// The length is known: either all of the frame is here already, or it gets a buffer.
    fn begin(&mut self, length: usize, bytes: &mut Bytes, frame: &mut impl FnMut(Bytes)) {
        if bytes.len() >= length {
            frame(bytes.split_to(length));
            self.partial = Partial::Length { have: 0, bytes: [0; 4] };
        } else {
            self.partial = Partial::Body { length, bytes: Vec::new() };
        }
    }
}

/// Makes room for `more` bytes of a frame of `length`.
fn grow(body: &mut Vec<u8>, length: usize, more: usize) {
    let needed = body.len() + more;
    if needed > body.capacity() {
        let target = needed.max(RESERVE_AT_ONCE).max(body.capacity() * 2).min(length);
        body.reserve_exact(target - body.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(reader: &mut FrameReader, bytes: &[u8]) -> Result<Vec<Bytes>, BadLength> {
        let mut found = Vec::new();
        reader.push(Bytes::copy_from_slice(bytes), |frame| found.push(frame))?;
        Ok(found)
    }

    #[test]
    fn any_split_gives_the_same_frames() {
        let stream: Vec<u8> = [&[0, 0, 0, 3][..], b"abc", &[0, 0, 0, 0], &[0, 0, 0, 1], b"z"].concat();
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let mut reader = FrameReader::new(10);
                let mut found = frames(&mut reader, &stream[..first]).unwrap();
                found.extend(frames(&mut reader, &stream[first..second]).unwrap());
                found.extend(frames(&mut reader, &stream[second..]).unwrap());
                assert_eq!(found, [&b"abc"[..], b"", b"z"], "split at {first} and {second}");
                assert_eq!(reader.held(), 0);
            }
        }
    }

    #[test]
    fn refuses_lengths_before_anything_is_reserved() {
        assert_eq!(frames(&mut FrameReader::new(10), &[0, 0, 0, 11]), Err(BadLength(11)));
        assert_eq!(frames(&mut FrameReader::new(10), &[255, 255, 255, 255]), Err(BadLength(-1)));
    }

    #[test]
    fn an_announced_length_reserves_little() {
        let mut reader = FrameReader::new(100 << 20);
        frames(&mut reader, &[6, 0, 0, 0, 1]).unwrap();
        assert!(reader.held() <= RESERVE_AT_ONCE);
    }
}
