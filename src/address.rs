//! Listeners and what clients are told of them.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::error::Failure;

/// One place where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// In capitals, as Kafka names them.
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Property with the listeners.
pub(crate) const LISTENERS: &str = "listeners";
/// Property with what clients are told.
pub(crate) const ADVERTISED: &str = "advertised.listeners";

/// Protocols that a listener's name may ask for and that are not served.
const NOT_SERVED: [&str; 3] = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Reads `NAME://HOST:PORT,...`.
///
/// # Errors
/// When an entry is not of that form, a name is there twice or asks for a protocol that is not served.
pub(crate) fn parse_listeners(key: &'static str, text: &str) -> Result<Vec<Listener>, Failure> {
    let mut listeners: Vec<Listener> = Vec::new();
    let refuse = |message: String| Failure::Address { key, message };
    for entry in text.split(',').map(str::trim) {
        let (name, address) = entry
            .split_once("://")
            .ok_or_else(|| refuse(format!("{entry:?} is not of the form NAME://HOST:PORT")))?;
        let (host, port) =
            split(address).ok_or_else(|| refuse(format!("{address:?} is not of the form HOST:PORT")))?;
        let name = name.to_uppercase();
        if NOT_SERVED.contains(&name.as_str()) {
            return Err(refuse(format!("{name} is not served, only plain connections are")));
        }
        if listeners.iter().any(|known| known.name == name) {
            return Err(refuse(format!("{name} is there twice")));
        }
        listeners.push(Listener { name, host, port });
    }
    Ok(listeners)
}

/// Splits `HOST:PORT`; an IPv6 address stands in brackets, which the host does not keep.
fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(host) => host.parse::<std::net::Ipv6Addr>().ok().map(|_| (host.to_owned(), port)),
        None if host.contains(':') => None,
        None => Some((host.to_owned(), port)),
    }
}

impl Listener {
    /// Where to bind. A host without a name is every address of this machine.
    ///
    /// # Errors
    /// When the name is not known.
    pub(crate) fn resolve(&self) -> Result<SocketAddr, Failure> {
        if self.host.is_empty() {
            return Ok(SocketAddr::from(([0, 0, 0, 0], self.port)));
        }
        let refuse =
            |text: String| Failure::Address { key: LISTENERS, message: format!("{}: {text}", self.host) };
        let found =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(|error| refuse(error.to_string()))?;
        // "localhost" has two addresses and most clients try that of IPv4 first or only.
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        found.into_iter().next().ok_or_else(|| refuse("it has no address".to_owned()))
    }

    fn is_every_address(&self) -> bool {
        self.host.is_empty() || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }

    /// As in a property.
    pub(crate) fn render(&self) -> String {
        let Listener { name, host, port } = self;
        if host.contains(':') {
            format!("{name}://[{host}]:{port}")
        } else {
            format!("{name}://{host}:{port}")
        }
    }
}

/// What clients are told for each listener: what is advertised under its name, else where it listens.
///
/// # Errors
/// When a name is advertised that nothing listens under, and when clients would be told an address that is none.
pub(crate) fn advertise(listeners: &[Listener], advertised: Option<&str>) -> Result<Vec<Listener>, Failure> {
    let refuse = |message: String| Failure::Address { key: ADVERTISED, message };
    let advertised = match advertised {
        Some(text) if !text.is_empty() => parse_listeners(ADVERTISED, text)?,
        _ => Vec::new(),
    };
    for told in &advertised {
        if !listeners.iter().any(|listener| listener.name == told.name) {
            return Err(refuse(format!("there is no listener {}", told.name)));
        }
        if told.is_every_address() {
            return Err(refuse(format!("clients cannot connect to {:?}", told.host)));
        }
    }
    let told = |listener: &Listener| {
        let told = advertised.iter().find(|told| told.name == listener.name).unwrap_or(listener).clone();
        if told.is_every_address() {
            let message = "connections are accepted at every address, so clients must be told which to use: \
                           give --advertise HOST:PORT"
                .to_owned();
            return Err(refuse(message));
        }
        Ok(told)
    };
    listeners.iter().map(told).collect()
}

/// Turns `HOST:PORT,...` of a flag into a property. The first listener is called PLAINTEXT.
pub(crate) fn from_flags(text: &str) -> String {
    let name = |at: usize| if at == 0 { "PLAINTEXT".to_owned() } else { format!("PLAINTEXT_{}", at + 1) };
    let named = text.split(',').enumerate().map(|(at, address)| format!("{}://{}", name(at), address.trim()));
    named.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(text: &str) -> Result<Vec<Listener>, Failure> {
        parse_listeners(LISTENERS, text)
    }

    #[test]
    fn listeners_are_read_as_kafka_writes_them() {
        let read = listeners("PLAINTEXT://127.0.0.1:9092, internal://[::1]:0,ALL://:9").unwrap();
        let written: Vec<String> = read.iter().map(Listener::render).collect();
        assert_eq!(written, ["PLAINTEXT://127.0.0.1:9092", "INTERNAL://[::1]:0", "ALL://:9"]);
        assert_eq!(read[2].resolve().unwrap().to_string(), "0.0.0.0:9");
        assert_eq!(from_flags("a:1,[::1]:2"), "PLAINTEXT://a:1,PLAINTEXT_2://[::1]:2");
        for bad in [
            "a:1",
            "A://a",
            "A://a:x",
            "A://a:70000",
            "A://::1:5",
            "A://[x]:5",
            "SSL://a:1",
            "A://a:1,A://b:2",
            "",
        ] {
            assert!(listeners(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn clients_are_told_an_address_they_can_use() {
        let two = listeners("A://127.0.0.1:1,B://0.0.0.0:2").unwrap();
        let error = advertise(&two, None).unwrap_err().to_string();
        assert!(error.contains("--advertise HOST:PORT"), "{error}");
        let told = advertise(&two, Some("B://example.org:9092")).unwrap();
        assert_eq!(told[0], two[0]);
        assert_eq!(told[1].render(), "B://example.org:9092");
        for bad in ["C://a:1", "B://0.0.0.0:1", "B://[::]:1", "B://:1"] {
            assert!(advertise(&two, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_without_an_address_are_named() {
        let unknown = listeners("A://no-such-host.invalid:1").unwrap();
        assert!(unknown[0].resolve().unwrap_err().to_string().contains("no-such-host.invalid"));
    }
}
