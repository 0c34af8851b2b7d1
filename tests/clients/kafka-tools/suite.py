"""The checks of Apache Kafka's own command-line tools.

    python3 suite.py LIBS suite BOOTSTRAP PREFIX RECORDS

LIBS is the folder of jars; the tools make records of their own. What the tools print is compared with what Apache Kafka makes them print.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
from suite import Checks, eventually  # noqa: E402
from tools import Tools  # noqa: E402

LINES = 3000


class Suite:
    """The checks of the tools against one server."""

    def __init__(self, bootstrap, prefix, libs):
        self.tool = Tools(libs, bootstrap).run
        self.topic = f"{prefix}-tools"
        self.checks = Checks()

    def run(self):
        """Every check; returns how many failed."""
        for check in (self.api_versions, self.cluster, self.create, self.describe, self.configs, self.alter_configs,
                      self.broker_configs, self.produce_and_consume, self.performance, self.offsets, self.consume_from,
                      self.delete_records, self.log_dirs, self.more_partitions, self.delete):
            self.checks.run(check.__name__.replace("_", " "), check)
        return self.checks.failed

    def api_versions(self):
        printed = self.tool("BrokerApiVersionsCommand")
        for api in ("Produce(0): 0 to", "Fetch(1):", "ListOffsets(2):", "Metadata(3): 0 to", "ApiVersions(18): 0 to",
                    "CreateTopics(19):", "InitProducerId(22):", "IncrementalAlterConfigs(44):", "DescribeCluster(60):"):
            assert api in printed, f"no {api} in {printed}"
        return f"{printed.count('usable')} usable"

    def cluster(self):
        printed = self.tool("ClusterTool", "cluster-id")
        assert re.search(r"Cluster ID: \S+", printed), printed
        return printed.strip()

    def create(self):
        wanted = ("--topic", self.topic, "--partitions", "3", "--replication-factor", "1", "--config", "retention.ms=-1")
        assert f"Created topic {self.topic}." in self.tool("TopicCommand", "--create", *wanted)
        assert "already exists" in self.tool("TopicCommand", "--create", *wanted, fails=True)
        assert self.topic in self.tool("TopicCommand", "--list").split()

    def describe(self):
        printed = self.tool("TopicCommand", "--describe", "--topic", self.topic)
        assert re.search(r"TopicId: [\w-]{22}\s+PartitionCount: 3\s+ReplicationFactor: 1", printed), printed
        assert "retention.ms=-1" in printed, printed
        for partition in range(3):
            assert re.search(rf"Partition: {partition}\s+Leader: (\d+)\s+Replicas: \1\s+Isr: \1", printed), printed
        for flag in ("--under-replicated-partitions", "--unavailable-partitions"):
            assert self.topic not in self.tool("TopicCommand", "--describe", flag)

    def topic_configs(self, *flags):
        return self.tool("kafka.admin.ConfigCommand", "--describe", "--entity-type", "topics", "--entity-name", self.topic,
                         *flags)

    def configs(self):
        printed = self.topic_configs("--all")
        assert re.search(r"retention\.ms=-1 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention\.ms=-1", printed), printed
        assert re.search(r"cleanup\.policy=delete .*DEFAULT_CONFIG:log\.cleanup\.policy=delete", printed), printed
        return f"{printed.count('sensitive=')} configs"

    def alter_configs(self):
        alter = ("--alter", "--entity-type", "topics", "--entity-name", self.topic)
        printed = self.tool("kafka.admin.ConfigCommand", *alter, "--add-config", "max.message.bytes=2000000,flush.ms=5000")
        assert "Completed updating config" in printed, printed
        eventually(True, lambda: "max.message.bytes=2000000" in self.topic_configs())
        self.tool("kafka.admin.ConfigCommand", *alter, "--delete-config", "flush.ms")
        eventually(False, lambda: "flush.ms" in self.topic_configs())
        refused = self.tool("kafka.admin.ConfigCommand", *alter, "--add-config", "retention.ms=soon", fails=True)
        assert "InvalidConfigurationException" in refused, refused

    def broker_configs(self):
        node = re.search(r"\(id: (\d+) ", self.tool("BrokerApiVersionsCommand")).group(1)
        printed = self.tool("kafka.admin.ConfigCommand", "--describe", "--all", "--entity-type", "brokers", "--entity-name", node)
        assert "log.retention.hours=168" in printed and "num.partitions=" in printed, printed[:1000]
        return f"{printed.count('sensitive=')} configs"

    def consume(self, partition, count, *flags):
        shown = [f"--formatter-property=print.{what}=true" for what in ("key", "headers", "offset", "partition")]
        printed = self.tool("consumer.ConsoleConsumer", "--topic", self.topic, "--partition", str(partition),
                            "--max-messages", str(count), "--timeout-ms", "20000", "--formatter-property", "null.literal=<null>",
                            *shown, *flags)
        return printed.splitlines()

    def produce_and_consume(self):
        lines = "h:1,h:2\tk1\tv1\nh:3\t<null>\t<null>\na:b\tk1\t\n"
        self.tool("ConsoleProducer", "--topic", self.topic, "--compression-codec", "zstd",
                  "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
                  "--reader-property", "null.marker=<null>", stdin=lines)
        filled = re.findall(rf"{self.topic}:(\d):([1-9]\d*)", self.tool("GetOffsetShell", "--topic", self.topic))
        assert sum(int(count) for _, count in filled) == 3, filled
        got = [line for partition, count in filled for line in self.consume(partition, int(count), "--offset", "earliest")]
        shown = sorted(line.split("\t", 2)[2] for line in got)
        assert shown == ["a:b\tk1\t", "h:1,h:2\tk1\tv1", "h:3\t<null>\t<null>"], shown

    def performance(self):
        printed = self.tool("ProducerPerformance", "--topic", self.topic, "--num-records", str(LINES), "--record-size", "100",
                            "--throughput", "-1", "--command-property", "compression.type=lz4", "enable.idempotence=true")
        assert f"{LINES} records sent" in printed, printed
        return printed.strip().splitlines()[-1]

    def offsets_at(self, *flags):
        printed = self.tool("GetOffsetShell", "--topic", self.topic, *flags)
        return [int(line.rsplit(":", 1)[1]) for line in sorted(printed.split())]

    def offsets(self):
        latest = self.offsets_at()
        assert sum(latest) == LINES + 3, latest
        assert self.offsets_at("--time", "earliest") == [0, 0, 0]
        newest = self.offsets_at("--time", "max-timestamp")
        assert all(-1 <= offset < end for offset, end in zip(newest, latest)), (newest, latest)
        assert self.offsets_at("--time", "0") == [0, 0, 0]
        return latest

    def consume_from(self):
        end = self.offsets_at()
        partition = end.index(max(end))
        got = self.consume(partition, 10, "--offset", str(end[partition] - 10))
        numbers = [int(re.search(r"Offset:(\d+)", line).group(1)) for line in got]
        assert numbers == list(range(end[partition] - 10, end[partition])), numbers

    def delete_records(self):
        end = self.offsets_at()
        partition = end.index(max(end))
        with tempfile.NamedTemporaryFile("w") as asked:
            json.dump({"version": 1, "partitions": [{"topic": self.topic, "partition": partition, "offset": 50}]}, asked)
            asked.flush()
            printed = self.tool("DeleteRecordsCommand", "--offset-json-file", asked.name)
        assert f"partition: {self.topic}-{partition}\tlow_watermark: 50" in printed, printed
        assert self.offsets_at("--time", "earliest")[partition] == 50

    def log_dirs(self):
        printed = self.tool("LogDirsCommand", "--describe", "--topic-list", self.topic)
        (line,) = [line for line in printed.splitlines() if line.startswith("{")]
        (broker,) = json.loads(line)["brokers"]
        parts = {part["partition"]: part["size"] for place in broker["logDirs"] for part in place["partitions"]}
        assert set(parts) == {f"{self.topic}-{n}" for n in range(3)} and sum(parts.values()) > 1000, parts
        return parts

    def more_partitions(self):
        self.tool("TopicCommand", "--alter", "--topic", self.topic, "--partitions", "4")
        assert "PartitionCount: 4" in self.tool("TopicCommand", "--describe", "--topic", self.topic)

    def delete(self):
        self.tool("TopicCommand", "--delete", "--topic", self.topic)
        assert self.topic not in self.tool("TopicCommand", "--list").split()


if __name__ == "__main__":
    _, libs, _, bootstrap, prefix, _ = sys.argv
    sys.exit(1 if Suite(bootstrap, prefix, libs).run() else 0)
