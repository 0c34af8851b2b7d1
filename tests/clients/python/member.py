"""What the members of the Python clients share: one thread per group, and what they tell (see ../groups/ledger.py)."""

import json
import sys
import threading
import time
import traceback

SESSION = 6000
STATIC_SESSION = 30000
HEARTBEAT = 500
PRINTING = threading.Lock()


class Member:
    """One member of one group, as its client adapter sees it."""

    def __init__(self, bootstrap, name, topics, way, group, leaving):
        self.bootstrap, self.name, self.topics, self.way, self.group = bootstrap, name, topics, way, group
        self.leaving = leaving
        self.owned = frozenset()

    @property
    def instance(self):
        """The name of a static member, None for a dynamic one."""
        return self.name if self.way.startswith("static") else None

    @property
    def session(self):
        """Milliseconds."""
        return STATIC_SESSION if self.instance else SESSION

    def tell(self, **event):
        """Tell one event; its time is that of the call."""
        line = json.dumps({"way": self.way, "at": time.time(), **event})
        with PRINTING:
            print(line, flush=True)

    def owns(self, partitions):
        """It owns these (topic, partition) pairs from now on."""
        self.owned = frozenset(partitions)
        self.tell(owns=sorted(f"{topic}-{number}" for topic, number in partitions))

    def gains(self, partitions):
        self.owns(self.owned | set(partitions))

    def gives_up(self, partitions):
        self.owns(self.owned - set(partitions))

    def got(self, records):
        """It was given these (topic, partition, offset) triples."""
        offsets = {}
        for topic, partition, offset in records:
            offsets.setdefault(f"{topic}-{partition}", []).append(offset)
        self.tell(got=offsets)

    def committed(self, offsets):
        """A commit of (topic, partition, offset) triples was acknowledged."""
        self.tell(committed={f"{topic}-{partition}": offset for topic, partition, offset in offsets})


def run(client, bootstrap, name, topics, *groups):
    """Be a member in each group until standard input ends; `client` has a function `take_part(member)`."""
    leaving = threading.Event()

    def guarded(member):
        try:
            client.take_part(member)
        except Exception as error:
            traceback.print_exc()
            member.tell(failed=f"{type(error).__name__}: {error}")

    threads = []
    for pair in groups:
        way, group = pair.split("=")
        member = Member(bootstrap, name, topics.split(","), way, group, leaving)
        threads.append(threading.Thread(target=guarded, args=(member,)))
        threads[-1].start()
    sys.stdin.read()
    leaving.set()
    for thread in threads:
        thread.join()
