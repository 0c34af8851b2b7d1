"""The calls of a web interface (see WebInterface.java), while groups of all ways of confluent-kafka-python read.

    python3 interface.py --libs LIBS --endpoint HOST:PORT
    python3 interface.py --libs LIBS --program PATH [--runtime NAME] [--shards N]

Each call must be answered as Kafka answers it, and the members must not notice: nobody owns anything else afterwards.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
TESTS = CLIENTS.parent
sys.path[:0] = [str(CLIENTS / "groups"), str(TESTS / "harness"), str(TESTS / "system")]

import clients  # noqa: E402
from broker import Load  # noqa: E402
from ledger import Broken  # noqa: E402
from place import arguments, place  # noqa: E402
from suite import Suite  # noqa: E402

MEMBERS = "confluent"
SOURCES = ("kafka-tools/WebInterface.java", "java/Checks.java")
ROUNDS = 3


class Interface(Suite):
    """The groups, and the interface beside them."""

    def run(self, libs):
        """Every step; returns how many checks failed."""
        self.broker.create(self.topics)
        load = Load(self.broker, self.partitions)
        load.start()
        try:
            self.two_members()
            self.check("members have committed", self.has_committed)
            since = time.time()
            self.failed += self.look(libs)
            self.check("the members did not notice", lambda way, ledger: self.unnoticed(ledger, since))
            self.all_was_seen(load)
        finally:
            load.over.set()
            self.crowd.close()
        self.groups_are_deleted()
        return self.failed

    def has_committed(self, way, _):
        limit = time.monotonic() + 30
        while set(self.broker.committed(self.groups[way])) != set(self.partitions):
            if time.monotonic() > limit:
                raise Broken(f"committed only {self.broker.committed(self.groups[way])}")
            time.sleep(0.1)

    def look(self, libs):
        """Let the interface make its calls a few times; returns how often that went wrong."""
        kinds = [f"{group}:{'Consumer' if way.endswith('consumer') else 'Classic'}" for way, group in self.groups.items()]
        with tempfile.TemporaryDirectory(prefix="kelpgate-") as classes:
            subprocess.run(["javac", "-Xlint:all,-processing", "-d", classes, "-cp", f"{libs}/*",
                            *(CLIENTS / source for source in SOURCES)], check=True)
            command = ["java", *clients.JAVA, "-cp", f"{classes}:{libs}/*", "WebInterface", self.bootstrap, *kinds]
            return sum(subprocess.run(command, timeout=120).returncode != 0 for _ in range(ROUNDS))

    def unnoticed(self, ledger, since):
        changes = ledger.changes_since(since, self.members)
        if changes:
            raise Broken(f"{changes}, notes {dict(ledger.notes)}")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--libs", required=True)
    options = parser.parse_args()
    (client,) = [client for client in clients.all_clients(TESTS / ".work") if client.name == MEMBERS]
    with place(options) as (bootstrap, server):
        failed = Interface(client, bootstrap, server, client.ways).run(options.libs)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
