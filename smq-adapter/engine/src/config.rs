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
    /// Most bytes of one write-ahead file, unless a single append is larger. One is written at a time.
    pub group_bytes: usize,
    /// Most bytes of one partition that are published and not acknowledged by the broker, unless one append is larger.
    pub publish_bytes: usize,
    /// How long a write-ahead file is kept at least after log files hold its batches: a broker writes those without a sync,
    /// and it is the operating system of the volume servers that brings them to the disk, within half a minute as a rule.
    pub linger: Duration,
    /// Most bytes of write-ahead files that are kept for that reason.
    pub linger_bytes: u64,
    /// What was acknowledged by a broker and is in no log file after this time was lost by it: it is published again.
    pub stale: Duration,
    /// A publish stream that nothing was sent on for so long is closed.
    pub stream_idle: Duration,
    /// How often the state file of a log is written while its index grows.
    pub save_pause: Duration,
    /// How often the log files of a partition are looked at while batches of it are missing there.
    pub look_pause: Duration,
    /// Bytes of a log file that are read at a time.
    pub read_ahead: usize,
    /// Memory for reads that are being carried out, in bytes; more of them wait.
    pub read_bytes: usize,
    /// Entries of one log's index, 72 bytes each, above which it gets coarser.
    pub index_entries: usize,
    /// Memory for extents of log files that were read lately, in bytes.
    pub cache_bytes: usize,
    /// Logs whose files are looked at, and openings of logs nobody asked for, under way at a time.
    pub background: usize,
    /// The time for one command.
    pub timeout: Duration,
    /// How long something that failed waits before its first next try; doubled for each further one up to `pause_most`.
    pub pause_first: Duration,
    /// The longest such wait.
    pub pause_most: Duration,
    /// How long stopping waits for brokers to write out, at most.
    pub drain_patience: Duration,
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
            publish_bytes: 4 << 20,
            linger: Duration::from_secs(45),
            linger_bytes: 1 << 30,
            stale: Duration::from_secs(60),
            stream_idle: Duration::from_secs(120),
            save_pause: Duration::from_secs(20),
            look_pause: Duration::from_millis(500),
            read_ahead: 1 << 20,
            read_bytes: 16 << 20,
            index_entries: 128 << 10,
            cache_bytes: 16 << 20,
            background: 8,
            timeout: Duration::from_secs(10),
            pause_first: Duration::from_millis(100),
            pause_most: Duration::from_secs(5),
            drain_patience: Duration::from_secs(15),
            open_patience: Duration::from_secs(30),
        }
    }
}
