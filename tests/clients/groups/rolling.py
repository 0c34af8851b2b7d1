"""Rolling upgrades: the members of a classic group are restarted one by one with the new protocol, and then back.

    python3 rolling.py --client NAME --endpoint HOST:PORT                            a server that runs already
    python3 rolling.py --client NAME --program PATH [--runtime NAME] [--shards N]    one that is started here

Records are written to all partitions meanwhile. After each restart the partitions are dealt among the members; in the end
each record was read, no partition had two owners at a time, and no offset went back.
"""

import json
import sys
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TESTS / "harness"), str(TESTS / "system")]

import clients  # noqa: E402
from broker import Broker, Load  # noqa: E402
from ledger import Broken, Ledger  # noqa: E402
from members import Crowd  # noqa: E402
from place import arguments, place  # noqa: E402

NEW = "consumer"
# The members of the new protocol are dynamic: those of a static one would wait for its session to end.
LEFT_OUT = {NEW, "static", "static-consumer"}


class Rolling:
    """One group that begins with members of one classic way."""

    def __init__(self, client, bootstrap, way):
        self.bootstrap, self.way = bootstrap, way
        prefix = f"r{time.time_ns() // 1000}-{client.name}-{way}"
        self.topics = {f"{prefix}-five": 5, f"{prefix}-three": 3}
        self.partitions = [f"{topic}-{number}" for topic, count in self.topics.items() for number in range(count)]
        self.group = f"{prefix}-group"
        self.broker = Broker(bootstrap)
        self.ledger = Ledger(self.partitions, static=False)
        self.crowd = Crowd(client.command, self.topics, {}, {way: self.ledger, NEW: self.ledger})
        self.failed = 0

    def check(self, name, body):
        """Run one check; the first that fails ends the run."""
        began, ok = time.monotonic(), True
        self.crowd.be_patient()
        try:
            detail = body() or ""
        except Exception as error:
            traceback.print_exc()
            detail, ok = f"{type(error).__name__}: {error}", False
            self.failed += 1
        print(json.dumps({"check": f"{self.way}: {name}", "ok": ok, "detail": str(detail)[:600],
                          "seconds": round(time.monotonic() - began, 2)}), flush=True)
        return ok

    def start(self, name, way):
        self.crowd.groups = {way: self.group}
        return self.crowd.start(self.bootstrap, name).name

    def settles(self):
        since = time.time()
        self.crowd.wait(self.way, lambda ledger: ledger.covered_by(self.members))
        return f"after {max(self.ledger.settled_at() - since, 0):.2f} s"

    def kind(self):
        """`classic` or `consumer`."""
        listed = self.broker.admin.list_consumer_groups().result(30)
        (kind,) = [group.type.name.lower() for group in listed.valid if group.group_id == self.group]
        return kind

    def rolls_to(self, way, kind):
        """Restart the members one by one as members of `way`; in the end the group is of that kind."""
        for at, old in enumerate(list(self.members)):
            self.crowd.running[old].leave()
            self.members[at] = self.start("abc"[at], way)
            if not self.check(f"{old} restarts as {way}", self.settles):
                return False

        def is_of_that_kind():
            if self.kind() != kind:
                raise Broken(f"the group is {self.kind()}")
        return self.check(f"the group is {kind}", is_of_that_kind)

    def until(self, holds, why):
        """Wait until something holds that the server says."""
        limit = time.monotonic() + 30
        while not holds():
            if time.monotonic() > limit:
                raise Broken(why())
            time.sleep(0.2)

    def goes_on(self, load):
        """The last rebalance is over: every member commits again. What one reads in its course it may not commit any more,
        and it would be read again only by the next member."""
        marks = dict(load.acknowledged)

        def goes_on():
            found = self.broker.committed(self.group)
            return self.broker.states()[self.group] == "STABLE" and all(found[part] > mark for part, mark in marks.items())
        self.until(goes_on, lambda: f"committed {self.broker.committed(self.group)}, wanted more than {marks}")

    def all_was_seen(self, load):
        ends = load.finish()
        self.crowd.wait(self.way, lambda ledger: all(len(ledger.seen[part]) >= end for part, end in ends.items()))
        self.ledger.check_complete(ends)
        self.until(lambda: self.broker.committed(self.group) == ends,
                   lambda: f"committed {self.broker.committed(self.group)}, read {ends}")
        return f"{sum(ends.values())} records"

    def walk(self):
        walked = self.ledger.check()
        return f"{walked.handed_over} hand-overs, {walked.seen_again} records seen again, notes {dict(self.ledger.notes)}"

    def run(self):
        """Every step; returns how many checks failed."""
        self.broker.create(self.topics)
        load = Load(self.broker, self.partitions)
        load.start()
        try:
            self.members = [self.start(name, self.way) for name in "abc"]
            if self.check("three members share the partitions", self.settles) \
                    and self.rolls_to(NEW, "consumer") and self.rolls_to(self.way, "classic"):
                self.check("all members go on", lambda: self.goes_on(load))
                self.check("each record is seen and committed", lambda: self.all_was_seen(load))
                self.check("each partition is owned once, no offset goes back", self.walk)
        finally:
            load.over.set()
            self.crowd.close()
        return self.failed


def main():
    parser = arguments(__doc__)
    parser.add_argument("--client", required=True)
    options = parser.parse_args()
    (client,) = [client for client in clients.all_clients(TESTS / ".work") if client.name == options.client]
    with place(options) as (bootstrap, _):
        failed = sum(Rolling(client, bootstrap, way).run() for way in client.ways if way not in LEFT_OUT)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
