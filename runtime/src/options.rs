use std::net::SocketAddr;
use std::path::PathBuf;

/// What a node of shards needs to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to accept connections; port 0 takes any free port. Events count listeners in this order.
    pub listen: Vec<SocketAddr>,
    /// The data folder; made if it is not there. Paths in file commands are relative to it.
    pub data: PathBuf,
    /// How many shards, each on a thread of its own. All serve the same ports.
    pub shards: u16,
    /// Connections the system holds for each shard and address until they are accepted.
    pub backlog: u16,
}

impl Options {
    /// One shard and room for 1,024 connections that wait to be accepted.
    pub fn new(listen: Vec<SocketAddr>, data: impl Into<PathBuf>) -> Options {
        Options { listen, data: data.into(), shards: 1, backlog: 1024 }
    }
}
