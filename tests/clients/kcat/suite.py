"""The checks of kcat, run as a program. It cannot make topics, which confluent-kafka-python does for it.

    python3 suite.py suite  BOOTSTRAP PREFIX RECORDS
    python3 suite.py verify BOOTSTRAP RECORDS TOPIC:SET:[tag,tag]...

It cannot set timestamps, so what it writes is compared without them; what it reads is compared in full, but for
headers with bytes that its text output cannot show.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
import recordset  # noqa: E402
from suite import FOREVER, Checks, eventually  # noqa: E402
from with_confluent import Client  # noqa: E402

END = b"\n<end of record>\n"
FIELDS = ("offset", "key", "value", "headers")


def kcat(bootstrap, *arguments, stdin=b""):
    """Run kcat and return what it prints; its words on standard error are the error."""
    command = ["kcat", "-b", bootstrap, "-X", "broker.address.family=v4", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-400:]}"
    return done.stdout


def parse(output):
    """Records from the output of the format string in `consume`."""
    records, at = [], 0
    while at < len(output):
        line, _, _ = output[at:at + 200].partition(b"|")
        partition, offset, timestamp, key_size, value_size = map(int, line.split())
        at += len(line) + 1
        key, at = output[at:at + max(key_size, 0)], at + max(key_size, 0)
        value, at = output[at:at + max(value_size, 0)], at + max(value_size, 0)
        end = output.index(END, at)
        pairs = [pair.split(b"=", 1) for pair in output[at:end].split(b",") if pair]
        headers = tuple((name.decode(errors="replace"), None if text == b"NULL" else text) for name, text in pairs)
        records.append(recordset.Record(partition, timestamp, None if key_size < 0 else key,
                                        None if value_size < 0 else value, headers, offset=offset))
        at = end + len(END)
    return records


def consume(bootstrap, topic, *arguments):
    """Consume to the end of the topic from where the arguments say."""
    shape = "%p %o %T %K %S|%k%s%h" + END.decode()
    return parse(kcat(bootstrap, "-C", "-q", "-e", "-t", topic, "-f", shape, *arguments))


def verify(bootstrap, directory, arguments):
    """Read what other clients wrote; returns how many topics differ."""
    checks = Checks()
    for argument in arguments:
        topic, name, tags = argument.split(":")

        def body(topic=topic, name=name, tags=tags):
            expected = recordset.at_offsets(recordset.load(directory, name, set(tags.split(","))))
            got = consume(bootstrap, topic, "-o", "beginning")
            unseen = {(r.partition, r.offset) for r in expected if "binary-header" in r.tags}
            def hidden(record):
                return replace(record, headers=()) if (record.partition, record.offset) in unseen else record
            recordset.compare(list(map(hidden, expected)), list(map(hidden, got)))

        checks.run(f"reads {topic}", body)
    return checks.failed


class Suite:
    """The checks of kcat against one server."""

    def __init__(self, bootstrap, prefix, directory):
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.bulk = recordset.load(directory, "bulk")
        self.large = recordset.load(directory, "large")
        self.admin = Client(bootstrap)
        self.checks = Checks()

    def run(self):
        """Every check; returns how many failed."""
        run = self.checks.run
        run("metadata", self.metadata)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            run(f"keys, nulls and headers, {codec}", lambda codec=codec: self.shapes(codec))
        run("thousands of records, idempotent", self.thousands)
        run("consume from an offset and from the end", self.from_offsets)
        run("consume from a timestamp", self.from_timestamp)
        run("large records", self.large_records)
        return self.checks.failed

    def topic(self, name):
        topic = f"{self.prefix}-{name}"
        self.admin.create(topic, 3, FOREVER)
        eventually({0, 1, 2}, lambda: self.admin.partitions(topic))
        return topic

    def metadata(self):
        topic = self.topic("metadata")
        listed = json.loads(kcat(self.bootstrap, "-L", "-J", "-t", topic))
        assert listed["brokers"] and listed["topics"][0]["topic"] == topic, listed
        assert [part["partition"] for part in listed["topics"][0]["partitions"]] == [0, 1, 2], listed
        assert all(part["leader"] == listed["brokers"][0]["id"] for part in listed["topics"][0]["partitions"]), listed
        return listed["brokers"]

    def shapes(self, codec):
        topic = self.topic(codec)
        kcat(self.bootstrap, "-P", "-t", topic, "-p", "1", "-z", codec, "-K", "|", "-Z", "-H", "a=1", "-H", "b=",
             "-H", "a=2", "-H", "n", stdin="k|v\n|no key\nno value|\nключ|🎁\n".encode())
        headers = (("a", b"1"), ("b", b""), ("a", b"2"), ("n", None))
        sent = [(b"k", b"v"), (None, b"no key"), (b"no value", None), ("ключ".encode(), "🎁".encode())]
        records = [recordset.Record(1, 0, key, value, headers) for key, value in sent]
        recordset.compare(recordset.at_offsets(records), consume(self.bootstrap, topic, "-o", "beginning"), FIELDS)

    def thousands(self):
        topic = self.topic("bulk")
        for partition in range(3):
            lines = b"".join(b"%s|%s\n" % (r.key, r.value) for r in self.bulk if r.partition == partition)
            kcat(self.bootstrap, "-P", "-t", topic, "-p", str(partition), "-K", "|", "-z", "lz4",
                 "-X", "enable.idempotence=true", stdin=lines)
        expected = [replace(record, headers=()) for record in recordset.at_offsets(self.bulk)]
        got = consume(self.bootstrap, topic, "-o", "beginning")
        recordset.compare(expected, got, FIELDS)
        return f"{len(got)} records"

    def from_offsets(self):
        topic = f"{self.prefix}-bulk"
        for start, first in (("1500", 1500), ("-10", 1990), ("1999", 1999)):
            got = consume(self.bootstrap, topic, "-p", "2", "-o", start)
            assert [record.offset for record in got] == list(range(first, 2000)), f"from {start}: {len(got)} records"

    def from_timestamp(self):
        topic = self.topic("times")
        self.admin.produce(topic, self.bulk[:3000])
        moment = self.bulk[1501].timestamp
        got = consume(self.bootstrap, topic, "-o", f"s@{moment}")
        expected = [record for record in recordset.at_offsets(self.bulk[:3000]) if record.timestamp >= moment]
        recordset.compare(expected, got)
        asked = kcat(self.bootstrap, "-Q", "-t", f"{topic}:0:{moment}", "-t", f"{topic}:1:-1").decode()
        assert f"{topic} [0] offset 501" in asked and f"{topic} [1] offset 1000" in asked, asked

    def large_records(self):
        topic = self.topic("large")
        for record in self.large:
            kcat(self.bootstrap, "-P", "-t", topic, "-p", str(record.partition), "-D", "<no delimiter>",
                 stdin=record.value)
        expected = [replace(record, key=None) for record in recordset.at_offsets(self.large)]
        got = consume(self.bootstrap, topic, "-o", "beginning")
        recordset.compare(expected, got, FIELDS)


def main():
    mode, bootstrap, *rest = sys.argv[1:]
    failed = Suite(bootstrap, *rest).run() if mode == "suite" else verify(bootstrap, rest[0], rest[1:])
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
