"""The checks that every Python client runs, over an adapter that says each thing in the client's own words.

    python3 suite.py CLIENT suite  BOOTSTRAP PREFIX RECORDS
    python3 suite.py CLIENT verify BOOTSTRAP RECORDS TOPIC:SET:[tag,tag]...
    python3 suite.py CLIENT remove BOOTSTRAP PREFIX
    python3 suite.py CLIENT member BOOTSTRAP NAME TOPIC,... WAY=GROUP...

CLIENT names a module beside this file with a class `Client`, such as with_aiokafka; group_aiokafka holds its `take_part`. `suite` prints one JSON line per check and one
`{"wrote": topic, "set": "canonical", "without": [tags]}` line per topic that holds a whole set of records; `verify` reads
such topics; `remove` deletes the topics whose names begin with PREFIX; `member` takes part in groups (see member.py).
"""

import importlib
import json
import sys
import time
import traceback

import member
import recordset

HOUR = "3600000"
FOREVER = {"retention.ms": "-1"}


class Checks:
    """Runs checks one after another and prints one JSON line for each."""

    def __init__(self):
        self.failed = 0

    def run(self, name, body):
        """Run one check; an exception fails it and the next one still runs."""
        started = time.monotonic()
        try:
            detail, ok = body() or "", True
        except Exception as error:
            traceback.print_exc()
            detail, ok = f"{type(error).__name__}: {error}", False
            self.failed += 1
        seconds = round(time.monotonic() - started, 2)
        print(json.dumps({"check": name, "ok": ok, "detail": str(detail)[:500], "seconds": seconds}), flush=True)


def eventually(wanted, ask):
    """Ask until the answer is the wanted one, for at most five seconds: a broker's view may lag behind its controller."""
    limit = time.monotonic() + 5
    while True:
        try:
            got = ask()
        except Exception as error:
            got = error
        if got == wanted:
            return
        assert time.monotonic() < limit, f"expected {wanted}, got {got!r}"
        time.sleep(0.05)


class Suite:
    """The checks of one client against one server."""

    def __init__(self, client, prefix, directory):
        self.client = client
        self.prefix = prefix
        self.canonical = recordset.load(directory, "canonical", client.cannot_say)
        self.bulk = recordset.load(directory, "bulk")
        self.large = recordset.load(directory, "large")
        self.checks = Checks()

    def topic(self, name, config=None):
        """Make a topic of three partitions and return its full name."""
        full = f"{self.prefix}-{name}"
        self.client.create(full, 3, {**FOREVER, **(config or {})})
        eventually({0, 1, 2}, lambda: self.client.partitions(full))
        return full

    def expect_error(self, name, call):
        """Assert that a call fails with the Kafka error of this name, as the client spells it."""
        spelled = self.client.spells.get(name, name).replace("_", "").lower()
        try:
            call()
        except Exception as error:
            said = f"{type(error).__name__} {error!r}".replace("_", "").lower()
            assert spelled in said, f"expected {name}, got {error!r}"
        else:
            raise AssertionError(f"expected {name}, got success")

    def written(self, name, records, config=None, **options):
        """Make a topic, write the records into it and return its name."""
        topic = self.topic(name, config)
        self.client.produce(topic, records, **options)
        return topic

    def run(self):
        """Every check; returns how many failed."""
        run = self.checks.run
        run("metadata", self.metadata)
        run("topic create, describe, delete", self.topics)
        run("topic configs", self.configs)
        run("partitions add", self.more_partitions)
        for codec in self.client.codecs:
            run(f"canonical records, {codec}", lambda codec=codec: self.one_codec(codec))
        run("thousands of records" + (", idempotent" if self.client.idempotent else ""), self.thousands)
        run("consume from offsets", self.from_offsets)
        run("consume from timestamps", self.from_timestamps)
        run("first and last offsets", self.watermarks)
        run("large records", self.large_records)
        run("acks 1 and 0", self.weaker_acks)
        run("record too large", self.too_large)
        run("log append time", self.log_append_time)
        if hasattr(self.client, "delete_records"):
            run("delete records", self.delete_records)
        return self.checks.failed

    def metadata(self):
        brokers = self.client.brokers()
        assert brokers, "no brokers"
        return f"brokers {brokers}"

    def topics(self):
        name = self.topic("admin")
        self.expect_error("TOPIC_ALREADY_EXISTS", lambda: self.client.create(name, 3, {}))
        self.expect_error("INVALID_TOPIC_EXCEPTION", lambda: self.client.create("not a topic!", 1, {}))
        assert name in self.client.topics()
        self.client.delete([name])
        eventually(False, lambda: name in self.client.topics())

    def configs(self):
        name = self.topic("configs", {"segment.bytes": "104857600"})
        before = self.client.describe_configs(name)
        for key, value in (("retention.ms", "-1"), ("segment.bytes", "104857600"), ("cleanup.policy", "delete")):
            assert before.get(key) == value, f"{key} is {before.get(key)}, not {value}"
        self.client.alter_configs(name, {"retention.ms": HOUR, "segment.bytes": "104857600"})
        eventually({**before, "retention.ms": HOUR}, lambda: self.client.describe_configs(name))
        return f"{len(before)} configs"

    def more_partitions(self):
        name = self.topic("grows")
        self.client.add_partitions(name, 5)
        eventually({0, 1, 2, 3, 4}, lambda: self.client.partitions(name))
        self.expect_error("INVALID_PARTITIONS", lambda: self.client.add_partitions(name, 2))

    def read_back(self, topic, records, start=None):
        """Consume what should be there at and after the starting offsets, and compare."""
        expected = recordset.at_offsets(records, start)
        got = self.client.consume(topic, start or {0: 0, 1: 0, 2: 0}, len(expected))
        recordset.compare(expected, got)
        return f"{len(got)} records"

    def one_codec(self, codec):
        topic = self.written(codec, self.canonical, codec=codec)
        wrote = {"wrote": topic, "set": "canonical", "without": sorted(self.client.cannot_say)}
        print(json.dumps(wrote), flush=True)
        return self.read_back(topic, self.canonical)

    def thousands(self):
        topic = self.written("bulk", self.bulk, codec=self.client.codecs[-1], idempotent=self.client.idempotent)
        return self.read_back(topic, self.bulk)

    def from_offsets(self):
        return self.read_back(f"{self.prefix}-bulk", self.bulk, {0: 500, 1: 1234, 2: 1999})

    def from_timestamps(self):
        topic = f"{self.prefix}-bulk"
        moment = self.bulk[3001].timestamp - 5
        start = self.client.offsets_for_time(topic, {0: moment, 1: moment, 2: moment})
        wanted = {p: next(r.offset for r in recordset.at_offsets(self.bulk)
                          if r.partition == p and r.timestamp >= moment) for p in range(3)}
        assert start == wanted, f"offsets for {moment}: expected {wanted}, got {start}"
        after = self.bulk[-1].timestamp + 1
        ended = self.client.offsets_for_time(topic, {0: after})
        assert ended == {0: None}, f"offset after the last record: {ended}"
        return self.read_back(topic, self.bulk, start)

    def watermarks(self):
        got = self.client.watermarks(f"{self.prefix}-bulk", [0, 1, 2])
        assert got == {p: (0, 2000) for p in range(3)}, got

    def large_records(self):
        topic = self.written("large", self.large, codec="none")
        self.client.produce(topic, self.large, codec=self.client.codecs[-1])
        return self.read_back(topic, self.large * 2)

    def weaker_acks(self):
        some = [record for record in self.canonical if len(record.value or b"") < 1000]
        topic = self.written("acks", some, acks=1)
        self.client.produce(topic, some, acks=0)
        return self.read_back(topic, some * 2)

    def too_large(self):
        topic = self.topic("too-large")
        record = recordset.Record(0, self.bulk[0].timestamp, b"k", bytes(2 << 20))
        self.expect_error("MESSAGE_TOO_LARGE", lambda: self.client.produce(topic, [record], codec="none"))
        self.client.produce(topic, self.bulk[:1])
        return self.read_back(topic, self.bulk[:1])

    def log_append_time(self):
        before = int(time.time() * 1000) - 1000
        topic = self.written("append-time", self.bulk[:30], {"message.timestamp.type": "LogAppendTime"})
        expected = recordset.at_offsets(self.bulk[:30])
        got = self.client.consume(topic, {0: 0, 1: 0, 2: 0}, len(expected))
        recordset.compare(expected, got, ("offset", "key", "value", "headers"))
        after = int(time.time() * 1000) + 1000
        wrong = [record.timestamp for record in got if not before <= record.timestamp <= after]
        assert not wrong, f"append times outside {before}..{after}: {wrong[:3]}"

    def delete_records(self):
        topic = f"{self.prefix}-bulk"
        self.client.delete_records(topic, {0: 100})
        assert self.client.watermarks(topic, [0, 1]) == {0: (100, 2000), 1: (0, 2000)}
        return self.read_back(topic, self.bulk, {0: 100, 1: 1990})


def verify(client, directory, topics):
    """Read what other clients wrote; returns how many topics differ."""
    checks = Checks()
    for argument in topics:
        topic, name, tags = argument.split(":")
        records = recordset.load(directory, name, set(tags.split(",")))

        def body(topic=topic, records=records):
            expected = recordset.at_offsets(records)
            recordset.compare(expected, client.consume(topic, {0: 0, 1: 0, 2: 0}, len(expected)))

        checks.run(f"reads {topic}", body)
    return checks.failed


def main():
    name, mode, bootstrap, *rest = sys.argv[1:]
    if mode == "member":
        member.run(importlib.import_module(name.replace("with_", "group_")), bootstrap, *rest)
        return
    client = importlib.import_module(name).Client(bootstrap)
    if mode == "suite":
        failed = Suite(client, *rest).run()
    elif mode == "verify":
        failed = verify(client, rest[0], rest[1:])
    else:
        assert mode == "remove", f"unknown mode {mode}"
        client.delete([topic for topic in client.topics() if topic.startswith(rest[0])])
        failed = 0
    client.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
