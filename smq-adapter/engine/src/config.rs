//! Settings and limits of a shard's engine.

use alloc::string::String;
use core::time::Duration;

use kelpgate_core::ids::ShardId;

/// Settings of one shard's [`crate::SmqEngine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmqConfig {
    pub shard: ShardId,
    /// How many shards the gateway has.
    pub shards: u16,
    /// The namespace of SeaweedMQ that topics are in, and the name of our folder for it.
    pub namespace: String,
    /// Name of this gateway: a name for a folder, the same after a restart. Letters, digits, `.`, `_` and `-`.
    pub gateway: String,
    /// Memory for batches, in bytes: those that no log file holds yet and, with what is left, recent ones for readers.
    /// Appends wait while it is taken by the former.
    pub memory_bytes: usize,
    /// Most bytes of appends that wait for memory; more are answered with `Overloaded`.
    pub waiting_bytes: usize,
    /// Most bytes of one write-ahead file, unless a single append is larger.
    pub group_bytes: usize,
    /// Write-ahead files that are being written at a time.
    pub groups_in_flight: usize,
    /// Most bytes of one partition that are published and not acknowledged by the broker, unless one append is larger.
    pub publish_bytes: usize,
    /// How long a write-ahead file is kept at least after log files hold its batches: a broker writes those without a sync,
    /// and it is the operating system of the volume servers that brings them to the disk, within half a minute as a rule.
    pub linger: Duration,
    /// Most bytes of write-ahead files that are kept for that reason.
    pub linger_bytes: u64,
    /// How often the log files of a partition are looked at while batches of it are missing there.
    pub look_pause: Duration,
    /// Bytes of a log file that are read at a time.
    pub read_ahead: usize,
    /// Memory for reads that are being carried out, in bytes; more of them wait.
    pub read_bytes: usize,
    /// Most entries of all logs' indexes, 72 bytes each; where there would be more, they get coarser.
    pub index_entries: usize,
    /// Commands in the background under way at a time: reading back, trimming, saving indexes.
    pub background: usize,
    /// The time for one command.
    pub timeout: Duration,
    /// How long something that failed waits before its first next try; doubled for each further one up to `pause_most`.
    pub pause_first: Duration,
    /// The longest such wait.
    pub pause_most: Duration,
    /// How long an opening is tried before it fails.
    pub open_patience: Duration,
}

impl SmqConfig {
    /// The defaults for one shard of a gateway.
    pub fn new(shard: ShardId, shards: u16, namespace: String, gateway: String) -> SmqConfig {
        SmqConfig {
            shard,
            shards: shards.max(1),
            namespace,
            gateway,
            memory_bytes: 64 << 20,
            waiting_bytes: 16 << 20,
            group_bytes: 4 << 20,
            groups_in_flight: 4,
            publish_bytes: 4 << 20,
            linger: Duration::from_secs(45),
            linger_bytes: 1 << 30,
            look_pause: Duration::from_millis(500),
            read_ahead: 1 << 20,
            read_bytes: 16 << 20,
            index_entries: 128 << 10,
            background: 8,
            timeout: Duration::from_secs(10),
            pause_first: Duration::from_millis(100),
            pause_most: Duration::from_secs(5),
            open_patience: Duration::from_secs(30),
        }
    }
}
