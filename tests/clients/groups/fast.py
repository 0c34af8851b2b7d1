"""Ten thousand records a second and partition, through rebalances.

    python3 fast.py --client NAME --endpoint HOST:PORT
    python3 fast.py --client NAME --program PATH [--runtime NAME] [--shards N]

Two members read; one joins, one leaves, one is killed. What is asserted is that everything that was written at this rate
was seen, by members of which no two owned a partition at a time, and that no offset went back.
"""

import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TESTS / "harness"), str(TESTS / "system")]

import clients  # noqa: E402
from broker import Load  # noqa: E402
from ledger import Broken  # noqa: E402
from place import arguments, place  # noqa: E402
from suite import Suite  # noqa: E402

WAYS = ("cooperative-sticky", "consumer")
PARTITIONS = 3
RATE = 10_000
# Seconds between the changes.
FLOW = 3


class Fast(Suite):
    """The steps at this rate."""

    def run(self):
        """Every step; returns how many checks failed."""
        self.broker.create(self.topics)
        load = Load(self.broker, self.partitions, RATE)
        load.start()
        began = time.monotonic()
        try:
            _, before = self.two_members()
            time.sleep(FLOW)
            self.one_joins(None, before)
            time.sleep(FLOW)
            self.one_goes("one leaves", lambda member: member.leave())
            time.sleep(FLOW)
            self.one_goes("one is killed", lambda member: member.kill())
            time.sleep(FLOW)
            took = time.monotonic() - began
            self.all_was_seen(load)
            self.check("the rate was held", lambda *_: self.rate_was_held(load, took))
        finally:
            load.over.set()
            self.crowd.close()
        self.groups_are_deleted()
        return self.failed

    def one_goes(self, name, end):
        _, self.members = self.goes(name, self.members[0], end)

    def rate_was_held(self, load, took):
        """The load writes by the clock: if all that it wrote was acknowledged, and seen, the rate was held."""
        if set(load.acknowledged.values()) != {load.written}:
            raise Broken(f"wrote {load.written} to each partition, acknowledged {dict(load.acknowledged)}")
        return f"{load.written} records to each of {PARTITIONS} partitions, {load.written / took:.0f} a second"


def main():
    parser = arguments(__doc__)
    parser.add_argument("--client", required=True)
    options = parser.parse_args()
    (client,) = [client for client in clients.all_clients(TESTS / ".work") if client.name == options.client]
    with place(options) as (bootstrap, _):
        failed = Fast(client, bootstrap, None, WAYS, {"fast": PARTITIONS}).run()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
