use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::remote::Remote;

/// What a node of shards needs to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to accept connections; port 0 takes any free port. Events count listeners in this order.
    pub listen: Vec<SocketAddr>,
    /// What carries out what the engines of the shards ask for.
    pub store: Store,
    /// How many shards, each on a thread of its own. All serve the same ports.
    pub shards: u16,
    /// Connections the system holds for each shard and address until they are accepted.
    pub backlog: u16,
}

/// Where shards store.
#[derive(Clone, Debug)]
pub enum Store {
    /// In files of this folder, which is made if it is not there. Paths in file commands are relative to it.
    Folder(PathBuf),
    /// Somewhere else.
    Remote(Arc<dyn Remote>),
}

impl Options {
    /// Files in a folder, one shard, and room for 1,024 connections that wait to be accepted.
    pub fn new(listen: Vec<SocketAddr>, data: impl Into<PathBuf>) -> Options {
        Options { listen, store: Store::Folder(data.into()), shards: 1, backlog: 1024 }
    }
}
