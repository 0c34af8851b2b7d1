"""The checks of consumer groups with the members of one client.

    python3 suite.py --client NAME --endpoint HOST:PORT                            a server that runs already
    python3 suite.py --client NAME --program PATH [--runtime NAME] [--shards N]    one that is started, killed and restarted here

Each way that the client knows to be a member (an assignor, static membership, the new protocol) has a group of its own.
The groups go through everything side by side: a process has one member in each group, so that one kill is a kill in all.
Records are written to all partitions from the first step to the last.
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
from wire import Connection, array, string  # noqa: E402

# Who has a partition keeps it when another member joins; the incremental ones do not even pause.
STICKY = {"sticky", "cooperative-sticky", "consumer", "static-consumer"}
INCREMENTAL = {"cooperative-sticky", "consumer", "static-consumer"}
# kafka-python and aiokafka list their topics in the order of a set. Where two members list them differently, their assignor
# moves one partition more than a newcomer needs.
LISTS_IN_ANY_ORDER = "sticky"
# Before 4.0 the Java client's members of the new protocol reset partitions that come while the committed offsets of others
# are on their way, whatever is committed for them (KAFKA-17066, KAFKA-17674).
RESETS_LATE_PARTITIONS = ("java-3.9.1", {"consumer", "static-consumer"})
# The partitions of a static member wait for it. In the new protocol one that is killed must first be given up: until its
# session ends nobody may come with its name (UNRELEASED_INSTANCE_ID).
STATIC, NEW_STATIC = "static", "static-consumer"
WAIT_FOR_LEAVERS = {STATIC, NEW_STATIC}
WAIT_FOR_KILLED = {STATIC}
# Milliseconds: more than a process takes to start, and less than the patience of a check.
LONG_SESSION, SHORT_SESSION = 30_000, 6_000
# Seconds in which every member hears of another session.
HEARTBEATS = 2
LEAVE_GROUP = 13
TOPICS = {"five": 5, "three": 3}


class Suite:
    """One run of the steps with one client. A way whose group breaks is not asked again."""

    def __init__(self, client, bootstrap, server, ways, topics=TOPICS):
        """`topics` are names and numbers of partitions."""
        self.bootstrap, self.server = bootstrap, server
        prefix = f"g{time.time_ns() // 1000}-{client.name}"
        self.topics = {f"{prefix}-{name}": count for name, count in topics.items()}
        self.partitions = [f"{topic}-{number}" for topic, count in self.topics.items() for number in range(count)]
        self.groups = {way: f"{prefix}-{way}" for way in ways}
        self.ways = list(ways)
        self.broker = Broker(bootstrap)
        forgetful, its_ways = RESETS_LATE_PARTITIONS
        resets = its_ways if client.name == forgetful else ()
        ledgers = {way: Ledger(self.partitions, way == STATIC, way in resets) for way in ways}
        self.crowd = Crowd(client.command, self.topics, self.groups, ledgers)
        self.failed = 0

    def check(self, name, body, ways=None):
        """Run one check in each group, `body(way, ledger)`; where it fails, that group's later checks are left out."""
        self.crowd.be_patient()
        for way in list(self.ways if ways is None else ways):
            began, ok = time.monotonic(), True
            ledger = self.crowd.ledgers[way]
            try:
                detail = body(way, ledger) or ""
            except Exception as error:
                traceback.print_exc()
                print(f"--- what the members of {way} owned, in order:", *ledger.ownership(), sep="\n", file=sys.stderr)
                detail, ok = f"{type(error).__name__}: {error}", False
                self.failed += 1
                self.ways.remove(way)
            print(json.dumps({"check": f"{way}: {name}", "ok": ok, "detail": str(detail)[:600],
                              "seconds": round(time.monotonic() - began, 2)}), flush=True)

    def start(self, *names):
        """Start processes; returns their unique names."""
        return [self.crowd.start(self.bootstrap, name).name for name in names]

    def settles(self, members, since):
        """A check that the partitions are dealt among these members; says how long that took."""
        def body(way, ledger):
            self.crowd.wait(way, lambda ledger: ledger.covered_by(members))
            return f"after {ledger.settled_at() - since:.2f} s"
        return body

    def run(self):
        """Every step; returns how many checks failed."""
        self.broker.create(self.topics)
        load = Load(self.broker, self.partitions)
        load.start()
        try:
            self.set_session(LONG_SESSION)
            self.one_joins(*self.two_members())
            self.one_leaves_and_returns()
            self.one_is_killed_and_returns()
            self.clients_restart()
            if self.server:
                self.server_restarts(load)
            self.all_was_seen(load)
        finally:
            load.over.set()
            self.crowd.close()
        self.groups_are_deleted()
        return self.failed

    def two_members(self):
        since = time.time()
        self.members = self.start("a", "b")
        self.check("two members share the partitions", self.settles(self.members, since))
        return since, {way: dict(ledger.owners) for way, ledger in self.crowd.ledgers.items()}

    def one_joins(self, _, before):
        since = time.time()
        old = list(self.members)
        self.members += self.start("c")
        self.check("one joins", self.settles(self.members, since))

        def keeps(way, ledger):
            moved = sum(len(before[way][member] - ledger.owners[member]) for member in old)
            if way == LISTS_IN_ANY_ORDER:
                if moved > len(ledger.owners[self.members[-1]]) + 1:
                    raise Broken(f"{moved} partitions moved: {before[way]} became {dict(ledger.owners)}")
                return f"{moved} moved"
            for member in old:
                if not ledger.owners[member] <= before[way][member]:
                    raise Broken(f"{member} had {sorted(before[way][member])} and has {sorted(ledger.owners[member])}")
            pauses = [change for change in ledger.changes_since(since, old) if not change[1]]
            if way in INCREMENTAL and pauses:
                raise Broken(f"gave everything up: {pauses}")
        self.check("the others keep what they may", keeps, [way for way in self.ways if way in STICKY])

    def goes(self, name, going, end, waiting=frozenset()):
        """A member goes: but in the waiting ways its partitions pass to the others. Returns when it went, and who is left."""
        since = time.time()
        end(self.crowd.running[going])
        others = [member for member in self.members if member != going]
        self.check(name, self.settles(others, since), [way for way in self.ways if way not in waiting])
        return since, others

    def goes_and_returns(self, name, going, end, waiting):
        """A member goes and comes back. In the waiting ways nobody else notices."""
        had = {way: ledger.owners[going] for way, ledger in self.crowd.ledgers.items()}
        since, others = self.goes(name, going, end, waiting)
        at = self.members.index(going)
        since_return = time.time()
        (self.members[at],) = self.start(going[0])
        self.check(f"{name} and returns", self.settles(self.members, since_return))

        def unnoticed(way, ledger):
            changes = ledger.changes_since(since, others)
            if changes or ledger.owners[self.members[at]] != had[way]:
                raise Broken(f"{sorted(had[way])} became {sorted(ledger.owners[self.members[at]])}; others: {changes}")
        self.check(f"{name} and returns, unnoticed", unnoticed, [way for way in self.ways if way in waiting])

    def one_leaves_and_returns(self):
        self.goes_and_returns("one leaves", self.members[1], lambda member: member.leave(), WAIT_FOR_LEAVERS)

    def one_is_killed_and_returns(self):
        self.set_session(SHORT_SESSION)
        self.goes_and_returns("one is killed", self.members[2], lambda member: member.kill(), WAIT_FOR_KILLED)

    def set_session(self, milliseconds):
        """How long the static members of the new protocol may be away; the server says so."""
        if NEW_STATIC in self.ways:
            self.broker.set_session(self.groups[NEW_STATIC], milliseconds)
            time.sleep(HEARTBEATS)

    def all_leave(self):
        running = list(self.crowd.running.values())
        for member in running:
            member.process.stdin.close()
        for member in running:
            member.leave()

    def clients_restart(self):
        """All members leave; those that come go on where the commits say."""
        self.all_leave()
        committed = {way: self.broker.committed(self.groups[way]) for way in self.ways}
        since = time.time()
        self.members = self.start("a", "b", "c")
        self.check("clients restart", self.settles(self.members, since))

        def resumes(way, ledger):
            self.crowd.wait(way, lambda ledger: len(ledger.first_offsets_since(since)) == len(self.partitions))
            found = ledger.first_offsets_since(since)
            if found != committed[way]:
                raise Broken(f"committed {committed[way]}, resumed {found}")
        self.check("members resume at the committed offsets", resumes)

    def server_restarts(self, load):
        """The server is killed and started again while members read; they go on by themselves."""
        self.server.kill()
        self.server.start()
        self.broker = Broker(self.bootstrap)
        since = time.time()
        marks = dict(load.acknowledged)
        self.check("members go on after the server was killed", lambda way, _: self.crowd.wait(
            way, lambda ledger: all(len(ledger.seen[part]) > mark for part, mark in marks.items())))
        self.check("the server was killed and restarted", self.settles(self.members, since))

    def all_was_seen(self, load):
        ends = load.finish()
        self.check("each record is seen", lambda way, _: self.crowd.wait(
            way, lambda ledger: all(len(ledger.seen[part]) >= end for part, end in ends.items())))
        self.check("each record is seen at least once", lambda _, ledger: ledger.check_complete(ends))

        def committed(way, _):
            limit = time.monotonic() + 15
            while (found := self.broker.committed(self.groups[way])) != ends:
                if time.monotonic() > limit:
                    raise Broken(f"committed {found}, read {ends}")
                time.sleep(0.1)
        self.check("everything is committed", committed)
        self.all_leave()

        def walk(way, ledger):
            walked = ledger.check()
            return (f"{walked.handed_over} hand-overs, {walked.seen_again} records seen again, {walked.reset} positions reset by "
                    f"the client, notes {dict(ledger.notes)}")
        self.check("each partition is owned once, no offset goes back", walk)

    def groups_are_deleted(self):
        def delete(way, _):
            group = self.groups[way]
            if way in WAIT_FOR_LEAVERS:
                remove_static_members(self.bootstrap, group, [member[0] for member in self.members])
            if self.broker.states().get(group) != "EMPTY":
                raise Broken(f"{group} is {self.broker.states().get(group)}")
            self.broker.delete_group(group)
            if group in self.broker.states():
                raise Broken(f"{group} is still listed")
        self.check("the empty group is deleted", delete)
        self.broker.delete(self.topics)


def remove_static_members(bootstrap, group, instances):
    """LeaveGroup version 3 as an administrator sends it, for instances alone."""
    host, port = bootstrap.rsplit(":", 1)
    with Connection((host, int(port))) as connection:
        leaving = array([string("") + string(instance) for instance in instances])
        answer = connection.ask(LEAVE_GROUP, 3, string(group) + leaving)
    codes = [answer.take("i"), answer.take("h"), *answer.array(lambda one: (one.string(), one.string(), one.take("h"))[2])]
    if any(codes):
        raise Broken(f"static members were not removed: {codes}")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--client", required=True)
    options = parser.parse_args()
    (client,) = [client for client in clients.all_clients(TESTS / ".work") if client.name == options.client]
    with place(options) as (bootstrap, server):
        failed = Suite(client, bootstrap, server, client.ways).run()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
