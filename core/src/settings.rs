//! What a shard is told when it is made, and what never changes while it runs.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::ShardId;

/// The fixed facts of one shard of one node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which shard this is.
    pub shard: ShardId,
    /// How many the node has.
    pub shards: u16,
    /// `host:port` that clients are told, by listen address.
    pub advertised: Vec<(String, i32)>,
    /// The data folder as DescribeLogDirs names it.
    pub log_dir: String,
    /// The static broker configuration: Kafka's property names and their values, from file, environment and flags.
    pub properties: BTreeMap<String, String>,
    /// 256 bits from the system, the only entropy there is; secret.
    pub seed: [u8; 32],
}
