//! What a client is made with.

use std::time::Duration;

use crate::address::ServerAddress;
use crate::security::Security;

/// Where SeaweedFS is, and how much may be under way.
#[derive(Clone, Debug)]
pub struct SmqConfig {
    /// Masters, any of which may lead; not empty.
    pub masters: Vec<ServerAddress>,
    /// SeaweedFS's `-filerGroup` of the filers and brokers; mostly empty.
    pub filer_group: String,
    /// TLS.
    pub security: Security,
    /// Commands that may be under way at a time; one more is answered with `Busy`. Messages wait in memory, so what the
    /// client holds is at most what these commands hold, plus one copy of the publishes that are being written.
    pub most_commands: usize,
}

impl SmqConfig {
    /// The usual limits, without TLS.
    pub fn new(masters: Vec<ServerAddress>) -> SmqConfig {
        SmqConfig {
            masters,
            filer_group: String::new(),
            security: Security::default(),
            most_commands: 65_536,
        }
    }
}

/// Opening a connection takes no longer, TLS included.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A master that does not say in this time who is there is passed over.
pub(crate) const MASTER_WITHIN: Duration = Duration::from_secs(3);

/// What was learnt of the cluster is looked at anew after this time, behind the back of those who use it.
pub(crate) const VIEW_GOOD_FOR: Duration = Duration::from_secs(15);

/// SeaweedFS ends a client that pings more often than every 20 s.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(30);

/// A connection whose other end does not answer a ping in this time is gone.
pub(crate) const PONG_WITHIN: Duration = Duration::from_secs(10);

/// HTTP connections that are idle for longer are closed, before the filer might.
pub(crate) const IDLE_FOR: Duration = Duration::from_secs(20);
