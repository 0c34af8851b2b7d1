use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use kelpgate_shard::ShardId;

/// Why a node could not run, in words a person can act on.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The options name no address.
    #[error("no address to listen on")]
    NoAddress,
    /// The options name no shard.
    #[error("the number of shards must be at least 1")]
    NoShards,
    /// A listen address cannot be had.
    #[error("cannot listen on {address}: {}", bind_advice(source))]
    Listen {
        /// As configured.
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    /// The data folder cannot be made or entered.
    #[error("cannot use the data folder {}: {source}", folder.display())]
    Data {
        /// As configured.
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The system refuses what every shard needs (threads, a poller, a wake-up descriptor).
    #[error("cannot start {what}: {source}")]
    Start {
        /// What was to be started.
        what: String,
        #[source]
        source: io::Error,
    },
    /// This runtime cannot work on this machine.
    #[error("{cause}; {remedy}")]
    Unavailable {
        /// What is missing.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// Waiting for sockets failed.
    #[error("shard {shard} cannot wait for sockets: {source}")]
    Wait {
        /// Which shard.
        shard: ShardId,
        #[source]
        source: io::Error,
    },
    /// A shard said that it cannot go on.
    #[error("shard {shard} cannot go on: {text}")]
    Failed {
        /// Which shard.
        shard: ShardId,
        /// Its own words.
        text: String,
    },
    /// A thread panicked: a mistake of ours.
    #[error("thread {thread} panicked: {text}")]
    Panicked {
        /// Which thread.
        thread: String,
        /// The panic's message.
        text: String,
    },
}

fn bind_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "{error}; another program listens there, perhaps another node: stop it or choose another port"
            )
        }
        io::ErrorKind::AddrNotAvailable => format!("{error}; this machine has no such address"),
        io::ErrorKind::PermissionDenied => {
            format!("{error}; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): choose a higher one")
        }
        _ => error.to_string(),
    }
}
