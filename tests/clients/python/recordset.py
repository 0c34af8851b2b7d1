"""Reading the record files and comparing what comes back; see ../records.py for the format."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One record. `partition` is where it belongs; `offset` is None until a broker has given one."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    tags: frozenset = frozenset()
    offset: int | None = None


def _bytes(text):
    return None if text == "-" else bytes.fromhex(text)


def _parse(line):
    partition, timestamp, key, value, headers, tags = line.rstrip("\n").split("\t")
    pairs = () if headers == "-" else tuple(pair.split(":") for pair in headers.split(","))
    return Record(
        partition=int(partition),
        timestamp=int(timestamp),
        key=_bytes(key),
        value=_bytes(value),
        headers=tuple((bytes.fromhex(name).decode(), _bytes(content)) for name, content in pairs),
        tags=frozenset() if tags == "-" else frozenset(tags.split(",")),
    )


def load(directory, name, without=()):
    """The records of one file, but for those that carry a tag in `without`."""
    with open(Path(directory) / f"{name}.tsv", encoding="ascii") as lines:
        return [record for record in map(_parse, lines) if not record.tags & set(without)]


def at_offsets(records, start=None):
    """The records as a broker should hold them: offsets count up per partition, and only those at or after `start`."""
    following = {}
    placed = []
    for record in records:
        offset = following.get(record.partition, 0)
        following[record.partition] = offset + 1
        if start is None or (record.partition in start and offset >= start[record.partition]):
            placed.append(replace(record, offset=offset))
    return placed


def _brief(field):
    text = repr(field)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def compare(expected, got, fields=("offset", "key", "value", "headers", "timestamp")):
    """Compare field by field and in order within each partition; raises AssertionError at the first difference."""
    for partition in sorted({record.partition for record in expected} | {record.partition for record in got}):
        wanted = [record for record in expected if record.partition == partition]
        found = [record for record in got if record.partition == partition]
        for want, have in zip(wanted, found):
            for name in fields:
                assert getattr(want, name) == getattr(have, name), (
                    f"partition {partition} offset {want.offset} {name}: "
                    f"sent {_brief(getattr(want, name))}, got {_brief(getattr(have, name))}"
                )
        assert len(wanted) == len(found), f"partition {partition}: sent {len(wanted)} records, got {len(found)}"
