//! Keys of a node that concern its place in the network and its limits.

use super::prelude::*;

/// Keys of a node that concern its place in the network and its limits. By name.
pub(in crate::config) const NETWORK: &[Definition] = &[
    Definition::new(
        "advertised.listeners",
        List,
        None,
        "The addresses that clients are told to connect to, for each listener.",
    )
    .check(Items(&[])),
    Definition::new("broker.id", Int, Some("-1"), "The id of this node under its older name."),
    Definition::new("broker.rack", String, None, "The rack or zone of this node, which clients are told."),
    Definition::new(
        "connections.max.idle.ms",
        Long,
        Some("600000"),
        "After how many milliseconds without traffic a connection is closed.",
    ),
    Definition::new(
        "fetch.max.bytes",
        Int,
        Some("57671680"),
        "The most record bytes that one fetch is answered with, whatever the client asks for.",
    )
    .at_least(1_024),
    Definition::new(
        "listener.security.protocol.map",
        String,
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        "The security protocol of each listener name.",
    )
    .reported(PLAINTEXT),
    Definition::new(
        "listeners",
        List,
        Some("PLAINTEXT://127.0.0.1:9092"),
        "The addresses that connections are accepted at.",
    )
    .check(Items(&[])),
    Definition::new(
        "max.connection.creation.rate",
        Int,
        Some(MAX_INT),
        "How many connections are accepted in a second.",
    )
    .at_least(0)
    .dynamic()
    .reported(CREATION_RATE),
    Definition::new("max.connections", Int, Some(MAX_INT), "How many connections the node holds at a time.")
        .at_least(0)
        .dynamic(),
    Definition::new(
        "max.connections.per.ip",
        Int,
        Some(MAX_INT),
        "How many connections one address may hold at a time.",
    )
    .at_least(0)
    .dynamic(),
    Definition::new(
        "max.connections.per.ip.overrides",
        String,
        Some(""),
        "Other values of max.connections.per.ip for single addresses, as address:count.",
    )
    .dynamic()
    .check(AddressCounts),
    Definition::new(
        "max.incremental.fetch.session.cache.slots",
        Int,
        Some("1000"),
        "How many incremental fetch sessions (KIP-227) are kept at a time.",
    )
    .at_least(0),
    Definition::new(
        "max.request.partition.size.limit",
        Int,
        Some("2000"),
        "How many partitions one DescribeTopicPartitions answer may hold.",
    )
    .at_least(1),
    Definition::new("node.id", Int, Some("1"), "The id of this node.").at_least(0),
    Definition::new(
        "queued.max.request.bytes",
        Long,
        Some("-1"),
        "How many bytes of requests may wait to be handled before no more are read; -1 is no limit.",
    )
    .reported(QUEUES),
    Definition::new(
        "queued.max.requests",
        Int,
        Some("500"),
        "How many requests may wait to be handled before no more are read.",
    )
    .at_least(1)
    .reported(QUEUES),
    Definition::new(
        "quota.window.num",
        Int,
        Some("11"),
        "How many samples the rate of a client is measured over.",
    )
    .at_least(1)
    .reported(QUOTAS),
    Definition::new(
        "quota.window.size.seconds",
        Int,
        Some("1"),
        "How many seconds a sample of the rate of a client covers.",
    )
    .at_least(1)
    .reported(QUOTAS),
    Definition::new(
        "request.timeout.ms",
        Int,
        Some("30000"),
        "How long a node waits for another, in milliseconds.",
    )
    .reported(ONE_NODE),
    Definition::new(
        "socket.listen.backlog.size",
        Int,
        Some("1024"),
        "How many connections may wait to be accepted, for each listener and shard.",
    )
    .between(1, 65535),
    Definition::new(
        "socket.request.max.bytes",
        Int,
        Some("104857600"),
        "The largest request that is read; a connection that announces a larger one is closed.",
    )
    .at_least(1),
    Definition::new(
        "telemetry.max.bytes",
        Int,
        Some("1048576"),
        "The largest push of client metrics that is accepted.",
    )
    .at_least(1)
    .reported(TELEMETRY),
];
