//! Settings and limits of a shard's log.

use core::time::Duration;

use kelpgate_core::ids::ShardId;

/// When an append is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sync {
    /// Once it is on disk.
    #[default]
    Disk,
    /// Once the operating system has it; synced in the background.
    Os,
}

/// Names one start of the node; recovery hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Boot {
    /// Counts the starts, from 1.
    pub epoch: u64,
    /// Drawn at random at the start: what the journal's groups are told by.
    pub nonce: u64,
}

/// Settings of one shard's [`crate::Log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    pub shard: ShardId,
    /// How many shards the node has.
    pub shards: u16,
    /// This start.
    pub boot: Boot,
    pub sync: Sync,
    /// Memory for batches: those not yet in segments and, with what is left, recent ones for readers. Appends wait
    /// while it is taken by the former.
    pub cache_bytes: usize,
    /// Size of a journal file. A single append may make one larger.
    pub journal_file_bytes: u64,
    /// Journal files of a shard, at least 2. Appends wait while all are full.
    pub journal_files: usize,
    /// Most bytes of one journal write, unless a single append is larger.
    pub group_bytes: usize,
    /// Open segment files of a shard, at least 8.
    pub open_files: usize,
    /// Memory for sparse indexes, in bytes: 32 for every 32 KiB of segments, or for more of them where that would be too
    /// much. But each segment that was written or read keeps 32 at least.
    pub index_bytes: usize,
    /// Memory for reads that are being carried out, in bytes; more of them wait.
    pub read_bytes: usize,
    /// Least time between two syncs of the background, while there is room in the journal.
    pub sync_pause: Duration,
    /// With [`Sync::Os`]: how long an answered append may wait for the journal's sync.
    pub os_sync_delay: Duration,
    /// How long to wait before something that failed in the background is tried again.
    pub retry_pause: Duration,
}

impl LogConfig {
    /// The defaults for one shard of a node.
    pub fn new(shard: ShardId, shards: u16, boot: Boot) -> LogConfig {
        LogConfig {
            shard,
            shards,
            boot,
            sync: Sync::Disk,
            cache_bytes: 16 << 20,
            journal_file_bytes: 16 << 20,
            journal_files: 16,
            group_bytes: 4 << 20,
            open_files: 512,
            index_bytes: 8 << 20,
            read_bytes: 16 << 20,
            sync_pause: Duration::from_millis(5),
            os_sync_delay: Duration::from_secs(1),
            retry_pause: Duration::from_secs(1),
        }
    }
}
