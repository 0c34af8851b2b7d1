"""Members of consumer groups as processes of their own, and what they tell."""

import json
import subprocess
import threading
import time

from ledger import Broken

PATIENCE = 75


class Member:
    """A process with one member in each of some groups. It leaves when its standard input ends, so it never outlives its parent."""

    def __init__(self, crowd, name, process):
        self.crowd, self.name, self.process = crowd, name, process
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Pass on what it tells until its output ends."""
        for line in self.process.stdout:
            self.crowd.told(self.name, json.loads(line))

    def ended(self):
        """Everything it told has been read; from now on it owns nothing."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.crowd.gone(self.name, time.time())
        return code

    def kill(self):
        """End it as a crash would."""
        self.process.kill()
        self.ended()

    def leave(self):
        """Let it leave its groups and end."""
        self.process.stdin.close()
        code = self.ended()
        if code != 0:
            raise Broken(f"{self.name} ended with exit code {code}")


class Crowd:
    """All members of the groups of one client, and a ledger for each group."""

    def __init__(self, command, topics, groups, ledgers):
        self.command, self.topics, self.groups, self.ledgers = command, topics, groups, ledgers
        self.changed = threading.Condition()
        self.running = {}
        self.started = 0
        self.limit = 0.0

    def start(self, bootstrap, name):
        """Start a process; its name is also the name of its static members."""
        self.started += 1
        unique = f"{name}{self.started}"
        groups = [f"{way}={group}" for way, group in self.groups.items()]
        command = [*map(str, self.command), "member", bootstrap, name, ",".join(self.topics), *groups]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.running[unique] = Member(self, unique, process)
        return self.running[unique]

    def told(self, member, event):
        """Take in one event."""
        with self.changed:
            self.ledgers[event["way"]].tell(member, event)
            self.changed.notify_all()

    def gone(self, member, at):
        """Take in the end of a process."""
        with self.changed:
            self.running.pop(member, None)
            for ledger in self.ledgers.values():
                ledger.tell(member, {"at": at, "dead": True})
            self.changed.notify_all()

    def be_patient(self):
        """All waits from now on end in time together."""
        self.limit = time.monotonic() + PATIENCE

    def wait(self, way, holds):
        """Wait until something holds of the ledger of one group."""
        ledger = self.ledgers[way]
        with self.changed:
            while not holds(ledger):
                dead = [name for name, member in self.running.items() if member.process.poll() is not None]
                if dead or ledger.failures:
                    raise Broken(f"ended: {dead}, failed: {ledger.failures}")
                if time.monotonic() > self.limit:
                    owners = {member: sorted(owned) for member, owned in ledger.owners.items()}
                    raise Broken(f"not within {PATIENCE} s; owners {owners}, notes {dict(ledger.notes)}")
                self.changed.wait(0.5)

    def close(self):
        """End what still runs."""
        for member in list(self.running.values()):
            member.kill()
