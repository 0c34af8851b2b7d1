"""The requests: each a label, an API, a version and the fields. `~` in a name stands for a prefix of this run's own.

A case may be a function of the state, for what depends on earlier answers (topic ids, the cluster's id).
"""
import uuid

ZERO = uuid.UUID(int=0)
UNKNOWN = uuid.UUID(int=0x1234567812344234823412345678ABCD)


def topic(name, partitions=1, replicas=1, assignments=(), configs=()):
    return {
        "Name": name,
        "NumPartitions": partitions,
        "ReplicationFactor": replicas,
        "Assignments": [{"PartitionIndex": index, "BrokerIds": list(ids)} for index, ids in assignments],
        "Configs": [{"Name": key, "Value": value} for key, value in configs],
    }


def create(label, *topics, version=7, **fields):
    return label, "CreateTopics", version, {"Topics": list(topics), "timeoutMs": 30000, **fields}


def placed(label, name, assignments, **fields):
    return create(label, topic(name, -1, -1, assignments), **fields)


def configured(label, name, *configs):
    return create(label, topic(name, configs=configs))


def delete(label, *names, version=6, ids=(), both=(), timeout=30000):
    if version < 6:
        return label, "DeleteTopics", version, dict(TopicNames=list(names), TimeoutMs=timeout)
    topics = [{"Name": name} for name in names] + [{"TopicId": one} for one in ids]
    topics += [{"Name": name, "TopicId": one} for name, one in both]
    return label, "DeleteTopics", version, dict(Topics=topics, TimeoutMs=timeout)


def grow(label, *topics, version=3, validate=False, timeout=30000):
    def one(name, count, assignments=None):
        placed = None if assignments is None else [{"BrokerIds": ids} for ids in assignments]
        return {"Name": name, "Count": count, "Assignments": placed}

    fields = dict(Topics=[one(*each) for each in topics], TimeoutMs=timeout, ValidateOnly=validate)
    return label, "CreatePartitions", version, fields


def alter(label, kind, name, *ops, version=1, validate=False):
    configs = [{"Name": key, "ConfigOperation": op, "Value": value} for key, op, value in ops]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    return label, "IncrementalAlterConfigs", version, dict(Resources=[resource], ValidateOnly=validate)


def replace(label, kind, name, *values, version=2, validate=False):
    configs = [{"Name": key, "Value": value} for key, value in values]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    return label, "AlterConfigs", version, dict(Resources=[resource], ValidateOnly=validate)


def describe(label, kind, name, *keys, version=4, synonyms=False, every=False):
    resource = {"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": None if every else list(keys)}
    return label, "DescribeConfigs", version, dict(Resources=[resource], IncludeSynonyms=synonyms)


def metadata(label, *topics, version=13, **fields):
    listed = None if topics == (None,) else [t if isinstance(t, dict) else {"Name": t} for t in topics]
    values = dict(Topics=listed, **fields)
    if version >= 4:
        values.setdefault("AllowAutoTopicCreation", False)
    return label, "Metadata", version, values


def pages(label, *names, limit=2000, cursor=None):
    at = cursor and {"TopicName": cursor[0], "PartitionIndex": cursor[1]}
    fields = dict(Topics=[{"Name": name} for name in names], ResponsePartitionLimit=limit, Cursor=at)
    return label, "DescribeTopicPartitions", 0, fields


def producer(label, transactional=None, timeout=60000, version=4, **fields):
    return label, "InitProducerId", version, dict(TransactionalId=transactional, TransactionTimeoutMs=timeout, **fields)


def several(label, api, version, *cases, **fields):
    """The resources of several cases in one request."""
    return label, api, version, dict(Resources=[c[3]["Resources"][0] for c in cases], **fields)


def names_of_topics():
    long = "x" * 249
    for label, name in [
        ("empty", ""), ("dot", "."), ("dots", ".."), ("three dots", "..."), ("too long", long + "y"), ("blank", "a b"),
        ("slash", "a/b"), ("umlaut", "\u00e4"), ("metadata log", "__cluster_metadata"), ("colon", "a:b"),
    ]:
        yield create("create: name " + label, topic(name), validateOnly=True)


def creation():
    yield from names_of_topics()
    yield create("create: one", topic("~one", 2))
    yield create("create: existing", topic("~one", 2))
    yield create("create: dotted", topic("~a.b"))
    yield create("create: collides", topic("~a_b"))
    yield create("create: internal-looking", topic("__~internal"))
    yield create("create: twice and another", topic("~twice"), topic("~twice"), topic("~other"))
    for count in (0, -2, -1):
        yield create(f"create: {count} partitions", topic(f"~p{count}", count))
    for factor in (0, -2, -1, 2, 3):
        yield create(f"create: {factor} replicas", topic(f"~r{factor}", 1, factor))
    yield create("create: collide with each other", topic("~c.d"), topic("~c_d"), validateOnly=True)
    yield create("create: both bad", topic("~bad", 0, 0))
    yield create("create: defaults", topic("~defaults", -1, -1))
    yield create("create: too many partitions", topic("~many", 10001), topic("~few"))
    yield create("create: too many partitions together", topic("~many1", 5000), topic("~many2", 5001))
    yield create("create: too many is judged before names", topic("~many", 10001), topic(""))
    yield placed("create: placed", "~placed", [(0, [1]), (1, [1])])
    yield placed("create: placed backwards", "~placed-backwards", [(1, [1]), (0, [1])])
    yield placed("create: placed from 1", "~x", [(1, [1])])
    yield placed("create: placed with a gap", "~x", [(0, [1]), (2, [1])])
    yield placed("create: placed twice", "~x", [(0, [1]), (0, [1])])
    yield placed("create: placed on an unknown node", "~x", [(0, [9])])
    yield placed("create: placed twice on a node", "~x", [(0, [1, 1])])
    yield placed("create: placed nowhere", "~x", [(0, [])])
    yield placed("create: placed negative", "~x", [(-1, [1])])
    yield create("create: placed with a count", topic("~x", 1, -1, [(0, [1])]))
    yield create("create: placed with replicas", topic("~x", -1, 1, [(0, [1])]))
    yield create("create: placed with both", topic("~x", 1, 1, [(0, [1])]))
    yield create("create: validate only", topic("~unmade"), validateOnly=True)
    yield metadata("create: validate only made nothing", "~unmade")
    yield create("create: timeout 0", topic("~t0"), topic("a b"), timeoutMs=0)
    yield create("create: timeout -1", topic("~t0"), timeoutMs=-1)
    yield create("create: timeout 0, validate only", topic("~t0"), timeoutMs=0, validateOnly=True)
    yield metadata("create: too late, not made", "~t0")
    yield create("create: none at all")
    for version in (2, 3, 4, 5, 6):
        yield create(f"create: version {version}", topic(f"~v{version}", configs=[("retention.ms", "5")]), version=version)
        yield create(f"create: version {version} existing", topic(f"~v{version}"), version=version)
    yield create("create: version 2 with defaults", topic("~v2d", -1, -1), version=2)


def creation_with_configs():
    yield configured("configs: one", "~c1", ("retention.ms", "1000"), ("cleanup.policy", "compact,delete"))
    yield configured("configs: unknown", "~x", ("no.such", "1"))
    yield configured("configs: not a number", "~x", ("retention.ms", "soon"))
    yield configured("configs: too small", "~x", ("retention.ms", "-2"))
    yield configured("configs: too large", "~x", ("min.cleanable.dirty.ratio", "1.5"))
    yield configured("configs: not one of", "~x", ("cleanup.policy", "shred"))
    yield configured("configs: wrong case", "~x", ("message.timestamp.type", "createtime"))
    yield configured("configs: not a flag", "~x", ("preallocate", "maybe"))
    yield configured("configs: null", "~x", ("retention.ms", None))
    yield configured("configs: policy twice", "~c2", ("cleanup.policy", "delete,delete"))
    yield configured("configs: no policy", "~c3", ("cleanup.policy", ""))
    yield configured("configs: min isr 5", "~c4", ("min.insync.replicas", "5"))
    yield configured("configs: negative bytes", "~c5", ("retention.bytes", "-5"))
    yield configured("configs: lags cross", "~x", ("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5"))
    yield configured("configs: tiered", "~x", ("remote.storage.enable", "true"))
    yield configured("configs: gone in 4", "~x", ("message.format.version", "3.0"))
    yield create("configs: before partitions", topic("~x", 0, configs=[("no.such", "1")]))
    yield configured("configs: small segments", "~x", ("segment.bytes", "1000"))


def deletion(state):
    yield create("delete: make some", *[topic(f"~d{n}") for n in range(8)])
    yield metadata("delete: their ids", *[f"~d{n}" for n in range(8)])
    ids = state.ids
    yield delete("delete: by name", "~d0")
    yield delete("delete: again", "~d0")
    yield delete("delete: by id", ids=[ids["~d1"]])
    yield delete("delete: unknown id", ids=[UNKNOWN])
    yield delete("delete: name and id", both=[("~d2", ids["~d2"])])
    yield delete("delete: neither", ids=[ZERO])
    yield delete("delete: name twice", "~d2", "~d2")
    yield delete("delete: id twice", ids=[ids["~d2"], ids["~d2"]])
    yield delete("delete: id and its name", "~d2", ids=[ids["~d2"]])
    yield metadata("delete: what is left", "~d0", "~d1", "~d2")
    yield delete("delete: unknown and known", "~d3", "~nope")
    yield delete("delete: bad name", "a b")
    yield delete("delete: empty name", "")
    yield delete("delete: none at all")
    yield delete("delete: timeout 0", "~d2", "~nope", "~d2", timeout=0)
    yield delete("delete: timeout -1, version 5", "~d2", "~nope", timeout=-1, version=5)
    for version in (1, 2, 3, 4, 5):
        yield delete(f"delete: version {version}", f"~d{version + 2}", "~nope", version=version)
    yield create("delete: make anew", topic("~d0"))


def growth():
    yield create("grow: make", topic("~g", 2), topic("~h", 1))
    yield grow("grow: same", ("~g", 2))
    yield grow("grow: fewer", ("~g", 1))
    yield grow("grow: none", ("~g", 0))
    yield grow("grow: negative", ("~g", -1))
    yield grow("grow: unknown", ("~nope", 3))
    yield grow("grow: validate", ("~g", 3), validate=True)
    yield grow("grow: one", ("~g", 3))
    yield grow("grow: placed", ("~g", 5, [[1], [1]]))
    yield grow("grow: too few placed", ("~g", 7, [[1]]))
    yield grow("grow: too many placed", ("~g", 6, [[1], [1]]))
    yield grow("grow: unknown node", ("~g", 6, [[9]]))
    yield grow("grow: node twice", ("~g", 6, [[1, 1]]))
    yield grow("grow: nowhere", ("~g", 6, [[]]))
    yield grow("grow: empty placement", ("~g", 6, []))
    yield grow("grow: topic twice", ("~g", 6), ("~g", 7), ("~h", 2))
    yield grow("grow: bad name", ("a b", 6))
    yield grow("grow: timeout 0", ("~g", 6), ("~nope", 2), timeout=0)
    for version in (0, 1, 2):
        yield grow(f"grow: version {version}", ("~g", 6 + version), ("~nope", 2), version=version)
    yield metadata("grow: how many", "~g", "~h", version=0)


def altering():
    yield create("alter: make", topic("~t"))
    kinds = [("topic", 2, "~t"), ("node", 4, "1"), ("nodes", 4, ""), ("metrics", 16, "~m"), ("group", 32, "~g")]
    key = {2: "retention.ms", 4: "log.retention.ms", 16: "interval.ms", 32: "consumer.session.timeout.ms"}
    for label, kind, name in kinds:
        yield alter(f"alter {label}: set", kind, name, (key[kind], 0, "50000"))
        yield describe(f"alter {label}: shown", kind, name, key[kind], synonyms=True)
        yield alter(f"alter {label}: validate", kind, name, (key[kind], 0, "50001"), validate=True)
        yield alter(f"alter {label}: bad value", kind, name, (key[kind], 0, "soon"))
        yield alter(f"alter {label}: unknown key", kind, name, ("no.such", 0, "1"))
        yield alter(f"alter {label}: null", kind, name, (key[kind], 0, None))
        yield alter(f"alter {label}: twice a key", kind, name, (key[kind], 0, "1"), (key[kind], 0, "2"))
        yield alter(f"alter {label}: append to a number", kind, name, (key[kind], 2, "1"))
        yield alter(f"alter {label}: subtract from a number", kind, name, (key[kind], 3, "1"))
        yield alter(f"alter {label}: operation 7", kind, name, (key[kind], 7, "1"))
        yield alter(f"alter {label}: nothing", kind, name)
        yield alter(f"alter {label}: version 0", kind, name, (key[kind], 0, "50000"), version=0)
        yield alter(f"alter {label}: delete", kind, name, (key[kind], 1, None))
        yield alter(f"alter {label}: delete again", kind, name, (key[kind], 1, None))
        yield alter(f"alter {label}: delete an unknown key", kind, name, ("no.such", 1, None))
        yield describe(f"alter {label}: shown after", kind, name, key[kind], synonyms=True)
        yield replace(f"replace {label}: set", kind, name, (key[kind], "60000"))
        yield replace(f"replace {label}: bad value", kind, name, (key[kind], "soon"))
        yield replace(f"replace {label}: unknown key", kind, name, ("no.such", "1"))
        yield replace(f"replace {label}: null", kind, name, (key[kind], None))
        yield replace(f"replace {label}: twice a key", kind, name, (key[kind], "1"), (key[kind], "2"))
        yield replace(f"replace {label}: validate", kind, name, validate=True)
        yield describe(f"replace {label}: shown", kind, name, key[kind])
        yield replace(f"replace {label}: nothing", kind, name)
        yield describe(f"replace {label}: shown after", kind, name, key[kind])
        yield replace(f"replace {label}: version 0", kind, name, version=0)
    yield from altering_lists()
    yield from altering_what_is_not_there()
    yield from altering_nodes()


def altering_lists():
    policy = "cleanup.policy"
    yield alter("list: append", 2, "~t", (policy, 2, "compact"))
    yield describe("list: appended", 2, "~t", policy)
    yield alter("list: append again", 2, "~t", (policy, 2, "compact"))
    yield alter("list: subtract", 2, "~t", (policy, 3, "delete"))
    yield describe("list: subtracted", 2, "~t", policy)
    yield alter("list: subtract the last", 2, "~t", (policy, 3, "compact"))
    yield describe("list: empty", 2, "~t", policy)
    yield alter("list: append a bad one", 2, "~t", (policy, 2, "shred"))
    yield alter("list: delete", 2, "~t", (policy, 1, None))
    throttled = "follower.replication.throttled.replicas"
    yield alter("list: long", 2, "~t", (throttled, 0, ",".join(f"1:{n}" for n in range(4000))))
    yield alter("list: too long", 2, "~t", (throttled, 2, ",".join(f"2:{n}" for n in range(4000))))


def altering_what_is_not_there():
    yield alter("alter: unknown topic", 2, "~nope", ("retention.ms", 0, "1"))
    yield alter("alter: unknown topic, bad key", 2, "~nope", ("no.such", 0, "1"))
    yield alter("alter: bad topic name", 2, "a b", ("retention.ms", 0, "1"))
    yield alter("alter: empty topic name", 2, "", ("retention.ms", 0, "1"))
    yield alter("alter: other node", 4, "2", ("max.connections", 0, "5"))
    yield alter("alter: node without number", 4, "one", ("max.connections", 0, "5"))
    yield alter("alter: empty group", 32, "", ("consumer.session.timeout.ms", 0, "50000"))
    yield alter("alter: empty metrics", 16, "", ("interval.ms", 0, "50000"))
    yield alter("alter: unknown type", 99, "x", ("a", 0, "1"))
    yield alter("alter: type 0", 0, "x", ("a", 0, "1"))
    yield alter("alter: metrics too often", 16, "~m", ("interval.ms", 0, "50"))
    yield alter("alter: metrics match", 16, "~m", ("match", 0, "color=blue"))
    yield alter("alter: group below the node's bound", 32, "~g", ("consumer.session.timeout.ms", 0, "1"))
    yield alter("alter: logger of another node", 8, "2", ("root", 0, "INFO"))
    yield alter("alter: logger appended", 8, "1", ("root", 2, "INFO"))
    yield replace("replace: unknown topic", 2, "~nope", ("retention.ms", "1"))
    yield replace("replace: unknown type", 99, "x", ("a", "1"))
    yield replace("replace: logger", 8, "1", ("root", "INFO"))
    same = alter("", 2, "~t", ("retention.ms", 0, "1"))
    other = alter("", 2, "~nope", ("retention.ms", 0, "1"))
    good = alter("", 32, "~g", ("consumer.session.timeout.ms", 0, "50000"))
    yield several("alter: resource twice", "IncrementalAlterConfigs", 1, same, same, other, good)
    yield alter("alter: group back", 32, "~g", ("consumer.session.timeout.ms", 1, None))


def altering_nodes():
    yield alter("node: read-only", 4, "1", ("num.partitions", 0, "5"))
    yield alter("node: out of range", 4, "1", ("log.retention.ms", 0, "0"))
    yield alter("node: below a bound", 4, "1", ("message.max.bytes", 0, "-1"))
    yield alter("node: list", 4, "1", ("log.cleanup.policy", 2, "compact"))
    yield describe("node: what a topic inherits", 2, "~t", "cleanup.policy", synonyms=True)
    yield alter("node: list back", 4, "1", ("log.cleanup.policy", 1, None))
    yield alter("nodes: connections", 4, "", ("max.connections.per.ip", 0, "70"))
    yield describe("nodes: all that is set", 4, "", every=True)
    yield alter("nodes: connections back", 4, "", ("max.connections.per.ip", 1, None))


def describing():
    yield create("describe: make", topic("~s", configs=[("retention.ms", "5"), ("cleanup.policy", "compact")]))
    yield describe("describe: all of a topic", 2, "~s", every=True)
    yield describe("describe: empty list", 2, "~s")
    yield describe("describe: some, one unknown", 2, "~s", "retention.ms", "no.such", synonyms=True)
    for version in (1, 2, 3):
        yield describe(f"describe: version {version}", 2, "~s", "retention.ms", "segment.ms", version=version, synonyms=True)
    yield describe("describe: unknown topic", 2, "~nope", every=True)
    yield describe("describe: bad topic", 2, "a b", every=True)
    yield describe("describe: no topic", 2, "", every=True)
    yield describe("describe: other node", 4, "2", every=True)
    yield describe("describe: node without number", 4, "one", every=True)
    yield describe("describe: loggers of nobody", 8, "", every=True)
    yield describe("describe: loggers of another", 8, "2", every=True)
    yield describe("describe: loggers without number", 8, "one", every=True)
    yield describe("describe: no metrics", 16, "", every=True)
    yield describe("describe: metrics", 16, "~none", every=True, synonyms=True)
    yield describe("describe: no group", 32, "", every=True)
    yield describe("describe: group", 32, "~none", every=True, synonyms=True)
    yield describe("describe: unknown type", 99, "x", every=True)
    yield describe("describe: node", 4, "1", "num.partitions", "log.retention.ms", "advertised.listeners", synonyms=True)


def listing():
    yield alter("list: a group", 32, "~lg", ("consumer.session.timeout.ms", 0, "50000"))
    yield alter("list: metrics", 16, "~lm", ("interval.ms", 0, "1000"))
    for version in (0, 1):
        yield f"list: all, version {version}", "ListConfigResources", version, {}
    for kinds in ([2], [4], [8], [16], [32], [4, 4], [32, 16], [1], [2, 99]):
        yield f"list: {kinds}", "ListConfigResources", 1, dict(ResourceTypes=kinds)
    yield alter("list: group gone", 32, "~lg", ("consumer.session.timeout.ms", 1, None))
    yield alter("list: metrics gone", 16, "~lm", ("interval.ms", 1, None))
    yield "list: without them", "ListConfigResources", 1, dict(ResourceTypes=[16, 32])


def looking(state):
    yield create("look: make", topic("~l1", 3), topic("~l2", 1), topic("~l.3", 1))
    yield metadata("look: their ids", "~l1", "~l2")
    one = state.ids["~l1"]
    for version in range(14):
        yield metadata(f"look: version {version}", "~l1", "~nope", version=version)
        yield metadata(f"look: none, version {version}", version=version)
    yield metadata("look: bad names", "", "a b", ".", "__consumer_offsets", "x" * 250)
    yield metadata("look: twice", "~l1", "~l1", "~nope", "~nope")
    yield metadata("look: by id", {"TopicId": one, "Name": None})
    yield metadata("look: by unknown id", {"TopicId": UNKNOWN, "Name": None}, {"TopicId": one, "Name": None})
    yield metadata("look: by id with a name", {"TopicId": one, "Name": "~l2"})
    yield metadata("look: by id and by name", {"TopicId": one, "Name": None}, "~l2")
    yield metadata("look: neither", {"TopicId": ZERO, "Name": None})
    for version in (10, 11, 12):
        yield metadata(f"look: by id, version {version}", {"TopicId": one, "Name": None}, version=version)
        yield metadata(f"look: id and name, version {version}", {"TopicId": one, "Name": "~l1"}, "~l2", version=version)
    for version in (8, 10):
        yield metadata(f"look: operations, version {version}", "~l1", "~nope", version=version,
                       IncludeTopicAuthorizedOperations=True, IncludeClusterAuthorizedOperations=True)
    yield metadata("look: operations", "~l1", "~nope", "a b", IncludeTopicAuthorizedOperations=True)
    yield metadata("look: operations by id", {"TopicId": UNKNOWN, "Name": None}, {"TopicId": one, "Name": None},
                   IncludeTopicAuthorizedOperations=True)
    yield metadata("look: all", None)


def paging():
    yield create("page: make", topic("~n1", 3), topic("~n2", 2))
    yield pages("page: both", "~n2", "~n1", "~n1")
    yield pages("page: two of five", "~n1", "~n2", limit=2)
    yield pages("page: from there", "~n1", "~n2", limit=2, cursor=("~n1", 2))
    yield pages("page: exactly full", "~n1", "~n2", limit=3)
    yield pages("page: limit 0", "~n1", "~n2", limit=0)
    yield pages("page: past the end of a topic", "~n1", "~n2", cursor=("~n1", 9))
    yield pages("page: at the last", "~n1", "~n2", cursor=("~n2", 1))
    yield pages("page: cursor elsewhere", "~n1", "~n2", cursor=("~n3", 0))
    yield pages("page: cursor negative", "~n1", cursor=("~n1", -1))
    yield pages("page: unknown", "~n1", "~nope")
    yield pages("page: bad", "~n1", "a b")
    yield pages("page: empty", "~n1", "")
    yield pages("page: unknown is next", "~n1", "~n1-unknown", limit=3)
    yield pages("page: all, from a topic on", limit=2, cursor=("~n1", 1))
    yield pages("page: all, from an unknown topic on", limit=4, cursor=("~n1-unknown", 7))


def cluster():
    for version in (0, 1, 2):
        yield f"cluster: version {version}", "DescribeCluster", version, {}
        yield f"cluster: operations, version {version}", "DescribeCluster", version, dict(
            IncludeClusterAuthorizedOperations=True
        )
    for kind in (2, 0, 3):
        yield f"cluster: endpoint type {kind}", "DescribeCluster", 2, dict(EndpointType=kind)
    yield "cluster: fenced too", "DescribeCluster", 2, dict(IncludeFencedBrokers=True)


def producers():
    yield producer("producer: first")
    yield producer("producer: with an id", ProducerId=5, ProducerEpoch=3)
    yield producer("producer: id without epoch", ProducerId=5)
    yield producer("producer: epoch without id", ProducerEpoch=3)
    yield producer("producer: empty transactional id", "")
    yield producer("producer: transactional id", "~t", version=4)
    for timeout in (0, -1, 900000, 900001):
        yield producer(f"producer: timeout {timeout}", "~t", timeout)
        yield producer(f"producer: timeout {timeout}, no transaction", None, timeout)
    yield producer("producer: two-phase", "~t", version=6, Enable2Pc=True)
    yield producer("producer: kept", "~t", version=6, KeepPreparedTxn=True)
    yield producer("producer: two-phase, no transaction", version=6, Enable2Pc=True)
    for version in range(6):
        yield producer(f"producer: version {version}", version=version)


def versions():
    for name, software in [("a-b.c1", "1.0"), ("", "1"), ("a", ""), ("-a", "1"), ("a-", "1"), ("a b", "1"), ("a", "1_0")]:
        fields = dict(ClientSoftwareName=name, ClientSoftwareVersion=software)
        yield f"versions: {name!r} {software!r}", "ApiVersions", 3, fields


def every(state):
    """All cases in order."""
    for part in (creation, creation_with_configs, deletion, growth, altering, describing, listing, looking, paging, cluster,
                 producers, versions):
        yield from part(state) if part in (deletion, looking) else part()
