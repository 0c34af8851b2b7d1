use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use kelpgate_shard::Pieces;

/// Parts given to one vectored write. The kernel takes up to 1,024 (`IOV_MAX`); beyond some dozens the gain is nil and
/// the array on the stack is not.
const PARTS_PER_WRITE: usize = 64;

/// Room for this many parts (32 bytes each) stays with an idle connection.
const PARTS_KEPT: usize = 8;

/// What a connection has still to send: pieces in order, the first one cut down to what is left of it.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    parts: VecDeque<Bytes>,
}

impl Unsent {
    pub(crate) fn push(&mut self, pieces: Pieces) {
        self.parts.extend(pieces);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Offers the first parts to `write` and forgets what it took. Not called when empty.
    pub(crate) fn write(
        &mut self,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); PARTS_PER_WRITE];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let written = write(&slices[..count])?;
        self.forget(written);
        Ok(written)
    }

    fn forget(&mut self, mut written: usize) {
        while let Some(first) = self.parts.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.parts.pop_front();
        }
        debug_assert_eq!(written, 0, "a socket cannot take more than it was offered");
        // An idle connection does not keep the room that a long queue once needed.
        if self.parts.capacity() > PARTS_KEPT {
            self.parts = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_anywhere_the_bytes_come_out_in_order() {
        let whole: Vec<u8> = (0..=255).collect();
        for step in 1..=whole.len() {
            let mut unsent = Unsent::default();
            whole.chunks(7).for_each(|part| unsent.push(Bytes::copy_from_slice(part).into()));
            let mut out = Vec::new();
            while !unsent.is_empty() {
                let take = |parts: &[IoSlice<'_>]| {
                    let offered: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
                    let taken = step.min(offered.len());
                    out.extend_from_slice(&offered[..taken]);
                    Ok(taken)
                };
                unsent.write(take).unwrap();
            }
            assert_eq!(out, whole);
        }
    }
}
