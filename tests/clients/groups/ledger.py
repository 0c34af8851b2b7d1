"""What the members of one group did, in the order of their clocks, and what must hold of it.

A member tells one JSON object per line; `at` is the time of day in seconds, `way` names its group:

    {"way", "at", "owns": ["topic-0", ...], "generation": 3}   what it owns from now on; told before it gives anything up
    {"way", "at", "got": {"topic-0": [17, 18]}}                offsets of the records that a poll returned
    {"way", "at", "committed": {"topic-0": 19}}                a commit that the server has acknowledged
    {"way", "at", "note": "..."}                               something that may happen, such as a commit that came too late
    {"way", "at", "failed": "..."}                             this member cannot go on
"""

from collections import Counter, defaultdict


# Seconds in which a member may still wait for the committed offsets of partitions.
LATE = 3


class Broken(AssertionError):
    """Something that must hold does not."""


class Ledger:
    """The events of one group."""

    def __init__(self, partitions, static, resets_late_partitions=False):
        """`resets_late_partitions`: members may begin a partition that came soon after another one from its start."""
        self.partitions = frozenset(partitions)
        self.static = static
        self.resets_late_partitions = resets_late_partitions
        self.events = []
        self.owners = defaultdict(frozenset)
        self.seen = defaultdict(set)
        self.notes = Counter()
        self.failures = []

    def tell(self, member, event):
        """Take in an event of a member, or `{"at", "dead": True}` for one whose process has ended."""
        self.events.append((event["at"], len(self.events), member, event))
        if "owns" in event:
            self.owners[member] = frozenset(event["owns"])
        elif "dead" in event:
            self.owners.pop(member, None)
        elif "failed" in event:
            self.failures.append(f"{member}: {event['failed']}")
        if "note" in event:
            self.notes[event["note"]] += 1
        for partition, offsets in event.get("got", {}).items():
            self.seen[partition].update(offsets)

    def covered_by(self, members):
        """Whether each of these members owns something, together all partitions, and each once."""
        owned = [self.owners[member] for member in members]
        return all(owned) and sum(map(len, owned)) == len(self.partitions) and frozenset().union(*owned) == self.partitions

    def settled_at(self):
        """When a member owned something new for the last time."""
        return max((at for at, _, _, event in self.events if "owns" in event), default=0.0)

    def changes_since(self, moment, members):
        """What these members have owned anew since a moment."""
        return [(member, event["owns"]) for at, _, member, event in self.events
                if "owns" in event and at >= moment and member in members]

    def ownership(self):
        """A line for each change of what a member owns, in the order of their times."""
        return [f"{at:.6f} {member} {event.get('owns', 'dead')} {event.get('generation', '')}"
                for at, _, member, event in sorted(self.events, key=lambda entry: entry[:2]) if "owns" in event or "dead" in event]

    def first_offsets_since(self, moment):
        """Per partition, the first offset read since a moment."""
        first = {}
        for at, _, _, event in sorted(self.events, key=lambda entry: entry[:2]):
            for partition, offsets in event.get("got", {}).items() if at >= moment else ():
                first.setdefault(partition, offsets[0])
        return first

    def check(self):
        """Walk through the events in the order of their times; raises at the first that must not be."""
        walk = Walk(self.resets_late_partitions)
        for at, _, member, event in sorted(self.events, key=lambda entry: entry[:2]):
            if "owns" in event:
                walk.owns(at, member, frozenset(event["owns"]))
                if "generation" in event:
                    walk.in_generation(event["generation"], member.rstrip("0123456789") if self.static else member, event["owns"])
            elif "dead" in event:
                walk.owned.pop(member, None)
            for partition, offsets in event.get("got", {}).items():
                walk.got(at, member, partition, offsets)
            walk.committed.update(event.get("committed", {}))
        return walk

    def check_complete(self, ends):
        """Each record up to the ends was seen at least once."""
        for partition, end in ends.items():
            missing = set(range(end)) - self.seen[partition]
            if missing:
                raise Broken(f"{partition}: {len(missing)} of {end} records were not seen, the first is {min(missing)}")
        return f"{sum(ends.values())} records"


class Walk:
    """The state of a group while its events are walked through."""

    def __init__(self, resets_late_partitions):
        self.resets_late_partitions = resets_late_partitions
        self.owned = {}
        self.came = defaultdict(list)
        self.reset = 0
        self.by_generation = {}
        self.reading = {}
        self.high = defaultdict(int)
        self.committed = defaultdict(int)
        self.handed_over = self.seen_again = 0

    def owns(self, at, member, partitions):
        """A member owns other partitions: no other member may own one of them at the same time."""
        for other, theirs in self.owned.items():
            both = theirs & partitions
            if other != member and both:
                raise Broken(f"{sorted(both)} owned by {other} and {member} at {at:.6f}")
        came = partitions - self.owned.get(member, frozenset())
        for partition in came:
            self.reading.pop((member, partition), None)
            self.handed_over += 1
        if came:
            self.came[member].append((at, came))
        self.owned[member] = partitions

    def in_generation(self, generation, member, partitions):
        """No other member may own one of these partitions in a generation; a static member is the same in all its processes."""
        for partition in partitions:
            owner = self.by_generation.setdefault((generation, partition), member)
            if owner != member:
                raise Broken(f"{partition} owned by {owner} and {member} in generation {generation}")

    def came_late(self, at, member, partition):
        """Whether a member got a partition a moment ago, and others shortly before."""
        recent = [came for when, came in self.came[member] if at - when < LATE]
        return len(recent) > 1 and partition in recent[-1]

    def got(self, at, member, partition, offsets):
        """A member reads on where it was, or starts between the last acknowledged commit and the last record read."""
        first = offsets[0]
        position = self.reading.get((member, partition))
        low, high = (position, position) if position is not None else (self.committed[partition], self.high[partition])
        if first == 0 and position is None and self.resets_late_partitions and self.came_late(at, member, partition):
            self.reset += 1
        elif not low <= first <= high:
            raise Broken(f"{member} read {partition} from {first}, expected {low} to {high}")
        if offsets != list(range(first, first + len(offsets))):
            raise Broken(f"{member} read {partition} with gaps: {offsets}")
        after = first + len(offsets)
        self.seen_again += min(after, max(self.high[partition], first)) - first
        self.reading[member, partition] = after
        self.high[partition] = max(self.high[partition], after)
