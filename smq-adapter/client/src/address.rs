//! Addresses as SeaweedFS writes them: `HOST:PORT`, or `HOST:PORT.GRPCPORT` where the gRPC port is not the usual one.

use std::fmt;
use std::str::FromStr;

/// Added to the port of HTTP, it is the port of gRPC unless the address says otherwise (SeaweedFS's `ServerAddress`).
const GRPC_ABOVE_HTTP: u16 = 10_000;

/// A master, filer or broker.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerAddress {
    /// A name or an IP address; IPv6 in brackets.
    host: String,
    port: u16,
    grpc_port: u16,
}

/// An address that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not an address: it must be HOST:PORT or HOST:PORT.GRPCPORT")]
pub struct AddressError(String);

impl ServerAddress {
    /// A broker's address: its one port is that of gRPC.
    ///
    /// # Errors
    /// When it is not `HOST:PORT`.
    pub fn broker(text: &str) -> Result<ServerAddress, AddressError> {
        let (host, ports) = split_host(text)?;
        let port = port(ports.split_once('.').map_or(ports, |(_, grpc)| grpc), text)?;
        Ok(ServerAddress { host, port, grpc_port: port })
    }

    /// `HOST:PORT` of gRPC.
    pub fn grpc(&self) -> String {
        format!("{}:{}", self.host, self.grpc_port)
    }

    /// `HOST:PORT` of HTTP.
    pub fn http(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<ServerAddress, AddressError> {
        let (host, ports) = split_host(text)?;
        let unlike = || AddressError(text.to_owned());
        let (port, grpc_port) = match ports.split_once('.') {
            Some((http, grpc)) => (port(http, text)?, port(grpc, text)?),
            None => {
                let http = port(ports, text)?;
                (http, http.checked_add(GRPC_ABOVE_HTTP).ok_or_else(unlike)?)
            }
        };
        Ok(ServerAddress { host, port, grpc_port })
    }
}

impl fmt::Display for ServerAddress {
    /// The shortest form that is read back as the same address.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)?;
        match self.grpc_port == self.port || self.port.checked_add(GRPC_ABOVE_HTTP) == Some(self.grpc_port) {
            true => Ok(()),
            false => write!(out, ".{}", self.grpc_port),
        }
    }
}

/// Reads several addresses with commas between them.
///
/// # Errors
/// When one of them cannot be understood, or there is none.
pub fn parse_addresses(text: &str) -> Result<Vec<ServerAddress>, AddressError> {
    text.split(',').map(|one| one.trim().parse()).collect()
}

fn split_host(text: &str) -> Result<(String, &str), AddressError> {
    let unlike = || AddressError(text.to_owned());
    let (host, ports) = text.rsplit_once(':').ok_or_else(unlike)?;
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = !host.is_empty() && !host.contains([':', '/', '@', '[', ']', ' ', '?', '#']);
    match bracketed.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()) || plain {
        true => Ok((host.to_owned(), ports)),
        false => Err(unlike()),
    }
}

fn port(digits: &str, text: &str) -> Result<u16, AddressError> {
    match digits.parse() {
        Ok(port) if port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        Ok(_) | Err(_) => Err(AddressError(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_grpc_is_given_or_10000_above() {
        let usual: ServerAddress = "filer.example:8888".parse().unwrap();
        assert_eq!((usual.http(), usual.grpc()), ("filer.example:8888".into(), "filer.example:18888".into()));
        let given: ServerAddress = "[::1]:8888.99".parse().unwrap();
        assert_eq!((given.http(), given.grpc()), ("[::1]:8888".into(), "[::1]:99".into()));
        let broker = ServerAddress::broker("127.0.0.1:17777").unwrap();
        assert_eq!(broker.grpc(), "127.0.0.1:17777");
        for address in [usual, given] {
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let bad = [
            "",
            "host",
            "host:",
            ":9333",
            "host:0",
            "host:65536",
            "host:+1",
            "host:60000",
            "h:1.",
            "h:1.2.3",
            "a/b:1",
            "::1:9333",
            "[x]:1",
            "h:1,",
        ];
        for text in bad {
            assert!(parse_addresses(text).is_err(), "{text}");
        }
        assert_eq!(parse_addresses("a:1.2, b:3").unwrap().len(), 2);
    }
}
