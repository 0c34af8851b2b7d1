//! Bounds of what one request may do, and of the catalogue as a whole.

/// Partitions that one request may add (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
pub const PARTITIONS_PER_REQUEST: i64 = 10_000;
/// Resources that one request may change or describe, and topics it may delete (`QuorumController.MAX_RECORDS_PER_USER_OP`).
pub const RESOURCES_PER_REQUEST: usize = 10_000;
/// Partitions of all topics together. Kafka has no such bound and becomes slow; two hundred thousand is what a whole
/// Kafka cluster is advised to hold.
pub const PARTITIONS: u64 = 200_000;
/// Groups, and client metrics subscriptions, that may have configurations: they need not exist otherwise.
pub const CONFIGURED: usize = 10_000;
/// Keys that one resource may have set: nodes keep keys they do not know.
pub const KEYS_PER_RESOURCE: usize = 1_000;
