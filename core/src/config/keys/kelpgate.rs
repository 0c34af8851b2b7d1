//! Keys of this program that Kafka does not have.

use super::prelude::*;

/// Keys of a group that only Kelpgate has. By name.
pub(in crate::config) const GROUP: &[Definition] = &[Definition::new(
    "kelpgate.classic.member.check",
    String,
    Some("strict"),
    "Which members of the classic protocol a consumer group lets in: \"strict\" wants subscriptions of version 3 or \
     higher, with the generation in which the member got the partitions it claims (KIP-848); \"lenient\" lets older \
     clients in as well and believes nothing of what they claim.",
)
.check(OneOf(&["lenient", "strict"]))];

/// Keys of a node that only Kelpgate has. By name.
pub(in crate::config) const KELPGATE: &[Definition] = &[
    Definition::new(
        "kelpgate.engine",
        String,
        Some("log"),
        "Where records are kept: \"log\" is the embedded log in the data folder, \"smq\" is SeaweedMQ, the message queue \
         of a SeaweedFS.",
    )
    .check(OneOf(&["log", "smq"])),
    Definition::new(
        "kelpgate.group.initial.rebalance.quiet.ms",
        Int,
        Some("30"),
        "The first rebalance of a new classic group begins when nobody has joined for this long, in milliseconds; it \
         never waits longer than group.initial.rebalance.delay.ms.",
    )
    .at_least(0),
    Definition::new("kelpgate.log.format", String, Some("text"), "How lines of the log are written: \"text\" or \"json\".")
        .check(OneOf(&["text", "json"])),
    Definition::new("kelpgate.log.level", String, Some("info"), "The least severe lines that are logged.")
        .check(OneOf(&["error", "warn", "info", "debug", "trace"])),
    Definition::new(
        "kelpgate.produce.check",
        String,
        Some("records"),
        "How far a produced batch is checked before it is stored: \"records\" opens it and walks its records, so \
         that no consumer meets a broken one; \"checksum\" stops after header and checksum and costs less.",
    )
    .check(OneOf(&["records", "checksum"])),
    Definition::new(
        "kelpgate.runtime",
        String,
        Some("auto"),
        "What drives sockets and files: \"mio\" works everywhere, \"glommio\" uses io_uring on Linux, \"auto\" \
         chooses and says in the log which and why.",
    )
    .check(OneOf(&["auto", "mio", "glommio"])),
    Definition::new(
        "kelpgate.shards",
        Int,
        Some("1"),
        "How many threads share the work, each with connections, partitions and a journal of its own. May be \
         changed between runs.",
    )
    .between(1, 256),
    Definition::new(
        "kelpgate.smq.filer.group",
        String,
        Some(""),
        "With engine smq: the group that the filers and brokers of the SeaweedFS were given, if any.",
    ),
    Definition::new(
        "kelpgate.smq.master",
        String,
        Some(""),
        "With engine smq: masters of the SeaweedFS, comma-separated, each HOST:PORT or HOST:PORT.GRPCPORT (whose default \
         is PORT + 10000).",
    ),
    Definition::new(
        "kelpgate.smq.namespace",
        String,
        Some("kafka"),
        "With engine smq: the namespace of SeaweedMQ that topics are in.",
    ),
    Definition::new(
        "kelpgate.smq.security",
        String,
        Some(""),
        "With engine smq: the security.toml of the SeaweedFS, for TLS; none where it is empty.",
    ),
    Definition::new(
        "kelpgate.sync",
        String,
        Some("disk"),
        "When a produce with acks=all is answered: \"disk\" once the records are synced to the disk, \"os\" once the \
         operating system has them, which a power failure may undo.",
    )
    .check(OneOf(&["disk", "os"])),
];
