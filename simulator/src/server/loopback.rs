//! Real clients over loopback: their sockets are connections of the node in virtual time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;

use super::{AskError, Connection, TestServer};

/// Listens on a port of this machine for a [`TestServer`] that was told to advertise it (`advertised.listeners`).
pub struct Loopback {
    listener: TcpListener,
    joined: Vec<Joined>,
}

/// A real socket and its connection to the node.
struct Joined {
    stream: TcpStream,
    connection: Connection,
    unsent: Bytes,
}

impl Loopback {
    /// Listens; port 0 lets the system choose.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(address: &str) -> io::Result<Loopback> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Loopback { listener, joined: Vec::new() })
    }

    /// Where real clients connect to.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes what real clients sent, lets `time` pass for the node, and gives them what it answered. Never waits: whoever
    /// calls it decides how virtual time goes beside real time.
    ///
    /// # Errors
    /// When the listener fails, or the node breaks down.
    pub fn pump(&mut self, server: &mut TestServer, time: Duration) -> Result<(), AskError> {
        while let Ok((stream, _)) = self.listener.accept() {
            // A socket that cannot be set up is dropped: its client sees the connection close.
            if stream.set_nonblocking(true).is_ok()
                && let Ok(connection) = server.connect()
            {
                self.joined.push(Joined { stream, connection, unsent: Bytes::new() });
            }
        }
        for joined in &mut self.joined {
            joined.read(server);
        }
        server.advance(time)?;
        self.joined.retain_mut(|joined| joined.write(server));
        Ok(())
    }
}

impl Joined {
    fn read(&mut self, server: &mut TestServer) {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return self.connection.close(server),
                Ok(count) => {
                    let bytes = bytes.get(..count).unwrap_or_default();
                    self.connection.send(server, Bytes::copy_from_slice(bytes));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.connection.close(server),
            }
        }
    }

    /// Says whether the connection goes on.
    fn write(&mut self, server: &mut TestServer) -> bool {
        loop {
            if self.unsent.is_empty() {
                self.unsent = self.connection.take();
            }
            if self.unsent.is_empty() {
                return !self.connection.is_closed();
            }
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.split_to(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.connection.close(server);
                    return false;
                }
            }
        }
    }
}
