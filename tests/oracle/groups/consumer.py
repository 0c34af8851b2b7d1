"""Conversations of members of the consumer protocol (KIP-848)."""
import time

from classic import Members
from members import beat, commit, delete_offsets, fetch

GROUP, SET, DELETE = 32, 0, 1
TIMEOUT = 30_000


class Consumers:
    """The members of one consumer group; each has a line, an id, and an epoch that it was told."""

    def __init__(self, talk, version=1, **configs):
        self.talk, self.version = talk, version
        self.epochs, self.owned = {}, {}
        self.configure(**{"consumer_assignment_interval_ms": 0, **configs})

    def configure(self, **configs):
        changes = [{"Name": name.replace("_", "."), "ConfigOperation": SET, "Value": str(value)} for name, value in configs.items()]
        self.talk.admin("IncrementalAlterConfigs", 1, Resources=[
            {"ResourceType": GROUP, "ResourceName": self.talk.group, "Configs": changes}])

    def id(self, name):
        # Behind every id that a server makes: assignors go by the order of ids.
        return "~member-" + name

    def beat(self, name, epoch=None, label=None, **fields):
        """A heartbeat, by default with what the member was told last."""
        epoch = self.epochs.get(name, 0) if epoch is None else epoch
        request = beat(self.talk.group, **{"member": self.id(name), "epoch": epoch, **fields})
        answer = self.talk.line(name).ask("ConsumerGroupHeartbeat", self.version, label=label, **request)
        if answer["ErrorCode"] == 0:
            self.epochs[name] = answer["MemberEpoch"]
            if answer["Assignment"] is not None:
                self.owned[name] = [(one["TopicId"], one["Partitions"]) for one in answer["Assignment"]["TopicPartitions"]]
        return answer

    def join(self, name, *topics, **fields):
        """The first heartbeat."""
        fields = {"topics": [self.talk.topic(topic) for topic in topics], "timeout": TIMEOUT, "owned": [], **fields}
        return self.beat(name, 0, **fields)

    def report(self, name, **fields):
        """A heartbeat that says that the member owns what it was given last."""
        return self.beat(name, owned=self.owned.get(name, []), **fields)

    def settle(self, *names):
        """Beat in turns until nobody hears anything new."""
        for _ in range(10):
            before = dict(self.epochs), dict(self.owned)
            for name in names:
                self.report(name)
            if before == (self.epochs, self.owned):
                return

    def look(self, version=1):
        return self.talk.line("look").ask("ConsumerGroupDescribe", version, GroupIds=[self.talk.group])


def validation(talk):
    """What is refused whatever the group is like."""
    group = Consumers(talk)
    group.join("a", "four")
    good = {"group": talk.group, "member": "n", "timeout": TIMEOUT, "topics": [talk.topic("four")], "owned": []}
    owned = [(talk.topic_id("four"), [0])]
    changes = {
        "no group": {"group": ""}, "blank group": {"group": " "}, "no member": {"member": ""}, "blank member": {"member": " "},
        "no instance": {"instance": ""}, "blank instance": {"instance": " "}, "no rack": {"rack": ""}, "blank rack": {"rack": " "},
        "no timeout": {"timeout": -1}, "timeout 0": {"timeout": 0, "member": "zero"}, "timeout -2": {"timeout": -2}, "owned null": {"owned": None},
        "owned something": {"owned": owned}, "no topics": {"topics": None}, "empty topics": {"topics": [], "member": "empty"},
        "no topics, regex": {"topics": None, "regex": "", "member": "regex"},
        "static leaves without instance": {"epoch": -2}, "epoch -3": {"epoch": -3}, "unknown assignor": {"assignor": "magic"},
        "no assignor": {"assignor": ""}, "bad regex": {"topics": None, "regex": "("}, "look-ahead": {"topics": None, "regex": "(?=a)"},
        "unknown member, epoch 5": {"epoch": 5}, "unknown member leaves": {"epoch": -1}, "unknown static leaves": {"epoch": -2, "instance": "i"},
        "unknown instance, epoch 1": {"epoch": 1, "instance": "i"}, "unknown group, epoch 1": {"group": talk.group + "-x", "epoch": 1},
        "unknown group, leaves": {"group": talk.group + "-x", "epoch": -1}, "topic twice": {"topics": [talk.topic("four")] * 2, "member": "twice"},
    }
    for label, change in changes.items():
        for version in (0, 1):
            fields = dict(good, **change)
            if version == 0:
                fields.pop("regex", None)
            # The target is computed before: Kafka's choice of how goes by the members of before.
            group.beat("a", label="meanwhile")
            answer = talk.line("n").ask("ConsumerGroupHeartbeat", version, label=f"{label}, {version}", **beat(**fields))
            if answer["ErrorCode"] == 0 and answer["MemberEpoch"] >= 0:
                talk.line("n").ask("ConsumerGroupHeartbeat", version, label=f"{label}, {version}, leaves",
                                   **beat(talk.group, answer["MemberId"], -1))
    group.look()


def made_id(talk):
    """Version 0 lets the server make the member's id."""
    group = Consumers(talk, 0)
    answer = group.join("a", "four", member="")
    group.beat("a", member=answer["MemberId"])
    group.look(0)
    group.beat("a", -1, member=answer["MemberId"])


def two_members(talk):
    """The second gets what the first has given up."""
    group = Consumers(talk)
    group.join("a", "four", assignor="range")
    group.look()
    group.beat("a")
    group.report("a")
    group.join("b", "four")
    group.look()
    group.beat("a")
    group.beat("b")
    group.look()
    group.report("a")
    group.report("b")
    group.beat("b")
    group.look()
    group.settle("a", "b")
    group.beat("a", -1)
    group.look()
    group.settle("b")
    group.look()
    group.beat("b", -1)
    group.look()
    talk.line("look").ask("ListGroups", 5)
    talk.line("look").ask("DescribeGroups", 6, Groups=[talk.group])
    talk.line("look").ask("DeleteGroups", 2, GroupsNames=[talk.group])
    group.look()


def three_members(talk, assignor, *topics):
    """Joins and leaves."""
    group = Consumers(talk)
    for number, name in enumerate("abc"):
        group.join(name, *topics, assignor=assignor)
        group.settle(*"abc"[:number + 1])
        group.look()
    group.beat("a", -1)
    group.settle("b", "c")
    group.look()


def different_subscriptions(talk):
    group = Consumers(talk)
    group.join("a", "four", assignor="range")
    group.join("b", "four", "three", assignor="range")
    group.join("c", "three", assignor="range")
    group.settle("a", "b", "c")
    group.look()
    group.beat("b", topics=[talk.topic("four")])
    group.settle("a", "b", "c")
    group.look()


def epochs(talk):
    """Which epochs are accepted, which fence."""
    group = Consumers(talk)
    group.join("a", "four", assignor="range")
    group.join("b", "four")
    group.settle("a", "b")
    now, owned = group.epochs["b"], group.owned["b"]
    group.beat("b", now + 1, label="future")
    group.beat("b", now - 1, label="previous, owned null")
    group.beat("b", now - 1, label="previous, owned", owned=owned)
    group.beat("b", now - 1, label="previous, owns too much", owned=[(talk.topic_id("four"), [0, 1, 2, 3])])
    group.beat("b", max(now - 2, 1), label="older", owned=owned)
    group.beat("b", now, label="now")
    group.join("b", "four", label="again with epoch 0")
    group.look()
    group.settle("a", "b")
    group.beat("b", -1)
    group.beat("b", now, label="gone")
    group.beat("b", -1, label="leaves twice")


def full_requests(talk):
    """When the assignment is sent."""
    group = Consumers(talk)
    group.join("a", "four")
    four, owned = [talk.topic("four")], group.owned["a"]
    group.beat("a", label="plain")
    group.beat("a", label="owned", owned=owned)
    group.beat("a", label="owned, timeout", owned=owned, timeout=TIMEOUT)
    group.beat("a", label="full", owned=owned, timeout=TIMEOUT, topics=four)
    group.beat("a", label="full, owns nothing", owned=[], timeout=TIMEOUT, topics=four)
    group.beat("a", label="owned null", timeout=TIMEOUT, topics=four)
    group.beat("a", label="owned of others", owned=[(talk.topic_id("three"), [0])])


def subscriptions(talk):
    """Topics come and go; other changes raise no epoch."""
    group = Consumers(talk)
    group.join("a")
    group.look()
    for topics in (["four"], ["four"], ["four", "three"], ["three", "four"], ["three"], [], ["none"], ["none", "four"]):
        group.beat("a", label=f"topics {topics}", topics=[talk.topic(topic) for topic in topics])
        group.report("a")
        group.look()
    group.beat("a", rack="r1", label="rack")
    group.beat("a", timeout=5000, label="timeout")
    group.beat("a", assignor="range", label="assignor")
    group.look()
    talk.line("a").connection.client = "renamed"
    group.beat("a", label="client id")
    group.look()


def assignors(talk):
    """The one that most name is taken at the next change."""
    group = Consumers(talk)
    group.join("a", "four", assignor="uniform")
    group.look()
    group.join("b", "four", assignor="range")
    group.join("c", "four", assignor="range")
    group.look()
    group.settle("a", "b", "c")
    group.beat("a", assignor="range")
    group.look()


def static_members(talk):
    group = Consumers(talk)
    group.join("a", "four", instance="one", assignor="range")
    group.join("b", "four", instance="two")
    group.settle("a", "b")
    group.join("c", "four", instance="one", label="taken")
    group.beat("c", 1, instance="one", label="taken, epoch 1")
    group.beat("a", instance="two", label="instance of b")
    group.beat("a", instance="nine", label="unknown instance")
    group.beat("a", label="without its instance")
    group.beat("a", -2, instance="one", label="leaves for a while")
    group.look()
    group.settle("b")
    group.look()
    group.join("c", "four", instance="one", label="comes back as another")
    group.look()
    group.beat("a", instance="one", label="the old one")
    group.beat("a", -1, instance="one", label="the old one leaves")
    group.settle("b", "c")
    group.beat("c", -2, instance="one", label="leaves again")
    group.join("c", "four", instance="one", label="comes back as itself")
    group.look()
    group.beat("c", -1, instance="one", label="leaves for good")
    group.look()
    group.settle("b")
    group.look()


def static_other_subscription(talk):
    group = Consumers(talk)
    group.join("a", "four", instance="one")
    group.beat("a", -2, instance="one")
    group.join("b", "three", instance="one")
    group.look()
    group.settle("b")
    group.look()


def revocation_ends(talk):
    """Who does not give up partitions within its rebalance timeout is out."""
    group = Consumers(talk)
    group.join("a", "four", timeout=1000, assignor="range")
    group.join("b", "four")
    group.beat("a")
    talk.until(lambda: len(_described(group)["Members"]) == 1)
    group.beat("a", label="too late")
    group.look()
    group.settle("b")


def session_ends(talk):
    group = Consumers(talk, consumer_session_timeout_ms=1000, consumer_heartbeat_interval_ms=500)
    group.join("a", "four")
    talk.until(lambda: not _described(group)["Members"])
    group.beat("a", label="too late")
    group.look()


def _described(group):
    (one,) = group.talk.line("looks").connection.call("ConsumerGroupDescribe", 1, GroupIds=[group.talk.group])["Groups"]
    return one


def assignment_interval(talk):
    """Within the interval members live on the old target."""
    group = Consumers(talk, consumer_assignment_interval_ms=2000)
    group.join("a", "four", assignor="range")
    group.join("b", "four")
    group.look()
    group.report("b")
    time.sleep(2)
    group.report("b")
    group.settle("a", "b")
    group.look()


def sixth_member(talk):
    """group.consumer.max.size is 5."""
    group = Consumers(talk)
    for name in "abcde":
        group.join(name, "one")
    group.join("f", "one", label="one too many")
    group.join("a", "one", label="known")
    group.beat("b", -1)
    group.join("f", "one")
    group.look()


def topic_changes(talk):
    """Topics that are missing, made, grown, deleted."""
    group = Consumers(talk)
    name = talk.group + "-moving"
    group.join("a", topics=[name])
    group.look()
    talk.create("moving", 2)
    group.report("a")
    group.report("a")
    group.look()
    talk.grow("moving", 3)
    group.report("a")
    group.look()
    talk.delete("moving")
    group.beat("a")
    group.look()
    group.beat("a", owned=[])
    group.look()


def regular_expressions(talk):
    """Topics by pattern: resolved soon after the first heartbeat that brings it."""
    group = Consumers(talk)
    talk.create("match-1", 2)
    talk.create("match-2", 1)
    pattern = talk.group + "-match-.*"
    group.join("a", topics=None, regex=pattern)
    talk.until(lambda: _described(group)["GroupEpoch"] >= 2)
    group.look()
    group.report("a")
    group.look()
    group.join("b", topics=None, regex=pattern, assignor="range")
    group.settle("a", "b")
    group.look()
    group.beat("b", regex="", label="pattern given up")
    group.settle("a", "b")
    group.look()
    group.beat("b", topics=[talk.topic("three")], regex=pattern, label="both")
    group.settle("a", "b")
    group.look()
    group.beat("b", regex="(", label="bad pattern")
    group.beat("a", -1)
    group.settle("b")
    group.look()
    group.beat("b", -1)
    group.look()


def no_match(talk):
    group = Consumers(talk)
    group.join("a", topics=None, regex="nothing-like-it")
    time.sleep(0.5)
    group.look()
    group.report("a")
    group.look()


def offsets(talk):
    """Commits are checked by epoch and partition."""
    group = Consumers(talk)
    line, four = talk.line("offsets"), talk.topic("four")
    ids = {"four": talk.topic_id("four")}

    def put(label, member, epoch, *partitions, version=9, instance=None):
        line.ask("OffsetCommit", version, label=label, **commit(talk.group, [(four, one, 5) for one in partitions], member, epoch, instance))

    put("before", "", -1, 0)
    group.join("a", "four", assignor="range")
    group.join("b", "four")
    group.settle("a", "b")
    a, epoch = group.id("a"), group.epochs["a"]
    for version in range(2, 11):
        fields = commit(talk.group, [("four" if version == 10 else four, 0, version)], a, epoch, ids=ids if version == 10 else None)
        line.ask("OffsetCommit", version, **fields)
    put("not assigned", a, epoch, 3)
    put("nobody", "", -1, 0)
    put("unknown", "x", epoch, 0)
    put("greater epoch", a, epoch + 1, 0)
    put("lower epoch", a, epoch - 1, 0)
    put("lower epoch, not assigned", a, epoch - 1, 0, 3)
    put("epoch -1", a, -1, 0)
    put("wrong instance", a, epoch, 0, instance="x")
    for label, member, asked in (("nobody", None, -1), ("member", a, epoch), ("empty id", "", -1), ("unknown", "x", epoch), ("lower", a, epoch - 1),
                                 ("greater", a, epoch + 1), ("epoch alone", None, epoch), ("id alone", a, -1)):
        line.ask("OffsetFetch", 9, label=f"fetch {label}", **fetch(9, talk.group, {four: [0, 3]}, member, asked))
    line.ask("OffsetFetch", 8, **fetch(8, talk.group, None))
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {four: [0], talk.topic("three"): [0]}))
    line.ask("DeleteGroups", 2, GroupsNames=[talk.group])
    line.ask("OffsetCommit", 9, label="unknown group", **commit(talk.group + "-x", [(four, 0, 5)], a, 1))
    group.beat("a", -1)
    group.beat("b", -1)
    put("afterwards", "", -1, 0)
    put("afterwards, old member", a, epoch, 0)
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {four: [0]}))
    put("once more", "", -1, 0)
    line.ask("DeleteGroups", 2, GroupsNames=[talk.group])
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def listing(talk):
    """States and types."""
    group = Consumers(talk)
    group.join("a", "four", assignor="range")
    for version in range(6):
        talk.line("look").ask("ListGroups", version)
    group.join("b", "four")
    for states, types in (([], []), (["Reconciling"], []), (["stable"], []), ([], ["Consumer"]), ([], ["classic"])):
        talk.line("look").ask("ListGroups", 5, StatesFilter=states, TypesFilter=types)
    talk.line("look").ask("DescribeGroups", 5, Groups=[talk.group])
    talk.line("look").ask("DescribeGroups", 6, Groups=[talk.group])


def configurations(talk):
    """Resources of type 32."""
    line = talk.line("a")

    def alter(label, *changes):
        configs = [{"Name": name, "ConfigOperation": op, "Value": value} for name, op, value in changes]
        resource = {"ResourceType": GROUP, "ResourceName": talk.group, "Configs": configs}
        line.ask("IncrementalAlterConfigs", 1, label=label, Resources=[resource])
        time.sleep(0.2)
        line.ask("DescribeConfigs", 4, label=label + ", described", Resources=[
            {"ResourceType": GROUP, "ResourceName": talk.group, "ConfigurationKeys": ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms",
                                                                                      "consumer.assignment.interval.ms"]}])

    alter("nothing")
    alter("session", ("consumer.session.timeout.ms", SET, "50000"))
    alter("session too long", ("consumer.session.timeout.ms", SET, "60001"))
    alter("session too short", ("consumer.session.timeout.ms", SET, "999"))
    alter("session below heartbeat", ("consumer.session.timeout.ms", SET, "1000"), ("consumer.heartbeat.interval.ms", SET, "1000"))
    alter("heartbeat", ("consumer.heartbeat.interval.ms", SET, "700"))
    alter("heartbeat too short", ("consumer.heartbeat.interval.ms", SET, "99"))
    alter("interval", ("consumer.assignment.interval.ms", SET, "0"))
    alter("interval too long", ("consumer.assignment.interval.ms", SET, "15001"))
    alter("no number", ("consumer.session.timeout.ms", SET, "x"))
    alter("unknown", ("consumer.magic", SET, "1"))
    group = Consumers(talk)
    group.join("a", "four")
    alter("back", ("consumer.heartbeat.interval.ms", DELETE, None))
    group.beat("a")


def classic_to_consumer(talk):
    """An empty classic group becomes a consumer group; its offsets stay."""
    classic = Members(talk)
    classic.form("a")
    classic.assign("a")
    talk.line("x").ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 0, 5)], classic.ids["a"], 1))
    group = Consumers(talk)
    classic.leave("a")
    group.join("b", "four")
    group.look()
    talk.line("x").ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    talk.line("x").ask("DescribeGroups", 6, Groups=[talk.group])


def consumer_to_classic(talk):
    """An empty consumer group becomes a classic group."""
    group = Consumers(talk)
    group.join("b", "four")
    talk.line("x").ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 0, 5)], group.id("b"), group.epochs["b"]))
    group.beat("b", -1)
    classic = Members(talk)
    classic.form("a")
    classic.assign("a")
    classic.look()
    talk.line("x").ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    group.look()
    talk.line("x").ask("ListGroups", 5)


def offsets_to_consumer(talk):
    """So does a group of offsets alone."""
    talk.line("x").ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 0, 5)]))
    group = Consumers(talk)
    group.join("b", "four")
    group.look()
    talk.line("x").ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def scripts():
    """Name and function of each conversation."""
    for script in (validation, made_id, two_members, epochs, full_requests, subscriptions, assignors, static_members, static_other_subscription,
                   revocation_ends, session_ends, assignment_interval, sixth_member, topic_changes, regular_expressions, no_match, offsets,
                   listing, configurations, different_subscriptions, classic_to_consumer, consumer_to_classic, offsets_to_consumer):
        yield f"consumer: {script.__name__.replace('_', ' ')}", script
    yield "consumer: three members, range", lambda talk: three_members(talk, "range", "four", "three")
    # Of several topics Kafka's uniform assignor takes now one, now another first.
    yield "consumer: three members, uniform", lambda talk: three_members(talk, "uniform", "four")
