use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::GlommioError;
use glommio::net::{AcceptedTcpStream, TcpListener, TcpStream};
use kelpgate_runtime::{Accepted, Network, Readiness, Socket};
use kelpgate_shard::ConnId;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};

use crate::wakes::{Wakes, Woken};

type Accepting = Pin<Box<dyn Future<Output = Result<AcceptedTcpStream, GlommioError<()>>>>>;

/// The sockets of a shard, polled through its rings.
pub(crate) struct GlommioNetwork {
    wakes: Arc<Wakes>,
    listeners: Vec<Listener>,
}

struct Listener {
    listener: Rc<TcpListener>,
    waker: Waker,
    /// An accept that the kernel holds until somebody connects.
    accepting: Option<Accepting>,
}

impl GlommioNetwork {
    pub(crate) fn new(wakes: Arc<Wakes>) -> GlommioNetwork {
        GlommioNetwork { wakes, listeners: Vec::new() }
    }
}

impl Network for GlommioNetwork {
    type Socket = GlommioSocket;

    fn listen(&mut self, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        for (index, listener) in (0u16..).zip(listeners) {
            // The kernel fails an accept on a non-blocking socket instead of holding it.
            listener.set_nonblocking(false)?;
            let listener = Rc::new(adopt(listener));
            let waker = self.wakes.waker(Woken::Listener(index));
            self.listeners.push(Listener { listener, waker, accepting: None });
        }
        Ok(())
    }

    fn accept(&mut self, listener: u16, conn: ConnId) -> io::Result<Accepted<GlommioSocket>> {
        let listener = self.listeners.get_mut(usize::from(listener)).ok_or(io::ErrorKind::WouldBlock)?;
        let stream = listener.accept()?.bind_to_executor();
        stream.set_nodelay(true)?;
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
        let waker = self.wakes.waker(Woken::Socket(conn));
        Ok(Accepted { socket: GlommioSocket { stream, waker }, peer, local })
    }

    fn stop_listening(&mut self) {
        self.listeners.clear();
    }
}

impl Listener {
    fn accept(&mut self) -> io::Result<AcceptedTcpStream> {
        let listener = &self.listener;
        let accepting = self.accepting.get_or_insert_with(|| {
            let listener = listener.clone();
            Box::pin(async move { listener.shared_accept().await })
        });
        match accepting.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(accepted) => {
                self.accepting = None;
                Ok(accepted?)
            }
        }
    }
}

#[allow(unsafe_code)]
fn adopt(listener: std::net::TcpListener) -> TcpListener {
    // SAFETY: `into_raw_fd` gives up a descriptor that is open, listens and belongs to nobody else.
    unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) }
}

/// A connection. glommio keeps one poll in the ring for each direction that found nothing to do.
pub(crate) struct GlommioSocket {
    stream: TcpStream,
    waker: Waker,
}

impl GlommioSocket {
    #[allow(unsafe_code)]
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the stream owns the descriptor and keeps it open for as long as it is borrowed here.
        unsafe { BorrowedFd::borrow_raw(self.stream.as_raw_fd()) }
    }
}

impl Socket for GlommioSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(&self.waker), into) {
            Poll::Ready(read) => read,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// glommio writes one slice at a time, so this goes past it until the socket is full; then glommio, offered the first
    /// slice, polls for room.
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = rustix::net::sendmsg(self.descriptor(), parts, &mut SendAncillaryBuffer::default(), flags);
        match sent.map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let first = parts.first().ok_or(io::ErrorKind::InvalidInput)?;
                match Pin::new(&mut self.stream).poll_write(&mut Context::from_waker(&self.waker), first) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Err(error),
                }
            }
            sent => sent,
        }
    }

    fn end_writing(&mut self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.descriptor(), Shutdown::Write)?)
    }

    /// The ring remembers.
    fn note(&mut self, _readiness: Readiness) {}
}
