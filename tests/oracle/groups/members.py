"""The members of groups: what they send, with fields that may be left out, and the bytes of the embedded consumer protocol."""
import struct

SESSION, REBALANCE = 30_000, 60_000


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def partitions(owned):
    """Topics with partitions, as Subscription and Assignment have them."""
    body = struct.pack(">i", len(owned))
    for topic, numbers in owned.items():
        body += string(topic) + struct.pack(f">i{len(numbers)}i", len(numbers), *numbers)
    return body


def subscription(*topics, version=0, user=None, owned=None, generation=-1, rack=None):
    """Subscription of the embedded consumer protocol."""
    body = struct.pack(">hi", version, len(topics)) + b"".join(string(topic) for topic in topics)
    body += struct.pack(">i", -1) if user is None else struct.pack(">i", len(user)) + user
    if version >= 1:
        body += partitions(owned or {})
    if version >= 2:
        body += struct.pack(">i", generation)
    if version >= 3:
        body += struct.pack(">h", -1) if rack is None else string(rack)
    return body


def assignment(owned, version=0, user=None):
    """Assignment of the embedded consumer protocol."""
    body = struct.pack(">h", version) + partitions(owned)
    return body + (struct.pack(">i", -1) if user is None else struct.pack(">i", len(user)) + user)


def assigned(encoded):
    """Topics with partitions of an Assignment."""
    owned, at = {}, 6
    for _ in range(struct.unpack(">i", encoded[2:6])[0] if encoded else 0):
        size = struct.unpack(">h", encoded[at:at + 2])[0]
        name = encoded[at + 2:at + 2 + size].decode()
        count = struct.unpack(">i", encoded[at + 2 + size:at + 6 + size])[0]
        at += 6 + size
        owned[name] = list(struct.unpack(f">{count}i", encoded[at:at + 4 * count]))
        at += 4 * count
    return owned


def protocols(*names, metadata=b"m"):
    return [{"Name": name, "Metadata": metadata} for name in names]


def join(group, member="", instance=None, names=("range", "roundrobin"), metadata=b"m", kind="consumer",
         session=SESSION, rebalance=REBALANCE, reason=None):
    return {"GroupId": group, "MemberId": member, "GroupInstanceId": instance, "ProtocolType": kind,
            "Protocols": protocols(*names, metadata=metadata), "SessionTimeoutMs": session,
            "RebalanceTimeoutMs": rebalance, "Reason": reason}


def sync(group, member, generation, given=(), instance=None, kind="consumer", name="range"):
    """`given` are pairs of member id and bytes."""
    return {"GroupId": group, "MemberId": member, "GenerationId": generation, "GroupInstanceId": instance,
            "ProtocolType": kind, "ProtocolName": name,
            "Assignments": [{"MemberId": one, "Assignment": given_bytes} for one, given_bytes in given]}


def heartbeat(group, member, generation, instance=None):
    return {"GroupId": group, "MemberId": member, "GenerationId": generation, "GroupInstanceId": instance}


def leave(group, *members):
    """Members are pairs of member id and instance id, for version 3 and above."""
    return {"GroupId": group, "Members": [{"MemberId": one, "GroupInstanceId": instance} for one, instance in members]}


def commit(group, offsets, member="", generation=-1, instance=None, retention=-1, ids=None):
    """`offsets` are of topic, partition, offset, and further fields as pairs; `ids` gives the ids of topics from version 10 on."""
    topics = {}
    for topic, partition, offset, *more in offsets:
        one = {"PartitionIndex": partition, "CommittedOffset": offset, "CommittedMetadata": "", **dict(more)}
        topics.setdefault(topic, []).append(one)
    return {"GroupId": group, "MemberId": member, "GenerationIdOrMemberEpoch": generation, "GroupInstanceId": instance,
            "RetentionTimeMs": retention, "Topics": [named(topic, ids) | {"Partitions": each} for topic, each in topics.items()]}


def named(topic, ids):
    return {"Name": topic} if ids is None else {"TopicId": ids[topic]}


def fetch(version, group, wanted, member=None, epoch=-1, stable=False, ids=None):
    """`wanted` are partitions by topic; none for everything."""
    topics = None if wanted is None else [named(topic, ids) | {"PartitionIndexes": each} for topic, each in wanted.items()]
    if version < 8:
        return {"GroupId": group, "Topics": topics, "RequireStable": stable}
    return {"Groups": [{"GroupId": group, "MemberId": member, "MemberEpoch": epoch, "Topics": topics}], "RequireStable": stable}


def delete_offsets(group, wanted):
    return {"GroupId": group, "Topics": [
        {"Name": topic, "Partitions": [{"PartitionIndex": number} for number in numbers]} for topic, numbers in wanted.items()]}


def beat(group, member="", epoch=0, instance=None, rack=None, timeout=-1, topics=None, regex=None, assignor=None, owned=None):
    """ConsumerGroupHeartbeat; `owned` are pairs of topic id and partitions."""
    parts = None if owned is None else [{"TopicId": topic, "Partitions": numbers} for topic, numbers in owned]
    return {"GroupId": group, "MemberId": member, "MemberEpoch": epoch, "InstanceId": instance, "RackId": rack,
            "RebalanceTimeoutMs": timeout, "SubscribedTopicNames": topics, "SubscribedTopicRegex": regex,
            "ServerAssignor": assignor, "TopicPartitions": parts}
