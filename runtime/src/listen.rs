use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{Options, RuntimeError};

/// Bound sockets that do not listen yet: a port that is taken is known at once, and clients are refused, not left
/// waiting, while shards load.
pub(crate) struct Bound {
    addresses: Vec<Address>,
}

struct Address {
    /// As configured.
    asked: SocketAddr,
    /// With the port the system chose.
    real: SocketAddr,
    /// One for each shard.
    sockets: Vec<Socket>,
}

impl Bound {
    pub(crate) fn bind(options: &Options) -> Result<Bound, RuntimeError> {
        let bind = |&address: &SocketAddr| {
            Address::bind(address, options).map_err(|source| RuntimeError::Listen { address, source })
        };
        Ok(Bound { addresses: options.listen.iter().map(bind).collect::<Result<_, _>>()? })
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.iter().map(|address| address.real).collect()
    }

    /// Starts to listen on all; for each shard its sockets in the order of the addresses.
    pub(crate) fn listen(self, backlog: u16) -> Result<Vec<Vec<TcpListener>>, RuntimeError> {
        let mut by_shard = Vec::new();
        for Address { asked, sockets, .. } in self.addresses {
            by_shard.resize_with(sockets.len(), Vec::new);
            for (socket, listeners) in sockets.into_iter().zip(&mut by_shard) {
                let started = socket.listen(i32::from(backlog)).and_then(|()| socket.set_nonblocking(true));
                started.map_err(|source| RuntimeError::Listen { address: asked, source })?;
                listeners.push(socket.into());
            }
        }
        Ok(by_shard)
    }
}

impl Address {
    fn bind(asked: SocketAddr, options: &Options) -> io::Result<Address> {
        let first = open(asked, options)?;
        // Bound before it is shared: whoever listens here already, another node's shared sockets included, is a conflict.
        first.bind(&asked.into())?;
        let real = first.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        let mut sockets = vec![first];
        for _ in 1..options.shards {
            let sibling = sibling(&sockets[0], real, options)?;
            sockets.push(sibling);
        }
        Ok(Address { asked, real, sockets })
    }
}

fn open(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted node does not wait for connections of its predecessor to time out.
    socket.set_reuse_address(true)?;
    let same_port =
        |other: &&SocketAddr| other.is_ipv4() && other.port() == address.port() && address.port() != 0;
    if address.is_ipv6() && options.listen.iter().any(|other| same_port(&other)) {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// One more socket of the same port: the kernel deals connections out among those that listen (`SO_REUSEPORT`).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn sibling(first: &Socket, real: SocketAddr, options: &Options) -> io::Result<Socket> {
    first.set_reuse_port(true)?;
    let socket = open(real, options)?;
    socket.set_reuse_port(true)?;
    socket.bind(&real.into())?;
    Ok(socket)
}

/// Elsewhere `SO_REUSEPORT` does not deal out: the shards accept from one queue.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sibling(first: &Socket, _real: SocketAddr, _options: &Options) -> io::Result<Socket> {
    first.try_clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str, shards: u16) -> Options {
        Options { shards, ..Options::new(vec![listen.parse().unwrap()], "unused") }
    }

    #[test]
    fn all_shards_share_the_port_the_system_chose() {
        let options = options("127.0.0.1:0", 3);
        let bound = Bound::bind(&options).unwrap();
        let addresses = bound.addresses();
        let listeners = bound.listen(16).unwrap();
        assert_eq!(listeners.len(), 3);
        for listener in listeners.iter().flatten() {
            assert_eq!(listener.local_addr().unwrap(), addresses[0]);
        }
    }

    #[test]
    fn a_port_of_another_node_is_a_conflict_although_both_share() {
        let first = Bound::bind(&options("127.0.0.1:0", 2)).unwrap();
        let taken = first.addresses()[0].to_string();
        let _listening = first.listen(16).unwrap();
        for shards in [1, 2] {
            let error = Bound::bind(&options(&taken, shards)).err().unwrap().to_string();
            assert!(error.contains(&taken) && error.contains("choose another port"), "{error}");
        }
    }
}
