"""The record sets that every client writes and reads back.

`python3 records.py DIR SEED` writes three files; each line is one record, its fields parted by tabs:

    partition  timestamp(ms)  key  value  headers  tags

Byte strings are hexadecimal, `-` is null and nothing at all is the empty string. `headers` is `-` for none, else
`name:value` pairs parted by commas, in order. `tags` names what a client must be able to say to send the record
(`null-header`, `duplicate-header`, ...) or is `-`; a client leaves out the records it cannot express and says so.

canonical.tsv   the shapes of a record: null and empty keys and values, headers of every kind, odd bytes, odd times
bulk.tsv        6,000 small records over three partitions
large.tsv       three values of 900 KiB, one of them random so that no codec shrinks it

Timestamps are fixed (2020) except for their extremes, so topics that hold them are made with `retention.ms=-1`.
"""

import random
import sys
from pathlib import Path

PARTITIONS = 3
BULK = 6000
LARGE = 900 * 1024
BASE_TIME = 1_600_000_000_000


def field(data):
    """One byte string as it stands in a line."""
    return "-" if data is None else data.hex()


def line(partition, timestamp, key, value, headers=(), tags=()):
    """One record as a line."""
    tags = [*tags, *(["nothing-but-headers"] if key is None and value is None else [])]
    pairs = ",".join(f"{name.hex()}:{field(content)}" for name, content in headers) or "-"
    return f"{partition}\t{timestamp}\t{field(key)}\t{field(value)}\t{pairs}\t{','.join(tags) or '-'}\n"


def shapes(rng):
    """The canonical records: (key, value, headers, tags)."""
    every_byte = bytes(range(256))
    yield b"key", b"value", [], []
    yield None, b"no key", [], []
    yield b"no value", None, [], []
    yield None, None, [], []
    yield b"", b"empty key", [], []
    yield b"empty value", b"", [], []
    yield b"", b"", [], []
    yield "ключ-鍵-🔑".encode(), "значение-値-🎁 עברית".encode(), [("заголовок-頭".encode(), "é".encode())], []
    yield every_byte, every_byte[::-1], [(b"binary", every_byte)], ["binary-header"]
    yield b"lines", b"a\nb\r\nc\td\0e", [], []
    yield b"one header", b"v", [(b"h", b"1")], []
    yield b"ordered", b"v", [(b"z", b"1"), (b"a", b"2"), (b"m", b"3")], []
    yield b"twice", b"v", [(b"h", b"1"), (b"h", b"2")], ["duplicate-header"]
    yield b"interleaved", b"v", [(b"h", b"1"), (b"g", b"2"), (b"h", b"1")], ["duplicate-header", "interleaved-header"]
    yield b"null header", b"v", [(b"h", None)], ["null-header"]
    yield b"empty header", b"v", [(b"h", b"")], ["empty-header"]
    yield b"null and empty", b"v", [(b"n", None), (b"e", b"")], ["null-header", "empty-header"]
    yield b"nameless header", b"v", [(b"", b"x")], ["nameless-header"]
    yield b"many headers", b"v", [(b"h%02d" % n, b"%d" % n) for n in range(50)], []
    yield b"long header", b"v", [(b"n" * 300, b"c" * 5000)], []
    yield None, None, [(b"only", b"headers")], []
    yield b"k" * 1000, b"v", [], []
    yield b"compressible", b"abcd" * 4096, [], []
    yield b"random", rng.randbytes(100_000), [], []
    for size in (1, 127, 128, 8191, 8192, 65_535, 65_536):
        yield b"size %d" % size, rng.randbytes(size), [], []


def canonical(rng):
    """Lines of canonical.tsv: the shapes dealt over the partitions, then random ones."""
    moments = [BASE_TIME, BASE_TIME, 1, BASE_TIME - 86_400_000, BASE_TIME + 5]
    shaped = list(shapes(rng))
    for number, (key, value, headers, tags) in enumerate(shaped):
        yield line(number % PARTITIONS, moments[number % len(moments)] + number, key, value, headers, tags)
    for number in range(30):
        key = rng.choice([None, b"", rng.randbytes(rng.randrange(1, 40))])
        value = rng.choice([None, b"", rng.randbytes(rng.randrange(1, 2000))])
        headers = [(b"r%d" % n, rng.randbytes(rng.randrange(1, 30))) for n in range(rng.randrange(3))]
        tags = ["binary-header"] if headers else []
        yield line(rng.randrange(PARTITIONS), BASE_TIME + rng.randrange(1_000_000), key, value, headers, tags)


def bulk(rng):
    """Lines of bulk.tsv: timestamps rise strictly, ten milliseconds apart, so that a time names one record."""
    for number in range(BULK):
        value = b"%d:" % number + bytes([97 + number % 26]) * rng.randrange(200)
        yield line(number % PARTITIONS, BASE_TIME + 10 * number, b"k%d" % number, value, [(b"n", b"%d" % number)])


def large(rng):
    """Lines of large.tsv."""
    yield line(0, BASE_TIME, b"text", b"0123456789abcdef" * (LARGE // 16))
    yield line(0, BASE_TIME + 1, b"noise", rng.randbytes(LARGE))
    yield line(1, BASE_TIME + 2, None, b"\0" * LARGE)


def write(directory, seed):
    """Write the three files of a seed into a directory."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, lines in (("canonical", canonical), ("bulk", bulk), ("large", large)):
        (directory / f"{name}.tsv").write_text("".join(lines(random.Random(f"{seed}/{name}"))))


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2])
