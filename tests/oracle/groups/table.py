"""Every request of the classic protocol, and of those for offsets and administrators, in every phase of a classic group.

The fixture: members L (the leader) and F, dynamic, and S, static as s1; protocols range and roundrobin, range selected.
In `preparing` L has rejoined and waits. In `empty` all have left.
"""
from members import (assignment, commit, delete_offsets, fetch, heartbeat, join, leave, subscription, sync)

PHASES = ("none", "simple", "empty", "preparing", "completing", "stable")
UNKNOWN = "nobody-11111111-2222-3333-4444-555555555555"
ROWS = {}


def row(name):
    """Registers what one row does, under a name."""
    def register(function):
        ROWS[name] = function
        return function
    return register


class Group:
    """The fixture in one phase."""

    def __init__(self, talk, phase):
        self.talk, self.name, self.phase = talk, talk.group, phase
        self.metadata = subscription(talk.topic("four"))
        self.ids = {"L": UNKNOWN.replace("nobody", "L"), "F": UNKNOWN.replace("nobody", "F"), "S": UNKNOWN.replace("nobody", "s1")}
        self.generation = 1

    def line(self, name):
        return self.talk.line(name)

    def join(self, name, member=None, instance=None, **changes):
        """The fields of a member's JoinGroup."""
        member = self.ids[name] if member is None else member
        return join(self.name, member, instance, **{"metadata": self.metadata, **changes})

    def sync(self, who, generation=None, **changes):
        given = []
        if who == "L":
            given = [(member, assignment({self.talk.topic("four"): [at]})) for at, member in enumerate(self.ids.values())]
        given = changes.pop("given", given)
        return sync(self.name, changes.pop("member", self.ids[who]), self.generation if generation is None else generation, given, **changes)

    def build(self):
        """Bring the group into its phase."""
        if self.phase == "none":
            return
        if self.phase == "simple":
            self.line("admin").ask("OffsetCommit", 9, **commit(self.name, [(self.talk.topic("four"), 0, 5)]))
            return
        self.form()
        if self.phase in ("stable", "preparing", "empty"):
            self.assign()
        if self.phase == "preparing":
            self.line("L").tell("JoinGroup", 9, **self.join("L"))
            self.talk.await_state("PreparingRebalance")
        if self.phase == "empty":
            self.line("admin").ask("LeaveGroup", 5, **leave(self.name, *((member, None) for member in self.ids.values())))

    def form(self):
        """L alone waits for the initial delay; with the others everything depends on requests alone, not on time."""
        lines = {name: self.line(name) for name in self.ids}
        for name in ("L", "F"):
            if name == "F":
                self.take("L", lines["L"].heard())
            self.ids[name] = lines[name].ask("JoinGroup", 9, **self.join(name, ""))["MemberId"]
            lines[name].tell("JoinGroup", 9, **self.join(name))
        lines["S"].tell("JoinGroup", 9, **self.join("S", "", "s1"))
        self.talk.await_members(3)
        lines["L"].tell("JoinGroup", 9, **self.join("L"))
        for name, line in lines.items():
            self.take(name, line.heard())

    def take(self, name, answer):
        self.ids[name], self.generation = answer["MemberId"], answer["GenerationId"]

    def assign(self):
        for name in ("F", "S"):
            self.line(name).tell("SyncGroup", 5, **self.sync(name, instance="s1" if name == "S" else None))
        self.line("L").ask("SyncGroup", 5, **self.sync("L"))
        for name in ("F", "S"):
            self.line(name).heard()

    def ask(self, api, version, **fields):
        """The request of the row, on a line of its own."""
        self.line("row").tell(api, version, **fields)

    def offset(self, topic="four", partition=0):
        return [(self.talk.topic(topic), partition, 7)]


def cell(talk, phase, name):
    """One row in one phase: its answer, what it sets free, and the group afterwards."""
    group = Group(talk, phase)
    talk.silent = True
    group.build()
    talk.silent = False
    ROWS[name](group)
    talk.parked()
    talk.line("after").ask("DescribeGroups", 5, Groups=[group.name])
    talk.line("after").ask("OffsetFetch", 9, **fetch(9, group.name, None))


def scripts():
    """Name and function of each cell."""
    for name in ROWS:
        for phase in PHASES:
            yield f"{phase}: {name}", lambda talk, phase=phase, name=name: cell(talk, phase, name)


# Joins.

for _version in (4, 9):
    ROWS[f"join {_version}, no id"] = lambda g, v=_version: g.ask("JoinGroup", v, **g.join("N", ""))
for _version in (0, 1, 2, 3):
    ROWS[f"join {_version}, no id"] = lambda g, v=_version: g.ask("JoinGroup", v, **g.join("N", ""))
ROWS["join, new static"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", "s2"))
ROWS["join, unknown id"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", UNKNOWN))
for _name in ("L", "F"):
    ROWS[f"join {_name}, same"] = lambda g, n=_name: g.ask("JoinGroup", 9, **g.join(n))
    ROWS[f"join {_name}, changed"] = lambda g, n=_name: g.ask("JoinGroup", 9, **g.join(n, metadata=subscription(g.talk.topic("three"))))
    ROWS[f"join {_name}, other order"] = lambda g, n=_name: g.ask("JoinGroup", 9, **g.join(n, names=("roundrobin", "range")))
    ROWS[f"join {_name}, same, 5"] = lambda g, n=_name: g.ask("JoinGroup", 5, **g.join(n))
for _version in (5, 8, 9):
    ROWS[f"join S {_version}, no id, same"] = lambda g, v=_version: g.ask("JoinGroup", v, **g.join("S", "", "s1"))
ROWS["join S, no id, changed"] = lambda g: g.ask("JoinGroup", 9, **g.join("S", "", "s1", metadata=subscription("x")))
ROWS["join S, no id, drops the selected"] = lambda g: g.ask("JoinGroup", 9, **g.join("S", "", "s1", names=("roundrobin",)))
ROWS["join S, own id"] = lambda g: g.ask("JoinGroup", 9, **g.join("S", None, "s1"))
ROWS["join S, own id, no instance"] = lambda g: g.ask("JoinGroup", 9, **g.join("S"))
ROWS["join F, instance of S"] = lambda g: g.ask("JoinGroup", 9, **g.join("F", None, "s1"))
ROWS["join F, unknown instance"] = lambda g: g.ask("JoinGroup", 9, **g.join("F", None, "s9"))
ROWS["join, other type"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", kind="connect"))
ROWS["join 3, other type"] = lambda g: g.ask("JoinGroup", 3, **g.join("N", "", kind="connect"))
ROWS["join, no common protocol"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", names=("other",)))
ROWS["join F, no common protocol"] = lambda g: g.ask("JoinGroup", 9, **g.join("F", names=("other",)))
ROWS["join, no protocols"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", names=()))
ROWS["join, no type"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", kind=""))
ROWS["join, session too short"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", session=999))
ROWS["join, session too long"] = lambda g: g.ask("JoinGroup", 9, **g.join("N", "", session=1_800_001))
ROWS["join L, session too short"] = lambda g: g.ask("JoinGroup", 9, **g.join("L", session=999))


@row("join, pending id")
def _(g):
    answer = g.line("row").ask("JoinGroup", 9, **g.join("N", ""))
    g.ask("JoinGroup", 9, **g.join("N", answer["MemberId"]))


@row("join, pending id with an instance")
def _(g):
    answer = g.line("row").ask("JoinGroup", 9, **g.join("N", ""))
    g.ask("JoinGroup", 9, **g.join("N", answer["MemberId"], "s7"))


@row("heartbeat, pending id")
def _(g):
    answer = g.line("row").ask("JoinGroup", 9, **g.join("N", ""))
    g.ask("Heartbeat", 4, **heartbeat(g.name, answer["MemberId"], g.generation))


@row("sync, pending id")
def _(g):
    answer = g.line("row").ask("JoinGroup", 9, **g.join("N", ""))
    g.ask("SyncGroup", 5, **sync(g.name, answer["MemberId"], g.generation))


@row("leave, pending id")
def _(g):
    answer = g.line("row").ask("JoinGroup", 9, **g.join("N", ""))
    g.ask("LeaveGroup", 5, **leave(g.name, (answer["MemberId"], None)))


# Syncs.

for _version in (0, 1, 2, 3, 4, 5):
    ROWS[f"sync L {_version}"] = lambda g, v=_version: g.ask("SyncGroup", v, **g.sync("L"))
    ROWS[f"sync F {_version}"] = lambda g, v=_version: g.ask("SyncGroup", v, **g.sync("F"))
ROWS["sync S"] = lambda g: g.ask("SyncGroup", 5, **g.sync("S", instance="s1"))
ROWS["sync S, no instance"] = lambda g: g.ask("SyncGroup", 5, **g.sync("S"))
ROWS["sync L, no assignments"] = lambda g: g.ask("SyncGroup", 5, **g.sync("L", given=[]))
ROWS["sync L, assignment of nobody"] = lambda g: g.ask("SyncGroup", 5, **g.sync("L", given=[(UNKNOWN, b"x")]))
for _name in ("L", "F"):
    ROWS[f"sync {_name}, old generation"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, g.generation - 1))
    ROWS[f"sync {_name}, future generation"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, g.generation + 1))
    ROWS[f"sync {_name}, null type"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, kind=None))
    ROWS[f"sync {_name}, null name"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, name=None))
    ROWS[f"sync {_name}, other type"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, kind="connect"))
    ROWS[f"sync {_name}, other name"] = lambda g, n=_name: g.ask("SyncGroup", 5, **g.sync(n, name="roundrobin"))
ROWS["sync, unknown id"] = lambda g: g.ask("SyncGroup", 5, **g.sync("F", member=UNKNOWN))
ROWS["sync F, instance of S"] = lambda g: g.ask("SyncGroup", 5, **g.sync("F", instance="s1"))
ROWS["sync F, unknown instance"] = lambda g: g.ask("SyncGroup", 5, **g.sync("F", instance="s9"))

# Heartbeats.

for _version in (0, 1, 2, 3, 4):
    ROWS[f"heartbeat F {_version}"] = lambda g, v=_version: g.ask("Heartbeat", v, **heartbeat(g.name, g.ids["F"], g.generation))
ROWS["heartbeat L"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["L"], g.generation))
ROWS["heartbeat S"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["S"], g.generation, "s1"))
ROWS["heartbeat S, no instance"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["S"], g.generation))
ROWS["heartbeat F, old generation"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["F"], g.generation - 1))
ROWS["heartbeat F, future generation"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["F"], g.generation + 1))
ROWS["heartbeat F, generation -1"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["F"], -1))
ROWS["heartbeat, unknown id"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, UNKNOWN, g.generation))
ROWS["heartbeat, empty id"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, "", g.generation))
ROWS["heartbeat F, instance of S"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["F"], g.generation, "s1"))
ROWS["heartbeat F, unknown instance"] = lambda g: g.ask("Heartbeat", 4, **heartbeat(g.name, g.ids["F"], g.generation, "s9"))

# Leaving.

for _version in (0, 1, 2):
    ROWS[f"leave F {_version}"] = lambda g, v=_version: g.ask("LeaveGroup", v, GroupId=g.name, MemberId=g.ids["F"])
    ROWS[f"leave {_version}, unknown id"] = lambda g, v=_version: g.ask("LeaveGroup", v, GroupId=g.name, MemberId=UNKNOWN)
for _version in (3, 4, 5):
    ROWS[f"leave F {_version}"] = lambda g, v=_version: g.ask("LeaveGroup", v, **leave(g.name, (g.ids["F"], None)))
ROWS["leave L"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["L"], None)))
ROWS["leave S by instance"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, ("", "s1")))
ROWS["leave S by both"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["S"], "s1")))
ROWS["leave S by id"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["S"], None)))
ROWS["leave F and S"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["F"], None), ("", "s1")))
ROWS["leave, unknown id"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (UNKNOWN, None)))
ROWS["leave, unknown instance"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, ("", "s9")))
ROWS["leave F, instance of S"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["F"], "s1")))
ROWS["leave F, unknown instance"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["F"], "s9")))
ROWS["leave several, some bad"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (UNKNOWN, None), (g.ids["F"], None), (g.ids["L"], "s1"), ("", "s9")))
ROWS["leave F twice"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, (g.ids["F"], None), (g.ids["F"], None)))
ROWS["leave all"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, *((member, None) for member in g.ids.values())))
ROWS["leave nobody"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name))
ROWS["leave, empty id"] = lambda g: g.ask("LeaveGroup", 5, **leave(g.name, ("", None)))

# Offsets.

for _version in range(2, 10):
    ROWS[f"commit F {_version}"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], g.generation))
    ROWS[f"commit {_version}, nobody"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset()))
for _version in (8, 9):
    ROWS[f"commit F {_version}, old generation"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], g.generation - 1))
    ROWS[f"commit F {_version}, future generation"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], g.generation + 1))
    ROWS[f"commit F {_version}, generation -1"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], -1))
    ROWS[f"commit {_version}, unknown id"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), UNKNOWN, g.generation))
    ROWS[f"commit {_version}, empty id"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), "", g.generation))
    ROWS[f"commit F {_version}, instance of S"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], g.generation, "s1"))
    ROWS[f"commit F {_version}, unknown instance"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), g.ids["F"], g.generation, "s9"))
    ROWS[f"commit nobody {_version}, instance of S"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset(), "", -1, "s1"))
    ROWS[f"commit F {_version}, unknown topic"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset("none"), g.ids["F"], g.generation))
    ROWS[f"commit {_version}, nobody, unknown topic"] = lambda g, v=_version: g.ask("OffsetCommit", v, **commit(g.name, g.offset("none")))
ROWS["commit F, no such partition"] = lambda g: g.ask("OffsetCommit", 9, **commit(g.name, g.offset() + g.offset("four", 4), g.ids["F"], g.generation))
ROWS["commit F, other topic"] = lambda g: g.ask("OffsetCommit", 9, **commit(g.name, g.offset("three"), g.ids["F"], g.generation))
ROWS["commit F, nothing"] = lambda g: g.ask("OffsetCommit", 9, **commit(g.name, [], g.ids["F"], g.generation))
ROWS["commit nothing"] = lambda g: g.ask("OffsetCommit", 9, **commit(g.name, []))

for _version in range(1, 10):
    ROWS[f"fetch {_version}"] = lambda g, v=_version: g.ask("OffsetFetch", v, **fetch(v, g.name, {g.talk.topic("four"): [0, 1]}))
ROWS["fetch, unknown id"] = lambda g: g.ask("OffsetFetch", 9, **fetch(9, g.name, {g.talk.topic("four"): [0]}, UNKNOWN, 1))
ROWS["fetch F, old epoch"] = lambda g: g.ask("OffsetFetch", 9, **fetch(9, g.name, {g.talk.topic("four"): [0]}, g.ids["F"], 0))
ROWS["fetch, stable"] = lambda g: g.ask("OffsetFetch", 9, **fetch(9, g.name, {g.talk.topic("four"): [0]}, stable=True))

ROWS["delete offsets, read"] = lambda g: g.ask("OffsetDelete", 0, **delete_offsets(g.name, {g.talk.topic("four"): [0, 1]}))
ROWS["delete offsets, not read"] = lambda g: g.ask("OffsetDelete", 0, **delete_offsets(g.name, {g.talk.topic("three"): [0]}))
ROWS["delete offsets, unknown topic"] = lambda g: g.ask("OffsetDelete", 0, **delete_offsets(g.name, {g.talk.topic("none"): [0]}))
ROWS["delete offsets, both"] = lambda g: g.ask("OffsetDelete", 0, **delete_offsets(g.name, {g.talk.topic("three"): [0, 9], g.talk.topic("four"): [0]}))
ROWS["delete offsets, nothing"] = lambda g: g.ask("OffsetDelete", 0, **delete_offsets(g.name, {}))

# Administrators.

for _version in range(7):
    ROWS[f"describe {_version}"] = lambda g, v=_version: g.ask("DescribeGroups", v, Groups=[g.name])
ROWS["describe, operations"] = lambda g: g.ask("DescribeGroups", 6, Groups=[g.name], IncludeAuthorizedOperations=True)
ROWS["describe 5, operations"] = lambda g: g.ask("DescribeGroups", 5, Groups=[g.name], IncludeAuthorizedOperations=True)
for _version in range(2):
    ROWS[f"describe as consumer group {_version}"] = lambda g, v=_version: g.ask(
        "ConsumerGroupDescribe", v, GroupIds=[g.name], IncludeAuthorizedOperations=True)
for _version in range(3):
    ROWS[f"delete {_version}"] = lambda g, v=_version: g.ask("DeleteGroups", v, GroupsNames=[g.name])
ROWS["beat of the new protocol, epoch 1"] = lambda g: g.ask(
    "ConsumerGroupHeartbeat", 1, GroupId=g.name, MemberId="n", MemberEpoch=1)
