use std::io;

use bytes::{Bytes, BytesMut};

/// Bytes of the one buffer that all connections of a shard are read into.
pub(crate) const RECEIVE_BUFFER: usize = 64 * 1024;

/// Up to here a read is copied into an allocation of its own size, so that a small frame kept for long does not keep a
/// whole buffer; above, the buffer itself is handed over and what it keeps alive is at most four times what was read.
const COPY_UP_TO: usize = RECEIVE_BUFFER / 4;

/// The read buffer of a shard: idle connections have none.
pub(crate) struct ReceiveBuffer {
    /// Zeroed or used before, always [`RECEIVE_BUFFER`] long.
    free: BytesMut,
    /// The buffer handed over last; comes back if nobody kept a slice of it.
    lent: Option<Bytes>,
}

impl ReceiveBuffer {
    pub(crate) fn new() -> ReceiveBuffer {
        ReceiveBuffer { free: BytesMut::zeroed(RECEIVE_BUFFER), lent: None }
    }

    /// Reads at most `limit` bytes; empty when the peer ended its side.
    pub(crate) fn read(
        &mut self,
        limit: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Bytes> {
        self.replenish();
        let room = limit.min(self.free.len());
        let len = read(&mut self.free[..room])?;
        if len <= COPY_UP_TO {
            return Ok(Bytes::copy_from_slice(&self.free[..len]));
        }
        let mut whole = std::mem::take(&mut self.free);
        whole.truncate(len);
        let whole = whole.freeze();
        self.lent = Some(whole.clone());
        Ok(whole)
    }

    fn replenish(&mut self) {
        if self.free.is_empty() {
            let back = self.lent.take().and_then(|lent| lent.try_into_mut().ok());
            self.free = back.unwrap_or_default();
            self.free.resize(RECEIVE_BUFFER, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffer: &mut ReceiveBuffer, byte: u8, len: usize) -> Bytes {
        let fill = |into: &mut [u8]| {
            into[..len].fill(byte);
            Ok(len)
        };
        buffer.read(usize::MAX, fill).unwrap()
    }

    #[test]
    fn what_was_handed_over_stays_as_it_was() {
        let mut buffer = ReceiveBuffer::new();
        let kept: Vec<Bytes> = (0..20).map(|i| read(&mut buffer, i, 1 + usize::from(i) * 3_000)).collect();
        for (i, bytes) in kept.iter().enumerate() {
            assert_eq!(bytes.len(), 1 + i * 3_000);
            assert!(bytes.iter().all(|byte| usize::from(*byte) == i));
        }
    }

    #[test]
    fn a_buffer_nobody_kept_is_used_again() {
        let mut buffer = ReceiveBuffer::new();
        let first = read(&mut buffer, 1, RECEIVE_BUFFER).as_ptr();
        let second = read(&mut buffer, 2, RECEIVE_BUFFER);
        assert_eq!(first, second.as_ptr());
        let third = read(&mut buffer, 3, RECEIVE_BUFFER);
        assert_ne!(second.as_ptr(), third.as_ptr());
    }

    #[test]
    fn the_limit_bounds_a_read() {
        let mut buffer = ReceiveBuffer::new();
        let bytes = buffer.read(10, |into| Ok(into.len())).unwrap();
        assert_eq!(bytes.len(), 10);
    }
}
