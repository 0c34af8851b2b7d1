"""A hundred and twenty groups at once that read the same topic while it is written to, half of them in each protocol.

    python3 many.py --endpoint HOST:PORT
    python3 many.py --program PATH [--runtime NAME] [--shards N]

Each group forms with one member, gains a second, and loses the first. In the end each has seen each record and committed
all of them, no partition had two owners at a time, and no offset went back.
"""

import json
import sys
import threading
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TESTS / "harness"), str(TESTS / "system"), str(TESTS / "clients/python")]

import group_confluent  # noqa: E402
from broker import Broker, Load  # noqa: E402
from ledger import Broken, Ledger  # noqa: E402
from member import Member  # noqa: E402
from place import arguments, place  # noqa: E402

WAYS = ("range", "consumer")
GROUPS = 120
PARTITIONS = 4
RATE = 25
FLOW = 8
PATIENCE = 120


class Seat(Member):
    """A member on a thread of this process that tells its group's ledger."""

    def __init__(self, group, name, bootstrap, topic):
        super().__init__(bootstrap, name, [topic], group.way, group.name, threading.Event())
        self.ledger, self.changed = group.ledger, group.changed
        self.thread = threading.Thread(target=self.take_part, daemon=True)
        self.thread.start()

    def take_part(self):
        try:
            group_confluent.take_part(self)
        except Exception as error:
            traceback.print_exc()
            self.tell(failed=f"{type(error).__name__}: {error}")

    def tell(self, **event):
        with self.changed:
            self.ledger.tell(self.name, {"at": time.time(), **event})
            self.changed.notify_all()

    def leave(self):
        """Let it leave the group; returns when it has."""
        self.leaving.set()
        self.thread.join(PATIENCE)
        self.tell(dead=True)


class Group:
    """One group and its members."""

    def __init__(self, name, way, partitions):
        self.name, self.way = name, way
        self.ledger = Ledger(partitions, static=False)
        self.changed = threading.Condition()
        self.seats = []

    def wait(self, limit, holds):
        """Wait until something holds of the ledger."""
        with self.changed:
            while not holds(self.ledger):
                if self.ledger.failures or time.monotonic() > limit:
                    raise Broken(f"{self.name}: owners {dict(self.ledger.owners)}, notes {dict(self.ledger.notes)}, "
                                 f"failed {self.ledger.failures}")
                self.changed.wait(0.5)


class Many:
    """The groups and the steps they go through."""

    def __init__(self, bootstrap, server):
        self.bootstrap, self.server = bootstrap, server
        prefix = f"m{time.time_ns() // 1000}"
        self.topic = f"{prefix}-topic"
        partitions = [f"{self.topic}-{number}" for number in range(PARTITIONS)]
        self.broker = Broker(bootstrap)
        self.broker.create({self.topic: PARTITIONS})
        self.groups = [Group(f"{prefix}-{number}", WAYS[number % len(WAYS)], partitions) for number in range(GROUPS)]
        self.load = Load(self.broker, partitions, RATE, pause=0.2)
        self.failed = 0

    def check(self, body):
        """Run one check, named by its function; the first that fails ends the run."""
        began, ok = time.monotonic(), True
        cpu = self.server.cpu() if self.server else 0
        try:
            detail = body() or f"{GROUPS} groups"
        except Exception as error:
            traceback.print_exc()
            detail, ok = f"{type(error).__name__}: {error}", False
            self.failed += 1
        if self.server:
            detail += f", {self.server.cpu() - cpu:.2f} s of the server's processor time, {self.server.memory() >> 20} MiB resident"
        print(json.dumps({"check": body.__name__.replace("_", " "), "ok": ok, "detail": detail[:600],
                          "seconds": round(time.monotonic() - began, 2)}), flush=True)
        return ok

    def run(self):
        """Every step; returns how many checks failed."""
        steps = (self.all_form, self.records_flow, self.each_gains_a_member, self.each_loses_its_first_member,
                 self.each_record_is_seen, self.no_lag_is_left, self.all_are_listed_and_stable,
                 self.each_partition_is_owned_once, self.the_empty_groups_are_deleted)
        self.load.start()
        try:
            all(self.check(step) for step in steps)
        finally:
            self.load.over.set()
        return self.failed

    def gain(self, name):
        for group in self.groups:
            group.seats.append(Seat(group, name, self.bootstrap, self.topic))
        return self.settle()

    def settle(self):
        """Wait until the members of each group share the partitions."""
        began = time.time()
        for group in self.groups:
            names = [seat.name for seat in group.seats]
            group.wait(time.monotonic() + PATIENCE, lambda ledger, names=names: ledger.covered_by(names))
        return f"{GROUPS} groups after {max(group.ledger.settled_at() for group in self.groups) - began:.2f} s"

    def all_form(self):
        return self.gain("first")

    def each_gains_a_member(self):
        return self.gain("second")

    def each_loses_its_first_member(self):
        leavers = [group.seats.pop(0) for group in self.groups]
        for seat in leavers:
            seat.leaving.set()
        for seat in leavers:
            seat.leave()
        return self.settle()

    def records_flow(self):
        """For some seconds; every group keeps up."""
        time.sleep(FLOW)
        return self.seen(dict(self.load.acknowledged))

    def seen(self, ends):
        limit = time.monotonic() + PATIENCE
        for group in self.groups:
            group.wait(limit, lambda ledger: all(len(ledger.seen[part]) >= end for part, end in ends.items()))
        return f"{sum(ends.values())} records in each of {GROUPS} groups"

    def each_record_is_seen(self):
        self.ends = self.load.finish()
        told = self.seen(self.ends)
        for group in self.groups:
            group.ledger.check_complete(self.ends)
        return told

    def no_lag_is_left(self):
        limit = time.monotonic() + PATIENCE
        for group in self.groups:
            while (found := self.broker.committed(group.name)) != self.ends:
                if time.monotonic() > limit:
                    raise Broken(f"{group.name} committed {found}, read {self.ends}")
                time.sleep(0.1)

    def all_are_listed_and_stable(self):
        self.are("STABLE")

    def are(self, state):
        states = self.broker.states()
        others = {group.name: states.get(group.name) for group in self.groups if states.get(group.name) != state}
        if others:
            raise Broken(f"not {state}: {others}")

    def each_partition_is_owned_once(self):
        for group in self.groups:
            for seat in group.seats:
                seat.leaving.set()
        for group in self.groups:
            for seat in group.seats:
                seat.leave()
        walks = [group.ledger.check() for group in self.groups]
        handed, again = sum(walk.handed_over for walk in walks), sum(walk.seen_again for walk in walks)
        return f"{handed} hand-overs, {again} records seen again"

    def the_empty_groups_are_deleted(self):
        self.are("EMPTY")
        for group in self.groups:
            self.broker.delete_group(group.name)
        states = self.broker.states()
        left = [group.name for group in self.groups if group.name in states]
        if left:
            raise Broken(f"still listed: {left}")
        self.broker.delete([self.topic])


def main():
    options = arguments(__doc__).parse_args()
    with place(options) as (bootstrap, server):
        failed = Many(bootstrap, server).run()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
