"""Conversations of classic members: how groups form in every version, change, lose members, and whom they refuse."""
import time

from members import assignment, commit, fetch, heartbeat, join, leave, subscription, sync


class Members:
    """The members of one classic group; each has a line, an id, and a generation that it was told."""

    def __init__(self, talk, version=9, **fields):
        self.talk, self.version, self.fields = talk, version, {"metadata": subscription(talk.topic("four")), **fields}
        self.ids, self.generations, self.instances = {}, {}, {}

    def start(self, name, instance=None, **changes):
        """A member's first JoinGroup, and the second if it is sent away with an id; its answer is still to come."""
        line = self.talk.line(name)
        self.instances[name] = instance
        if self.version >= 4 and instance is None:
            self.ids[name] = line.ask("JoinGroup", self.version, **self.request(name, "", **changes))["MemberId"]
        before = len(self.talk.described()["Members"])
        line.tell("JoinGroup", self.version, **self.request(name, self.ids.get(name, ""), **changes))
        return before

    def enter(self, *names, **changes):
        """Several begin to join, one after the other."""
        for name in names:
            before = self.start(name, **changes)
            self.talk.await_members(before + 1)

    def form(self, *names, instances=()):
        """All join; the first alone waits for the initial delay, so that nothing else depends on time."""
        first, *others = names
        given = dict(zip(names, instances))
        self.start(first, given.get(first))
        self.joined(first)
        for name in others:
            self.talk.await_members(self.start(name, given.get(name)) + 1)
        if others:
            self.rejoin(first)
            self.joined(*names)

    def request(self, name, member, **changes):
        return join(self.talk.group, member, self.instances.get(name), **{**self.fields, **changes})

    def rejoin(self, name, **changes):
        """JoinGroup with the id that it has."""
        self.talk.line(name).tell("JoinGroup", self.version, **self.request(name, self.ids[name], **changes))

    def joined(self, *names):
        """Take the answers to JoinGroup."""
        for name in names:
            answer = self.talk.line(name).heard()
            if answer["ErrorCode"] == 0:
                self.ids[name], self.generations[name] = answer["MemberId"], answer["GenerationId"]

    def sync(self, who, given=(), version=5, **changes):
        """Send SyncGroup; the members that are given something are named."""
        pairs = [(self.ids[one], data) for one, data in given]
        fields = sync(self.talk.group, self.ids[who], self.generations[who], pairs, self.instances.get(who), **changes)
        self.talk.line(who).tell("SyncGroup", version, **fields)

    def assign(self, leader, *followers, **changes):
        """All send SyncGroup, the leader last; one partition each."""
        for name in followers:
            self.sync(name, **changes)
        members = (leader, *followers)
        self.sync(leader, [(name, assignment({self.talk.topic("four"): [at]})) for at, name in enumerate(members)], **changes)
        for name in members:
            self.talk.line(name).heard()

    def beat(self, name, version=4, generation=None):
        generation = self.generations[name] if generation is None else generation
        fields = heartbeat(self.talk.group, self.ids[name], generation, self.instances.get(name))
        return self.talk.line(name).ask("Heartbeat", version, **fields)

    def leave(self, *names, version=5):
        line = self.talk.line("leaver")
        if version < 3:
            return line.ask("LeaveGroup", version, GroupId=self.talk.group, MemberId=self.ids[names[0]])
        return line.ask("LeaveGroup", version, **leave(self.talk.group, *((self.ids[name], None) for name in names)))

    def look(self, version=6):
        return self.talk.line("look").ask("DescribeGroups", version, Groups=[self.talk.group])


def whole_life(talk, join_version, sync_version, beat_version, leave_version, describe_version):
    """Two members form a group, a third joins, one leaves, all leave."""
    group = Members(talk, join_version)
    group.form("a", "b")
    group.assign("a", "b", version=sync_version)
    group.look(describe_version)
    group.beat("b", beat_version)
    group.enter("c")
    group.beat("a", beat_version)
    group.rejoin("b")
    group.rejoin("a")
    group.joined("a", "b", "c")
    group.assign("a", "b", "c", version=sync_version)
    group.leave("b", version=leave_version)
    group.beat("c", beat_version)
    group.beat("b", beat_version)
    group.rejoin("c")
    group.rejoin("a")
    group.joined("a", "c")
    group.look(describe_version)
    group.assign("a", "c", version=sync_version)
    group.leave("a", version=leave_version)
    group.look(describe_version)
    group.leave("c", version=leave_version)
    group.look(describe_version)


def leader_leaves(talk):
    group = Members(talk)
    group.form("a", "b")
    group.assign("a", "b")
    group.leave("a")
    group.rejoin("b")
    group.joined("b")
    group.assign("b")
    group.look()


def late_joiner(talk):
    """Somebody joins between the leader's list and its assignment."""
    group = Members(talk)
    group.form("a", "b")
    group.sync("b")
    talk.settle()
    group.enter("c")
    talk.parked()
    group.sync("a", [("a", b"1"), ("b", b"2")])
    talk.line("a").heard()
    group.rejoin("a")
    group.rejoin("b")
    group.joined("a", "b", "c")
    group.assign("a", "b", "c")


def assignment_left_out(talk):
    """The leader gives nothing to one member, and something to nobody's id."""
    group = Members(talk)
    group.form("a", "b")
    group.ids["ghost"] = "ghost-1"
    group.sync("a", [("a", b"all"), ("ghost", b"lost")])
    talk.line("a").heard()
    group.sync("b")
    talk.line("b").heard()
    group.look()


def fifth_member(talk):
    """group.max.size is 4."""
    group = Members(talk)
    group.enter("a", "b", "c", "d")
    talk.line("e").ask("JoinGroup", 9, **group.request("e", ""))
    talk.line("e").ask("JoinGroup", 3, **group.request("e", ""))
    group.joined("a", "b", "c", "d")
    talk.line("e").ask("JoinGroup", 9, **group.request("e", ""))
    group.assign("a", "b", "c", "d")
    talk.line("e").ask("JoinGroup", 3, **group.request("e", ""))
    group.rejoin("b", metadata=b"x")
    talk.settle()
    talk.line("e").tell("JoinGroup", 3, **group.request("e", ""))
    talk.parked()
    group.leave("c")
    talk.parked()
    group.look()


def session_ends(talk):
    """A member is not heard of for its session; the others hear of it."""
    group = Members(talk, session=1000)
    group.form("a", "b")
    group.assign("a", "b")
    talk.until(lambda: "PreparingRebalance" == _beating(group, "a"))
    group.beat("b")
    group.rejoin("a")
    group.joined("a")
    group.look()


def _beating(group, name):
    """Keep a member alive; the state of its group."""
    time.sleep(0.1)
    group.talk.line(name + " beats").connection.call(
        "Heartbeat", 4, **heartbeat(group.talk.group, group.ids[name], group.generations[name]))
    return group.talk.described()["GroupState"]


def rebalance_ends(talk):
    """One does not rejoin within the rebalance timeout, though it is alive."""
    group = Members(talk, rebalance=1000)
    group.form("a", "b")
    group.assign("a", "b")
    group.rejoin("a", metadata=b"new")
    group.joined("a")
    group.beat("b")
    group.look()


def no_sync(talk):
    """One does not send SyncGroup within the rebalance timeout."""
    group = Members(talk, rebalance=1000)
    group.form("a", "b")
    group.sync("a", [("a", b"1"), ("b", b"2")])
    talk.line("a").heard()
    talk.await_state("PreparingRebalance")
    group.beat("b")
    group.beat("a")
    group.look()


def leader_does_not_sync(talk):
    group = Members(talk, rebalance=1000)
    group.form("a", "b")
    group.sync("b")
    talk.line("b").heard()
    group.beat("a")
    group.look()


def pending_id_ends(talk):
    """An id that was handed out holds a rebalance up until its session ends."""
    group = Members(talk)
    group.form("a")
    group.assign("a")
    answer = talk.line("late").ask("JoinGroup", 9, **group.request("late", "", session=1000))
    group.rejoin("a")
    talk.parked()
    group.joined("a")
    talk.line("late").ask("JoinGroup", 9, **group.request("late", answer["MemberId"]))


def pending_id_leaves(talk):
    group = Members(talk)
    group.form("a")
    group.assign("a")
    answer = talk.line("late").ask("JoinGroup", 9, **group.request("late", ""))
    group.rejoin("a")
    talk.parked()
    talk.line("late").ask("LeaveGroup", 5, **leave(talk.group, (answer["MemberId"], None)))
    group.joined("a")


def only_a_pending_id(talk):
    group = Members(talk)
    talk.line("a").ask("JoinGroup", 9, **group.request("a", ""))
    group.look()
    talk.line("look").ask("ListGroups", 5, TypesFilter=["nothing"])
    talk.line("look").ask("DeleteGroups", 2, GroupsNames=[talk.group])
    group.look()


def votes(talk):
    """Each votes for the first of its protocols that all have; two of three say b."""
    group = Members(talk)
    group.enter("a", names=("a", "b", "only-a"))
    group.enter("b", "c", names=("b", "a"))
    group.joined("a", "b", "c")
    group.sync("a", name="b")
    talk.line("a").heard()
    group.look()


def one_common_protocol(talk):
    group = Members(talk)
    group.enter("a", names=("x", "common"))
    group.enter("b", names=("common", "y"))
    talk.line("c").ask("JoinGroup", 9, **group.request("c", "", names=("x", "y")))
    group.joined("a", "b")
    group.assign("a", "b", name="common")
    group.rejoin("b", names=("y",))
    talk.line("b").heard()
    group.look()


def other_type(talk):
    """A group of Kafka Connect: its metadata means nothing to the coordinator."""
    group = Members(talk, kind="connect", names=("default",), metadata=b"\xff\x00")
    group.form("a", "b")
    group.assign("a", "b", kind="connect", name="default")
    group.look()
    talk.line("look").ask("OffsetDelete", 0, GroupId=talk.group, Topics=[])
    talk.line("c").ask("JoinGroup", 9, **group.request("c", "", kind="consumer"))
    group.leave("a", "b")
    group.look()
    group.form("d")


def generations(talk):
    """Each completed join counts one, and so does the last member's leave; deletion starts anew."""
    group = Members(talk)
    for name in ("a", "b"):
        group.enter(name)
        group.joined(name)
        group.assign(name)
        group.leave(name)
    talk.line("look").ask("DeleteGroups", 2, GroupsNames=[talk.group, talk.group])
    group.form("c")
    talk.line("look").ask("DeleteGroups", 2, GroupsNames=[talk.group])


def static_restart(talk, version):
    """A static member comes back without its id: nothing moves, and its old id is fenced."""
    group = Members(talk, version)
    group.form("a", "b", instances=("one", "two"))
    group.assign("a", "b")
    for name in ("b", "a"):
        old = group.ids[name]
        talk.line(name).tell("JoinGroup", version, **group.request(name, ""))
        group.joined(name)
        group.sync(name)
        talk.line(name).heard()
        group.beat(name)
        talk.line("old").ask("Heartbeat", 4, **heartbeat(talk.group, old, group.generations[name], group.instances[name]))
        talk.line("old").ask("Heartbeat", 4, **heartbeat(talk.group, old, group.generations[name]))
        talk.line("old").ask("OffsetCommit", 8, **commit(talk.group, [(talk.topic("four"), 0, 1)], old, group.generations[name], group.instances[name]))
        talk.line("old").ask("SyncGroup", 5, **sync(talk.group, old, group.generations[name], instance=group.instances[name]))
        talk.line("old").ask("LeaveGroup", 5, **leave(talk.group, (old, group.instances[name])))
        group.look()


def static_restart_while_parked(talk):
    """The first of the two hears that it is fenced."""
    group = Members(talk)
    group.start("a", "one")
    talk.await_members(1)
    talk.line("again").tell("JoinGroup", 9, **group.request("a", ""))
    talk.parked()
    group.instances["again"] = "one"
    group.joined("again")
    group.assign("again")
    group.look()


def static_restart_while_parked_in_sync(talk):
    group = Members(talk)
    group.form("a", "b", instances=("one", "two"))
    group.sync("b")
    talk.settle()
    talk.line("again").tell("JoinGroup", 9, **group.request("b", ""))
    talk.parked()
    group.instances["again"] = "two"
    group.rejoin("a")
    group.joined("a", "again")
    group.look()


def static_member_stays(talk):
    """A static member that does not rejoin keeps its place, though a rebalance ends without it."""
    group = Members(talk, rebalance=1000)
    group.form("a", "b", instances=("one", "two"))
    group.assign("a", "b")
    group.rejoin("a", metadata=b"new")
    group.joined("a")
    group.look()
    group.sync("a", [("a", b"1"), ("b", b"2")])
    talk.line("a").heard()
    group.beat("b")


def static_member_new_timeouts(talk):
    group = Members(talk)
    group.form("a", instances=("one",))
    group.assign("a")
    talk.line("a2").tell("JoinGroup", 9, **group.request("a", "", session=1000, rebalance=1000))
    group.instances["a2"] = "one"
    group.joined("a2")
    group.beat("a2")
    talk.await_state("Empty")
    group.look()


def follower_same_rejoin(talk):
    """A follower that joins again as it is gets its generation at once, the leader starts a rebalance."""
    group = Members(talk)
    group.form("a", "b")
    group.assign("a", "b")
    group.rejoin("b")
    group.joined("b")
    group.rejoin("a")
    talk.await_state("PreparingRebalance")
    group.rejoin("b")
    group.joined("a", "b")
    group.look()


def sync_sent_twice(talk):
    """The same member's second SyncGroup takes the place of its first."""
    group = Members(talk)
    group.form("a", "b")
    group.sync("b")
    talk.settle()
    talk.line("b again").tell("SyncGroup", 5, **sync(talk.group, group.ids["b"], group.generations["b"]))
    talk.parked()
    group.sync("a", [("a", b"1"), ("b", b"2")])
    talk.line("a").heard()
    talk.line("b again").heard()


def leaves_while_parked_in_sync(talk):
    group = Members(talk)
    group.form("a", "b")
    group.sync("b")
    talk.settle()
    group.leave("b")
    talk.parked()


def leaves_while_parked_in_join(talk):
    group = Members(talk)
    group.enter("a", "b")
    group.leave("b")
    talk.parked()
    group.joined("a")


def one_connection_two_members(talk):
    """Members are told apart by their ids alone."""
    group = Members(talk, 3)
    line = talk.line("both")
    line.tell("JoinGroup", 3, **group.request("a", ""))
    talk.await_members(1)
    talk.line("other").tell("JoinGroup", 3, **group.request("b", ""))
    group.joined("both", "other")
    group.ids["a"], group.generations["a"] = group.ids["both"], group.generations["both"]
    line.ask("SyncGroup", 3, **sync(talk.group, group.ids["both"], 1, [(group.ids["both"], b"1"), (group.ids["other"], b"2")]))
    line.ask("SyncGroup", 3, **sync(talk.group, group.ids["other"], 1))
    line.ask("Heartbeat", 3, **heartbeat(talk.group, group.ids["other"], 1))


def empty_group_id(talk):
    line = talk.line("a")
    for version in (0, 5, 9):
        line.ask("JoinGroup", version, **join(""))
    for version in (0, 5):
        line.ask("SyncGroup", version, **sync("", "x", 1))
    for version in (0, 4):
        line.ask("Heartbeat", version, **heartbeat("", "x", 1))
    line.ask("LeaveGroup", 1, GroupId="", MemberId="x")
    line.ask("LeaveGroup", 5, **leave("", ("x", None), ("", "y")))


def commits_while_rebalancing(talk):
    """The generation of before may commit until the next one is made."""
    group = Members(talk)
    group.form("a", "b")
    offsets = [(talk.topic("four"), 1, 11)]
    line = talk.line("commits")
    line.ask("OffsetCommit", 9, **commit(talk.group, offsets, group.ids["b"], 2))
    group.assign("a", "b")
    line.ask("OffsetCommit", 9, **commit(talk.group, offsets, group.ids["b"], 2))
    group.rejoin("a")
    talk.settle()
    line.ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 1, 12)], group.ids["b"], 2))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    group.rejoin("b")
    group.joined("a", "b")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 1, 13)], group.ids["b"], 2))
    line.ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 1, 14)], group.ids["b"], 3))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def scripts():
    """Name and function of each conversation."""
    for versions in ((0, 0, 0, 0, 0), (1, 1, 1, 1, 1), (2, 2, 2, 2, 2), (3, 3, 3, 3, 3), (4, 3, 3, 3, 4), (5, 4, 4, 4, 4),
                     (6, 4, 4, 4, 5), (7, 5, 4, 5, 5), (8, 5, 4, 5, 6), (9, 5, 4, 5, 6)):
        yield f"whole life {versions[0]}", lambda talk, versions=versions: whole_life(talk, *versions)
    for version in range(5, 10):
        yield f"static restart {version}", lambda talk, version=version: static_restart(talk, version)
    for script in (leader_leaves, late_joiner, assignment_left_out, fifth_member, session_ends, rebalance_ends, no_sync,
                   leader_does_not_sync, pending_id_ends, pending_id_leaves, only_a_pending_id, votes, one_common_protocol,
                   other_type, generations, static_restart_while_parked, static_restart_while_parked_in_sync,
                   static_member_stays, static_member_new_timeouts, follower_same_rejoin, sync_sent_twice,
                   leaves_while_parked_in_sync, leaves_while_parked_in_join, one_connection_two_members, empty_group_id,
                   commits_while_rebalancing):
        yield script.__name__.replace("_", " "), script
