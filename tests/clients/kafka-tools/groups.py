"""The checks of groups with Apache Kafka's own command-line tools: what kafka-consumer-groups.sh and kafka-groups.sh show and do.

    python3 groups.py --libs LIBS --endpoint HOST:PORT
    python3 groups.py --libs LIBS --program PATH [--runtime NAME] [--shards N]

Console consumers are the members. What the tools print is compared with what Apache Kafka makes them print.
"""

import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "python"), str(HERE.parent / "groups"), str(HERE.parent.parent / "system")]

from broker import Broker  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from place import arguments, place  # noqa: E402
from suite import Checks  # noqa: E402
from tools import Tools  # noqa: E402

GROUPS = "consumer.group.ConsumerGroupCommand"
RECORDS = 100
PATIENCE = 40


class Consumers:
    """Console consumers of one group, as processes; what they print is thrown away."""

    def __init__(self, tools, topic, group, protocol, count):
        command = tools.command("consumer.ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning",
                                "--command-property", f"group.protocol={protocol}")
        self.processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)]

    def leave(self):
        """End them with SIGTERM, upon which they commit and leave."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE)

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait(PATIENCE)


class Suite:
    """The checks of the tools against one server."""

    def __init__(self, tools, broker, prefix):
        self.tools, self.broker = tools, broker
        self.topic, self.other = f"{prefix}-read", f"{prefix}-other"
        self.classic, self.modern = f"{prefix}-classic", f"{prefix}-modern"
        self.checks = Checks()
        self.consumers = []

    def run(self):
        """Every check; returns how many failed."""
        self.broker.create({self.topic: 3, self.other: 1})
        self.write()
        try:
            for check in (self.joined, self.listed, self.offsets, self.members, self.state, self.new_protocol_members,
                          self.refusals, self.empty, self.reset, self.reset_by_time, self.reset_from_file,
                          self.consumes_from_there, self.delete_offsets, self.delete):
                self.checks.run(check.__name__.replace("_", " "), check)
        finally:
            for consumers in self.consumers:
                consumers.kill()
        self.broker.delete([self.topic, self.other])
        return self.checks.failed

    def write(self):
        """So many records to each partition."""
        producer = Producer(self.broker.settings)
        for number in range(RECORDS):
            for topic, partition in ((self.topic, 0), (self.topic, 1), (self.topic, 2), (self.other, 0)):
                producer.produce(topic, b"%d" % number, partition=partition)
        assert producer.flush(30) == 0

    def groups(self, *flags):
        """What kafka-consumer-groups.sh prints; it ends with exit code 0 whatever happens."""
        return self.tools.run(GROUPS, *flags)

    def describe(self, group, *flags):
        """The lines of a description that tell of the group, as lists of words."""
        return [line.split() for line in self.groups("--describe", "--group", group, *flags).splitlines() if line.startswith(group)]

    def until(self, holds, ask):
        """Ask until the answer is as wanted; returns it."""
        limit = time.monotonic() + PATIENCE
        while not holds(answer := ask()):
            assert time.monotonic() < limit, answer
        return answer

    def joined(self):
        """Two classic members and one of the new protocol read everything."""
        self.consumers = [Consumers(self.tools, self.topic, self.classic, "classic", 2),
                          Consumers(self.tools, self.topic, self.modern, "consumer", 1)]
        # A consumer that has not committed shows "-" for its offset and lag.
        for group, members in ((self.classic, 2), (self.modern, 1)):
            self.until(lambda lines, members=members: len(lines) == 3 and len({line[6] for line in lines}) == members
                       and all(line[5] == "0" for line in lines), lambda group=group: self.describe(group))

    def listed(self):
        shown = self.groups("--list").split()
        assert self.classic in shown and self.modern in shown, shown
        for flags, wanted in ((("--state",), "Stable"), (("--type",), "Classic")):
            assert re.search(rf"^{self.classic}\s+{wanted}\s*$", self.groups("--list", *flags), re.MULTILINE)
        assert self.classic not in self.groups("--list", "--state", "empty,dead")
        both = self.tools.run("GroupsCommand", "--list")
        assert re.search(rf"^{self.classic}\s+Classic\s+consumer", both, re.MULTILINE), both
        assert re.search(rf"^{self.modern}\s+Consumer\s+consumer", both, re.MULTILINE), both

    def offsets(self):
        """GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID"""
        for line in self.describe(self.classic):
            assert line[1] == self.topic and line[3:6] == [str(RECORDS), str(RECORDS), "0"], line
            assert re.fullmatch(r"console-consumer-[\w-]{22,36}", line[6]) and line[7].startswith("/") and line[8] == "console-consumer", line

    def members(self):
        """GROUP CONSUMER-ID HOST CLIENT-ID #PARTITIONS CURRENT-EPOCH CURRENT-ASSIGNMENT TARGET-EPOCH TARGET-ASSIGNMENT"""
        lines = self.describe(self.classic, "--members")
        assert sorted(line[4] for line in lines) == ["1", "2"], lines
        verbose = self.describe(self.classic, "--members", "--verbose")
        owned = sorted(part for line in verbose for part in line[6].removeprefix(f"{self.topic}:").split(","))
        assert owned == ["0", "1", "2"], verbose

    def state(self):
        """GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE #MEMBERS"""
        (line,) = self.describe(self.classic, "--state")
        assert line[-3:] == ["range", "Stable", "2"], line
        everything = self.groups("--describe", "--all-groups", "--state")
        assert self.classic in everything and self.modern in everything, everything

    def new_protocol_members(self):
        (line,) = self.describe(self.modern, "--state")
        assert line[-3:] == ["uniform", "Stable", "1"], line
        (verbose,) = self.describe(self.modern, "--members", "--verbose")
        epochs = [int(word) for word in verbose if word.isdecimal()]
        assert f"{self.topic}:0,1,2" in " ".join(verbose) and len(epochs) >= 2 and min(epochs) >= 1, verbose
        return " ".join(verbose)

    def refusals(self):
        """What must not be done to a group with members."""
        scope = ("--group", self.classic, "--topic", self.topic)
        printed = self.groups("--reset-offsets", *scope, "--to-earliest", "--execute")
        assert "is inactive, but the current state is Stable" in printed, printed
        printed = self.groups("--delete", "--group", self.classic)
        assert "GroupNotEmptyException" in printed, printed
        printed = self.groups("--delete-offsets", *scope)
        assert "subscribed" in printed.lower(), printed
        assert all(line[3] == str(RECORDS) for line in self.describe(self.classic))

    def empty(self):
        for consumers in self.consumers:
            consumers.leave()
        printed = self.groups("--describe", "--group", self.classic, "--state")
        assert re.search(r"Empty\s+0", printed), printed
        lines = self.describe(self.classic)
        assert len(lines) == 3 and all(line[6:] == ["-", "-", "-"] for line in lines), lines
        assert re.search(rf"^{self.modern}\s+Empty", self.groups("--list", "--state", "empty"), re.MULTILINE)

    def reset_to(self, group, *flags, execute="--execute"):
        """Reset the offsets of a group; returns the new ones by partition, as the tool prints them."""
        printed = self.groups("--reset-offsets", "--group", group, execute, *flags)
        found = re.findall(rf"^{group}\s+{self.topic}\s+(\d)\s+(\d+)\s*$", printed, re.MULTILINE)
        assert found, printed
        return {int(partition): int(offset) for partition, offset in found}

    def committed(self, group):
        return {int(line[2]): int(line[3]) for line in self.describe(group)}

    def reset(self):
        everything = dict.fromkeys(range(3), RECORDS)
        assert self.reset_to(self.classic, "--topic", self.topic, "--to-earliest", execute="--dry-run") == dict.fromkeys(range(3), 0)
        assert self.committed(self.classic) == everything
        assert self.reset_to(self.classic, "--topic", f"{self.topic}:1", "--to-offset", "10") == {1: 10}
        assert self.committed(self.classic) == {**everything, 1: 10}
        assert self.reset_to(self.classic, "--all-topics", "--shift-by", "-7") == {0: 93, 1: 3, 2: 93}
        assert self.reset_to(self.modern, "--topic", self.topic, "--to-earliest") == dict.fromkeys(range(3), 0)
        assert self.reset_to(self.modern, "--topic", self.topic, "--to-latest") == everything
        assert self.committed(self.modern) == everything

    def reset_by_time(self):
        """A moment before the first record leads to the first, a moment after the last to the end."""
        before = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000")
        assert self.reset_to(self.modern, "--topic", self.topic, "--to-datetime", before) == dict.fromkeys(range(3), 0)
        assert self.reset_to(self.modern, "--topic", self.topic, "--by-duration", "PT0S") == dict.fromkeys(range(3), RECORDS)

    def reset_from_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as plan:
            plan.write("".join(f"{self.topic},{partition},{40 + partition}\n" for partition in range(3)))
            plan.flush()
            assert self.reset_to(self.classic, "--from-file", plan.name) == {0: 40, 1: 41, 2: 42}
        return self.committed(self.classic)

    def consumes_from_there(self):
        """A member that comes now reads the rest and nothing else."""
        rest = 3 * RECORDS - (40 + 41 + 42)
        printed = self.tools.run("consumer.ConsoleConsumer", "--topic", self.topic, "--group", self.classic,
                                 "--max-messages", str(rest), "--timeout-ms", "20000")
        assert sorted(map(int, printed.split())) == sorted(number for first in (40, 41, 42) for number in range(first, RECORDS))
        assert self.committed(self.classic) == dict.fromkeys(range(3), RECORDS)

    def delete_offsets(self):
        printed = self.groups("--delete-offsets", "--group", self.classic, "--topic", f"{self.topic}:0")
        assert re.search(rf"{self.topic}\s+0\s+Successful", printed), printed
        assert set(self.committed(self.classic)) == {1, 2}

    def delete(self):
        printed = self.groups("--delete", "--group", self.classic, "--group", self.modern)
        assert "was successful" in printed, printed
        shown = self.groups("--list").split()
        assert self.classic not in shown and self.modern not in shown, shown
        printed = self.groups("--describe", "--group", self.classic)
        assert "GroupIdNotFoundException" in printed, printed


def main():
    parser = arguments(__doc__)
    parser.add_argument("--libs", required=True)
    options = parser.parse_args()
    with place(options) as (bootstrap, _):
        failed = Suite(Tools(options.libs, bootstrap), Broker(bootstrap), f"t{time.time_ns() // 1000}").run()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
