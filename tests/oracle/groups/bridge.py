"""Conversations of groups whose members speak the classic and the consumer protocol, and of groups that change from one to the other."""
from classic import Members
from consumer import Consumers
from members import assigned, assignment, commit, fetch, heartbeat, join, subscription, sync


class Bridged(Members):
    """Classic members that say what they own, as the bridge needs it: version 3 of the embedded protocol."""

    def __init__(self, talk, **fields):
        super().__init__(talk, metadata=subscription(talk.topic("four"), version=3), names=("range",), **fields)
        self.owned = {}

    def divide(self, parts):
        """The leader, who is the first, assigns partitions of topic four, as a classic leader does."""
        leader, *others = parts
        for name in others:
            self.sync(name)
        self.sync(leader, [(name, assignment({self.talk.topic("four"): numbers}, 3)) for name, numbers in parts.items()])
        for name in parts:
            self.owned[name] = assigned(self.talk.line(name).heard()["Assignment"])

    def enter_mixed(self, name, instance=None):
        """Join a group that has members of the consumer protocol: nobody is waited for."""
        self.start(name, instance)
        self.joined(name)
        self.take(name)

    def take(self, name):
        self.sync(name)
        answer = self.talk.line(name).heard()
        if answer["ErrorCode"] == 0:
            self.owned[name] = assigned(answer["Assignment"])

    def turn(self, name):
        """A heartbeat; and a new join, owning what it has, if it says so."""
        if self.beat(name)["ErrorCode"] == 27:
            self.join_again(name)

    def join_again(self, name):
        owned = subscription(self.talk.topic("four"), version=3, owned=self.owned[name], generation=self.generations[name])
        self.rejoin(name, metadata=owned)
        self.joined(name)
        self.take(name)


def turns(classic, olds, new, news, rounds=4):
    for _ in range(rounds):
        for name in olds:
            classic.turn(name)
        for name in news:
            new.report(name)


def look(talk):
    """What either kind of administrator sees."""
    line = talk.line("look")
    line.ask("ConsumerGroupDescribe", 1, GroupIds=[talk.group])
    line.ask("DescribeGroups", 6, Groups=[talk.group])
    line.ask("ListGroups", 5)


def upgraded(talk):
    """Two classic members, of whom one owns partitions each, and the first of the consumer protocol."""
    classic, new = Bridged(talk), Consumers(talk)
    classic.form("a", "b")
    classic.divide({"a": [0, 1], "b": [2, 3]})
    new.join("c", "four", assignor="range")
    return classic, new


def upgrade(talk):
    """The group is converted, partitions move, and the classic members leave."""
    classic, new = upgraded(talk)
    look(talk)
    turns(classic, ["a", "b"], new, ["c"])
    look(talk)
    classic.leave("a")
    # In Kafka a classic member's heartbeat computes no target.
    new.report("c")
    turns(classic, ["b"], new, ["c"])
    look(talk)
    classic.leave("b")
    turns(classic, [], new, ["c"])
    look(talk)


def downgrade(talk):
    """The last member of the consumer protocol leaves."""
    classic, new = upgraded(talk)
    turns(classic, ["a", "b"], new, ["c"])
    new.beat("c", -1)
    look(talk)
    classic.beat("a")
    classic.beat("b")


def upgrade_while_rebalancing(talk):
    """Parked requests are told to come again."""
    classic, new = Bridged(talk), Consumers(talk)
    classic.form("a", "b")
    classic.divide({"a": [0, 1], "b": [2, 3]})
    classic.rejoin("a")
    talk.await_state("PreparingRebalance")
    new.join("c", "four", assignor="range")
    talk.line("a").heard()
    look(talk)


def upgrade_while_syncing(talk):
    classic, new = Bridged(talk), Consumers(talk)
    classic.form("a", "b")
    classic.sync("b")
    talk.settle()
    new.join("c", "four", assignor="range")
    talk.line("b").heard()
    look(talk)


def no_upgrade(talk):
    """Groups that cannot be converted."""
    classic, new = Bridged(talk), Consumers(talk)
    classic.form("a")
    classic.sync("a", [("a", assignment({talk.topic("four"): [0]}, 3, b"user data"))])
    talk.line("a").heard()
    new.join("c", "four", label="user data")
    classic.rejoin("a", metadata=b"m")
    talk.line("a").heard()
    new.join("c", "four", label="nonsense")
    new.beat("c", 1, label="epoch 1")
    look(talk)


def no_upgrade_of_other_types(talk):
    other, new = Members(talk, kind="connect", names=("default",), metadata=b"x"), Consumers(talk)
    other.form("a")
    other.assign("a", kind="connect", name="default")
    new.join("c", "four")
    look(talk)


def into_a_consumer_group(talk):
    """A classic member joins, commits, and leaves."""
    classic, new = Bridged(talk), Consumers(talk)
    new.join("c", "four", assignor="range")
    classic.enter_mixed("a")
    turns(classic, ["a"], new, ["c"])
    look(talk)
    line, four, member = talk.line("offsets"), talk.topic("four"), classic.ids["a"]
    generation = classic.generations["a"]
    for version in (2, 8, 9):
        for epoch in (generation, generation + 1, generation - 1):
            line.ask("OffsetCommit", version, **commit(talk.group, [(four, 0, 5)], member, epoch))
    for epoch in (generation, generation + 1):
        line.ask("OffsetFetch", 9, **fetch(9, talk.group, {four: [0]}, member, epoch))
    classic.leave("a")
    new.report("c")
    look(talk)


def odd_requests(talk):
    """Classic requests with wrong ids, generations and protocols in a group of the consumer protocol."""
    classic, new = Bridged(talk), Consumers(talk)
    new.join("c", "four", assignor="range")
    line, consumer = talk.line("odd"), new.id("c")
    line.ask("Heartbeat", 4, label="beat of a consumer", **heartbeat(talk.group, consumer, new.epochs["c"]))
    line.ask("Heartbeat", 4, label="beat of nobody", **heartbeat(talk.group, "x", 1))
    line.ask("SyncGroup", 5, label="sync of a consumer", **sync(talk.group, consumer, new.epochs["c"]))
    line.ask("JoinGroup", 9, label="other type", **join(talk.group, kind="connect", names=("range",)))
    line.ask("JoinGroup", 9, label="no protocols", **join(talk.group, names=()))
    classic.enter_mixed("a")
    member, generation = classic.ids["a"], classic.generations["a"]
    line.ask("JoinGroup", 9, label="no common protocol", **join(talk.group, names=("other",), metadata=classic.fields["metadata"]))
    for label, changes in {"type": {"kind": "connect"}, "name": {"name": "roundrobin"}, "null type": {"kind": None}, "null name": {"name": None},
                           "future": {"generation": generation + 1}, "instance": {"instance": "x"}}.items():
        line.ask("SyncGroup", 5, label=f"sync, {label}", **sync(talk.group, **{"member": member, "generation": generation, **changes}))
    line.ask("Heartbeat", 4, label="beat, future", **heartbeat(talk.group, member, generation + 1))
    line.ask("Heartbeat", 4, label="beat, instance", **heartbeat(talk.group, member, generation, "x"))
    new.beat("a", 1, member=member, label="beat of a classic member in the new protocol")


def static_change(talk):
    """The last consumer is replaced by a classic member of its instance, and that by a consumer."""
    classic, new = Bridged(talk), Consumers(talk)
    new.join("c", "four", instance="one", assignor="range")
    classic.enter_mixed("a", "one")
    classic.look()
    look(talk)
    new.join("d", "four", instance="one", assignor="range")
    look(talk)


def scripts():
    """Name and function of each conversation."""
    for script in (upgrade, downgrade, upgrade_while_rebalancing, upgrade_while_syncing, no_upgrade, no_upgrade_of_other_types,
                   into_a_consumer_group, odd_requests, static_change):
        yield f"bridge: {script.__name__.replace('_', ' ')}", script
