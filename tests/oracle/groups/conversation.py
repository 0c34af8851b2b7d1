"""A scripted conversation of several connections with one server, and what it heard, with ids, times and texts made alike."""
import json
import re
import time
import uuid
from itertools import groupby

from schema_wire import ZERO, Connection
from stored import Partition

# Seconds until an answer that must come is given up.
PATIENCE = 20
# Seconds without an answer after which a request counts as parked; the server has by then answered later requests.
QUIET = 0.1
MADE_ID = re.compile(r"(.*-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{22}")
# The server's own business.
NOISE = {"ThrottleTimeMs", "Port"}
TEXTS = {"ErrorMessage"}
# Times and versions in records, of which only matters whether they are set.
SET_OR_NOT = {"commitTimestamp", "expireTimestamp", "currentStateTimestamp", "AssignmentTimestamp", "MetadataHash", "Version", "Timestamp"}


class Place:
    """One server and what all conversations with it share: the prefix of their names, and topics."""

    def __init__(self, address, schemas):
        self.address, self.schemas = address, schemas
        self.prefix = "o" + uuid.uuid4().hex[:8] + "-"
        self.topics = {}


class Line:
    """One connection; its name is its client id."""

    def __init__(self, talk, name):
        self.talk, self.name = talk, name
        self.connection = Connection(talk.place.address, talk.place.schemas, name)
        self.sent = []

    def tell(self, api, version, **fields):
        """Send a request; `heard` takes its answer."""
        self.connection.send(api, version, **fields)
        self.sent.append(f"{self.name} {api} {version}")

    def heard(self, label=None):
        """The answer to the oldest request that has none; it becomes part of what is compared."""
        if not self.connection.has_answer(PATIENCE):
            raise TimeoutError(f"no answer to {self.sent[0]}")
        answer = self.connection.answer()
        sent = self.sent.pop(0)
        self.talk.note(label or sent, answer)
        if answer == "closed":
            self.sent.clear()
        return answer

    def ask(self, api, version, *, label=None, **fields):
        """Send a request and take its answer."""
        assert not self.sent, f"{self.sent[0]} has no answer yet"
        self.tell(api, version, **fields)
        return self.heard(label)

    def heard_by_now(self, label=None):
        """Take the answers that have come; says what is still without."""
        while self.sent and self.connection.has_answer(QUIET):
            self.heard(label)
        for sent in self.sent:
            self.talk.note(label or sent, "parked")

    @property
    def is_parked(self):
        return bool(self.sent)


class Conversation:
    """One script's conversation with one server."""

    def __init__(self, place, name, attempt=1):
        self.place = place
        # Shown without the number of the attempt.
        self.group = f"{place.prefix}{attempt}-" + re.sub(r"[^A-Za-z0-9]+", "-", name)
        self.attempt = f"{attempt}-"
        self.lines = {}
        self.steps = []
        self.known = {}
        self.silent = False
        self.stored = Partition(self.line("stored").connection, self.group, place.schemas)

    def line(self, name):
        """The connection of this name."""
        if name not in self.lines:
            self.lines[name] = Line(self, name)
        return self.lines[name]

    def topic(self, name):
        """The name, on the server, of a topic of all scripts."""
        return self.place.prefix + name

    def topic_id(self, name):
        return self.place.topics[self.topic(name)]

    def create(self, name, partitions):
        """Make a topic of this script; returns its name."""
        name = self.group + "-" + name
        topic = {"Name": name, "NumPartitions": partitions, "ReplicationFactor": 1}
        (made,) = self.admin("CreateTopics", 7, Topics=[topic], timeoutMs=30_000)["Topics"]
        self.place.topics[name] = made["TopicId"]
        return name

    def grow(self, name, partitions):
        topic = {"Name": self.group + "-" + name, "Count": partitions, "Assignments": None}
        self.admin("CreatePartitions", 3, Topics=[topic], TimeoutMs=30_000)

    def delete(self, name):
        self.admin("DeleteTopics", 5, TopicNames=[self.group + "-" + name], TimeoutMs=30_000)

    def admin(self, api, version, **fields):
        """A change by an administrator, which is not part of what is compared; returns when the node knows of it."""
        answer = self.line("admin's").connection.call(api, version, **fields)
        time.sleep(0.5)
        return answer

    def note(self, label, value):
        """Add to what is compared."""
        shown = self.shown(value)
        if not self.silent:
            self.steps.append((label, json.dumps(shown, ensure_ascii=False)))

    def settle(self):
        """Return when the server has handled, and answered, what was sent before."""
        for _ in range(2):
            self.described()

    def described(self):
        """The group as a classic one, which is not part of what is compared."""
        (group,) = self.line("look").connection.call("DescribeGroups", 5, Groups=[self.group])["Groups"]
        return group

    def await_members(self, count):
        """Return when the group has so many members."""
        self.until(lambda: len(self.described()["Members"]) == count)

    def await_state(self, state):
        """Return when the classic group is in this state."""
        self.until(lambda: self.described()["GroupState"] == state)

    def until(self, holds):
        """Return when something holds."""
        limit = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > limit:
                raise TimeoutError("what was waited for has not come")
            time.sleep(0.01)

    def parked(self):
        """After settling, the answers that have come on any line, and which requests are parked."""
        self.settle()
        for line in self.lines.values():
            line.heard_by_now()

    def read_back(self):
        """What the server has stored of the group since the conversation began: the order of the kinds, and each record."""
        stored = list(self.stored.read())
        self.note("stored", " ".join(kind + ("" if value else "-") for kind, _, value in stored))
        # Kafka writes the members of one target in the order of a hash map.
        for kind, run in groupby(stored, lambda record: record[0]):
            for shown in sorted(({"Key": self.shown(key), "Value": value} for _, key, value in run), key=lambda one: str(one["Key"])):
                self.note("stored " + kind, shown)

    def close(self):
        for line in self.lines.values():
            line.connection.close()

    def shown(self, value, key=None):
        if isinstance(value, dict):
            return {name: self.shown(item, name) for name, item in value.items() if name not in NOISE}
        if isinstance(value, list):
            return sorted((self.shown(item) for item in value if not self.is_foreign(item)), key=lambda item: json.dumps(item, sort_keys=True))
        if isinstance(value, uuid.UUID):
            return self.shown_topic_id(value)
        if isinstance(value, bytes):
            return self.shown(value.decode("latin-1"))
        if key in SET_OR_NOT and value not in (0, -1):
            return "set"
        if isinstance(value, str):
            if key in TEXTS:
                return "a text" if value else value
            return self.shown_text(value)
        return value

    def is_foreign(self, item):
        """Whether it is a group of another script, as ListGroups shows it."""
        is_listed = isinstance(item, dict) and {"GroupId", "ProtocolType"} <= set(item) and "Members" not in item
        return is_listed and not item["GroupId"].startswith(self.group)

    def shown_topic_id(self, value):
        for name, known in list(self.place.topics.items()):
            if known == value:
                return "id of " + self.shown_text(name)
        return "no id" if value == ZERO else "an id"

    def shown_text(self, text):
        if MADE_ID.fullmatch(text) and text not in self.known:
            owner = text[:-36] if len(text) > 36 else ""
            number = 1 + sum(shown.startswith(owner + "#") for shown in self.known.values())
            self.known[text] = f"{owner}#{number}"
        text = text.replace(self.group, "~the group")
        for made, shown in self.known.items():
            text = text.replace(made, shown)
        return text.replace(self.place.prefix + self.attempt, "~").replace(self.place.prefix, "~")
