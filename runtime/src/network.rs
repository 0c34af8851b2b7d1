use std::io::{self, IoSlice};
use std::net::SocketAddr;

use kelpgate_shard::ConnId;

/// What became possible on a socket. Saying too much is harmless: the operation then would block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// There may be bytes to read.
    pub readable: bool,
    /// The peer ended its side or the connection broke; reading tells which.
    pub ended: bool,
    /// There may be room to write.
    pub writable: bool,
}

/// A connected socket that never blocks. An operation that returns `WouldBlock` has made sure that
/// [`ShardLoop::socket_ready`](crate::ShardLoop::socket_ready) is called when it is worth trying again.
pub trait Socket {
    /// Reads some bytes; 0 when the peer ended its side.
    ///
    /// # Errors
    /// `WouldBlock` as said above; anything else ends the connection.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes some bytes of the parts in order.
    ///
    /// # Errors
    /// As for [`read`](Socket::read).
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Tells the peer that no more will be sent.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn end_writing(&mut self) -> io::Result<()>;

    /// Takes note of what became possible.
    fn note(&mut self, readiness: Readiness);
}

/// An accepted connection.
#[derive(Debug)]
pub struct Accepted<S> {
    /// With small answers not held back (`TCP_NODELAY`).
    pub socket: S,
    /// The other side.
    pub peer: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
}

/// The sockets of one shard.
pub trait Network {
    /// Its connections.
    type Socket: Socket;

    /// Takes over the sockets that accept, which listen already.
    ///
    /// # Errors
    /// When the system cannot watch one more.
    fn listen(&mut self, listeners: Vec<std::net::TcpListener>) -> io::Result<()>;

    /// Accepts one connection under the name `conn`; does not block. `WouldBlock` has made sure that
    /// [`ShardLoop::listener_ready`](crate::ShardLoop::listener_ready) is called when it is worth trying again.
    ///
    /// # Errors
    /// `WouldBlock`, or what `accept` said.
    fn accept(&mut self, listener: u16, conn: ConnId) -> io::Result<Accepted<Self::Socket>>;

    /// Closes the sockets that accept.
    fn stop_listening(&mut self);
}
