//! The answers of Apache Kafka 4.3.1, measured, cell by cell.

use super::super::layers::overrides;
use super::*;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn op<'a>(operation: i8, name: &'a str, value: &'a str) -> AlterOp<'a> {
    AlterOp { name, operation, value: (operation != DELETE).then_some(value) }
}

/// What is set before, what is changed, and what comes of it: the new values or a code with the start of its text.
type Cell<'a> =
    (&'a [(&'a str, &'a str)], &'a [AlterOp<'a>], Result<&'a [(&'a str, &'a str)], (i16, &'a str)>);

fn check_cell(
    (before, ops, expected): &Cell<'_>,
    alter: impl Fn(&Overrides, &[AlterOp<'_>]) -> Result<Overrides, ConfigError>,
) {
    let got = alter(&overrides(before), ops);
    match (got, expected) {
        (Ok(new), Ok(expected)) => assert_eq!(new, overrides(expected), "{ops:?}"),
        (Err(error), Err((code, text))) => {
            assert_eq!(error.code.0, *code, "{ops:?}: {error}");
            assert!(error.message.starts_with(text), "{ops:?}: {error}");
        }
        (got, _) => panic!("{ops:?} gave {got:?}, not {expected:?}"),
    }
}

#[test]
fn topics() {
    const RETENTION: &str = "retention.ms";
    const POLICY: &str = "cleanup.policy";
    let cells: &[Cell<'_>] = &[
        (&[], &[op(SET, "nope", "1")], Err((40, "Unknown topic config name: nope"))),
        (&[], &[op(SET, "message.format.version", "3.0")], Err((40, "Unknown topic config name"))),
        (
            &[],
            &[op(SET, "max.message.bytes", "x"), op(SET, "nope", "1")],
            Err((40, "Unknown topic config name: nope")),
        ),
        (
            &[],
            &[op(SET, RETENTION, "abc")],
            Err((40, "Invalid value abc for configuration retention.ms: Not a number of type LONG")),
        ),
        (
            &[],
            &[op(SET, RETENTION, "")],
            Err((40, "Invalid value  for configuration retention.ms: Not a number")),
        ),
        (
            &[],
            &[op(SET, RETENTION, "99999999999999999999")],
            Err((40, "Invalid value 99999999999999999999 for")),
        ),
        (
            &[],
            &[op(SET, RETENTION, "-2")],
            Err((40, "Invalid value -2 for configuration retention.ms: Value must be at least -1")),
        ),
        (&[], &[op(SET, RETENTION, " 1000 ")], Ok(&[(RETENTION, " 1000 ")])),
        (&[], &[op(SET, RETENTION, "+5")], Ok(&[(RETENTION, "+5")])),
        (&[], &[op(DELETE, RETENTION, "")], Ok(&[])),
        (&[], &[op(DELETE, "nope", "")], Ok(&[])),
        (&[(RETENTION, "1")], &[op(DELETE, RETENTION, "")], Ok(&[])),
        (&[(RETENTION, "1")], &[op(SET, "segment.ms", "5")], Ok(&[(RETENTION, "1"), ("segment.ms", "5")])),
        (
            &[],
            &[AlterOp { name: RETENTION, operation: SET, value: None }],
            Err((42, "Null value not supported for : retention.ms")),
        ),
        (
            &[],
            &[op(SET, RETENTION, "1"), op(DELETE, RETENTION, "")],
            Err((42, "Error due to duplicate config keys")),
        ),
        (&[], &[op(7, RETENTION, "1")], Err((42, "Unknown operations type 7"))),
        (&[], &[op(-1, RETENTION, "1")], Err((42, "Unknown operations type -1"))),
        (
            &[],
            &[op(APPEND, RETENTION, "1")],
            Err((40, "Can't APPEND to key retention.ms because its type is not LIST.")),
        ),
        (&[], &[op(SUBTRACT, RETENTION, "1")], Err((40, "Can't SUBTRACT to key retention.ms because"))),
        (&[], &[op(APPEND, "nope", "1")], Err((40, "Can't APPEND to key nope because"))),
        (&[], &[op(APPEND, POLICY, "compact")], Ok(&[(POLICY, "delete,compact")])),
        (&[], &[op(APPEND, POLICY, "delete")], Ok(&[(POLICY, "delete")])),
        (&[(POLICY, "compact")], &[op(APPEND, POLICY, "delete")], Ok(&[(POLICY, "compact,delete")])),
        (&[], &[op(SUBTRACT, POLICY, "delete")], Ok(&[(POLICY, "")])),
        (&[(POLICY, "delete,compact")], &[op(SUBTRACT, POLICY, "delete")], Ok(&[(POLICY, "compact")])),
        (&[], &[op(SET, POLICY, "")], Ok(&[(POLICY, "")])),
        (&[], &[op(SET, POLICY, "delete,delete")], Ok(&[(POLICY, "delete,delete")])),
        (&[], &[op(SET, POLICY, "delete , compact")], Ok(&[(POLICY, "delete , compact")])),
        (
            &[],
            &[op(SET, POLICY, "Delete")],
            Err((
                40,
                "Invalid value Delete for configuration cleanup.policy: String must be one of: compact, delete",
            )),
        ),
        (
            &[],
            &[op(SET, POLICY, "compact,")],
            Err((40, "Configuration 'cleanup.policy' values must not be empty.")),
        ),
        (
            &[],
            &[op(SET, "message.timestamp.type", "createtime")],
            Err((
                40,
                "Invalid value createtime for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime",
            )),
        ),
        (
            &[],
            &[op(SET, "preallocate", "yes")],
            Err((
                40,
                "Invalid value yes for configuration preallocate: Expected value to be either true or false",
            )),
        ),
        (&[], &[op(SET, "preallocate", "TRUE")], Ok(&[("preallocate", "TRUE")])),
        (
            &[],
            &[op(SET, "min.cleanable.dirty.ratio", "1.5")],
            Err((
                40,
                "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            )),
        ),
        (
            &[],
            &[op(SET, "min.cleanable.dirty.ratio", "-0.5")],
            Err((
                40,
                "Invalid value -0.5 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
            )),
        ),
        (&[], &[op(SET, "min.cleanable.dirty.ratio", "NaN")], Err((40, "Invalid value NaN"))),
        (
            &[],
            &[op(SET, "compression.gzip.level", "0")],
            Err((
                40,
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            )),
        ),
        (&[], &[op(SET, "compression.gzip.level", "-1")], Ok(&[("compression.gzip.level", "-1")])),
        (
            &[],
            &[op(SET, "compression.lz4.level", "18")],
            Err((
                40,
                "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
            )),
        ),
        (
            &[],
            &[op(SET, "segment.bytes", "1000")],
            Err((40, "Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576")),
        ),
        (
            &[],
            &[op(SET, "max.message.bytes", "3000000000")],
            Err((
                40,
                "Invalid value 3000000000 for configuration max.message.bytes: Not a number of type INT",
            )),
        ),
        (
            &[],
            &[op(SET, "leader.replication.throttled.replicas", "0:1,1:2")],
            Ok(&[("leader.replication.throttled.replicas", "0:1,1:2")]),
        ),
        (
            &[],
            &[op(SET, "leader.replication.throttled.replicas", "*")],
            Ok(&[("leader.replication.throttled.replicas", "*")]),
        ),
        (
            &[],
            &[op(SET, "leader.replication.throttled.replicas", "x")],
            Err((
                40,
                "Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or",
            )),
        ),
        (
            &[],
            &[op(SET, "min.compaction.lag.ms", "100"), op(SET, "max.compaction.lag.ms", "50")],
            Err((
                40,
                "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (50)",
            )),
        ),
        (
            &[("max.compaction.lag.ms", "50")],
            &[op(SET, "min.compaction.lag.ms", "100")],
            Err((40, "conflict topic config setting")),
        ),
        (
            &[],
            &[op(SET, "remote.storage.enable", "true")],
            Err((40, "Tiered Storage functionality is disabled")),
        ),
        (&[], &[op(SET, "remote.storage.enable", "false")], Ok(&[("remote.storage.enable", "false")])),
        (&[], &[op(SET, "min.insync.replicas", "5")], Ok(&[("min.insync.replicas", "5")])),
        (&[], &[op(SET, "retention.bytes", "-5")], Ok(&[("retention.bytes", "-5")])),
    ];
    let layers = BrokerLayers::default();
    for cell in cells {
        check_cell(cell, |own, ops| alter_incremental(Target::Topic(own), &layers, ops));
    }
}

#[test]
fn nodes() {
    let cells: &[Cell<'_>] = &[
        (
            &[],
            &[op(SET, "auto.create.topics.enable", "false")],
            Err((42, "Cannot update these configs dynamically: [auto.create.topics.enable]")),
        ),
        (&[], &[op(DELETE, "auto.create.topics.enable", "")], Ok(&[])),
        (
            &[],
            &[op(SET, "num.io.threads", "100")],
            Err((42, "Cannot update these configs dynamically: [num.io.threads]")),
        ),
        (
            &[],
            &[op(SET, "ssl.keystore.location", "/x")],
            Err((42, "Cannot update these configs dynamically: [ssl.keystore.location]")),
        ),
        (&[], &[op(SET, "listener.name.plaintext.ssl.keystore.location", "/x")], Err((42, "Cannot update"))),
        (
            &[],
            &[op(SET, "kelpgate.sync", "os")],
            Err((42, "Cannot update these configs dynamically: [kelpgate.sync]")),
        ),
        (&[], &[op(SET, "unknown.key", "5")], Ok(&[("unknown.key", "5")])),
        (&[], &[op(APPEND, "unknown.key", "5")], Err((40, "Unknown config name: unknown.key"))),
        (
            &[],
            &[op(APPEND, "log.retention.ms", "5")],
            Err((40, "Config value append is not allowed for config key: log.retention.ms")),
        ),
        (
            &[],
            &[op(SUBTRACT, "log.retention.ms", "5")],
            Err((40, "Config value subtract is not allowed for config key: log.retention.ms")),
        ),
        (
            &[],
            &[op(APPEND, "log.cleanup.policy", "compact")],
            Ok(&[("log.cleanup.policy", "delete,compact")]),
        ),
        (
            &[],
            &[op(SET, "message.max.bytes", "-1")],
            Err((42, "Invalid value -1 for configuration message.max.bytes: Value must be at least 0")),
        ),
        (
            &[],
            &[op(SET, "message.max.bytes", "abc")],
            Err((42, "Invalid value abc for configuration message.max.bytes: Not a number of type INT")),
        ),
        (
            &[],
            &[op(SET, "log.retention.ms", "0")],
            Err((42, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1")),
        ),
        (&[], &[op(SET, "log.retention.ms", "5000")], Ok(&[("log.retention.ms", "5000")])),
        (&[], &[op(SET, "log.roll.ms", "0")], Err((42, "log.roll.ms must be greater than or equal to 1"))),
        (
            &[],
            &[op(SET, "max.connections.per.ip", "0")],
            Err((42, "max.connections.per.ip can be set to zero only if")),
        ),
        (
            &[],
            &[op(SET, "max.connections.per.ip", "0"), op(SET, "max.connections.per.ip.overrides", "::1:5")],
            Ok(&[("max.connections.per.ip", "0"), ("max.connections.per.ip.overrides", "::1:5")]),
        ),
        (&[], &[op(SET, "max.connections.per.ip.overrides", "a:b")], Err((42, "Invalid value a:b"))),
        (
            &[],
            &[op(SET, "leader.replication.throttled.rate", "100")],
            Ok(&[("leader.replication.throttled.rate", "100")]),
        ),
        (
            &[("log.cleaner.max.compaction.lag.ms", "50")],
            &[op(SET, "log.cleaner.min.compaction.lag.ms", "100")],
            Err((42, "conflict")),
        ),
        (&[], &[op(7, "message.max.bytes", "1")], Err((42, "Unknown operations type 7"))),
    ];
    for cell in cells {
        check_cell(cell, |own, ops| {
            let layers = BrokerLayers { node: own.clone(), ..BrokerLayers::default() };
            alter_incremental(Target::Node, &layers, ops)
        });
        check_cell(cell, |own, ops| {
            let layers = BrokerLayers { all_nodes: own.clone(), ..BrokerLayers::default() };
            alter_incremental(Target::AllNodes, &layers, ops)
        });
    }
}

#[test]
fn groups_and_client_metrics() {
    let layers = BrokerLayers::default();
    let groups: &[Cell<'_>] = &[
        (&[], &[op(SET, "nope", "1")], Err((40, "Unknown group config name: nope"))),
        (
            &[],
            &[op(SET, "consumer.session.timeout.ms", "abc")],
            Err((
                40,
                "Invalid value abc for configuration consumer.session.timeout.ms: Not a number of type INT",
            )),
        ),
        (
            &[],
            &[op(SET, "consumer.session.timeout.ms", "1000")],
            Err((
                40,
                "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
            )),
        ),
        (
            &[],
            &[op(SET, "consumer.session.timeout.ms", "50000")],
            Ok(&[("consumer.session.timeout.ms", "50000")]),
        ),
        (
            &[],
            &[op(SET, "consumer.heartbeat.interval.ms", "15001")],
            Err((
                40,
                "consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms",
            )),
        ),
        (
            &[],
            &[op(SET, "share.auto.offset.reset", "none")],
            Err((40, "Invalid value none for configuration share.auto.offset.reset: Invalid value `none`")),
        ),
        (
            &[],
            &[op(SET, "share.auto.offset.reset", "by_duration:PT1H")],
            Ok(&[("share.auto.offset.reset", "by_duration:PT1H")]),
        ),
        (
            &[],
            &[op(SET, "share.isolation.level", "x")],
            Err((
                40,
                "Invalid value x for configuration share.isolation.level: String must be one of: read_committed, read_uncommitted",
            )),
        ),
        (
            &[],
            &[op(SET, "streams.num.standby.replicas", "3")],
            Err((
                40,
                "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
            )),
        ),
    ];
    for cell in groups {
        check_cell(cell, |own, ops| alter_incremental(Target::Group(own), &layers, ops));
    }
    let metrics: &[Cell<'_>] = &[
        (&[], &[op(SET, "nope", "1")], Err((42, "Unknown client metrics configuration: nope"))),
        (
            &[],
            &[op(SET, "interval.ms", "50")],
            Err((42, "Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)")),
        ),
        (
            &[],
            &[op(SET, "interval.ms", "x")],
            Err((40, "Invalid value x for configuration interval.ms: Not a number of type INT")),
        ),
        (&[], &[op(SET, "interval.ms", "500")], Ok(&[("interval.ms", "500")])),
        (&[], &[op(SET, "match", "foo=bar")], Err((40, "Illegal client matching pattern: foo=bar"))),
        (&[], &[op(SET, "match", "client_id")], Err((40, "Illegal client matching pattern: client_id"))),
        (
            &[],
            &[op(SET, "match", "client_id=a(")],
            Err((40, "Illegal client matching pattern: client_id=a(")),
        ),
        (
            &[],
            &[op(SET, "match", "client_id=ok,client_software_name=[z-a]")],
            Err((40, "Illegal client matching pattern: client_software_name=[z-a]")),
        ),
        (
            &[],
            &[op(SET, "match", "client_id=a.*,client_source_port=9")],
            Ok(&[("match", "client_id=a.*,client_source_port=9")]),
        ),
        (&[], &[op(SET, "metrics", "*")], Ok(&[("metrics", "*")])),
        (&[], &[op(SET, "metrics", "a,,b")], Err((40, "Configuration 'metrics' values must not be empty."))),
    ];
    for cell in metrics {
        check_cell(cell, |own, ops| alter_incremental(Target::ClientMetrics(own), &layers, ops));
    }
}

#[test]
fn a_value_has_a_longest_length() {
    let layers = BrokerLayers::default();
    let set = |len: usize| {
        let value = "0".repeat(len);
        alter_incremental(Target::Topic(&Overrides::new()), &layers, &[op(SET, "retention.ms", &value)])
    };
    assert!(set(32_767).is_ok());
    let error = set(32_768).unwrap_err();
    assert_eq!(error.code.0, 40);
    assert!(error.message.contains("exceeds the maximum value size of 32767 bytes"), "{error}");
}

#[test]
fn replacing_keeps_nothing_that_is_not_named() {
    let layers = BrokerLayers::default();
    let own = overrides(&[("retention.ms", "1"), ("segment.ms", "2")]);
    let replace = |values: &[(&str, Option<&str>)]| alter_replace(Target::Topic(&own), &layers, values);
    assert_eq!(replace(&[("retention.ms", Some("3"))]), Ok(overrides(&[("retention.ms", "3")])));
    assert_eq!(replace(&[]), Ok(Overrides::new()));
    let refused = |values: &[(&str, Option<&str>)], code: i16, text: &str| {
        let error = replace(values).unwrap_err();
        assert_eq!((error.code.0, error.message.as_str()), (code, text));
    };
    refused(&[("a", None), ("b", None)], 42, "Null value not supported for : a, b");
    refused(
        &[("retention.ms", Some("1")), ("retention.ms", Some("1"))],
        42,
        "Error due to duplicate config keys",
    );
    refused(&[("nope", Some("1"))], 40, "Unknown topic config name: nope");
    let node = BrokerLayers { node: overrides(&[("max.connections", "9")]), ..BrokerLayers::default() };
    assert_eq!(alter_replace(Target::Node, &node, &[]), Ok(Overrides::new()));
}

#[test]
fn new_topics() {
    let layers = BrokerLayers {
        fixed: overrides(&[("log.cleaner.min.compaction.lag.ms", "100")]),
        ..BrokerLayers::default()
    };
    let create = |values: &[(&str, Option<&str>)]| new_topic(&layers, values);
    assert_eq!(
        create(&[("cleanup.policy", Some("compact"))]),
        Ok(overrides(&[("cleanup.policy", "compact")]))
    );
    assert_eq!(
        create(&[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        Ok(overrides(&[("retention.ms", "2")]))
    );
    let refused = |values: &[(&str, Option<&str>)], text: &str| {
        let error = create(values).unwrap_err();
        assert_eq!((error.code.0, error.message.as_str()), (40, text));
    };
    refused(&[("b", None), ("a", None)], "Null value not supported for topic configs: b,a");
    refused(&[("nope", Some("1"))], "Unknown topic config name: nope");
    refused(
        &[("max.compaction.lag.ms", Some("50"))],
        "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (50)",
    );
}

#[test]
fn a_node_as_a_whole() {
    use super::super::rules::check_node;
    let check = |fixed: &[(&str, &str)]| {
        check_node(&BrokerLayers { fixed: overrides(fixed), ..BrokerLayers::default() })
    };
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[("queued.max.request.bytes", "104857600")]), Ok(()));
    for fixed in [
        ("queued.max.request.bytes", "5"),
        ("log.retention.hours", "0"),
        ("group.consumer.session.timeout.ms", "60001"),
        ("group.consumer.min.heartbeat.interval.ms", "5001"),
    ] {
        assert_eq!(check(&[fixed]).unwrap_err().code.0, 42, "{fixed:?}");
    }
}
