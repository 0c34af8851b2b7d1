use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use kelpgate_runtime::{Accepted, Network, Readiness, Socket};
use kelpgate_shard::ConnId;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

/// The token of the waker.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// Listeners have the tokens below the waker's; connections are named by their ids, which count from zero up.
const LAST_LISTENER: usize = usize::MAX - 1;

/// Whom an event is for.
pub(crate) enum Ready {
    Delivery,
    Listener(u16),
    Socket(ConnId, Readiness),
}

pub(crate) fn ready(event: &Event) -> Ready {
    match event.token() {
        WAKE => Ready::Delivery,
        Token(token) => match u16::try_from(LAST_LISTENER - token) {
            Ok(listener) => Ready::Listener(listener),
            Err(_) => {
                let broken = event.is_error();
                let readiness = Readiness {
                    readable: event.is_readable(),
                    ended: event.is_read_closed() || broken,
                    writable: event.is_writable() || broken,
                };
                Ready::Socket(ConnId(token as u64), readiness)
            }
        },
    }
}

/// The sockets of a shard, registered with its poller.
pub(crate) struct MioNetwork {
    registry: Registry,
    listeners: Vec<TcpListener>,
}

impl MioNetwork {
    pub(crate) fn new(registry: Registry) -> MioNetwork {
        MioNetwork { registry, listeners: Vec::new() }
    }
}

impl Network for MioNetwork {
    type Socket = MioSocket;

    fn listen(&mut self, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        for (index, listener) in listeners.into_iter().enumerate() {
            let mut listener = TcpListener::from_std(listener);
            self.registry.register(&mut listener, Token(LAST_LISTENER - index), Interest::READABLE)?;
            self.listeners.push(listener);
        }
        Ok(())
    }

    fn accept(&mut self, listener: u16, conn: ConnId) -> io::Result<Accepted<MioSocket>> {
        let listener = self.listeners.get(usize::from(listener)).ok_or(io::ErrorKind::WouldBlock)?;
        let (mut stream, peer) = listener.accept()?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let token = Token(usize::try_from(conn.0).map_err(io::Error::other)?);
        self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Accepted { socket: MioSocket { stream, readable: false, ended: false }, peer, local })
    }

    fn stop_listening(&mut self) {
        self.listeners.clear();
    }
}

/// A connection. The poller is edge-triggered: it speaks when something changes, so what it said is remembered until a
/// read finds nothing more.
pub(crate) struct MioSocket {
    stream: TcpStream,
    readable: bool,
    ended: bool,
}

impl Socket for MioSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.stream.read(into);
        match &read {
            // Less than asked for means that nothing is left and the next bytes will be an edge (epoll(7)), which saves
            // the read that finds nothing. The peer's end may have been told together with the bytes, though.
            Ok(len) if *len < into.len() && !self.ended => self.readable = false,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(_) => {}
        }
        read
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(parts)
    }

    fn end_writing(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn note(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable || readiness.ended;
        self.ended |= readiness.ended;
    }
}
