use std::io::{self, Write};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::io::AsyncRead;
use glommio::net::UnixStream;

/// The shard's end of a pair of sockets by which other threads wake it through its ring.
pub(crate) struct Doorbell {
    stream: UnixStream,
}

/// The other threads' end.
pub(crate) struct Button {
    stream: StdStream,
}

impl Doorbell {
    pub(crate) fn new() -> io::Result<(Button, Doorbell)> {
        let (outside, inside) = StdStream::pair()?;
        outside.set_nonblocking(true)?;
        Ok((Button { stream: outside }, Doorbell { stream: adopt(inside) }))
    }

    /// Takes what was rung and has the task woken when it is rung again.
    pub(crate) fn silence(&mut self, cx: &mut Context<'_>) {
        let mut rung = [0; 64];
        loop {
            match Pin::new(&mut self.stream).poll_read(cx, &mut rung) {
                Poll::Ready(Ok(1..)) => {}
                // The other end lives in the mailbox, as long as the node.
                Poll::Ready(Ok(0) | Err(_)) | Poll::Pending => return,
            }
        }
    }
}

impl Button {
    /// Wakes the shard. When the socket is full the shard has not yet looked and will.
    pub(crate) fn ring(&self) {
        let _ = (&self.stream).write(&[1]);
    }
}

#[allow(unsafe_code)]
fn adopt(stream: StdStream) -> UnixStream {
    // SAFETY: `into_raw_fd` gives up a descriptor that is open, connected and belongs to nobody else.
    unsafe { UnixStream::from_raw_fd(stream.into_raw_fd()) }
}
