"""Conversations about committed offsets, and of administrators who look at groups and delete them."""
import uuid

from classic import Members
from members import commit, delete_offsets, fetch, join
from schema_wire import ZERO

UNKNOWN_ID = uuid.UUID(int=0x1234567812344234823412345678ABCD)


def versions_of_commit(talk):
    """Every version stores what the version can say."""
    line = talk.line("a")
    ids = {name: talk.topic_id(name) for name in ("four", "three")}
    for version in range(2, 11):
        four = "four" if version == 10 else talk.topic("four")
        offsets = [(four, 0, version, ("CommittedLeaderEpoch", version), ("CommittedMetadata", f"v{version}")),
                   (four, 1, 100 + version, ("CommittedMetadata", None))]
        line.ask("OffsetCommit", version, **commit(talk.group, offsets, ids=ids if version == 10 else None))
        line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def versions_of_fetch(talk):
    """Some partitions, all of them, none, unknown ones."""
    line = talk.line("a")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 0, 5, ("CommittedLeaderEpoch", 3)), (talk.topic("three"), 2, 6)]))
    ids = {"four": talk.topic_id("four"), "three": talk.topic_id("three"), "unknown": UNKNOWN_ID, "zero": ZERO}
    for version in range(1, 11):
        named = ids if version == 10 else None
        four, none = ("four", "unknown") if named else (talk.topic("four"), talk.topic("none"))
        line.ask("OffsetFetch", version, **fetch(version, talk.group, {four: [0, 1, 9, 0]}, ids=named))
        line.ask("OffsetFetch", version, label=f"{version}, unknown topic", **fetch(version, talk.group, {none: [0], four: [0]}, ids=named))
        line.ask("OffsetFetch", version, label=f"{version}, nothing", **fetch(version, talk.group, {}, ids=named))
        if version >= 2:
            line.ask("OffsetFetch", version, label=f"{version}, all", **fetch(version, talk.group, None, ids=named))
        line.ask("OffsetFetch", version, label=f"{version}, unknown group", **fetch(version, talk.group + "x", {four: [0]}, ids=named))
        if version >= 2:
            line.ask("OffsetFetch", version, label=f"{version}, unknown group, all", **fetch(version, talk.group + "x", None, ids=named))
    line.ask("OffsetFetch", 10, label="zero id", **fetch(10, talk.group, {"zero": [0]}, ids=ids))
    line.ask("OffsetFetch", 7, label="7, stable", **fetch(7, talk.group, None, stable=True))


def many_groups(talk):
    """OffsetFetch from version 8 on asks for several groups, for one twice."""
    line = talk.line("a")
    names = [f"{talk.group}-{number}" for number in range(3)]
    for name in names[:2]:
        line.ask("OffsetCommit", 9, **commit(name, [(talk.topic("four"), 0, 5)]))
    wanted = [{"Name": talk.topic("four"), "PartitionIndexes": [0, 3]}]
    for version in (8, 9):
        groups = [{"GroupId": names[0], "Topics": wanted}, {"GroupId": names[1], "Topics": None},
                  {"GroupId": names[2], "Topics": wanted}, {"GroupId": "", "Topics": None}]
        line.ask("OffsetFetch", version, Groups=groups)
    line.ask("OffsetFetch", 9, label="the same twice", Groups=[{"GroupId": names[0], "Topics": wanted}] * 2)
    line.ask("OffsetFetch", 9, label="no group", Groups=[])


def odd_offsets(talk):
    line = talk.line("a")
    four = talk.topic("four")
    for offset in (-1, -2, -9, 0, 2**63 - 1):
        line.ask("OffsetCommit", 9, label=f"offset {offset}", **commit(talk.group, [(four, 0, offset)]))
        line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    for epoch in (-2, -1, 0, 2**31 - 1):
        line.ask("OffsetCommit", 9, label=f"epoch {epoch}", **commit(talk.group, [(four, 1, 1, ("CommittedLeaderEpoch", epoch))]))
        line.ask("OffsetFetch", 9, **fetch(9, talk.group, {four: [1]}))
    line.ask("OffsetCommit", 9, label="the same partition twice", **commit(talk.group, [(four, 2, 1), (four, 2, 2)]))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, {four: [2]}))
    for partition in (-1, 4, 2**31 - 1):
        line.ask("OffsetCommit", 9, label=f"partition {partition}", **commit(talk.group, [(four, partition, 1)]))


def metadata_size(talk):
    """offset.metadata.max.bytes is 4096."""
    line = talk.line("a")
    four = talk.topic("four")
    for label, text in (("4096", "m" * 4096), ("4097", "m" * 4097), ("4096 characters", "é" * 4096), ("4097 characters", "é" * 4097)):
        offsets = [(four, 0, 1, ("CommittedMetadata", text)), (four, 1, 1)]
        line.ask("OffsetCommit", 9, label=label, **commit(talk.group, offsets))


def unknown_topics(talk):
    """Some may be stored, some not; nothing but unknown ones makes no group."""
    line = talk.line("a")
    none, four, three = talk.topic("none"), talk.topic("four"), talk.topic("three")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(none, 0, 1)]))
    line.ask("DescribeGroups", 6, Groups=[talk.group])
    line.ask("OffsetCommit", 9, **commit(talk.group, [(none, 0, 1), (four, 0, 2), (four, 7, 3), (three, 1, 4)]))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    ids = {"four": talk.topic_id("four"), "unknown": UNKNOWN_ID, "zero": ZERO}
    for name in ids:
        line.ask("OffsetCommit", 10, label=f"id: {name}", **commit(talk.group, [(name, 0, 9), ("four", 3, 1)], ids=ids))
    line.ask("OffsetCommit", 9, label="empty name", **commit(talk.group, [("", 0, 1)]))
    line.ask("OffsetCommit", 9, label="a name that no topic may have", **commit(talk.group, [("a/b", 0, 1)]))


def retention(talk):
    """Versions 2 to 4 may say how long an offset is kept."""
    line = talk.line("a")
    four = talk.topic("four")
    for version in (2, 3, 4):
        line.ask("OffsetCommit", version, **commit(talk.group, [(four, version - 2, version)], retention=3_600_000))
    line.ask("OffsetCommit", 4, label="none", **commit(talk.group, [(four, 3, 1)], retention=-1))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def empty_group(talk):
    """An empty id is the name of a group as good as any, for offsets and administrators."""
    line = talk.line("a")
    four = talk.topic("four")
    line.ask("OffsetCommit", 9, **commit("", [(four, 0, 5)]))
    line.ask("OffsetCommit", 9, label="of a member", **commit("", [(four, 0, 5)], "x", 1))
    line.ask("OffsetFetch", 9, **fetch(9, "", {four: [0]}))
    line.ask("OffsetFetch", 7, **fetch(7, "", {four: [0]}))
    line.ask("DescribeGroups", 6, Groups=[""])
    line.ask("ConsumerGroupDescribe", 1, GroupIds=[""])
    line.ask("OffsetDelete", 0, **delete_offsets("", {four: [0]}))
    line.ask("OffsetCommit", 9, **commit("", [(four, 0, 5)]))
    line.ask("DeleteGroups", 2, GroupsNames=[""])
    line.ask("OffsetFetch", 9, **fetch(9, "", {four: [0]}))


def deleting_offsets(talk):
    line = talk.line("a")
    four, three, none = (talk.topic(name) for name in ("four", "three", "none"))
    line.ask("OffsetCommit", 9, **commit(talk.group, [(four, 0, 5), (four, 1, 6), (three, 0, 7)]))
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {four: [0, 0, 3], none: [0]}))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    line.ask("OffsetDelete", 0, label="no such partition", **delete_offsets(talk.group, {four: [9, -1, 1]}))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    line.ask("OffsetDelete", 0, label="no partitions", **delete_offsets(talk.group, {four: []}))
    line.ask("OffsetDelete", 0, label="no group", **delete_offsets(talk.group + "x", {four: [0]}))
    line.ask("DeleteGroups", 2, GroupsNames=[talk.group, talk.group + "x"])
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    line.ask("DescribeGroups", 6, Groups=[talk.group])


def deleting_what_members_read(talk):
    """Subscribed topics are those of the members' metadata; what is no subscription means every topic."""
    group = Members(talk)
    four, three = talk.topic("four"), talk.topic("three")
    group.form("a", "b")
    line = talk.line("admin")
    group.assign("a", "b")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(four, 0, 5), (three, 0, 7)], group.ids["a"], 2))
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {four: [0, 9], three: [0, 9]}))
    line.ask("DeleteGroups", 2, GroupsNames=[talk.group])
    group.rejoin("b", metadata=b"m")
    group.rejoin("a")
    group.joined("a", "b")
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {three: [0]}))
    group.leave("a", "b")
    line.ask("OffsetDelete", 0, **delete_offsets(talk.group, {four: [0]}))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))
    line.ask("DeleteGroups", 2, GroupsNames=[talk.group])
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def deleted_topic(talk):
    """Its offsets go with it."""
    line = talk.line("a")
    name = talk.create("going", 2)
    line.ask("OffsetCommit", 9, **commit(talk.group, [(name, 0, 5), (talk.topic("four"), 0, 6)]))
    talk.delete("going")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(name, 0, 5)]))
    line.ask("OffsetFetch", 9, **fetch(9, talk.group, None))


def listing(talk, version, states=(), types=()):
    """ListGroups shows this script's groups, each in another phase."""
    admin = talk.line("admin")
    name = talk.group
    talk.silent = True
    admin.ask("OffsetCommit", 9, **commit(name + "-simple", [(talk.topic("four"), 0, 5)]))
    admin.ask("JoinGroup", 9, **join(name + "-pending"))
    stable = Members(talk)
    stable.form("a")
    stable.assign("a")
    talk.silent = False
    admin.ask("ListGroups", version, StatesFilter=list(states), TypesFilter=list(types))


def coordinators(talk):
    """FindCoordinator in every version, for groups and what else has coordinators."""
    line = talk.line("a")
    for version in range(4):
        for key, kind in ((talk.group, 0), ("", 0), (talk.group, 3), (talk.group, -1)):
            line.ask("FindCoordinator", version, label=f"{version}: {'a' if key else 'no'} key of type {kind}", Key=key, KeyType=kind)
    for version in range(4, 7):
        line.ask("FindCoordinator", version, CoordinatorKeys=[talk.group, "", talk.group + "-2"])
        line.ask("FindCoordinator", version, label=f"{version}, none", CoordinatorKeys=[])
        line.ask("FindCoordinator", version, label=f"{version}, type 3", CoordinatorKeys=[talk.group], KeyType=3)


def describing(talk):
    """Several groups, one twice, in every version."""
    line = talk.line("a")
    line.ask("OffsetCommit", 9, **commit(talk.group, [(talk.topic("four"), 0, 5)]))
    for version in range(7):
        line.ask("DescribeGroups", version, Groups=[talk.group, talk.group + "x", talk.group])
        line.ask("DescribeGroups", version, Groups=[], label=f"{version}, none")
    for version in range(2):
        line.ask("ConsumerGroupDescribe", version, GroupIds=[talk.group, talk.group + "x", talk.group])
        line.ask("ConsumerGroupDescribe", version, GroupIds=[], label=f"consumer {version}, none")
    for version in range(3):
        line.ask("DeleteGroups", version, GroupsNames=[], label=f"delete {version}, none")


FILTERS = {
    "empty": (["Empty"], []), "stable": (["Stable"], []), "case": ([" sTaBLE "], []), "unknown state": (["Sleeping"], []),
    "empty state": ([""], []), "dead": (["Dead"], []), "two states": (["Empty", "Stable"], []), "preparing": (["PreparingRebalance"], []),
    "classic": ([], ["classic"]), "consumer": ([], ["consumer"]), "type in capitals": ([], ["CLASSIC"]), "unknown type": ([], ["robot"]),
    "empty type": ([], [""]), "two types": ([], ["classic", "consumer"]), "both": (["Stable"], ["classic"]), "neither": (["Stable"], ["consumer"]),
    "assigning": (["Assigning", "Reconciling"], []), "share": ([], ["share", "streams"]),
}


def scripts():
    """Name and function of each conversation."""
    for script in (versions_of_commit, versions_of_fetch, many_groups, odd_offsets, metadata_size, unknown_topics, retention, empty_group,
                   deleting_offsets, deleting_what_members_read, deleted_topic, coordinators, describing):
        yield script.__name__.replace("_", " "), script
    for version in range(6):
        yield f"listing {version}", lambda talk, version=version: listing(talk, version)
    for name, (states, types) in FILTERS.items():
        yield f"listing, {name}", lambda talk, states=states, types=types: listing(talk, 5, states, types)
        if states:
            yield f"listing 4, {name}", lambda talk, states=states: listing(talk, 4, states)
