//! What the group coordinator reads of the configuration of its node and of single groups.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::definition::Resource;
use super::layers::{BrokerLayers, Overrides, Reader};

/// Which ways groups may go between the classic and the consumer protocol while they have members
/// (`group.consumer.migration.policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    Disabled,
    Downgrade,
    Upgrade,
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    pub fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    /// Whether a consumer group may become a classic group.
    pub fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
}

/// What a node's configuration says of groups. Times are in milliseconds unless they are durations; names are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupCoordinatorConfig {
    /// `group.consumer.assignors`: the first is the default.
    pub consumer_assignors: Vec<String>,
    pub consumer_max_size: usize,
    pub consumer_migration_policy: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub consumer_regex_refresh_interval: Duration,
    /// The longest wait of a new classic group for more members.
    pub initial_rebalance_delay: Duration,
    /// `kelpgate.group.initial.rebalance.quiet.ms`: the wait ends when nobody has joined for this long.
    pub initial_rebalance_quiet: Duration,
    pub max_session_timeout_ms: i32,
    pub max_size: usize,
    pub min_session_timeout_ms: i32,
    pub offset_metadata_max_bytes: usize,
    pub offsets_commit_timeout: Duration,
    pub offsets_retention_check_interval: Duration,
    pub offsets_retention_ms: i64,
    /// Whether `group.coordinator.rebalance.protocols` names `consumer`.
    pub serves_consumer: bool,
}

impl GroupCoordinatorConfig {
    /// Reads the layers of a node.
    pub fn new(layers: &BrokerLayers) -> GroupCoordinatorConfig {
        let read = Reader { resource: Resource::Broker, own: &Overrides::new(), layers };
        GroupCoordinatorConfig {
            consumer_assignors: read.items("group.consumer.assignors"),
            consumer_max_size: read.size("group.consumer.max.size"),
            consumer_migration_policy: policy(
                &read.text("group.consumer.migration.policy").unwrap_or_default(),
            ),
            consumer_regex_refresh_interval: millis(read.integer("group.consumer.regex.refresh.interval.ms")),
            initial_rebalance_delay: millis(read.integer("group.initial.rebalance.delay.ms")),
            initial_rebalance_quiet: millis(read.integer("kelpgate.group.initial.rebalance.quiet.ms")),
            max_session_timeout_ms: read.int("group.max.session.timeout.ms"),
            max_size: read.size("group.max.size"),
            min_session_timeout_ms: read.int("group.min.session.timeout.ms"),
            offset_metadata_max_bytes: read.size("offset.metadata.max.bytes"),
            offsets_commit_timeout: millis(read.integer("offsets.commit.timeout.ms")),
            offsets_retention_check_interval: millis(read.integer("offsets.retention.check.interval.ms")),
            offsets_retention_ms: read.integer("offsets.retention.minutes").saturating_mul(60_000),
            serves_consumer: read.lists("group.coordinator.rebalance.protocols", "consumer"),
        }
    }
}

/// Which members of the classic protocol a consumer group lets in (`kelpgate.classic.member.check`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicMemberCheck {
    /// Those whose claims of partitions can be checked (KIP-848).
    Strict,
    /// Older clients too.
    Lenient,
}

/// What one consumer group is to do, by its own configuration and its node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    pub assignment_interval: Duration,
    pub classic_member_check: ClassicMemberCheck,
    pub heartbeat_interval_ms: i32,
    pub session_timeout: Duration,
}

impl GroupConfig {
    /// Reads what is set for a group and what it inherits from its node.
    pub fn new(own: &Overrides, layers: &BrokerLayers) -> GroupConfig {
        let read = Reader { resource: Resource::Group, own, layers };
        GroupConfig {
            assignment_interval: millis(read.integer("consumer.assignment.interval.ms")),
            classic_member_check: match read.text("kelpgate.classic.member.check").as_deref() {
                Some("lenient") => ClassicMemberCheck::Lenient,
                _ => ClassicMemberCheck::Strict,
            },
            heartbeat_interval_ms: read.int("consumer.heartbeat.interval.ms"),
            session_timeout: millis(read.integer("consumer.session.timeout.ms")),
        }
    }
}

fn policy(name: &str) -> MigrationPolicy {
    match name {
        name if name.eq_ignore_ascii_case("disabled") => MigrationPolicy::Disabled,
        name if name.eq_ignore_ascii_case("downgrade") => MigrationPolicy::Downgrade,
        name if name.eq_ignore_ascii_case("upgrade") => MigrationPolicy::Upgrade,
        _ => MigrationPolicy::Bidirectional,
    }
}

/// None below 0.
fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}
